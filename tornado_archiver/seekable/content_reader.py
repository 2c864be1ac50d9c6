"""Reads the contents of one archive's entries, in one pass over them. Blocking: for worker threads."""

from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import closing

from isal import isal_zlib

from tornado_archiver.errors import SourceChangedError
from tornado_archiver.seekable.checksums import Checksums
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.source import Manifest, Reader, SourceFile

SMALL_FILE_MAX = 128 * 1024  # larger contents are not read whole for their CRC-32 and for sending
READ_BYTES = 256 * 1024  # stays in the processor's cache while its CRC is computed
_NONE = -1


class ContentReader:
    """`reader` is for `manifest`; `crcs` outlives the download, and `checksums` this pass.

    `small_bytes`: the largest content that is read whole, SMALL_FILE_MAX or less; the caller may change it
    between two records. `bytes_read`: so far, for CRC-32s, and of small contents outside of runs.
    """

    def __init__(self, manifest: Manifest, reader: Reader, crcs: CrcCache, checksums: Checksums) -> None:
        self.entries = manifest.entries
        self.small_bytes = SMALL_FILE_MAX
        self.bytes_read = 0
        self._reader = reader
        self._cache = crcs
        self._checksums = checksums
        self._open: deque[tuple[int, SourceFile]] = deque()
        self._last_whole: tuple[int, bytes] = (_NONE, b"")
        self._computing: dict[int, Iterator[int]] = {}

    # Small contents, read whole

    def read_all(self, index: int) -> bytes:
        """Return the content of an entry of at most SMALL_FILE_MAX; its CRC-32 is known afterwards."""
        if self._last_whole[0] != index:
            data = self._reader.read_all(self.entries[index])
            self.bytes_read += len(data)
            self._checksums.put(index, [isal_zlib.crc32(data)])
            self._last_whole = index, data
        return self._last_whole[1]

    def forget_whole(self) -> None:
        """Free the content that `read_all` returned last."""
        self._last_whole = _NONE, b""

    def read_small_run(self, first: int, stop: int, max_size: int) -> list[bytes]:
        """Return the contents of the entries from `first` on up to `stop`, ending before one of more than
        `max_size` or `small_bytes`; b"" for a directory. Their CRC-32s are known afterwards."""
        contents: list[bytes] = []
        crcs: list[int] = []
        read, crc32, max_size = self._reader.read_all, isal_zlib.crc32, min(max_size, self.small_bytes)
        for entry in self.entries[first:stop]:
            size = entry.size
            if size > max_size:
                break
            data = read(entry) if size or not entry.is_directory else b""
            contents.append(data)
            crcs.append(crc32(data))  # while it is in the processor's cache
        self._checksums.put(first, crcs)
        return contents

    def is_read_whole(self, index: int) -> bool:
        """Return whether the content is small enough. A content that continues after a pause is read as it
        was before: from the same opened file, or whole, compared by its CRC-32."""
        if self._checksums.is_identified(index):
            return False
        max_size = SMALL_FILE_MAX if self._checksums.knows(index) else self.small_bytes
        return self.entries[index].size <= max_size

    # Large contents, opened

    def open_entry(self, index: int) -> SourceFile:
        """Return the content of an entry, opened. It stays open until the second-next call for another entry,
        because a slice of it may still be sending. Call once per slice."""
        if not self._open or self._open[-1][0] != index:
            self._close_oldest(1)
            self._open.append((index, self._reader.open_file(self.entries[index])))
            self._identify(index, self._open[-1][1])
        return self._open[-1][1]

    def open_again(self, index: int) -> SourceFile:
        """Return the content of an entry that is sent. The caller verifies it after the last read, and closes
        it."""
        content = self._reader.open_file(self.entries[index])
        try:
            self._identify(index, content)
        except SourceChangedError:
            content.close()
            raise
        return content

    def _identify(self, index: int, content: SourceFile) -> None:
        """Raise SourceChangedError unless the content is the one of which this download has read or sent a
        part before: for its CRC-32, or before a pause."""
        if not self._checksums.may_be(index, content.cache_key):
            raise SourceChangedError(f"{self.entries[index].member_name!r} was replaced")
        self._checksums.add_sent(index, content.cache_key)

    def verify_sent(self) -> None:
        """Raise SourceChangedError unless all contents that were open before a pause are unchanged."""
        for index in self._checksums.unchecked:
            self.open_again(index).close()
        self._checksums.unchecked.clear()

    def verify_and_close(self) -> None:
        """Close all that is open; raise SourceChangedError unless it is as it was when it was opened."""
        self._close_oldest(0)

    def close(self) -> None:
        """Close what is open. `verify_sent` of the next pass verifies it, because this one may end on a dead
        disk."""
        while self._open:
            index, content = self._open.popleft()
            self._checksums.unchecked.append(index)
            content.close()

    def _close_oldest(self, left: int) -> None:
        while len(self._open) > left:
            self._open[0][1].verify()
            self._open.popleft()[1].close()

    # CRC-32s

    def crc32(self, index: int) -> int:
        """Return the CRC-32 of an entry's content, which must be known."""
        return self._checksums.get(index, index + 1)[0]

    def has_crc32(self, index: int) -> bool:
        """Return whether this download has found it out already."""
        return self._checksums.knows(index)

    def known_crc32s(self, first: int, stop: int) -> "array[int]":
        """Return those of the entries from `first` on, up to `stop` or the first that is not known yet."""
        return self._checksums.get(first, stop)

    def iter_crc32(self, index: int) -> Iterator[int]:
        """Compute the CRC-32 of an entry step by step: yield how many bytes were read at each step, none for
        a directory. If a computation of it has begun, continue that one."""
        if self._checksums.knows(index) or self.entries[index].is_directory:
            return
        if self.entries[index].size <= self.small_bytes:
            yield len(self.read_all(index))
        else:
            yield from self._computing.setdefault(index, self._compute_crc32(index))
            self._computing.pop(index, None)

    def _compute_crc32(self, index: int) -> Iterator[int]:
        with closing(self._reader.open_file(self.entries[index])) as content:
            crc = self._cache.get(content.cache_key)
            if crc is None:
                crc, size = 0, self.entries[index].size
                for start in range(0, size, READ_BYTES):
                    data = content.read(start, min(start + READ_BYTES, size))
                    crc = isal_zlib.crc32(data, crc)
                    self.bytes_read += len(data)
                    yield len(data)
                content.verify()
                self._cache.put(content.cache_key, crc)
            self._checksums.put(index, [crc])
            self._checksums.summed = index, content.cache_key

    def update_crc32(self, index: int, content: SourceFile, start: int, data: memoryview) -> None:
        """Add content that was read to be sent: read from its first byte to its last, its CRC-32 is known
        without another reading. After a pause, a part of it comes once more."""
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
