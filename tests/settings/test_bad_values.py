"""Values that are not allowed: what is said about them, and on whom it is blamed."""

import pytest

from tests.settings.examples import BAD
from tests.settings.sources import ROWS, SOURCES, Sources, by_name
from tornado_archiver.errors import SettingsError
from tornado_archiver.server.sockets import bind
from tornado_archiver.setting import Setting
from tornado_archiver.setting_table import SETTINGS
from tornado_archiver.setting_types import OPTIONAL_PATH, PATH
from tornado_archiver.settings import Settings
from tornado_archiver.settings_reader import read_settings


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


# What only the system can tell


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_name_that_no_host_can_have(host: str) -> None:
    with pytest.raises(SettingsError, match=rf"^cannot listen on {host} port 7777 .*no host has such a name"):
        bind(Settings(host=host))
