"""Turns the segments of a planned archive into chunks. Blocking: runs in worker threads, pull by pull."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

from tornado_archiver.byterange import ByteRange
from tornado_archiver.chunks import Chunk
from tornado_archiver.contents import SMALL_BYTES, Contents
from tornado_archiver.errors import PackingError
from tornado_archiver.layout import Layout
from tornado_archiver.segments import STORED_BLOCK, FileContent, FramedContent, Late, Literal

COALESCED_BYTES = 1024 * 1024  # small pieces are put together into chunks of about this size
MAX_SLICE_BYTES = 8 * 1024 * 1024
_FRAMED_READ_BYTES = 16 * STORED_BLOCK

# What `pulled` passes over: everything before it has been dealt with when the generator goes on
PAUSE = b""


class Packer:
    """The bytes `wanted` of the archive that `layout` describes, once."""

    def __init__(self, layout: Layout, contents: Contents, wanted: ByteRange) -> None:
        self._layout = layout
        self._contents = contents
        self._wanted = wanted
        self._pieces: list[bytes | memoryview] = []
        self._waiting_bytes = 0
        self._left = wanted.stop - wanted.start
        self._backlog = _Backlog(layout, contents, wanted)

    def chunks(self) -> Generator[Chunk, None, None]:
        """Raises SourceChangedError, SourceUnreadableError, PackingError before a byte that is not right."""
        with closing(self._backlog):
            for chunk in self._made():
                self._left -= len(chunk)
                yield chunk
                self._backlog.work(len(chunk))
        yield PAUSE
        self._contents.check_open()
        last = self._taken()
        if len(last) != self._left:
            raise PackingError(f"the layout promised {self._left} more bytes where {len(last)} came")
        yield last

    def _made(self) -> Iterator[Chunk]:
        """All chunks but the last, which stays in `_pieces`: it goes out when all has been checked."""
        for segment, first, last in self._layout.cut(self._wanted):
            if self._waiting_bytes >= COALESCED_BYTES:
                yield self._taken()
            if isinstance(segment, Late):
                if segment.needs is not None and not self._contents.knows_crc32(segment.needs):
                    yield from self._pauses(self._contents.crc32_steps(segment.needs))
                self._add_late(segment, first, last)
            elif isinstance(segment, Literal):
                self._add(segment.data[first:last])
            elif isinstance(segment, FramedContent):
                yield from self._framed(segment, first, last)
            elif segment.length <= SMALL_BYTES:
                self._add(self._contents.whole(segment.entry)[first:last])
            else:
                yield from self._sliced(segment, first, last)

    def _add_late(self, segment: Late, first: int, last: int) -> None:
        data = segment.make(self._contents)
        if len(data) != segment.length:
            raise PackingError(f"a record of {len(data)} bytes was laid out as one of {segment.length}")
        self._add(data[first:last])

    def _sliced(self, segment: FileContent, first: int, last: int) -> Iterator[Chunk]:
        while first < last - 1:  # the last byte is kept, for the chunk that goes out when all was checked
            stop = min(first + MAX_SLICE_BYTES, last - 1)
            head = self._taken()
            yield self._contents.content(segment.entry).chunk(head, first, stop)
            first = stop
        self._add(self._contents.content(segment.entry).read(first, last))

    def _framed(self, segment: FramedContent, first: int, last: int) -> Iterator[Chunk]:
        content = self._contents.content(segment.entry)
        data, data_start = memoryview(b""), 0
        for head, start, stop in segment.blocks(first, last):
            if self._waiting_bytes >= COALESCED_BYTES:
                yield self._taken()
            if stop > data_start + len(data):
                data_start, end = start, min(start + _FRAMED_READ_BYTES, segment.size)
                read = content.read(data_start, end)
                self._contents.passed(segment.entry, data_start, read)
                data = memoryview(read)
            self._add(head)
            self._add(data[start - data_start : stop - data_start])

    def _pauses(self, steps: Iterator[int]) -> Iterator[Chunk]:
        """Works through the steps, pausing now and then to let a cancellation in."""
        done = 0
        for count in steps:
            done += count
            if done >= MAX_SLICE_BYTES:
                yield PAUSE
                done = 0

    def _add(self, piece: bytes | memoryview) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)

    def _taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting_bytes = 0
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

    def work(self, sent: int) -> None:
        """Catch up in proportion to `sent` bytes."""
        self._due += sent * self._rate
        while self._due > 0:
            count = next(self._steps, None)
            if count is None:
                self._due = self._rate = 0
            else:
                self._due -= count

    def close(self) -> None:
        self._steps.close()


def _steps(contents: Contents, indexes: Iterable[int]) -> Generator[int, None, None]:
    for index in indexes:
        yield from contents.crc32_steps(index)
