"""Proxies in front of one archiver: at their defaults, with the files in config/, with docs/proxies.md."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.helpers.proxies import AROUND_APACHE, Proxy, apache, caddy, haproxy, nginx, nginx_with, running
from tests.helpers.servers import PROJECT, free_port, tool

PAGE = PROJECT / "docs" / "proxies.md"

# Takes the archiver's port and an empty directory; returns the port that the proxy listens on
Start = Callable[[int, Path], AbstractContextManager[int]]

# In all texts below, 7777 is the archiver's port, 8080 the proxy's, and DIRECTORY is writable
_PLAIN_NGINX = """
    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.2:8080 http2;
        location / { proxy_pass http://127.0.0.1:7777; }
    }
"""
_SLICED_NGINX = """
    proxy_cache_path cache keys_zone=archives:1m;
    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.2:8080 http2;
        location / {
            proxy_pass http://127.0.0.1:7777;
            proxy_http_version 1.1;
            slice 1m;
            proxy_set_header Range $slice_range;
            proxy_cache archives;
            proxy_cache_key $uri$is_args$args$slice_range;
            proxy_cache_valid 200 206 1h;
            proxy_ignore_headers Cache-Control;
        }
    }
"""
_PLAIN_HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
listen archivers
    bind 127.0.0.1:8080
    server one 127.0.0.1:7777
"""
_PLAIN_CADDY = """
{
    admin off
    servers {
        protocols h1 h2c
    }
}
http://127.0.0.1:8080 {
    reverse_proxy 127.0.0.1:7777
}
"""
_PLAIN_APACHE = "ProxyPass /archive/ http://127.0.0.1:7777/archive/\n"
_AROUND_LIGHTTPD = """
server.bind = "127.0.0.1"
server.port = 8080
server.document-root = "DIRECTORY"
server.upload-dirs = ( "DIRECTORY" )
server.errorlog = "DIRECTORY/error.log"
"""
_PLAIN_LIGHTTPD = """
server.modules = ( "mod_proxy" )
proxy.server = ( "/archive/" => (( "host" => "127.0.0.1", "port" => 7777 )) )
"""
_PLAIN_VARNISH = 'vcl 4.1; backend archiver { .host = "127.0.0.1"; .port = "7777"; }\n'


@dataclass(frozen=True, slots=True)
class Program:
    """`command` is filled in like `text`, which becomes its file DIRECTORY/configuration."""

    command: Sequence[str]
    text: str = ""

    @contextmanager
    def __call__(self, upstream: int, directory: Path) -> Iterator[int]:
        port = free_port()
        (directory / "configuration").write_text(_filled(self.text, upstream, port, directory))
        program, *arguments = (_filled(word, upstream, port, directory) for word in self.command)
        with running([tool(program), *arguments], port, directory):
            yield port


def _filled(text: str, upstream: int, port: int, directory: Path) -> str:
    values = {"7777": str(upstream), "8080": str(port), "DIRECTORY": str(directory)}
    return re.sub("|".join(values), lambda found: values[found[0]], text)


def _documented(language: str) -> str:
    """The code block of that language in docs/proxies.md."""
    found = re.search(f"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"{PAGE} has no lines for {language}"
    return found[1]


@contextmanager
def no_proxy(upstream: int, directory: Path) -> Iterator[int]:
    yield upstream


@contextmanager
def shipped(start: Proxy, upstream: int, directory: Path) -> Iterator[int]:
    """A proxy with its file in config/."""
    with start([upstream], directory) as port:
        yield port


@contextmanager
def other_nginx(snippet: str, upstream: int, directory: Path) -> Iterator[int]:
    port = free_port()
    with nginx_with(_filled(snippet, upstream, port, directory), port, directory):
        yield port


@contextmanager
def behind_plain_nginx(inner: Start, upstream: int, directory: Path) -> Iterator[int]:
    (directory / "inner").mkdir()
    with inner(upstream, directory / "inner") as port, other_nginx(_PLAIN_NGINX, port, directory) as outer:
        yield outer


_HAPROXY = ("haproxy", "-db", "-f", "DIRECTORY/configuration")
_CADDY = ("caddy", "run", "--adapter", "caddyfile", "--config", "DIRECTORY/configuration")
_APACHE = ("apache2", "-D", "FOREGROUND", "-f", "DIRECTORY/configuration")
_LIGHTTPD = ("lighttpd", "-D", "-f", "DIRECTORY/configuration")
_VARNISH = (
    *("varnishd", "-F", "-j", "none", "-s", "malloc,64m", "-n", "DIRECTORY", "-a", "127.0.0.1:8080"),
    *("-p", "feature=+http2", "-f", "DIRECTORY/configuration"),
)
_NGHTTPX = (
    *("nghttpx", "--conf=/dev/null", "--workers=1", "--log-level=ERROR"),
    *("--frontend=127.0.0.1,8080;no-tls", "--backend=127.0.0.1,7777"),
)

CONFIGURATIONS: Mapping[str, Start] = {
    "no proxy": no_proxy,
    "nginx, config/nginx.conf": partial(shipped, nginx),
    "the same behind another nginx, `proxy_pass` alone": partial(behind_plain_nginx, partial(shipped, nginx)),
    "haproxy, config/haproxy.cfg": partial(shipped, haproxy),
    "Caddy, config/Caddyfile": partial(shipped, caddy),
    "Apache, config/apache.conf": partial(shipped, apache),
    "lighttpd, as below": Program(_LIGHTTPD, _AROUND_LIGHTTPD + _documented("lighttpd")),
    "Varnish, as below": Program(_VARNISH, _documented("vcl")),
    "nghttpx, `--backend` alone": Program(_NGHTTPX),
    "nginx, `proxy_pass` alone": partial(other_nginx, _PLAIN_NGINX),
    "nginx, `slice` and `proxy_cache`": partial(other_nginx, _SLICED_NGINX),
    "haproxy, `server` alone": Program(_HAPROXY, _PLAIN_HAPROXY),
    "Caddy, `reverse_proxy` alone": Program(_CADDY, _PLAIN_CADDY),
    "Apache, `ProxyPass` alone": Program(_APACHE, AROUND_APACHE + _PLAIN_APACHE),
    "lighttpd, `server.stream-response-body = 2`": Program(
        _LIGHTTPD, _AROUND_LIGHTTPD + _PLAIN_LIGHTTPD + "server.stream-response-body = 2\n"
    ),
    "lighttpd, `proxy.server` alone": Program(_LIGHTTPD, _AROUND_LIGHTTPD + _PLAIN_LIGHTTPD),
    "Varnish, `backend` alone": Program(_VARNISH, _PLAIN_VARNISH),
}
