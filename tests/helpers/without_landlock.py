"""`python without_landlock.py COMMAND...` becomes the command, in a system that has no Landlock.

As an old kernel or container engine: a seccomp filter (seccomp(2)) that all its children inherit.
"""

import ctypes
import errno
import os
import struct
import sys

_LANDLOCK = range(444, 447)
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_GE, _RETURN = 0x20, 0x35, 0x06  # a word of struct seccomp_data; if >=; the verdict


def _refuse_landlock() -> None:
    filters = b"".join(
        struct.pack("=HBBI", *step)
        for step in (
            (_LOAD, 0, 0, 0),  # the number of the call
            (_JUMP_GE, 0, 2, _LANDLOCK.start),
            (_JUMP_GE, 1, 0, _LANDLOCK.stop),
            (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    buffer = ctypes.create_string_buffer(filters, len(filters))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(filters) // 8, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) == 0
    assert libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), program) == 0, ctypes.get_errno()


if __name__ == "__main__":
    _refuse_landlock()
    os.execvp(sys.argv[1], sys.argv[1:])
