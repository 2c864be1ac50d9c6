"""The ring of the last failures: newest first, complete, shared by processes, also by those that died."""

import pytest

from tests.telemetry.test_counters import in_child
from tornado_archiver.limits.scoreboard import Slot
from tornado_archiver.limits.workers import WorkerTable
from tornado_archiver.telemetry import failures
from tornado_archiver.telemetry.failures import CAPACITY, Failure, FailureLog
from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.transfer import Outcome, Transfer

# They do nothing but record in the child, and end there
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

ABORTED = Failure(1.5, "0123456789abcdef", "5f2c1e…", "stored-zip", "source changed", 7, 2**40, 0)
PAGE = Failure(2.5, "fedcba9876543210", "5f2c1e…", "tar.gz", "internal", status=500)


def numbered(number: int) -> Failure:
    return Failure(number, str(number), "5f2c1e…", "tar", "internal")


class Workers(WorkerTable):
    """No shared memory, because nothing here asks for the workers."""

    def __init__(self) -> None: ...


def test_failures_are_returned_newest_first() -> None:
    log = FailureLog()
    assert log.last() == []
    log.add(ABORTED)
    log.add(PAGE)
    assert log.last() == [PAGE, ABORTED]


@pytest.mark.parametrize("count", [CAPACITY - 1, CAPACITY, CAPACITY + 1, 5 * CAPACITY + 3])
def test_failures_beyond_the_capacity_replace_the_oldest(count: int) -> None:
    log = FailureLog()
    for number in range(count):
        log.add(numbered(number))
    expected = [numbered(number) for number in range(count)][-CAPACITY:]
    assert log.last() == expected[::-1]


def test_failure_of_a_process_that_died_stays() -> None:
    log = FailureLog()
    in_child(lambda: log.add(ABORTED))
    assert log.last() == [ABORTED]


def test_failure_half_written_by_a_killed_process_is_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    log = FailureLog()
    for number in range(2 * CAPACITY):
        log.add(numbered(number))
    complete = log.last()

    def write_and_stop(record: object, failure: Failure) -> None:
        record.request_id = b"half"  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(failures, "_write", write_and_stop)
        in_child(lambda: log.add(PAGE))
    assert log.last() == complete
    log.add(PAGE)
    assert log.last() == [PAGE, *complete[:-1]]


@pytest.mark.parametrize("text", ["x" * 300, "ж" * 300, "…" * 300, "\udcff" * 300])
def test_failure_with_long_texts_is_truncated_to_whole_characters(text: str) -> None:
    log = FailureLog()
    log.add(Failure(1, text, text, text, text))
    (failure,) = log.last()
    for kept in (failure.request_id, failure.archive, failure.backend, failure.reason):
        assert kept == text.encode(errors="replace")[: len(kept.encode())].decode()
        assert 30 <= len(kept.encode()) <= 64


@pytest.mark.parametrize(
    ("outcome", "status", "reason", "is_recorded"),
    [
        (Outcome.FAILED, 0, "source changed", True),
        (Outcome.REJECTED, 503, "storage unavailable", True),
        (Outcome.REJECTED, 500, "internal", True),
        (Outcome.REJECTED, 500, "a reason of a plugin", True),
        (Outcome.REJECTED, 505, "old protocol", True),
        (Outcome.REJECTED, 503, "too many downloads", False),
        (Outcome.REJECTED, 503, "upload in progress", False),
        (Outcome.REJECTED, 404, "not found", False),
        (Outcome.REJECTED, 413, "too large", False),
        (Outcome.COMPLETE, 0, "", False),
        (Outcome.CLIENT_CLOSED, 0, "", False),
        (Outcome.SEND_TIMEOUT, 0, "", False),
        (Outcome.SHUTDOWN, 0, "", False),
        (Outcome.RESPONDED, 0, "", False),
    ],
)
def test_failures_of_the_service_alone_are_recorded(
    outcome: Outcome, status: int, reason: str, is_recorded: bool
) -> None:
    metrics = Metrics(Workers())
    transfer = Transfer("id", "192.0.2.1", "5f2c1e…", "tar", outcome, reason, error_status=status)
    metrics.ended(transfer, 1)
    assert bool(metrics.failures.last()) == is_recorded


def test_bytes_of_an_error_page_are_not_recorded_as_sent() -> None:
    metrics = Metrics(Workers())
    page = Transfer(
        "id", "192.0.2.1", "5f2c1e…", "tar", Outcome.REJECTED, "internal", 99, 99, error_status=500
    )
    metrics.ended(page, 1)
    (failure,) = metrics.failures.last()
    assert (failure.bytes_sent, failure.content_length, failure.status) == (0, None, 500)


def test_failure_with_a_reason_of_a_plugin_is_recorded_as_other() -> None:
    metrics = Metrics(Workers())
    metrics.ended(Transfer("id", "192.0.2.1", outcome=Outcome.FAILED, reason="/photos/secret"), 1)
    assert [failure.reason for failure in metrics.failures.last()] == ["other"]


def test_started_downloads_of_an_exited_worker_are_recorded() -> None:
    metrics = Metrics(Workers())
    labels = {"id": "1", "client": "192.0.2.1", "archive": "5f2c1e…"}
    started = labels | {"id": "2", "backend": "tar", "range": ""}
    metrics.worker_exited([Slot(0, 1, True, 0, labels=labels), Slot(1, 1, True, 0, 5, 9, started)])
    (failure,) = metrics.failures.last()
    assert (failure.request_id, failure.reason, failure.archive) == ("2", "worker died", "5f2c1e…")
    assert (failure.backend, failure.bytes_sent, failure.content_length) == ("tar", 5, 9)
    assert metrics.totals().failed["worker died"] == metrics.totals().ended["failed"] == 1
