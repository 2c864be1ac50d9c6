"""Requests with many ranges, which are expensive for a server that honours them (CVE-2011-3192)."""

from tests.fuzz.fixtures import ALBUM
from tests.fuzz.raw_connection import LAST_REQUEST, exchange
from tests.fuzz.strict_parser import parse_responses
from tests.helpers.servers import Server

_BATCH = 50
# as many as fit into the largest header section
MANY = "Range: bytes=0-0" + ",2-2" * 3500 + "\r\n"


def processor_seconds(server: Server, requests: int, headers: str) -> float:
    """Return the worker's processor time for these requests. All must return the complete archive."""
    worker = server.worker
    before = worker.cpu_times()
    single = f"GET /archive/{ALBUM}/ HTTP/1.1\r\nHost: h\r\n{headers}\r\n".encode()
    for _ in range(requests // _BATCH):
        exchanged = exchange(server.port, single * _BATCH + LAST_REQUEST, idle_timeout_s=20)
        assert [
            response.status for response in parse_responses(exchanged.received, has_head_requests=False)
        ] == [200] * (_BATCH + 1)
    after = worker.cpu_times()
    return after.user + after.system - before.user - before.system
