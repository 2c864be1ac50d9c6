"""The file of a Unix socket: removal, replacement and errors; and services on several addresses."""

# ruff: noqa: F811 - a fixture and the argument of a test have the same name

import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.raw_clients import request, rest_of
from tests.helpers.servers import (
    PROJECT,
    eventually,
    plain_environment,
    running_server,
)
from tests.integration.test_unix_socket import LINK, photos, unix_server  # noqa: F401


@pytest.mark.parametrize("workers", ["1", "2"])
def test_file_of_the_socket_is_removed_at_the_end(photos: Path, tmp_path: Path, workers: str) -> None:
    path = tmp_path / "a.sock"
    with unix_server(photos, path, "--workers", workers) as unix, unix.connect() as client:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        client.sendall(request(LINK))
        assert client.recv(12) == b"HTTP/1.1 200"  # so that there is a drain
        unix.server.process.terminate()
        assert unix.server.process.wait(timeout=60) == 0
        assert not path.exists()


def test_reload_and_death_of_a_worker_keep_the_socket(photos: Path, tmp_path: Path) -> None:
    with unix_server(photos, tmp_path / "a.sock") as unix:
        first = unix.server.worker
        unix.server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: not first.is_running())
        unix.server.worker.kill()
        subprocess.run(unix.curl(LINK, "-f", "-o", "/dev/null"), check=True)


def test_stale_socket_after_sigkill_is_replaced(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with unix_server(photos, path) as unix:
        workers = unix.server.workers
        unix.server.process.kill()
        unix.server.process.wait()
        assert eventually(lambda: not any(worker.is_running() for worker in workers))
    assert path.is_socket()
    with unix_server(photos, path) as unix:
        subprocess.run(unix.curl("/healthz", "-f"), check=True)


def start_fails(*args: str, cwd: Path) -> str:
    """Return the one line of a start that fails."""
    ended = subprocess.run(
        [sys.executable, f"{PROJECT}/server.py", *args],
        cwd=cwd,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    return line


def test_served_socket_is_one_error_line_and_stays_served(photos: Path, tmp_path: Path) -> None:
    with unix_server(photos, tmp_path / "a.sock") as unix:
        line = start_fails("--host", f"unix:{unix.path}", cwd=tmp_path)
        assert line.startswith(f"server.py: cannot listen on unix:{unix.path} (host: flag --host")
        assert "Address already in use" in line
        subprocess.run(unix.curl("/healthz", "-f"), check=True)


def test_other_file_at_the_path_is_one_error_line(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("notes")
    line = start_fails("--host", f"unix:{tmp_path / 'notes'}", cwd=tmp_path)
    assert "the file exists and is not a socket" in line
    assert (tmp_path / "notes").read_text() == "notes"


def test_admin_address_in_use_removes_the_public_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        admin = ("--admin-port", str(used.getsockname()[1]))
        command = [sys.executable, f"{PROJECT}/server.py", "--host", f"unix:{tmp_path}/a.sock", *admin]
        ended = subprocess.run(command, cwd=tmp_path, env=plain_environment(), capture_output=True)
    assert ended.returncode == 2
    assert not (tmp_path / "a.sock").exists()


# Several addresses


def test_service_listens_on_unix_sockets_only(photos: Path, tmp_path: Path) -> None:
    """The health check asks the Unix socket too; the home page shows it for nginx."""
    public, admin = f"unix:{tmp_path}/a.sock", f"unix:{tmp_path}/admin.sock"
    program = (sys.executable, f"{PROJECT}/server.py")
    settings = ("--host", public, "--admin-host", admin, "--port", "1", "--photos-dir", str(photos))
    process = subprocess.Popen([*program, *settings], cwd=tmp_path, env=plain_environment())
    with process:
        try:
            checked = [*program, "healthcheck", "--host", public]
            assert eventually(lambda: subprocess.run(checked, cwd=tmp_path).returncode == 0)
            home = subprocess.check_output(
                ["curl", "-sS", "--unix-socket", f"{tmp_path}/a.sock", "http://x/"]
            )
            assert f"proxy_pass http://{public};".encode() in home
            ready = ["curl", "-sS", "--unix-socket", f"{tmp_path}/admin.sock", "http://x/readyz"]
            assert eventually(lambda: subprocess.check_output(ready) == b"ready\n")
        finally:
            process.terminate()
        assert process.wait(timeout=60) == 0
    assert not list(tmp_path.glob("*.sock"))


def test_service_listens_on_several_addresses(photos: Path, tmp_path: Path) -> None:
    with running_server(photos, "--host", "127.0.0.1,127.0.0.2,::1") as server:
        for host in ("127.0.0.1", "127.0.0.2", "::1"):
            with socket.create_connection((host, server.port), timeout=60) as client:
                client.sendall(request("/healthz", headers="Connection: close\r\n"))
                assert rest_of(client).startswith(b"HTTP/1.1 200 ")
        listening = re.findall(r"listening on (\S+)", server.log())
    assert listening == [f"http://{host}:{server.port}/" for host in ("127.0.0.1", "127.0.0.2", "[::1]")]
