"""What processes of one service share beside the downloads: counts that stay, and who serves."""

import os
import signal
from collections.abc import Callable

import pytest

from tornado_archiver.roll import Roll
from tornado_archiver.tally import CAPACITY, Tally

# They do nothing but count in the child, and end there
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def in_child(act: Callable[[], object]) -> int:
    """The pid of a process that has done it and was killed in that moment."""
    pid = os.fork()
    if not pid:
        try:
            act()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    return pid


def test_counts_add_up() -> None:
    tally = Tally()
    tally.add({("a",): 1, ("b", "x"): 2.5})
    tally.add({("a",): 2})
    assert tally.counts() == {("a",): 3, ("b", "x"): 2.5}


def test_counts_of_processes_that_died_stay() -> None:
    tally = Tally()
    tally.add({("a",): 1})
    in_child(lambda: tally.add({("new",): 1, ("a",): 1}))
    tally.add({("mine",): 1})  # its key comes behind one that this process has not seen
    in_child(lambda: tally.add({("mine",): 1, ("new",): 1}))
    assert tally.counts() == {("a",): 2, ("new",): 2, ("mine",): 2}


def test_processes_that_count_at_once_lose_nothing() -> None:
    tally, pids = Tally(), []
    for number in range(4):
        pid = os.fork()
        if not pid:
            for turn in range(500):
                tally.add({("all",): 1, ("each", str(number)): 1, ("turn", str(turn % 7)): 1})
            os._exit(0)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 4
    counts = tally.counts()
    assert counts["all",] == 2000
    assert [counts["each", str(number)] for number in range(4)] == [500] * 4
    assert sum(counts["turn", str(turn)] for turn in range(7)) == 2000


def test_one_that_dies_while_it_counts_locks_nobody_out() -> None:
    tally = Tally()
    in_child(tally._shared.locked().__enter__)
    tally.add({("a",): 1})
    assert tally.counts() == {("a",): 1}


def test_more_keys_than_there_is_room_for_are_refused() -> None:
    tally = Tally()
    tally.add({(str(number),): 1 for number in range(CAPACITY)})
    with pytest.raises(OverflowError, match="no room"):
        tally.add({("one more",): 1})
    tally.add({("0",): 1})
    assert tally.counts()["0",] == 2
    with pytest.raises(OverflowError, match="no room"):
        Tally().add({("x" * 500,): 1})


def test_the_roll_knows_who_is_there() -> None:
    roll = Roll()
    roll.note(7)  # of one who is not written in
    assert roll.notes() == {}

    def act() -> None:
        roll.enter()
        roll.note(5)

    dead = in_child(act)
    roll.enter()
    assert roll.notes() == {dead: 5, os.getpid(): 0}
    roll.note(3)
    roll.strike_out(dead)
    roll.strike_out(dead)
    assert roll.notes() == {os.getpid(): 3}
    again = in_child(act)
    assert roll.notes() == {os.getpid(): 3, again: 5}
