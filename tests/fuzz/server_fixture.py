"""A warmed-up server with the album fixtures, and its resources."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from tests.fuzz.fixtures import ALBUM, FORMATS, MIB, UNUSUAL_ALBUMS, Photos
from tests.fuzz.resources import Resources, assert_released, measure_resources
from tests.fuzz.response_checks import ResponseChecker, get
from tests.helpers.servers import PROJECT, Server, free_port, plain_environment, running_server

SECRET = {"ARCHIVER_LINK_SECRET": "0123456789abcdef0123456789abcdef"}
_GROWTH = 80 * MIB  # the maximum is about 62, after 70,000 requests: docs/fuzzing.md


@dataclass(frozen=True, slots=True)
class ServerFixture:
    """`links` return the albums. `before` are the resources after one request of each kind."""

    server: Server
    admin_port: int
    checker: ResponseChecker
    links: list[str]
    before: Resources

    def growth(self) -> int:
        """Return the memory growth in bytes."""
        return measure_resources(self.server, self.admin_port).memory - self.before.memory

    def assert_unchanged(self) -> None:
        """Assert that all albums are served, resources are released, and the log has no hash."""
        for link in self.links:
            self.checker.assert_serves(self.server.port, link)
        assert_released(self.server, self.admin_port, self.before, growth=_GROWTH)
        lines = [line[:300] for line in self.server.log().splitlines() if ALBUM[6:] in line]
        assert not lines, f"the log contains a hash: {lines[:10]}"


@contextmanager
def server_fixture(
    photos: Photos, *arguments: str, signed: bool = False, launcher: Sequence[str] = ()
) -> Iterator[ServerFixture]:
    admin_port = free_port()
    options = (
        "--formats",
        ",".join(FORMATS),
        "--admin-port",
        str(admin_port),
        "--enable-logging",
        *arguments,
    )
    with running_server(photos.root, *options, env=SECRET if signed else {}, launcher=launcher) as server:
        queries = {album: _signed_query(album) for album in (ALBUM, *UNUSUAL_ALBUMS)} if signed else {}
        checker = ResponseChecker(server.port, photos, queries)
        links = [f"/archive/{quote(album)}/?{queries.get(album, '')}" for album in (ALBUM, *UNUSUAL_ALBUMS)]
        _warm_up(server.port, links)
        yield ServerFixture(server, admin_port, checker, links, measure_resources(server, admin_port))


def _signed_query(album: str) -> str:
    command = [sys.executable, "-m", "tornado_archiver", "sign-link", "--expires", "1d", "--", album]
    environment = plain_environment(SECRET)
    link = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    return link.strip().partition("?")[2]


def _warm_up(port: int, links: list[str]) -> None:
    """Create persistent threads and fill caches."""
    with ThreadPoolExecutor(24) as pool:
        wanted = [f"{link}&format={name}" for link in links for name in FORMATS] * 4
        assert {response.status for response in pool.map(lambda path: get(port, path), wanted)} == {200}
