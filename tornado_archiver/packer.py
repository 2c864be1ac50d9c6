"""Turns the segments of a planned archive into chunks. Blocking: runs in worker threads, pull by pull."""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

from tornado_archiver.backend import ByteRange
from tornado_archiver.contents import SMALL_BYTES, Contents
from tornado_archiver.errors import BackendError
from tornado_archiver.layout import Layout
from tornado_archiver.segments import FileContent, FramedContent, Late, Literal
from tornado_archiver.source import MAX_CHUNK_BYTES, Chunk, SourceFile

MAX_SLICE_BYTES = 8 * 1024 * 1024
_RUN_RECORDS = 128  # more at a time are not faster, and what comes to nothing would be longer in vain

# What `pulled` passes over: everything before it has been dealt with when the generator goes on
PAUSE = b""


def _max_chunk_bytes() -> int:
    return MAX_CHUNK_BYTES


class Packer:
    """The bytes `wanted` of the archive that `layout` describes, once. `chunk_bytes` is asked for each chunk:
    small pieces are put together into about so many bytes of memory."""

    def __init__(
        self,
        layout: Layout,
        contents: Contents,
        wanted: ByteRange,
        chunk_bytes: Callable[[], int] = _max_chunk_bytes,
    ) -> None:
        self._layout = layout
        self._contents = contents
        self._wanted = wanted
        self._chunk_bytes = chunk_bytes
        self._whole_until = layout.record_at(wanted.stop)
        self._pieces: list[bytes | memoryview] = []
        self._waiting_bytes = 0
        self._left = wanted.stop - wanted.start
        self._paused_at = 0
        self._backlog = _Backlog(layout, contents, wanted)

    def chunks(self) -> Generator[Chunk, None, None]:
        """Raises SourceChangedError, SourceUnreadableError, BackendError before a byte that is not right."""
        with closing(self._backlog):
            for chunk in self._made():
                size, handed_out = len(chunk), [chunk]
                del chunk  # while this waits, only the reader holds it: a slow client may take minutes
                self._left -= size
                yield handed_out.pop()
                yield from self._pauses(self._backlog.due(size))
        yield PAUSE
        self._contents.check_open()
        last = self._taken()
        if len(last) != self._left:
            raise BackendError(f"the layout promised {self._left} more bytes where {len(last)} came")
        yield last

    def _made(self) -> Iterator[Chunk]:
        """All chunks but the last, which stays in `_pieces`: it goes out when all has been checked."""
        self._contents.check_sent()
        record = self._layout.record_at(self._wanted.start)
        end = self._layout.record_at(self._wanted.stop - 1) + 1
        while record < end:
            # A content may add as much again, so that a chunk for a slow client stays small as well.
            self._contents.small_bytes = min(SMALL_BYTES, self._chunk_bytes() // 2)
            if self._is_full():
                yield self._taken()
            elif self._is_pause_due():
                yield PAUSE
            if not (count := self._add_run(record)):
                yield from self._piecemeal(record)
            record += count or 1

    def _add_run(self, first: int) -> int:
        """Whole records from `first` on, until a chunk is full: as many as the layout makes at once. Returns
        how many, which may be none."""
        starts = self._layout.starts
        at = starts[first]
        full = at + self._chunk_bytes() - self._waiting_bytes
        stop = min(bisect_left(starts, full, first + 1), first + _RUN_RECORDS, self._whole_until)
        if at < self._wanted.start or stop <= first:
            return 0
        run = self._layout.run(first, stop, self._contents)
        end = at + sum(map(len, run))
        made = bisect_left(starts, end, first, stop)
        if starts[made] != end:
            raise BackendError(f"records from {at} on end at {end}, in the midst of one that was laid out")
        self._pieces += run
        self._waiting_bytes += end - at
        return made - first

    def _piecemeal(self, record: int) -> Iterator[Chunk]:
        for segment, start, stop in self._layout.cut(record, self._wanted):
            if isinstance(segment, Late):
                yield from self._awaited(segment)
                self._add(self._late(segment)[start:stop])
            elif isinstance(segment, Literal):
                self._add(segment.data[start:stop])
            elif isinstance(segment, FramedContent):
                yield from self._framed(segment, start, stop)
            elif self._is_small(segment):
                self._add(self._contents.whole(segment.entry)[start:stop])
            else:
                yield from self._sliced(segment, start, stop)
        self._contents.forget_whole()

    def _is_small(self, segment: FileContent) -> bool:
        """Whether the content is read whole. One that goes on after a pause is what it was before: the same
        opened file, or of the same CRC-32, for one that was read whole."""
        contents, entry = self._contents, segment.entry
        if contents.is_identified(entry):
            return False
        return segment.length <= (SMALL_BYTES if contents.has_crc32(entry) else contents.small_bytes)

    def _awaited(self, segment: Late) -> Iterator[Chunk]:
        """Has the CRC-32 found out that a segment needs. What has gathered goes out before a long wait."""
        if segment.needs is None or self._contents.knows_crc32(segment.needs):
            return
        if self._waiting_bytes and self._contents.entries[segment.needs].size > MAX_SLICE_BYTES:
            yield self._taken()
        yield from self._pauses(self._contents.crc32_steps(segment.needs))

    def _late(self, segment: Late) -> bytes:
        data = segment.make(self._contents)
        if len(data) != segment.length:
            raise BackendError(f"a record of {len(data)} bytes was laid out as one of {segment.length}")
        return data

    def _sliced(self, segment: FileContent, first: int, last: int) -> Iterator[Chunk]:
        while first < last - 1:  # the last byte is kept, for the chunk that goes out when all was checked
            content = self._contents.content(segment.entry)
            stop = min(first + (MAX_SLICE_BYTES if content.is_cached else self._room()), last - 1)
            head = self._taken()
            yield content.slice(head, first, stop)
            first = stop
        self._add(self._contents.content(segment.entry).read(first, last))

    def _framed(self, segment: FramedContent, first: int, last: int) -> Iterator[Chunk]:
        with closing(self._contents.opened(segment.entry)) as content:
            while first < last:
                if self._is_full():
                    yield self._taken()
                stop = min(first + self._room(), last)
                self._add_framed(segment, content, first, stop)
                first = stop
            content.verify()

    def _add_framed(self, segment: FramedContent, content: SourceFile, first: int, last: int) -> None:
        """The bytes `first` to `last` of the segment: what they hold of the file lies in one piece."""
        blocks = list(segment.blocks(first, last))
        begin, end = blocks[0][1], blocks[-1][2]
        data = memoryview(content.read(begin, end) if begin < end else b"")
        self._contents.passed(segment.entry, content, begin, data)
        for head, start, stop in blocks:
            self._add(head)
            self._add(data[start - begin : stop - begin])

    def _is_full(self) -> bool:
        return self._waiting_bytes >= self._chunk_bytes()

    def _room(self) -> int:
        """How many bytes are missing in the chunk that is being put together, at least one."""
        return max(1, self._chunk_bytes() - self._waiting_bytes)

    def _pauses(self, steps: Iterator[int]) -> Iterator[Chunk]:
        """Works through the steps, pausing now and then."""
        for _ in steps:
            if self._is_pause_due():
                yield PAUSE

    def _is_pause_due(self) -> bool:
        """Whether so much was read since the last chunk or pause that a cancellation has to be let in."""
        if self._contents.read_bytes - self._paused_at < MAX_SLICE_BYTES:
            return False
        self._paused_at = self._contents.read_bytes
        return True

    def _add(self, piece: bytes | memoryview) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)

    def _taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting_bytes = 0
        self._paused_at = self._contents.read_bytes
        return taken


class _Backlog:
    """The CRC-32s that the range needs of entries it does not hold, found out while it is being sent: the
    more of it is sent, the more of them."""

    def __init__(self, layout: Layout, contents: Contents, wanted: ByteRange) -> None:
        missing = layout.missing(wanted)
        self._steps = _steps(contents, missing)
        total = sum(contents.entries[index].size for index in missing)
        self._rate = total / (wanted.stop - wanted.start)
        self._due = 0.0

    def due(self, sent: int) -> Iterator[int]:
        """Catch up in proportion to `sent` bytes, step by step."""
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


def _steps(contents: Contents, indexes: Iterable[int]) -> Generator[int, None, None]:
    for index in indexes:
        yield from contents.crc32_steps(index)
