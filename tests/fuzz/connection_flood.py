"""More connections than the service has descriptors."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil

from tests.helpers.servers import Server

_BATCH, _PAUSE_S = 64, 0.05  # larger batches would wait in the listen queue instead


@contextmanager
def flood(server: Server, connections: int) -> Iterator[list[socket.socket]]:
    """Open this many connections, as far as the service accepts them, and send nothing."""
    with ExitStack() as held:
        clients = []
        for number in range(connections):
            if number % _BATCH == 0:
                time.sleep(_PAUSE_S)
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(("127.0.0.1", server.port))
            clients.append(client)
        yield clients


def processor_share(server: Server, seconds: float) -> float:
    """Return the share of a processor that the service uses during this time."""
    processes = [server.worker, psutil.Process(server.process.pid)]
    before = sum(_cpu_s(process) for process in processes)
    time.sleep(seconds)
    return (sum(_cpu_s(process) for process in processes) - before) / seconds


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
