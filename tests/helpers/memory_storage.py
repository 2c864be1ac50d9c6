"""A storage without a disk: contents come from functions, an object store's would come over the network."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache

from tornado_archiver.source import Entry, Manifest, Reader, Source, SourceFile

MTIME_NS = 1_600_000_000 * 10**9
Read = Callable[[int, int], bytes]  # the bytes from start up to and without stop


@dataclass
class MemorySource(Source):
    """`reads` gives the content of each file. The two counts are of what went through this source."""

    reads: Mapping[str, Read]
    read_bytes: int = 0
    closed: int = 0
    opened: list[str] = field(default_factory=list)

    def reader(self) -> AbstractContextManager[Reader]:
        return nullcontext(_MemoryReader(self))

    @property
    def still_open(self) -> int:
        return len(self.opened) - self.closed


class _MemoryReader(Reader):
    def __init__(self, source: MemorySource) -> None:
        self._source = source

    def iter_blocks(self, entry: Entry, max_bytes: int) -> Iterator[memoryview]:
        for start in range(0, entry.size, max_bytes):
            yield memoryview(self._read(entry, start, min(start + max_bytes, entry.size)))

    def read_all(self, entry: Entry) -> bytes:
        return self._read(entry, 0, entry.size)

    def open_file(self, entry: Entry) -> SourceFile:
        return _MemoryContent(self._source, entry)

    def verify(self, entries: Iterable[Entry], changed_ns: int | None = None) -> None:
        return

    def _read(self, entry: Entry, start: int, stop: int) -> bytes:
        self._source.read_bytes += stop - start
        return self._source.reads[entry.member_name](start, stop)


class _MemoryContent(SourceFile):
    def __init__(self, source: MemorySource, entry: Entry) -> None:
        self._source, self._entry = source, entry
        self._is_open = True
        self.cache_key: Hashable = (entry.member_name, entry.size, entry.mtime_ns)
        source.opened.append(entry.member_name)

    def read(self, start: int, stop: int) -> bytes:
        assert self._is_open
        assert 0 <= start < stop <= self._entry.size
        self._source.read_bytes += stop - start
        return self._source.reads[self._entry.member_name](start, stop)

    def slice(self, head: bytes, start: int, stop: int) -> bytes:
        return head + self.read(start, stop)

    def verify(self) -> None:
        assert self._is_open

    def close(self) -> None:
        self._source.closed += self._is_open
        self._is_open = False


def entry(name: str, size: int = 0, mtime_ns: int = MTIME_NS, mode: int = 0o644) -> Entry:
    return Entry(name, name.encode(), size, mtime_ns, mode)


def manifest_of(*entries: Entry) -> Manifest:
    """Of these entries, in byte order; each file is filled with a different content."""
    reads = {entry.member_name: pattern(entry.member_name) for entry in entries}
    return Manifest(tuple(sorted(entries)), MemorySource(reads))


def pattern(name: str) -> Read:
    """An endless content in which each position differs from its neighbours: a cycle of 251 bytes."""
    first = sum(name.encode())
    cycle = bytes((first + 7 * step) % 251 for step in range(251))

    def read(start: int, stop: int) -> bytes:
        skipped = start % len(cycle)
        return (cycle * ((stop - start + skipped) // len(cycle) + 1))[skipped : skipped + stop - start]

    return read


def zeros(start: int, stop: int) -> bytes:
    return _zeros(stop - start)


@lru_cache(maxsize=8)
def _zeros(length: int) -> bytes:
    return bytes(length)
