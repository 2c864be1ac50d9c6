"""What the log tells at the start, for who compares it with what he wanted."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.servers import Server, eventually, running_server
from tests.unprivileged import unprivileged_command
from tests.web.admin import administered
from tornado_archiver import __version__

KEY, OLD_KEY = "a-key-that-signs-links", "an-old-key-that-signed"
SIGNED = {"ARCHIVER_LINK_SECRET": KEY}


def told(server: Server, words: str) -> list[str]:
    """The log's lines with these words, without their time of day."""
    return [line.split(" ", 2)[2] for line in server.log().splitlines() if words in line]


# Who may download


def test_it_tells_that_links_need_no_signature(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert told(server, "signature") == ["INFO links need no signature"]


def test_it_tells_how_many_keys_there_are(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n")
    with running_server(tmp_path, "--workers", "2", "--link-secret-file", str(keys)) as server:
        assert told(server, "signature") == ["INFO every link needs a signature (1 key)"]
        keys.write_text(f"{OLD_KEY}\n{KEY}\n")
        server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: told(server, "signature")[1:])
        assert told(server, "signature")[1:] == ["INFO every link needs a signature (2 keys)"]


# Photos that cannot be read


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("missing", "No such file or directory"),
        ("file", "Not a directory"),
        ("neither listed nor entered", "Permission denied"),
        ("not listed", "Permission denied"),
        ("not entered", "Permission denied"),
    ],
)
def test_photos_that_cannot_be_read_are_told_with_the_reason(tmp_path: Path, kind: str, problem: str) -> None:
    photos = tmp_path / "photos"
    if kind == "file":
        photos.touch()
    elif kind != "missing":
        photos.mkdir(mode={"not listed": 0o311, "not entered": 0o644}.get(kind, 0))
    with running_server(photos, launcher=unprivileged_command()) as server:
        (line,) = told(server, "cannot be read")
    assert line == (
        f"WARNING the photos directory '{photos}' (flag --photos-dir) cannot be read by user "
        f"{os.geteuid()}: {problem}; every link answers 503 until it can"
    )


def test_photos_that_can_be_read_are_no_matter(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with running_server(tmp_path, launcher=unprivileged_command()) as server:
        assert not told(server, "WARNING")


# Addresses


def test_the_admins_address_is_not_taken_for_the_visitors(tmp_path: Path) -> None:
    with administered(tmp_path) as admin:
        (public,) = told(admin.server, "listening on")
        assert public == f"INFO tornado-archiver {__version__} listening on {admin.server.url()}"
        (own,) = told(admin.server, "the admin's pages are on")
        assert re.fullmatch(rf".* http://127\.0\.0\.1:{admin.port}/", own)
