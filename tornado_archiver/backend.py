"""The interface of a backend: what makes archives of one format.

A backend author needs this file, `manifest`, `storage` and `errors`; `docs/writing-a-backend.md` shows a
whole one, and `tornado_archiver.testing` holds the suite that every backend passes.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import ClassVar

from tornado_archiver.source import MAX_CHUNK_BYTES, Chunk, Manifest


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes of an archive from `start` up to and without `stop`; 0 <= start < stop <= length."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """What is known of an archive before its first byte.

    `length` is in bytes, None when it shows only at the end. `etag` is a strong validator without its
    quotes (RFC 9110 8.8.3), None when two packings of the same manifest may differ in a byte.
    `last_modified` is in whole seconds since the epoch.
    """

    length: int | None = None
    etag: str | None = None
    last_modified: int | None = None


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """The settings that backends share.

    `compress_level`: 0 (fastest) to 9 (smallest); a backend with fewer steps takes the nearest one of its
    own.
    `stored_threshold`: the largest file, in bytes, that a planned zip stores plainly.
    """

    compress_level: int = 6
    stored_threshold: int = 64 * 1024 * 1024


class Archive(ABC):
    """One request's archive: the facts first, the bytes after.

    `chunk_bytes` is set by the caller before it asks for a chunk: about how many bytes of memory the client
    is fast enough for. A backend that could hold more SHOULD keep to it. `prepared_bytes` is set by a
    backend that prepares a chunk while the one before is sent: what that one takes.
    """

    info: ArchiveInfo
    chunk_bytes: int = MAX_CHUNK_BYTES
    prepared_bytes: int = 0

    @abstractmethod
    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Chunk, None]:
        """The archive's bytes, in pieces: bytes of 1 byte to about 1 MiB, or slices of files.

        Called once for each range that is wanted, one after the other, and once more for the rest of a range
        when a client reads on that stood still; `byte_range` is given only when `info.length` is known.
        Packing starts with the first pull and goes no further ahead than one chunk.
        The event loop MUST NOT be blocked. When the bytes can no longer be right it MUST raise an
        ArchiverError as soon as that is known, and MUST NOT end short. After `aclose()` or cancellation no
        process, thread or descriptor of it may be left.
        """


class Backend(ABC):
    """Maker of one format. One instance serves all requests, so it keeps nothing of any of them.

    `name` is what `--backend` and `?format=` call it, `extension` ends the download's file name. It is made
    and
    checked in one process, and serves in others that are forked from that one, each with an event loop of its
    own: no threads, locks, pools and connections before the first `open`.
    """

    name: ClassVar[str]
    media_type: ClassVar[str]
    extension: ClassVar[str]

    def __init__(self, options: BackendOptions) -> None:
        self.options = options

    async def check(self) -> None:
        """Whether it can work here. Called at the start, when settings are read again, and by the admin's
        process whenever somebody asks whether the service is ready, which may be twice at once. It MUST NOT
        block, and has 2 seconds. Raises BackendUnavailableError that says what to install."""
        return

    @abstractmethod
    async def open(self, manifest: Manifest) -> Archive:
        """Settle the facts of the archive of `manifest`; read no content and start no program yet. Raises
        BackendError when the format cannot say what is in the manifest, which is a 500 to the visitor."""
