"""`python server.py` from the command line: errors, --help, --print-config, exit status and log."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.helpers.raw_clients import linked_noise, open_request, read_head
from tests.helpers.servers import (
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
from tornado_archiver import __version__

SERVER = (sys.executable, f"{PROJECT}/server.py")
ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"


def run(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command that exits without a signal."""
    return subprocess.run(
        [*SERVER, *args], cwd=cwd, env=plain_environment(env), capture_output=True, text=True, timeout=60
    )


def error_line(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Return the one line of a start that fails with a configuration error."""
    result = run(*args, cwd=cwd, env=env)
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("server.py: ")
    return line


# Configuration errors


@pytest.mark.parametrize(
    ("args", "message"),
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
def test_invalid_flag_is_one_error_line(tmp_path: Path, args: list[str], message: str) -> None:
    assert message in error_line(*args, cwd=tmp_path)


def test_invalid_variable_is_one_error_line(tmp_path: Path) -> None:
    line = error_line(cwd=tmp_path, env={"ENABLE_LOGGING": "maybe"})
    assert "enable-logging: 'maybe' (environment variable ENABLE_LOGGING) is not allowed" in line


def test_missing_zip_program_stops_start_and_names_package(tmp_path: Path) -> None:
    line = error_line("--backend", "zip", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert "backend: 'zip' (flag --backend)" in line
    assert "apt-get install zip" in line


def test_other_backend_works_without_zip_program(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "1.jpg").touch()
    with running_server(tmp_path, "--backend", "tar.gz", env={"PATH": "/nowhere"}) as server:
        assert fetch(server.port, "/archive/album/").startswith(b"\x1f\x8b")


def test_port_in_use_is_one_error_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        line = error_line("--backend", "tar.gz", "--port", port, cwd=tmp_path)
    assert f"cannot listen on 127.0.0.1 port {port} (host: default, port: flag --port)" in line


def test_admin_port_in_use_stops_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        result = run("--port", "0", "--admin-port", port, cwd=tmp_path)
    assert result.returncode == 2
    address = f"127.0.0.1 port {port} (admin-host: default, admin-port: flag --admin-port)"
    assert f"server.py: cannot listen on {address}" in result.stderr


# --help and --print-config


def test_help_lists_settings(tmp_path: Path) -> None:
    result = run("--help", "all", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    for flag in ("--photos-dir", "--backend", "--enable-logging", "--response-delay"):
        assert flag in result.stdout


def test_version_is_printed(tmp_path: Path) -> None:
    result = run("--version", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"tornado-archiver {__version__}\n", "")


def test_first_log_line_has_version(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert f" INFO tornado-archiver {__version__} " in server.log().splitlines()[0]


def test_print_config_shows_origin_of_each_value(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RESPONSE_DELAY=0.5\nPORT=1111\n")
    (tmp_path / "my.conf").write_text("compression-level = 9\n")
    result = run(
        "--print-config", "-P", "2222", "--config", "my.conf", cwd=tmp_path, env={"ENABLE_LOGGING": "1"}
    )
    assert (result.returncode, result.stderr) == (0, "")
    lines = {re.sub(" +", " ", line) for line in result.stdout.splitlines()}
    assert {
        "port 2222 flag --port",
        "enable-logging yes environment variable ENABLE_LOGGING",
        "response-delay 0.5 RESPONSE_DELAY in .env",
        "compression-level 9 compression-level in my.conf",
        "host 127.0.0.1 default",
    } <= lines


def test_env_file_in_current_directory_is_loaded(tmp_path: Path) -> None:
    port = free_port()
    album = linked_noise(tmp_path / "albums" / "album", files=1, size=1000)
    settings = f"PORT={port}\nPHOTOS_DIR=albums\nARCHIVER_BACKEND=tar.gz\nARCHIVER_SETTLE_TIME=0\n"
    (tmp_path / ".env").write_text(settings)
    with subprocess.Popen(SERVER, cwd=tmp_path, env=plain_environment()) as process:
        try:
            wait_until_answering(port, process)
            assert fetch(port, f"/archive/{album.name}/").startswith(b"\x1f\x8b")
        finally:
            process.terminate()


def test_port_0_logs_the_port_chosen(tmp_path: Path) -> None:
    command = [*SERVER, "--port", "0", "--backend", "tar.gz"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=plain_environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            matches = (re.search(r"listening on http://127\.0\.0\.1:(\d+)/", line) for line in process.stderr)
            port = next(int(match[1]) for match in matches if match)
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


def archive_log_lines(server: Server) -> list[str]:
    """Return the log lines of archive requests, without time, request ID and duration."""
    pattern = r"^\S+ \S+ INFO [0-9a-f]{16} ([A-Z]+ /archive/.* bytes) \d+\.\d{3} s (.*)$"
    return [" ".join(groups) for groups in re.findall(pattern, server.log(), re.MULTILINE)]


def test_log_has_one_line_for_each_request(logging_server: Server) -> None:
    body = fetch(logging_server.port, f"/archive/{ALBUM}/")
    with open_request(logging_server, f"/archive/{ALBUM[::-1]}?key=secret") as client:
        read_head(client)
    assert eventually(lambda: len(archive_log_lines(logging_server)) >= 2)
    missing, archive = sorted(
        archive_log_lines(logging_server)
    )  # sorted, because the second response may end first
    assert re.fullmatch(
        rf"GET /archive/{ALBUM[:6]}…/ 200 {len(body)}( of {len(body)})? bytes complete", archive
    )
    assert re.fullmatch(rf"GET /archive/{ALBUM[::-1][:6]}… 404 \d+ bytes refused \(not found\)", missing)
    for part in (ALBUM[6:], ALBUM[::-1][6:], "secret"):
        assert part not in logging_server.log()


def test_log_reports_client_closed(logging_server: Server) -> None:
    with open_request(logging_server, f"/archive/{ALBUM}/") as client:
        read_head(client)
    assert eventually(lambda: archive_log_lines(logging_server))
    (line,) = archive_log_lines(logging_server)
    assert re.fullmatch(rf"GET /archive/{ALBUM[:6]}…/ 200 \d+( of \d{{8}})? bytes client_closed", line)


def test_log_reports_shutdown_during_download(logging_server: Server) -> None:
    with open_request(logging_server, f"/archive/{ALBUM}/") as client:
        read_head(client)
        logging_server.process.send_signal(signal.SIGTERM)
        assert logging_server.process.wait(timeout=60) == 0
    (line,) = archive_log_lines(logging_server)
    assert re.fullmatch(rf"GET /archive/{ALBUM[:6]}…/ 200 \d+( of \d{{8}})? bytes shutdown", line)


def test_requests_are_not_logged_without_enable_logging(photos: Path) -> None:
    with running_server(photos, "--backend", "tar.gz") as server:
        fetch(server.port, "/archive/small/")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
        assert "shutting down" in server.log()
        assert "/archive/" not in server.log()


def test_home_page_does_not_name_real_albums(photos: Path) -> None:
    with running_server(photos, "--backend", "tar.gz") as server:
        page = fetch(server.port, "/").decode()
    assert "<h1>" in page
    for name in (ALBUM, "small", "demo"):
        assert name not in page
