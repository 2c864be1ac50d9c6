"""The worker table, shared by processes, and the connection counts of a generation."""

import os

import pytest

from tests.telemetry.test_counters import in_child
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.limits.workers import connection_counts

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def test_worker_table_lists_the_workers_that_registered() -> None:
    workers = Scoreboard().workers
    workers.set_gauge(7)  # of a process that is not listed
    assert workers.gauges() == {}

    def act() -> None:
        workers.register()
        workers.set_gauge(5)

    dead = in_child(act)
    workers.register()
    assert workers.gauges() == {dead: 5, os.getpid(): 0}
    workers.set_gauge(3)
    workers.unregister(dead)
    workers.unregister(dead)
    assert workers.gauges() == {os.getpid(): 3}
    again = in_child(act)
    assert workers.gauges() == {os.getpid(): 3, again: 5}


def test_connection_count_with_more_than_another_is_above_minimum() -> None:
    first, second, third = connection_counts(3)
    first.set(2)
    second.set(1)
    third.set(1)
    assert [count.is_above_minimum() for count in (first, second, third)] == [True, False, False]
    second.stop_counting()
    third.stop_counting()
    second.set(0)
    assert not first.is_above_minimum()
