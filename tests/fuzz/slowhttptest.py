"""Attacks of slowhttptest: many connections with requests that do not end."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.fuzz.fixtures import ALBUM, LARGE
from tests.fuzz.raw_connection import exchange
from tests.fuzz.response_checks import ResponseChecker
from tests.helpers.servers import Server, eventually, tool

SHORT_TIMEOUTS = ("--idle-timeout", "2s", "--stall-timeout", "2s", "--queue-timeout", "2s")
# another address, because the limits for one client apply to the attacker
_LEGITIMATE_REQUEST = (
    f"GET /archive/{ALBUM}/ HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n"
)
_MAX_WAIT_S = 30  # shorter than the attack
_PEAK_S = 2  # duration of the peak of an attack with these timeouts


@dataclass(frozen=True, slots=True)
class Attack:
    """`holds`: the attack keeps its connections open."""

    options: Sequence[str]
    path: str = "/"
    holds: bool = True


ATTACKS = {
    "slow headers": Attack(("-H", "-i", "1", "-x", "16")),
    "slow body": Attack(("-B", "-i", "1", "-s", "8192", "-x", "8")),
    "slow read": Attack(
        ("-X", "-w", "10", "-y", "20", "-n", "3", "-z", "8", "-k", "2"), f"/archive/{LARGE}/"
    ),
    "ranges": Attack(("-R", "-t", "GET", "-a", "1", "-b", "1500"), f"/archive/{ALBUM}/", holds=False),
}


@contextmanager
def under_attack(server: Server, attack: Attack, connections: int) -> Iterator[None]:
    """Run the block at the peak of the attack, then assert that the service ends the attack."""
    count, duration = ("-c", str(connections), "-r", str(connections)), ("-l", "120")
    command = [tool("slowhttptest"), *attack.options, *count, *duration, "-u", server.url(attack.path)]
    worker, before = server.worker, server.worker.num_fds()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as attacker:
        try:
            if attack.holds:
                peak = before + connections / 10
                assert eventually(lambda: worker.num_fds() > peak), "the attack has not started"
            yield
            assert eventually(lambda: worker.num_fds() <= before, timeout_s=60), (
                "the connections are not closed"
            )
        finally:
            attacker.kill()


def download_seconds(server: Server, checker: ResponseChecker) -> float:
    """Return how long a legitimate client waits for the album. It must be complete."""
    began = time.monotonic()
    exchanged = exchange(server.port, _LEGITIMATE_REQUEST.encode(), idle_timeout_s=60)
    assert checker.outcomes(exchanged) == {"200": 1, "closed": 1}
    return time.monotonic() - began


def longest_wait(
    server: Server, checker: ResponseChecker, attack: Attack, *, connections: int, times: int
) -> float:
    """Return the longest wait of a legitimate client during the attack."""
    waits: list[float] = []
    before = _requests(server)
    for _ in range(times):
        with under_attack(server, attack, connections):
            until = time.monotonic() + _PEAK_S
            while time.monotonic() < until:
                waits.append(download_seconds(server, checker))
                time.sleep(0.05)
            # while the attacker runs: with little processor time it can be slow to start
            least = before + connections / 2 + len(waits)
            assert attack.holds or _has_served(server, least), "the attack has not started"
    assert max(waits) < _MAX_WAIT_S
    return max(waits)


def _has_served(server: Server, requests: float) -> bool:
    return eventually(lambda: _requests(server) > requests)


def _requests(server: Server) -> int:
    """Return the number of archive requests in the log."""
    return server.log().count(" GET /archive/")
