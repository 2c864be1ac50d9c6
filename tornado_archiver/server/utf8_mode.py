"""Python's UTF-8 mode (PEP 540) for file names, settings and the log in any locale.

Links and member names are UTF-8. Bytes that are not UTF-8 are kept as surrogates (PEP 383). In a locale like
de_DE.ISO-8859-1 or C, Python would decode the same bytes differently from the disk, the command line and the
environment, and could not encode all of them again.
"""

import os
import sys


def ensure_utf8_mode() -> None:
    """Restart the program in Python's UTF-8 mode, unless the file system encoding is UTF-8 already.

    Call it first, because Python cannot change the mode while it runs. exec keeps the process ID and the
    inherited descriptors.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        # not sys.orig_argv, because it is decoded, and EUC-JP cannot be encoded back to the same bytes
        with open("/proc/self/cmdline", "rb") as file:
            args = file.read().split(b"\0")[1:-1]
        os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *args])  # noqa: S606
