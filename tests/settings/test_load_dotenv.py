"""Tests of `load`: the syntax of the .env file, and its errors."""

import re

import pytest

from tests.settings.sources import Sources
from tornado_archiver.settings.options import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PORT=80 # why\n", Settings(port=80)),
        ("\ufeffPORT=80\r\n", Settings(port=80)),
        ("export PORT='80'\n", Settings(port=80)),
        ("PORT\n", Settings()),
        ("UNRELATED=x\nports=1\n", Settings()),
        ("N=80\nPORT=${N}\n", Settings(port=80)),
        ("PORT=${OUTSIDE}1\n", Settings(port=71)),
        ("PORT=${NONE:-81}\n", Settings(port=81)),
        ("OUTSIDE=1\nPORT=${OUTSIDE}\n", Settings(port=7)),
        ("ARCHIVER_DOWNLOAD_NAME='${{N}}'\n", Settings(download_name="${{N}}")),
        ("ARCHIVER_DOWNLOAD_NAME=$N\n", Settings(download_name="$N")),
        ("ARCHIVER_DOWNLOAD_NAME='$${hash}'\n", Settings(download_name="$${hash}")),
    ],
)
def test_dotenv_gives_settings(sources: Sources, text: str, expected: Settings) -> None:
    sources.dotenv.write_text(text, encoding="utf-8")
    sources.environ = {"OUTSIDE": "7"}
    assert sources.load() == expected


@pytest.mark.parametrize("text", ["# fine\nPORT='80\n", "\n= 80\n"])
def test_invalid_dotenv_line_is_reported(
    sources: Sources, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sources.dotenv.write_text(text)
    expected = rf"line [12] of {re.escape(str(sources.dotenv))} cannot be read: NAME=value is allowed"
    assert re.fullmatch(expected, sources.error())
    assert capfd.readouterr() == ("", "")


def test_directory_as_dotenv_is_reported(sources: Sources) -> None:
    sources.dotenv.mkdir()
    assert sources.error() == f"{sources.dotenv} cannot be read: Is a directory"


def test_binary_dotenv_is_reported(sources: Sources) -> None:
    sources.dotenv.write_bytes(b"PORT=\xff\n")
    assert sources.error() == f"{sources.dotenv} cannot be read: not text in UTF-8"
