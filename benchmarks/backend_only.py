"""Packs a directory with a backend alone, without a web server, in a separate process.

`python -m benchmarks.backend_only PHOTOS_DIR HASH BACKEND LEVEL` prints the elapsed seconds and the bytes
received.
"""

import asyncio
import sys
import time
from contextlib import aclosing
from pathlib import Path

from tornado_archiver.backend import BackendOptions
from tornado_archiver.registry import Registry, builtin
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local.storage import LocalStorage


async def measure_backend(photos: Path, source_hash: str, name: str, level: int) -> tuple[float, int]:
    """Return seconds from opening the archive to its last byte, and its length in bytes."""
    manifest = await LocalStorage(photos, SourceFilter()).scan(source_hash)
    backend = Registry(builtin()).create(name, BackendOptions(level))
    started, received = time.perf_counter(), 0
    archive = await backend.open(manifest)
    async with aclosing(archive.chunks()) as chunks:
        async for chunk in chunks:
            received += len(chunk)
    return time.perf_counter() - started, received


if __name__ == "__main__":
    photos_dir, directory, backend_name, level_text = sys.argv[1:]
    print(*asyncio.run(measure_backend(Path(photos_dir), directory, backend_name, int(level_text))))
