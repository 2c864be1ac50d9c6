"""More connections than the service has descriptors for."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil

from tests.servers import Server

_AT_ONCE, _PAUSE_S = 64, 0.05  # more would wait in the kernel, and not for the service


@contextmanager
def flood(server: Server, connections: int) -> Iterator[list[socket.socket]]:
    """So many visitors, as far as they get through the door, who say nothing."""
    with ExitStack() as held:
        visitors = []
        for number in range(connections):
            if number % _AT_ONCE == 0:
                time.sleep(_PAUSE_S)
            visitor = held.enter_context(socket.socket())
            visitor.setblocking(False)
            with suppress(BlockingIOError):
                visitor.connect(("127.0.0.1", server.port))
            visitors.append(visitor)
        yield visitors


def idle_cost(server: Server, seconds: float) -> float:
    """The share of a processor that the service takes from now on."""
    processes = [server.worker, psutil.Process(server.process.pid)]
    before = sum(_cpu_s(process) for process in processes)
    time.sleep(seconds)
    return (sum(_cpu_s(process) for process in processes) - before) / seconds


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
