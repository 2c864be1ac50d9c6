"""The command `healthcheck`: one line and exit status 0 or 1, which is all that Docker understands."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess, run
from threading import Event, Thread

import pytest

from tests.helpers.servers import PROJECT, free_port, plain_environment, running_server
from tests.helpers.unprivileged import unprivileged_command
from tornado_archiver.server import healthcheck as healthcheck_command
from tornado_archiver.telemetry import photos as photos_module


def healthcheck(
    *flags: str, cwd: Path, env: Mapping[str, str] | None = None, launcher: Sequence[str] = ()
) -> "CompletedProcess[str]":
    command = [*launcher, sys.executable, f"{PROJECT}/server.py", "healthcheck", *flags]
    return run(command, cwd=cwd, env=plain_environment(env), capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_healthcheck_of_a_running_service_succeeds(tmp_path: Path, host: str) -> None:
    """The proxy that http_proxy names is not asked."""
    env = {"ARCHIVER_HOST": host, "http_proxy": "http://127.0.0.1:1"}
    with running_server(tmp_path, env=env) as server:
        ended = healthcheck("--port", str(server.port), cwd=tmp_path, env=env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith(f":{server.port}/healthz: status 200\n")


def test_healthcheck_of_a_closed_port_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"PORT={free_port()}\n")
    ended = healthcheck(cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Connection refused" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "status 503"),
        (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH"),
        (b"", "without response"),
        (None, "timed out"),
    ],
    ids=["error", "other protocol", "closed", "silent"],
)
def test_healthcheck_of_something_else_fails_in_one_line(
    tmp_path: Path, answer: bytes | None, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with closing(listening.accept()[0]) as connection:
                connection.recv(65536)
                if answer is None:
                    connection.recv(65536)  # until the other side has given up
                else:
                    connection.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        ended = healthcheck("--port", str(listening.getsockname()[1]), cwd=tmp_path)
        thread.join()
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert reason in line


def test_healthcheck_with_a_bad_setting_fails_in_one_line(tmp_path: Path) -> None:
    ended = healthcheck("--port", "many", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("server.py healthcheck: port: 'many' (flag --port) is not allowed")


@pytest.mark.parametrize(
    ("photos", "problem"),
    [
        ("none", "No such file or directory; every link returns 503 until it can be read"),
        (
            "denied",
            "Permission denied; every link returns 503 until it can be read; give it read permission (chmod",
        ),
    ],
)
def test_healthcheck_with_unreadable_photos_fails_in_one_line_with_user_and_remedy(
    tmp_path: Path, photos: str, problem: str
) -> None:
    (tmp_path / "denied").mkdir(mode=0)
    command = unprivileged_command()
    with running_server(tmp_path / photos, launcher=command) as server:
        flags = ("--port", str(server.port), "--photos-dir", str(tmp_path / photos))
        ended = healthcheck(*flags, cwd=tmp_path, launcher=command)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert f"(flag --photos-dir): cannot be read by user {os.geteuid()}: {problem}" in line


def test_healthcheck_with_a_disk_that_hangs_fails_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = Event()
    monkeypatch.setattr(photos_module, "photos_problem", lambda _: gate.wait() and "")
    monkeypatch.setattr(healthcheck_command, "_DISK_TIMEOUT_S", 0.1)
    monkeypatch.chdir(tmp_path)
    with running_server(tmp_path) as server:
        assert healthcheck_command.main(["--port", str(server.port)]) == 1
    gate.set()
    assert "(default): no response within 0.1 s; check its mount" in capsys.readouterr().err
