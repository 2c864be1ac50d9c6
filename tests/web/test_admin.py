"""The admin's address: what it answers, when, and that the public never gets any of it."""

import asyncio
import json
import os
import re
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import eventually, fetch, running_server
from tests.web.admin import Admin, administered, ask
from tests.web.visitors import BROWSER, knock, linked_noise, read_head, request, rest_of
from tornado_archiver import __version__
from tornado_archiver.errors import BackendError, BackendUnavailableError
from tornado_archiver.limits.scoreboard import Scoreboard, Slot
from tornado_archiver.telemetry import readiness
from tornado_archiver.telemetry.readiness import Readiness, SingleFlight
from tornado_archiver.telemetry.status import RateEstimator, format_bytes, format_duration

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


# Who gets what


def test_the_public_gets_none_of_it(admin: Admin) -> None:
    for path in ADMINS_OWN:
        assert ask(admin.server.port, path)[0] == 404
        assert admin.get(path)[0] == 200
    for port in (admin.server.port, admin.port):
        assert ask(port, "/healthz") == (200, "ok\n")


def test_the_admins_address_gives_no_archive(admin: Admin) -> None:
    assert admin.get(f"/archive/{ALBUM}/")[0] == 404
    first, status = (re.sub(r"\d+", "", admin.get(path)[1]) for path in ("/", "/status"))
    assert first == status, "but for the seconds that it runs"


def test_nobody_keeps_an_answer(admin: Admin) -> None:
    for path in (*ADMINS_OWN, "/healthz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{admin.port}{path}") as answer:
            assert answer.headers["Cache-Control"] == "no-store"


def test_looking_leaves_no_lines_in_the_log(admin: Admin) -> None:
    for path in ADMINS_OWN:
        admin.get(path)
    fetch(admin.server.port, "/")
    assert eventually(lambda: "GET / 200" in admin.server.log())
    assert not re.search("readyz|metric|status", admin.server.log())


def test_a_proxy_in_front_of_it_needs_no_trust(admin: Admin) -> None:
    asked = request("/healthz", headers="X-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n")
    with socket.create_connection(("127.0.0.1", admin.port)) as proxy:
        proxy.sendall(asked)
        assert rest_of(proxy).startswith(b"HTTP/1.1 200 ")
    assert "trusted" not in admin.server.log()


def test_it_is_off_unless_asked_for(photos: Path) -> None:
    with running_server(photos) as server:
        assert len(psutil.Process(server.process.pid).children()) == len(server.workers) == 1
        assert server.log().count("listening on") == 1


def test_it_answers_while_every_worker_hangs(admin: Admin) -> None:
    worker = admin.server.worker
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        assert [admin.get(path)[0] for path in ADMINS_OWN] == [200] * 4
    finally:
        os.kill(worker.pid, signal.SIGCONT)


# Ready


def test_it_is_not_ready_while_the_photos_are_away(admin: Admin, photos: Path) -> None:
    assert admin.get("/readyz") == (200, "ready\n")
    away = photos.rename(photos.parent / "away")
    problem = f"the photos directory {photos} cannot be read: No such file or directory\n"
    assert admin.get("/readyz") == (503, problem)
    away.rename(photos)
    assert admin.get("/readyz") == (200, "ready\n")


def test_it_is_not_ready_while_it_drains(photos: Path) -> None:
    with administered(photos, "--drain-timeout", "30s") as admin:
        with knock(admin.server, f"/archive/{ALBUM}/") as visitor:
            read_head(visitor)
            admin.server.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: admin.get("/readyz")[0] == 503)
            assert admin.get("/readyz")[1] == "draining: the service is about to stop\n"
            assert admin.status()["draining"] is True
            assert ">Stopping<" in admin.get("/status", BROWSER)[1]
            assert admin.get("/healthz")[0] == 200
        assert admin.server.process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (BackendUnavailableError("install it"), "install it"),
        (BackendError("it ended with 1"), "it ended with 1"),
        (ZeroDivisionError("a plugin's"), 'ZeroDivisionError("a plugin\'s")'),
        (TimeoutError(), "TimeoutError()"),
        (SystemExit(3), "SystemExit(3)"),
    ],
)
def test_without_a_worker_or_a_program_it_is_not_ready(
    tmp_path: Path, trouble: BaseException, problem: str
) -> None:
    class Broken:
        name = "broken"

        async def check(self) -> None:
            raise trouble

    looked = Readiness(tmp_path, [Broken()], Scoreboard())  # type: ignore[list-item]
    assert asyncio.run(looked.problems()) == ["no worker is running", f"backend broken: {problem}"]


def test_a_mount_that_hangs_is_told_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, scoreboard = threading.Event(), Scoreboard()
    scoreboard.workers.register()
    monkeypatch.setattr(readiness, "_root_problem", lambda _: gate.wait() and "")
    monkeypatch.setattr(readiness, "TIMEOUT_S", 0.2)
    looked = Readiness(tmp_path, [], scoreboard)

    async def ask_often() -> list[list[str]]:
        threads = set(threading.enumerate())  # of which some may end meanwhile
        hanging = await asyncio.gather(*(looked.problems() for _ in range(20)))
        hanging.append(await looked.problems())
        assert len(set(threading.enumerate()) - threads) == 1, "they wait for the same one"
        gate.set()
        monkeypatch.setattr(readiness, "TIMEOUT_S", 60)  # a busy machine takes its time to wake a thread
        return [*hanging, await looked.problems()]

    *hanging, last = asyncio.run(ask_often())
    assert hanging == [["the photos directory does not answer within 0.2 s"]] * 21
    assert last == []


def test_single_flight_raises_what_its_function_does() -> None:
    async def ask_twice() -> None:
        call = SingleFlight(lambda: str(1 // 0))
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await call.call()

    asyncio.run(ask_twice())


# Status


def test_the_status_tells_of_each_download(admin: Admin) -> None:
    path = f"/archive/{ALBUM}/"
    with knock(admin.server, path) as whole, knock(admin.server, f"{path}?format=tar.gz") as packed:
        for visitor in (whole, packed):
            head = read_head(visitor)
        with knock(admin.server, "/healthz") as part:
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


def test_the_page_shows_what_somebody_sent_as_text(admin: Admin) -> None:
    """A Range is anybody's text."""
    with knock(admin.server, "/healthz") as visitor:
        read_head(visitor)
        visitor.sendall(request(f"/archive/{ALBUM}/", headers="Range: bytes=5- \r\n"))
        read_head(visitor)
        page = admin.get("/status", BROWSER)[1]
    assert "resumed: bytes=5-" in page
    assert "5f2c1e…" in page
    assert ALBUM[6:] not in page


def slot(sent: int, started_at: float = 100.0) -> Slot:
    return Slot(1, 1, True, started_at, sent)


def test_rate_is_that_of_the_last_seconds() -> None:
    rates = RateEstimator()
    assert rates.update([slot(1000)], 110) == [100]  # since its beginning
    assert rates.update([slot(1000)], 111) == [pytest.approx(1000 / 11)]  # one second says too little
    assert rates.update([slot(3000)], 115) == [400]
    assert rates.update([slot(3000)], 119) == [pytest.approx(2000 / 9)]
    assert rates.update([slot(9000)], 125) == [600]  # what is older than ten seconds has been forgotten


def test_rate_of_a_slot_that_is_used_again_is_of_the_new_download() -> None:
    rates = RateEstimator()
    rates.update([slot(10**6)], 110)
    assert rates.update([slot(50, started_at=114)], 115) == [50]
    assert rates.update([], 116) == []
    assert rates.update([slot(0, started_at=120)], 120) == [0]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (10**15, "1.0 PB"),
        (999.6, "1.0 kB"),
        (10**19, "10000.0 PB"),
    ],
)
def test_format_bytes_has_a_unit(count: float, shown: str) -> None:
    assert format_bytes(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.5, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (356_400, "4 d 3 h"),
    ],
)
def test_format_duration_has_two_units(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown
