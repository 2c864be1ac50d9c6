"""Requests for so many ranges that a server which obeyed them would have much to do (CVE-2011-3192)."""

from tests.abuse.answers import parsed
from tests.abuse.talks import LAST_REQUEST, talk
from tests.abuse.traps import ALBUM
from tests.servers import Server

_AT_ONCE = 50
# as many as the largest head takes
MANY = "Range: bytes=0-0" + ",2-2" * 3500 + "\r\n"


def cost_of(server: Server, requests: int, headers: str) -> float:
    """Seconds of the worker's time that so many requests with these headers take. All get the whole."""
    worker = server.worker
    before = worker.cpu_times()
    one = f"GET /archive/{ALBUM}/ HTTP/1.1\r\nHost: h\r\n{headers}\r\n".encode()
    for _ in range(requests // _AT_ONCE):
        told = talk(server.port, one * _AT_ONCE + LAST_REQUEST, silence_s=20)
        assert [answer.status for answer in parsed(told.answered, some_heads=False)] == [200] * (_AT_ONCE + 1)
    after = worker.cpu_times()
    return after.user + after.system - before.user - before.system
