"""More connections than descriptors: the service waits, and serves again after they are closed."""

from tests.fuzz.connection_flood import flood, processor_share
from tests.fuzz.fixtures import photo_fixture
from tests.fuzz.server_fixture import server_fixture
from tests.fuzz.slowhttptest import download_seconds
from tests.helpers.raw_clients import open_request, parsed, read_head, request
from tests.helpers.servers import eventually, tool

FEW = 300


def test_connection_flood_leaves_service_unchanged() -> None:
    few = (tool("prlimit"), f"--nofile={FEW}:{FEW}")
    with photo_fixture() as photos, server_fixture(photos, launcher=few) as fixture:
        server = fixture.server
        lines = len(server.log().splitlines())
        with flood(server, 2 * FEW):
            assert eventually(lambda: server.worker.num_fds() >= FEW)
            assert processor_share(server, 3) < 0.2, "waiting for a descriptor must not use the processor"
            written = server.log().splitlines()[lines:]
            assert any("Too many open files" in line for line in written), "the shortage is logged"
            assert len(written) < 20, "in a few lines"
        assert download_seconds(server, fixture.checker) < 30
        fixture.assert_unchanged()


def test_open_connection_during_flood_gets_503() -> None:
    """Without a descriptor for the album the response is 503, not a broken archive or an internal error."""
    few = (tool("prlimit"), f"--nofile={FEW}:{FEW}")
    with photo_fixture() as photos, server_fixture(photos, launcher=few) as fixture:
        server = fixture.server
        with open_request(server, "/healthz") as client:
            read_head(client)
            with flood(server, 2 * FEW):
                assert eventually(lambda: server.worker.num_fds() >= FEW)
                client.sendall(request(fixture.links[0]))
                assert parsed(read_head(client)).status == 503
        fixture.assert_unchanged()
