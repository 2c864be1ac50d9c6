"""A server among traps, warmed up and measured."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from tests.abuse.footprint import Footprint, assert_released, footprint
from tests.abuse.judge import Judge, answer_to
from tests.abuse.traps import ALBUM, FORMATS, MIB, ODD_ALBUMS, Traps
from tests.servers import PROJECT, Server, free_port, plain_environment, running_server

SECRET = {"ARCHIVER_LINK_SECRET": "0123456789abcdef0123456789abcdef"}
_GROWTH = 80 * MIB  # it ends at some 62, after 70,000 requests: docs/abuse.md


@dataclass(frozen=True, slots=True)
class Stage:
    """`links` open the albums, `before` is what the server held when it had done all that it is there for."""

    server: Server
    admin_port: int
    judge: Judge
    links: list[str]
    before: Footprint

    def growth(self) -> int:
        """Bytes of memory that the server has taken since."""
        return footprint(self.server, self.admin_port).memory - self.before.memory

    def assert_unharmed(self) -> None:
        """That the service serves as it did, has let go of everything, and keeps its secrets."""
        for link in self.links:
            self.judge.assert_serves(self.server.port, link)
        assert_released(self.server, self.admin_port, self.before, growth=_GROWTH)
        told = [line[:300] for line in self.server.log().splitlines() if ALBUM[6:] in line]
        assert not told, f"the log holds a hash: {told[:10]}"


@contextmanager
def stage(
    traps: Traps, *arguments: str, signed: bool = False, launcher: Sequence[str] = ()
) -> Iterator[Stage]:
    admin_port = free_port()
    options = (
        "--formats",
        ",".join(FORMATS),
        "--admin-port",
        str(admin_port),
        "--enable-logging",
        *arguments,
    )
    with running_server(traps.photos, *options, env=SECRET if signed else {}, launcher=launcher) as server:
        queries = {album: _signed_query(album) for album in (ALBUM, *ODD_ALBUMS)} if signed else {}
        judge = Judge(server.port, traps, queries)
        links = [f"/archive/{quote(album)}/?{queries.get(album, '')}" for album in (ALBUM, *ODD_ALBUMS)]
        _warm_up(server.port, links)
        yield Stage(server, admin_port, judge, links, footprint(server, admin_port))


def _signed_query(album: str) -> str:
    command = [sys.executable, "-m", "tornado_archiver", "link", "--expires", "1d", "--", album]
    environment = plain_environment(SECRET)
    link = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    return link.strip().partition("?")[2]


def _warm_up(port: int, links: list[str]) -> None:
    """Threads that stay, caches, and the like."""
    with ThreadPoolExecutor(24) as pool:
        wanted = [f"{link}&format={name}" for link in links for name in FORMATS] * 4
        assert {answer.status for answer in pool.map(lambda path: answer_to(port, path), wanted)} == {200}
