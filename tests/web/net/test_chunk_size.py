"""How much is made at a time for clients of any speed."""

import pytest

from tornado_archiver.source import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES
from tornado_archiver.web.net.chunk_size import ChunkSize

KERNEL_BYTES = 256 * 1024  # what the kernel takes at once from a client that reads nothing


def test_chunk_size_of_fast_client_grows() -> None:
    size, sent = ChunkSize(), 0
    while size.bytes < MAX_CHUNK_BYTES:
        sent += size.bytes
        size.sent(size.bytes, 0.001)
    assert sent < 8 * MAX_CHUNK_BYTES


@pytest.mark.parametrize("bytes_per_s", [1000, 100_000, 500_000])
def test_chunk_size_of_slow_client_stays_small(bytes_per_s: int) -> None:
    """The kernel takes the first ones at once, and then as many as the client has read, in turns."""
    size, room = ChunkSize(), KERNEL_BYTES
    for _ in range(1000):
        taken_at_once = size.bytes <= room
        room = room - size.bytes if taken_at_once else KERNEL_BYTES // 2
        size.sent(size.bytes, 0 if taken_at_once else KERNEL_BYTES / 2 / bytes_per_s)
        assert size.bytes == MIN_CHUNK_BYTES


def test_chunk_size_of_client_that_becomes_slow_shrinks_at_once() -> None:
    size = ChunkSize()
    for _ in range(100):
        size.sent(MAX_CHUNK_BYTES, 0.001)
    size.sent(MAX_CHUNK_BYTES, 10)
    assert size.is_smallest


def test_chunks_stay_below_the_limit_of_a_throttled_download() -> None:
    size = ChunkSize(max_bytes=100_000)
    for _ in range(100):
        size.sent(MAX_CHUNK_BYTES, 0.001)
    assert size.bytes == 100_000


def test_chunk_size_of_medium_client_matches_its_rate() -> None:
    size = ChunkSize()
    for _ in range(100):
        size.sent(size.bytes, size.bytes / 4_000_000)
    assert MIN_CHUNK_BYTES < size.bytes < MAX_CHUNK_BYTES
