"""UTF-8 for names of files, settings and the log, whatever the locale is (PEP 540).

A link is UTF-8, and so are the names in an archive; bytes that are not are kept as surrogates (PEP 383).
Under a locale such as de_DE.ISO-8859-1 or a plain C, Python would decode the same bytes differently where
they come from the disk, the command line or the environment, and could not encode all of them again.
"""

import os
import sys


def ensure_utf8_mode() -> None:
    """Start the program once more in Python's UTF-8 mode, unless names are UTF-8 already.

    To be called first of all: Python cannot switch while it runs. exec keeps the process id and the
    descriptors that were inherited.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        with open(
            "/proc/self/cmdline", "rb"
        ) as file:  # sys.orig_argv is decoded, and EUC-JP is not reversible
            arguments = file.read().split(b"\0")[1:-1]
        os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *arguments])  # noqa: S606
