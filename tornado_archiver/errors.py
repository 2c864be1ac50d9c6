"""Everything that can go wrong, by name.

Rule 1: an error here knows no HTTP; `tornado_archiver.web.error_pages` alone turns it into an answer.
Rule 2: its text is for the log and the terminal; a visitor never sees it. It names members, never the
directory they are in, because the directory's name is the key to it.
"""

from typing import ClassVar


class ArchiverError(Exception):
    """Base of every error that this service raises on purpose. `reason` is what the log and the metrics
    call it."""

    reason: ClassVar[str] = "error"


class SettingsError(ArchiverError):
    """A setting cannot be used: the text names it, where its value came from and what is allowed."""


class SourceNotFoundError(ArchiverError):
    """No directory that may be packed has this name, or there is nothing in it to pack."""

    reason = "not found"


class BadSignatureError(SourceNotFoundError):
    """The link has to be signed and is not, or not with one of the keys. A visitor cannot tell this from a
    directory that does not exist."""

    reason = "bad signature"


class LinkExpiredError(ArchiverError):
    """The link is signed with one of the keys, and its time is over."""

    reason = "expired"


class StorageUnavailableError(ArchiverError):
    """The photos root itself cannot be read, so nothing can be said about any directory in it."""

    reason = "storage unavailable"


class SourceUnreadableError(ArchiverError):
    """Something in the source directory exists and cannot be read."""

    reason = "source unreadable"


class SourceChangedError(ArchiverError):
    """A file is no longer what the manifest says: gone, replaced, grown, shrunk or touched."""

    reason = "source changed"


class SourceGoneError(SourceChangedError):
    """A file or directory is gone, or something else has its name."""


class TooManyDownloadsError(ArchiverError):
    """As many downloads run and wait as may; `retry_after_s` is when to come back, in seconds."""

    reason = "too many downloads"
    retry_after_s = 30


class ArchiveTooLargeError(ArchiverError):
    """The directory holds more than one archive may."""

    reason = "too large"


class BackendError(ArchiverError):
    """The archive cannot be finished for a reason that lies with its maker, not with the source."""

    reason = "backend error"


class BackendUnavailableError(ArchiverError):
    """A backend cannot work on this machine: the text says what to install."""


class BackendLoadError(ArchiverError):
    """A backend cannot be had under the name asked for: unknown, taken twice, or not a backend."""
