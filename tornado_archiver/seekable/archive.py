"""Archives whose length, etag and ranges follow from a layout before the first byte is made."""

import hashlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import closing
from weakref import WeakKeyDictionary

from tornado_archiver.backend import Archive, ArchiveInfo, ByteRange
from tornado_archiver.runtime.threads import iterate_in_thread
from tornado_archiver.seekable.checksums import Checksums, CrcTable
from tornado_archiver.seekable.content_reader import ContentReader
from tornado_archiver.seekable.crc_cache import CrcCache
from tornado_archiver.seekable.layout import Layout
from tornado_archiver.seekable.packer import CHECKPOINT, Packer
from tornado_archiver.source import MIN_CHUNK_BYTES, Chunk, Manifest, bytes_held

_NS_PER_S = 1_000_000_000


class Plan:
    """Data shared by all downloads of one manifest, so that a thousand of them hold it once."""

    def __init__(self, layout: Layout, manifest: Manifest) -> None:
        self.layout = layout
        self.crcs = CrcTable(len(manifest.entries))
        self.info = ArchiveInfo(
            length=layout.length,
            etag=_etag(layout.version, manifest),
            last_modified=_last_modified(manifest),
        )


class Plans:
    """The plans of the manifests that are in use; `make_layout` makes a layout of the format."""

    def __init__(self, make_layout: Callable[[Manifest], Layout]) -> None:
        self._make_layout = make_layout
        self._plans: WeakKeyDictionary[Manifest, Plan] = WeakKeyDictionary()
        self._lock = threading.Lock()  # one layout at a time: many threads take longer, and more memory

    def of(self, manifest: Manifest) -> Plan:
        """Return the plan of this manifest object. Blocking; safe to call from many threads."""
        with self._lock:
            plan = self._plans.get(manifest)
            if plan is None or plan.crcs.is_stale:
                plan = self._plans[manifest] = Plan(self._make_layout(manifest), manifest)
            return plan


class SeekableArchive(Archive):
    """An archive of `manifest` with the bytes of `plan`. `crcs`: CRC-32s from earlier downloads."""

    def __init__(self, plan: Plan, manifest: Manifest, crcs: CrcCache | None = None) -> None:
        self.info = plan.info
        self._layout = plan.layout
        self._manifest = manifest
        self._crcs = CrcCache() if crcs is None else crcs
        self._checksums = Checksums(plan.crcs)

    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Chunk, None]:
        byte_range = byte_range or ByteRange(0, self._layout.length)
        return iterate_in_thread(
            self._generate(byte_range), prefetch=lambda: self.chunk_bytes > MIN_CHUNK_BYTES
        )

    def _generate(self, byte_range: ByteRange) -> Generator[Chunk, None, None]:
        with (
            self._manifest.source.reader() as reader,
            closing(ContentReader(self._manifest, reader, self._crcs, self._checksums)) as contents,
            closing(Packer(self._layout, contents, byte_range, lambda: self.chunk_bytes).chunks()) as chunks,
        ):
            try:
                yield from map(self._note_size, chunks)
            except Exception:
                # The chunk before may still be sending, from a descriptor that is about to be closed here.
                # The kernel could give its number to another file at once.
                yield CHECKPOINT
                raise

    def _note_size(self, chunk: Chunk) -> Chunk:
        self.prepared_bytes = bytes_held(chunk)
        return chunk


def _last_modified(manifest: Manifest) -> int | None:
    if manifest.ctime_ns is None or not manifest.has_last_modified:
        return None
    return manifest.ctime_ns // _NS_PER_S


def _etag(version: str, manifest: Manifest) -> str:
    """Return a tag that is the same on every host, worker and restart for the same bytes, and another one if
    a name, a size, a time, a mode or the layout changes."""
    names, _, sizes, times, modes = zip(*manifest.entries, strict=True)
    digest = hashlib.blake2b("\0".join((version, *names, "")).encode(), digest_size=16)
    digest.update(repr((sizes, times, modes)).encode())  # a time may be beyond 64 bits of nanoseconds
    return digest.hexdigest()
