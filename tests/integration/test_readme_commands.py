"""The shell lines of the README, run as they are, except for paths and addresses."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers.readme import readme_commands
from tests.helpers.servers import contents, plain_environment, running_server, tool


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_first_album_has_a_link_that_opens(tmp_path: Path, umask: int) -> None:
    photos, home = tmp_path / "photos", tmp_path / "home"
    (home / "holiday").mkdir(parents=True)
    (home / "holiday" / "1.jpg").write_bytes(os.urandom(100_000))
    os.utime(home / "holiday" / "1.jpg", (0, 1_000_000_000))  # a photo is older than its copy
    for program in ("curl", "openssl", "unzip"):
        tool(program)
    photos.mkdir()
    with running_server(photos) as server:
        script = (
            readme_commands("Your first album")
            .replace("/srv/photos", str(photos))
            .replace(":7777", f":{server.port}")
        )
        env = plain_environment({"HOME": str(home), "no_proxy": "*"})
        done = subprocess.run(
            ["sh", "-eu", "-c", f"umask {umask:03o}\n{script}"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    (album,) = photos.iterdir()
    assert re.fullmatch("[0-9a-f]{32}", album.name)
    assert contents(album).keys() == {"1.jpg"}
    assert [path.stat().st_mode & 0o005 for path in (album, album / "1.jpg")] == [0o005, 0o004]
    assert done.stdout.startswith("HTTP/1.1 200 OK\n")
    assert "No errors detected" in done.stdout
    assert done.stdout.endswith(f"\nhttp://localhost:{server.port}/archive/{album.name}/\n")
