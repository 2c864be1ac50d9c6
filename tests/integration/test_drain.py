"""Shutdown and reload with running downloads and open connections."""

import os
import re
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.helpers.admin_client import administered
from tests.helpers.raw_clients import (
    BROKEN_OFF,
    exit_code,
    linked_noise,
    open_request,
    parsed,
    read_head,
    request,
    rest_of,
    stalled_curl,
)
from tests.helpers.servers import Server, eventually, fetch, running_server, tool

LINK = "/archive/album/"
BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
DRAIN_OPTIONS = ("--drain-timeout", "1h")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB: more than the buffers on the way hold."""
    tool("zip")
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / "album", files=64, size=1024 * 1024)
    linked_noise(root / "small", files=1, size=1000)
    return root


@pytest.fixture
def server(photos: Path) -> Iterator[Server]:
    """A server with a long drain timeout. Its admin process inherits the port and must close it."""
    with administered(photos, *DRAIN_OPTIONS, "--formats", ",".join(BACKENDS)) as admin:
        yield admin.server


def is_refusing(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    except (ConnectionRefusedError, ConnectionResetError):  # the latter while it is just about to
        return True
    return False


def stop(server: Server) -> None:
    """Send SIGTERM, and wait until connections are refused."""
    server.process.terminate()
    assert eventually(lambda: is_refusing(server))


def press_ctrl_c(server: Server) -> None:
    """The terminal sends it to every process of the foreground group."""
    for pid in (*(worker.pid for worker in server.workers), server.process.pid):
        os.kill(pid, signal.SIGINT)


def has_ended_well(server: Server) -> bool:
    return server.process.wait(timeout=20) == 0


# Shutdown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("backend", BACKENDS)
def test_sigterm_finishes_a_running_download(server: Server, backend: str, number: signal.Signals) -> None:
    with stalled_curl(server, f"{LINK}?format={backend}") as client:
        server.process.send_signal(number)
        # before another connection, which would be counted
        assert eventually(lambda: "draining: waiting for 1 download (" in server.log())
        assert eventually(lambda: is_refusing(server))
        assert server.process.poll() is None
        assert exit_code(client) == 0
    assert has_ended_well(server)


def test_drain_timeout_aborts_the_download(photos: Path) -> None:
    with (
        running_server(photos, "--drain-timeout", "1") as server,
        stalled_curl(server, LINK) as client,
    ):
        stop(server)
        assert has_ended_well(server)
        assert exit_code(client) in BROKEN_OFF


def test_drain_timeout_of_zero_aborts_at_once(photos: Path) -> None:
    with running_server(photos, "--drain-timeout", "0") as server, stalled_curl(server, LINK) as client:
        stop(server)
        assert has_ended_well(server)
        assert exit_code(client) in BROKEN_OFF


@pytest.mark.parametrize(
    "send",
    [lambda server: server.process.terminate(), press_ctrl_c],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_second_signal_aborts_at_once(server: Server, send: Callable[[Server], None]) -> None:
    with stalled_curl(server, LINK) as client:
        send(server)
        assert eventually(lambda: is_refusing(server))
        assert server.process.poll() is None
        send(server)
        assert has_ended_well(server)
        assert exit_code(client) in BROKEN_OFF


def test_sigterm_to_whole_process_group(server: Server) -> None:
    """SIGTERM to the workers themselves as well, and more than once."""
    with stalled_curl(server, LINK) as client:
        worker = server.worker
        worker.terminate()
        stop(server)
        worker.terminate()
        assert exit_code(client) == 0
    assert has_ended_well(server)


def test_unresponsive_worker_is_killed(photos: Path) -> None:
    with running_server(photos, "--drain-timeout", "0") as server:
        worker = server.worker
        worker.suspend()
        server.process.terminate()
        assert has_ended_well(server)
        assert f"ERROR workers did not exit in time, sending SIGKILL: {worker.pid}\n" in server.log()


# Open connections


@contextmanager
def answered(server: Server) -> Iterator[socket.socket]:
    """A client that has got a response and keeps the connection."""
    with open_request(server, "/archive/unknown/") as client:
        head, _, body = read_head(client).partition(b"\r\n\r\n")
        (length,) = re.findall(rb"Content-Length: (\d+)", head)
        while len(body) < int(length):
            body += client.recv(4096)
        yield client


def test_idle_connections_are_closed_while_draining(server: Server) -> None:
    with stalled_curl(server, LINK) as other, answered(server) as client:
        stop(server)
        assert rest_of(client) == b""
        assert exit_code(other) == 0


def test_keep_alive_connection_is_closed_after_its_response_while_draining(server: Server) -> None:
    with open_request(server, LINK) as client:
        head, _, body = read_head(client).partition(b"\r\n\r\n")
        stop(server)
        (length,) = re.findall(rb"Content-Length: (\d+)", head)
        left = int(length) - len(body)
        while part := client.recv(65536):
            left -= len(part)
        assert left == 0
    assert has_ended_well(server)


def test_new_connection_gets_a_response_while_draining(server: Server) -> None:
    with (
        stalled_curl(server, LINK) as other,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        assert eventually(lambda: len(server.worker.net_connections()) >= 3)
        stop(server)
        client.sendall(request("/archive/small/"))
        answer = parsed(rest_of(client))
        assert (answer.status, "Connection: close" in answer.headers) == (200, True)
        assert exit_code(other) == 0


def test_new_connection_without_request_does_not_delay_the_exit(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        assert eventually(lambda: len(server.worker.net_connections()) >= 2)
        server.process.terminate()
        assert has_ended_well(server)
        assert rest_of(client) == b""


# Reload


@pytest.fixture
def config(tmp_path: Path) -> Path:
    config = tmp_path / f"{uuid.uuid4().hex}.conf"
    config.write_text("backend = stored-zip\n")
    return config


@pytest.fixture
def reloading(photos: Path, config: Path) -> Iterator[Server]:
    with running_server(photos, "-c", str(config)) as server:
        yield server


def reload(server: Server, text: str) -> None:
    """Send SIGHUP, and wait for `text` in the log."""
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: text in server.log())


def test_reload_applies_settings_to_new_requests(reloading: Server, config: Path) -> None:
    """Running downloads finish without a time limit, although the drain timeout is 1 s."""
    old = reloading.worker
    with stalled_curl(reloading, LINK) as client:
        config.write_text("backend = tar.gz\n")
        reload(reloading, "draining")
        assert fetch(reloading.port, "/archive/small/").startswith(b"\x1f\x8b")
        assert not eventually(lambda: not old.is_running(), timeout_s=2)
        assert exit_code(client) == 0
    assert eventually(lambda: not old.is_running())
    assert len(reloading.workers) == 1


def test_reload_with_invalid_settings_keeps_the_old_ones(reloading: Server, config: Path) -> None:
    worker = reloading.worker
    config.write_text("backend = rar\n")
    reload(reloading, "reload failed")
    (line,) = [line for line in reloading.log().splitlines() if "rar" in line]
    assert " ERROR reload failed, keeping the current settings: " in line
    assert f"backend: 'rar' (backend in {config})" in line
    assert fetch(reloading.port, "/archive/small/").startswith(b"PK")
    assert reloading.worker == worker


def test_reload_changes_the_number_of_workers(reloading: Server, config: Path) -> None:
    for count in (3, 1):
        config.write_text(f"workers = {count}\n")
        reloading.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: len(reloading.workers) == count)  # noqa: B023
    assert fetch(reloading.port, "/")


def test_reload_turns_the_access_log_on(reloading: Server, config: Path) -> None:
    config.write_text("enable-logging = yes\n")
    old = reloading.worker
    reload(reloading, "settings reloaded")
    assert eventually(lambda: not old.is_running())
    fetch(reloading.port, "/archive/small/")
    assert eventually(lambda: "GET /archive/small/ 200" in reloading.log())


def test_reload_with_other_address_warns(reloading: Server, config: Path) -> None:
    config.write_text("host = 127.0.0.2\n")
    reload(reloading, "changing host to 127.0.0.2 requires a restart")
    assert fetch(reloading.port, "/")


def test_quiescing_worker_can_be_stopped(reloading: Server) -> None:
    old = reloading.worker
    with stalled_curl(reloading, LINK) as client:
        reload(reloading, "draining")
        stop(reloading)
        assert has_ended_well(reloading)
        assert not old.is_running()
        assert exit_code(client) in BROKEN_OFF


def test_many_reloads_do_not_leak(reloading: Server) -> None:
    supervisor = psutil.Process(reloading.process.pid)

    def renew() -> None:
        old = reloading.worker
        reloading.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: not old.is_running())

    renew()
    first = supervisor.num_fds()
    for _ in range(3):
        renew()
    # it may still have something open for a moment, to clean up after the last one
    assert eventually(lambda: supervisor.num_fds() <= first)


def test_download_that_ends_while_draining_is_logged_as_complete(photos: Path) -> None:
    """Its connection is closed before its last pause for the rate limit ends."""
    with running_server(photos, "--rate-limit", "500KB", "--enable-logging", *DRAIN_OPTIONS) as server:
        curl = [tool("curl"), "-sSN", "--noproxy", "*", f"{server.url(LINK)}?file=0000.jpg"]
        with subprocess.Popen(curl, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            client.stdout.read(1)
            stop(server)
            client.communicate()
        assert eventually(lambda: re.search("GET /archive/album/ 200 .* complete\n", server.log()))
