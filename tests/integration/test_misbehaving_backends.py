"""Plugins that yield invalid chunks: the download is aborted, and one log line has the reason."""

import http.client
from collections.abc import AsyncGenerator, Callable, Iterator

import pytest

from tests.helpers.plugin_packages import packaged
from tests.helpers.servers import Server, eventually, fetch, running_server
from tornado_archiver.backend import Archive
from tornado_archiver.errors import BackendError
from tornado_archiver.source import Chunk
from tornado_archiver.web.archive.body_writer import chunks_of

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"

MODULE = """
from tornado_archiver.backend import Archive, ArchiveInfo, Backend


class Odd(Backend):
    media_type, extension, interface_version = "application/x-odd", ".odd", 1

    async def open(self, manifest):
        return OddArchive(self.piece, self.length)


class Text(Odd):
    name, piece, length = "text", "some text", None


class View(Odd):
    name, piece, length = "view", memoryview(b"some bytes"), 14


class Number(Odd):
    name, piece, length = "number", 7, 14


class Nothing(Odd):
    name, piece, length = "nothing", None, None


class Short(Odd):
    name, piece, length = "short", b" bytes", 14


class Long(Odd):
    name, piece, length = "long", b" bytes, too many", 14


class OddArchive(Archive):
    def __init__(self, piece, length):
        self.info, self.piece = ArchiveInfo(length), piece

    async def chunks(self, byte_range=None):
        yield b"good"
        yield self.piece
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos, plugins = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("plugins")
    (photos / ALBUM).mkdir()
    (photos / ALBUM / "1.jpg").touch()
    kinds = ("Text", "View", "Number", "Nothing", "Short", "Long")
    packaged(plugins, **{kind.lower(): f"odd_plugin:{kind}" for kind in kinds})
    (plugins / "odd_plugin.py").write_text(MODULE)
    env = {"PYTHONPATH": str(plugins)}
    with running_server(photos, "--formats", ",".join(map(str.lower, kinds)), env=env) as server:
        yield server


@pytest.mark.parametrize(
    ("name", "kind"),
    [("text", "str"), ("view", "memoryview"), ("number", "int"), ("nothing", "NoneType")],
)
def test_invalid_chunk_aborts_the_download(server: Server, name: str, kind: str) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        fetch(server.port, f"/archive/{ALBUM}/?format={name}")
    words = f"aborted after 4 bytes: the backend yielded a {kind}, not bytes or a FileSlice"
    assert eventually(lambda: words in server.log())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short", "aborted after 10 bytes: the backend yielded fewer bytes than its length of 14"),
        ("long", "aborted after 4 bytes: the backend yielded more bytes than its length of 14"),
    ],
)
def test_wrong_length_aborts_the_download(server: Server, name: str, words: str) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        fetch(server.port, f"/archive/{ALBUM}/?format={name}")
    assert eventually(lambda: words in server.log())
    assert "Traceback" not in server.log()


class Given(Archive):
    """Hands out what it was given."""

    def __init__(self, given: object) -> None:
        self._given = given

    def chunks(self, byte_range: object = None) -> AsyncGenerator[Chunk, None]:
        return self._given  # type: ignore[return-value]


async def generated() -> AsyncGenerator[Chunk, None]:
    yield b"good"


async def returned() -> bytes:
    return b"good"


def test_chunks_of_accepts_async_generators() -> None:
    chunks = generated()
    assert chunks_of(Given(chunks), None) is chunks


@pytest.mark.parametrize(
    ("give", "kind"),
    [
        (returned, "coroutine"),
        (list, "list"),
        (lambda: iter([b"good"]), "list_iterator"),
        (print, "NoneType"),
    ],
)
def test_chunks_of_other_iterables_raises(give: Callable[[], object], kind: str) -> None:
    with pytest.raises(BackendError, match=f"returned a {kind}, not an async generator"):
        chunks_of(Given(give()), None)
