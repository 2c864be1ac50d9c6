"""A storage that does not answer, and one that takes its time."""

import asyncio

import pytest

from tests.memory_storage import entry, manifest_of
from tornado_archiver.errors import SourceNotFoundError, StorageUnavailableError
from tornado_archiver.impatient_storage import ImpatientStorage
from tornado_archiver.source import Manifest, Storage

FOUND = manifest_of(entry("1.jpg"))


class Slow(Storage):
    """Answers when it is told to: with a manifest for "album" alone."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def scan(self, source_hash: str) -> Manifest:
        await self.go_on.wait()
        if source_hash != "album":
            raise SourceNotFoundError("there is none")
        return FOUND


async def ask(patience_s: float, source_hash: str = "album", answer_after_s: float = 0) -> Manifest:
    slow = Slow()
    asyncio.get_running_loop().call_later(answer_after_s, slow.go_on.set)
    return await ImpatientStorage(slow, patience_s).scan(source_hash)


def test_who_does_not_answer_is_given_up() -> None:
    with pytest.raises(StorageUnavailableError, match=r"looked through within 0\.01 s"):
        asyncio.run(ask(0.01, answer_after_s=3600))


@pytest.mark.parametrize("patience_s", [0, 3600])
def test_who_takes_his_time_is_waited_for(patience_s: float) -> None:
    assert asyncio.run(ask(patience_s, answer_after_s=0.05)) is FOUND


def test_what_he_says_is_passed_on() -> None:
    with pytest.raises(SourceNotFoundError):
        asyncio.run(ask(3600, "unknown"))
