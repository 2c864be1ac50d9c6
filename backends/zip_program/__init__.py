"""`zip`: the Info-ZIP program as a subprocess, streamed from its stdout.

The program is handed the manifest's names, never the directory: left to itself it follows links out of
the directory and packs whatever has come since. What it does not do itself is done here:

* A name that is missing when it starts is left out *silently, with exit status 0* (zip 3.0 with -q), so
  the number of members in its end record is held against the manifest.
* It stores the modes of the disk, so those of the manifest are put into the end of the archive (`modes`).
* It reads by path, so the entries are compared with the manifest when it has ended, and the end waits
  for that and for the exit status. `-y` keeps it from following a link put in place of a file, but not of a
  directory: those are compared before it starts, and the kernel lets it read nothing outside the source.
* It waits for ever on a pipe put in place of a file, so the entries are compared when it is silent, too.
* It sets the UTF-8 flag (APPNOTE 4.4.4, bit 11) only where a locale called en_US.UTF-8 exists, which a
  slim system lacks; `_lend_locale` gives it the C.utf8 one under that name.
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

from tornado_archiver.backend import Archive, ArchiveInfo, Backend, ByteRange
from tornado_archiver.backends.zip_program.compressed import COMPRESSED_SUFFIXES
from tornado_archiver.backends.zip_program.modes import ArchiveEnd
from tornado_archiver.backends.zip_program.naming import Naming, naming_of
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
# Its messages are matched, and its times are local ones
_ENVIRONMENT = {"TZ": "UTC0"}

# What it says with -v when all is well
_CHATTER = re.compile(r"^ +adding: .*\n?|^.*\(out=\d+\) \(.*\n?|^total bytes=(\d+),.*\n?", re.MULTILINE)


class ZipProgram(Backend):
    name: ClassVar[str] = "zip"
    media_type: ClassVar[str] = "application/zip"
    extension: ClassVar[str] = ".zip"

    async def check(self) -> None:
        if _path() is None:
            raise BackendUnavailableError(
                "backend zip needs the program 'zip' (Info-ZIP), which is not installed: install it"
                " (`apt-get install zip`, `dnf install zip`, `apk add zip`) or choose another backend"
            )
        if not landlock.abi_version():
            _warn_once()
        await _try_out()

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
        resources = ExitStack()
        try:
            reader = await finish_in_thread(self._reader, resources)
            naming = await finish_in_thread(naming_of, self._entries, reader, resources)
            rules = await finish_in_thread(_rules, [reader.directory], resources)
            end = ArchiveEnd(self._entries)
            locales = await finish_in_thread(_lend_locale, resources)
            async with aclosing(self._packed(naming, reader, rules, locales)) as packed:
                async for chunk in packed:
                    for settled in end.push(chunk):
                        yield settled
            await finish_in_thread(reader.verify, self._entries, self._changed_ns)
            yield await finish_in_thread(end.finish)
        except OSError as error:
            raise BackendError(f"zip could not be set to work: {error.strerror}") from error
        finally:
            await shielded(asyncio.to_thread(resources.close))

    def _reader(self, resources: ExitStack) -> LocalReader:
        reader = resources.enter_context(self._source.reader())
        reader.verify(entry for entry in self._entries if entry.is_directory)
        return reader

    async def _packed(
        self, naming: Naming, reader: LocalReader, rules: int | None, locales: str
    ) -> AsyncGenerator[bytes, None]:
        program = Subprocess(
            [*self._arguments, *naming.arguments, "-@", "-"],
            cwd=naming.directory,
            stdin=naming.list,
            env=_ENVIRONMENT | {"LOCPATH": locales},
            pass_fds=naming.inherited,
            landlock_ruleset=rules,
            expected_stderr=_CHATTER,
            on_idle=lambda: finish_in_thread(reader.verify, self._entries),
        )
        try:
            async with program, aclosing(program.stdout_chunks()) as output:
                async for chunk in output:
                    yield chunk
                _check_total(program.stderr_tail, self._entries)
        except BackendError:
            # of a file that is gone it says that there is no such file, and not which
            await finish_in_thread(_find_fault, reader, self._entries)
            raise


def _path() -> str | None:
    return shutil.which("zip")


def _rules(readable: Iterable[int], resources: ExitStack) -> int | None:
    """What the program may read, for `Program`; None where the system cannot confine it. Its list, its output
    and a view need no rule: the first two are open, and the links of a view lead into the source."""
    if not landlock.abi_version():
        return None
    rules = landlock.ruleset(readable, filter(None, [_path()]))
    resources.callback(os.close, rules)
    return rules


def _lend_locale(resources: ExitStack) -> str:
    """Return a directory for LOCPATH whose en_US.UTF-8 is C.utf8. It is made for each download, because a
    wheel cannot contain a link."""
    locales = make_tempdir()
    resources.callback(os.rmdir, locales)
    link = os.path.join(locales, "en_US.UTF-8")
    os.symlink(_LOCALE, link)
    resources.callback(os.unlink, link)
    return locales


@cache
def _warn_once() -> None:
    log.warning(
        "the zip program runs unconfined, as there is no Landlock here (Linux 5.13, Docker 23): whoever may"
        " write to the photos can make it read elsewhere while it packs; the other backends are not exposed"
    )


async def _try_out() -> None:
    """Raises BackendUnavailableError unless it starts, with no more rights than for a download."""
    try:
        with ExitStack() as resources:
            rules = await finish_in_thread(_rules, (), resources)
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
    """Raise SourceChangedError or SourceUnreadableError for the first entry that is not, or does not hold,
    what the manifest says."""
    reader.verify(entries)
    for entry in entries:
        check_cancelled()
        if not entry.is_directory:
            with closing(reader.open_file(entry)) as content:
                content.verify()


def _check_total(said: str, entries: Iterable[Entry]) -> None:
    """Raise BackendError unless the program has read all that was to be read, and no more. It exits with 0
    where a disk fails, too, and ends the member as if the file did; and after a file longer than its size."""
    totals = [total for total in _CHATTER.findall(said) if total]
    wanted = sum(entry.size for entry in entries)
    if not totals or int(totals[-1]) != wanted:
        raise BackendError(f"zip has not read everything: {wanted} bytes were to be packed")
