"""Turns errors into answers. Nothing of an error's text gets into an answer: it is for the log."""

from collections.abc import Mapping

from tornado.web import HTTPError

from tornado_archiver.errors import ArchiverError, SourceNotFoundError, StorageUnavailableError
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


# What an archive that is there may be refused with
REFUSALS = {notice.status: notice for notice in (pages.PRECONDITION_FAILED, pages.RANGE_NOT_SATISFIABLE)}


class RefusedError(HTTPError):
    """An answer without an archive. `reason_logged` is for the log: None when it is the visitor's doing.
    `headers` go out with it."""

    def __init__(
        self, notice: Notice, reason_logged: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(notice.status)
        self.notice = notice
        self.reason_logged = reason_logged
        self.headers = headers or {}


def refused(error: ArchiverError) -> RefusedError:
    """The answer when an archive cannot be had, before its first byte."""
    if isinstance(error, SourceNotFoundError):
        return RefusedError(pages.NOT_FOUND)
    if isinstance(error, StorageUnavailableError):
        return RefusedError(pages.UNAVAILABLE, str(error))
    return RefusedError(pages.FAILED, str(error))


def notice_of(error: BaseException | None, status: int) -> Notice:
    """What to tell the visitor about an answer of that status that `error` (if any) led to."""
    if isinstance(error, RefusedError):
        return error.notice
    return _BY_STATUS.get(status) or (pages.BAD_REQUEST if status < 500 else pages.FAILED)
