"""Confines a program to what it is there for: it reads where it may, writes nowhere, and asks nobody.

By Landlock (landlock(7), Linux 5.13): the kernel looks at the file that is opened in the end, whatever names
and links led to it, so nobody gains anything by putting a link in place of a directory in the middle. What
stays open is what Landlock does not know: stat(2) and readlink(2).
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
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many there are to files, by version; 16 from the fifth on
_NETWORK = 0b11  # TCP bind and connect, from the fourth version on
_SCOPES = 0b11  # abstract sockets of, and signals to, whoever is not confined alike, from the sixth on
_ATTRIBUTES = struct.Struct("=3Q")  # struct landlock_ruleset_attr
_BENEATH = struct.Struct("=Qi")  # struct landlock_path_beneath_attr

# What programs are made of. Not /usr as a whole: photos may lie in /usr/share.
_SYSTEM = ("/bin", "/lib", "/lib64", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_PACKAGE_STORES = ("/nix/store", "/gnu/store", "/etc/ld.so.cache")

_libc = ctypes.CDLL(None, use_errno=True)


def abi_version() -> int:
    """Landlock's version; 0 without it: an older kernel (ENOSYS), one that was started without it
    (EOPNOTSUPP), or a container whose seccomp profile refuses it (EPERM)."""
    try:
        return _landlock("create_ruleset", None, 0, _WANT_VERSION)
    except OSError:
        return 0


def ruleset(readable: Iterable[int], programs: Iterable[str]) -> int:
    """The descriptor of a set of rules, for the caller to close. Blocking.

    What lies beneath the directories `readable` (descriptors) may be read; what lies in the directories of
    the `programs` (paths), and the system's own, may be read and run. Raises BackendError.
    """
    folders = [os.path.dirname(os.path.realpath(program)) for program in programs]
    try:
        with ExitStack() as undo:
            ruleset_fd = _landlock("create_ruleset", _attributes(abi_version()), _ATTRIBUTES.size, 0)
            undo.callback(os.close, ruleset_fd)
            for directory in readable:
                _allow(ruleset_fd, directory, _READ_FILE)
            for path in (*_SYSTEM, *_PACKAGE_STORES, *folders):
                _allow_path(ruleset_fd, path, _READ_FILE | _EXECUTE)
            _allow_path(ruleset_fd, os.devnull, _READ_FILE | _WRITE_FILE)
            # `subprocess` looks up there what to close; else it tries each of a million numbers
            _allow_path(ruleset_fd, "/proc", _READ_DIR)
            undo.pop_all()
            return ruleset_fd
    except OSError as error:
        raise BackendError(f"what a program may read cannot be settled (Landlock): {error}") from error


def restrict_self(ruleset_fd: int) -> None:
    """Takes all other rights from this thread and from what it starts, and nobody can give them back: for a
    thread that ends soon. Raises BackendError."""
    try:
        # without it only root may confine himself: a program could gain rights that this takes for granted
        _check_syscall("prctl", _libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
        _landlock("restrict_self", ruleset_fd, 0)
    except OSError as error:
        raise BackendError(f"a program cannot be confined (Landlock): {error}") from error


def _attributes(abi_version: int) -> bytes:
    """All that this version can take away. Zeros at the end are nothing to an older one, which knows less."""
    rights = (1 << _RIGHTS.get(abi_version, 16)) - 1
    return _ATTRIBUTES.pack(rights, _NETWORK * (abi_version >= 4), _SCOPES * (abi_version >= 6))


def _allow_path(ruleset_fd: int, path: str, rights: int) -> None:
    with suppress(FileNotFoundError):  # no system has all of them
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            _allow(ruleset_fd, descriptor, rights)
        finally:
            os.close(descriptor)


def _allow(ruleset_fd: int, descriptor: int, rights: int) -> None:
    _landlock("add_rule", ruleset_fd, _PATH_BENEATH, _BENEATH.pack(rights, descriptor), 0)


def _landlock(call: str, *arguments: int | bytes | None) -> int:
    """No C library has functions for these."""
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _check_syscall(f"landlock_{call}", _libc.syscall(ctypes.c_long(_CALLS[call]), *wide))


def _check_syscall(call: str, result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), call)
    return result
