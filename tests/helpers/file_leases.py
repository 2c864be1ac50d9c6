"""Files with a lease (fcntl(2), Leases), so that an open waits in the kernel."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLDER = """
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDWR)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
if sys.argv[2] == "lets go":
    signal.sigwait([signal.SIGIO])
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
sys.stdin.read()
"""


@contextmanager
def leased(file: Path, *, lets_go: bool) -> Iterator["subprocess.Popen[bytes]"]:
    """Return the program that holds the lease, until another process opens the file or for good.

    It keeps the file open for writing.
    """
    command = [sys.executable, "-c", _HOLDER, str(file), "lets go" if lets_go else "keeps it"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield holder
        finally:
            holder.kill()
