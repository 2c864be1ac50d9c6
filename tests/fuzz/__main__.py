"""`make fuzz`: the long version of the tests. It prints the results, or fails at the first error.

`ARGS="--cases 1000000 --seed 7"` runs more and other requests.
"""

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import redirect_stdout

from tests.fuzz.connection_flood import flood, processor_share
from tests.fuzz.fixtures import MIB, Photos, photo_fixture
from tests.fuzz.fuzz import fuzz
from tests.fuzz.ranges import MANY, processor_seconds
from tests.fuzz.server_fixture import server_fixture
from tests.fuzz.slowhttptest import ATTACKS, SHORT_TIMEOUTS, download_seconds, longest_wait
from tests.helpers.servers import eventually, tool

ROUND = 10_000
DESCRIPTORS = 4096


def main() -> None:
    options = _options()
    # every server prints its log to stdout when it stops
    with open(os.devnull, "w") as devnull, redirect_stdout(devnull), photo_fixture() as photos:
        for signed in (False, True):
            _malformed(photos, signed, options.cases // 2, options.seed)
        _slow(photos, options.connections, options.times)
        _ranges(photos, 10_000)
        _flood(photos, 2 * DESCRIPTORS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=", description=__doc__)
    parser.add_argument("--cases", type=int, default=120_000, help="malformed requests, half of them signed")
    parser.add_argument("--seed", type=int, default=2, help="the same seed gives the same requests")
    parser.add_argument("--connections", type=int, default=1000, help="of each slow attack")
    parser.add_argument("--times", type=int, default=5, help="repetitions of each slow attack")
    return parser.parse_args()


def _malformed(photos: Photos, signed: bool, cases: int, seed: int) -> None:
    with server_fixture(photos, signed=signed) as fixture:
        began, ended = time.monotonic(), Counter[str]()
        while ended.total() < cases:
            wanted = min(ROUND, cases - ended.total())
            ended += fuzz(fixture.server.port, fixture.checker, fixture.links, cases=wanted, seed=seed)
            seed += 1
        seconds = time.monotonic() - began
        fixture.assert_unchanged()
        links = "signed" if signed else "open"
        _print(f"malformed requests, {links} links", f"{ended.total():,} in {seconds:.0f} s")
        _print("", ", ".join(f"{outcome}: {count:,}" for outcome, count in ended.most_common()))
        _print("", f"memory grew by {fixture.growth() / MIB:.1f} MiB")


def _slow(photos: Photos, connections: int, times: int) -> None:
    for name, attack in ATTACKS.items():
        with server_fixture(photos, *SHORT_TIMEOUTS) as fixture:
            longest = longest_wait(
                fixture.server, fixture.checker, attack, connections=connections, times=times
            )
            fixture.assert_unchanged()
            _print(f"{name}, {connections:,} connections", f"longest wait of another client: {longest:.2f} s")


def _ranges(photos: Photos, requests: int) -> None:
    with server_fixture(photos) as fixture:
        plain, many = (processor_seconds(fixture.server, requests, headers) for headers in ("", MANY))
        fixture.assert_unchanged()
        result = f"{many:.1f} s of processor time, {plain:.1f} s without ranges"
        _print(f"{requests:,} requests with 3,500 ranges each", result)


def _flood(photos: Photos, connections: int) -> None:
    limit = (tool("prlimit"), f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")
    with server_fixture(photos, "--idle-timeout", "30s", launcher=limit) as fixture:
        with flood(fixture.server, connections):
            assert eventually(lambda: fixture.server.worker.num_fds() >= DESCRIPTORS, timeout_s=60)
            cost = processor_share(fixture.server, 5)
        wait = download_seconds(fixture.server, fixture.checker)
        fixture.assert_unchanged()
        subject = f"{connections:,} connections, {DESCRIPTORS:,} descriptors"
        _print(subject, f"{cost:.0%} of a processor during the flood; first download after {wait:.1f} s")


def _print(subject: str, result: str) -> None:
    print(f"{subject:42} {result}", file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
