"""Manifests made from that of a whole directory: selected members, or all beneath one folder. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tornado_archiver.errors import ArchiveTooLargeError, SourceNotFoundError
from tornado_archiver.source import Entry, Manifest
from tornado_archiver.sources.member_names import MAX_PATH_BYTES


def select(manifest: Manifest, names: Iterable[str]) -> Manifest:
    """Return the manifest of the members with these names; a name with `/` at its end is all beneath it.

    A name is that of a member, or else that of a file or directory on the disk, because only the archive
    replaces characters that Windows rejects. The report of unreadable files is always selected. Raise
    SourceNotFoundError if a name is unknown.
    """
    lookup = _Lookup(manifest.entries)
    chosen: set[int] = set()
    for name in names:
        found = set(lookup.by_member_name(name)) or set(lookup.by_source_key(name))
        if not found:
            raise SourceNotFoundError("a selected file is not in the directory")
        chosen |= found
    if manifest.report_name:
        chosen |= set(lookup.by_member_name(manifest.report_name))
    return replace(manifest, entries=tuple(manifest.entries[index] for index in sorted(chosen)))


class _Lookup:
    """Positions of entries by their names. The entries are in the order of their member names."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._by_source_key: dict[bytes, list[int]] | None = None  # most requests do not need it

    def by_member_name(self, name: str) -> Iterator[int]:
        is_folder = name.endswith("/")
        start = bisect_left(self._entries, name, key=lambda entry: entry.member_name)
        for index in range(start, len(self._entries)):
            member_name = self._entries[index].member_name
            if member_name != name and not (is_folder and member_name.startswith(name)):
                return
            yield index

    def by_source_key(self, name: str) -> Iterator[int]:
        if self._by_source_key is None:
            self._by_source_key = {}
            for index, entry in enumerate(self._entries):
                self._by_source_key.setdefault(entry.source_key, []).append(index)
        is_folder = name.endswith("/")
        key = name.removesuffix("/").encode("utf-8", "surrogateescape")
        for index in self._by_source_key.get(key, ()):
            entry = self._entries[index]
            if is_folder == entry.is_directory:
                yield from self.by_member_name(entry.member_name)


def beneath_folder(manifest: Manifest, folder: str) -> Manifest:
    """Return the manifest with all members beneath `folder`, one portable part of a path.

    Raise ArchiveTooLargeError if that makes a path too long.
    """
    entries = tuple(entry._replace(member_name=f"{folder}/{entry.member_name}") for entry in manifest.entries)
    if any(len(entry.member_name.encode()) > MAX_PATH_BYTES for entry in entries):
        raise ArchiveTooLargeError(
            f"a path beneath the top folder (top-folder) has more than {MAX_PATH_BYTES} bytes: most programs"
            " could not unpack it; use shorter names"
        )
    return replace(manifest, entries=entries)
