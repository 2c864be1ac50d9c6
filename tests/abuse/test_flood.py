"""More visitors than there are descriptors for: the service waits, and is there again when they are gone."""

from tests.abuse.flood import flood, idle_cost
from tests.abuse.slow import seconds_of_a_visit
from tests.abuse.stage import stage
from tests.abuse.traps import trapped_photos
from tests.servers import eventually, tool
from tests.web.visitors import knock, parsed, read_head, request

FEW = 300


def test_a_flood_of_connections_passes() -> None:
    few = (tool("prlimit"), f"--nofile={FEW}:{FEW}")
    with trapped_photos() as traps, stage(traps, launcher=few) as opened:
        server = opened.server
        lines = len(server.log().splitlines())
        with flood(server, 2 * FEW):
            assert eventually(lambda: server.worker.num_fds() >= FEW)
            assert idle_cost(server, 3) < 0.2, "waiting for a descriptor is no work"
            told = server.log().splitlines()[lines:]
            assert any("Too many open files" in line for line in told), "the admin is told"
            assert len(told) < 20, "in a few lines"
        assert seconds_of_a_visit(server, opened.judge) < 30
        opened.assert_unharmed()


def test_who_was_there_before_the_flood_gets_an_honest_answer() -> None:
    """Without a descriptor for the album it is 503 for now, not a broken archive or a failure of ours."""
    few = (tool("prlimit"), f"--nofile={FEW}:{FEW}")
    with trapped_photos() as traps, stage(traps, launcher=few) as opened:
        server = opened.server
        with knock(server, "/healthz") as visitor:
            read_head(visitor)
            with flood(server, 2 * FEW):
                assert eventually(lambda: server.worker.num_fds() >= FEW)
                visitor.sendall(request(opened.links[0]))
                assert parsed(read_head(visitor)).status == 503
        opened.assert_unharmed()
