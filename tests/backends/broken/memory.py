"""Backends whose memory grows with the size of a file or of the archive, one error in each class."""

import mmap
import os
import queue
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Iterator

from tests.backends.plain import BLOCK_BYTES, PlainArchive
from tornado_archiver.backend import ByteRange
from tornado_archiver.source import Entry, Reader
from tornado_archiver.sources.local.storage import LocalSource


class ReadsWholeFiles(PlainArchive):
    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        content = reader.read_all(entry)
        for start in range(0, entry.size, BLOCK_BYTES):
            yield content[start : start + BLOCK_BYTES]


class ReadsTheWholeFileForEachChunk(PlainArchive):
    """Holds nothing while a chunk is sent, so that only the peak shows it."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        for start in range(0, entry.size, BLOCK_BYTES):
            yield reader.read_all(entry)[start : start + BLOCK_BYTES]


class ReadsWholeFilesInRanges(ReadsWholeFiles):
    """Streams a complete download, but not a resumed one."""

    is_range = False

    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        self.is_range = byte_range is not None
        return super().chunks(byte_range)

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        return super().content(reader, entry) if self.is_range else PlainArchive.content(self, reader, entry)


class CollectsTheArchive(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        archive = b"".join(super().iter_range(byte_range))
        for start in range(0, len(archive), BLOCK_BYTES):
            yield archive[start : start + BLOCK_BYTES]


class KeepsAllChunks(PlainArchive):
    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        sent = []
        for chunk in super().iter_range(byte_range):
            sent.append(chunk)
            yield chunk


class BuffersWithoutALimit(PlainArchive):
    """A thread reads the files, as fast as the disk delivers them."""

    def iter_range(self, byte_range: ByteRange) -> Generator[bytes, None, None]:
        buffer: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        producer = threading.Thread(target=self.produce, args=(byte_range, buffer))
        producer.start()
        try:
            while chunk := buffer.get():
                yield chunk
        finally:
            producer.join()

    def produce(self, byte_range: ByteRange, buffer: "queue.SimpleQueue[bytes]") -> None:
        for chunk in super().iter_range(byte_range):
            buffer.put(chunk)
        buffer.put(b"")


class ReadsWholeFilesInAProgram(PlainArchive):
    """The memory of this process stays constant, that of its program does not."""

    program = "import sys; content = open(sys.argv[1], 'rb').read(); sys.stdout.buffer.write(content)"

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        command: list[str | bytes] = [sys.executable, "-S", "-c", self.program, _path(self, entry)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout
                while block := process.stdout.read(BLOCK_BYTES):
                    yield block
            finally:
                process.kill()


def _path(archive: PlainArchive, entry: Entry) -> bytes:
    source = archive.manifest.source
    assert isinstance(source, LocalSource)
    path: bytes = os.path.join(source.root, source.name, entry.source_key)
    return path


class BuffersMappedFiles(BuffersWithoutALimit):
    """No system call reads the files, so the bytes that this process has read do not show it."""

    def content(self, reader: Reader, entry: Entry) -> Iterator[bytes | memoryview]:
        with (
            open(_path(self, entry), "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            for start in range(0, entry.size, BLOCK_BYTES):
                yield content[start : start + BLOCK_BYTES]
