"""Rates, sizes and durations of the status page."""

import pytest

from tornado_archiver.limits.scoreboard import Slot
from tornado_archiver.telemetry.status import RateEstimator, format_bytes, format_duration


def slot(sent: int, started_at: float = 100.0) -> Slot:
    return Slot(1, 1, True, started_at, sent)


def test_rate_is_that_of_the_last_seconds() -> None:
    rates = RateEstimator()
    assert rates.update([slot(1000)], 110) == [100]  # since its beginning
    assert rates.update([slot(1000)], 111) == [pytest.approx(1000 / 11)]  # one second is too short
    assert rates.update([slot(3000)], 115) == [400]
    assert rates.update([slot(3000)], 119) == [pytest.approx(2000 / 9)]
    assert rates.update([slot(9000)], 125) == [600]  # what is older than ten seconds has been forgotten


def test_rate_of_a_slot_that_is_used_again_is_of_the_new_download() -> None:
    rates = RateEstimator()
    rates.update([slot(10**6)], 110)
    assert rates.update([slot(50, started_at=114)], 115) == [50]
    assert rates.update([], 116) == []
    assert rates.update([slot(0, started_at=120)], 120) == [0]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (10**15, "1.0 PB"),
        (999.6, "1.0 kB"),
        (10**19, "10000.0 PB"),
    ],
)
def test_format_bytes_has_a_unit(count: float, shown: str) -> None:
    assert format_bytes(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.5, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (356_400, "4 d 3 h"),
    ],
)
def test_format_duration_has_two_units(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown
