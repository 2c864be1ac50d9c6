"""The interface of a backend, the implementation of one archive format.

The author of a backend needs this file, `source` and `errors`. `docs/writing-a-backend.md` shows a complete
backend; `tornado_archiver.testing` contains the conformance suite that every backend has to pass.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import ClassVar

from tornado_archiver.source import MAX_CHUNK_BYTES, Chunk, Manifest

# Raised when a class that was correct can fail: docs/writing-a-backend.md, section Interface version
INTERFACE_VERSION = 1


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A half-open range of the bytes of an archive; 0 <= start < stop <= length."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """The facts of an archive that are known before its first byte.

    `length` is in bytes, None if it is known only at the end. `etag` is a strong validator without quotes
    (RFC 9110 8.8.3), None if two archives of the same manifest can differ in a byte. `last_modified` is in
    whole seconds since the epoch.
    """

    length: int | None = None
    etag: str | None = None
    last_modified: int | None = None


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """The settings that backends share; a subclass has further settings, see `Backend.options`.

    `compress_level`: 0 (fastest) to 9 (smallest); a backend with fewer levels uses the nearest one.
    `stored_threshold`: the largest file, in bytes, that a seekable zip stores without deflate blocks.
    """

    compress_level: int = 6
    stored_threshold: int = 64 * 1024 * 1024


class Archive(ABC):
    """The archive of one request.

    `chunk_bytes` is set by the caller before it requests a chunk: the approximate size, in bytes of memory,
    that suits the speed of the client. A backend SHOULD NOT produce larger chunks. `prepared_bytes` is set by
    a backend that prepares a chunk while the previous one is sent: the size of the prepared chunk, in bytes.
    """

    info: ArchiveInfo
    chunk_bytes: int = MAX_CHUNK_BYTES
    prepared_bytes: int = 0

    @abstractmethod
    def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes of the archive: bytes of length 1 to about 1 MiB, or slices of files.

        The caller iterates over one range after another, never over two at once. It calls again for the rest
        of a range when a stalled client resumes reading. `byte_range` is None if `info.length` is unknown.
        Packing starts with the first chunk and runs at most one chunk ahead.

        The generator MUST NOT block the event loop. It MUST raise an ArchiverError as soon as the archive
        cannot be completed correctly, and MUST NOT end short. After `aclose()` or cancellation it MUST NOT
        leave a process, thread or descriptor behind.
        """


class Backend(ABC):
    """Implementation of one archive format. One instance serves all requests, so it holds no request state.

    `name` is the value of `--backend` and `?format=`, `extension` is the end of the download's file name. One
    process creates and checks the instance; others, which are forked from it and have separate event loops,
    use it. So a backend MUST NOT create threads, locks, pools or connections before the first `open`.

    `interface_version` is the INTERFACE_VERSION that the class was written for, as a number. The class
    attribute `options` has the defaults. A backend with settings assigns an instance of a frozen dataclass
    that is derived from BackendOptions, and declares its fields with `tornado_archiver.options.option`.
    """

    name: ClassVar[str]
    media_type: ClassVar[str]
    extension: ClassVar[str]
    interface_version: ClassVar[int]  # without a default, because a subclass would inherit a later version
    options: BackendOptions = BackendOptions()

    def __init__(self, options: BackendOptions) -> None:
        self.options = options

    async def check(self) -> None:
        """Raise BackendUnavailableError, with the name of the package to install, if the backend cannot work.

        Called at start, at a reload, and by the admin process for each readiness request; calls may overlap.
        It MUST NOT block the event loop, and has to return within 2 seconds.
        """
        return

    @abstractmethod
    async def open(self, manifest: Manifest) -> Archive:
        """Return the archive of `manifest`, without reading contents or starting a process.

        Raise BackendError if the format cannot represent the manifest; the client then receives a 500.
        """
