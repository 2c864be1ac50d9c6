"""Counters shared by processes: none is lost, and those of processes that died stay."""

import os
import signal
from collections.abc import Callable

import pytest

from tornado_archiver.telemetry.counters import CAPACITY, SUM, SharedCounters

# They do nothing but count in the child, and end there
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def in_child(act: Callable[[], object]) -> int:
    """Return the pid of a process that has called `act` and was killed at once."""
    pid = os.fork()
    if not pid:
        try:
            act()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    return pid


def test_inc_adds_up() -> None:
    counters = SharedCounters()
    counters.inc({("a",): 1, ("b", "x"): 2.5})
    counters.inc({("a",): 2})
    assert counters.values() == {("a",): 3, ("b", "x"): 2.5}


def test_inc_of_a_process_that_died_stays() -> None:
    counters = SharedCounters()
    counters.inc({("a",): 1})
    in_child(lambda: counters.inc({("new",): 1, ("a",): 1}))
    counters.inc({("mine",): 1})  # its key comes behind one that this process has not seen
    in_child(lambda: counters.inc({("mine",): 1, ("new",): 1}))
    assert counters.values() == {("a",): 2, ("new",): 2, ("mine",): 2}


def test_inc_by_processes_at_once_loses_nothing() -> None:
    counters, pids = SharedCounters(), []
    for number in range(4):
        pid = os.fork()
        if not pid:
            for turn in range(500):
                counters.inc({("all",): 1, ("each", str(number)): 1, ("turn", str(turn % 7)): 1})
            os._exit(0)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 4
    counts = counters.values()
    assert counts["all",] == 2000
    assert [counts["each", str(number)] for number in range(4)] == [500] * 4
    assert sum(counts["turn", str(turn)] for turn in range(7)) == 2000


def test_lock_of_a_process_that_died_is_released() -> None:
    counters = SharedCounters()
    in_child(counters._shared.locked().__enter__)
    counters.inc({("a",): 1})
    assert counters.values() == {("a",): 1}


def test_inc_without_room_for_a_new_key_raises() -> None:
    counters = SharedCounters()
    counters.inc({(str(number),): 1 for number in range(CAPACITY)})
    with pytest.raises(OverflowError, match="no space"):
        counters.inc({("one more",): 1})
    counters.inc({("0",): 1})
    assert counters.values()["0",] == 2
    with pytest.raises(OverflowError, match="no space"):
        SharedCounters().inc({("x" * 500,): 1})


def test_labels_count_apart_from_the_others() -> None:
    counters = SharedCounters()
    counter = counters.family("downloads", "help", "backend")
    counter.labels("tar").preregister()
    counter.labels("zip").inc()
    counter.labels("zip").inc(2)
    assert counters.values() == {("downloads", "tar"): 0, ("downloads", "zip"): 3}


@pytest.mark.parametrize(("value", "bound"), [(0.5, "1"), (1, "1"), (1.1, "5"), (6, "inf")])
def test_histogram_counts_in_the_bucket_with_the_next_bound(value: float, bound: str) -> None:
    counters = SharedCounters()
    counters.family("seconds", "help", "backend", buckets=(1, 5)).labels("tar").observe(value)
    assert counters.values() == {("seconds", "tar", bound): 1, ("seconds", "tar", SUM): value}
