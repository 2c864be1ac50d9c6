"""`zip`: a streaming archive from the stdout of the Info-ZIP program.

The program gets the names of the manifest, never the directory: otherwise it follows links out of the
directory and packs files that were added since the scan. This module does the rest:

* A name that is missing when it starts is left out *silently, with exit status 0* (zip 3.0 with -q), so the
  number of members in its end record is compared with the manifest.
* It stores the modes of the disk, so those of the manifest replace them at the end of the archive (`modes`).
* It reads by path, so the entries are compared with the manifest when it has exited, and the end of the
  archive is held until then. `-y` keeps it from following a link put in place of a file, but not of a
  directory: those are compared before it starts, and the kernel lets it read nothing outside the source.
* It waits indefinitely on a pipe put in place of a file, so the entries are also compared when it is idle.
* It sets the UTF-8 flag (APPNOTE 4.4.4, bit 11) only if a locale called en_US.UTF-8 exists, which a slim
  system lacks; `_lend_locale` provides C.utf8 under that name.
"""

import asyncio
import logging
import os
import re
import shutil
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import ExitStack, aclosing, closing
from functools import cache
from typing import ClassVar

from tornado_archiver.backend import INTERFACE_VERSION, Archive, ArchiveInfo, Backend, ByteRange
from tornado_archiver.backends.zip.modes import ArchiveEnd
from tornado_archiver.backends.zip.suffixes import COMPRESSED_SUFFIXES
from tornado_archiver.backends.zip.symlink_farm import ZipInput, prepare_input
from tornado_archiver.errors import BackendError, BackendUnavailableError
from tornado_archiver.runtime import landlock
from tornado_archiver.runtime.cancellation import check_cancelled, shielded
from tornado_archiver.runtime.subprocess import Subprocess
from tornado_archiver.runtime.tempdir import make_tempdir
from tornado_archiver.runtime.threads import finish_in_thread
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.local.storage import LocalReader, LocalSource

log = logging.getLogger(__name__)

_LOCALE = "/usr/lib/locale/C.utf8"
# TZ, because it stores local times
_ENVIRONMENT = {"TZ": "UTC0"}

# Its messages with -v if there is no error
_PROGRESS_OUTPUT = re.compile(
    r"^ +adding: .*\n?|^.*\(out=\d+\) \(.*\n?|^total bytes=(\d+),.*\n?", re.MULTILINE
)


class InfoZip(Backend):
    name: ClassVar[str] = "zip"
    media_type: ClassVar[str] = "application/zip"
    extension: ClassVar[str] = ".zip"
    interface_version: ClassVar[int] = INTERFACE_VERSION

    async def check(self) -> None:
        if _path() is None:
            raise BackendUnavailableError(
                "backend zip needs the program 'zip' (Info-ZIP), which is not installed: install it"
                " (`apt-get install zip`, `dnf install zip`, `apk add zip`) or choose another backend"
            )
        if not landlock.abi_version():
            _warn_once()
        await _check_runs()

    async def open(self, manifest: Manifest) -> Archive:
        if not isinstance(manifest.source, LocalSource):
            raise BackendError("backend zip packs files on a local disk only; choose another backend")
        return _ZipArchive(manifest, manifest.source, self.options.compress_level)


class _ZipArchive(Archive):
    info = ArchiveInfo()

    def __init__(self, manifest: Manifest, source: LocalSource, level: int) -> None:
        self._entries = manifest.entries
        self._changed_ns = manifest.ctime_ns
        self._source = source
        self._arguments = ["zip", "-v", f"-{level}", "-n", ":".join(COMPRESSED_SUFFIXES)]

    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes, None]:
        stack = ExitStack()
        try:
            reader = await finish_in_thread(self._reader, stack)
            zip_input = await finish_in_thread(prepare_input, self._entries, reader, stack)
            rules = await finish_in_thread(_ruleset, [reader.directory], stack)
            end = ArchiveEnd(self._entries)
            locales = await finish_in_thread(_lend_locale, stack)
            async with aclosing(self._packed(zip_input, reader, rules, locales)) as packed:
                async for chunk in packed:
                    for released in end.push(chunk):
                        yield released
            await finish_in_thread(reader.verify, self._entries, self._changed_ns)
            yield await finish_in_thread(end.finish)
        except OSError as error:
            raise BackendError(f"zip did not start: {error.strerror}") from error
        finally:
            await shielded(asyncio.to_thread(stack.close))

    def _reader(self, stack: ExitStack) -> LocalReader:
        reader = stack.enter_context(self._source.reader())
        reader.verify(entry for entry in self._entries if entry.is_directory)
        return reader

    async def _packed(
        self, zip_input: ZipInput, reader: LocalReader, rules: int | None, locales: str
    ) -> AsyncGenerator[bytes, None]:
        program = Subprocess(
            [*self._arguments, *zip_input.arguments, "-@", "-"],
            cwd=zip_input.directory,
            stdin=zip_input.names,
            env=_ENVIRONMENT | {"LOCPATH": locales},
            pass_fds=zip_input.inherited,
            landlock_ruleset=rules,
            expected_stderr=_PROGRESS_OUTPUT,
            on_idle=lambda: finish_in_thread(reader.verify, self._entries),
        )
        try:
            async with program, aclosing(program.stdout_chunks()) as output:
                async for chunk in output:
                    yield chunk
                _check_bytes_read(program.stderr_tail, self._entries)
        except BackendError:
            # because its message does not name a missing file
            await finish_in_thread(_find_fault, reader, self._entries)
            raise


def _path() -> str | None:
    return shutil.which("zip")


def _lend_locale(stack: ExitStack) -> str:
    """Return a directory for LOCPATH whose en_US.UTF-8 is C.utf8, created for each download because a wheel
    cannot contain a symbolic link."""
    locales = make_tempdir()
    stack.callback(os.rmdir, locales)
    link = os.path.join(locales, "en_US.UTF-8")
    os.symlink(_LOCALE, link)
    stack.callback(os.unlink, link)
    return locales


def _ruleset(readable: Iterable[int], stack: ExitStack) -> int | None:
    """Return the Landlock ruleset of the program; None if the kernel has no Landlock. Its names and its
    output are open already, and the links of a symlink farm lead into the source, so these need no rule."""
    if not landlock.abi_version():
        return None
    rules = landlock.ruleset(readable, filter(None, [_path()]))
    stack.callback(os.close, rules)
    return rules


@cache
def _warn_once() -> None:
    log.warning(
        "the zip program is not sandboxed: no Landlock (Linux 5.13, Docker 23); a user with write access to"
        " the photos can make it read other files while it packs; the other backends are not affected"
    )


async def _check_runs() -> None:
    """Raise BackendUnavailableError unless it starts, with no more rights than for a download."""
    try:
        with ExitStack() as stack:
            rules = await finish_in_thread(_ruleset, (), stack)
            program = Subprocess(["zip", "-h"], cwd="/", env=_ENVIRONMENT, landlock_ruleset=rules)
            async with program, aclosing(program.stdout_chunks()) as output:
                async for _ in output:
                    pass
    except BackendError as error:
        raise BackendUnavailableError(
            f"the program {_path()} does not start where it may read only its own directory and the system's"
            f" (/usr/bin, /usr/lib): {error}; install the system's own zip or choose another backend"
        ) from error


def _find_fault(reader: LocalReader, entries: Sequence[Entry]) -> None:
    """Raise SourceChangedError or SourceUnreadableError for the first entry that differs from the manifest or
    cannot be read."""
    reader.verify(entries)
    for entry in entries:
        check_cancelled()
        if not entry.is_directory:
            with closing(reader.open_file(entry)) as content:
                content.verify()


def _check_bytes_read(messages: str, entries: Iterable[Entry]) -> None:
    """Raise BackendError unless the program has read as many bytes as the entries have. It exits with 0 after
    a read error, too, and ends the member there; and after a file longer than its size."""
    totals = [total for total in _PROGRESS_OUTPUT.findall(messages) if total]
    wanted = sum(entry.size for entry in entries)
    if not totals or int(totals[-1]) != wanted:
        raise BackendError(f"zip has not read everything: {wanted} bytes were to be packed")
