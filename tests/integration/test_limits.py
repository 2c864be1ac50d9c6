"""Limits of one client and of all, with real processes and curl."""

import email
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.helpers.raw_clients import (
    BROKEN_OFF,
    BROWSER,
    Answer,
    linked_noise,
    open_request,
    parsed,
    read_head,
    rest_of,
    stalled_curl,
    zips_of,
)
from tests.helpers.servers import Server, contents, contents_of_zip, eventually, fetch, running_server, tool

MIB = 1024 * 1024
LINK, SMALL = "/archive/album/", "/archive/small/"
AT_ONCE = ("--queue-timeout", "0")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Much more than buffers hold, and next to nothing."""
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=64, size=MIB)
    linked_noise(root / "small", files=3, size=100_000)
    return root


def asked(server: Server, path: str, headers: str = "", method: str = "GET") -> Answer:
    """Return the response to a request on a new connection."""
    with open_request(server, path, headers=headers + "Connection: close\r\n", method=method) as client:
        return parsed(rest_of(client))


def stalled(holders: ExitStack, server: Server, count: int = 1, headers: str = "") -> None:
    """Open downloads that hold a slot each and do not read on."""
    for _ in range(count):
        read_head(holders.enter_context(open_request(server, LINK, headers=headers)))


def via(client: str) -> str:
    """Return the header of a proxy on this host with the address of its client."""
    return f"X-Forwarded-For: {client}\r\n"


# ---- how many


def test_download_above_the_limit_returns_503(photos: Path) -> None:
    options = ("--max-downloads", "2", "--enable-logging", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server, 2)
        answer = asked(server, SMALL, f"Accept: {BROWSER}\r\n")
        assert answer.status == 503
        assert "Retry-After: 30" in answer.headers
        assert b"Too many downloads" in answer.body
        assert b"<html" in answer.body
        assert eventually(lambda: "503" in server.log() and "refused (too many downloads)" in server.log())
        assert asked(server, "/").status == 200, "only archives are counted"


def test_queued_download_gets_the_next_slot(photos: Path) -> None:
    options = ("--max-downloads", "1", "--queue-timeout", "1m")
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server)
        with open_request(server, SMALL, headers="Connection: close\r\n") as waiting:
            waiting.settimeout(0.5)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            holders.close()
            waiting.settimeout(60)
            assert parsed(rest_of(waiting)).status == 200


def test_queued_download_has_the_files_of_the_time_when_it_starts(photos: Path, tmp_path: Path) -> None:
    """An album that changes while its download waits would be aborted at the first changed file."""
    album = photos / "growing"
    linked_noise(album, files=2, size=1000)
    options = ("--max-downloads", "1", "--queue-timeout", "1m", "--enable-logging")
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server)
        with open_request(server, "/archive/growing/", headers="Connection: close\r\n") as waiting:
            time.sleep(0.5)
            (album / "0000.jpg").unlink()
            (album / "new.jpg").write_bytes(b"uploaded while the download was waiting")
            holders.close()
            answer = parsed(rest_of(waiting))
    (tmp_path / "growing.zip").write_bytes(answer.body)
    assert contents_of_zip(tmp_path / "growing.zip") == contents(album)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/archive/unknown/", "", 404),
        ("HEAD", "/archive/unknown/", "", 404),
        ("GET", SMALL + "?file=unknown.jpg", "", 404),
        ("GET", LINK, "", 413),
        ("GET", SMALL + "?format=nonsense", "", 400),
        ("HEAD", SMALL, "", 200),
        ("GET", SMALL + "?info", "", 200),
        ("GET", SMALL, "If-None-Match: *\r\n", 304),
        ("GET", SMALL, 'If-Match: "other"\r\n', 412),
        ("GET", SMALL, "Range: bytes=9999999-\r\n", 416),
        ("GET", SMALL, "", 503),
    ],
)
def test_request_without_a_download_does_not_wait_for_a_slot(
    full_server: Server, method: str, path: str, headers: str, status: int
) -> None:
    assert asked(full_server, path, headers, method).status == status


@pytest.fixture(scope="module")
def full_server(photos: Path) -> Iterator[Server]:
    """A server without a free slot, for a client or at all, whose queue would take longer than the test."""
    linked_noise(photos / "full", files=8, size=4 * MIB)
    options = ("--max-downloads", "1", "--max-downloads-per-client", "1", "--max-entries", "63", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        read_head(holders.enter_context(open_request(server, "/archive/full/")))
        yield server


def test_heads_of_one_client_are_not_limited(photos: Path) -> None:
    """A content management system asks for the sizes of all albums on a page at once."""
    options = ("--max-downloads-per-client", "2", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as clients:
        asked_for = [clients.enter_context(open_request(server, SMALL, method="HEAD")) for _ in range(80)]
        assert {read_head(client).split()[1] for client in asked_for} == {b"200"}


def test_queue_timeout_returns_503(photos: Path) -> None:
    options = ("--max-downloads", "1", "--queue-timeout", "300ms")
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server)
        began = time.monotonic()
        assert asked(server, SMALL).status == 503
        assert time.monotonic() - began > 0.2


def test_queued_download_has_a_date_after_last_modified(photos: Path) -> None:
    options = ("--max-downloads", "1", "--queue-timeout", "1m")
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server)
        with open_request(server, SMALL) as waiting:
            time.sleep(1.1)  # the change is in another second than the request
            os.utime(photos / "small" / "0000.jpg")
            holders.close()
            head = email.message_from_bytes(read_head(waiting).partition(b"\r\n")[2])
    assert parsedate_to_datetime(head["Last-Modified"]) <= parsedate_to_datetime(head["Date"])


def test_client_that_disconnects_leaves_the_queue(photos: Path) -> None:
    options = ("--max-downloads", "1", "--queue-timeout", "1m", "--enable-logging")
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server)
        open_request(server, SMALL).close()
        assert eventually(lambda: "client_closed" in server.log())
        with open_request(server, SMALL, headers="Connection: close\r\n") as waiting:
            holders.close()
            assert parsed(rest_of(waiting)).status == 200


@pytest.mark.parametrize("path", [LINK, "/archive/unknown/", LINK + "?format=nonsense"])
def test_every_slot_is_released(photos: Path, path: str) -> None:
    options = ("--max-downloads", "1", "--queue-timeout", "1m")
    with running_server(photos, *options) as server:
        for method in ("HEAD", "GET", "GET"):
            with open_request(server, path, method=method) as client:
                read_head(client)
        assert asked(server, SMALL).status == 200


def test_limit_per_client_does_not_affect_other_clients(photos: Path) -> None:
    options = ("--max-downloads-per-client", "2", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server, 2, via("192.0.2.1"))
        assert asked(server, SMALL, via("192.0.2.1")).status == 503
        assert asked(server, SMALL, via("203.0.113.1, 192.0.2.1")).status == 503, (
            "because only the last address is trusted"
        )
        assert asked(server, SMALL, via("192.0.2.2")).status == 200
        assert asked(server, SMALL).status == 200


def test_limits_apply_to_all_workers_and_survive_their_exit(photos: Path) -> None:
    options = ("--workers", "3", "--max-downloads", "2", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server, 2)
        assert {asked(server, SMALL).status for _ in range(12)} == {503}
        for worker in server.workers:
            worker.kill()
        assert eventually(lambda: asked(server, SMALL).status == 200, timeout_s=20)


# ---- how fast


@pytest.mark.parametrize("limit", ["--rate-limit", "--total-rate-limit"])
@pytest.mark.parametrize("backend", ["stored-zip", "tar.gz"])
def test_throttled_download_is_slow_and_complete(photos: Path, backend: str, limit: str) -> None:
    with running_server(photos, "--formats", backend, limit, "200kB") as server:
        began = time.monotonic()
        path = f"{SMALL}?format={backend}"
        assert len(fetch(server.port, path)) > 300_000
        assert time.monotonic() - began > 1
        if backend == "stored-zip":
            Path(photos.parent / "limited.zip").write_bytes(fetch(server.port, path))
            assert contents_of_zip(photos.parent / "limited.zip") == contents(photos / "small")


# ---- how much


@pytest.mark.parametrize("limit", [("--max-entries", "2"), ("--max-bytes", "299999")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_archive_above_the_size_limit_returns_413(photos: Path, limit: tuple[str, str], method: str) -> None:
    with running_server(photos, *limit) as server:
        answer = asked(server, SMALL, method=method)
        assert answer.status == 413
        assert method == "HEAD" or b"too large" in answer.body
        assert f"({limit[0].removeprefix('--')})" in server.log(), "the log names the limit"


@pytest.mark.parametrize("limit", [("--max-entries", "3"), ("--max-bytes", "300000")])
def test_archive_at_the_size_limit_is_packed(photos: Path, limit: tuple[str, str]) -> None:
    with running_server(photos, *limit) as server:
        assert asked(server, SMALL).status == 200


# ---- how long


@pytest.mark.parametrize("backend", ["stored-zip", "tar.gz"])
def test_stalled_client_is_aborted(photos: Path, backend: str) -> None:
    options = ("--stall-timeout", "2s", "--enable-logging", "--formats", backend)
    with running_server(photos, *options) as server:
        command = [tool("curl"), "-sS", "--noproxy", "*", "-o", "-", server.url(f"{LINK}?format={backend}")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            assert eventually(lambda: " send_timeout" in server.log(), timeout_s=30)
            client.communicate()
        assert client.returncode in BROKEN_OFF
        assert re.search(r" 200 \d+ .*bytes [\d.]+ s send_timeout", server.log())


def test_slow_client_is_not_aborted(photos: Path) -> None:
    with (
        running_server(photos, "--stall-timeout", "4s", "--enable-logging") as server,
        open_request(server, LINK) as client,
    ):
        read_head(client)
        for _ in range(30):
            time.sleep(0.2)
            assert client.recv(100_000)
        assert "send_timeout" not in server.log()


def test_stalled_subprocess_is_aborted(photos: Path) -> None:
    options = ("--backend", "zip", "--stall-timeout", "4s", "--enable-logging")
    with running_server(photos, *options) as server, stalled_curl(server, LINK) as client:
        (program,) = zips_of(server)
        program.send_signal(signal.SIGSTOP)
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
        assert eventually(lambda: "failed (backend error)" in server.log())
        assert eventually(lambda: not program.is_running())


@pytest.mark.parametrize("backend", ["stored-zip", "tar.gz"])
def test_client_of_slow_source_is_not_aborted(photos: Path, backend: str) -> None:
    slowly = {"ENABLE_RESPONSE_DELAY": "1", "RESPONSE_DELAY": "2.5"}
    with running_server(photos, "--stall-timeout", "1s", "--backend", backend, env=slowly) as server:
        assert asked(server, SMALL).status == 200
