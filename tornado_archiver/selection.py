"""Which names of a directory are packed. Pure: it sees names only; the walk sees what they are."""

import re
from dataclasses import dataclass

# What FTP clients, file managers and NAS systems leave in a directory, and no visitor wants.
_LITTER = re.compile(
    rb"thumbs\.db|ehthumbs\.db|desktop\.ini|icon\r|__macosx|@eadir|#recycle|\$recycle\.bin"
    rb"|system volume information|lost\+found|.*\.filepart|~\$.*",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What the settings say. `follow_symlinks`: a link inside the directory stands for its target."""

    include_hidden: bool = False
    include_litter: bool = False
    follow_symlinks: bool = False

    def wants(self, name: bytes) -> bool:
        """Whether a file or directory of this name (one part of a path) is packed."""
        if name.startswith(b".") and not self.include_hidden:
            return False
        return self.include_litter or not _LITTER.fullmatch(name)
