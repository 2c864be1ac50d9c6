"""The pieces of a planned archive, each of a length that is known before its bytes are.

Pure. The length of an archive is the sum of its segments' lengths and a range is a slice of them. Where a
layout knows a shorter way for ordinary entries, the bytes are held to it when they are made.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tornado_archiver.contents import Contents

STORED_BLOCK: Final = 65_535  # the most that a stored deflate block holds (RFC 1951 3.2.4)
_BLOCK_HEAD: Final = 5


class Literal:
    """Bytes that are known at once."""

    __slots__ = ("data", "length")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length = len(data)


class Late:
    """`length` bytes that `make` tells when they are due, for they hang on contents. `needs` is the entry
    whose CRC-32 it will ask for, None for none."""

    __slots__ = ("length", "make", "needs")

    def __init__(self, length: int, make: "Callable[[Contents], bytes]", needs: int | None = None) -> None:
        self.length = length
        self.make = make
        self.needs = needs


class FileContent:
    """The content of the manifest's entry number `entry`, as it is. An empty file has one of no length, which
    has it opened and compared as well."""

    __slots__ = ("entry", "length")

    def __init__(self, entry: int, length: int) -> None:
        self.entry = entry
        self.length = length


class FramedContent:
    """The content of entry number `entry` as a deflate stream of stored blocks: 5 bytes before each 65,535.

    `size` is the content's, at least 1; `length` the stream's.
    """

    __slots__ = ("entry", "length", "size")

    def __init__(self, entry: int, size: int) -> None:
        self.entry = entry
        self.size = size
        self.length = size + _BLOCK_HEAD * -(-size // STORED_BLOCK)

    def blocks(self, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
        """What the bytes `start` to `stop` of the stream are made of: for each block it touches the part of
        its head, and where the part of its content starts and stops in the file."""
        block = start // (STORED_BLOCK + _BLOCK_HEAD)
        while (at := block * (STORED_BLOCK + _BLOCK_HEAD)) < stop:
            content = block * STORED_BLOCK
            held = min(STORED_BLOCK, self.size - content)
            first, last = max(start - at, 0), min(stop - at, _BLOCK_HEAD + held)
            head = _block_head(held, is_last=content + held == self.size)[first:last]
            yield head, content + max(first - _BLOCK_HEAD, 0), content + max(last - _BLOCK_HEAD, 0)
            block += 1


def _block_head(held: int, *, is_last: bool) -> bytes:
    """RFC 1951 3.2.4: BFINAL and BTYPE=00 in one byte, the length, its complement."""
    return bytes((is_last,)) + held.to_bytes(2, "little") + (held ^ 0xFFFF).to_bytes(2, "little")


Segment = Literal | Late | FileContent | FramedContent
