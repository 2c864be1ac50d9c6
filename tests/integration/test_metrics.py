"""The metrics for Prometheus: exact counts over all workers, those that died included."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.openmetrics import parser as openmetrics

from tests.helpers.admin_client import Admin, administered, ask
from tests.helpers.raw_clients import (
    BROKEN_OFF,
    linked_noise,
    open_request,
    read_head,
    request,
    rest_of,
    stalled_curl,
)
from tests.helpers.servers import PROJECT, eventually, fetch, tool
from tornado_archiver import __version__

BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
PLANNED = ("stored-zip", "tar")
PAGE = PROJECT / "docs" / "monitoring.md"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    tool("zip")
    linked_noise(tmp_path / "photos" / "album", files=64, size=1024 * 1024)
    return tmp_path / "photos"


@pytest.fixture
def admin(photos: Path) -> Iterator[Admin]:
    with administered(photos, "--formats", ",".join(BACKENDS)) as admin:
        yield admin


def ended(admin: Admin, backend: str) -> dict[tuple[str, str], float]:
    """Return how many downloads ended, by outcome and reason, without the counts of 0."""
    return {
        labels[2:]: count  # type: ignore[misc]
        for labels, count in admin.samples().items()
        if labels[:2] == ("archiver_downloads_ended_total", backend) and count
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_metrics_after_downloads_of_each_outcome_count_them(admin: Admin, photos: Path, backend: str) -> None:
    server, path = admin.server, f"/archive/album/?format={backend}"
    whole = [len(fetch(server.port, path)) for _ in range(2)]
    assert eventually(lambda: admin.count("sent_bytes_total", backend) == sum(whole))
    assert ask(server.port, f"/archive/nothing/?format={backend}")[0] == 404
    assert ask(server.port, "/archive/album/?format=rar")[0] == 400
    with open_request(server, path) as client:
        read_head(client)
    with stalled_curl(server, path) as client:
        (photos / "album" / "0063.jpg").unlink()
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
    expected = {("complete", ""): 2, ("client_closed", ""): 1, ("failed", "source changed"): 1}
    assert eventually(lambda: ended(admin, backend) == expected), ended(admin, backend)
    found = admin.samples()
    assert found["archiver_downloads_started_total", backend] == 4
    assert found["archiver_requests_refused_total", "not found"] == 1
    assert found["archiver_requests_refused_total", "bad request"] == 1
    assert sum(whole) < found["archiver_sent_bytes_total", backend] < 4 * max(whole)
    assert found["archiver_download_duration_seconds_count", backend] == 4
    assert found["archiver_download_duration_seconds_bucket", backend, "+Inf"] == 4
    assert 0 < found["archiver_download_duration_seconds_sum", backend] < 4 * 60
    assert 2 <= found["archiver_time_to_first_byte_seconds_count", backend] <= 4
    assert admin.count("downloads_running") == admin.count("downloads_queued") == 0
    assert sum(found["archiver_downloads_started_total", name] for name in BACKENDS) == 4


def test_refusal_of_an_old_protocol_is_counted_and_logged(photos: Path) -> None:
    with administered(photos, "--backend", "tar.gz", "--enable-logging") as admin:
        with open_request(
            admin.server, "/archive/album/", headers="Via: 1.0 x\r\nConnection: close\r\n"
        ) as client:
            assert rest_of(client).startswith(b"HTTP/1.1 505 ")
        assert eventually(lambda: admin.count("requests_refused_total", "old protocol") == 1)
        assert eventually(lambda: "refused (old protocol)" in admin.server.log())
        assert " ERROR " not in admin.server.log()


@pytest.mark.parametrize("backend", PLANNED)
def test_range_request_is_counted_as_one(admin: Admin, backend: str) -> None:
    headers = "Connection: close\r\nRange: bytes=1000-1999\r\n"
    with open_request(admin.server, "/healthz") as client:
        client.sendall(request(f"/archive/album/?format={backend}", headers=headers))
        assert b" 206 Partial" in rest_of(client)
    assert eventually(lambda: ended(admin, backend) == {("complete", ""): 1})
    assert admin.count("range_requests_total", backend) == 1
    assert admin.count("sent_bytes_total", backend) == 1000


def test_pages_and_head_requests_do_not_count_as_downloads(admin: Admin) -> None:
    assert ask(admin.server.port, "/")[0] == 200
    with open_request(admin.server, "/healthz") as client:
        client.sendall(request("/archive/album/", method="HEAD", headers="Connection: close\r\n"))
        assert b"Content-Length: 67" in rest_of(client)
    assert not any(ended(admin, backend) for backend in BACKENDS)
    assert admin.count("downloads_started_total", "stored-zip") == 0


def test_running_download_is_in_the_metrics_at_once(admin: Admin) -> None:
    with open_request(admin.server, "/archive/album/") as client:
        read_head(client)
        assert admin.count("downloads_running") == 1
        assert admin.count("downloads_started_total", "stored-zip") == 1
        client.recv(16 * 1024 * 1024)
        assert eventually(lambda: admin.count("sent_bytes_total", "stored-zip") > 0), "it is counted live"
        assert not ended(admin, "stored-zip")
    assert eventually(lambda: admin.count("downloads_running") == 0)


def test_crc_cache_hits_and_misses_are_counted(admin: Admin) -> None:
    for _ in range(2):
        fetch(admin.server.port, "/archive/album/")
    # 64 names of one file: its checksum is found out once
    assert eventually(lambda: admin.count("crc_cache_hits_total") == 127)
    assert admin.count("crc_cache_misses_total") == 1
    assert admin.count("crc_cache_entries") == 1


def test_downloads_are_counted_by_worker(photos: Path) -> None:
    with administered(photos, "--workers", "2", "--max-downloads", "1") as admin:
        assert eventually(lambda: admin.count("workers") == 2)
        with open_request(admin.server, "/archive/album/") as first:
            read_head(first)
            with open_request(admin.server, "/archive/album/"):
                assert eventually(lambda: admin.count("downloads_queued") == 1)
                for state in ("running", "queued"):
                    counts = [
                        admin.count("worker_downloads", str(worker.pid), state)
                        for worker in admin.server.workers
                    ]
                    assert sorted(counts) == [0, 1]


def test_queued_download_is_counted(photos: Path) -> None:
    with administered(photos, "--max-downloads", "1") as admin:
        assert admin.count("downloads_limit") == 1
        with open_request(admin.server, "/archive/album/") as first:
            read_head(first)
            with open_request(admin.server, "/archive/album/"):
                assert eventually(lambda: admin.count("downloads_queued") == 1)
                assert admin.count("downloads_running") == 1
        assert eventually(lambda: admin.count("downloads_running") == 0)


# Several workers


def test_metrics_after_the_death_of_all_workers_are_kept(photos: Path) -> None:
    with administered(photos, "--workers", "3") as admin:
        server = admin.server
        assert eventually(lambda: admin.count("workers") == 3)
        for _ in range(5):
            fetch(server.port, "/archive/album/")
        # the last byte comes a moment before the download is counted, in which its worker must not die
        assert eventually(lambda: ended(admin, "stored-zip") == {("complete", ""): 5})
        with open_request(server, "/archive/album/") as client:
            read_head(client)
            assert eventually(lambda: admin.count("downloads_running") == 1)
            before = admin.samples()
            for worker in server.workers:
                os.kill(worker.pid, signal.SIGKILL)
            assert eventually(lambda: admin.count("downloads_running") == 0)
        assert_none_decreased(before, admin.samples())
        assert ended(admin, "stored-zip") == {("complete", ""): 5, ("failed", "worker died"): 1}
        assert eventually(lambda: admin.count("workers") == 3)
        fetch(server.port, "/archive/album/")
        assert eventually(lambda: ended(admin, "stored-zip")["complete", ""] == 6)
        assert admin.count("downloads_started_total", "stored-zip") == 7


def assert_none_decreased(before: dict[tuple[str, ...], float], after: dict[tuple[str, ...], float]) -> None:
    counts = [name for name in before if re.search("_(total|bucket|count|sum)$", name[0])]
    assert len(counts) > 20
    assert not [name for name in counts if after[name] < before[name]]


def test_metrics_after_a_reload_are_kept(photos: Path) -> None:
    with administered(photos, "--workers", "2") as admin:
        fetch(admin.server.port, "/archive/album/")
        assert eventually(lambda: ended(admin, "stored-zip") == {("complete", ""): 1})
        old = started(admin)
        admin.server.process.send_signal(signal.SIGHUP)
        # the admin's as well: while one takes over from another, a connection may be reset
        assert eventually(lambda: len(found := started(admin)) == 3 and not found & old)
        assert ended(admin, "stored-zip") == {("complete", ""): 1}
        assert eventually(lambda: admin.count("workers") == 2)


def started(admin: Admin) -> set[int]:
    """Return the pids of the workers and of the admin process."""
    return {child.pid for child in psutil.Process(admin.server.process.pid).children()}


# The page


def test_page_in_openmetrics_is_sent_to_clients_that_accept_it(admin: Admin) -> None:
    _, text = admin.get("/metrics", "application/openmetrics-text; version=1.0.0")
    names = {family.name for family in openmetrics.text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert "archiver_downloads_started" in names


def test_build_info_has_the_version(admin: Admin) -> None:
    assert admin.count("build_info", __version__) == 1


def test_page_for_a_malformed_version_is_plain_text(admin: Admin) -> None:
    status, text = admin.get("/metrics", "application/openmetrics-text;version=x;escaping=\xff,;;q=,=")
    assert (status, text) == admin.get("/metrics")


def test_page_does_not_name_directories_or_clients(admin: Admin) -> None:
    fetch(admin.server.port, "/archive/album/")
    text = admin.get("/metrics")[1]
    assert not re.search(r"album|127\.0\.0\.1|jpg", text)


def test_documentation_lists_every_metric(admin: Admin) -> None:
    text = admin.get("/metrics")[1]
    served = set(re.findall(r"^# HELP (\S+)", text, re.MULTILINE))
    listed = set(re.findall(r"^\| `(archiver_\w+)`", PAGE.read_text("utf-8"), re.MULTILINE))
    assert listed == served


def rules() -> str:
    (block,) = re.findall(r"^```yaml\n(groups:.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return str(block)


def test_documented_alerts_use_existing_metrics(admin: Admin) -> None:
    served = {name for name, *_ in admin.samples()}
    named = set(re.findall(r"archiver_\w+", rules()))
    assert named
    assert named <= served


@pytest.fixture
def promtool() -> str:
    return tool("promtool")


def test_documented_alerts_pass_promtool(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules(), "utf-8")
    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_page_passes_promtool(promtool: str, admin: Admin) -> None:
    fetch(admin.server.port, "/archive/album/")
    page = admin.get("/metrics")[1]
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
