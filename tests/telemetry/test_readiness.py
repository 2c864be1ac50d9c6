"""The problems that the readiness probe finds, even while a check hangs."""

import asyncio
import threading
from pathlib import Path

import pytest

from tornado_archiver.errors import BackendError, BackendUnavailableError
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.telemetry import readiness
from tornado_archiver.telemetry.readiness import Readiness


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
def test_problems_without_a_worker_and_a_backend_name_both(
    tmp_path: Path, trouble: BaseException, problem: str
) -> None:
    class Broken:
        name = "broken"

        async def check(self) -> None:
            raise trouble

    looked = Readiness(tmp_path, [Broken()], Scoreboard())  # type: ignore[list-item]
    assert asyncio.run(looked.problems()) == ["no worker is running", f"backend broken: {problem}"]


def test_problems_while_a_mount_hangs_come_in_time_from_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert hanging == [["the photos directory does not respond within 0.2 s"]] * 21
    assert last == []
