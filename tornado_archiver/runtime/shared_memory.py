"""A ctypes structure in anonymous shared memory, with a lock that survives the death of its holder."""

import ctypes
import fcntl
import mmap
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SharedStruct:
    """`struct` has the type `layout`, all bytes 0 at first. It is shared with the processes forked later, and
    used by one thread of each."""

    def __init__(self, layout: type[ctypes.Structure]) -> None:
        self.struct: Any = layout.from_buffer(mmap.mmap(-1, ctypes.sizeof(layout)))
        self._lock = os.memfd_create(layout.__name__)
        weakref.finalize(self, os.close, self._lock)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude the other processes from their own such blocks. Not reentrant.

        The kernel releases the lock of a process that dies (fcntl(2), F_SETLKW), which no lock in the memory
        itself does.
        """
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
