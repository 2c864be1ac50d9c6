"""Downloads grouped by client."""

from tornado_archiver.limits.scoreboard import Slot
from tornado_archiver.telemetry.client_groups import group_by_client
from tornado_archiver.telemetry.status import DownloadStatus


def download(
    client: str, *, sent: int = 0, rate: float = 0, seconds: float = 0, queued: bool = False
) -> DownloadStatus:
    labels = {"client": client} if client else {}
    return DownloadStatus(Slot(1, 1, not queued, 0, sent, None, labels), seconds, rate, None)


def test_groups_of_most_downloads_come_first_then_by_address() -> None:
    downloads = [download(client) for client in ("b", "a", "c", "c", "")]
    groups = group_by_client(downloads)
    assert [(group.client, len(group.downloads)) for group in groups] == [
        ("c", 2),
        ("", 1),
        ("a", 1),
        ("b", 1),
    ]
    assert group_by_client([]) == []


def test_group_has_sums_and_extremes_of_its_downloads() -> None:
    (group,) = group_by_client(
        [
            download("a", sent=10, rate=5, seconds=3),
            download("a", sent=20, rate=2, seconds=9),
            download("a", seconds=20, queued=True),
        ]
    )
    assert (group.running, group.queued) == (2, 1)
    assert (group.bytes_sent, group.bytes_per_s) == (30, 7)
    assert (group.slowest_bytes_per_s, group.longest_s) == (2, 20)


def test_group_of_queued_downloads_has_no_slowest_one() -> None:
    (group,) = group_by_client([download("a", queued=True)])
    assert group.slowest_bytes_per_s is None
