"""Clients that download an archive: curl, and raw sockets for behaviour that curl does not have."""

import http.client
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from tests.faults.server_fixture import STALL_TIMEOUT_S, Scenario
from tests.helpers.raw_clients import BROKEN_OFF, open_request, request
from tests.helpers.servers import eventually, tool

_FIRST_PART = 1024 * 1024  # of the body: packing has started
_SLOW_READ, _SLOW_READ_PAUSE_S = 64 * 1024, 0.3
_IDLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Result:
    """The response, and whether it looks complete to the client. `note` is a further observation. Status 0:
    the client disconnected before the end of the response."""

    status: int
    body: bytes = b""
    is_complete: bool = False
    note: str = ""


def download(scenario: Scenario) -> Result:
    """Download with a curl that reads continuously."""
    with connect(scenario) as client:
        return client.rest()


@contextmanager
def paused(scenario: Scenario) -> "Iterator[Curl]":
    """Run a curl that has read a part of the body and does not read on before `rest`."""
    with connect(scenario) as client:
        client.read_first_part()
        assert eventually(lambda: _is_idle(scenario.server.worker), 60), "the worker packs without a reader"
        yield client


def _is_idle(worker: psutil.Process) -> bool:
    """Return whether all buffers are full: otherwise the fault would occur at an arbitrary file."""
    before = worker.io_counters().read_chars
    time.sleep(_IDLE_S)
    return bool(worker.io_counters().read_chars == before)


class Curl:
    """A curl process that writes the body to a pipe, and blocks if the pipe is not read."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._start = b""

    def read_first_part(self) -> None:
        assert self._process.stdout is not None
        while len(self._start) < _FIRST_PART:
            part = self._process.stdout.read(_FIRST_PART)
            assert part, "curl got no body"
            self._start += part

    def rest(self, timeout_s: float = 100) -> Result:
        """Return the result at the end. Raise TimeoutExpired; may then be called again."""
        rest, stderr = self._process.communicate(timeout=timeout_s)
        code = self._process.returncode
        assert code in (0, *BROKEN_OFF), stderr
        return Result(int(stderr[-3:]), self._start + rest, is_complete=code == 0)


@contextmanager
def connect(scenario: Scenario) -> Iterator[Curl]:
    command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "100", "-w", "%{stderr}%{http_code}"]
    pipe = subprocess.PIPE
    # unbuffered, because communicate() would not return the content of a buffer
    with subprocess.Popen([*command, scenario.url], stdout=pipe, stderr=pipe, bufsize=0) as process:
        try:
            yield Curl(process)
        finally:
            process.kill()


def read_response(client: socket.socket, *, slow_for_s: float = 0) -> Result:
    """Read the response like a client that checks lengths and chunks."""
    response, body = http.client.HTTPResponse(client, method="GET"), b""
    try:
        response.begin()
        until = time.monotonic() + slow_for_s
        while time.monotonic() < until:
            body += response.read(_SLOW_READ)
            time.sleep(_SLOW_READ_PAUSE_S)
        return Result(response.status, body + response.read(), is_complete=True)
    except (http.client.IncompleteRead, ConnectionResetError):
        return Result(response.status, body)
    finally:
        response.close()


@contextmanager
def on_open_connection(scenario: Scenario) -> Iterator[Callable[[], Result]]:
    """Open and use a connection before the fault; yield a function that requests the archive on it."""
    with socket.create_connection(("127.0.0.1", scenario.server.port), timeout=60) as client:
        client.sendall(request("/healthz"))
        assert read_response(client).is_complete

        def request_archive() -> Result:
            client.sendall(request(scenario.path))
            return read_response(client)

        yield request_archive


# Clients that cause the fault themselves


def disconnects(scenario: Scenario) -> Result:
    with connect(scenario) as client:
        client.read_first_part()  # without waiting for an idle worker, which could report a stall first
    return Result(0, note="gone")


def half_closes(scenario: Scenario) -> Result:
    """Shut down the sending half after the response has started, and read the rest of the response."""
    with open_request(scenario.server, scenario.path) as client:
        client.recv(1, socket.MSG_PEEK)
        client.shutdown(socket.SHUT_WR)
        return read_response(client)


def stops_reading(scenario: Scenario) -> Result:
    with open_request(scenario.server, scenario.path) as client:
        scenario.wait_for_the_end()
        return read_response(client)


def reads_slowly(scenario: Scenario) -> Result:
    """Read slowly for longer than the stall timeout, then read the rest."""
    with open_request(scenario.server, scenario.path) as client:
        return read_response(client, slow_for_s=2 * STALL_TIMEOUT_S)
