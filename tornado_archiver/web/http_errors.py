"""Turns errors into answers. Nothing of an error's text gets into an answer: it is for the log."""

from collections.abc import Mapping

from tornado.web import HTTPError

from tornado_archiver.errors import (
    ArchiverError,
    BusyError,
    LinkExpiredError,
    SourceNotFoundError,
    StorageUnavailableError,
    TooLargeError,
)
from tornado_archiver.web import pages
from tornado_archiver.web.pages import Notice

_BY_STATUS = {
    notice.status: notice
    for notice in (
        pages.BAD_REQUEST,
        pages.NOT_FOUND,
        pages.METHOD_NOT_ALLOWED,
        pages.FAILED,
        pages.UNAVAILABLE,
    )
}

_NOTICES = {
    SourceNotFoundError: pages.NOT_FOUND,
    LinkExpiredError: pages.EXPIRED,
    BusyError: pages.BUSY,
    TooLargeError: pages.TOO_LARGE,
    StorageUnavailableError: pages.UNAVAILABLE,
}
# What happens every day, and is nothing for the log of errors
_VISITORS_OWN = (SourceNotFoundError, LinkExpiredError, BusyError)

# What an archive that is there may be refused with
REFUSALS = {notice.status: notice for notice in (pages.PRECONDITION_FAILED, pages.RANGE_NOT_SATISFIABLE)}


class RefusedError(HTTPError):
    """An answer without an archive. `reason_logged` is for the log: None when it is the visitor's doing.
    `reason` is the word for it in the log and the metrics. `headers` go out with it."""

    def __init__(
        self,
        notice: Notice,
        reason_logged: str | None = None,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(notice.status)
        self.notice = notice
        self.reason_logged = reason_logged
        self.headers = headers or {}
        self.reason = reason


def refused(error: ArchiverError) -> RefusedError:
    """The answer when an archive cannot be had, before its first byte."""
    notice = next((notice for kind, notice in _NOTICES.items() if isinstance(error, kind)), pages.FAILED)
    logged = None if isinstance(error, _VISITORS_OWN) else str(error)
    # RFC 9110 10.2.3
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, BusyError) else None
    return RefusedError(notice, logged, headers, error.reason)


def notice_of(error: BaseException | None, status: int) -> Notice:
    """What to tell the visitor about an answer of that status that `error` (if any) led to."""
    if isinstance(error, RefusedError):
        return error.notice
    return _BY_STATUS.get(status) or (pages.BAD_REQUEST if status < 500 else pages.FAILED)
