"""`tar`: a seekable archive that needs no checksum of any content."""

from typing import ClassVar

from tornado_archiver.backend import INTERFACE_VERSION, Archive, Backend, BackendOptions
from tornado_archiver.backends.tar.headers import BLOCK, END_OF_ARCHIVE, fits_ustar, header
from tornado_archiver.runtime.cancellation import with_checkpoints
from tornado_archiver.runtime.threads import run_in_thread
from tornado_archiver.seekable.archive import Plans, SeekableArchive
from tornado_archiver.seekable.layout import Layout
from tornado_archiver.source import Manifest


class Tar(Backend):
    name: ClassVar[str] = "tar"
    media_type: ClassVar[str] = "application/x-tar"
    extension: ClassVar[str] = ".tar"
    interface_version: ClassVar[int] = INTERFACE_VERSION

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._plans = Plans(TarLayout)

    async def open(self, manifest: Manifest) -> Archive:
        return SeekableArchive(await run_in_thread(self._plans.of, manifest), manifest)


class TarLayout(Layout):
    """A record for each entry (headers, content, padding), and one for the end of the archive."""

    version = "tar 2"

    def lay_out(self) -> None:
        self.append_lengths(
            [
                BLOCK - -entry.size // BLOCK * BLOCK if fits_ustar(entry) else self.length_of(record)
                for record, entry in enumerate(with_checkpoints(self.entries))
            ]
        )
        self.append_lengths([len(END_OF_ARCHIVE)])

    def head(self, record: int, crc: int) -> bytes:
        return END_OF_ARCHIVE if record == len(self.entries) else header(self.entries[record])

    def tail(self, record: int, crc: int) -> bytes:
        return bytes(-self.entries[record].size % BLOCK)
