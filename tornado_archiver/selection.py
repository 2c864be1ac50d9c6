"""Which names of a directory are packed, and how much at most. Pure: the walk sees what they stand for."""

from dataclasses import dataclass

from tornado_archiver.errors import ArchiveTooLargeError
from tornado_archiver.junk import is_hidden, is_junk


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """What the settings say. `follow_symlinks`: a link inside the directory stands for its target.
    `max_entries` and `max_bytes` are for one archive, 0 for no limit."""

    include_hidden: bool = False
    include_litter: bool = False
    follow_symlinks: bool = False
    max_entries: int = 0
    max_bytes: int = 0

    def accepts(self, name: bytes) -> bool:
        """Whether a file or directory of this name (one part of a path) is packed."""
        if is_hidden(name) and not self.include_hidden:
            return False
        return self.include_litter or not is_junk(name)

    def check_limits(self, entries: int, size: int) -> None:
        """Raise ArchiveTooLargeError for more than one archive may hold; `size` is in bytes."""
        if self.max_entries and entries > self.max_entries:
            raise ArchiveTooLargeError(
                f"the directory has more than {self.max_entries} entries (max-entries)"
            )
        if self.max_bytes and size > self.max_bytes:
            raise ArchiveTooLargeError(f"the directory has more than {self.max_bytes} bytes (max-bytes)")
