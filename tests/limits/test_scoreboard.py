"""The scoreboard: limits, queue order, and slots of processes that died. With real processes."""

import os
import signal
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_archiver.errors import TooManyDownloadsError
from tornado_archiver.limits.scoreboard import MAX_WAITING, Limits, Scoreboard


def running(scoreboard: Scoreboard) -> list[int]:
    return [slot.index for slot in scoreboard.slots() if slot.is_running]


def in_another_process(act: "object") -> int:
    """Return the pid of a process that has called `act` and exited without cleaning up."""
    pid = os.fork()
    if not pid:
        try:
            act()  # type: ignore[operator]
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_enqueue_without_limits_runs_at_once() -> None:
    scoreboard = Scoreboard()
    slots = [scoreboard.enqueue("a") for _ in range(50)]
    assert all(map(scoreboard.is_running, slots))


def test_release_admits_the_oldest_waiting_download() -> None:
    scoreboard = Scoreboard(Limits(total=1))
    first, second, third = scoreboard.enqueue("a"), scoreboard.enqueue("b"), scoreboard.enqueue("c")
    assert running(scoreboard) == [first]
    scoreboard.release(first)
    assert running(scoreboard) == [second]
    scoreboard.release(third)
    scoreboard.release(second)
    assert scoreboard.slots() == []


def test_client_at_its_limit_does_not_block_later_clients() -> None:
    scoreboard = Scoreboard(Limits(total=3, per_client=1))
    greedy, waiting, other = scoreboard.enqueue("a"), scoreboard.enqueue("a"), scoreboard.enqueue("b")
    assert scoreboard.is_running(greedy)
    assert scoreboard.is_running(other)
    assert not scoreboard.is_running(waiting)
    scoreboard.release(greedy)
    assert scoreboard.is_running(waiting)


def test_enqueue_above_the_queue_share_of_a_client_raises() -> None:
    scoreboard = Scoreboard(Limits(total=10, per_client=2))
    for _ in range(4):  # two run, two wait
        scoreboard.enqueue("a")
    with pytest.raises(TooManyDownloadsError):
        scoreboard.enqueue("a")
    assert len(scoreboard.slots()) == 4
    assert scoreboard.is_running(scoreboard.enqueue("b"))


def test_enqueue_on_full_queue_raises() -> None:
    scoreboard = Scoreboard(Limits(total=1))
    for number in range(MAX_WAITING + 1):
        scoreboard.enqueue(str(number))
    with pytest.raises(TooManyDownloadsError):
        scoreboard.enqueue("one more")
    scoreboard.release(0)
    scoreboard.enqueue("one more")


def test_enqueue_on_full_scoreboard_raises() -> None:
    scoreboard = Scoreboard(capacity=2)
    scoreboard.enqueue("a")
    scoreboard.enqueue("b")
    with pytest.raises(TooManyDownloadsError):
        scoreboard.enqueue("c")


def test_limits_hold_over_processes() -> None:
    scoreboard = Scoreboard(Limits(total=1))
    pid = in_another_process(lambda: scoreboard.enqueue("a"))
    mine = scoreboard.enqueue("b")
    assert not scoreboard.is_running(mine)
    scoreboard.release_process(pid)
    assert scoreboard.is_running(mine)
    assert [slot.pid for slot in scoreboard.slots()] == [os.getpid()]


def test_limits_that_another_process_sets_hold_here() -> None:
    scoreboard = Scoreboard(Limits(total=10))
    mine, _ = scoreboard.enqueue("a"), in_another_process(lambda: setattr(scoreboard, "limits", Limits(1, 1)))
    waiting = scoreboard.enqueue("b")
    assert (scoreboard.is_running(mine), scoreboard.is_running(waiting)) == (True, False)


def test_slot_with_half_written_labels_is_shown_without() -> None:
    scoreboard = Scoreboard()
    slot_index = scoreboard.enqueue("a")
    scoreboard._struct.labels[slot_index].value = b'{"client": "'
    assert [slot.labels for slot in scoreboard.slots()] == [{}]


def test_lock_of_a_process_that_died_is_released() -> None:
    scoreboard = Scoreboard()

    def die_within() -> None:
        with scoreboard._shared.locked():
            os.kill(os.getpid(), signal.SIGKILL)

    in_another_process(die_within)
    assert scoreboard.is_running(scoreboard.enqueue("a"))


def test_slots_show_what_was_set() -> None:
    scoreboard = Scoreboard()
    scoreboard.enqueue("a")
    before = time.monotonic()
    slot_index = scoreboard.enqueue("b")
    scoreboard.set_labels(slot_index, {"archive": "3bea29…", "backend": "tar"}, 5 * 2**40)
    scoreboard.set_bytes_sent(slot_index, 3 * 2**40)
    first, slot = scoreboard.slots()
    assert (first.content_length, first.labels) == (None, {})
    assert (slot.bytes_sent, slot.content_length, slot.is_running) == (3 * 2**40, 5 * 2**40, True)
    assert slot.labels == {"archive": "3bea29…", "backend": "tar"}
    assert before <= slot.started_at <= time.monotonic()


def test_reused_slot_has_no_data_of_the_previous_download() -> None:
    scoreboard = Scoreboard()
    slot_index = scoreboard.enqueue("a")
    scoreboard.set_labels(slot_index, {"archive": "x"}, 10)
    scoreboard.set_bytes_sent(slot_index, 10)
    scoreboard.release(slot_index)
    assert scoreboard.enqueue("b") == slot_index
    (slot,) = scoreboard.slots()
    assert (slot.bytes_sent, slot.content_length, slot.labels) == (0, None, {})


def test_labels_of_any_length_are_complete_or_absent() -> None:
    scoreboard = Scoreboard()
    slot_index = scoreboard.enqueue("a")
    for length in range(400, 600):
        scoreboard.set_labels(slot_index, {"id": "x" * length})
        assert scoreboard.slots()[0].labels in ({}, {"id": "x" * length})


def test_draining_is_seen_by_all_processes() -> None:
    scoreboard = Scoreboard()
    assert not scoreboard.draining

    def drain() -> None:
        scoreboard.draining = True

    in_another_process(drain)
    assert scoreboard.draining


def test_release_process_returns_what_that_process_ran() -> None:
    scoreboard = Scoreboard()
    mine = scoreboard.enqueue("a")

    def register_and_download() -> None:
        scoreboard.workers.register()
        scoreboard.set_labels(scoreboard.enqueue("b"), {"backend": "tar"})

    pid = in_another_process(register_and_download)
    assert [slot.labels for slot in scoreboard.release_process(pid)] == [{"backend": "tar"}]
    assert scoreboard.release_process(pid) == []
    assert (running(scoreboard), scoreboard.workers.gauges()) == ([mine], {})


def test_set_bytes_sent_returns_the_growth() -> None:
    scoreboard = Scoreboard()
    slot = scoreboard.enqueue("a")
    assert [scoreboard.set_bytes_sent(slot, count) for count in (5, 5, 12)] == [5, 0, 7]


class _Model:
    """The same by the simplest means: a list in the order of the requests."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.slots: list[tuple[int, str, bool]] = []

    def admit_waiting(self) -> None:
        for at, (index, client, was_running) in enumerate(self.slots):
            counts = Counter(name for _, name, is_running in self.slots if is_running)
            free = not self.limits.total or counts.total() < self.limits.total
            fair = not self.limits.per_client or counts[client] < self.limits.per_client
            if not was_running and free and fair:
                self.slots[at] = (index, client, True)


@given(
    st.builds(Limits, st.integers(0, 4), st.integers(0, 2)),
    st.lists(st.one_of(st.sampled_from("abc"), st.integers(0, 8)), max_size=40),
)
def test_downloads_are_admitted_in_the_order_of_the_requests(limits: Limits, steps: list[str | int]) -> None:
    scoreboard, model = Scoreboard(limits, capacity=64), _Model(limits)
    for step in steps:
        if isinstance(step, int):
            if step < len(model.slots):
                scoreboard.release(model.slots.pop(step)[0])
        else:
            try:
                model.slots.append((scoreboard.enqueue(step), step, False))
            except TooManyDownloadsError:
                continue
        model.admit_waiting()
        assert {slot.index: slot.is_running for slot in scoreboard.slots()} == {
            index: is_running for index, _, is_running in model.slots
        }
