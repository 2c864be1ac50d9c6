"""Signed links over HTTP: accepted and rejected ones, and that keys are not logged."""

import asyncio
import hashlib
import hmac
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.helpers.raw_clients import BROWSER, Answer, ask, linked_noise, request
from tests.helpers.servers import (
    PROJECT,
    Server,
    contents,
    contents_of_zip,
    eventually,
    plain_environment,
    running_server,
    tool,
)

KEY, OLD_KEY, OTHER_KEY = "a-key-that-signs-links", "an-old-key-that-signed", "a-key-of-another-site"
ALBUM, ODD, UNKNOWN = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60", "Grüße & mehr", "0" * 32
JUNK = "#recycle"
FAR, LONG_AGO = 4_000_000_000, 1_000_000_000


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    linked_noise(root / ALBUM, files=16, size=1024 * 1024)
    linked_noise(root / ODD, files=1, size=1000)
    linked_noise(root / JUNK, files=1, size=1000)
    return root


@pytest.fixture(scope="module")
def server(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that signs with KEY, and accepts OLD_KEY, which comes from a file, too."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"{OLD_KEY}\n")
    options = ("--formats", "tar", "--link-secret-file", str(keys), "--enable-logging")
    with running_server(photos, *options, env={"ARCHIVER_LINK_SECRET": KEY}) as server:
        yield server


def signature(name: str, expires: int | str, key: str = KEY) -> str:
    return hmac.new(key.encode(), f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()


def link(name: str = ALBUM, expires: int | str = FAR, key: str = KEY) -> str:
    return f"/archive/{quote(name)}/?expires={expires}&signature={signature(name, expires, key)}"


def answer(server: Server, path: str, *, method: str = "GET", headers: str = "") -> Answer:
    return asyncio.run(ask(server.url(""), asked(path, headers, method)))


def asked(path: str, headers: str = "", method: str = "GET") -> bytes:
    return request(path, method=method, headers=headers + "Connection: close\r\n")


def curl(*args: str | Path) -> "subprocess.CompletedProcess[bytes]":
    command = [tool("curl"), "-sS", "--noproxy", "*", "--max-time", "60", *args]
    return subprocess.run(command, capture_output=True, check=False, timeout=100)


# A right link


@pytest.mark.parametrize("name", [ALBUM, ODD])
@pytest.mark.parametrize("key", [KEY, OLD_KEY], ids=["first key", "old key"])
def test_signed_link_returns_the_archive(
    server: Server, photos: Path, tmp_path: Path, name: str, key: str
) -> None:
    done = curl("--fail", "-o", tmp_path / "a.zip", server.url(link(name, key=key)))
    assert done.returncode == 0
    assert contents_of_zip(tmp_path / "a.zip") == contents(photos / name)


def test_signed_link_head_has_the_headers_of_get(server: Server) -> None:
    with_body = answer(server, link(ODD))
    assert with_body.status == 200
    assert answer(server, link(ODD), method="HEAD") == Answer(200, with_body.headers, b"")


def test_link_of_the_command_opens(server: Server, tmp_path: Path) -> None:
    options = "--expires 1h --format tar".split()
    command = [sys.executable, "-m", "tornado_archiver", "sign-link", ODD, *options]
    environment = plain_environment({"PYTHONPATH": str(PROJECT), "ARCHIVER_LINK_SECRET": KEY})
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    got = answer(server, done.stdout.strip())
    assert got.status == 200
    assert "Content-Type: application/x-tar" in got.headers


@pytest.mark.parametrize("place", ["first", "last"])
def test_signed_link_with_format_returns_that_format(server: Server, place: str) -> None:
    wanted = link(ODD) + "&format=tar" if place == "last" else link(ODD).replace("?", "?format=tar&")
    got = answer(server, wanted)
    assert got.status == 200
    assert "Content-Type: application/x-tar" in got.headers


def test_signed_link_with_range_returns_206(server: Server) -> None:
    whole = answer(server, link(ODD)).body
    got = answer(server, link(ODD), headers="Range: bytes=100-199\r\n")
    assert (got.status, got.body) == (206, whole[100:200])


def test_download_resumes_with_another_signed_link(server: Server, photos: Path, tmp_path: Path) -> None:
    saved = tmp_path / "a.zip"
    assert curl("--fail", "-r", "0-4999999", "-o", saved, server.url(link())).returncode == 0
    assert saved.stat().st_size == 5_000_000
    assert curl("--fail", "-C", "-", "-o", saved, server.url(link(expires=FAR + 1))).returncode == 0
    assert contents_of_zip(saved) == contents(photos / ALBUM)


def test_signed_links_of_one_archive_have_the_same_etag(server: Server) -> None:
    (etag,) = (field for field in answer(server, link(ODD)).headers if field.startswith("Etag: "))
    if_range = f"If-Range: {etag.removeprefix('Etag: ')}\r\nRange: bytes=0-9\r\n"
    assert answer(server, link(ODD, FAR + 1), headers=if_range).status == 206


def test_download_that_started_in_time_finishes_after_expiry(photos: Path, tmp_path: Path) -> None:
    slowly = {"ARCHIVER_LINK_SECRET": KEY, "ENABLE_RESPONSE_DELAY": "yes", "RESPONSE_DELAY": "25ms"}
    with running_server(photos, env=slowly) as server:
        expires = int(time.time()) + 5
        url = server.url(link(expires=expires))
        assert curl("--fail", "-o", tmp_path / "a.zip", url).returncode == 0
        assert time.time() > expires, "256 chunks with a pause before each take longer than the link lives"
        assert contents_of_zip(tmp_path / "a.zip") == contents(photos / ALBUM)
        late = curl("-o", "/dev/null", "-w", "%{http_code}", "-r", "1000-", url)
        assert late.stdout == b"410"


def test_unsigned_link_without_keys_opens(photos: Path) -> None:
    with running_server(photos) as server:
        for path in (
            f"/archive/{ALBUM}/",
            link(expires=LONG_AGO),
            f"/archive/{ALBUM}/?expires=1&signature=x",
        ):
            assert answer(server, path, method="HEAD").status == 200


# A wrong link

WRONG = {
    "no query": f"/archive/{ALBUM}/",
    "no slash": f"/archive/{ALBUM}",
    "no signature": f"/archive/{ALBUM}/?expires={FAR}",
    "empty signature": f"/archive/{ALBUM}/?expires={FAR}&signature=",
    "no time": f"/archive/{ALBUM}/?signature={signature(ALBUM, FAR)}",
    "empty time": f"/archive/{ALBUM}/?expires=&signature={signature(ALBUM, '')}",
    "a later time": f"/archive/{ALBUM}/?expires={FAR + 1}&signature={signature(ALBUM, FAR)}",
    "of another directory": f"/archive/{ALBUM}/?expires={FAR}&signature={signature(ODD, FAR)}",
    "of another site": link(key=OTHER_KEY),
    "expired, of another site": link(expires=LONG_AGO, key=OTHER_KEY),
    "expired, changed": link(expires=LONG_AGO).replace(str(LONG_AGO), str(LONG_AGO + 1)),
    "leading zero": link(expires=f"0{FAR}"),
    "other digits": link(expires="%D9%A1000000000"),
    "thirteen digits": link(expires=1_000 * FAR),
    "a blank behind": f"/archive/{ALBUM}/?expires={FAR}+&signature={signature(ALBUM, FAR)}",
    "in capitals": f"/archive/{ALBUM}/?expires={FAR}&signature={signature(ALBUM, FAR).upper()}",
    "cut short": link()[:-1],
    "no text": f"/archive/{ALBUM}/?expires={FAR}&signature=%ff%00%c3%a9",
    "two times": f"{link()}&expires={FAR}",
    "an empty second time": f"{link()}&expires=",
    "two signatures": f"{link()}&signature={signature(ALBUM, FAR)}",
    "other case": link().replace("signature", "Signature"),
    "in a page's source": link().replace("&", "&amp;"),
}


@pytest.mark.parametrize("path", WRONG.values(), ids=WRONG)
def test_link_with_bad_signature_returns_the_404_of_an_unknown_hash(server: Server, path: str) -> None:
    for accept in (BROWSER, "*/*"):
        headers = f"Accept: {accept}\r\nRange: bytes=0-9\r\n"
        unknown = answer(server, link(UNKNOWN), headers=headers)
        assert unknown.status == 404
        assert answer(server, path, headers=headers) == unknown
    assert answer(server, path, method="HEAD") == answer(server, link(UNKNOWN), method="HEAD")


def test_signed_link_to_unknown_hash_returns_404(server: Server) -> None:
    unsigned = answer(server, f"/archive/{UNKNOWN}/")
    assert unsigned.status == 404
    for name in (UNKNOWN, "..", ".hidden", JUNK, f"../{ALBUM}", ""):
        assert answer(server, link(name)) == unsigned


# A link that has expired


def test_expired_link_returns_text_to_terminals(server: Server) -> None:
    got = answer(server, link(expires=LONG_AGO))
    assert got.status == 410
    assert got.body.startswith(b"This link has expired\n")
    assert b"Ask the person who sent it for a new one." in got.body
    assert {"Content-Type: text/plain; charset=utf-8", "Cache-Control: no-store"} <= set(got.headers)


def test_expired_link_returns_html_to_browsers(server: Server) -> None:
    got = answer(server, link(expires=LONG_AGO), headers=f"Accept: {BROWSER}\r\n")
    assert got.status == 410
    assert b"<h1>This link has expired</h1>" in got.body
    assert {"Content-Type: text/html; charset=utf-8", "Cache-Control: no-store"} <= set(got.headers)


def test_expired_link_returns_410_to_head_and_ranges(server: Server) -> None:
    whole = answer(server, link(expires=LONG_AGO))
    assert answer(server, link(expires=LONG_AGO), method="HEAD") == Answer(410, whole.headers, b"")
    for headers in ("Range: bytes=0-9\r\n", "If-None-Match: *\r\n", 'If-Match: "x"\r\n'):
        assert answer(server, link(expires=LONG_AGO), headers=headers) == whole


def test_expired_link_does_not_reveal_the_directory(server: Server) -> None:
    assert answer(server, link(UNKNOWN, LONG_AGO)) == answer(server, link(expires=LONG_AGO))


# Secrets in responses and log

BROKEN_PLUGIN = """
from tornado_archiver.backend import Archive, Backend
from tornado_archiver.errors import BackendError
from tornado_archiver.source import Manifest

class Broken(Backend):
    name, media_type, extension, interface_version = "broken", "application/x-broken", ".broken", 1

    async def open(self, manifest: Manifest) -> Archive:
        raise BackendError("the plugin is broken")
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A directory for PYTHONPATH with a backend that makes no archive."""
    (tmp_path / "broken.py").write_text(BROKEN_PLUGIN)
    about = tmp_path / "broken-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: broken\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[tornado_archiver.backends]\nbroken = broken:Broken\n")
    return tmp_path


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_responses_and_log_do_not_contain_keys_or_signatures(
    photos: Path, plugins: Path, log_format: str
) -> None:
    environment = {"ARCHIVER_LINK_SECRET": f"{KEY},{OLD_KEY}", "PYTHONPATH": str(plugins)}
    options = ("--formats", "broken", "--enable-logging", "--log-format", log_format)
    with running_server(photos, *options, env=environment) as server:
        for status, sent in ASKED:
            got = asyncio.run(ask(server.url(""), sent))
            assert got.status == status
            if status >= 400:
                assert not secrets_in("\n".join(got.headers) + got.body.decode())
        assert eventually(lambda: server.log().count("/archive/") >= LINES)
        assert not secrets_in(server.log())
        for reason in ("bad signature", "expired"):
            assert reason in server.log(), "because an operator needs it to debug links of a CMS"


def secrets_in(text: str) -> list[str]:
    """Keys, and whatever looks like a signature."""
    others = text.replace("bad signature", "")  # the reason of a rejected link
    return re.findall(rf"{KEY}|{OLD_KEY}|signature|[0-9a-f]{{64}}", others)


ASKED = [
    (206, asked(link(), "Range: bytes=0-9\r\n")),
    (416, asked(link(), "Range: bytes=999999999-\r\n")),
    (412, asked(link(), 'If-Match: "x"\r\n')),
    (405, asked(link(), "Content-Length: 0\r\n", "POST")),
    (400, asked(f"{link()}&format=rar")),
    (400, asked(f"{link()}&format=%ff")),
    (404, asked(link(key=OTHER_KEY))),
    (404, asked(link(UNKNOWN))),
    (404, asked(link().replace("/archive/", "/elsewhere/"))),
    (410, asked(link(expires=LONG_AGO))),
    (500, asked(f"{link()}&format=broken")),
    # what Tornado refuses automatically
    (400, asked(link(), "Content-Length: none\r\n")),
    (400, asked(link(), "no colon\r\n")),
    (400, asked(link(), "Host: another\r\n")),
    (400, asked(f"{link()} now")),
]
LINES = 11  # those of the requests that come as far as a handler
