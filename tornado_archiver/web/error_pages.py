"""The mapping of errors to error pages and HTTP status codes.

The text of an error goes to the log, never into a response.
"""

from collections.abc import Mapping

from tornado.web import HTTPError

from tornado_archiver.errors import (
    ArchiverError,
    ArchiveTooLargeError,
    LinkExpiredError,
    SourceNotFoundError,
    StorageUnavailableError,
    TooManyDownloadsError,
    UploadInProgressError,
)
from tornado_archiver.web import pages
from tornado_archiver.web.pages import ErrorPage

_PAGES_BY_STATUS = {
    page.status: page
    for page in (
        pages.BAD_REQUEST,
        pages.NOT_FOUND,
        pages.METHOD_NOT_ALLOWED,
        pages.FAILED,
        pages.UNAVAILABLE,
    )
}

_PAGES_BY_ERROR = {
    SourceNotFoundError: pages.NOT_FOUND,
    LinkExpiredError: pages.EXPIRED,
    TooManyDownloadsError: pages.BUSY,
    UploadInProgressError: pages.UPLOADING,
    ArchiveTooLargeError: pages.TOO_LARGE,
    StorageUnavailableError: pages.UNAVAILABLE,
}
# Expected, so they are not logged as errors
_CLIENT_ERRORS = (SourceNotFoundError, LinkExpiredError, TooManyDownloadsError, UploadInProgressError)

# Responses for an archive that exists, so they carry its headers
PAGES_WITH_FACTS = {page.status: page for page in (pages.PRECONDITION_FAILED, pages.RANGE_NOT_SATISFIABLE)}


class ResponseError(HTTPError):
    """An error response.

    `log_text` is logged as an error, None for a client error. `headers` are added to the response. `reason`
    is the label of the log and the metrics. `retry_after_s`: seconds of Retry-After, None without one.
    """

    def __init__(
        self,
        page: ErrorPage,
        log_text: str | None = None,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(page.status)
        self.page = page
        self.log_text = log_text
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)  # RFC 9110 10.2.3
        self.reason = reason
        self.retry_after_s = retry_after_s


def to_http_error(error: ArchiverError) -> ResponseError:
    """Return the error response for an error before the first byte of the body."""
    page = next((page for kind, page in _PAGES_BY_ERROR.items() if isinstance(error, kind)), pages.FAILED)
    if page is pages.UNAVAILABLE and error.retry_after_s is None:
        page = pages.UNREADABLE
    log_text = None if isinstance(error, _CLIENT_ERRORS) else str(error)
    return ResponseError(page, log_text, reason=error.reason, retry_after_s=error.retry_after_s)


def as_response_error(error: BaseException | None, status: int) -> ResponseError:
    """Return `error` if it is one, else the error response with that status, such as one of Tornado."""
    if isinstance(error, ResponseError):
        return error
    default = pages.BAD_REQUEST if status < 500 else pages.FAILED
    return ResponseError(_PAGES_BY_STATUS.get(status, default))
