"""A download through a proxy, of an archive that is aborted because its source changes meanwhile."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.log_and_metrics import counted_since, counts
from tests.helpers.servers import eventually, fetch, free_port, running_server, tool
from tornado_archiver.testing import trees

FORMATS = {"seekable": "tar", "streaming": "tar.gz"}
VERSIONS = {"HTTP/1.1": "--http1.1", "HTTP/1.0": "--http1.0", "HTTP/2": "--http2-prior-knowledge"}
# https://curl.se/libcurl/c/libcurl-errors.html: partial file, empty reply, receive error, HTTP/2 stream error
BROKEN = (18, 52, 56, 92)
NOT_SUPPORTED = "not supported"
LOOKS_COMPLETE = "LOOKS COMPLETE"
_MIB = 1024 * 1024
_FILES = 12
_SENT_BEFORE = 2 * _MIB
_TRIALS = 5


@dataclass(frozen=True, slots=True)
class Archiver:
    """A server with a rate limit, so that the last file of `album` is unsent after `_SENT_BEFORE` bytes."""

    port: int
    admin_port: int
    album: Path

    def seen(self, proxy_port: int, version: str, kind: str) -> str:
        """Return what a curl of that HTTP version sees behind the proxy."""
        url = next((url for url in _urls(proxy_port) if _responds(url, version)), None)
        return NOT_SUPPORTED if url is None else self._seen(url, version, kind)

    def _seen(self, url: str, version: str, kind: str) -> str:
        for _ in range(_TRIALS):
            before = counts(self.admin_port)
            seen = self._download(url, version, kind)
            counted = counted_since(before, counts(self.admin_port))
            if seen != LOOKS_COMPLETE or "failed (source changed)" in counted:
                return seen
            # if the machine was too slow, the file changed after it was sent, and the archive is complete
        raise AssertionError("the archive is never aborted")

    def _download(self, url: str, version: str, kind: str) -> str:
        command = _curl(f"{url}archive/{self.album.name}/?format={FORMATS[kind]}", version)
        sent = self._sent()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as curl:
            assert eventually(lambda: curl.poll() is not None or self._sent() > sent + _SENT_BEFORE)
            with open(self.album / f"{_FILES - 1:02}.jpg", "ab") as last:
                last.write(b"changed")
            status, stderr = curl.communicate()
        assert curl.returncode in (0, *BROKEN), stderr
        return _words(curl.returncode, int(status))

    def _sent(self) -> float:
        """Return the bytes of archives sent so far, which are counted once a second."""
        lines = fetch(self.admin_port, "/metrics").decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("archiver_sent_bytes_total"))


def _urls(port: int) -> tuple[str, ...]:
    """See `tests.proxies.nginx` for the second one."""
    return f"http://127.0.0.1:{port}/", f"http://127.0.0.2:{port}/"


def _responds(url: str, version: str) -> bool:
    done = subprocess.run(_curl(url, version), capture_output=True)
    return done.returncode == 0


def _curl(url: str, version: str) -> list[str]:
    """The command that prints the status of the response."""
    command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "100", VERSIONS[version], url]
    return [*command, "-o", "/dev/null", "-w", "%{http_code}"]


def _words(exit_code: int, status: int) -> str:
    if status >= 400:
        return f"refused ({status})"
    return "clear error" if exit_code else LOOKS_COMPLETE


@contextmanager
def archiver(directory: Path) -> Iterator[Archiver]:
    album, admin_port = directory / "photos" / "album", free_port()
    for number in range(_FILES):
        trees.write(album / f"{number:02}.jpg", trees.noise(_MIB, number))
    options = ("--formats", ",".join(FORMATS.values()), "--rate-limit", "4MiB", "--compression-level", "1")
    with running_server(directory / "photos", *options, "--admin-port", str(admin_port)) as server:
        yield Archiver(server.port, admin_port, album)
