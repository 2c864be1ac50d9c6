"""Turns errors into answers. Nothing of an error's text gets into an answer: it is for the log."""

from collections.abc import Mapping

from tornado.web import HTTPError

from tornado_archiver.errors import (
    ArchiverError,
    ArchiveTooLargeError,
    LinkExpiredError,
    SourceNotFoundError,
    StorageUnavailableError,
    TooManyDownloadsError,
)
from tornado_archiver.web import pages
from tornado_archiver.web.pages import ErrorPage

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
    TooManyDownloadsError: pages.BUSY,
    ArchiveTooLargeError: pages.TOO_LARGE,
    StorageUnavailableError: pages.UNAVAILABLE,
}
# What happens every day, and is nothing for the log of errors
_CLIENT_ERRORS = (SourceNotFoundError, LinkExpiredError, TooManyDownloadsError)

# What an archive that is there may be refused with
PAGES_WITH_FACTS = {
    notice.status: notice for notice in (pages.PRECONDITION_FAILED, pages.RANGE_NOT_SATISFIABLE)
}


class ResponseError(HTTPError):
    """An answer without an archive. `log_text` is for the log: None when it is the visitor's doing.
    `reason` is the word for it in the log and the metrics. `headers` go out with it."""

    def __init__(
        self,
        page: ErrorPage,
        log_text: str | None = None,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(page.status)
        self.notice = page
        self.log_text = log_text
        self.headers = headers or {}
        self.reason = reason


def to_http_error(error: ArchiverError) -> ResponseError:
    """The answer when an archive cannot be had, before its first byte."""
    page = next((page for kind, page in _NOTICES.items() if isinstance(error, kind)), pages.FAILED)
    logged = None if isinstance(error, _CLIENT_ERRORS) else str(error)
    # RFC 9110 10.2.3
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyDownloadsError) else None
    return ResponseError(page, logged, headers, error.reason)


def page_for(error: BaseException | None, status: int) -> ErrorPage:
    """What to tell the visitor about an answer of that status that `error` (if any) led to."""
    if isinstance(error, ResponseError):
        return error.notice
    return _BY_STATUS.get(status) or (pages.BAD_REQUEST if status < 500 else pages.FAILED)
