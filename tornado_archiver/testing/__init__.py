"""The suite that every backend passes, built-in or not.

    class TestMine(BackendConformance):
        def make_backend(self) -> Backend:
            return Mine(BackendOptions())

        def extract(self, archive: Path, into: Path) -> None:
            subprocess.run(["bsdtar", "-xpf", archive, "-C", into], check=True)

`extract` must share no code with the backend. The suite needs pytest and psutil, and Linux's /proc.
"""

import asyncio
import re
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tornado_archiver.backend import Archive, ArchiveInfo, Backend, ByteRange
from tornado_archiver.chunks import FileSlice, as_bytes
from tornado_archiver.errors import ArchiverError
from tornado_archiver.selection import Selection
from tornado_archiver.testing import faults, trees
from tornado_archiver.testing.footprint import Footprint, bytes_read, work_of_ended_programs
from tornado_archiver.testing.members import differences, promised, unpacked

MAX_CHUNK_BYTES = 2 * 1024 * 1024
MAX_AHEAD_BYTES = 8 * 1024 * 1024

_ASKING_BYTES = 256 * 1024
_NOISE_BYTES = 16 * 1024 * 1024  # more than pipes and buffers hold

__all__ = ["BackendConformance", "Change", "Fault"]

Fault = Callable[[Path, Path], None]
Change = Callable[[Path], None]
_Result = TypeVar("_Result")


class BackendConformance:
    """Subclass it, name the class `Test…`, define the two methods."""

    keeps_directory_times = True  # whether the format and its extractor give directories their time back

    @abstractmethod
    def make_backend(self) -> Backend:
        """A new instance, as the service would make it."""

    @abstractmethod
    def extract(self, archive: Path, into: Path) -> None:
        """Unpack with somebody else's reader, modes and times included; raise when it complains."""

    # What it says of itself

    def test_says_what_it_is(self) -> None:
        backend = self.make_backend()
        assert re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", backend.name)
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", backend.media_type)
        assert re.fullmatch(r"(\.[a-z0-9]+)+", backend.suffix)

    def test_can_work_here(self) -> None:
        asyncio.run(self.make_backend().check())

    # What is in the archive

    def test_packs_exactly_the_manifest(self, tmp_path: Path) -> None:
        self._round_trip(trees.mixed(tmp_path / "photos"), tmp_path)

    def test_packs_hostile_names(self, tmp_path: Path) -> None:
        self._round_trip(trees.hostile(tmp_path / "photos"), tmp_path)

    def test_packs_many_members(self, tmp_path: Path) -> None:
        self._round_trip(trees.noisy(tmp_path / "photos", files=1500, size=300), tmp_path)

    def test_packs_a_single_empty_directory(self, tmp_path: Path) -> None:
        root = tmp_path / "photos" / trees.SOURCE
        (root / "void").mkdir(parents=True)
        trees.settle_directories(root)
        self._round_trip(root, tmp_path)

    def test_packs_a_followed_link_as_what_it_leads_to(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")
        (root / "link.jpg").symlink_to("1.jpg")
        (root / "linked").symlink_to("a")
        trees.settle_directories(root)
        self._round_trip(root, tmp_path, Selection(follow_symlinks=True))

    def test_packs_two_at_once(self, tmp_path: Path) -> None:
        first, second = trees.mixed(tmp_path / "one"), trees.noisy(tmp_path / "two", files=9, size=200_000)

        async def both() -> tuple[bytes, bytes]:
            backend = self.make_backend()
            archives = [await backend.open(await trees.manifest_of(root)) for root in (first, second)]
            one, two = await asyncio.gather(*(_all(archive) for archive in archives))
            return one, two

        for number, (root, data) in enumerate(zip((first, second), asyncio.run(both()), strict=True)):
            self._compare(root, data, tmp_path / f"out{number}")

    # What it says of the archive

    def test_hands_out_chunks_of_a_good_size(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def held_in_memory(archive: Archive) -> list[object]:
            async with aclosing(archive.chunks()) as chunks:
                return [
                    chunk.head + b"+" if isinstance(chunk, FileSlice) else chunk async for chunk in chunks
                ]

        for piece in self._run(root, held_in_memory):
            assert isinstance(piece, bytes)
            assert 1 <= len(piece) <= MAX_CHUNK_BYTES

    def test_sends_the_length_it_promised(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def lengths(archive: Archive) -> tuple[int | None, int]:
            return archive.info.length, len(await _all(archive))

        length, sent = self._run(root, lengths)
        assert length in (None, sent)

    def test_same_etag_means_same_bytes(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def tagged(archive: Archive) -> tuple[str | None, bytes]:
            return archive.info.etag, await _all(archive)

        (tag, data), (tag_again, data_again) = self._run(root, tagged), self._run(root, tagged)
        assert tag == tag_again
        assert tag is None or data == data_again

    @pytest.mark.parametrize("change", faults.HARMLESS)
    def test_other_bytes_have_another_etag(self, tmp_path: Path, change: Change) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def tagged(archive: Archive) -> tuple[str | None, bytes]:
            return archive.info.etag, await _all(archive)

        tag, data = self._run(root, tagged)
        change(root)
        tag_changed, data_changed = self._run(root, tagged)
        assert tag is None or tag != tag_changed or data == data_changed

    def test_says_when_it_was_modified(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")

        async def facts(archive: Archive) -> ArchiveInfo:
            return archive.info

        info = self._run(root, facts)
        newest_s = max(entry.mtime_ns for entry in asyncio.run(trees.manifest_of(root)).entries) // 10**9
        assert info.last_modified is None or isinstance(info.last_modified, int)
        assert info.last_modified is None or info.last_modified >= newest_s
        assert info.etag is None or re.fullmatch(r"[\x21\x23-\x7e]+", info.etag)  # RFC 9110 8.8.3, ASCII only

    def test_ranges_are_slices(self, tmp_path: Path) -> None:
        root = trees.mixed(tmp_path / "photos")
        whole = self._run(root, _all)
        for start, stop in _some_ranges(len(whole)):

            async def part(archive: Archive, start: int = start, stop: int = stop) -> bytes | None:
                if archive.info.length is None:
                    return None
                return b"".join(await _chunks(archive, ByteRange(start, stop)))

            assert self._run(root, part) in (None, whole[start:stop])

    # How it behaves meanwhile

    def test_opening_starts_nothing(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=40, size=200_000)

        async def opened() -> int:
            backend, manifest = self.make_backend(), await trees.manifest_of(root)
            before, read_before, run_before = Footprint.now(), bytes_read(), work_of_ended_programs()
            archive = await backend.open(manifest)
            before.assert_unchanged()
            assert work_of_ended_programs() == run_before
            del archive
            return bytes_read() - read_before

        assert asyncio.run(opened()) < 4_000_000

    def test_goes_at_the_readers_pace(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=64, size=1024 * 1024)

        async def read_ahead(archive: Archive) -> int:
            before = bytes_read()
            async with aclosing(archive.chunks()) as chunks:
                await anext(chunks)
                return await _settled(lambda: bytes_read() - before)

        assert self._run(root, read_ahead) < MAX_AHEAD_BYTES

    def test_lets_the_event_loop_run(self, tmp_path: Path) -> None:
        root = trees.noisy(tmp_path / "photos", files=16, size=1024 * 1024)

        async def turns(archive: Archive) -> int:
            count = 0

            async def turn() -> None:
                nonlocal count
                while True:
                    await asyncio.sleep(0)
                    count += 1

            other = asyncio.create_task(turn())
            chunks = await _chunks(archive)
            other.cancel()
            return count - len(chunks)

        assert self._run(root, turns) > 0

    @pytest.mark.parametrize("pulls", [0, 1, 3])
    def test_leaves_nothing_behind_when_closed(self, tmp_path: Path, pulls: int) -> None:
        async def close_early(archive: Archive) -> None:
            async with aclosing(archive.chunks()) as chunks:
                for _ in range(pulls):
                    await anext(chunks)

        self._leaves_nothing(tmp_path, close_early)

    def test_leaves_nothing_behind_when_cancelled(self, tmp_path: Path) -> None:
        async def cancel(archive: Archive) -> None:
            pulling = asyncio.create_task(_all(archive))
            await asyncio.sleep(0.05)
            pulling.cancel()
            await asyncio.wait([pulling])
            assert pulling.cancelled() or len(pulling.result()) > _NOISE_BYTES, (
                "a cancelled archive ended well"
            )

        self._leaves_nothing(tmp_path, cancel)

    def test_leaves_nothing_behind_when_a_pull_is_cancelled(self, tmp_path: Path) -> None:
        async def cancel(archive: Archive) -> None:
            async with aclosing(archive.chunks()) as chunks:
                await anext(chunks)
                pull = asyncio.ensure_future(anext(chunks))
                await asyncio.sleep(0)  # so that it is cancelled within the pull, not before it
                pull.cancel()
                await asyncio.wait([pull])
                assert pull.cancelled() or pull.exception() is None, "a cancelled archive ended well"

        self._leaves_nothing(tmp_path, cancel)

    def test_leaves_nothing_behind_when_complete(self, tmp_path: Path) -> None:
        async def complete(archive: Archive) -> None:
            await _all(archive)

        self._leaves_nothing(tmp_path, complete)

    # What it does when the source is no longer what the manifest says

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_never_ends_well_after_a_change(self, tmp_path: Path, fault: Fault) -> None:
        root = _with_victim(tmp_path)

        async def changed(archive: Archive) -> bytes:
            fault(root, tmp_path / "outside")
            return await _until_error(archive)

        assert faults.SECRET not in self._run(root, changed)

    @pytest.mark.parametrize("fault", faults.FAULTS)
    def test_never_ends_well_after_a_change_under_way(self, tmp_path: Path, fault: Fault) -> None:
        root = _with_victim(tmp_path)

        async def changed(archive: Archive) -> None:
            await _until_error(archive, after_first=lambda: fault(root, tmp_path / "outside"))

        self._run(root, changed)

    # Helpers

    def _run(self, root: Path, use: Callable[[Archive], Coroutine[Any, Any, _Result]]) -> _Result:
        """What `use` makes of an archive of the directory, in an event loop of its own."""

        async def with_archive() -> _Result:
            return await use(await self.make_backend().open(await trees.manifest_of(root)))

        return asyncio.run(with_archive())

    def _leaves_nothing(self, tmp_path: Path, use: Callable[[Archive], Coroutine[Any, Any, None]]) -> None:
        """Once with plain names and once with names that a program may need help with."""
        plain = trees.noisy(tmp_path / "plain", files=32, size=_NOISE_BYTES // 32)
        odd = trees.noisy(tmp_path / "odd", files=32, size=_NOISE_BYTES // 32)
        trees.write(odd / "in" / "a:b.jpg", b"odd")

        async def compared(archive: Archive) -> None:
            before = Footprint.now()
            await use(archive)
            before.assert_unchanged()

        self._run(plain, compared)
        self._run(odd, compared)

    def _round_trip(self, root: Path, tmp_path: Path, selection: Selection | None = None) -> None:
        async def packed() -> bytes:
            archive = await self.make_backend().open(await trees.manifest_of(root, selection))
            return await _all(archive)

        self._compare(root, asyncio.run(packed()), tmp_path / "out", selection)

    def _compare(self, root: Path, data: bytes, into: Path, selection: Selection | None = None) -> None:
        """Hold what somebody else's reader finds in `data` against the directory."""
        manifest = asyncio.run(trees.manifest_of(root, selection))
        into.mkdir()
        archive = into.with_suffix(self.make_backend().suffix)
        archive.write_bytes(data)
        self.extract(archive, into)
        times = self.keeps_directory_times
        expected = promised(manifest, directory_times=times)
        told = differences(expected, unpacked(into, directory_times=times))
        assert not told, "\n".join(told)


async def _chunks(archive: Archive, byte_range: ByteRange | None = None) -> list[bytes]:
    async with aclosing(archive.chunks(byte_range)) as chunks:
        return [as_bytes(chunk) async for chunk in chunks]


async def _all(archive: Archive) -> bytes:
    return b"".join(await _chunks(archive))


async def _until_error(archive: Archive, after_first: Callable[[], None] | None = None) -> bytes:
    """What came before the ArchiverError that must come, and must leave nothing behind."""
    before, got = Footprint.now(), b""
    with pytest.raises(ArchiverError):
        async with aclosing(archive.chunks()) as chunks:
            async for chunk in chunks:
                if not got and after_first:
                    after_first()
                got += as_bytes(chunk)
    before.assert_unchanged()
    return got


async def _settled(count: Callable[[], int]) -> int:
    """The count when it has hardly grown for half a second (to ask for it counts a little), or when it has
    gone too far already."""
    seen = [count()]
    while len(seen) < 10 or seen[-1] - seen[-10] > _ASKING_BYTES:
        if seen[-1] >= MAX_AHEAD_BYTES:
            break
        await asyncio.sleep(0.05)
        seen.append(count())
    return seen[-1]


def _with_victim(tmp_path: Path) -> Path:
    """More than may be read ahead, and at the end the file that something happens to."""
    root = trees.noisy(tmp_path / "photos", files=MAX_AHEAD_BYTES // 2**20 + 4, size=2**20)
    trees.write(root / faults.VICTIM, trees.noise(2**20, 99))
    return root


def _some_ranges(length: int) -> list[tuple[int, int]]:
    middle = length // 2
    return [
        (0, 1),
        (0, length),
        (0, middle),
        (middle, length),
        (middle, middle + 1),
        (length - 1, length),
        (length // 3, 2 * length // 3),
    ]
