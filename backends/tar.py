"""`tar`, planned: its length is known before its first byte, and it needs no checksum of any content."""

from collections.abc import Iterable
from typing import ClassVar

from tornado_archiver.backend import Archive, Backend, BackendOptions
from tornado_archiver.contents import SMALL_BYTES, Contents
from tornado_archiver.layout import Layout
from tornado_archiver.planned import PlannedArchive, Plans
from tornado_archiver.runtime.cancellation import with_checkpoints
from tornado_archiver.runtime.threads import run_in_thread
from tornado_archiver.segments import FileContent, Late, Literal, Segment
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.tar_header import BLOCK, END, header_of, is_ustar, pax_header, ustar_header

_END = Literal(END)


class Tar(Backend):
    name: ClassVar[str] = "tar"
    media_type: ClassVar[str] = "application/x-tar"
    extension: ClassVar[str] = ".tar"

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._plans = Plans(TarLayout)

    async def open(self, manifest: Manifest) -> Archive:
        return PlannedArchive(await run_in_thread(self._plans.of, manifest), manifest)


class TarLayout(Layout):
    """A record for each entry (headers, content, padding), and one for the end of the archive."""

    version = "tar 2"

    def records(self) -> int:
        return len(self.entries) + 1

    def measure(self) -> None:
        self.add_lengths(
            [
                BLOCK - -entry.size // BLOCK * BLOCK if is_ustar(entry) else self.length_of(record)
                for record, entry in enumerate(with_checkpoints(self.entries))
            ]
        )
        self.add_lengths([_END.length])

    def run(self, first: int, stop: int, contents: Contents) -> list[bytes]:
        pieces: list[bytes] = []
        small = contents.small(first, stop, SMALL_BYTES)
        for entry, data in zip(self.entries[first:stop], small, strict=False):
            pieces += (
                header_of(entry),
                data,
                bytes(-len(data) % BLOCK),
            )
        return pieces

    def segments(self, record: int) -> Iterable[Segment]:
        if record == len(self.entries):
            return (_END,)
        entry = self.entries[record]
        header = _header_segment(entry)
        if entry.is_directory:
            return (header,)
        content = FileContent(record, entry.size)
        padding = -entry.size % BLOCK
        return (header, content, Literal(bytes(padding))) if padding else (header, content)


def _header_segment(entry: Entry) -> Segment:
    if is_ustar(entry):
        return Late(BLOCK, lambda _: ustar_header(entry))
    return Literal(pax_header(entry))
