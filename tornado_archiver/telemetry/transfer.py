"""The state of one request, for the log, the metrics, the scoreboard and the stall monitor.

Rule: nothing in `telemetry` imports Tornado.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a request ended, as a label of the log and the metrics."""

    RESPONDED = "answered"  # with a page, or with headers alone
    REJECTED = "refused"  # with an error page
    COMPLETE = "complete"  # the whole body was sent
    CLIENT_CLOSED = "client_closed"  # the client disconnected
    SEND_TIMEOUT = "send_timeout"  # the client did not read for too long
    SHUTDOWN = "shutdown"  # the service stopped
    FAILED = "failed"  # for a reason of the service


@dataclass(slots=True)
class Transfer:
    """The state of one request.

    `client`: its IP address. `archive`: first characters of the hash, "" for a page. `backend`: name of the
    backend, "" for a page. `reason`: why the request failed or was refused, from a short list. `is_range`:
    the response is a part of an archive. `error_status`: status of the error page, 0 if none was sent.

    `bytes_sent`: bytes of the body that the kernel has accepted. In a chunked or encrypted body it grows by
    whole chunks, because they are accepted together with their framing. `content_length`: in bytes, None
    while unknown. `time_to_first_byte_s`: since the request, None before the event.
    """

    request_id: str
    client: str
    archive: str = ""
    backend: str = ""
    outcome: Outcome = Outcome.RESPONDED
    reason: str = ""
    bytes_sent: int = 0
    content_length: int | None = None
    is_range: bool = False
    error_status: int = 0
    time_to_first_byte_s: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of a body of known length was sent."""
        return self.bytes_sent == self.content_length
