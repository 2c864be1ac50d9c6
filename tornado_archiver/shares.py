"""How many connections each of several workers holds, in memory that they share: who has few takes the next.

Left to the kernel, the worker that wakes up first takes all: of 80 visitors in a burst, two of four workers
had none.
"""

import ctypes

from tornado_archiver.shared_book import SharedBook

_OUT_OF_IT = 2**31 - 1


class Share:
    """One worker's place among `count` numbers that begin at `place`."""

    def __init__(self, counts: "ctypes.Array[ctypes.c_int]", place: int) -> None:
        self._counts = counts
        self._place = place
        self._takes_part = True

    def hold(self, connections: int) -> None:
        self._counts[self._place] = connections if self._takes_part else _OUT_OF_IT

    def give_up(self) -> None:
        """This worker takes no more, so nobody has to wait for it."""
        self._takes_part = False
        self.hold(0)

    def is_large(self) -> bool:
        """Whether another worker holds fewer."""
        return bool(self._counts[self._place] > min(self._counts))


def equal_shares(workers: int) -> list[Share]:
    """One for each, made before they are forked."""
    layout = type("Shares", (ctypes.Structure,), {"_fields_": [("counts", ctypes.c_int * workers)]})
    counts = SharedBook(layout).book.counts
    return [Share(counts, place) for place in range(workers)]
