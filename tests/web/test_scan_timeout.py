"""The scan of a storage that does not answer, and of one that takes its time."""

import asyncio

import pytest

from tests.helpers.memory_storage import entry, manifest_of
from tornado_archiver.errors import SourceNotFoundError, StorageUnavailableError
from tornado_archiver.limits.admission import AdmissionControl
from tornado_archiver.limits.rate import RateLimiter
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.links.link import ArchiveLink
from tornado_archiver.source import Manifest, Storage
from tornado_archiver.web.services import Services

FOUND = manifest_of(entry("1.jpg"))


class Slow(Storage):
    """Answers after `go_on` is set, with a manifest for "album" alone."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def scan(self, source_hash: str) -> Manifest:
        await self.go_on.wait()
        if source_hash != "album":
            raise SourceNotFoundError("there is none")
        return FOUND


def service_of(storage: Storage, scan_timeout_s: float) -> Services:
    admission = AdmissionControl(Scoreboard(), 0)
    return Services(storage, [], admission, RateLimiter(), scan_timeout_s=scan_timeout_s)


async def scan(timeout_s: float, source_hash: str = "album", answer_after_s: float = 0) -> Manifest:
    slow = Slow()
    asyncio.get_running_loop().call_later(answer_after_s, slow.go_on.set)
    return await service_of(slow, timeout_s).scan(ArchiveLink(source_hash))


def test_scan_that_exceeds_the_timeout_raises_storage_unavailable() -> None:
    with pytest.raises(StorageUnavailableError, match=r"scan did not end within 0\.01 s"):
        asyncio.run(scan(0.01, answer_after_s=3600))


@pytest.mark.parametrize("timeout_s", [0, 3600])
def test_scan_without_or_within_the_timeout_returns_the_manifest(timeout_s: float) -> None:
    assert asyncio.run(scan(timeout_s, answer_after_s=0.05)) is FOUND


def test_scan_that_fails_raises_the_error_of_the_storage() -> None:
    with pytest.raises(SourceNotFoundError):
        asyncio.run(scan(3600, "unknown"))
