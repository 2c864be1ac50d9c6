"""`--check`: exit status 0 or 2, and one line for each problem."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.helpers.servers import free_port, plain_environment, running_server
from tests.server.test_main import run
from tornado_archiver.errors import SettingsError
from tornado_archiver.server import check as checked
from tornado_archiver.server import healthcheck
from tornado_archiver.server.main import main
from tornado_archiver.settings.options import Settings

# Tornado leaves a socket that it cannot bind to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Check = Callable[..., tuple[int, list[str], list[str]]]
Problems = Callable[..., list[str]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    return photos


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Return a function that returns exit status, lines on stdout, and those on stderr without prefix."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", plain_environment({"http_proxy": "http://127.0.0.1:1"}))
    monkeypatch.setattr("sys.argv", ["server.py"])
    monkeypatch.setattr(healthcheck, "_RESPONSE_TIMEOUT_S", 0.5)

    def run_check(*args: str) -> tuple[int, list[str], list[str]]:
        status, printed = main(["--check", *args]), capsys.readouterr()
        lines = printed.err.splitlines()
        assert all(line.startswith("server.py: ") for line in lines)
        return status, printed.out.splitlines(), [line.removeprefix("server.py: ") for line in lines]

    return run_check


@pytest.fixture
def problems(check: Check) -> Problems:
    """Return a function that returns the problems of a check that fails."""

    def failing(*args: str) -> list[str]:
        status, printed, found = check(*args)
        assert status == 2
        assert "configuration ok" not in printed
        return found

    return failing


def test_valid_configuration_is_ok(check: Check, photos: Path) -> None:
    port = str(free_port())
    arguments = ("--port", port, "--formats", "tar", "--link-secret", "0123456789abcdef")
    assert check(str(photos), *arguments) == (
        0,
        [
            "settings: ok",
            "backend: stored-zip: ok",
            "backend: tar: ok",
            f"photos-dir: '{photos}': ok",
            "signed links: ok",
            f"address: 127.0.0.1 port {port}: ok",
            "configuration ok",
        ],
        [],
    )


def test_every_invalid_setting_is_one_line(problems: Problems) -> None:
    assert problems("--port=x", "--workers=0") == [
        "port: 'x' (flag --port) is not allowed: a whole number from 0 to 65535",
        "workers: '0' (flag --workers) is not allowed: a whole number from 1 to 64",
    ]


def test_every_problem_is_one_line(problems: Problems) -> None:
    formats = ("--backend=tgz", "--formats=rar,tar")
    files = ("--photos-dir=/missing", "--link-secret-file=/missing/keys", "--host=unix:/missing/a.sock")
    backend, rar, keys, photos_dir, address = problems(*formats, *files)
    assert backend.startswith("backend: 'tgz' (flag --backend): ")
    assert "did you mean tar.gz?" in backend
    assert rar.startswith("formats: 'rar' (flag --formats): ")
    assert photos_dir == (
        "photos directory '/missing' (flag --photos-dir): cannot be read by user "
        f"{os.geteuid()}: No such file or directory; every link returns 503 until it can be read"
    )
    assert keys.startswith("link-secret-file: '/missing/keys' (flag --link-secret-file) cannot be read")
    assert address.startswith("cannot listen on unix:/missing/a.sock (host: flag --host")


def test_further_check_of_the_start_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(settings: Settings) -> None:
        raise SettingsError("templates-dir: broken")

    monkeypatch.setattr(checked, "create_services", fail)
    assert not checked.check(Settings(port=0))
    assert capsys.readouterr().err.endswith(": templates-dir: broken\n")


def test_warning_is_printed_and_is_not_a_problem(check: Check, photos: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORTS=80\n")
    status, printed, lines = check(str(photos), "--port=0")
    assert (status, printed[-1]) == (0, "configuration ok")
    assert lines == ["PORTS in .env is not a setting, did you mean PORT?"]


# Addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "unix"])
def test_address_of_a_running_service_is_ok(check: Check, photos: Path, tmp_path: Path, host: str) -> None:
    """An upgrade is checked while the service runs."""
    host = host.replace("unix", f"unix:{tmp_path}/a.sock,127.0.0.1")
    with running_server(photos, "--host", host) as server:
        arguments = (str(photos), "--host", host, "--port", str(server.port))
        status, printed, lines = check(*arguments)
        assert (status, lines) == (0, [])
        in_use = [line for line in printed if line.endswith(": ok, in use by a running tornado-archiver")]
        assert len(in_use) == len(host.split(","))


@pytest.fixture
def held() -> Iterator[socket.socket]:
    """A socket that listens and never answers, as systemd holds it for a .socket unit."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


@pytest.mark.parametrize("name", ["", "admin-"])
def test_silent_socket_is_a_problem_with_its_remedy(
    problems: Problems, photos: Path, held: socket.socket, name: str
) -> None:
    port = str(held.getsockname()[1])
    (line,) = problems(str(photos), "--port=0", f"--{name}port", port)
    assert line.startswith(f"cannot listen on 127.0.0.1 port {port} ")
    assert "timed out" in line
    assert "if a systemd .socket unit holds it, add --port 0 to --check" in line


def test_port_0_checks_beside_a_silent_socket(
    check: Check, photos: Path, tmp_path: Path, held: socket.socket
) -> None:
    port = str(held.getsockname()[1])
    (tmp_path / ".env").write_text(f"PORT={port}\n")
    status, printed, _ = check(str(photos), "--port", "0")
    assert (status, printed[-2]) == (0, "address: 127.0.0.1 port 0: ok")


def test_silent_unix_socket_is_a_problem(problems: Problems, photos: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(f"{tmp_path}/a.sock")
        held.listen()
        (line,) = problems(str(photos), f"--host=unix:{tmp_path}/a.sock")
    assert f"no service answers there (unix:{tmp_path}/a.sock/healthz: timed out)" in line


def test_other_program_on_the_port_is_a_problem(
    problems: Problems, photos: Path, held: socket.socket
) -> None:
    def answer() -> None:
        connection, _ = held.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")

    thread = Thread(target=answer)
    thread.start()
    (line,) = problems(str(photos), "--port", str(held.getsockname()[1]))
    thread.join()
    assert line.endswith("another program answers there with status 200")


def test_addresses_that_exclude_each_other_are_a_problem(problems: Problems, photos: Path) -> None:
    (line,) = problems(str(photos), "--host=127.0.0.1,localhost", f"--port={free_port()}")
    assert line.startswith("cannot listen on localhost ")


def test_check_leaves_no_socket_file(check: Check, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    assert check(str(photos), f"--host=unix:{path}")[0] == 0
    assert not path.exists()


def test_command_exits_with_2_for_a_problem(tmp_path: Path) -> None:
    ended = run("--check", "--port=0", "--photos-dir=/missing", cwd=tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("server.py: photos directory '/missing'")
