"""Headers of trusted and untrusted proxies, with real processes and sockets."""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.raw_clients import open_request, read_head
from tests.helpers.servers import Server, eventually, running_server
from tests.integration.test_limits import AT_ONCE, SMALL, asked, photos, stalled, via

__all__ = ["photos"]  # the fixture


def test_untrusted_forwarded_header_is_ignored(photos: Path) -> None:
    options = ("--max-downloads-per-client", "1", "--trusted-proxies", "10.0.0.0/8", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server, 1, via("192.0.2.1"))
        assert asked(server, SMALL, via("192.0.2.2")).status == 503


def test_untrusted_proxy_is_logged_once(photos: Path) -> None:
    with running_server(photos, "--trusted-proxies", "10.0.0.0/8") as server:
        for _ in range(3):
            asked(server, SMALL, via("192.0.2.1"))
        assert server.log().count("untrusted proxy 127.0.0.1: sends X-Forwarded-For") == 1


@pytest.mark.parametrize("form", ["{}:51000", '"{}:51000"', "[::ffff:{}]:51000", "{}:51000, "])
def test_forwarded_header_with_ports_identifies_each_client(photos: Path, form: str) -> None:
    options = ("--max-downloads-per-client", "1", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server, 1, via(form.format("192.0.2.1")))
        assert asked(server, SMALL, via(form.format("192.0.2.1").replace("51000", "51001"))).status == 503
        assert asked(server, SMALL, via(form.format("192.0.2.2"))).status == 200
        assert "WARNING" not in server.log()


@pytest.mark.parametrize("network", ["::ffff:127.0.0.1", "::ffff:127.0.0.0/104", "127.0.0.1/32"])
def test_trusted_proxy_in_any_notation_is_trusted(photos: Path, network: str) -> None:
    options = ("--max-downloads-per-client", "1", "--trusted-proxies", network, *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server, 1, via("192.0.2.1"))
        assert asked(server, SMALL, via("192.0.2.2")).status == 200


def test_forwarded_header_in_several_lines_uses_the_last(photos: Path) -> None:
    options = ("--max-downloads-per-client", "1", *AT_ONCE)
    with running_server(photos, *options) as server, ExitStack() as holders:
        stalled(holders, server, 1, via("192.0.2.1"))
        assert asked(server, SMALL, via("192.0.2.2") + via("192.0.2.1:443")).status == 503
        assert asked(server, SMALL, via("192.0.2.1") + via("192.0.2.2:443")).status == 200


def test_forwarded_header_without_address_is_logged_once(photos: Path) -> None:
    secret = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
    with running_server(photos) as server:
        for node in (f"é{secret}", secret, "unknown"):
            assert asked(server, SMALL, via(node)).status == 200
        warnings = [line for line in server.log().splitlines() if "WARNING" in line]
        assert len(warnings) == 1
        assert "trusted proxy 127.0.0.1: sends X-Forwarded-For with '" in warnings[0]
        assert secret not in warnings[0]
        assert "é" not in warnings[0], "escaped, as it could be a control character of a terminal"


def test_request_id_of_trusted_proxy_is_kept(photos: Path) -> None:
    # haproxy's, as its manual shows it; base64
    names = ("abc-123_x.y", "7F000001:8296_7F00001E:1F90_4F7B0A69_0003:790E", "a+b/c~d@e==")
    with running_server(photos, "--enable-logging") as server:
        for name in names:
            assert f"X-Request-Id: {name}\r\n" in raw_head(server, f"X-Request-ID: {name}\r\n")
            assert eventually(lambda name=name: f" {name} GET " in server.log())  # type: ignore[misc]


@pytest.mark.parametrize("name", ["a b", "a" * 65, "ä", "<b>", "a\r\nX-Request-ID: b", "%0a", "a;b"])
def test_request_id_with_invalid_characters_is_replaced(photos: Path, name: str) -> None:
    with running_server(photos) as server:
        assert re.search(r"X-Request-Id: [0-9a-f]{16}\r\n", raw_head(server, f"X-Request-ID: {name}\r\n"))


def test_request_id_of_untrusted_client_is_replaced(photos: Path) -> None:
    with running_server(photos, "--trusted-proxies", "10.0.0.0/8") as server:
        assert "X-Request-Id: mine" not in raw_head(server, "X-Request-ID: mine\r\n")


def raw_head(server: Server, headers: str) -> str:
    with open_request(server, SMALL, headers=headers) as client:
        return read_head(client).partition(b"\r\n\r\n")[0].decode("latin-1") + "\r\n"
