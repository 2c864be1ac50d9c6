"""`make abuse`: for long what the tests do for a moment. It ends with what was done, or at the first fault.

`ARGS="--cases 1000000 --seed 7"` is another run.
"""

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import redirect_stdout

from tests.abuse.flood import flood, idle_cost
from tests.abuse.fuzz import fuzz
from tests.abuse.ranges import MANY, cost_of
from tests.abuse.slow import ATTACKS, IMPATIENT, seconds_of_a_visit, withstand
from tests.abuse.stage import stage
from tests.abuse.traps import MIB, Traps, trapped_photos
from tests.servers import eventually, tool

ROUND = 10_000
DESCRIPTORS = 4096


def main() -> None:
    options = _options()
    # where every server prints its log when it ends
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), trapped_photos() as traps:
        for signed in (False, True):
            _malformed(traps, signed, options.cases // 2, options.seed)
        _slow(traps, options.connections, options.times)
        _ranges(traps, 10_000)
        _flood(traps, 2 * DESCRIPTORS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make abuse ARGS=", description=__doc__)
    parser.add_argument("--cases", type=int, default=120_000, help="malformed requests, half of them signed")
    parser.add_argument("--seed", type=int, default=2, help="the same seed gives the same requests")
    parser.add_argument("--connections", type=int, default=1000, help="of each slow attack")
    parser.add_argument("--times", type=int, default=5, help="that each slow attack is made")
    return parser.parse_args()


def _malformed(traps: Traps, signed: bool, cases: int, seed: int) -> None:
    with stage(traps, signed=signed) as opened:
        began, ended = time.monotonic(), Counter[str]()
        while ended.total() < cases:
            wanted = min(ROUND, cases - ended.total())
            ended += fuzz(opened.server.port, opened.judge, opened.links, cases=wanted, seed=seed)
            seed += 1
        seconds = time.monotonic() - began
        opened.assert_unharmed()
        links = "signed" if signed else "open"
        _tell(f"malformed requests, {links} links", f"{ended.total():,} in {seconds:.0f} s")
        _tell("", ", ".join(f"{outcome}: {count:,}" for outcome, count in ended.most_common()))
        _tell("", f"memory grew by {opened.growth() / MIB:.1f} MiB")


def _slow(traps: Traps, connections: int, times: int) -> None:
    for name, attack in ATTACKS.items():
        with stage(traps, *IMPATIENT) as opened:
            longest = withstand(opened.server, opened.judge, attack, connections=connections, times=times)
            opened.assert_unharmed()
            _tell(f"{name}, {connections:,} connections", f"another visitor waited {longest:.2f} s at most")


def _ranges(traps: Traps, requests: int) -> None:
    with stage(traps) as opened:
        plain, many = (cost_of(opened.server, requests, headers) for headers in ("", MANY))
        opened.assert_unharmed()
        result = f"{many:.1f} s of a processor, {plain:.1f} s without"
        _tell(f"{requests:,} requests for 3,500 ranges each", result)


def _flood(traps: Traps, connections: int) -> None:
    limit = (tool("prlimit"), f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")
    with stage(traps, "--idle-timeout", "30s", launcher=limit) as opened:
        with flood(opened.server, connections):
            assert eventually(lambda: opened.server.worker.num_fds() >= DESCRIPTORS, timeout_s=60)
            cost = idle_cost(opened.server, 5)
        wait = seconds_of_a_visit(opened.server, opened.judge)
        opened.assert_unharmed()
        what = f"{connections:,} connections, {DESCRIPTORS:,} descriptors"
        _tell(what, f"{cost:.0%} of a processor meanwhile; served again after {wait:.1f} s")


def _tell(what: str, result: str) -> None:
    print(f"{what:42} {result}", file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
