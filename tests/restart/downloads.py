"""Visitors who want a file whole, however often their download breaks off, and those who only look in."""

import subprocess
import threading
import time
import urllib.error
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.servers import eventually, fetch, tool

MIB = 1024 * 1024
LIMIT = "2M"
_TRIES = 100
_PAUSE_S = 0.3


@contextmanager
def many(url: str, count: int, directory: Path, etag: str) -> Iterator[list["Future[int]"]]:
    """So many slow downloads, all of them in the middle, each of which ends with the number of its tries."""
    saved = [directory / f"{number}.zip" for number in range(count)]
    with ThreadPoolExecutor(count) as visitors:
        downloads = [visitors.submit(whole, url, file, number, etag) for number, file in enumerate(saved)]
        assert eventually(lambda: all(file.exists() and file.stat().st_size for file in saved), timeout_s=30)
        yield downloads


def whole(url: str, saved: Path, number: int, etag: str) -> int:
    """Fetch it as a download manager does: as often as it takes, each time from where it broke off. How many
    times that was.

    Where the proxy is on this machine each comes from an address of his own. Half of them say which archive
    they have begun, as browsers do.
    """
    command = [tool("curl"), "-sS", "--noproxy", "*", "--fail", "-C", "-", "--limit-rate", LIMIT]
    command += ["-o", str(saved)]
    command += ["--interface", f"127.0.1.{number + 1}"] if "//127.0.0.1:" in url else []
    command += ["-H", f"If-Range: {etag}"] if number % 2 else []
    for tries in range(1, _TRIES + 1):
        if subprocess.run([*command, url], stderr=subprocess.DEVNULL, timeout=100).returncode == 0:
            return tries
        time.sleep(_PAUSE_S)
    raise AssertionError(f"it is not whole after {_TRIES} tries")


@contextmanager
def newcomers(port: int, path: str) -> Iterator[list[str]]:
    """While the block runs, one after the other asks for something small; gives what went wrong for them."""
    problems: list[str] = []
    done = threading.Event()

    def come() -> None:
        while not done.wait(0.02):
            try:
                fetch(port, path)
            except (OSError, urllib.error.HTTPError) as error:
                problems.append(f"{time.monotonic():.2f}: {error}")

    thread = threading.Thread(target=come)
    thread.start()
    try:
        yield problems
    finally:
        done.set()
        thread.join()


def tries(downloads: Sequence["Future[int]"]) -> list[int]:
    """How many each has taken; they all end well."""
    return [download.result(timeout=100) for download in downloads]
