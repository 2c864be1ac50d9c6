"""The Docker commands of the README, run as they are in a copy of the project."""

import subprocess

import pytest

from tests.helpers.readme import readme_commands
from tests.helpers.servers import plain_environment
from tests.integration.docker.project import Project, archive

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
DEMO_ALBUM = "3bea29ccabbbf64bdebcc055319c5745"


def run(project: Project, section: str) -> str:
    """Run the commands of a section that belong to Docker. Return their output."""
    lines = [line for line in readme_commands(section).splitlines() if line.startswith(("cp .", "docker "))]
    names = {"COMPOSE_PROJECT_NAME": project.name, "ARCHIVER_IMAGE": project.image, "PORT": str(project.port)}
    done = subprocess.run(
        ["sh", "-euxc", "\n".join(lines)],
        cwd=project.directory,
        env=plain_environment(names),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_deployment_and_upgrade_serve_the_demo_album(project: Project) -> None:
    assert "(healthy)" in run(project, "Deployment")
    assert archive(project.port, DEMO_ALBUM).read(2) == b"PK"
    with open(project.directory / "server.py", "a") as source:
        source.write("# upgraded\n")
    run(project, "Upgrade")
    assert archive(project.port, DEMO_ALBUM).read(2) == b"PK"
    assert project.inside("tail", "-n", "1", "server.py").stdout == "# upgraded\n"
