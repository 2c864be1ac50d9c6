"""Memory that all processes of one service share, and a lock on it. Made before they are forked."""

import ctypes
import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SharedBook:
    """`book` is a structure of the type `layout`, zero all over at first. For one thread of each process."""

    def __init__(self, layout: type[ctypes.Structure]) -> None:
        self._file = os.memfd_create(layout.__name__)
        os.ftruncate(self._file, ctypes.sizeof(layout))
        self.book: Any = layout.from_buffer(mmap.mmap(self._file, ctypes.sizeof(layout)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While the block runs, no other process is in one. The kernel takes the lock back from a process
        that dies (fcntl(2))."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
