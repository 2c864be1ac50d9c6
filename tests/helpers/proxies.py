"""nginx, haproxy and Caddy with the files in config/, in front of one or two archivers.

Only the addresses are replaced. Each context manager yields the port of the proxy.
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.helpers.servers import PROJECT, free_port, tool, wait_until_answering

Proxy = Callable[[Sequence[int], Path], AbstractContextManager[int]]

_AROUND_NGINX = """\
daemon off;
pid nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {snippet}
}}
"""

_BEFORE_CADDY = """
{
	admin off
	servers {
		protocols h1 h2c
	}
}

"""


@contextmanager
def nginx(ports: Sequence[int], directory: Path, http: str = "") -> Iterator[int]:
    """`http`: directives for the http block around the file."""
    port = free_port()
    # nginx before 1.25 speaks HTTP/2 without TLS only on an address that speaks nothing else
    lines = {"listen 8080;": f"listen 127.0.0.1:{port}; listen 127.0.0.2:{port} http2;"}
    if len(ports) == 1:
        lines["    server 127.0.0.1:7777;"] = f"    server 127.0.0.1:{ports[0]};"
    else:
        lines["    server 127.0.0.1:7777;"] = "    #"
        lines["# server 127.0.0.1:7777 "] = f"server 127.0.0.1:{ports[0]} "
        lines["# server 127.0.0.1:7778 "] = f"server 127.0.0.1:{ports[1]} "
    with nginx_with(http + _configuration("nginx.conf", lines), port, directory):
        yield port


@contextmanager
def nginx_with(snippet: str, port: int, directory: Path) -> Iterator[None]:
    """An nginx whose http block is the snippet, which has to listen on that port."""
    # because workers of a root process run as another user, without access to this directory
    user = "user root;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(_AROUND_NGINX.format(user=user, snippet=snippet))
    command: list[str | Path] = [
        tool("nginx"),
        "-e",
        "stderr",
        "-p",
        directory,
        "-c",
        directory / "nginx.conf",
    ]
    with running(command, port, directory):
        yield


@contextmanager
def haproxy(ports: Sequence[int], directory: Path) -> Iterator[int]:
    program, port = tool("haproxy"), free_port()
    second = f"server two 127.0.0.1:{ports[1]}" if len(ports) > 1 else "#"
    lines = {
        "bind :8080": f"bind 127.0.0.1:{port}",
        "server one 127.0.0.1:7777": f"server one 127.0.0.1:{ports[0]}",
        "server two 127.0.0.1:7778": second,
    }
    (directory / "haproxy.cfg").write_text(_configuration("haproxy.cfg", lines))
    with running([program, "-db", "-f", directory / "haproxy.cfg"], port, directory):
        yield port


@contextmanager
def caddy(ports: Sequence[int], directory: Path) -> Iterator[int]:
    program, port = tool("caddy"), free_port()
    lines = {
        "\n:8080 {": f"{_BEFORE_CADDY}http://127.0.0.1:{port} {{",
        " 127.0.0.1:7777 {": "".join(f" 127.0.0.1:{upstream}" for upstream in ports) + " {",
    }
    file = directory / "Caddyfile"
    file.write_text(_configuration("Caddyfile", lines))
    command: list[str | Path] = [program, "run", "--config", file, "--adapter", "caddyfile"]
    with running(command, port, directory):
        yield port


PROXIES: Mapping[str, Proxy] = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}


def _configuration(name: str, lines: Mapping[str, str]) -> str:
    text = (PROJECT / "config" / name).read_text()
    for written, meant in lines.items():
        assert text.count(written) == 1, written
        text = text.replace(written, meant)
    return text


@contextmanager
def running(command: Sequence[str | Path], port: int, home: Path) -> Iterator[None]:
    """Run the program with `home` as its directory for state and logs."""
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    with subprocess.Popen(command, env=environment) as process:
        try:
            wait_until_answering(port, process)
            yield
        finally:
            process.terminate()
