"""Where faults are played: servers of several kinds, started when needed, and an album for each play."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.reports import counted_since, counts, request_lines
from tests.servers import Server, eventually, fetch, free_port, running_server, tool
from tests.unprivileged import unprivileged_command
from tornado_archiver.testing import trees

BACKENDS = ("stored-zip", "tar", "zip", "tar.gz")
STALL_TIMEOUT_S = 3
VICTIM = "z/victim.jpg"  # the last in the order of packing
MIB = 1024 * 1024
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """What is peculiar to a server."""

    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    launcher: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A visitor of `album` meets a fault. `outside` is a path beside the photos, `tools` the directory of
    what the server was started with. `counts` and `log_start` are where its reports stood before."""

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
        """What the metrics say that has ended since the curtain rose."""
        return counted_since(self.counts, counts(self.admin_port))

    def logged(self) -> list[str]:
        """The same by the log."""
        return request_lines(self.said(), self.album.name[:6])

    def wait_for_the_end(self) -> None:
        """Until the request has ended for the server, and nothing more will be told of it."""
        assert eventually(lambda: self.logged() or self.counted(), _PATIENCE_S), "the request does not end"
        fetch(self.server.port, "/healthz")  # what the worker does at the end, it does before it answers

    def said(self) -> str:
        """What the server has written since."""
        return self.server.log()[self.log_start :]


class Stage:
    """`with stage() as stage: ...`"""

    def __init__(self, directory: Path, resources: ExitStack) -> None:
        self._directory = directory
        self._resources = resources
        self._servers: dict[Callable[[Path], Kind], tuple[Server, int, Path]] = {}
        self._photos = directory / "photos"
        self._photos.mkdir()
        self._noise = trees.noise(64 * MIB)
        self._number = 0

    @contextmanager
    def scene(self, kind: Callable[[Path], Kind], fill: "Filling", backend: str) -> Iterator[Scene]:
        """A new album on a server of that kind."""
        self._number += 1
        album = self._photos / f"{self._number:06}{uuid.uuid4().hex}"
        outside = self._directory / f"outside{self._number}"
        fill(album, self._noise)
        server, admin_port, tools = self._server(kind)
        before = counts(admin_port), len(server.log())
        try:
            yield Scene(server, admin_port, album, outside, tools, backend, *before)
        finally:
            for path in (album, outside):
                path.unlink() if path.is_symlink() else shutil.rmtree(path, ignore_errors=True)

    def _server(self, kind: Callable[[Path], Kind]) -> tuple[Server, int, Path]:
        if kind not in self._servers:
            tools = self._directory / f"tools{len(self._servers)}"
            tools.mkdir()
            made, admin_port = kind(tools), free_port()
            server = running_server(
                self._photos,
                *("--formats", ",".join(BACKENDS), "--admin-port", str(admin_port)),
                *made.arguments,
                env={"ENABLE_LOGGING": "1", **made.environment},
                launcher=made.launcher,
            )
            self._servers[kind] = self._resources.enter_context(server), admin_port, tools
        return self._servers[kind]


@contextmanager
def stage() -> Iterator[Stage]:
    tool("curl"), tool("zip")
    with tempfile.TemporaryDirectory() as directory, ExitStack() as resources:
        yield Stage(Path(directory), resources)


# Albums

Filling = Callable[[Path, bytes], None]


def small(album: Path, noise: bytes) -> None:
    trees.write(album / "1.jpg", noise[:MIB])
    trees.write(album / VICTIM, noise[MIB : 2 * MIB])


def much_before(album: Path, noise: bytes) -> None:
    """More than all buffers on the way hold, so nobody reads the victim while the visitor reads nothing."""
    trees.write(album / "0000.jpg", noise[:MIB])
    for number in range(1, 64):
        os.link(album / "0000.jpg", album / f"{number:04}.jpg")
    trees.write(album / VICTIM, noise[MIB : 2 * MIB])


def one_large(album: Path, noise: bytes) -> None:
    """It is being read while the visitor reads nothing, and much of it is still to be read."""
    trees.write(album / VICTIM, noise)


# Kinds of servers


def usual(tools: Path) -> Kind:
    return Kind()


def impatient(tools: Path) -> Kind:
    return Kind(arguments=("--stall-timeout", f"{STALL_TIMEOUT_S}s"))


def without_rights(tools: Path) -> Kind:
    """Root may read everything, so he must not have that right."""
    return Kind(launcher=unprivileged_command())


def reporting(tools: Path) -> Kind:
    return Kind(("--on-unreadable", "report"), launcher=unprivileged_command())


def acting(tools: Path) -> Kind:
    """Its zip program does what the shell script `act` says, in which $ZIP is the real one."""
    (tools / "zip").write_text(f"#!/bin/sh\nZIP={tool('zip')}\n. {tools}/act\n")
    (tools / "zip").chmod(0o755)
    (tools / "act").write_text('exec $ZIP "$@"\n')
    return Kind(environment={"PATH": f"{tools}:{os.environ['PATH']}"})


def on_a_bad_disk(tools: Path) -> Kind:
    """Reads fail as failing_reads.c says, in the server and in its zip program alike."""
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
    kind = acting(tools)
    (tools / "act").write_text(f'LD_PRELOAD={library} exec $ZIP "$@"\n')
    return Kind(environment={**kind.environment, "LD_PRELOAD": str(library)})
