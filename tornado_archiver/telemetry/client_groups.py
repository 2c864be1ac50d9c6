"""Downloads grouped by client, for a status page with many of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tornado_archiver.telemetry.status import Downloads, DownloadStatus


@dataclass(frozen=True, slots=True)
class ClientGroup(Downloads):
    """All downloads of one client. `client`: its address, "" while unknown."""

    client: str

    @property
    def bytes_sent(self) -> int:
        return sum(download.slot.bytes_sent for download in self.downloads)

    @property
    def slowest_bytes_per_s(self) -> float | None:
        """The lowest rate of a running download, None if all are queued."""
        rates = (download.bytes_per_s for download in self.downloads if download.slot.is_running)
        return min(rates, default=None)

    @property
    def longest_s(self) -> float:
        """Seconds since the oldest request."""
        return max(download.seconds for download in self.downloads)


def group_by_client(downloads: Iterable[DownloadStatus]) -> list[ClientGroup]:
    """Return a group for each client: most downloads first, then in the order of their addresses."""
    groups = defaultdict(list)
    for download in downloads:
        groups[download.slot.labels.get("client", "")].append(download)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [ClientGroup(of_client, client) for client, of_client in ordered]
