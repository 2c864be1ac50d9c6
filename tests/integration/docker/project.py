"""A copy of this project, run by Docker Compose."""

import io
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.servers import fetch, plain_environment, wait_until_answering

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"


def write_variables(path: Path, variables: Mapping[str, object]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of this project with separate images, containers and port."""

    directory: Path
    name: str
    port: int

    @property
    def image(self) -> str:
        """Not the name that the compose file has, which may be in use on this machine."""
        return f"{self.name}-archiver:test"

    def configure(self, **settings: object) -> None:
        """Write .docker_env, and .env with these settings. A new album is served at once."""
        self.configure_compose()
        write_variables(self.directory / ".env", {"ARCHIVER_SETTLE_TIME": "0", **settings})

    def configure_compose(self, **variables: object) -> None:
        """Write .docker_env with the port and these variables."""
        write_variables(self.directory / ".docker_env", {"PORT": self.port, **variables})

    def compose(
        self, *arguments: str, env_file: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`docker compose --env-file .docker_env <arguments>`, or without its env file."""
        command = ["docker", "compose", "-p", self.name]
        if env_file:
            command += ["--env-file", ".docker_env"]
        return subprocess.run(
            [*command, *arguments],
            cwd=self.directory,
            env=plain_environment({"ARCHIVER_IMAGE": self.image, **(env or {})}),
            capture_output=True,
            text=True,
        )

    def up(self, *flags: str, **env: str) -> None:
        """Start, or apply the changes of .env, and wait for a response."""
        done = self.compose("up", "-d", *flags, env=env)
        assert done.returncode == 0, done.stderr
        wait_until_answering(self.port)

    def inspected(self) -> Any:
        """Return the output of `docker inspect` for the container."""
        container = self.compose("ps", "-aq").stdout.strip()
        return json.loads(subprocess.check_output(["docker", "inspect", container]))[0]

    def image_labels(self) -> dict[str, str]:
        command = ["docker", "image", "inspect", self.image, "-f", "{{json .Config.Labels}}"]
        labels: dict[str, str] = json.loads(subprocess.check_output(command))
        return labels

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container."""
        return self.inside_with({}, *command)

    def inside_with(self, env: Mapping[str, object], *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container with these environment variables."""
        variables = [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
        return self.compose("exec", "-T", *variables, "archiver", *command)


def write_photo(path: Path, content: bytes) -> None:
    """Write a photo that was taken long ago, so that it does not look like an upload in progress."""
    path.write_bytes(content)
    os.utime(path, (0, 1_000_000_000))


def archive(port: int, album: str = ALBUM) -> io.BytesIO:
    return io.BytesIO(fetch(port, f"/archive/{album}/"))
