"""Bootstrap: the demo link on the home page."""

from pathlib import Path

from tornado_archiver.server import bootstrap
from tornado_archiver.settings.options import Settings


def test_demo_link_skips_junk_and_hidden_directories(tmp_path: Path) -> None:
    """A NAS creates such directories in the checkout, and they sort before the album."""
    for name in ("#recycle", ".git", "@eaDir", "album"):
        (tmp_path / name).mkdir()
    assert bootstrap._demo_url(Settings(photos_dir=tmp_path)) == "archive/album/"


def test_demo_link_without_album_is_none(tmp_path: Path) -> None:
    (tmp_path / "@eaDir").mkdir()
    assert bootstrap._demo_url(Settings(photos_dir=tmp_path)) is None
