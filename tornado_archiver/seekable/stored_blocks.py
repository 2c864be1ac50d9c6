"""Deflate streams of stored blocks: 5 bytes before each 65,535 of a content (RFC 1951 3.2.4)."""

from collections.abc import Iterator
from typing import Final

STORED_BLOCK: Final = 65_535  # the largest length that a block header can hold
_BLOCK_HEADER_SIZE: Final = 5


class StoredBlocks:
    """A content of `size` bytes, at least 1, as a deflate stream of `length` bytes."""

    __slots__ = ("length", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.length = size + _BLOCK_HEADER_SIZE * -(-size // STORED_BLOCK)

    def blocks(self, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the parts of the stream from byte `start` up to and without `stop`: for each block the part
        of its header, and where the part of the content starts and stops in the content."""
        block = start // (STORED_BLOCK + _BLOCK_HEADER_SIZE)
        while (at := block * (STORED_BLOCK + _BLOCK_HEADER_SIZE)) < stop:
            content = block * STORED_BLOCK
            block_length = min(STORED_BLOCK, self.size - content)
            first, last = max(start - at, 0), min(stop - at, _BLOCK_HEADER_SIZE + block_length)
            header = _block_header(block_length, is_last=content + block_length == self.size)[first:last]
            begin, end = max(first - _BLOCK_HEADER_SIZE, 0), max(last - _BLOCK_HEADER_SIZE, 0)
            yield header, content + begin, content + end
            block += 1


def _block_header(length: int, *, is_last: bool) -> bytes:
    """Return BFINAL and BTYPE=00 in one byte, the length, its complement (RFC 1951 3.2.3, 3.2.4)."""
    return bytes((is_last,)) + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little")
