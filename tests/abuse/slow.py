"""slowhttptest's attacks: many connections that are never done with what they came for."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.abuse.judge import Judge
from tests.abuse.talks import talk
from tests.abuse.traps import ALBUM, LARGE
from tests.servers import Server, eventually, tool

IMPATIENT = ("--idle-timeout", "2s", "--stall-timeout", "2s", "--queue-timeout", "2s")
# who comes through another proxy, or from elsewhere: one client has a share only
_GOOD = (
    f"GET /archive/{ALBUM}/ HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n"
)
_SANE_S = 30  # the attackers would stay for longer
_WORST_S = 2  # that an attack is at its height, with these timeouts


@dataclass(frozen=True, slots=True)
class Attack:
    """`holds`: it means to keep its connections."""

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
    """While the attack is at its worst. It would go on for long: the service has to put an end to it."""
    count, duration = ("-c", str(connections), "-r", str(connections)), ("-l", "120")
    command = [tool("slowhttptest"), *attack.options, *count, *duration, "-u", server.url(attack.path)]
    worker, before = server.worker, server.worker.num_fds()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as attacker:
        try:
            if attack.holds:
                worst = before + connections / 10
                assert eventually(lambda: worker.num_fds() > worst), "that is no attack"
            yield
            assert eventually(lambda: worker.num_fds() <= before, timeout_s=60), "they are not got rid of"
        finally:
            attacker.kill()


def seconds_of_a_visit(server: Server, judge: Judge) -> float:
    """How long somebody else takes to get the album, and that it is whole."""
    began = time.monotonic()
    told = talk(server.port, _GOOD.encode(), silence_s=60)
    assert judge.outcomes(told) == {"200": 1, "hung up on": 1}
    return time.monotonic() - began


def withstand(server: Server, judge: Judge, attack: Attack, *, connections: int, times: int) -> float:
    """The longest that a good visitor had to wait meanwhile."""
    waits: list[float] = []
    heard = _requests(server)
    for _ in range(times):
        with under_attack(server, attack, connections):
            until = time.monotonic() + _WORST_S
            while time.monotonic() < until:
                waits.append(seconds_of_a_visit(server, judge))
                time.sleep(0.05)
            # while the attacker lives: one who gets little of a processor may hardly have begun by now
            least = heard + connections / 2 + len(waits)
            assert attack.holds or _has_answered(server, least), "that was no attack"
    assert max(waits) < _SANE_S
    return max(waits)


def _has_answered(server: Server, requests: float) -> bool:
    return eventually(lambda: _requests(server) > requests)


def _requests(server: Server) -> int:
    """How many for an archive have been answered."""
    return server.log().count(" GET /archive/")
