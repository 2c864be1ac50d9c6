"""Pages of a running service: what the owner sees of it, and what the site's users see."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.raw_clients import BROWSER
from tests.helpers.servers import PROJECT, Server, eventually, free_port, plain_environment, running_server
from tests.helpers.unprivileged import unprivileged_command

DEMO = PROJECT / "demo" / "photos"
(DEMO_ALBUM,) = os.listdir(DEMO)
LINK = "/archive/album/"
REMEDY = f"Permission denied for user {os.geteuid()}; give it read permission (chmod -R o+rX), or run"


class Page(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes


def page(server: Server, path: str, accept: str = BROWSER, request_id: str = "") -> Page:
    headers = {"Accept": accept, **({"X-Request-ID": request_id} if request_id else {})}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return Page(response.status, response.headers, response.read())


# Home page


def test_home_page_reports_unreadable_photos_until_they_are_readable(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir(mode=0)
    with running_server(photos, launcher=unprivileged_command()) as server:
        before = page(server, "/")
        photos.chmod(0o755)
        after = page(server, "/")
        shutil.rmtree(photos)
        gone = page(server, "/")
        assert page(server, "/healthz").status == 200
    assert (before.status, after.status, gone.status) == (503, 200, 503)
    assert b"Permission denied" in before.body
    assert b"chmod -R o+rX" in before.body
    assert b">Running<" in after.body
    assert b"PHOTOS_DIR" in gone.body
    for body in (before.body, gone.body):
        assert b">Running<" not in body
        assert str(tmp_path).encode() not in body


@pytest.mark.parametrize("photos", ["./demo/photos", "copy"])
def test_home_page_links_to_the_demo_album_wherever_it_is_served(tmp_path: Path, photos: str) -> None:
    """As with .env.example, and as in the container, where the album is bundled and mounted."""
    shutil.copytree(DEMO, tmp_path / "copy")
    with running_server(PROJECT / photos if photos != "copy" else tmp_path / "copy") as server:
        assert f'href="archive/{DEMO_ALBUM}/"'.encode() in page(server, "/").body


def test_home_page_with_signed_links_or_real_albums_has_no_demo_link(tmp_path: Path) -> None:
    with running_server(DEMO, env={"ARCHIVER_LINK_SECRET": "0123456789abcdef"}) as server:
        assert b"demo" not in page(server, "/").body
    (tmp_path / "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60").mkdir()
    with running_server(tmp_path) as server:
        body = page(server, "/").body
    assert b"demo" not in body
    assert b"5f2c1e0b" not in body


# Permanent and passing errors


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos/album").mkdir(parents=True)
    (tmp_path / "photos/album/1.jpg").write_bytes(b"a picture")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("denied", "status", "title"),
    [
        (".", 503, "Archives are not available"),
        ("album", 503, "Archives are not available"),
        ("album/1.jpg", 500, "This archive could not be packed"),
    ],
)
def test_missing_permission_promises_no_retry_and_the_log_names_user_and_remedy(
    photos: Path, denied: str, status: int, title: str
) -> None:
    (photos / denied).chmod(0)
    with running_server(photos, launcher=unprivileged_command()) as server:
        answer, text = page(server, LINK), page(server, LINK, accept="*/*")
        log = server.log()
    (photos / denied).chmod(0o755)
    assert answer.status == text.status == status
    assert f"<h1>{title}</h1>".encode() in answer.body
    assert "Retry-After" not in answer.headers
    assert not re.search(rb"refresh|minute|second|[Tt]ry again", answer.body + text.body)
    assert REMEDY in log


def test_missing_photos_directory_is_retried(photos: Path) -> None:
    shutil.rmtree(photos)
    with running_server(photos) as server:
        answer = page(server, LINK)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    assert b'<meta http-equiv="refresh" content="60">' in answer.body


# Reference


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
@pytest.mark.parametrize("path", [LINK, "/archive/none/", "/none"])
def test_reference_on_a_page_is_that_of_the_header_and_the_log(photos: Path, path: str, accept: str) -> None:
    (photos / "album/1.jpg").chmod(0)
    with running_server(photos, "--enable-logging", launcher=unprivileged_command()) as server:
        answer = page(server, path, accept)
        reference = answer.headers["X-Request-ID"]
        assert eventually(lambda: f" INFO {reference} GET {path} {answer.status} " in server.log())
        log = server.log()
    assert re.search(rb"Reference:? " + reference.encode(), answer.body)
    assert (f"(reference {reference})" in log) == (answer.status >= 500)


@pytest.mark.parametrize(
    ("given", "is_used"),
    [("proxy-1:7@x+y/z=~", True), ("<script>", False), ("a b", False), ("x" * 65, False)],
)
def test_reference_of_a_trusted_proxy_is_used_if_it_is_valid(photos: Path, given: str, is_used: bool) -> None:
    with running_server(photos) as server:
        answer = page(server, "/archive/unknown/", request_id=given)
    assert (f"Reference {given}<".encode() in answer.body) == is_used
    assert b"<script" not in answer.body


# Settings


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    directory = tmp_path / "templates"
    directory.mkdir()
    (directory / "not-found.html").write_text("<p>Nichts gefunden auf {{ site_name }}</p>", "utf-8")
    return directory


def test_site_and_templates_are_used_and_reloaded(photos: Path, templates: Path) -> None:
    site = ("--site-name", "Anna & Ben", "--site-url", "https://a.test/", "--templates-dir", str(templates))
    with running_server(photos, *site) as server:
        assert page(server, "/archive/unknown/").body == b"<p>Nichts gefunden auf Anna &amp; Ben</p>"
        assert b'<a href="https://a.test/">Anna &amp; Ben</a>' in page(server, f"{LINK}?format=rar").body
        (templates / "not-found.html").write_text("{{ nothing }}")
        server.process.send_signal(signal.SIGHUP)
        assert eventually(
            lambda: "reload failed, keeping the current settings: templates-dir: " in server.log()
        )
        assert page(server, "/archive/unknown/").body == b"<p>Nichts gefunden auf Anna &amp; Ben</p>"
        (templates / "not-found.html").write_text("Rien")
        server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: page(server, "/archive/unknown/").body == b"Rien")


def test_template_with_a_mistake_stops_the_start_in_one_line(photos: Path, templates: Path) -> None:
    (templates / "not-found.html").write_text("\n{{ titel }}")
    command = [sys.executable, f"{PROJECT}/server.py", "-P", str(free_port()), "--photos-dir", str(photos)]
    ended = subprocess.run(
        [*command, "--templates-dir", str(templates)],
        cwd=templates,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"server.py: templates-dir: line 2 of '{templates}/not-found.html' (flag --templates-dir):"
        " NameError: name 'titel' is not defined\n"
    )
