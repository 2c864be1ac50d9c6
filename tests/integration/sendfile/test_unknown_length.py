"""A maker of archives who hands out slices without knowing how long the archive will be."""

from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.helpers.servers import contents
from tests.integration.sendfile.stalling import LINK
from tornado_archiver.backend import Archive, ArchiveInfo, Backend, BackendOptions, ByteRange
from tornado_archiver.source import Chunk, Manifest


class Contents(Archive):
    """One behind the other."""

    info = ArchiveInfo()

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    async def chunks(self, byte_range: ByteRange | None = None) -> AsyncGenerator[Chunk, None]:
        with self._manifest.source.reader() as reader:
            for entry in self._manifest.entries:
                with closing(reader.open_file(entry)) as content:
                    yield content.slice(b"", 0, entry.size)


class Concatenation(Backend):
    name: ClassVar[str] = "concatenation"
    media_type: ClassVar[str] = "application/octet-stream"
    extension: ClassVar[str] = ".bin"
    interface_version: ClassVar[int] = 1

    async def open(self, manifest: Manifest) -> Archive:
        return Contents(manifest)


@pytest.mark.gen_test(timeout=60)
@pytest.mark.usefixtures("http_server")
@pytest.mark.parametrize("maker", [Concatenation(BackendOptions())], ids=["concatenation"])
async def test_file_slices_in_a_body_of_unknown_length_are_sent(
    base_url: str, http_client: AsyncHTTPClient, photos: Path
) -> None:
    answer = await http_client.fetch(base_url + LINK)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.body == b"".join(content for _, content in sorted(contents(photos / "album").items()))
