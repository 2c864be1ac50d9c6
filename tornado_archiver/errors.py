"""The exceptions of the service, one class for each cause.

Rule 1: an exception does not know HTTP; only `tornado_archiver.web.error_pages` maps it to a response.
Rule 2: its text is for the log and the terminal and is never sent to a client. It names members, but never
the source directory, because the name of that directory is the secret that protects it.
"""

from typing import ClassVar


class ArchiverError(Exception):
    """Base class of the errors of this service.

    `reason` is the value in the log and in metric labels. `retry_after_s`: after how many seconds a client
    should try again (Retry-After), None if that is unknown or another try would not help.
    """

    reason: ClassVar[str] = "error"
    retry_after_s: int | None = None

    def __init__(self, *args: object, retry_after_s: int | None = None) -> None:
        super().__init__(*args)
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s


class SettingsError(ArchiverError):
    """A setting has an invalid value. The text names the setting, the origin of its value and the allowed
    values."""


class SourceNotFoundError(ArchiverError):
    """The hash does not name a directory that is served, or the directory has nothing to pack."""

    reason = "not found"


class BadSignatureError(SourceNotFoundError):
    """The link is not signed with one of the configured keys. The client receives the same 404 as for a
    directory that does not exist, so that it cannot probe for hashes."""

    reason = "bad signature"


class LinkExpiredError(ArchiverError):
    """The link is signed with one of the keys, and has expired."""

    reason = "expired"


class StorageUnavailableError(ArchiverError):
    """The photos root is unreadable, so whether a directory in it exists is unknown.

    Without `retry_after_s` only the operator can change that, as with missing permissions.
    """

    reason = "storage unavailable"


class SourceUnreadableError(ArchiverError):
    """A file or directory in the source exists, and reading it fails. `retry_after_s` as above."""

    reason = "source unreadable"


class SourceChangedError(ArchiverError):
    """A file differs from its manifest entry: removed, replaced, grown, truncated or modified."""

    reason = "source changed"


class SourceGoneError(SourceChangedError):
    """A file or directory was removed, or its name now belongs to something else."""


class UploadInProgressError(ArchiverError):
    """A file of the source is being written, or was a moment ago. `retry_after_s`: until the end of the
    settle time, in seconds."""

    reason = "upload in progress"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class TooManyDownloadsError(ArchiverError):
    """All slots and the queue are full."""

    reason = "too many downloads"
    retry_after_s = 30


class ArchiveTooLargeError(ArchiverError):
    """The source exceeds `max-entries`, `max-bytes` or the maximum length of a path."""

    reason = "too large"


class BackendError(ArchiverError):
    """The backend cannot complete the archive; the cause is the backend, not the source."""

    reason = "backend error"


class BackendUnavailableError(ArchiverError):
    """A backend does not work on this machine. The text names the package to install."""


class BackendLoadError(ArchiverError):
    """A backend cannot be loaded: its name is unknown or ambiguous, or the class is not a backend."""
