"""The table of settings: complete, without doubles, and what holds when nothing is set."""

import dataclasses
import types
import typing
from ipaddress import ip_network

import pytest

from tests.settings.examples import BAD, EXAMPLES
from tests.settings.sources import ROWS, Sources
from tornado_archiver.setting_table import CONFIG, PROJECT_ROOT, SETTINGS
from tornado_archiver.settings import Settings


def test_table_and_dataclass_agree() -> None:
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert fields == [*(row.name for row in SETTINGS), "print_config", "origins", "warnings"]


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
