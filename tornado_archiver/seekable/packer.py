"""Joins the records of a seekable archive with the contents into chunks.

Rule: the only module that knows both the layout and the contents. Blocking: runs in worker threads, pull by
pull.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

from tornado_archiver.backend import ByteRange
from tornado_archiver.errors import BackendError
from tornado_archiver.seekable.content_reader import SMALL_FILE_MAX, ContentReader
from tornado_archiver.seekable.layout import Layout
from tornado_archiver.seekable.stored_blocks import StoredBlocks
from tornado_archiver.source import Chunk, SourceFile

MAX_SLICE_BYTES = 8 * 1024 * 1024
_RUN_RECORDS = 128  # larger batches are not faster, and one that is refused wastes more work

# An empty chunk. `iterate_in_thread` skips it, and resumes the generator when all before it have been sent.
CHECKPOINT = b""


class Packer:
    """One pass over `byte_range` of the archive that `layout` describes. `chunk_bytes` is called for each
    chunk: small pieces are joined to about that many bytes of memory."""

    def __init__(
        self,
        layout: Layout,
        contents: ContentReader,
        byte_range: ByteRange,
        chunk_bytes: Callable[[], int],
    ) -> None:
        self._layout = layout
        self._contents = contents
        self._range = byte_range
        self._chunk_bytes = chunk_bytes
        self._whole_until = layout.record_at(byte_range.stop)
        self._pieces: list[bytes | memoryview] = []
        self._buffered = 0
        self._remaining = byte_range.stop - byte_range.start
        self._checkpoint_at = 0
        self._pending = _PendingChecksums(layout, contents, byte_range)

    def chunks(self) -> Generator[Chunk, None, None]:
        """Raise SourceChangedError, SourceUnreadableError, BackendError before a byte that is not right."""
        with closing(self._pending):
            for chunk in self._iter_chunks():
                size, handed_out = len(chunk), [chunk]
                del chunk  # so that only the consumer holds it during the yield, which may take minutes
                self._remaining -= size
                yield handed_out.pop()
                yield from self._with_checkpoints(self._pending.advance(size))
        yield CHECKPOINT
        self._contents.verify_and_close()
        last = self._flush()
        if len(last) != self._remaining:
            raise BackendError(f"the layout promised {self._remaining} more bytes, and {len(last)} were made")
        yield last

    def _iter_chunks(self) -> Iterator[Chunk]:
        """Yield all chunks but the last. It stays in `_pieces` until all has been verified."""
        self._contents.verify_sent()
        record = self._layout.record_at(self._range.start)
        end = self._layout.record_at(self._range.stop - 1) + 1
        while record < end:
            # A content may add as much again, so that a chunk for a slow client stays small as well.
            self._contents.small_bytes = min(SMALL_FILE_MAX, self._chunk_bytes() // 2)
            if self._is_full():
                yield self._flush()
            elif self._checkpoint_due():
                yield CHECKPOINT
            if not (count := self._add_run(record)):
                yield from self._add_partial(record)
            record += count or 1

    # Whole records, many at a time: there are thousands a second

    def _add_run(self, first: int) -> int:
        """Add whole records from `first` on, until a chunk is full or before one with a large content or an
        unknown CRC-32. Return how many, which may be 0."""
        offsets = self._layout.offsets
        at = offsets[first]
        full = at + self._chunk_bytes() - self._buffered
        stop = min(bisect_left(offsets, full, first + 1), first + _RUN_RECORDS, self._whole_until)
        if at < self._range.start or stop <= first:
            return 0
        run = self._run_of_entries if first < len(self._layout.entries) else self._run_of_heads
        count, pieces = run(first, stop)
        end = at + sum(map(len, pieces))
        if end != offsets[first + count]:
            raise BackendError(f"records from {at} on end at {end} instead of {offsets[first + count]}")
        self._pieces += pieces
        self._buffered += end - at
        return count

    def _run_of_entries(self, first: int, stop: int) -> tuple[int, list[bytes]]:
        """Return how many records of small entries were made, and their bytes."""
        pieces: list[bytes] = []
        head, tail = self._layout.head, self._layout.tail
        contents = self._contents.read_small_run(first, stop, self._layout.stored_max)
        crcs = self._contents.known_crc32s(first, first + len(contents))
        for record, content, crc in zip(range(first, stop), contents, crcs, strict=False):
            pieces += head(record, crc), content, tail(record, crc)
        return len(contents), pieces

    def _run_of_heads(self, first: int, stop: int) -> tuple[int, list[bytes]]:
        """Return how many records without content were made, and their bytes."""
        entry = self._layout.crc_of_head(first)
        if entry is None:
            return 0, []
        crcs = self._contents.known_crc32s(entry, entry + stop - first)
        head = self._layout.head
        pieces = [head(record, crc) for record, crc in enumerate(crcs, first)]
        return len(pieces), pieces

    # One record, or the part of it that the range contains

    def _add_partial(self, record: int) -> Iterator[Chunk]:
        """Add a record; yield the chunks that become full meanwhile."""
        layout = self._layout
        at, end = layout.offsets[record], layout.offsets[record + 1]
        head, content_length, tail = layout.parts(record)
        content_at = at + len(head)
        tail_at = content_at + content_length
        if tail_at + len(tail) != end:
            raise BackendError(f"a record of {tail_at + len(tail) - at} bytes was laid out as {end - at}")
        yield from self._add_made(layout.head, layout.crc_of_head, record, at, head)
        if record < len(layout.entries):
            yield from self._add_content(record, content_at, tail_at)
            yield from self._add_made(layout.tail, layout.crc_of_tail, record, tail_at, tail)
            self._contents.forget_whole()

    def _add_made(
        self,
        make: Callable[[int, int], bytes],
        crc_of: Callable[[int], int | None],
        record: int,
        at: int,
        made: bytes,
    ) -> Iterator[Chunk]:
        """Add a head or a tail that starts at `at`. It was `made` with 0 for a CRC-32; if it contains one, it
        is made again."""
        start, stop = self._part(at, at + len(made))
        if start >= stop:
            return
        if (entry := crc_of(record)) is not None:
            yield from self._compute_crc(entry)
            length, made = len(made), make(record, self._contents.crc32(entry))
            if len(made) != length:
                raise BackendError(f"{len(made)} bytes of a record were laid out as {length}")
        self._add(made[start:stop])

    def _part(self, at: int, end: int) -> tuple[int, int]:
        """Return the part of the bytes from `at` to `end` of the archive that the range contains."""
        return max(self._range.start - at, 0), min(self._range.stop, end) - at

    def _compute_crc(self, index: int) -> Iterator[Chunk]:
        """Compute the CRC-32 of an entry. The buffered bytes are sent before a long wait."""
        is_long = self._contents.entries[index].size > MAX_SLICE_BYTES
        if is_long and self._buffered and not self._contents.has_crc32(index):
            yield self._flush()
        yield from self._with_checkpoints(self._contents.iter_crc32(index))

    def _add_content(self, index: int, at: int, end: int) -> Iterator[Chunk]:
        """Add the content of an entry. An empty file is opened if the range reaches it, because only that
        shows whether it still exists and is empty."""
        start, stop = self._part(at, end)
        entry = self._layout.entries[index]
        if start > stop or (start == stop and (entry.size or entry.is_directory)):
            return
        if entry.size > self._layout.stored_max:
            yield from self._stored_blocks(index, start, stop)
        elif self._contents.is_read_whole(index):
            self._add(self._contents.read_all(index)[start:stop])
        else:
            yield from self._slice_file(index, start, stop)

    def _slice_file(self, index: int, first: int, last: int) -> Iterator[Chunk]:
        while first < last - 1:  # the last byte is kept for the chunk that is sent when all was verified
            content = self._contents.open_entry(index)
            stop = min(first + (MAX_SLICE_BYTES if content.is_cached else self._room()), last - 1)
            head = self._flush()
            yield content.slice(head, first, stop)
            first = stop
        self._add(self._contents.open_entry(index).read(first, last))

    def _stored_blocks(self, index: int, first: int, last: int) -> Iterator[Chunk]:
        blocks = StoredBlocks(self._layout.entries[index].size)
        with closing(self._contents.open_again(index)) as content:
            while first < last:
                if self._is_full():
                    yield self._flush()
                stop = min(first + self._room(), last)
                self._add_blocks(index, content, list(blocks.blocks(first, stop)))
                first = stop
            content.verify()

    def _add_blocks(self, index: int, content: SourceFile, blocks: list[tuple[bytes, int, int]]) -> None:
        """Add block headers and what follows them of the content, which is read at once."""
        begin, end = blocks[0][1], blocks[-1][2]
        data = memoryview(content.read(begin, end) if begin < end else b"")
        self._contents.update_crc32(index, content, begin, data)
        for header, start, stop in blocks:
            self._add(header)
            self._add(data[start - begin : stop - begin])

    # The chunk that is being put together

    def _is_full(self) -> bool:
        return self._buffered >= self._chunk_bytes()

    def _room(self) -> int:
        """Return how many bytes the chunk still takes, at least 1."""
        return max(1, self._chunk_bytes() - self._buffered)

    def _with_checkpoints(self, steps: Iterator[int]) -> Iterator[Chunk]:
        for _ in steps:
            if self._checkpoint_due():
                yield CHECKPOINT

    def _checkpoint_due(self) -> bool:
        """Return whether so much was read since the last chunk or checkpoint that a cancellation may wait."""
        if self._contents.bytes_read - self._checkpoint_at < MAX_SLICE_BYTES:
            return False
        self._checkpoint_at = self._contents.bytes_read
        return True

    def _add(self, piece: bytes | memoryview) -> None:
        self._pieces.append(piece)
        self._buffered += len(piece)

    def _flush(self) -> bytes:
        flushed = b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        self._checkpoint_at = self._contents.bytes_read
        return flushed


class _PendingChecksums:
    """The CRC-32s that the range contains of entries that it does not, computed while it is being sent, in
    proportion to what was sent."""

    def __init__(self, layout: Layout, contents: ContentReader, byte_range: ByteRange) -> None:
        needed = layout.crcs_needed(byte_range)
        self._steps = _steps(contents, needed)
        total = sum(contents.entries[index].size for index in needed)
        self._rate = total / (byte_range.stop - byte_range.start)
        self._due = 0.0

    def advance(self, sent: int) -> Iterator[int]:
        """Catch up after another `sent` bytes. Yield how many bytes were read at each step."""
        self._due += sent * self._rate
        while self._due > 0:
            count = next(self._steps, None)
            if count is None:
                self._due = self._rate = 0
            else:
                self._due -= count
                yield count

    def close(self) -> None:
        self._steps.close()


def _steps(contents: ContentReader, indexes: Iterable[int]) -> Generator[int, None, None]:
    for index in indexes:
        yield from contents.iter_crc32(index)
