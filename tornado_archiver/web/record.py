"""What is known of one request, for the log, the metrics and the status page."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How it ended, as the log and the metrics call it."""

    ANSWERED = "answered"  # with a page, or with a head alone
    REFUSED = "refused"  # with an error page
    COMPLETE = "complete"  # all that was promised was sent
    LEFT = "left"  # by the visitor
    STALLED = "stalled"  # the visitor took nothing for too long
    STOPPED = "stopped"  # the service ended
    FAILED = "failed"  # on our side


@dataclass(slots=True)
class Record:
    """`client` is the visitor's address, `backend` who packs the archive ("" for a page). `reason` says why
    something failed or was refused, in few words out of a short list. `sent` and `promised` are bytes of
    the body; `promised` is None while it is not known. `is_range`: a part of an archive was asked for.
    Times are in seconds since the request came, None while it has not come to that."""

    request_id: str
    client: str
    backend: str = ""
    outcome: Outcome = Outcome.ANSWERED
    reason: str = ""
    sent: int = 0
    promised: int | None = None
    is_range: bool = False
    first_byte_s: float | None = None
