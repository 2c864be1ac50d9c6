"""Tests of the settings that backends declare: sources, errors, collisions and warnings."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.settings.sources import Sources
from tornado_archiver.backend import BackendOptions
from tornado_archiver.errors import ArchiverError, BackendLoadError
from tornado_archiver.options import BOOL, OPTIONAL_PATH, SIZE, TEXT, choice, duration, integer, option
from tornado_archiver.settings.backend_options import LoadedOptions, load_backend_options


@dataclass(frozen=True)
class XzOptions(BackendOptions):
    preset: int = option("6", integer(0, 9), "Preset of xz.")
    block_size: int = option("64KiB", SIZE, "Size of a block.")
    check: str = option("crc64", choice("crc32", "crc64"), "Checksum of xz.")
    is_fast: bool = option("no", BOOL, "Whether it is fast.")
    wait: float = option("1s", duration(60), "How long it waits.")
    file: Path | None = option("", OPTIONAL_PATH, "File that it reads.")
    password: str = option("", TEXT, "Password.", secret=True)
    without_declaration: str = "kept"


@dataclass(frozen=True)
class OtherOptions(BackendOptions):
    secret: str = option("", TEXT, "A setting.")
    host: str = option("", TEXT, "A setting.")
    xz_preset: str = option("", TEXT, "A setting.")


def load(sources: Sources, **backends: BackendOptions) -> LoadedOptions[BackendOptions]:
    """Load the options of these backends, by default of "tar.xz". An underscore is a dot in a name."""
    named = {name.replace("_", "."): options for name, options in backends.items()}
    return load_backend_options(named or {"tar.xz": XzOptions()}, sources.load().backend_sources, ["xz"])


def error(sources: Sources, **backends: BackendOptions) -> str:
    with pytest.raises(ArchiverError) as caught:
        load(sources, **backends)
    text = str(caught.value)
    assert text.isprintable()
    return text.replace(str(sources.config), "FILE")


KEYS = "preset, block-size, check, is-fast, wait, file, password"
BLOCK_SIZE = "'block_size' in FILE is not a setting of backend 'tar.xz', did you mean block-size?"
VALUES = [
    ("preset", "9", XzOptions(preset=9)),
    ("block-size", "2KiB", XzOptions(block_size=2048)),
    ("check", "crc32", XzOptions(check="crc32")),
    ("is-fast", "yes", XzOptions(is_fast=True)),
    ("wait", "500ms", XzOptions(wait=0.5)),
    ("file", "/a b", XzOptions(file=Path("/a b"))),
    ("password", "a # b", XzOptions(password="a # b")),
]


def test_options_without_sources_are_the_defaults(sources: Sources) -> None:
    loaded = load(sources, tar_xz=XzOptions(compress_level=3, without_declaration="given"))
    assert loaded.options == {"tar.xz": XzOptions(compress_level=3, without_declaration="given")}
    assert loaded.warnings == []


@pytest.mark.parametrize(("key", "text", "expected"), VALUES)
def test_variable_gives_typed_value(sources: Sources, key: str, text: str, expected: XzOptions) -> None:
    variable = f"ARCHIVER_TAR_XZ_{key.upper().replace('-', '_')}"
    sources.environ = {variable: text, "ARCHIVER_FORMATS": "tar.xz"}
    loaded = load(sources)
    assert loaded.options == {"tar.xz": expected}
    assert loaded.warnings == []
    assert sources.load().warnings == ()


@pytest.mark.parametrize(("key", "text", "expected"), VALUES)
def test_section_gives_typed_value(sources: Sources, key: str, text: str, expected: XzOptions) -> None:
    quoted = f'"{text}"' if "#" in text else text
    sources.write_config(
        f"port = 80\n[backend.tar.xz]  # settings\n\n# one\n{key} = {quoted}\n\n[server]\nport = 81\n"
    )
    assert load(sources).options == {"tar.xz": expected}
    assert sources.load().port == 81


def test_variable_overrides_dotenv_which_overrides_section(sources: Sources) -> None:
    sources.write_config("[ backend.tar.xz ]\npreset = 1\nwait = 1\ncheck = crc32\n")
    sources.dotenv.write_text("ARCHIVER_TAR_XZ_PRESET=2\nARCHIVER_TAR_XZ_WAIT=2\n")
    sources.environ = {"ARCHIVER_TAR_XZ_PRESET": "3", "ARCHIVER_TAR_XZ_CHECK": ""}
    assert load(sources).options == {"tar.xz": XzOptions(preset=3, wait=2, check="crc32")}


@pytest.mark.parametrize(
    "text", ["", "preset =", "preset = # comment", "is-fast = no", "preset = 5\npreset = 6"]
)
def test_section_with_empty_text_changes_nothing(sources: Sources, text: str) -> None:
    sources.write_config(f"[backend.tar.xz]\n{text}\n")
    assert load(sources).options == {"tar.xz": XzOptions()}


def test_key_without_value_in_section_means_yes(sources: Sources) -> None:
    sources.write_config("[backend.tar.xz]\nis-fast")
    assert load(sources).options == {"tar.xz": XzOptions(is_fast=True)}


def test_rows_have_value_and_origin(sources: Sources) -> None:
    sources.write_config("[backend.tar.xz]\npreset = 1\n")
    sources.environ = {"ARCHIVER_TAR_XZ_PASSWORD": "hunter2"}
    assert load(sources).rows == [
        ("[backend.tar.xz] preset", "1", f"preset in {sources.config}"),
        ("[backend.tar.xz] block-size", "65536", "default"),
        ("[backend.tar.xz] check", "crc64", "default"),
        ("[backend.tar.xz] is-fast", "no", "default"),
        ("[backend.tar.xz] wait", "1", "default"),
        ("[backend.tar.xz] file", "(none)", "default"),
        ("[backend.tar.xz] password", "(not shown)", "environment variable ARCHIVER_TAR_XZ_PASSWORD"),
    ]
    assert "hunter2" not in repr(load(sources).options) + repr(sources.load())


# Errors


def test_invalid_variable_is_reported(sources: Sources) -> None:
    sources.environ = {"ARCHIVER_TAR_XZ_PRESET": "10"}
    assert error(sources) == (
        "[backend.tar.xz] preset: '10' (environment variable ARCHIVER_TAR_XZ_PRESET) is not allowed: a whole"
        " number from 0 to 9"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "preset = x",
            "[backend.tar.xz] preset: 'x' (preset in FILE) is not allowed: a whole number from 0 to 9",
        ),
        ("preset", "[backend.tar.xz] preset: no value (preset in FILE), allowed: a whole number from 0 to 9"),
        ("pre-set = 3", "'pre-set' in FILE is not a setting of backend 'tar.xz', did you mean preset?"),
        ("block_size = 3", BLOCK_SIZE),
        ("= 3", "line 2 of FILE cannot be read: key = value is allowed"),
        (
            "k9Qw7T2bXv5Nf8Lr",
            f"line 2 of FILE is not a setting of backend 'tar.xz', which has {KEYS}",
        ),
    ],
)
def test_invalid_section_is_reported(sources: Sources, line: str, message: str) -> None:
    sources.write_config(f"[backend.tar.xz]\n{line}\n")
    assert error(sources) == message
    sources.load()  # the commands sign-link and healthcheck, which do not load the backend


def test_section_of_backend_without_settings_is_reported(sources: Sources) -> None:
    sources.write_config("[backend.tar]\nlevel = 3\n")
    message = "line 2 of FILE is not a setting of backend 'tar', which has no settings"
    assert error(sources, tar=BackendOptions()) == message


def test_rejection_by_post_init_is_reported(sources: Sources) -> None:
    @dataclass(frozen=True)
    class Checked(XzOptions):
        def __post_init__(self) -> None:
            if self.preset == 9 and self.is_fast:
                raise ValueError("preset 9 is not fast")

    sources.environ = {"ARCHIVER_TAR_XZ_PRESET": "9", "ARCHIVER_TAR_XZ_IS_FAST": "yes"}
    assert error(sources, tar_xz=Checked()) == "[backend.tar.xz]: preset 9 is not fast"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["link"], "[backend.link] secret: the variable ARCHIVER_LINK_SECRET belongs to the service"),
        (["service"], "[backend.service] secret: the variable ARCHIVER_SERVICE_SECRET belongs to Kubernetes"),
        (["a.b", "a-b"], "[backend.a-b] secret: the variable ARCHIVER_A_B_SECRET belongs to backend 'a.b'"),
        (
            ["tar.xz", "tar"],
            "[backend.tar] xz-preset: the variable ARCHIVER_TAR_XZ_PRESET belongs to backend 'tar.xz'",
        ),
    ],
)
def test_variable_with_two_meanings_is_rejected(sources: Sources, names: list[str], message: str) -> None:
    options = {name: XzOptions() if name == "tar.xz" else OtherOptions() for name in names}
    with pytest.raises(BackendLoadError) as caught:
        load_backend_options(options, sources.load().backend_sources)
    expected = f"{message} as well; another name for the setting or the backend is needed"
    assert str(caught.value) == expected


# Warnings


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        (
            "ARCHIVER_TAR_XZ_PRESETS",
            "is not a setting of backend 'tar.xz', did you mean ARCHIVER_TAR_XZ_PRESET?",
        ),
        ("ARCHIVER_TAR_LEVEL", "is not a setting of backend 'tar', which has no settings"),
        ("ARCHIVER_XZ_PRESET", "is not used: backend and formats do not name 'xz'"),
    ],
)
def test_unused_variable_is_reported(sources: Sources, variable: str, reason: str) -> None:
    sources.environ = {variable: "3"}
    warnings = load(sources, tar_xz=XzOptions(), tar=BackendOptions()).warnings
    assert warnings == [f"environment variable {variable} {reason}"]


def test_variable_of_no_backend_is_reported_once(sources: Sources) -> None:
    sources.environ = {"ARCHIVER_LINK_SECRETS": "3", "ARCHIVER_SERVICE_HOST": "10.0.0.1"}
    assert load(sources).warnings == []
    assert len(sources.load().warnings) == 1


@pytest.mark.parametrize(("name", "hint"), [("tar.zx", "did you mean tar.xz?"), ("rar", "they name tar.xz")])
def test_unused_section_is_reported(sources: Sources, name: str, hint: str) -> None:
    sources.write_config(f"[backend.{name}]\nanything\n")
    (warning,) = load(sources).warnings
    assert warning == (
        f"section [backend.{name}] in {sources.config} is not used: backend and formats name no such backend,"
        f" {hint}"
    )


@pytest.mark.parametrize("header", ["[server]", "[backend]", "[tar.xz]", "[zip]  # why"])
def test_other_section_header_is_a_heading(sources: Sources, header: str) -> None:
    sources.write_config(f"{header}\nport = 80\n")
    assert sources.load().port == 80
    assert load(sources).warnings == []
