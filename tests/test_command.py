"""`python server.py` as an operator meets it: what it says, how it exits, what its log tells."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.servers import (
    PROJECT,
    Server,
    eventually,
    fetch,
    free_port,
    plain_environment,
    running_server,
    tool,
    wait_until_answering,
)
from tests.web.visitors import knock, linked_noise, read_head
from tornado_archiver import __version__

SERVER = (sys.executable, f"{PROJECT}/server.py")
ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"


def run(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """A run that ends by itself."""
    return subprocess.run(
        [*SERVER, *args], cwd=cwd, env=plain_environment(env), capture_output=True, text=True, timeout=60
    )


def complaint(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """The one line that stands between the settings and a running service."""
    ended = run(*args, cwd=cwd, env=env)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("server.py: ")
    return line


# What cannot be used


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--port", "many"], "port: 'many' (flag --port) is not allowed: a whole number from 0 to 65535"),
        (["--compression-level", "10"], "compression-level: '10' (flag --compression-level)"),
        (["--colour", "blue"], "'--colour' is not a flag"),
        (["--config", "missing.conf"], "config: 'missing.conf' (flag --config) cannot be read"),
        (
            ["--backend", "rar"],
            "backend: 'rar' (flag --backend): there is no backend 'rar'; there are: ",
        ),
        (["--backend", "tar.gz", "--formats", "rar"], "formats: 'rar' (flag --formats): there is no backend"),
    ],
    ids=["number", "range", "flag", "config file", "backend", "format"],
)
def test_a_bad_setting_is_told_in_one_line(tmp_path: Path, args: list[str], told: str) -> None:
    assert told in complaint(*args, cwd=tmp_path)


def test_a_bad_variable_is_told_in_one_line(tmp_path: Path) -> None:
    line = complaint(cwd=tmp_path, env={"ENABLE_LOGGING": "maybe"})
    assert "enable-logging: 'maybe' (environment variable ENABLE_LOGGING) is not allowed" in line


def test_without_zip_it_says_what_to_install(tmp_path: Path) -> None:
    line = complaint("--backend", "zip", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert "backend: 'zip' (flag --backend)" in line
    assert "apt-get install zip" in line


def test_without_zip_another_backend_works(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "1.jpg").touch()
    with running_server(tmp_path, "--backend", "tar.gz", env={"PATH": "/nowhere"}) as server:
        assert fetch(server.port, "/archive/album/").startswith(b"\x1f\x8b")


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = complaint("--backend", "tar.gz", "--port", port, cwd=tmp_path)
    assert f"cannot listen on 127.0.0.1 port {port} (host: default, port: flag --port)" in line


def test_a_port_in_use_for_the_admin_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("--port", "0", "--admin-port", port, cwd=tmp_path)
    assert ended.returncode == 2
    told = f"port {port} (admin-host: default, admin-port: flag --admin-port)"
    assert f"server.py: cannot listen on 127.0.0.1 {told}" in ended.stderr


# What it tells when asked


def test_help_names_every_setting(tmp_path: Path) -> None:
    ended = run("--help", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    for flag in ("--photos-dir", "--backend", "--enable-logging", "--response-delay"):
        assert flag in ended.stdout


def test_version_is_printed(tmp_path: Path) -> None:
    ended = run("--version", cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"tornado-archiver {__version__}\n", "")


def test_first_line_of_the_log_has_the_version(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert f" INFO tornado-archiver {__version__} " in server.log().splitlines()[0]


def test_print_config_tells_where_each_value_comes_from(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RESPONSE_DELAY=0.5\nPORT=1111\n")
    (tmp_path / "my.conf").write_text("compression-level = 9\n")
    ended = run(
        "--print-config", "-P", "2222", "--config", "my.conf", cwd=tmp_path, env={"ENABLE_LOGGING": "1"}
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = {re.sub(" +", " ", line) for line in ended.stdout.splitlines()}
    assert {
        "port 2222 flag --port",
        "enable-logging yes environment variable ENABLE_LOGGING",
        "response-delay 0.5 RESPONSE_DELAY in .env",
        "compression-level 9 compression-level in my.conf",
        "host 127.0.0.1 default",
    } <= lines


def test_the_env_file_where_it_is_started_is_read(tmp_path: Path) -> None:
    port = free_port()
    album = linked_noise(tmp_path / "albums" / "album", files=1, size=1000)
    (tmp_path / ".env").write_text(f"PORT={port}\nPHOTOS_DIR=albums\nARCHIVER_BACKEND=tar.gz\n")
    with subprocess.Popen(SERVER, cwd=tmp_path, env=plain_environment()) as process:
        try:
            wait_until_answering(port, process)
            assert fetch(port, f"/archive/{album.name}/").startswith(b"\x1f\x8b")
        finally:
            process.terminate()


def test_any_free_port_is_told_in_the_log(tmp_path: Path) -> None:
    command = [*SERVER, "--port", "0", "--backend", "tar.gz"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=plain_environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            told = (re.search(r"listening on http://127\.0\.0\.1:(\d+)/", line) for line in process.stderr)
            port = next(int(found[1]) for found in told if found)
            assert fetch(port, "/").startswith(b"<!DOCTYPE html>")
        finally:
            process.terminate()


# The log


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    linked_noise(photos / ALBUM, files=64, size=1024 * 1024)
    linked_noise(photos / "small", files=1, size=1000)
    return photos


@pytest.fixture(params=["stored-zip", "tar", "zip", "tar.gz"])
def logging_server(request: pytest.FixtureRequest, photos: Path) -> Iterator[Server]:
    tool("zip")
    with running_server(photos, "--backend", request.param, env={"ENABLE_LOGGING": "1"}) as server:
        yield server


def links_told(server: Server) -> list[str]:
    """The log's lines about archive links, without their time of day, the request's id and its duration."""
    pattern = r"^\S+ \S+ INFO [0-9a-f]{16} ([A-Z]+ /archive/.* bytes) \d+\.\d{3} s (.*)$"
    return [" ".join(found) for found in re.findall(pattern, server.log(), re.MULTILINE)]


def test_the_log_has_one_line_for_each_request(logging_server: Server) -> None:
    body = fetch(logging_server.port, f"/archive/{ALBUM}/")
    with knock(logging_server, f"/archive/{ALBUM[::-1]}?key=secret") as visitor:
        read_head(visitor)
    assert eventually(lambda: len(links_told(logging_server)) >= 2)
    missing, archive = sorted(links_told(logging_server))  # the first one may be put away after the second
    assert re.fullmatch(
        rf"GET /archive/{ALBUM[:6]}…/ 200 {len(body)}( of {len(body)})? bytes complete", archive
    )
    assert re.fullmatch(rf"GET /archive/{ALBUM[::-1][:6]}… 404 \d+ bytes refused \(not found\)", missing)
    for part in (ALBUM[6:], ALBUM[::-1][6:], "secret"):
        assert part not in logging_server.log()


def test_the_log_says_that_a_visitor_left(logging_server: Server) -> None:
    with knock(logging_server, f"/archive/{ALBUM}/") as visitor:
        read_head(visitor)
    assert eventually(lambda: links_told(logging_server))
    (line,) = links_told(logging_server)
    assert re.fullmatch(rf"GET /archive/{ALBUM[:6]}…/ 200 \d+( of \d{{8}})? bytes client_closed", line)


def test_the_log_says_that_the_service_stopped(logging_server: Server) -> None:
    with knock(logging_server, f"/archive/{ALBUM}/") as visitor:
        read_head(visitor)
        logging_server.process.send_signal(signal.SIGTERM)
        assert logging_server.process.wait(timeout=60) == 0
    (line,) = links_told(logging_server)
    assert re.fullmatch(rf"GET /archive/{ALBUM[:6]}…/ 200 \d+( of \d{{8}})? bytes shutdown", line)


def test_without_logging_there_are_no_lines_for_requests(photos: Path) -> None:
    with running_server(photos, "--backend", "tar.gz") as server:
        fetch(server.port, "/archive/small/")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
        assert "stopping" in server.log()
        assert "/archive/" not in server.log()


def test_the_home_page_names_no_real_album(photos: Path) -> None:
    with running_server(photos, "--backend", "tar.gz") as server:
        page = fetch(server.port, "/").decode()
    assert "<h1>" in page
    for name in (ALBUM, "small", "demo"):
        assert name not in page


# The response delay


def test_the_response_delay_slows_a_download_down(tmp_path: Path) -> None:
    tool("zip")
    linked_noise(tmp_path / "album", files=8, size=1024 * 1024)
    delay = {"ENABLE_RESPONSE_DELAY": "1", "RESPONSE_DELAY": "0.02"}
    with running_server(tmp_path, "--backend", "zip", env=delay) as server:
        start = time.monotonic()
        fetch(server.port, "/archive/album/")
        assert time.monotonic() - start >= 8 * 0.02, "8 MiB come in chunks of 1 MiB at most"
