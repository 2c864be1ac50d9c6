"""Log lines at the start: signed links, unreadable photos, addresses."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.helpers.admin_client import administered
from tests.helpers.servers import Server, eventually, running_server
from tests.helpers.unprivileged import unprivileged_command
from tornado_archiver import __version__

KEY, OLD_KEY = "a-key-that-signs-links", "an-old-key-that-signed"
SIGNED = {"ARCHIVER_LINK_SECRET": KEY}


def log_lines(server: Server, text: str) -> list[str]:
    """Return the log lines that contain the text, without their time."""
    return [line.split(" ", 2)[2] for line in server.log().splitlines() if text in line]


# Signed links


def test_log_reports_that_signed_links_are_off(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert log_lines(server, "signed links") == ["INFO signed links: off"]


def test_log_reports_number_of_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n")
    with running_server(tmp_path, "--workers", "2", "--link-secret-file", str(keys)) as server:
        assert log_lines(server, "signed links") == ["INFO signed links: required (1 key)"]
        keys.write_text(f"{OLD_KEY}\n{KEY}\n")
        server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: log_lines(server, "signed links")[1:])
        assert log_lines(server, "signed links")[1:] == ["INFO signed links: required (2 keys)"]


# Unreadable photos


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
def test_unreadable_photos_are_logged_with_reason(tmp_path: Path, kind: str, problem: str) -> None:
    photos = tmp_path / "photos"
    if kind == "file":
        photos.touch()
    elif kind != "missing":
        photos.mkdir(mode={"not listed": 0o311, "not entered": 0o644}.get(kind, 0))
    with running_server(photos, launcher=unprivileged_command()) as server:
        (line,) = log_lines(server, "cannot be read")
    assert line == (
        f"WARNING photos directory '{photos}' (flag --photos-dir): cannot be read by user "
        f"{os.geteuid()}: {problem}; every link returns 503 until it can be read"
        + (
            "; give it read permission (chmod -R o+rX), or run the service as the owner of the files (with"
            " Docker: ARCHIVER_USER)"
        )
        * (problem == "Permission denied")
    )


def test_readable_photos_are_logged_without_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with running_server(tmp_path, launcher=unprivileged_command()) as server:
        assert not log_lines(server, "WARNING")


# Response delay


def test_response_delay_is_logged_as_a_warning(tmp_path: Path) -> None:
    with running_server(tmp_path, "--response-delay", "2", env={"ENABLE_RESPONSE_DELAY": "1"}) as server:
        (line,) = log_lines(server, "response delay")
    assert line == (
        "WARNING response delay: on, 2 s before each chunk of at most 64 KiB, which slows every download; "
        "turn off enable-response-delay (environment variable ENABLE_RESPONSE_DELAY) to serve at full speed"
    )


def test_response_delay_that_is_off_is_not_logged(tmp_path: Path) -> None:
    with running_server(tmp_path, "--response-delay", "2") as server:
        assert not log_lines(server, "response delay")


# Addresses


def test_admin_address_is_logged_separately(tmp_path: Path) -> None:
    with administered(tmp_path) as admin:
        (public,) = log_lines(admin.server, "listening on")
        assert public == f"INFO tornado-archiver {__version__} listening on {admin.server.url()}"
        (private,) = log_lines(admin.server, "admin endpoints on")
        assert re.fullmatch(rf".* http://127\.0\.0\.1:{admin.port}/", private)
