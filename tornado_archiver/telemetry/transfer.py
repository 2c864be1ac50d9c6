"""The state of one request, which the log, the metrics, the scoreboard and the stall monitor read.

Rule: nothing in `telemetry` imports Tornado.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a request ended, as the log and the metrics call it."""

    RESPONDED = "answered"  # with a page, or with headers alone
    REJECTED = "refused"  # with an error page
    COMPLETE = "complete"  # the whole body was sent
    CLIENT_CLOSED = "client_closed"  # the client disconnected
    SEND_TIMEOUT = "send_timeout"  # the client did not read for too long
    SHUTDOWN = "shutdown"  # the service stopped
    FAILED = "failed"  # for a reason of the service


@dataclass(slots=True)
class Transfer:
    """`client`: its address. `backend`: the name of the archive's, "" for a page. `reason`: why the request
    failed or was refused, in words from a short list. `is_range`: a part of an archive was asked for.

    `bytes_sent` of the body is the only such count. It grows whenever the kernel takes bytes. In a chunked or
    encrypted body it grows by whole parts, because their framing is taken together with them.
    `content_length`, in bytes, is None while it is unknown. Times are in seconds since the request came, None
    before the event.
    """

    request_id: str
    client: str
    backend: str = ""
    outcome: Outcome = Outcome.RESPONDED
    reason: str = ""
    bytes_sent: int = 0
    content_length: int | None = None
    is_range: bool = False
    time_to_first_byte_s: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of a body of known length was sent."""
        return self.bytes_sent == self.content_length
