"""The delay that simulates slow downloads: a wait before each small chunk, in every format."""

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.helpers.servers import tool
from tornado_archiver.backend import ByteRange
from tornado_archiver.limits import rate
from tornado_archiver.links.link import ArchiveLink
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.settings.options import DEMO_PHOTOS, Settings
from tornado_archiver.source import MIN_CHUNK_BYTES, FileSlice, read_chunk
from tornado_archiver.testing import trees

DELAY_S = 2.0
FORMATS = ("stored-zip", "tar", "zip", "tar.gz")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[float | bytes]:
    """The delays in seconds, which do not take time, and the chunks in their order."""
    found: list[float | bytes] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(rate, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    return found


async def download(
    events: list[float | bytes], settings: Settings, byte_range: ByteRange | None
) -> int | None:
    """Pack the only album; return the length of the archive."""
    services = await create_services(settings)
    (album,) = (path.name for path in settings.photos_dir.iterdir() if path.is_dir())
    archive = await services.backends[0].open(await services.scan(ArchiveLink(album)))
    archive.chunk_bytes = services.rate_limiter.max_chunk_bytes
    async for chunk in services.rate_limiter.throttle(archive.chunks(byte_range)):
        events.append(read_chunk(chunk))  # noqa: PERF401 - in their order, with the delays
    return archive.info.length


def delayed(photos: Path, backend: str, **settings: float) -> Settings:
    if backend == "zip":
        tool("zip")
    return Settings(
        photos_dir=photos,
        backend=backend,
        settle_time=0,
        enable_response_delay=True,
        response_delay=DELAY_S,
        **settings,  # type: ignore[arg-type]
    )


def chunks_of(events: list[float | bytes]) -> Iterator[bytes]:
    """Yield the chunks. Each has at most 64 KiB, and one wait before it."""
    pairs = list(zip(events[::2], events[1::2], strict=True))
    for seconds, chunk in pairs:
        assert seconds == DELAY_S
        assert isinstance(chunk, bytes)
        assert 0 < len(chunk) <= MIN_CHUNK_BYTES
        yield chunk


@pytest.mark.parametrize("backend", FORMATS)
def test_delay_precedes_each_chunk_of_the_demo_album(events: list[float | bytes], backend: str) -> None:
    length = asyncio.run(download(events, delayed(DEMO_PHOTOS, backend), None))
    archive = b"".join(chunks_of(events))
    assert length in (None, len(archive))
    assert len(events) / 2 >= math.ceil(len(archive) / MIN_CHUNK_BYTES) >= 4


@pytest.mark.parametrize("backend", FORMATS)
def test_delay_precedes_each_chunk_of_a_large_file(
    events: list[float | bytes], tmp_path: Path, backend: str
) -> None:
    trees.noisy(tmp_path, files=1, size=5_000_000)
    asyncio.run(download(events, delayed(tmp_path, backend), None))
    assert sum(map(len, chunks_of(events))) > 5_000_000


def test_delay_precedes_each_chunk_of_a_range(events: list[float | bytes], tmp_path: Path) -> None:
    trees.noisy(tmp_path, files=1, size=5_000_000)
    settings = delayed(tmp_path, "stored-zip")
    asyncio.run(download(events, settings, None))
    whole = b"".join(chunks_of(events))
    events.clear()
    asyncio.run(download(events, settings, ByteRange(1_000_000, 2_000_000)))
    assert b"".join(chunks_of(events)) == whole[1_000_000:2_000_000]
    assert len(events) / 2 >= 16


def test_delay_with_rate_limit_delays_each_chunk_once(events: list[float | bytes], tmp_path: Path) -> None:
    trees.noisy(tmp_path, files=1, size=1_000_000)
    asyncio.run(download(events, delayed(tmp_path, "tar", rate_limit=100_000), None))
    assert events.count(DELAY_S) == math.ceil(1_000_000 / MIN_CHUNK_BYTES) + 1
    assert max(len(chunk) for chunk in events if isinstance(chunk, bytes)) <= 5000


def test_delay_longer_than_the_stall_timeout_is_not_a_timeout_of_the_backend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trees.noisy(tmp_path, files=1, size=200_000)
    settings = Settings(
        photos_dir=tmp_path,
        settle_time=0,
        enable_response_delay=True,
        response_delay=0.2,
        stall_timeout=0.1,
    )
    chunks: list[float | bytes] = []
    assert asyncio.run(download(chunks, settings, None)) == sum(
        len(chunk) for chunk in chunks if isinstance(chunk, bytes)
    )


def test_delay_limits_the_memory_of_a_chunk() -> None:
    assert rate.RateLimiter(delay_s=DELAY_S).max_chunk_bytes == MIN_CHUNK_BYTES


@pytest.mark.parametrize("prefix_bytes", [0, 1, 99, 100, 101, 250])
@pytest.mark.parametrize("file_bytes", [0, 1, 99, 100, 101, 250])
def test_split_slices_have_at_most_that_many_bytes(
    tmp_path: Path, prefix_bytes: int, file_bytes: int
) -> None:
    (tmp_path / "file").write_bytes(trees.noise(300))
    with open(tmp_path / "file", "rb") as file:
        whole = FileSlice(trees.noise(prefix_bytes, 1), file.fileno(), 7, 7 + file_bytes)
        parts = list(whole.split(100))
        assert b"".join(map(read_chunk, parts)) == read_chunk(whole)
    assert max(map(len, parts)) <= 100
    assert len(parts) == max(1, math.ceil(len(whole) / 100))
