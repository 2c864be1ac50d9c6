"""Sends malformed requests on several connections at once, and checks every response."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.fuzz.mutations import Mutator
from tests.fuzz.raw_connection import LAST_REQUEST, exchange
from tests.fuzz.response_checks import ResponseChecker

CLIENTS = 16


def fuzz(port: int, checker: ResponseChecker, links: list[str], *, cases: int, seed: int) -> Counter[str]:
    """Return the outcomes of at least `cases` requests. A request counts if it got a response, or if the
    connection ended or became idle at it. The same seed gives the same requests."""
    share = -(-cases // CLIENTS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [
            pool.submit(_run_client, port, checker, Mutator(seed * CLIENTS + number, links), share)
            for number in range(CLIENTS)
        ]
        return sum((future.result() for future in futures), Counter())


def _run_client(port: int, checker: ResponseChecker, mutator: Mutator, cases: int) -> Counter[str]:
    ended: Counter[str] = Counter()
    while ended.total() < cases:
        ended += checker.outcomes(exchange(port, mutator.requests() + LAST_REQUEST))
    return ended
