"""Throws requests at a running server from several connections at once, and judges every answer."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.abuse.judge import Judge
from tests.abuse.mutations import Mutator
from tests.abuse.talks import LAST_REQUEST, talk

VISITORS = 16


def fuzz(port: int, judge: Judge, links: list[str], *, cases: int, seed: int) -> Counter[str]:
    """How at least so many requests ended. A request counts when it was answered, or when the connection
    ended or fell silent at it; what was said behind that does not. The same seed gives the same requests."""
    share = -(-cases // VISITORS)
    with ThreadPoolExecutor(VISITORS) as pool:
        visits = [
            pool.submit(_visit, port, judge, Mutator(seed * VISITORS + number, links), share)
            for number in range(VISITORS)
        ]
        return sum((visit.result() for visit in visits), Counter())


def _visit(port: int, judge: Judge, mutator: Mutator, cases: int) -> Counter[str]:
    ended: Counter[str] = Counter()
    while ended.total() < cases:
        ended += judge.outcomes(talk(port, mutator.requests() + LAST_REQUEST))
    return ended
