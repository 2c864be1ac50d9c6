"""Totals and the last failures on the status page, of all workers, including those that died."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.admin_client import Admin, administered, ask
from tests.helpers.raw_clients import BROWSER, linked_noise, open_request, read_head, request, rest_of
from tests.helpers.servers import eventually, fetch
from tornado_archiver import __version__

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
LINK = f"/archive/{ALBUM}/"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    linked_noise(tmp_path / "photos" / ALBUM, files=64, size=1024 * 1024)
    return tmp_path / "photos"


@pytest.fixture
def admin(photos: Path) -> Iterator[Admin]:
    with administered(photos, "--formats", "tar.gz", "--workers", "2", "--enable-logging") as admin:
        yield admin


def failures(admin: Admin, count: int) -> list[dict[str, Any]]:
    """Return the last failures, once there are so many."""
    assert eventually(lambda: len(admin.status()["failures"]) == count), admin.status()["failures"]
    found: list[dict[str, Any]] = admin.status()["failures"]
    return found


def request_id(head: bytes) -> str:
    return str(re.findall(rb"(?im)^X-Request-ID: (\S+)\r$", head)[0], "ascii")


@contextmanager
def away(directory: Path) -> Iterator[None]:
    moved = directory.rename(directory.parent / "away")
    yield
    moved.rename(directory)


def break_download(admin: Admin, photos: Path, link: str = LINK) -> str:
    """Have a download fail because a file of it is gone. Return its request id."""
    photo = photos / ALBUM / "0063.jpg"
    with open_request(admin.server, link) as client:
        head = read_head(client)
        assert client.recv(1), "the body has begun"  # the files are links of one, so that all change
        photo.rename(photos / "kept")
        with pytest.raises(ConnectionResetError):
            rest_of(client)
    (photos / "kept").rename(photo)
    return request_id(head)


def test_failure_of_a_running_download_is_listed_with_its_reference(admin: Admin, photos: Path) -> None:
    reference = break_download(admin, photos)
    (failure,) = failures(admin, 1)
    assert failure["id"] == reference
    assert failure["archive"] == "5f2c1e…"
    assert (failure["backend"], failure["reason"], failure["status"]) == (
        "stored-zip",
        "source changed",
        None,
    )
    assert 0 < failure["bytes_sent"] < failure["content_length"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", failure["time"])
    assert re.search(f"{reference} GET .*failed [(]source changed[)]", admin.server.log())


def test_failure_of_a_download_of_unknown_length_has_no_length(admin: Admin, photos: Path) -> None:
    break_download(admin, photos, f"{LINK}?format=tar.gz")
    (failure,) = failures(admin, 1)
    assert (failure["backend"], failure["content_length"]) == ("tar.gz", None)
    assert failure["bytes_sent"] > 0


def test_failure_before_the_headers_is_listed_with_its_status(admin: Admin, photos: Path) -> None:
    with away(photos), open_request(admin.server, LINK, headers="Connection: close\r\n") as client:
        reference = request_id(rest_of(client))
    (failure,) = failures(admin, 1)
    assert (failure["id"], failure["status"], failure["bytes_sent"]) == (reference, 503, 0)
    assert (failure["archive"], failure["reason"]) == ("5f2c1e…", "storage unavailable")


def test_downloads_of_a_killed_worker_are_listed(admin: Admin) -> None:
    with open_request(admin.server, LINK) as first, open_request(admin.server, LINK) as second:
        references = {request_id(read_head(client)) for client in (first, second)}
        assert eventually(lambda: all(download["bytes_sent"] for download in admin.status()["downloads"]))
        for worker in admin.server.workers:
            os.kill(worker.pid, signal.SIGKILL)
        found = failures(admin, 2)
    assert {failure["id"] for failure in found} == references
    assert {failure["reason"] for failure in found} == {"worker died"}
    assert all(0 < failure["bytes_sent"] < failure["content_length"] for failure in found)


def test_failures_and_totals_after_a_reload_are_kept(admin: Admin, photos: Path) -> None:
    fetch(admin.server.port, LINK)
    break_download(admin, photos)
    before = failures(admin, 1), admin.status()["totals"]
    old = {worker.pid for worker in admin.server.workers}
    admin.server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: len(new := {w.pid for w in admin.server.workers}) == 2 and not new & old)
    assert eventually(lambda: ask(admin.port, "/healthz")[0] == 200)
    assert (failures(admin, 1), admin.status()["totals"]) == before


def test_errors_of_clients_are_not_failures(photos: Path) -> None:
    with administered(photos, "--max-downloads", "1", "--queue-timeout", "0s") as admin:
        assert ask(admin.server.port, "/archive/nothing/")[0] == 404
        assert ask(admin.server.port, f"{LINK}?format=rar")[0] == 400
        with open_request(admin.server, LINK) as client:
            read_head(client)
            assert ask(admin.server.port, LINK)[0] == 503
        assert eventually(lambda: admin.status()["totals"]["ended"]["client_closed"] == 1)
        assert admin.status()["failures"] == []
        refused = admin.status()["totals"]["refused"]
    assert {reason: count for reason, count in refused.items() if count} == {
        "not found": 1,
        "bad request": 1,
        "too many downloads": 1,
    }


def test_totals_count_each_outcome_in_all_workers(admin: Admin, photos: Path) -> None:
    sent = sum(len(fetch(admin.server.port, f"{LINK}?format={name}")) for name in ("stored-zip", "tar.gz"))
    break_download(admin, photos)
    with open_request(admin.server, LINK) as client:
        read_head(client)
    expected = {"complete": 2, "failed": 1, "client_closed": 1, "send_timeout": 0, "shutdown": 0}
    assert eventually(lambda: admin.status()["totals"]["ended"] == expected), admin.status()["totals"]
    totals = admin.status()["totals"]
    assert {reason: count for reason, count in totals["failed"].items() if count} == {"source changed": 1}
    assert sent < totals["bytes_sent"] < 2 * sent


def test_status_page_shows_totals_failures_and_version(admin: Admin, photos: Path) -> None:
    assert "Last failures" not in admin.get("/status", BROWSER)[1]
    reference = break_download(admin, photos)
    failures(admin, 1)
    page = admin.get("/status", BROWSER)[1]
    assert f"<dt>Version</dt><dd>{__version__}</dd>" in page
    assert "<dt>Failed</dt><dd>1</dd>" in page
    assert "Failed: source changed 1</p>" in page
    assert f"<code>{reference}</code>" in page


def test_status_of_failures_names_no_full_hash_file_or_client_text(admin: Admin, photos: Path) -> None:
    break_download(admin, photos)
    with open_request(admin.server, "/healthz") as client:
        read_head(client)
        evil = "X-Request-ID: <script>alert(1)</script>\r\nConnection: close\r\n"
        with away(photos):
            client.sendall(request(LINK, headers=evil))
            rest_of(client)
    text = json.dumps(failures(admin, 2)) + admin.get("/status", BROWSER)[1]
    for secret in (ALBUM[7:], "0063", str(photos), "alert(1)"):
        assert secret not in text
