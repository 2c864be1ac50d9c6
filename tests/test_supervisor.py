"""What happens to the processes of a service, and what its visitors notice of it."""

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from tests.servers import Server, eventually, fetch, running_server, tool
from tests.web.visitors import BROKEN_OFF, knock, linked_noise, read_head, stalled_curl, tree_of
from tornado_archiver.server import supervisor
from tornado_archiver.server.supervisor import Generation, ProcessSpec, Supervisor

# The supervisor has no use for the threads of the test run
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

LINK = "/archive/album/"
BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
IGNORES_CHILDREN = (
    "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB: more than the buffers on the way hold."""
    tool("zip")
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=64, size=1024 * 1024)
    return root


@pytest.fixture
def server(photos: Path) -> Iterator[Server]:
    with running_server(photos, "--formats", ",".join(BACKENDS)) as server:
        yield server


def have_ended(processes: list[psutil.Process]) -> bool:
    return all(has_ended(process) for process in processes)


def has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == "zombie"
    except psutil.NoSuchProcess:
        return True


# A worker that dies


def test_a_killed_worker_is_replaced_and_nobody_is_refused(server: Server) -> None:
    with stalled_curl(server, LINK) as visitor:
        killed = server.worker
        killed.kill()
        whole = fetch(server.port, LINK)
        assert len(whole) > 64 * 1024 * 1024
        visitor.communicate(timeout=60)
        assert visitor.returncode in BROKEN_OFF
    assert server.worker.pid != killed.pid
    (line,) = [line for line in server.log().splitlines() if "killed" in line]
    assert f" ERROR worker {killed.pid} was killed by SIGKILL; another one starts " in line


def test_one_that_dies_young_is_replaced_after_a_pause(server: Server) -> None:
    def two_have_died_young() -> bool:
        """One that is found late on a busy machine is no longer young, so it may take some more."""
        for worker in server.workers:
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        return server.log().count("was killed by SIGKILL; another one starts in 1 s\n") >= 2

    assert eventually(two_have_died_young, timeout_s=60)
    assert fetch(server.port, "/")


def test_each_of_several_workers_is_replaced(photos: Path) -> None:
    with running_server(photos, "--workers", "3") as server:
        assert eventually(lambda: len(server.workers) == 3)
        first = server.workers
        first[0].kill()
        first[2].terminate()
        assert eventually(lambda: {first[0], first[2]}.isdisjoint(server.workers))
        assert eventually(lambda: len(server.workers) == 3)
        assert first[1] in server.workers


def test_several_workers_share_the_visitors(photos: Path) -> None:
    """Downloads that come in a burst and last: each worker has a fair share of them."""
    options = ("--workers", "4", "--max-downloads-per-client", "0")
    with running_server(photos, *options) as server:
        assert eventually(lambda: len(server.workers) == 4)
        # whom a busy machine gives no time gets few of one burst, but not of each
        assert any(min(shares_of_a_burst(server)) >= 80 / 4 / 2 for _ in range(5))


def shares_of_a_burst(server: Server) -> list[int]:
    assert eventually(lambda: not any(held_by_each(server)), timeout_s=60)
    with ExitStack() as visitors:
        crowd = [visitors.enter_context(knock(server, LINK)) for _ in range(80)]
        for visitor in crowd:
            read_head(visitor)
        shares = held_by_each(server)
    assert sum(shares) == 80
    return shares


def held_by_each(server: Server) -> list[int]:
    """How many visitors each worker has: its connections without the one that it listens on."""
    return [len(worker.net_connections()) - 1 for worker in server.workers]


def test_a_starter_that_ignores_its_children_changes_nothing(photos: Path) -> None:
    with running_server(photos, launcher=(sys.executable, "-c", IGNORES_CHILDREN)) as server:
        killed = server.worker
        killed.kill()
        assert fetch(server.port, "/")
        assert eventually(lambda: f"worker {killed.pid} was killed by SIGKILL" in server.log())


# A supervisor with nobody but those who hear nothing


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError


def sleep(lifeline: int) -> None:
    """As long as there is a supervisor."""
    os.read(lifeline, 1)


@contextmanager
def supervising(log: Path) -> Iterator[psutil.Process]:
    """One that cannot put away what the dead leave, nor read its settings."""
    crew = Generation([ProcessSpec("sleeper", sleep)], drain_timeout=0)

    def run() -> None:
        logging.basicConfig(filename=log, force=True)
        Supervisor(crew, reload=fail, on_stop=lambda: None, on_exit=fail).run()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    try:
        found = psutil.Process(process.pid)
        assert eventually(found.children)
        yield found
    finally:
        process.kill()
        process.join()


def test_a_failure_at_a_funeral_keeps_nobody_from_being_replaced(tmp_path: Path) -> None:
    with supervising(tmp_path / "log") as process:
        (killed,) = process.children()
        killed.kill()
        # by one look: between two the dead one may go, before its funeral is over
        assert eventually(lambda: set(process.children()) - {killed}, timeout_s=60)
    assert f"cannot put away what {killed.pid} has left\nTraceback" in (tmp_path / "log").read_text()


def test_a_failure_to_read_settings_leaves_the_old_ones(tmp_path: Path) -> None:
    with supervising(tmp_path / "log") as process:
        serving = process.children()
        process.send_signal(signal.SIGHUP)
        assert eventually(lambda: "the old ones stay\nTraceback" in (tmp_path / "log").read_text())
        assert process.children() == serving


def test_who_insists_gives_nobody_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_KILL_AFTER_S", 1)
    with supervising(tmp_path / "log") as process:

        def is_stopped() -> bool:
            process.terminate()
            return has_ended(process)

        assert eventually(is_stopped, timeout_s=60)


# Nothing survives


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda server: server.worker.kill(), id="worker killed"),
        pytest.param(lambda server: server.process.kill(), id="supervisor killed"),
        pytest.param(lambda server: server.process.send_signal(signal.SIGTERM), id="stopped"),
        pytest.param(lambda server: server.worker.send_signal(signal.SIGUSR1), id="cut"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_program_outlives_its_worker(server: Server, backend: str, end: Callable[[Server], None]) -> None:
    with stalled_curl(server, f"{LINK}?format={backend}") as visitor:
        running = tree_of(server)
        assert len(running) == 1 + (backend == "zip")
        end(server)
        assert eventually(lambda: have_ended(running), timeout_s=60)
        visitor.communicate(timeout=60)
        assert visitor.returncode in BROKEN_OFF


def test_without_a_supervisor_the_address_is_free_again(photos: Path) -> None:
    with running_server(photos, "--workers", "2") as server, knock(server, LINK) as visitor:
        read_head(visitor)
        assert eventually(lambda: len(server.workers) == 2)
        workers = server.workers
        server.process.kill()
        server.process.wait()
        assert eventually(lambda: have_ended(workers), timeout_s=60)
        with running_server(photos, port=server.port) as next_one:
            assert fetch(next_one.port, "/")
