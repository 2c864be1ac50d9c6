"""Errors that the operator has to correct, and errors that pass."""

import errno
import os
from pathlib import Path

import pytest

from tornado_archiver.errors import BackendError, SourceUnreadableError, StorageUnavailableError
from tornado_archiver.sources.filter import SourceFilter
from tornado_archiver.sources.local import storage
from tornado_archiver.sources.local.access import describe, lacks_rights, retry_after_s
from tornado_archiver.sources.local.openat import to_source_error
from tornado_archiver.sources.local.storage import LocalStorage


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_missing_permission_names_the_user_and_the_remedy(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert lacks_rights(error)
    assert f"for user {os.geteuid()}; give it read permission (chmod -R o+rX), or run" in describe(error)


def test_disk_error_is_described_by_the_system_only() -> None:
    assert describe(OSError(errno.EIO, "")) == "Input/output error"


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        (errno.EACCES, None),
        (errno.EPERM, None),
        (errno.ENOTDIR, None),
        (errno.ENOENT, 60),  # a mount that is away
        (errno.EIO, 60),
        (errno.ENOTCONN, 60),
        (errno.ESTALE, 60),
        (errno.EMFILE, 60),
    ],
)
def test_photos_directory_with_an_error_is_retried_if_it_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, seconds: int | None
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(StorageUnavailableError) as caught:
        LocalStorage(tmp_path, SourceFilter())._scan(b"album")
    assert caught.value.retry_after_s == seconds == retry_after_s(OSError(number, ""))


@pytest.mark.parametrize(("number", "seconds"), [(errno.EACCES, None), (errno.EIO, 60)])
def test_album_with_an_error_is_retried_if_it_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, seconds: int | None
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(storage, "open_directory", fail)
    with pytest.raises(StorageUnavailableError) as caught:
        LocalStorage(tmp_path, SourceFilter())._scan(b"album")
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("number", "kind", "seconds"),
    [
        (errno.EACCES, SourceUnreadableError, None),
        (errno.EIO, SourceUnreadableError, 60),
        (errno.EMFILE, BackendError, 60),
    ],
)
def test_member_with_an_error_is_retried_if_it_may_pass(
    number: int, kind: type[Exception], seconds: int | None
) -> None:
    error = to_source_error("1.jpg", OSError(number, os.strerror(number)))
    assert (type(error), error.retry_after_s) == (kind, seconds)
