"""The book of the downloads: limits, turns, and what is left of the dead. With real processes."""

import os
import signal
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_archiver.errors import TooManyDownloadsError
from tornado_archiver.ledger import MAX_WAITING, Ledger, Limits


def running(ledger: Ledger) -> list[int]:
    return [row.number for row in ledger.rows() if row.is_running]


def in_another_process(act: "object") -> int:
    """The number of a process that has called `act` and ended without putting anything away."""
    pid = os.fork()
    if not pid:
        try:
            act()  # type: ignore[operator]
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_no_limit_is_no_limit() -> None:
    ledger = Ledger()
    rows = [ledger.join("a") for _ in range(50)]
    assert all(map(ledger.runs, rows))


def test_whoever_waits_longest_gets_the_place() -> None:
    ledger = Ledger(Limits(total=1))
    first, second, third = ledger.join("a"), ledger.join("b"), ledger.join("c")
    assert running(ledger) == [first]
    ledger.leave(first)
    assert running(ledger) == [second]
    ledger.leave(third)
    ledger.leave(second)
    assert ledger.rows() == []


def test_a_client_with_its_share_holds_up_nobody_behind_it() -> None:
    ledger = Ledger(Limits(total=3, per_client=1))
    greedy, waiting, other = ledger.join("a"), ledger.join("a"), ledger.join("b")
    assert ledger.runs(greedy)
    assert ledger.runs(other)
    assert not ledger.runs(waiting)
    ledger.leave(greedy)
    assert ledger.runs(waiting)


def test_one_client_cannot_fill_the_queue() -> None:
    ledger = Ledger(Limits(total=10, per_client=2))
    for _ in range(4):  # two run, two wait
        ledger.join("a")
    with pytest.raises(TooManyDownloadsError):
        ledger.join("a")
    assert len(ledger.rows()) == 4
    assert ledger.runs(ledger.join("b"))


def test_the_queue_has_an_end() -> None:
    ledger = Ledger(Limits(total=1))
    for number in range(MAX_WAITING + 1):
        ledger.join(str(number))
    with pytest.raises(TooManyDownloadsError):
        ledger.join("one more")
    ledger.leave(0)
    ledger.join("one more")


def test_a_full_book_refuses() -> None:
    ledger = Ledger(capacity=2)
    ledger.join("a")
    ledger.join("b")
    with pytest.raises(TooManyDownloadsError):
        ledger.join("c")


def test_limits_hold_over_processes() -> None:
    ledger = Ledger(Limits(total=1))
    pid = in_another_process(lambda: ledger.join("a"))
    mine = ledger.join("b")
    assert not ledger.runs(mine)
    ledger.forget(pid)
    assert ledger.runs(mine)
    assert [row.pid for row in ledger.rows()] == [os.getpid()]


def test_limits_that_another_process_sets_hold_here() -> None:
    ledger = Ledger(Limits(total=10))
    mine, _ = ledger.join("a"), in_another_process(lambda: setattr(ledger, "limits", Limits(1, 1)))
    waiting = ledger.join("b")
    assert (ledger.runs(mine), ledger.runs(waiting)) == (True, False)


def test_a_row_over_whose_details_its_process_died_is_shown_without() -> None:
    ledger = Ledger()
    number = ledger.join("a")
    ledger._book.details[number].value = b'{"client": "'
    assert [row.details for row in ledger.rows()] == [{}]


def test_who_dies_with_the_lock_does_not_keep_it() -> None:
    ledger = Ledger()

    def die_within() -> None:
        with ledger._shared.locked():
            os.kill(os.getpid(), signal.SIGKILL)

    in_another_process(die_within)
    assert ledger.runs(ledger.join("a"))


def test_rows_tell_what_is_known() -> None:
    ledger = Ledger()
    ledger.join("a")
    before = time.monotonic()
    number = ledger.join("b")
    ledger.describe(number, 5 * 2**40, {"archive": "3bea29…", "backend": "tar"})
    ledger.count_sent(number, 3 * 2**40)
    first, row = ledger.rows()
    assert (first.promised, first.details) == (None, {})
    assert (row.sent, row.promised, row.is_running) == (3 * 2**40, 5 * 2**40, True)
    assert row.details == {"archive": "3bea29…", "backend": "tar"}
    assert before <= row.began <= time.monotonic()


def test_a_row_that_is_used_again_tells_nothing_of_the_one_before() -> None:
    ledger = Ledger()
    number = ledger.join("a")
    ledger.describe(number, 10, {"archive": "x"})
    ledger.count_sent(number, 10)
    ledger.leave(number)
    assert ledger.join("b") == number
    (row,) = ledger.rows()
    assert (row.sent, row.promised, row.details) == (0, None, {})


def test_details_of_any_length_are_survived() -> None:
    ledger = Ledger()
    number = ledger.join("a")
    for length in range(400, 600):
        ledger.describe(number, None, {"id": "x" * length})
        assert ledger.rows()[0].details in ({}, {"id": "x" * length})


def test_draining_is_seen_by_all() -> None:
    ledger = Ledger()
    assert not ledger.draining

    def drain() -> None:
        ledger.draining = True

    in_another_process(drain)
    assert ledger.draining


def test_bytes_of_all_share_one_line() -> None:
    ledger, began = Ledger(), time.monotonic()
    in_another_process(lambda: ledger.reserve(1000, 100))  # ten seconds' worth
    wait_s = ledger.reserve(1, 100)
    assert wait_s <= 10
    assert wait_s + time.monotonic() - began > 8


def test_a_line_that_nobody_used_has_no_more_than_a_burst() -> None:
    ledger, began = Ledger(), time.monotonic()
    assert ledger.reserve(100, 100) == 0
    assert ledger.reserve(100, 100) + time.monotonic() - began > 0.5


class _Model:
    """The same by the simplest means: a list in the order of coming."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rows: list[tuple[int, str, bool]] = []

    def promote(self) -> None:
        for at, (number, client, is_running) in enumerate(self.rows):
            counts = Counter(name for _, name, runs in self.rows if runs)
            free = not self.limits.total or counts.total() < self.limits.total
            fair = not self.limits.per_client or counts[client] < self.limits.per_client
            if not is_running and free and fair:
                self.rows[at] = (number, client, True)


@given(
    st.builds(Limits, st.integers(0, 4), st.integers(0, 2)),
    st.lists(st.one_of(st.sampled_from("abc"), st.integers(0, 8)), max_size=40),
)
def test_turns_are_taken_in_the_order_of_coming(limits: Limits, steps: list[str | int]) -> None:
    ledger, model = Ledger(limits, capacity=64), _Model(limits)
    for step in steps:
        if isinstance(step, int):
            if step < len(model.rows):
                ledger.leave(model.rows.pop(step)[0])
        else:
            try:
                model.rows.append((ledger.join(step), step, False))
            except TooManyDownloadsError:
                continue
        model.promote()
        assert {row.number: row.is_running for row in ledger.rows()} == {
            number: runs for number, _, runs in model.rows
        }
