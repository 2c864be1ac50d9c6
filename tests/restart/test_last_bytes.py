"""A service that is told to stop when all has been handed to the kernel, and not all of it has arrived."""

from pathlib import Path

import pytest

from tests.servers import eventually, running_server
from tests.web.visitors import knock, linked_noise, read_head, rest_of


@pytest.mark.parametrize("backend", ["stored-zip", "tar", "zip", "tar.gz"])
def test_it_stays_until_the_last_byte_has_arrived(tmp_path: Path, backend: str) -> None:
    """With a container goes its network, and what the kernel has still to send there."""
    linked_noise(tmp_path / "album", files=1, size=1_000_000)
    options = ("--drain-timeout", "1h", "--backend", backend)
    with (
        running_server(tmp_path, *options) as server,
        knock(server, "/archive/album/", headers="Connection: close\r\n") as visitor,
    ):
        body = read_head(visitor).partition(b"\r\n\r\n")[2]
        server.process.terminate()
        assert not eventually(lambda: server.process.poll() is not None, timeout_s=2)
        assert len(body + rest_of(visitor)) > 1_000_000
        assert server.process.wait(timeout=20) == 0
