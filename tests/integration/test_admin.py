"""The admin address: its pages, and that the public address does not have them."""

import json
import os
import re
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.helpers.admin_client import Admin, administered, ask
from tests.helpers.raw_clients import BROWSER, linked_noise, open_request, read_head, request, rest_of
from tests.helpers.servers import eventually, fetch, running_server
from tornado_archiver import __version__

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
LENGTH = 64 * 1024 * 1024
ADMINS_OWN = ("/readyz", "/metrics", "/status", "/status.json")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    linked_noise(tmp_path / "photos" / ALBUM, files=64, size=1024 * 1024)
    return tmp_path / "photos"


@pytest.fixture
def admin(photos: Path) -> Iterator[Admin]:
    with administered(photos, "--formats", "tar.gz", "--enable-logging") as admin:
        yield admin


# Public and admin addresses


def test_admin_pages_on_the_public_address_are_not_found(admin: Admin) -> None:
    for path in ADMINS_OWN:
        assert ask(admin.server.port, path)[0] == 404
        assert admin.get(path)[0] == 200
    for port in (admin.server.port, admin.port):
        assert ask(port, "/healthz") == (200, "ok\n")


def test_archive_on_the_admin_address_is_not_found(admin: Admin) -> None:
    assert admin.get(f"/archive/{ALBUM}/")[0] == 404
    first, status = (re.sub(r"\d+", "", admin.get(path)[1]) for path in ("/", "/status"))
    assert first == status, "but for the seconds that it runs"


def test_admin_pages_are_not_cached(admin: Admin) -> None:
    for path in (*ADMINS_OWN, "/healthz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{admin.port}{path}") as answer:
            assert answer.headers["Cache-Control"] == "no-store"


def test_admin_requests_are_not_logged(admin: Admin) -> None:
    for path in ADMINS_OWN:
        admin.get(path)
    fetch(admin.server.port, "/")
    assert eventually(lambda: "GET / 200" in admin.server.log())
    assert not re.search("readyz|metric|status", admin.server.log())


def test_proxy_of_the_admin_address_is_not_warned_about(admin: Admin) -> None:
    asked = request("/healthz", headers="X-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n")
    with socket.create_connection(("127.0.0.1", admin.port)) as proxy:
        proxy.sendall(asked)
        assert rest_of(proxy).startswith(b"HTTP/1.1 200 ")
    assert "trusted" not in admin.server.log()


def test_admin_process_without_a_port_is_not_started(photos: Path) -> None:
    with running_server(photos) as server:
        assert len(psutil.Process(server.process.pid).children()) == len(server.workers) == 1
        assert server.log().count("listening on") == 1


def test_admin_pages_while_every_worker_hangs_are_sent(admin: Admin) -> None:
    worker = admin.server.worker
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        assert [admin.get(path)[0] for path in ADMINS_OWN] == [200] * 4
    finally:
        os.kill(worker.pid, signal.SIGCONT)


# Readiness


def test_readiness_without_the_photos_directory_is_503(admin: Admin, photos: Path) -> None:
    assert admin.get("/readyz") == (200, "ready\n")
    away = photos.rename(photos.parent / "away")
    problem = f"the photos directory {photos} cannot be read: No such file or directory\n"
    assert admin.get("/readyz") == (503, problem)
    away.rename(photos)
    assert admin.get("/readyz") == (200, "ready\n")


def test_readiness_while_draining_is_503(photos: Path) -> None:
    with administered(photos, "--drain-timeout", "30s") as admin:
        with open_request(admin.server, f"/archive/{ALBUM}/") as client:
            read_head(client)
            admin.server.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: admin.get("/readyz")[0] == 503)
            assert admin.get("/readyz")[1] == "draining: the service is shutting down\n"
            assert admin.status()["draining"] is True
            assert ">Stopping<" in admin.get("/status", BROWSER)[1]
            assert admin.get("/healthz")[0] == 200
        assert admin.server.process.wait(timeout=10) == 0


# Status


def test_status_lists_each_download(admin: Admin) -> None:
    path = f"/archive/{ALBUM}/"
    with (
        open_request(admin.server, path) as whole,
        open_request(admin.server, f"{path}?format=tar.gz") as packed,
    ):
        for client in (whole, packed):
            head = read_head(client)
        with open_request(admin.server, "/healthz") as part:
            read_head(part)
            part.sendall(request(path, headers="Range: bytes=100-\r\nX-Request-ID: mine\r\n"))
            read_head(part)
            # bytes are counted once a second, which may be in the first moment of the last of them
            assert eventually(
                lambda: all(d["bytes_sent"] and d["seconds"] for d in admin.status()["downloads"])
            )
            status = admin.status()
    assert head.startswith(b"HTTP/1.1 200")
    assert (status["running"], status["queued"], status["workers"]) == (3, 0, 1)
    assert (status["max_downloads"], status["max_downloads_per_client"]) == (1000, 32)
    assert 0 < status["uptime_s"] < 60
    assert status["version"] == __version__
    by_kind = {(d["backend"], d["range"]): d for d in status["downloads"]}
    assert set(by_kind) == {("stored-zip", ""), ("tar.gz", ""), ("stored-zip", "bytes=100-")}
    for download in by_kind.values():
        assert download["archive"] == "5f2c1e…"
        assert download["client"] == "127.0.0.1"
        assert download["running"]
        assert 0 < download["seconds"] < 60
        assert download["bytes_per_s"] > 0
    assert by_kind["stored-zip", "bytes=100-"]["id"] == "mine"
    assert by_kind["stored-zip", ""]["bytes_sent"] < by_kind["stored-zip", ""]["content_length"]
    assert by_kind["stored-zip", ""]["eta_s"] > 0
    assert by_kind["tar.gz", ""]["content_length"] is by_kind["tar.gz", ""]["eta_s"] is None
    assert ALBUM[6:] not in json.dumps(status)
    assert eventually(lambda: admin.status()["downloads"] == [])


def test_status_page_escapes_values_of_clients(admin: Admin) -> None:
    """Any client can send any text as Range."""
    with open_request(admin.server, "/healthz") as client:
        read_head(client)
        client.sendall(request(f"/archive/{ALBUM}/", headers="Range: bytes=5- \r\n"))
        read_head(client)
        page = admin.get("/status", BROWSER)[1]
    assert "resumed: bytes=5-" in page
    assert "5f2c1e…" in page
    assert ALBUM[6:] not in page
