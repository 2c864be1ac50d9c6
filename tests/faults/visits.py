"""How a visitor takes an archive, and what he takes it for. A real curl, and sockets where no curl can."""

import http.client
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from tests.faults.stage import STALL_TIMEOUT_S, Scene
from tests.servers import eventually, tool
from tests.web.visitors import BROKEN_OFF, knock, request

_SOME = 1024 * 1024  # of the body, and the packing is under way
_LITTLE, _PAUSE_S = 64 * 1024, 0.3
_REST_S = 0.1


@dataclass(frozen=True, slots=True)
class Got:
    """What came, and whether the client takes it for the whole; `note` is what else he has seen. Status 0:
    he has not stayed for an answer."""

    status: int
    body: bytes = b""
    is_complete: bool = False
    note: str = ""


def download(scene: Scene) -> Got:
    """By a curl that reads as it comes."""
    with connecting(scene) as visitor:
        return visitor.rest()


@contextmanager
def under_way(scene: Scene) -> "Iterator[Curl]":
    """A curl that has some of the body, and waits until it may read on."""
    with connecting(scene) as visitor:
        visitor.read_some()
        assert eventually(lambda: _is_at_rest(scene.server.worker), 60), "what nobody reads does not stop"
        yield visitor


def _is_at_rest(worker: psutil.Process) -> bool:
    """Whether all buffers on the way are full: else a fault would meet it in the midst of some file."""
    before = worker.io_counters().read_chars
    time.sleep(_REST_S)
    return bool(worker.io_counters().read_chars == before)


class Curl:
    """`process` writes what comes to a pipe, and stops when nobody reads that."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._start = b""

    def read_some(self) -> None:
        assert self._process.stdout is not None
        while len(self._start) < _SOME:
            part = self._process.stdout.read(_SOME)
            assert part, "curl got no body"
            self._start += part

    def rest(self, patience_s: float = 100) -> Got:
        """All that has come in the end. Raises TimeoutExpired, and may be called again then."""
        rest, said = self._process.communicate(timeout=patience_s)
        code = self._process.returncode
        assert code in (0, *BROKEN_OFF), said
        return Got(int(said[-3:]), self._start + rest, is_complete=code == 0)


@contextmanager
def connecting(scene: Scene) -> Iterator[Curl]:
    command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "100", "-w", "%{stderr}%{http_code}"]
    pipe = subprocess.PIPE
    # without a buffer: what it held would be missing behind what is read by and by
    with subprocess.Popen([*command, scene.url], stdout=pipe, stderr=pipe, bufsize=0) as process:
        try:
            yield Curl(process)
        finally:
            process.kill()


def taken(visitor: socket.socket, *, slow_for_s: float = 0) -> Got:
    """The answer on a socket, as a client takes it that knows lengths and chunks."""
    answer, body = http.client.HTTPResponse(visitor, method="GET"), b""
    try:
        answer.begin()
        until = time.monotonic() + slow_for_s
        while time.monotonic() < until:
            body += answer.read(_LITTLE)
            time.sleep(_PAUSE_S)
        return Got(answer.status, body + answer.read(), is_complete=True)
    except (http.client.IncompleteRead, ConnectionResetError):
        return Got(answer.status, body)
    finally:
        answer.close()


@contextmanager
def on_an_open_connection(scene: Scene) -> Iterator[Callable[[], Got]]:
    """One that was accepted, and has been used, before anything is wrong; what it yields asks on it."""
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=60) as visitor:
        visitor.sendall(request("/healthz"))
        assert taken(visitor).is_complete

        def ask() -> Got:
            visitor.sendall(request(scene.path))
            return taken(visitor)

        yield ask


# Visitors whose own doing it is


def leaves(scene: Scene) -> Got:
    with connecting(scene) as visitor:
        visitor.read_some()  # and does not wait until all is at rest: he could be taken for stalled by then
    return Got(0, note="gone")


def closes_his_half(scene: Scene) -> Got:
    """As a client may that has nothing more to say, and yet wants the answer, which has begun to come."""
    with knock(scene.server, scene.path) as visitor:
        visitor.recv(1, socket.MSG_PEEK)
        visitor.shutdown(socket.SHUT_WR)
        return taken(visitor)


def takes_nothing(scene: Scene) -> Got:
    with knock(scene.server, scene.path) as visitor:
        scene.wait_for_the_end()
        return taken(visitor)


def takes_a_little(scene: Scene) -> Got:
    """Now and then, for longer than the stall-timeout, and then the rest."""
    with knock(scene.server, scene.path) as visitor:
        return taken(visitor, slow_for_s=2 * STALL_TIMEOUT_S)
