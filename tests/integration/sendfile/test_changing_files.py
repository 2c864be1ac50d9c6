"""Files that change, or cannot be read, while the kernel sends a slice of them."""

import errno
import logging
import os
import re
from pathlib import Path

import pytest

from tests.helpers.raw_clients import ask, open_request, request
from tests.helpers.servers import eventually, running_server
from tests.integration.sendfile.stalling import BACKENDS, LINK, MIB, all_of, at_rest
from tornado_archiver.testing import trees


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("left", [0, 2 * MIB])
def test_file_that_shrinks_in_a_slice_aborts_the_download(tmp_path: Path, backend: str, left: int) -> None:
    trees.write(tmp_path / "album" / "1.jpg", trees.noise(30 * MIB))
    with running_server(tmp_path, "--backend", backend) as server:
        process = server.worker
        descriptors = process.num_fds()
        with open_request(server, LINK) as client:
            assert eventually(lambda: at_rest(client))
            os.truncate(tmp_path / "album" / "1.jpg", left)
            with pytest.raises(ConnectionResetError):
                all_of(client)
        assert eventually(lambda: "ERROR" in server.log())
        (line,) = [line for line in server.log().splitlines() if "ERROR" in line]
        assert re.search(r"GET /archive/album/: aborted after \d+ bytes: .*(shrank|changed)", line)
        assert eventually(lambda: process.num_fds() <= descriptors)


@pytest.mark.gen_test(timeout=60)
@pytest.mark.usefixtures("http_server")
async def test_disk_error_in_a_slice_is_failed(
    base_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(os, "sendfile", fail)
    with pytest.raises(ConnectionResetError):
        await ask(base_url, request(LINK, headers="Connection: close\r\n"))
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert re.search(r"aborted after \d+ bytes: a file cannot be sent: Input/output error", line)
    assert "failed (source unreadable)" in caplog.text
