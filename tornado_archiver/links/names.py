"""Names made from a link and its files: the file name of the download, and the top folder. Pure."""

import time
from collections.abc import Sequence

from tornado_archiver.links.link import ArchiveLink
from tornado_archiver.settings.types import is_control
from tornado_archiver.source import Entry
from tornado_archiver.sources.member_names import MAX_NAME_BYTES, portable_file_name

# Less than file systems allow, because clients append to the name: browsers ` (1)` and `.crdownload`, aria2
# `.aria2`. wget reserves 19 bytes (CHOMP_BUFFER in its url.c) and truncates the suffix otherwise.
_MAX_FILE_NAME_BYTES = MAX_NAME_BYTES - 19
_NS_PER_S = 1_000_000_000
_YEAR_10000_S = 253_402_300_800


def download_file_name(template: str, link: ArchiveLink, extension: str, entries: Sequence[Entry]) -> str:
    """Return a file name for the download that is valid on every system.

    `template` may contain `{hash}`, `{name}` (the name in the link without the extension, the hash if the
    link has none) and `{date}` (the newest modification time of `entries`, in UTC).
    """
    return portable_file_name(_fill(template, link, extension, entries), extension, _MAX_FILE_NAME_BYTES)


def top_folder(template: str, link: ArchiveLink, extension: str, entries: Sequence[Entry]) -> str:
    """Return the name of the folder that contains all members, from a template like that of the download."""
    return portable_file_name(_fill(template, link, extension, entries), "", _MAX_FILE_NAME_BYTES)


def has_extension(file_name: str, extension: str) -> bool:
    """Return whether a file name has this extension, in any case, and something before it."""
    stem, end = file_name[: -len(extension)], file_name[-len(extension) :]
    return bool(_clean(stem)) and end.lower() == extension.lower()


def newest_mtime_s(entries: Sequence[Entry]) -> int:
    """Return the newest modification time of the files, in seconds since the epoch; of the directories if
    there are no files. It is a time that a date can express, although a mtime is any 64-bit number."""
    files = [entry.mtime_ns for entry in entries if not entry.is_directory]
    newest = max(files or [entry.mtime_ns for entry in entries]) // _NS_PER_S
    return min(max(newest, 0), _YEAR_10000_S - 1)


def _fill(template: str, link: ArchiveLink, extension: str, entries: Sequence[Entry]) -> str:
    name = link.file_name or link.name
    if has_extension(name, extension):
        name = name[: -len(extension)]
    # computed only if needed, because there may be 200,000 entries
    date = _utc_date(newest_mtime_s(entries)) if "{date}" in template else ""
    return template.format(hash=link.source_hash, name=_clean(name) or link.source_hash, date=date)


def _clean(name: str) -> str:
    """Return the name without the characters that could disguise its extension or hide the file, because
    every author of a link can choose it."""
    return "".join(character for character in name if not is_control(character)).strip(" .")


def _utc_date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
