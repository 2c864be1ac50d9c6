"""Shutdown while the last bytes of a download are still in the send buffer of the kernel."""

from pathlib import Path

import pytest

from tests.helpers.raw_clients import linked_noise, open_request, read_head, rest_of
from tests.helpers.servers import eventually, running_server


@pytest.mark.parametrize("backend", ["stored-zip", "tar", "zip", "tar.gz"])
def test_shutdown_waits_until_client_has_received_last_byte(tmp_path: Path, backend: str) -> None:
    """When a container stops, its network and the send buffers of its kernel sockets are gone."""
    linked_noise(tmp_path / "album", files=1, size=1_000_000)
    options = ("--drain-timeout", "1h", "--backend", backend)
    with (
        running_server(tmp_path, *options) as server,
        open_request(server, "/archive/album/", headers="Connection: close\r\n") as client,
    ):
        body = read_head(client).partition(b"\r\n\r\n")[2]
        server.process.terminate()
        assert not eventually(lambda: server.process.poll() is not None, timeout_s=2)
        assert len(body + rest_of(client)) > 1_000_000
        assert server.process.wait(timeout=20) == 0
