"""Logging: text and JSON lines, control characters, uncaught exceptions, and the log of a server."""

import json
import logging
import subprocess
import sys
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.raw_clients import linked_noise, open_request, read_head, request, rest_of
from tests.helpers.servers import PROJECT, eventually, fetch, plain_environment, running_server
from tornado_archiver.server.logging import JsonFormatter, TextFormatter

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
CONTROL_CHARACTERS = "a\nb\rc\x1b[31m\x00\x7f\x85\u2028\u2029\udcffä"


def log_record(message: str, *args: object, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord(
        "somewhere", logging.INFO, "file.py", 1, message, args, more.pop("exc_info", None)
    )
    record.created = 1_600_000_000.1239
    vars(record).update(more)
    return record


def exc_info() -> tuple[type[BaseException], BaseException, Any]:
    try:
        raise ValueError(CONTROL_CHARACTERS)
    except ValueError as error:
        return ValueError, error, error.__traceback__


# Text


def test_text_line_escapes_control_characters() -> None:
    text = TextFormatter("%(levelname)s %(message)s").format(log_record("%s", CONTROL_CHARACTERS))
    assert text == "INFO a\n    b\\x0dc\\x1b[31m\\x00\\x7f\\x85\\x2028\\x2029\udcffä"


def test_text_continuation_lines_are_indented() -> None:
    """Otherwise a message could forge a log line."""
    forged = "harmless\n2026-01-01 00:00:00,000 INFO all is well"
    first, *others = TextFormatter("%(message)s").format(log_record(forged, exc_info=exc_info())).splitlines()
    assert first == "harmless"
    assert others
    assert all(line.startswith("    ") for line in others)
    assert any("ValueError" in line for line in others)


# JSON


def parse_json(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_json_line_has_time_level_logger_and_message() -> None:
    assert parse_json(log_record("%d photos", 3)) == {
        "time": "2020-09-13T12:26:40.123Z",
        "level": "INFO",
        "logger": "somewhere",
        "message": "3 photos",
    }


def test_json_line_keeps_control_characters() -> None:
    fields = parse_json(log_record("%s", CONTROL_CHARACTERS, fields={"path": CONTROL_CHARACTERS}))
    assert fields["message"] == fields["path"] == CONTROL_CHARACTERS.replace("\udcff", "\\udcff")


def test_json_line_contains_exception() -> None:
    fields = parse_json(log_record("oh", exc_info=exc_info()))
    assert fields["message"] == "oh"
    assert fields["exception"].startswith("Traceback (most recent call last):\n")


def test_json_fields_keep_their_types() -> None:
    found = parse_json(
        log_record("x", fields={"bytes_sent": 5, "content_length": None, "seconds": 0.5, "is_range": False})
    )
    assert (found["bytes_sent"], found["content_length"], found["seconds"], found["is_range"]) == (
        5,
        None,
        0.5,
        False,
    )


# Uncaught exceptions

UNCAUGHT = """
import threading, warnings
from tornado_archiver.server.logging import configure_logging
configure_logging("{format}")
warnings.warn("careful")
class FailingDel:
    def __del__(self): raise KeyError("del")
FailingDel()
thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()
raise RuntimeError("the\\nend")
"""


def run_uncaught(log_format: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-W", "default", "-c", UNCAUGHT.format(format=log_format)],
        cwd=PROJECT,
        env=plain_environment(),
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (1, "")
    return result.stderr.splitlines()


def test_warnings_and_uncaught_exceptions_are_json() -> None:
    warned, unraisable, thread, last = map(json.loads, run_uncaught("json"))
    assert (warned["level"], "UserWarning: careful" in warned["message"]) == ("WARNING", True)
    assert "KeyError: 'del'" in unraisable["exception"]
    assert "ZeroDivisionError" in thread["exception"]
    assert (last["level"], last["message"]) == ("CRITICAL", "uncaught: RuntimeError")
    assert last["exception"].endswith("RuntimeError: the\nend")


def test_uncaught_exception_is_one_text_entry() -> None:
    lines = run_uncaught("text")
    starts = [line for line in lines if not line.startswith("    ")]
    assert [line.split()[2] for line in starts] == ["WARNING", "CRITICAL", "CRITICAL", "CRITICAL"]


# A server that logs JSON


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    linked_noise(photos / ALBUM, files=64, size=1024 * 1024)
    return photos


def test_every_log_line_of_server_is_json(photos: Path) -> None:
    path = f"/archive/{ALBUM}/"
    with running_server(photos, "--log-format", "json", "--enable-logging", "--formats", "tar.gz") as server:
        body = fetch(server.port, path)
        with open_request(server, f"{path}?format=tar.gz") as client:
            read_head(client)
        with open_request(server, path) as client:
            read_head(client)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(server.port, "/archive/%0A%1B/")
        assert eventually(lambda: server.log().count("/archive/") >= 4 * 2)  # in message and path
        lines = [json.loads(line) for line in server.log().splitlines()]
    links = [line for line in lines if line.get("path", "").startswith("/archive/")]
    assert all(line["client"] == "127.0.0.1" and line["method"] == "GET" for line in links)
    left, other_left, complete, refused = sorted(links, key=lambda line: (line["outcome"], line["backend"]))
    assert complete | {
        "time": "",
        "message": "",
        "request_id": "",
        "seconds": 0,
        "time_to_first_byte_s": 0,
    } == {
        "time": "",
        "level": "INFO",
        "logger": "tornado_archiver.web.access_log",
        "message": "",
        "request_id": "",
        "client": "127.0.0.1",
        "method": "GET",
        "path": f"/archive/{ALBUM[:6]}…/",
        "status": 200,
        "bytes_sent": len(body),
        "content_length": len(body),
        "seconds": 0,
        "time_to_first_byte_s": 0,
        "backend": "stored-zip",
        "outcome": "complete",
        "reason": "",
        "is_range": False,
    }
    assert 0 < complete["time_to_first_byte_s"] <= complete["seconds"]
    assert (left["outcome"], left["content_length"]) == ("client_closed", len(body))
    assert left["bytes_sent"] < left["content_length"]
    assert (other_left["backend"], other_left["content_length"]) == ("tar.gz", None)
    assert (refused["outcome"], refused["reason"], refused["status"]) == ("refused", "not found", 404)


@pytest.mark.parametrize("given", ["", "from-the-proxy.1"])
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_log_contains_request_id_of_response(photos: Path, log_format: str, given: str) -> None:
    with running_server(photos, "--log-format", log_format, "--enable-logging") as server:
        headers = "Connection: close\r\n" + (f"X-Request-ID: {given}\r\n" if given else "")
        with open_request(server, "/archive/nothing/") as client:
            client.sendall(request("/archive/nothing/", headers=headers))
            heads = rest_of(client).decode()
        ids = [line.partition(": ")[2] for line in heads.splitlines() if line.startswith("X-Request-Id")]
        ids += [line.partition(": ")[2] for line in heads.splitlines() if line.startswith("X-Request-ID")]
        assert len(set(ids)) == 2
        assert not given or given in ids
        assert eventually(lambda: all(name in server.log() for name in ids))


def test_request_id_with_control_characters_is_not_used(photos: Path) -> None:
    with running_server(photos, "--enable-logging") as server:
        with open_request(server, "/archive/nothing/") as client:
            client.sendall(request("/", headers="Connection: close\r\nX-Request-ID: a b\tforged\r\n"))
            assert b"forged" not in rest_of(client)
        assert eventually(lambda: " GET / 200 " in server.log())
        assert "forged" not in server.log()
