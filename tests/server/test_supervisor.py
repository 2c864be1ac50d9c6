"""Supervisor: restarts of workers, failing hooks, shutdown deadlines, and cleanup after killed processes."""

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

from tests.helpers.raw_clients import BROKEN_OFF, linked_noise, open_request, read_head, stalled_curl, tree_of
from tests.helpers.servers import Server, eventually, fetch, running_server, tool
from tornado_archiver.server import supervisor
from tornado_archiver.server.supervisor import Generation, ProcessSpec, Supervisor

# because the forked supervisor does not use the threads of the test run
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

LINK = "/archive/album/"
BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
IGNORE_SIGCHLD = (
    "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album of 64 MiB, more than all buffers between server and client."""
    tool("zip")
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=64, size=1024 * 1024)
    return root


@pytest.fixture
def server(photos: Path) -> Iterator[Server]:
    with running_server(photos, "--formats", ",".join(BACKENDS)) as server:
        yield server


def have_exited(processes: list[psutil.Process]) -> bool:
    return all(has_exited(process) for process in processes)


def has_exited(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == "zombie"
    except psutil.NoSuchProcess:
        return True


# Restarts


def test_killed_worker_is_restarted_and_accepts_connections(server: Server) -> None:
    with stalled_curl(server, LINK) as client:
        killed = server.worker
        killed.kill()
        body = fetch(server.port, LINK)
        assert len(body) > 64 * 1024 * 1024
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF
    assert server.worker.pid != killed.pid
    (line,) = [line for line in server.log().splitlines() if "killed" in line]
    assert f" ERROR worker (pid {killed.pid}) killed by SIGKILL; restarting" in line


def test_early_exit_delays_restart(server: Server) -> None:
    def have_exited_early_twice() -> bool:
        """Kill workers until two exits were early, because a busy machine may find a worker too late."""
        for worker in server.workers:
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        return server.log().count("killed by SIGKILL; restarting in 1 s\n") >= 2

    assert eventually(have_exited_early_twice, timeout_s=60)
    assert fetch(server.port, "/")


def test_exited_workers_are_restarted(photos: Path) -> None:
    with running_server(photos, "--workers", "3") as server:
        assert eventually(lambda: len(server.workers) == 3)
        first = server.workers
        first[0].kill()
        first[2].terminate()
        assert eventually(lambda: {first[0], first[2]}.isdisjoint(server.workers))
        assert eventually(lambda: len(server.workers) == 3)
        assert first[1] in server.workers


def test_burst_of_downloads_is_shared_by_workers(photos: Path) -> None:
    options = ("--workers", "4", "--max-downloads-per-client", "0")
    with running_server(photos, *options) as server:
        assert eventually(lambda: len(server.workers) == 4)
        # several bursts, because on a busy machine one worker may not run during one of them
        assert any(min(connections_of_burst(server)) >= 80 / 4 / 2 for _ in range(5))


def connections_of_burst(server: Server) -> list[int]:
    """Open 80 downloads at once and return the number of each worker's connections."""
    assert eventually(lambda: not any(connection_counts(server)), timeout_s=60)
    with ExitStack() as stack:
        clients = [stack.enter_context(open_request(server, LINK)) for _ in range(80)]
        for client in clients:
            read_head(client)
        counts = connection_counts(server)
    assert sum(counts) == 80
    return counts


def connection_counts(server: Server) -> list[int]:
    """Return the number of client connections of each worker, without its listening socket."""
    return [len(worker.net_connections()) - 1 for worker in server.workers]


def test_worker_is_restarted_if_parent_ignored_sigchld(photos: Path) -> None:
    with running_server(photos, launcher=(sys.executable, "-c", IGNORE_SIGCHLD)) as server:
        killed = server.worker
        killed.kill()
        assert fetch(server.port, "/")
        assert eventually(lambda: f"worker (pid {killed.pid}) killed by SIGKILL" in server.log())


# A supervisor with children that ignore signals


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError


def sleep(parent_sentinel: int) -> None:
    """Sleep until the supervisor dies."""
    os.read(parent_sentinel, 1)


@contextmanager
def supervising(log: Path) -> Iterator[psutil.Process]:
    """Run a supervisor whose on_exit and reload functions fail."""
    generation = Generation([ProcessSpec("sleeper", sleep)], drain_timeout=0)

    def run() -> None:
        logging.basicConfig(filename=log, force=True)
        Supervisor(generation, reload=fail, on_stop=lambda: None, on_exit=fail).run()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    try:
        supervisor_process = psutil.Process(process.pid)
        assert eventually(supervisor_process.children)
        yield supervisor_process
    finally:
        process.kill()
        process.join()


def test_on_exit_error_does_not_prevent_restart(tmp_path: Path) -> None:
    with supervising(tmp_path / "log") as process:
        (killed,) = process.children()
        killed.kill()
        # one call of children(), because the killed child may vanish between two calls
        assert eventually(lambda: set(process.children()) - {killed}, timeout_s=60)
    assert f"cleanup after pid {killed.pid} failed\nTraceback" in (tmp_path / "log").read_text()


def test_reload_error_keeps_current_generation(tmp_path: Path) -> None:
    with supervising(tmp_path / "log") as process:
        children = process.children()
        process.send_signal(signal.SIGHUP)
        assert eventually(lambda: "keeping the current settings\nTraceback" in (tmp_path / "log").read_text())
        assert process.children() == children


def test_repeated_sigterm_does_not_extend_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_KILL_AFTER_S", 1)
    with supervising(tmp_path / "log") as process:

        def is_stopped() -> bool:
            process.terminate()
            return has_exited(process)

        assert eventually(is_stopped, timeout_s=60)


# Cleanup after killed processes


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda server: server.worker.kill(), id="worker killed"),
        pytest.param(lambda server: server.process.kill(), id="supervisor killed"),
        pytest.param(lambda server: server.process.send_signal(signal.SIGTERM), id="stopped"),
        pytest.param(lambda server: server.worker.send_signal(signal.SIGUSR1), id="aborted"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_zip_program_ends_with_worker(server: Server, backend: str, end: Callable[[Server], None]) -> None:
    with stalled_curl(server, f"{LINK}?format={backend}") as client:
        running = tree_of(server)
        assert len(running) == 1 + (backend == "zip")
        end(server)
        assert eventually(lambda: have_exited(running), timeout_s=60)
        client.communicate(timeout=60)
        assert client.returncode in BROKEN_OFF


def test_killed_supervisor_frees_its_address(photos: Path) -> None:
    with running_server(photos, "--workers", "2") as server, open_request(server, LINK) as client:
        read_head(client)
        assert eventually(lambda: len(server.workers) == 2)
        workers = server.workers
        server.process.kill()
        server.process.wait()
        assert eventually(lambda: have_exited(workers), timeout_s=60)
        with running_server(photos, port=server.port) as new_server:
            assert fetch(new_server.port, "/")
