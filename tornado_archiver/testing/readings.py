"""Which threads read a local source."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from tornado_archiver.local_content import LocalFile
from tornado_archiver.local_storage import LocalReader

_WAIT_FOR_THE_DISK = (
    (LocalReader, ("__enter__", "open_fd", "read_all", "verify")),
    (LocalFile, ("read", "slice", "verify")),
)


@contextmanager
def record_reader_threads() -> Iterator[set[str]]:
    """The names of the threads that read meanwhile, through what a source offers for it."""
    found: set[str] = set()
    with ExitStack() as patches:
        for owner, names in _WAIT_FOR_THE_DISK:
            for name in names:
                patches.enter_context(mock.patch.object(owner, name, _noting(getattr(owner, name), found)))
        patches.enter_context(
            mock.patch.object(LocalReader, "iter_blocks", _noting_each(LocalReader.iter_blocks, found))
        )
        yield found


def _noting(read: Callable[..., Any], found: set[str]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        found.add(threading.current_thread().name)
        return read(*arguments, **named)

    return noted


def _noting_each(blocks: Callable[..., Iterator[memoryview]], found: set[str]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Iterator[memoryview]:
        for block in blocks(*arguments, **named):
            found.add(threading.current_thread().name)
            yield block

    return noted
