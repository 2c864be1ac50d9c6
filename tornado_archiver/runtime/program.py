"""The name that the program was started by, which begins its messages."""

import os
import sys


def program_name() -> str:
    """Return `tornado-archiver`, `server.py` or `python -m tornado_archiver`."""
    name = os.path.basename(sys.argv[0])
    return "python -m tornado_archiver" if name == "__main__.py" else name
