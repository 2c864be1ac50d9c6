"""nginx, Apache, haproxy and Caddy with the files in config/, in front of one or two archivers.

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

AROUND_APACHE = """
ServerName localhost
ServerRoot DIRECTORY
DefaultRuntimeDir DIRECTORY
PidFile DIRECTORY/apache2.pid
ErrorLog DIRECTORY/error.log
Listen 127.0.0.1:8080
Define APACHE_LOG_DIR DIRECTORY
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
LoadModule expires_module /usr/lib/apache2/modules/mod_expires.so
Protocols h2c http/1.1
User nobody
Group nogroup
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
    """`http`: directives for the http block around the file. The access log is `directory`/access.log."""
    port = free_port()
    log = {"/var/log/nginx/access.log": "access.log"}
    # nginx before 1.25 speaks HTTP/2 without TLS only on an address that speaks nothing else
    lines = {"listen 8080;": f"listen 127.0.0.1:{port}; listen 127.0.0.2:{port} http2;", **log}
    (directory / "snippets").mkdir(exist_ok=True)
    (directory / "snippets" / "tornado-archiver.conf").write_text(_configuration("nginx-location.conf", log))
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
def haproxy(ports: Sequence[int], directory: Path, frontend: str = "") -> Iterator[int]:
    """`frontend`: lines at the beginning of the frontend."""
    program, port = tool("haproxy"), free_port()
    second = f"server two 127.0.0.1:{ports[1]}" if len(ports) > 1 else "#"
    lines = {
        "frontend clients\n": f"frontend clients\n{frontend}",
        "bind :8080": f"bind 127.0.0.1:{port}",
        "server one 127.0.0.1:7777": f"server one 127.0.0.1:{ports[0]}",
        "server two 127.0.0.1:7778": second,
    }
    (directory / "haproxy.cfg").write_text(_configuration("haproxy.cfg", lines))
    with running([program, "-db", "-f", directory / "haproxy.cfg"], port, directory):
        yield port


@contextmanager
def caddy(ports: Sequence[int], directory: Path, site: str = "") -> Iterator[int]:
    """`site`: lines at the beginning of the site block."""
    program, port = tool("caddy"), free_port()
    lines = {
        "\n:8080 {": f"{_BEFORE_CADDY}http://127.0.0.1:{port} {{\n{site}",
        " 127.0.0.1:7777 {": "".join(f" 127.0.0.1:{upstream}" for upstream in ports) + " {",
    }
    file = directory / "Caddyfile"
    file.write_text(_configuration("Caddyfile", lines))
    command: list[str | Path] = [program, "run", "--config", file, "--adapter", "caddyfile"]
    with running(command, port, directory):
        yield port


@contextmanager
def apache(ports: Sequence[int], directory: Path, site: str = "") -> Iterator[int]:
    """`site`: directives around the file. Its access log is `directory`/access.log."""
    program, port = tool("apache2"), free_port()
    lines = {
        "\nProxyPass /archive/ http://127.0.0.1:7777/": f"\nProxyPass /archive/ http://127.0.0.1:{ports[0]}/"
    }
    around = AROUND_APACHE.replace("DIRECTORY", str(directory)).replace("8080", str(port))
    (directory / "apache.conf").write_text(around + site + _configuration("apache.conf", lines))
    with running([program, "-D", "FOREGROUND", "-f", directory / "apache.conf"], port, directory):
        yield port


PROXIES: Mapping[str, Proxy] = {"nginx": nginx, "apache": apache, "haproxy": haproxy, "caddy": caddy}


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
