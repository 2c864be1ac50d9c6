"""Landlock sandbox for programs: read access to given directories only, no writes, no network.

See landlock(7), Linux 5.13. The kernel checks the file that is opened in the end, whatever names and links
lead to it. So a directory that is replaced by a symlink does not open other files. Landlock does not restrict
stat(2) and readlink(2).
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import ExitStack, suppress

from tornado_archiver.errors import BackendError

_CALLS = {"create_ruleset": 444, "add_rule": 445, "restrict_self": 446}  # on every architecture
_WANT_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # number of file rights by ABI version; 16 since version 5
_NETWORK = 0b11  # TCP bind and connect, since version 4
_SCOPES = 0b11  # abstract sockets of, and signals to, processes outside of the sandbox, since version 6
_ATTRIBUTES = struct.Struct("=3Q")  # struct landlock_ruleset_attr
_BENEATH = struct.Struct("=Qi")  # struct landlock_path_beneath_attr

# Programs and libraries. Not all of /usr, because /usr/share may contain photos.
_SYSTEM = ("/bin", "/lib", "/lib64", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_PACKAGE_STORES = ("/nix/store", "/gnu/store", "/etc/ld.so.cache")

_libc = ctypes.CDLL(None, use_errno=True)


def abi_version() -> int:
    """Return the version of the kernel's Landlock interface, 0 without Landlock.

    Reasons are an older kernel (ENOSYS), a kernel booted without Landlock (EOPNOTSUPP), and a seccomp
    profile that denies the system call (EPERM).
    """
    try:
        return _landlock("create_ruleset", None, 0, _WANT_VERSION)
    except OSError:
        return 0


def ruleset(readable: Iterable[int], programs: Iterable[str]) -> int:
    """Return the descriptor of a new ruleset; the caller closes it. Blocking. Raise BackendError.

    Files beneath the directories `readable` (descriptors) can be read. Files in the directories of the
    `programs` (paths) and of the system can be read and executed.
    """
    program_dirs = [os.path.dirname(os.path.realpath(program)) for program in programs]
    try:
        with ExitStack() as stack:
            ruleset_fd = _landlock("create_ruleset", _attributes(abi_version()), _ATTRIBUTES.size, 0)
            stack.callback(os.close, ruleset_fd)
            for dir_fd in readable:
                _allow(ruleset_fd, dir_fd, _READ_FILE)
            for path in (*_SYSTEM, *_PACKAGE_STORES, *program_dirs):
                _allow_path(ruleset_fd, path, _READ_FILE | _EXECUTE)
            _allow_path(ruleset_fd, os.devnull, _READ_FILE | _WRITE_FILE)
            # because `subprocess` lists /proc/self/fd to close descriptors; else it tries a million numbers
            _allow_path(ruleset_fd, "/proc", _READ_DIR)
            stack.pop_all()
            return ruleset_fd
    except OSError as error:
        raise BackendError(f"cannot create the Landlock ruleset: {error}") from error


def restrict_self(ruleset_fd: int) -> None:
    """Restrict this thread and its children to the ruleset. Raise BackendError.

    Irreversible: use a short-lived thread.
    """
    try:
        # required without root, because a setuid program could misuse the restrictions: landlock(7)
        _check_syscall("prctl", _libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
        _landlock("restrict_self", ruleset_fd, 0)
    except OSError as error:
        raise BackendError(f"cannot enforce the Landlock ruleset: {error}") from error


def _attributes(abi_version: int) -> bytes:
    """Return a ruleset_attr with all rights that this ABI version handles.

    An older kernel accepts the longer structure because the fields that it does not know are zero.
    """
    rights = (1 << _RIGHTS.get(abi_version, 16)) - 1
    return _ATTRIBUTES.pack(rights, _NETWORK * (abi_version >= 4), _SCOPES * (abi_version >= 6))


def _allow_path(ruleset_fd: int, path: str, rights: int) -> None:
    with suppress(FileNotFoundError):  # because some of the directories exist on some systems only
        path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            _allow(ruleset_fd, path_fd, rights)
        finally:
            os.close(path_fd)


def _allow(ruleset_fd: int, path_fd: int, rights: int) -> None:
    _landlock("add_rule", ruleset_fd, _PATH_BENEATH, _BENEATH.pack(rights, path_fd), 0)


def _landlock(call: str, *args: int | bytes | None) -> int:
    """Call the system call by its number, because C libraries do not wrap it."""
    long_args = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return _check_syscall(f"landlock_{call}", _libc.syscall(ctypes.c_long(_CALLS[call]), *long_args))


def _check_syscall(call: str, result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), call)
    return result
