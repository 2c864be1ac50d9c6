"""Servers for the faults, started on first use with different options, and an album for each download."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.log_and_metrics import counted_since, counts, request_lines
from tests.helpers.servers import Server, eventually, fetch, free_port, running_server, tool
from tests.helpers.unprivileged import unprivileged_command
from tornado_archiver.testing import faults, trees

BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
STALL_TIMEOUT_S = 3
MIB = 1024 * 1024
_END_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options that differ from those of the default server."""

    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    launcher: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """An album on a running server. `outside` is a path outside the photos, `tools` the directory of the
    programs of the server. `counts` and `log_start` are its metrics and the length of its log before."""

    server: Server
    admin_port: int
    album: Path
    outside: Path
    tools: Path
    backend: str
    counts: Mapping[str, float]
    log_start: int

    @property
    def path(self) -> str:
        return f"/archive/{self.album.name}/?format={self.backend}"

    @property
    def url(self) -> str:
        return self.server.url(self.path)

    def counted(self) -> list[str]:
        """Return the end of the request according to the metrics."""
        return counted_since(self.counts, counts(self.admin_port))

    def logged(self) -> list[str]:
        """Return the end of the request according to the log."""
        return request_lines(self.log(), self.album.name[:6])

    def wait_for_the_end(self) -> None:
        """Wait until the server has logged or counted the end of the request."""
        assert eventually(lambda: self.logged() or self.counted(), _END_TIMEOUT_S), "the request does not end"
        fetch(self.server.port, "/healthz")  # the worker finishes its cleanup before it responds

    def log(self) -> str:
        """Return the log of the server since the start of the scenario."""
        return self.server.log()[self.log_start :]


class ServerFixture:
    """Use `server_fixture()` to create one."""

    def __init__(self, directory: Path, resources: ExitStack) -> None:
        self._directory = directory
        self._resources = resources
        self._servers: dict[Callable[[Path], ServerOptions], tuple[Server, int, Path]] = {}
        self._photos = directory / "photos"
        self._photos.mkdir()
        self._noise = trees.noise(64 * MIB)
        self._number = 0

    @contextmanager
    def scenario(
        self, options: Callable[[Path], ServerOptions], fill: "FillAlbum", backend: str
    ) -> Iterator[Scenario]:
        """Yield a new album on a server with these options."""
        self._number += 1
        album = self._photos / f"{self._number:06}{uuid.uuid4().hex}"
        outside = self._directory / f"outside{self._number}"
        fill(album, self._noise)
        server, admin_port, tools = self._server(options)
        before = counts(admin_port), len(server.log())
        try:
            yield Scenario(server, admin_port, album, outside, tools, backend, *before)
        finally:
            for path in (album, outside):
                path.unlink() if path.is_symlink() else shutil.rmtree(path, ignore_errors=True)

    def _server(self, options: Callable[[Path], ServerOptions]) -> tuple[Server, int, Path]:
        if options not in self._servers:
            tools = self._directory / f"tools{len(self._servers)}"
            tools.mkdir()
            created, admin_port = options(tools), free_port()
            server = running_server(
                self._photos,
                *("--formats", ",".join(BACKENDS), "--admin-port", str(admin_port)),
                *created.arguments,
                env={"ENABLE_LOGGING": "1", **created.environment},
                launcher=created.launcher,
            )
            self._servers[options] = self._resources.enter_context(server), admin_port, tools
        return self._servers[options]


@contextmanager
def server_fixture() -> Iterator[ServerFixture]:
    tool("curl"), tool("zip")
    with tempfile.TemporaryDirectory() as directory, ExitStack() as resources:
        yield ServerFixture(Path(directory), resources)


# Albums

FillAlbum = Callable[[Path, bytes], None]


def small(album: Path, noise: bytes) -> None:
    trees.write(album / "1.jpg", noise[:MIB])
    trees.write(album / faults.TARGET, noise[MIB : 2 * MIB])


def many_files_first(album: Path, noise: bytes) -> None:
    """Create more data before the file with the fault than all buffers hold, so that a client that stops
    reading prevents the service from reading this file."""
    trees.write(album / "0000.jpg", noise[:MIB])
    for number in range(1, 64):
        os.link(album / "0000.jpg", album / f"{number:04}.jpg")
    trees.write(album / faults.TARGET, noise[MIB : 2 * MIB])


def one_large(album: Path, noise: bytes) -> None:
    """Create a file that is partly read when the client stops reading."""
    trees.write(album / faults.TARGET, noise)


# Server options


def default(tools: Path) -> ServerOptions:
    return ServerOptions()


def with_short_stall_timeout(tools: Path) -> ServerOptions:
    return ServerOptions(arguments=("--stall-timeout", f"{STALL_TIMEOUT_S}s"))


def unprivileged(tools: Path) -> ServerOptions:
    """Drop the privilege of root to read every file."""
    return ServerOptions(launcher=unprivileged_command())


def with_report(tools: Path) -> ServerOptions:
    return ServerOptions(("--on-unreadable", "report"), launcher=unprivileged_command())


def with_scripted_zip(tools: Path) -> ServerOptions:
    """Replace zip by the shell script `act`, in which $ZIP is the real program."""
    (tools / "zip").write_text(f"#!/bin/sh\nZIP={tool('zip')}\n. {tools}/act\n")
    (tools / "zip").chmod(0o755)
    (tools / "act").write_text('exec $ZIP "$@"\n')
    return ServerOptions(environment={"PATH": f"{tools}:{os.environ['PATH']}"})


def with_failing_reads(tools: Path) -> ServerOptions:
    """Preload failing_reads.c into the server and its zip program."""
    library = tools / "failing_reads.so"
    source = Path(__file__).with_name("failing_reads.c")
    command = [
        tool("gcc"),
        "-shared",
        "-fPIC",
        "-O",
        "-Wall",
        "-Werror",
        "-o",
        str(library),
        str(source),
        "-ldl",
    ]
    subprocess.run(command, check=True)
    options = with_scripted_zip(tools)
    (tools / "act").write_text(f'LD_PRELOAD={library} exec $ZIP "$@"\n')
    return ServerOptions(environment={**options.environment, "LD_PRELOAD": str(library)})
