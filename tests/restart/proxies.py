"""nginx and haproxy in front of two archivers, as the files in config/ say: only addresses are put in."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.servers import PROJECT, free_port, tool, wait_until_answering
from tests.test_nginx import WHOLE_CONFIGURATION

Ports = tuple[int, int]
Proxy = Callable[[Ports, Path], AbstractContextManager[int]]


@contextmanager
def nginx(ports: Ports, directory: Path) -> Iterator[int]:
    """Gives the port that it listens on."""
    program, port = tool("nginx"), free_port()
    lines = {
        "    server 127.0.0.1:7777;": "    #",
        "# server 127.0.0.1:7777 ": f"server 127.0.0.1:{ports[0]} ",
        "# server 127.0.0.1:7778 ": f"server 127.0.0.1:{ports[1]} ",
        "listen 8080;": f"listen 127.0.0.1:{port};",
    }
    user = "user root;" if os.geteuid() == 0 else ""
    snippet = _configuration("nginx.conf", lines)
    configuration = directory / "nginx.conf"
    configuration.write_text(WHOLE_CONFIGURATION.format(user=user, snippet=snippet))
    with _running([program, "-e", "stderr", "-p", directory, "-c", configuration], port):
        yield port


@contextmanager
def haproxy(ports: Ports, directory: Path) -> Iterator[int]:
    """Gives the port that it listens on."""
    program, port = tool("haproxy"), free_port()
    lines = {
        "bind :8080": f"bind 127.0.0.1:{port}",
        "server one 127.0.0.1:7777": f"server one 127.0.0.1:{ports[0]}",
        "server two 127.0.0.1:7778": f"server two 127.0.0.1:{ports[1]}",
    }
    configuration = directory / "haproxy.cfg"
    configuration.write_text(_configuration("haproxy.cfg", lines))
    with _running([program, "-db", "-f", configuration], port):
        yield port


def _configuration(name: str, lines: Mapping[str, str]) -> str:
    text = (PROJECT / "config" / name).read_text()
    for written, meant in lines.items():
        assert text.count(written) == 1, written
        text = text.replace(written, meant)
    return text


@contextmanager
def _running(command: list[str | Path], port: int) -> Iterator[None]:
    with subprocess.Popen(command) as process:
        try:
            wait_until_answering(port, process)
            yield
        finally:
            process.terminate()
