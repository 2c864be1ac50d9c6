"""Clients that resume until their download is complete, and clients that send short requests meanwhile."""

import subprocess
import threading
import time
import urllib.error
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.servers import eventually, fetch, tool

MIB = 1024 * 1024
_RATE_LIMIT = "2M"
_MAX_ATTEMPTS = 100
_RETRY_DELAY_S = 0.3


@contextmanager
def many_downloads(url: str, count: int, directory: Path, etag: str) -> Iterator[list["Future[int]"]]:
    """Start slow downloads and yield when each has received a part; each returns its number of attempts."""
    saved = [directory / f"{number}.zip" for number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        downloads = [pool.submit(download, url, file, number, etag) for number, file in enumerate(saved)]
        assert eventually(lambda: all(file.exists() and file.stat().st_size for file in saved), timeout_s=30)
        yield downloads


def download(url: str, saved: Path, number: int, etag: str) -> int:
    """Resume like a download manager until the file is complete; return the number of attempts.

    With a proxy on this machine each client has a different address. Every second client sends If-Range, as
    browsers do.
    """
    command = [tool("curl"), "-sS", "--noproxy", "*", "--fail", "-C", "-", "--limit-rate", _RATE_LIMIT]
    command += ["-o", str(saved)]
    command += ["--interface", f"127.0.1.{number + 1}"] if "//127.0.0.1:" in url else []
    command += ["-H", f"If-Range: {etag}"] if number % 2 else []
    for attempts in range(1, _MAX_ATTEMPTS + 1):
        if subprocess.run([*command, url], stderr=subprocess.DEVNULL, timeout=100).returncode == 0:
            return attempts
        time.sleep(_RETRY_DELAY_S)
    raise AssertionError(f"incomplete after {_MAX_ATTEMPTS} attempts")


@contextmanager
def short_requests(port: int, path: str) -> Iterator[list[str]]:
    """Send short requests one after the other while the block runs; yield the list of their errors."""
    errors: list[str] = []
    stop = threading.Event()

    def send_requests() -> None:
        while not stop.wait(0.02):
            try:
                fetch(port, path)
            except (OSError, urllib.error.HTTPError) as error:
                errors.append(f"{time.monotonic():.2f}: {error}")

    thread = threading.Thread(target=send_requests)
    thread.start()
    try:
        yield errors
    finally:
        stop.set()
        thread.join()


def attempts_of(downloads: Sequence["Future[int]"]) -> list[int]:
    """Return the number of attempts of each download; raise if one failed."""
    return [download.result(timeout=100) for download in downloads]
