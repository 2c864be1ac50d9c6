"""Settings: where a value may come from, which source wins, and what is said about a bad one."""

import dataclasses
import re
import types
import typing
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tornado_archiver.errors import SettingsError
from tornado_archiver.setting_table import CONFIG, PROJECT_ROOT, SETTINGS, Setting
from tornado_archiver.setting_types import OPTIONAL_PATH, PATH, SWITCH, SWITCH_WORDS
from tornado_archiver.settings import Settings, config_file_text, describe
from tornado_archiver.settings_reader import read_settings
from tornado_archiver.web.addresses import listen

# setting: text, its value, and another text that is allowed too
EXAMPLES: dict[str, tuple[str, Any, str]] = {
    "host": ("::1", "::1", "0.0.0.0"),
    "port": ("8080", 8080, "0"),
    "photos_dir": ("/srv/my photos", Path("/srv/my photos"), "elsewhere"),
    "backend": ("tar.gz", "tar.gz", "zip"),
    "formats": ("tar, tar.gz", ("tar", "tar.gz"), "zip"),
    "level": ("9", 9, "0"),
    "stored_threshold": ("8MiB", 8 * 1024 * 1024, "1 GB"),
    "download_name": ("Фото {hash} — 100%", "Фото {hash} — 100%", "[a, b]"),
    "include_hidden": ("yes", True, "no"),
    "include_litter": ("no", False, "yes"),
    "follow_symlinks": ("on", True, "off"),
    "workers": ("4", 4, "1"),
    "max_downloads": ("50", 50, "0"),
    "max_downloads_per_client": ("0", 0, "9"),
    "queue_timeout": ("500ms", 0.5, "1m"),
    "trusted_proxies": ("10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1")), "127.0.0.1"),
    "rate_limit": ("10MiB", 10 * 1024 * 1024, "0"),
    "total_rate_limit": ("1 MB", 1_000_000, "0"),
    "max_entries": ("5000", 5000, "0"),
    "max_bytes": ("2GB", 2_000_000_000, "0"),
    "on_unreadable": ("report", "report", "abort"),
    "stall_timeout": ("1.5h", 5400.0, "0"),
    "idle_timeout": ("30", 30.0, "2m"),
    "max_header_size": ("8KiB", 8192, "65536"),
    "drain_timeout": ("1d", 86400.0, "5 s"),
    "link_secret": (
        "0123456789abcdef, Schlüssel mit Umlaut",
        ("0123456789abcdef", "Schlüssel mit Umlaut"),
        "x" * 64,
    ),
    "link_secret_file": ("/run/secrets/links", Path("/run/secrets/links"), "keys"),
    "admin_host": ("::1", "::1", "0.0.0.0"),
    "admin_port": ("7778", 7778, "0"),
    "enable_logging": ("1", True, "0"),
    "log_format": ("json", "json", "text"),
    "enable_response_delay": ("False", False, "TRUE"),
    "response_delay": ("0.25", 0.25, "3600"),
}

BAD: dict[str, list[str]] = {
    "host": ["a b", "a\nb", "a\x07"],
    "port": ["abc", "-1", "65536", "1_0", "80 ", "\uff18\uff10", "9" * 5000, "a\nb", "[80]", "3.0"],
    "photos_dir": ["a\0b"],
    "backend": ["a b", "zip,tar", "[zip]", "\n"],
    "formats": ["zip,,tar", ",", "zip tar", "[zip, tar]", "zip\ntar tar"],
    "level": ["10", "-1", "best", "6.5"],
    "stored_threshold": ["64 M", "-1", "1.5GiB", "MiB", "64 KiB ", "\u0661"],
    "download_name": [
        "a/b",
        "a\\b",
        "a\nb",
        "\x7f",
        " ",
        "{",
        "}",
        "{}",
        "{0}",
        "{name}",
        "{hash!r}",
        "{hash:9}",
        "{hash.upper}",
        "{hash[0]}",
        "\udcff",
        "a\u2028b",
    ],
    "include_hidden": ["maybe"],
    "include_litter": ["2"],
    "follow_symlinks": ["y"],
    "workers": ["0", "65", "two"],
    "max_downloads": ["-1", "10001", "many"],
    "max_downloads_per_client": ["-1", "1.5"],
    "queue_timeout": ["2h", "-1s", "10 seconds", "soon", "1e3"],
    "trusted_proxies": ["proxy.test", "10.0.0.1/8", "10.0.0.0/8 ::1", ",", "300.1.1.1"],
    "rate_limit": ["10MiB/s", "fast"],
    "total_rate_limit": ["-1"],
    "max_entries": ["-1", "1e6"],
    "max_bytes": ["1.5GiB"],
    "on_unreadable": ["skip", "ABORT"],
    "stall_timeout": ["25h", "nan"],
    "idle_timeout": ["61m", "inf"],
    "max_header_size": ["big", "0", "1023"],
    "drain_timeout": ["2d", "٣s"],
    "link_secret": ["short", "0123456789abcdef,", "0123456789abcde\n"],
    "link_secret_file": ["a\0b"],
    "admin_host": ["a b"],
    "admin_port": ["65536", "-1"],
    "enable_logging": ["[yes]", " yes", "yes\n"],
    "log_format": ["xml", "JSON"],
    "enable_response_delay": ["t"],
    "response_delay": ["nan", "inf", "-1", "3600.5", "1,5", "soon", "1_0", "٣", ".", "1e3"],
}

ROWS = {row.name: row for row in SETTINGS}
SWITCHES = [row for row in SETTINGS if row.kind is SWITCH]
SOURCES = ["flag", "environment", "dotenv", "config"]


class Sources:
    """A command line, an environment, a .env and a config file, all empty at first."""

    def __init__(self, directory: Path) -> None:
        self.argv: list[str] = []
        self.environ: dict[str, str] = {}
        self.dotenv = directory / ".env"
        self.config = directory / "archiver.conf"

    def give(self, source: str, row: Setting, text: str) -> str:
        """Put `text` for the setting into the source, and return the origin that is expected for it."""
        if source == "flag":
            self.argv.append(f"{row.flags[-1]}={text}")
            return f"flag {row.flags[-1]}"
        if source == "environment":
            self.environ[row.env] = text
            return f"environment variable {row.env}"
        if source == "dotenv":
            self.dotenv.write_text(f"{row.env}={text}\n", encoding="utf-8")
            return f"{row.env} in {self.dotenv}"
        self.write_config(f"{row.key} = {text}\n")
        return f"{row.key} in {self.config}"

    def write_config(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")
        self.argv += ["--config", str(self.config)]

    def read(self) -> Settings:
        return read_settings(self.argv, self.environ, self.dotenv)

    def complaint(self) -> str:
        """What is said about the settings, which must be one line."""
        with pytest.raises(SettingsError) as caught:
            self.read()
        text = str(caught.value)
        assert text.isprintable()
        return text


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)


def by_name(rows: Sequence[Setting]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


# ---- the table


def test_table_and_dataclass_agree() -> None:
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert fields == [*(row.name for row in SETTINGS), "print_config", "origins"]


def test_tests_have_an_example_and_a_bad_value_for_every_setting() -> None:
    assert list(EXAMPLES) == list(BAD) == list(ROWS)


@pytest.mark.parametrize("part", ["key", "env"])
def test_no_two_settings_share_a_name(part: str) -> None:
    names = [getattr(row, part) for row in (CONFIG, *SETTINGS)]
    assert len(set(names)) == len(names)


def test_defaults(sources: Sources) -> None:
    settings = sources.read()
    assert (
        settings
        == Settings()
        == Settings(
            host="127.0.0.1",
            port=7777,
            photos_dir=PROJECT_ROOT / "demo" / "photos",
            backend="stored-zip",
            formats=(),
            level=6,
            stored_threshold=64 * 1024 * 1024,
            download_name="{hash}",
            include_hidden=False,
            include_litter=False,
            follow_symlinks=False,
            workers=1,
            max_downloads=1000,
            max_downloads_per_client=32,
            queue_timeout=10.0,
            trusted_proxies=(ip_network("127.0.0.1"), ip_network("::1")),
            rate_limit=0,
            total_rate_limit=0,
            max_entries=200_000,
            max_bytes=0,
            on_unreadable="abort",
            stall_timeout=300.0,
            idle_timeout=60.0,
            max_header_size=16 * 1024,
            drain_timeout=30.0,
            link_secret=(),
            link_secret_file=None,
            admin_host="127.0.0.1",
            admin_port=0,
            enable_logging=False,
            log_format="text",
            enable_response_delay=False,
            response_delay=1.0,
            print_config=False,
        )
    )
    assert set(settings.origins.values()) == {"default"}


def test_defaults_have_the_type_that_the_dataclass_promises() -> None:
    for name, hint in typing.get_type_hints(Settings).items():
        promised = hint if isinstance(hint, types.UnionType) else typing.get_origin(hint) or hint
        # a bool is an int as well
        value = getattr(Settings(), name)
        assert isinstance(value, promised), name
        assert isinstance(value, bool) == (promised is bool), name


# ---- precedence


@pytest.mark.parametrize("source", SOURCES)
@by_name(SETTINGS)
def test_a_source_wins_over_all_weaker_ones(sources: Sources, row: Setting, source: str) -> None:
    text, value, other = EXAMPLES[row.name]
    for weaker in SOURCES[SOURCES.index(source) + 1 :]:
        sources.give(weaker, row, other)
    origin = sources.give(source, row, text)
    settings = sources.read()
    assert getattr(settings, row.name) == value
    assert type(getattr(settings, row.name)) is type(value)
    assert settings.origins[row.name] == origin
    assert [name for name, said in settings.origins.items() if said != "default"] == [row.name]


def test_sources_mix(sources: Sources) -> None:
    sources.give("config", ROWS["level"], "1")
    sources.give("dotenv", ROWS["backend"], "tar")
    sources.give("environment", ROWS["port"], "80")
    sources.give("flag", ROWS["host"], "::1")
    assert sources.read() == Settings(host="::1", port=80, backend="tar", level=1)


@pytest.mark.parametrize("weaker", SOURCES[1:])
def test_a_bad_value_that_loses_does_no_harm(sources: Sources, weaker: str) -> None:
    sources.give(weaker, ROWS["port"], "abc")
    sources.argv += ["-P80"]
    assert sources.read().port == 80


@pytest.mark.parametrize("source", SOURCES[1:])
@by_name(SETTINGS)
def test_empty_text_counts_as_unset(sources: Sources, row: Setting, source: str) -> None:
    sources.give(source, row, "")
    settings = sources.read()
    assert settings == Settings()
    assert settings.origins[row.name] == "default"


def test_an_empty_variable_lets_weaker_sources_through(sources: Sources) -> None:
    sources.give("config", ROWS["port"], "80")
    sources.give("dotenv", ROWS["port"], "")
    sources.give("environment", ROWS["port"], "")
    assert sources.read().port == 80


def test_nothing_but_the_arguments_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setattr("sys.argv", ["server.py", "--port=3"])
    assert read_settings([], {}, None) == Settings()


def test_a_missing_dotenv_is_an_empty_one(tmp_path: Path) -> None:
    assert read_settings([], {}, tmp_path / ".env") == Settings()


# ---- the command line


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["-P", "80"], Settings(port=80)),
        (["-P80"], Settings(port=80)),
        (["--port", "80", "-P", "81"], Settings(port=81)),
        (["-H", "localhost", "--level=0"], Settings(host="localhost", level=0)),
        (["--formats="], Settings()),
        (["--download-name=--"], Settings(download_name="--")),
        (["--download-name=---"], Settings(download_name="---")),
        (["--download-name={{x}} {hash}"], Settings(download_name="{{x}} {hash}")),
        (["--formats", "tar,tar , zip"], Settings(formats=("tar", "zip"))),
        (["--response-delay", ".5"], Settings(response_delay=0.5)),
        (["--print-config"], Settings(print_config=True)),
    ],
)
def test_command_lines(argv: list[str], expected: Settings) -> None:
    assert read_settings(argv, {}, None) == expected


def test_an_empty_flag_takes_back_what_a_weaker_source_says() -> None:
    assert read_settings(["--formats="], {"ARCHIVER_FORMATS": "tar"}, None).formats == ()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--port"], "port: no value (flag --port), allowed is: a whole number from 0 to 65535"),
        (["-P"], "port: no value (flag --port), allowed is: a whole number from 0 to 65535"),
        (["--host", "--port", "1"], "host: no value (flag --host), allowed is: a host name or an IP address"),
        (["--port="], "port: '' (flag --port) is not allowed: a whole number from 0 to 65535"),
        (["--port", "-1"], "port: '-1' (flag --port) is not allowed: a whole number from 0 to 65535"),
        (["--photos-dir="], "photos-dir: '' (flag --photos-dir) is not allowed: a path"),
        (["--prot", "80"], "'--prot' is not a flag, did you mean --port?"),
        (["--prot=80"], "'--prot' is not a flag, did you mean --port?"),
        (["-port", "80"], "'-port' is not a flag, did you mean --port?"),
        (["--photos_dir=x"], "'--photos_dir' is not a flag, did you mean --photos-dir?"),
        (["--conf", "x"], "'--conf' is not a flag, did you mean --config?"),
        (["-x"], "'-x' is not a flag, --help lists them all"),
        (["stray"], "there is a word that belongs to no flag, --help lists them all"),
        (["--", "stray"], "there is a word that belongs to no flag, --help lists them all"),
        (
            ["--link-secret", "0123456789abcdef", "fedcba9876543210"],
            "there is a word that belongs to no flag, --help lists them all",
        ),
        (["-a\nb"], "'-a\\nb' is not a flag, --help lists them all"),
        (["--print-config=yes"], "--print-config takes no value"),
        (
            ["--enable-logging=--"],
            f"enable-logging: '--' (flag --enable-logging) is not allowed: {SWITCH.allowed}",
        ),
        (["--config"], "config: no value (flag --config), allowed is: a path"),
        (["--config="], "config: '' (flag --config) is not allowed: a path"),
    ],
)
def test_bad_command_lines(sources: Sources, argv: list[str], message: str) -> None:
    sources.argv = argv
    assert sources.complaint() == message


def test_help_names_every_flag_variable_and_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "600")
    with pytest.raises(SystemExit) as caught:
        read_settings(["--help"], {"PORT": "not looked at"}, None)
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for row in SETTINGS:
        assert row.flags[-1] in shown
        assert f"{row.help} Allowed: {row.kind.allowed}." in shown
        assert f"Environment variable: {row.env}." in shown
    assert "Default: demo/photos." in shown
    assert str(PROJECT_ROOT) not in shown


# ---- switches


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("spelling", [*SWITCH_WORDS, "YES", "False", "oN"])
def test_switches_take_every_spelling(sources: Sources, source: str, spelling: str) -> None:
    sources.give(source, ROWS["enable_logging"], spelling)
    assert sources.read().enable_logging is (spelling.lower() in ("1", "true", "yes", "on"))


@by_name(SWITCHES)
def test_a_switch_alone_means_yes(sources: Sources, row: Setting) -> None:
    sources.argv = [row.flags[-1], "--port", "80"]
    settings = sources.read()
    assert getattr(settings, row.name) is True
    assert settings.port == 80


@by_name(SWITCHES)
def test_a_switch_alone_in_the_config_file_means_yes(sources: Sources, row: Setting) -> None:
    sources.write_config(f"{row.key}  # a comment\n")
    assert getattr(sources.read(), row.name) is True


# ---- bad values


@pytest.mark.parametrize(
    ("row", "text"),
    [(ROWS[name], text) for name, texts in BAD.items() for text in texts],
    ids=lambda value: value.key if isinstance(value, Setting) else ascii(value)[:20],
)
def test_a_bad_value_is_named_with_its_origin_and_what_is_allowed(row: Setting, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings([], {row.env: text}, None)
    origin = f"environment variable {row.env}"
    assert str(caught.value) == complaint_about(row, text, origin)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("source", SOURCES)
@by_name([row for row in SETTINGS if row.kind not in (PATH, OPTIONAL_PATH)])
def test_a_bad_value_is_blamed_on_its_source(sources: Sources, row: Setting, source: str) -> None:
    text = BAD[row.name][0]
    origin = sources.give(source, row, text)
    assert sources.complaint() == complaint_about(row, text, origin)


def complaint_about(row: Setting, text: str, origin: str) -> str:
    bad = "the value" if row.secret else repr(text)
    return f"{row.key}: {bad} ({origin}) is not allowed: {row.kind.allowed}"


def test_the_first_bad_setting_of_the_table_is_reported(sources: Sources) -> None:
    sources.environ = {"ARCHIVER_LEVEL": "x", "PORT": "y"}
    expected = "port: 'y' (environment variable PORT) is not allowed: a whole number from 0 to 65535"
    assert sources.complaint() == expected


# ---- the config file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Settings()),
        ("# port = 1\n; port = 2\n\n[section]\n---\n--- # yaml\n", Settings()),
        ("port = 80\n", Settings(port=80)),
        ("\ufeffport=80\r\nlevel=1\r\n", Settings(port=80, level=1)),
        ("port: 80", Settings(port=80)),
        ("port 80", Settings(port=80)),
        ("--port 80", Settings(port=80)),
        ("  port = 80  # why", Settings(port=80)),
        ("port = 80\nport = 81", Settings(port=81)),
        ("port = # nothing", Settings()),
        ('port = ""', Settings()),
        ('download-name = "a # b"', Settings(download_name="a # b")),
        ("download-name = [{hash}]", Settings(download_name="[{hash}]")),
        ('download-name = ["a"]', Settings(download_name='["a"]')),
        ("download-name = ---", Settings(download_name="---")),
        ("download-name = --", Settings(download_name="--")),
        ("download-name = 'x", Settings(download_name="'x")),
        ("photos-dir = /a#b ; c", Settings(photos_dir=Path("/a#b"))),
    ],
)
def test_config_files(sources: Sources, text: str, expected: Settings) -> None:
    sources.write_config(text)
    assert sources.read() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 80", "'prot' in FILE is not a setting, did you mean port?"),
        ("photos_dir = x", "'photos_dir' in FILE is not a setting, did you mean photos-dir?"),
        ("PORT = 80", "'PORT' in FILE is not a setting, did you mean port?"),
        ("zzz = 80", "line 1 of FILE is not a setting, --help lists them all"),
        ("k9Qw7T2bXv5Nf8Lr", "line 1 of FILE is not a setting, --help lists them all"),
        ("zzz = [80]", "line 1 of FILE is not a setting, --help lists them all"),
        ("config = x", "line 1 of FILE is not a setting, --help lists them all"),
        ("help", "line 1 of FILE is not a setting, --help lists them all"),
        ("print-config = yes", "line 1 of FILE is not a setting, --help lists them all"),
        ("-P = 80", "line 1 of FILE is not a setting, --help lists them all"),
        ("[port = 80", "'[port' in FILE is not a setting, did you mean port?"),
        ("[server] port = 80", "line 1 of FILE is not a setting, --help lists them all"),
        ("# fine\n= 80", "line 2 of FILE cannot be read: key = value is allowed"),
        ("---port = 80", "line 1 of FILE cannot be read: key = value is allowed"),
        ("port", "port: no value (port in FILE), allowed is: a whole number from 0 to 65535"),
        ("photos-dir # x", "photos-dir: no value (photos-dir in FILE), allowed is: a path"),
        ("port = [80]", "port: '[80]' (port in FILE) is not allowed: a whole number from 0 to 65535"),
        ("port = 80 81", "port: '80 81' (port in FILE) is not allowed: a whole number from 0 to 65535"),
        ("port = ---", "port: '---' (port in FILE) is not allowed: a whole number from 0 to 65535"),
        ("port = 1\0", "config: 'FILE' (flag --config) cannot be read: it holds a NUL character"),
    ],
)
def test_bad_config_files(sources: Sources, text: str, message: str) -> None:
    sources.write_config(text)
    assert sources.complaint() == message.replace("FILE", str(sources.config))


def test_a_config_file_that_is_missing(sources: Sources) -> None:
    sources.argv = ["-c", str(sources.config)]
    assert sources.complaint() == (
        f"config: '{sources.config}' (flag --config) cannot be read: No such file or directory"
    )


def test_a_config_file_that_is_a_directory(sources: Sources, tmp_path: Path) -> None:
    sources.environ = {"ARCHIVER_CONFIG": str(tmp_path)}
    assert sources.complaint() == (
        f"config: '{tmp_path}' (environment variable ARCHIVER_CONFIG) cannot be read: Is a directory"
    )


def test_a_config_file_that_is_not_text(sources: Sources) -> None:
    sources.write_config("")
    sources.config.write_bytes(b"port = \xff\n")
    assert (
        sources.complaint() == f"config: '{sources.config}' (flag --config) cannot be read: not text in UTF-8"
    )


def test_a_config_file_whose_name_breaks_lines(sources: Sources, tmp_path: Path) -> None:
    sources.config = tmp_path / "a\nb.conf"
    sources.write_config("port = x\n")
    assert f"(port in {str(sources.config)!r})" in sources.complaint()


@pytest.mark.parametrize("source", ["environment", "dotenv"])
def test_a_variable_names_the_config_file(sources: Sources, source: str) -> None:
    sources.write_config("port = 80\n")
    sources.argv = []
    sources.give(source, CONFIG, str(sources.config))
    assert sources.read().port == 80


def test_the_flag_for_the_config_file_wins_over_the_variable(sources: Sources) -> None:
    sources.write_config("port = 80\n")
    sources.environ = {"ARCHIVER_CONFIG": "/nowhere"}
    assert sources.read().port == 80


# ---- the .env file


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
def test_dotenv_files(sources: Sources, text: str, expected: Settings) -> None:
    sources.dotenv.write_text(text, encoding="utf-8")
    sources.environ = {"OUTSIDE": "7"}
    assert sources.read() == expected


@pytest.mark.parametrize("text", ["# fine\nPORT='80\n", "\n= 80\n"])
def test_a_dotenv_line_that_cannot_be_read(
    sources: Sources, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sources.dotenv.write_text(text)
    expected = rf"line [12] of {re.escape(str(sources.dotenv))} cannot be read: NAME=value is allowed"
    assert re.fullmatch(expected, sources.complaint())
    assert capfd.readouterr() == ("", "")


def test_a_dotenv_that_cannot_be_read(sources: Sources) -> None:
    sources.dotenv.mkdir()
    assert sources.complaint() == f"{sources.dotenv} cannot be read: Is a directory"


def test_a_dotenv_that_is_not_text(sources: Sources) -> None:
    sources.dotenv.write_bytes(b"PORT=\xff\n")
    assert sources.complaint() == f"{sources.dotenv} cannot be read: not text in UTF-8"


# ---- what only the system can tell


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_name_that_no_host_can_have(host: str) -> None:
    with pytest.raises(SettingsError, match=rf"^cannot listen on {host} port 7777 .*no host has such a name"):
        listen(Settings(host=host))


# ---- what is shown


def test_print_config_shows_every_value_and_its_origin(sources: Sources) -> None:
    sources.argv = ["--port=80", "--formats=tar,tar.gz", "--photos-dir=a\nb", "--enable-logging"]
    sources.environ = {"RESPONSE_DELAY": "0.50"}
    lines = describe(sources.read()).splitlines()
    rows = [tuple(re.split(" {2,}", line)) for line in lines]
    assert [row[0] for row in rows] == [row.key for row in SETTINGS]
    assert {
        ("host", "127.0.0.1", "default"),
        ("port", "80", "flag --port"),
        ("photos-dir", "'a\\nb'", "flag --photos-dir"),
        ("formats", "tar,tar.gz", "flag --formats"),
        ("stored-threshold", "67108864", "default"),
        ("trusted-proxies", "127.0.0.1/32,::1/128", "default"),
        ("link-secret-file", "(none)", "default"),
        ("enable-logging", "yes", "flag --enable-logging"),
        ("response-delay", "0.5", "environment variable RESPONSE_DELAY"),
    } <= set(rows)
    assert len({line.rindex("default") for line in lines if line.endswith("default")}) == 1, "columns"


def test_a_secret_is_shown_nowhere() -> None:
    row = Setting(("--key",), "KEY", "", PATH, "A secret.", secret=True)
    assert row.show("hunter2") == "(not shown)"
    with pytest.raises(SettingsError, match=r"^key: the value \(flag --key\) is not allowed: a path$"):
        row.parse("hunter2\0", "flag --key")


def test_the_commented_config_file_is_up_to_date() -> None:
    # python -m tornado_archiver.settings > config/archiver.conf
    assert (PROJECT_ROOT / "config" / "archiver.conf").read_text(encoding="utf-8") == config_file_text()


def test_the_commented_config_file_changes_nothing(sources: Sources) -> None:
    sources.write_config(config_file_text())
    assert sources.read() == Settings()


def test_every_line_of_the_commented_config_file_can_be_uncommented(sources: Sources) -> None:
    text, count = re.subn(r"(?m)^# ([a-z-]+ =.*)$", r"\1", config_file_text())
    assert count == len(SETTINGS)
    sources.write_config(text)
    settings = sources.read()
    assert dataclasses.replace(settings, photos_dir=Settings().photos_dir) == Settings()
    assert settings.photos_dir == Path("demo/photos")
    assert [name for name, origin in settings.origins.items() if origin == "default"] == [
        "formats",
        "link_secret",
        "link_secret_file",
    ]
