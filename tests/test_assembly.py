"""How the service is put together from its settings."""

from pathlib import Path

from tornado_archiver.server import bootstrap
from tornado_archiver.settings.options import Settings


def test_demo_link_leads_to_no_junk(tmp_path: Path) -> None:
    """A NAS puts such directories into the checkout; they come first in the order of names."""
    for name in ("#recycle", ".git", "@eaDir", "album"):
        (tmp_path / name).mkdir()
    assert bootstrap._demo_url(Settings(photos_dir=tmp_path)) == "archive/album/"


def test_demo_link_is_missing_without_an_album(tmp_path: Path) -> None:
    (tmp_path / "@eaDir").mkdir()
    assert bootstrap._demo_url(Settings(photos_dir=tmp_path)) is None
