"""Every proxy with every kind of archive and HTTP version, compared with the table of docs/proxies.md."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.behind_proxies import page
from tests.integration.behind_proxies.configurations import CONFIGURATIONS
from tests.integration.behind_proxies.trial import LOOKS_COMPLETE, NOT_SUPPORTED, Archiver, archiver


@pytest.fixture(scope="session", name="server")
def slow_archiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archiver]:
    with archiver(tmp_path_factory.mktemp("archiver")) as server:
        yield server


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_aborted_archive_behind_proxy_matches_table(server: Archiver, name: str, tmp_path: Path) -> None:
    with CONFIGURATIONS[name](server.port, tmp_path) as port:
        seen = [server.seen(port, *cell) for cell in page.CELLS]
    assert seen == page.committed()[name], "python -m tests.integration.behind_proxies --write"


def test_table_has_a_row_for_each_proxy() -> None:
    assert list(page.committed()) == list(CONFIGURATIONS)


def test_seekable_archives_look_broken_behind_every_proxy() -> None:
    seekable = [cell[1] == "seekable" for cell in page.CELLS]
    for name, cells in page.committed().items():
        found = [text for text, wanted in zip(cells, seekable, strict=True) if wanted]
        assert set(found) <= {"clear error", NOT_SUPPORTED}, name


@pytest.mark.parametrize("name", [name for name in CONFIGURATIONS if "config/" in name or "below" in name])
def test_shipped_configuration_shows_every_abort(name: str) -> None:
    assert LOOKS_COMPLETE not in page.committed()[name]
