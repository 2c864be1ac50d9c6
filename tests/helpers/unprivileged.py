"""Takes root's right to read everything from a piece of a test, or from a program."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.helpers.servers import tool

_UNPRIVILEGED_UID = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """This thread meets the file system as a user who owns nothing; without effect unless run by root.

    setfsuid(2) takes the capabilities to read what one may not along with the user (capabilities(7)).
    """
    libc = ctypes.CDLL(None)
    libc.setfsuid(_UNPRIVILEGED_UID)
    try:
        yield
    finally:
        libc.setfsuid(os.geteuid())


def unprivileged_command() -> list[str]:
    """Return the command prefix that drops this capability; empty unless run by root."""
    rights = "--bounding-set=-dac_override,-dac_read_search"
    return [] if os.geteuid() else [tool("setpriv"), rights]
