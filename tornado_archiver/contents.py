"""The contents of one archive's entries, during one pass over them. Blocking: for worker threads."""

from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import closing

from isal import isal_zlib

from tornado_archiver.checksums import Checksums
from tornado_archiver.crc_cache import CrcCache
from tornado_archiver.errors import SourceChangedError
from tornado_archiver.source import Manifest, Reader, SourceFile

SMALL_BYTES = 128 * 1024  # up to here a content is read whole, once, for its CRC-32 and for sending
READ_BYTES = 256 * 1024  # stays in the processor's cache while its CRC is computed
_NONE = -1


class Contents:
    """`reader` is for `manifest`; `crcs` outlives the download, and `checksums` this pass. `small_bytes`: the
    largest content that is read whole, SMALL_BYTES or less; the caller may change it between two records."""

    def __init__(self, manifest: Manifest, reader: Reader, crcs: CrcCache, checksums: Checksums) -> None:
        self.entries = manifest.entries
        self.small_bytes = SMALL_BYTES
        self.read_bytes = 0  # so far, for CRC-32s and of small contents
        self._reader = reader
        self._cache = crcs
        self._checksums = checksums
        self._open: deque[tuple[int, SourceFile]] = deque()
        self._last_whole: tuple[int, bytes] = (_NONE, b"")
        self._computing: dict[int, Iterator[int]] = {}

    def whole(self, index: int) -> bytes:
        """The content of an entry of at most SMALL_BYTES; its CRC-32 is known afterwards."""
        if self._last_whole[0] != index:
            data = self._reader.read_all(self.entries[index])
            self.read_bytes += len(data)
            self._checksums.put(index, [isal_zlib.crc32(data)])
            self._last_whole = index, data
        return self._last_whole[1]

    def forget_whole(self) -> None:
        """Free the content that `whole` returned last."""
        self._last_whole = _NONE, b""

    def small(self, first: int, stop: int, max_size: int) -> list[bytes]:
        """The contents of the entries from `first` on up to `stop`, ending before one of more than `max_size`
        or `small_bytes`; nothing for a directory. Their CRC-32s are known afterwards."""
        contents: list[bytes] = []
        crcs: list[int] = []
        read, crc32, max_size = self._reader.read_all, isal_zlib.crc32, min(max_size, self.small_bytes)
        for entry in self.entries[first:stop]:
            if entry.size > max_size:
                break
            data = read(entry) if entry.size or not entry.is_directory else b""
            contents.append(data)
            crcs.append(crc32(data))  # while it is in the processor's cache
        self._checksums.put(first, crcs)
        self.read_bytes += sum(map(len, contents))
        return contents

    def known_crc32s(self, first: int, stop: int) -> "array[int]":
        """Of the entries from `first` on, up to `stop` or the first whose CRC-32 is not known yet."""
        return self._checksums.get(first, stop)

    def content(self, index: int) -> SourceFile:
        """The content of an entry, opened. It stays open for as long as a chunk of it may be under way:
        until the next but one is asked for. So ask for one with each chunk."""
        if not self._open or self._open[-1][0] != index:
            self._close_until(1)
            self._open.append((index, self._opened(index)))
            self._identify(index, self._open[-1][1])
        return self._open[-1][1]

    def opened(self, index: int) -> SourceFile:
        """The content of an entry that is sent, for the caller to check when all of it was read, and to
        close."""
        content = self._opened(index)
        try:
            self._identify(index, content)
        except SourceChangedError:
            content.close()
            raise
        return content

    def _opened(self, index: int) -> SourceFile:
        return self._reader.open_file(self.entries[index])

    def _identify(self, index: int, content: SourceFile) -> None:
        """Raise SourceChangedError unless the content is the one that this download has read or sent a part
        of before: for its CRC-32, or before a pause."""
        if not self._checksums.may_be(index, content.cache_key):
            raise SourceChangedError(f"{self.entries[index].member_name!r} was replaced")
        self._checksums.add_sent(index, content.cache_key)

    def check_sent(self) -> None:
        """Raise SourceChangedError unless all that was open before a pause is as it was."""
        for index in self._checksums.unchecked:
            self.opened(index).close()
        self._checksums.unchecked.clear()

    def check_open(self) -> None:
        """Raise SourceChangedError unless everything still open is as it was when it was opened; close it."""
        self._close_until(0)

    def close(self) -> None:
        """Close what is open. `check_sent` of the next pass checks it: this one may end for a dead disk."""
        while self._open:
            index, content = self._open.popleft()
            self._checksums.unchecked.append(index)
            content.close()

    def _close_until(self, left: int) -> None:
        while len(self._open) > left:
            self._open[0][1].verify()
            self._open.popleft()[1].close()

    def crc32(self, index: int) -> int:
        """The CRC-32 of an entry's content; read now unless it is known."""
        if not self._checksums.knows(index):
            for _ in self.crc32_steps(index):
                pass
        return self._checksums.get(index, index + 1)[0]

    def is_identified(self, index: int) -> bool:
        """Whether the content was opened, so that another one in its place would be noticed."""
        return self._checksums.is_identified(index)

    def has_crc32(self, index: int) -> bool:
        """Whether this download has found it out already."""
        return self._checksums.knows(index)

    def knows_crc32(self, index: int) -> bool:
        """Whether it is known already, or as soon as a small entry has been read."""
        if not self._checksums.knows(index) and self.entries[index].size <= self.small_bytes:
            self.whole(index)
        return self._checksums.knows(index)

    def crc32_steps(self, index: int) -> Iterator[int]:
        """Find out the CRC-32 of an entry bit by bit: yields how many bytes were read at each step. None for
        a directory. Who asks while another is at it goes on where that one is."""
        if self._checksums.knows(index) or self.entries[index].is_directory:
            return
        if self.entries[index].size <= self.small_bytes:
            yield len(self.whole(index))
        else:
            yield from self._computing.setdefault(index, self._computed(index))
            self._computing.pop(index, None)

    def _computed(self, index: int) -> Iterator[int]:
        with closing(self._opened(index)) as content:
            crc = self._cache.get(content.cache_key)
            if crc is None:
                crc, size = 0, self.entries[index].size
                for start in range(0, size, READ_BYTES):
                    data = content.read(start, min(start + READ_BYTES, size))
                    crc = isal_zlib.crc32(data, crc)
                    self.read_bytes += len(data)
                    yield len(data)
                content.verify()
                self._cache.put(content.cache_key, crc)
            self._checksums.put(index, [crc])
            self._checksums.summed = index, content.cache_key

    def passed(self, index: int, content: SourceFile, start: int, data: memoryview) -> None:
        """Take note of content that was read to be sent: read from its first byte to its last, its CRC-32
        is known without another reading. After a pause, a part of it comes once more."""
        entry, so_far, crc = self._checksums.partial if start else (index, 0, 0)
        stop = start + len(data)
        if entry != index or not start <= so_far < stop:
            return
        self._checksums.partial = index, stop, isal_zlib.crc32(data[so_far - start :], crc)
        if stop == self.entries[index].size:
            content.verify()
            crc = self._checksums.partial[2]
            self._checksums.put(index, [crc])
            self._cache.put(content.cache_key, crc)
