"""Tests of `load`: the photos directory as an argument without a flag, `server.py DIR`."""

from pathlib import Path

import pytest

from tests.settings.sources import BY_NAME, SOURCES, Sources

KEY, OTHER_KEY = "0123456789abcdef", "/fedcba98/76543210"
NOT_A_DIRECTORY = (
    "photos-dir: the value (argument DIR) is not allowed: an existing directory;"
    " all other settings need a flag"
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    return photos


@pytest.mark.parametrize(
    "argv",
    [
        ["DIR"],
        ["DIR", "--port", "80"],
        ["--port=80", "DIR"],
        ["--enable-logging", "DIR"],
        ["--", "DIR"],
        ["--enable-logging", "--", "DIR"],
    ],
    ids=" ".join,
)
def test_directory_argument_is_the_photos_directory(sources: Sources, photos: Path, argv: list[str]) -> None:
    sources.argv = [str(photos) if word == "DIR" else word for word in argv]
    settings = sources.load()
    assert settings.photos_dir == photos
    assert settings.origins["photos_dir"] == "argument DIR"
    assert settings.enable_logging == ("--enable-logging" in argv)


def test_directory_that_begins_with_a_dash_follows_two_dashes(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-P").mkdir()
    sources.argv = ["--port", "80", "--", "-P"]
    assert sources.load().photos_dir == Path("-P")


@pytest.mark.parametrize("source", SOURCES[1:])
def test_directory_argument_overrides_other_sources(sources: Sources, photos: Path, source: str) -> None:
    sources.give(source, BY_NAME["photos_dir"], "/elsewhere")
    sources.argv.append(str(photos))
    assert sources.load().photos_dir == photos


def test_directory_argument_and_flag_are_an_error(sources: Sources, photos: Path) -> None:
    sources.argv = [str(photos), "--photos-dir", str(photos)]
    assert sources.error() == ("photos-dir: given by argument DIR and flag --photos-dir, only one is allowed")


def test_two_directory_arguments_are_an_error(sources: Sources, photos: Path) -> None:
    sources.argv = [str(photos), str(photos)]
    assert sources.error() == "2 arguments that are not flags, only one is allowed: DIR"


@pytest.mark.parametrize(
    "argv",
    [
        ["stray"],
        ["--", "stray"],
        [""],
        [__file__],
        ["--link-secret", KEY, OTHER_KEY],
        ["--enable-logging", OTHER_KEY],
    ],
)
def test_argument_that_is_not_a_directory_is_an_error_and_not_shown(
    sources: Sources, argv: list[str]
) -> None:
    """It may be a key: a blank separates two of them instead of a comma."""
    sources.argv = argv
    assert sources.error() == NOT_A_DIRECTORY


def test_unknown_flag_is_reported_rather_than_its_value(sources: Sources, photos: Path) -> None:
    sources.argv = [str(photos), "--prot", "80"]
    assert sources.error() == "'--prot' is not a flag, did you mean --port?"
