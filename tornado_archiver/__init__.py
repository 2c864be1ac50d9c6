"""Tornado Archiver: an HTTP service that streams a directory as an archive while packing it."""

import os
import sys

__version__ = "1.0.0"
ENTRY_POINT_GROUP = "tornado_archiver.backends"  # the packages of backends register their classes here


def program_name() -> str:
    """Return `tornado-archiver`, `server.py` or `python -m tornado_archiver`, as the program was started."""
    name = os.path.basename(sys.argv[0])
    return "python -m tornado_archiver" if name == "__main__.py" else name
