"""Planned archives: once the manifest is known the format is arithmetic, and everything that HTTP wants
falls out of the layout: the length is the sum of its segments, a range is a slice of them."""

import hashlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import closing
from weakref import WeakKeyDictionary

from tornado_archiver.backend import Archive, ArchiveInfo, ByteRange
from tornado_archiver.checksums import Checksums, CrcTable
from tornado_archiver.contents import Contents
from tornado_archiver.crc_cache import CrcCache
from tornado_archiver.layout import Layout
from tornado_archiver.packer import PAUSE, Packer
from tornado_archiver.runtime.threads import iterate_in_thread
from tornado_archiver.source import MIN_CHUNK_BYTES, Chunk, Manifest, bytes_held

_NS_PER_S = 1_000_000_000


class Plan:
    """All that downloads of one manifest have in common: a thousand of them hold it once."""

    def __init__(self, layout: Layout, manifest: Manifest) -> None:
        self.layout = layout
        self.crcs = CrcTable(len(manifest.entries))
        self.info = ArchiveInfo(
            length=layout.length,
            etag=_etag(layout.version, manifest),
            last_modified=_last_modified(manifest),
        )


class Plans:
    """The plans of the manifests that are in use, laid out by `make_layout`."""

    def __init__(self, make_layout: Callable[[Manifest], Layout]) -> None:
        self._make_layout = make_layout
        self._plans: WeakKeyDictionary[Manifest, Plan] = WeakKeyDictionary()
        self._lock = threading.Lock()  # one is laid out at a time: many threads would take longer, and memory

    def of(self, manifest: Manifest) -> Plan:
        """The plan of this very manifest. Blocking; safe to call from many threads."""
        with self._lock:
            plan = self._plans.get(manifest)
            if plan is None or plan.crcs.is_stale:
                plan = self._plans[manifest] = Plan(self._make_layout(manifest), manifest)
            return plan


class PlannedArchive(Archive):
    """An archive of `manifest` as `plan` has it. `crcs`, for formats with CRC-32s, may know some already."""

    def __init__(self, plan: Plan, manifest: Manifest, crcs: CrcCache | None = None) -> None:
        self.info = plan.info
        self._layout = plan.layout
        self._manifest = manifest
        self._crcs = CrcCache() if crcs is None else crcs
        self._checksums = Checksums(plan.crcs)

    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Chunk, None]:
        wanted = byte_range or ByteRange(0, self._layout.length)
        return iterate_in_thread(self._packed(wanted), prefetch=lambda: self.chunk_bytes > MIN_CHUNK_BYTES)

    def _packed(self, wanted: ByteRange) -> Generator[Chunk, None, None]:
        with (
            self._manifest.source.reader() as reader,
            closing(Contents(self._manifest, reader, self._crcs, self._checksums)) as contents,
            closing(Packer(self._layout, contents, wanted, lambda: self.chunk_bytes).chunks()) as chunks,
        ):
            try:
                yield from map(self._noted, chunks)
            except Exception:
                # This runs while the chunk before is being sent, from a descriptor that is about to be
                # closed here, and whose number may be another file's the next moment.
                yield PAUSE
                raise

    def _noted(self, chunk: Chunk) -> Chunk:
        self.prepared_bytes = bytes_held(chunk)
        return chunk


def _last_modified(manifest: Manifest) -> int | None:
    if manifest.ctime_ns is None or not manifest.has_last_modified:
        return None
    return manifest.ctime_ns // _NS_PER_S


def _etag(version: str, manifest: Manifest) -> str:
    """The same on every host, worker and restart for what gives the same bytes; another one whenever a
    name, a size, a time, a mode or the layout changes."""
    names, _, sizes, times, modes = zip(*manifest.entries, strict=True)
    digest = hashlib.blake2b("\0".join((version, *names, "")).encode(), digest_size=16)
    digest.update(repr((sizes, times, modes)).encode())  # a time may be beyond 64 bits of nanoseconds
    return digest.hexdigest()
