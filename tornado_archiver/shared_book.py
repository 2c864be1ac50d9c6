"""Memory that all processes of one service share, and a lock on it. Made before they are forked."""

import ctypes
import fcntl
import mmap
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SharedBook:
    """`book` is a structure of the type `layout`, zero all over at first. For one thread of each process."""

    def __init__(self, layout: type[ctypes.Structure]) -> None:
        self.book: Any = layout.from_buffer(mmap.mmap(-1, ctypes.sizeof(layout)))
        self._lock = os.memfd_create(layout.__name__)
        weakref.finalize(self, os.close, self._lock)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While the block runs, no other process is in one. The kernel takes the lock back from a process
        that dies (fcntl(2))."""
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
