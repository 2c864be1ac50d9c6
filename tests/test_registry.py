"""Backends by name: what is refused and in which words, and a real plugin from its package to its archive."""

import io
import subprocess
import sys
import tarfile
import urllib.error
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

import backends
from tests.documentation import write_documented_package
from tests.servers import PROJECT, contents, fetch, plain_environment, running_server
from tornado_archiver.backend import Archive, Backend, BackendOptions
from tornado_archiver.errors import RegistryError
from tornado_archiver.manifest import Manifest
from tornado_archiver.registry import GROUP, Registry, installed

OPTIONS = BackendOptions(level=3)


class Good(Backend):
    name: ClassVar[str] = "good"
    media_type: ClassVar[str] = "application/x-good"
    suffix: ClassVar[str] = ".good"

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class Other(Good):
    pass


class Misnamed(Good):
    name = "bad"


class Unopened(Backend):
    name = "good"
    media_type = "application/x-good"
    suffix = ".good"


class Nameless(Backend):
    media_type = "application/x-good"
    suffix = ".good"

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class Typeless(Good):
    media_type = None  # type: ignore[assignment]


class Endless(Good):
    suffix = 7  # type: ignore[assignment]


class NoBackend:
    name, media_type, suffix = "good", "application/x-good", ".good"


def make() -> Backend:
    return Good(OPTIONS)


AN_INSTANCE = Good(OPTIONS)


def point(value: str, name: str = "good") -> EntryPoint:
    return EntryPoint(name, value if ":" in value else f"{__name__}:{value}", GROUP)


def test_a_backend_is_made_with_its_options() -> None:
    registry = Registry([point("Good"), *backends.ENTRY_POINTS])
    made = registry.create("good", OPTIONS)
    assert type(made) is Good
    assert made.options is OPTIONS
    assert registry.create("good", OPTIONS) is not made


def test_the_names_are_listed_in_order() -> None:
    registry = Registry([point("Good", name) for name in ("zip", "7z", "tar")])
    assert registry.names() == ["7z", "tar", "zip"]


@pytest.mark.parametrize("name", [entry.name for entry in backends.ENTRY_POINTS])
def test_every_backend_in_the_box_can_be_had(name: str) -> None:
    made = Registry(backends.ENTRY_POINTS).create(name, OPTIONS)
    assert made.name == name


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(RegistryError, match=r"no backend 'rar'; there are: good, tar\.gz, zip$"):
        Registry([*map(point, ["Good"]), point("Good", "zip"), point("Good", "tar.gz")]).create(
            "rar", OPTIONS
        )


@pytest.mark.parametrize("name", ["", "Good", "good ", "__class__"])
def test_a_name_is_taken_to_the_letter(name: str) -> None:
    with pytest.raises(RegistryError):
        Registry([point("Good")]).create(name, OPTIONS)


def test_two_backends_of_one_name_are_refused() -> None:
    with pytest.raises(RegistryError, match=r"two backends are called 'good'.*Good.*Other.*uninstall one"):
        Registry([point("Good"), point("Other")])


def test_an_installed_backend_may_not_replace_one_in_the_box() -> None:
    with pytest.raises(RegistryError, match="two backends are called 'zip'"):
        Registry([*backends.ENTRY_POINTS, point("Good", "zip")])


def test_one_backend_listed_twice_is_one() -> None:
    """A package that is found by two entries of sys.path is."""
    assert Registry([point("Good"), point("Good")]).names() == ["good"]


def test_the_package_at_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "METADATA").write_text("Metadata-Version: 2.1\nName: archiver-broken\nVersion: 1\n")
    (tmp_path / "entry_points.txt").write_text(f"[{GROUP}]\ngood = {__name__}:NoBackend\n")
    (broken,) = Distribution.at(tmp_path).entry_points
    with pytest.raises(RegistryError, match="of package archiver-broken is no backend"):
        Registry([broken]).create("good", OPTIONS)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_module_at_all:Good", "cannot be loaded: ModuleNotFoundError"),
        (f"{__name__}:NoSuchThing", "cannot be loaded: AttributeError"),
        ("NoBackend", "is no backend: it must be a subclass"),
        ("make", "is no backend"),
        ("AN_INSTANCE", "is no backend"),
        ("OPTIONS", "is no backend"),
        ("Unopened", "with `open` defined"),
        ("Nameless", "must say its `name`"),
        ("Typeless", "must say its `media_type`"),
        ("Endless", "must say its `suffix`"),
        ("Misnamed", "is registered as 'good' but calls itself 'bad'"),
        ("tornado_archiver.backend:Backend", "with `open` defined"),
    ],
)
def test_what_is_no_backend_is_refused(value: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words) as caught:
        Registry([point(value)]).create("good", OPTIONS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("statement", ["raise ZeroDivisionError('told')", "import no_such_module", "1 +"])
def test_a_backend_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    (tmp_path / "raises_on_import.py").write_text(statement)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([point("raises_on_import:Good")])  # as long as nobody asks for it, it does no harm
    with pytest.raises(RegistryError, match="raises_on_import:Good cannot be loaded: "):
        registry.create("good", OPTIONS)


def test_nothing_is_installed_that_the_service_does_not_know_of() -> None:
    """What the tests stand on: this environment has no plugin of its own."""
    assert not list(installed())


# A real plugin


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has installed the package that docs/writing-a-backend.md shows. Whether its module was
    imported shows in a file beside it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("plugins")
    write_documented_package(source)
    with open(source / "tar_xz.py", "a") as module:
        module.write("\nopen(__file__ + '.imported', 'w').close()\n")
    pip_install(source, target)
    return target


def pip_install(source: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-build-isolation", "--no-deps", "--root-user-action", "ignore", "--target", str(target)]
    ended = subprocess.run([*command, str(source)], capture_output=True, text=True, env=plain_environment())
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def imported(plugins: Path) -> Path:
    """Exists once the plugin has been imported by somebody."""
    mark = plugins / "tar_xz.py.imported"
    mark.unlink(missing_ok=True)
    return mark


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos/abc/nested").mkdir(parents=True)
    (tmp_path / "photos/abc/1.jpg").write_bytes(bytes(range(256)) * 1000)
    (tmp_path / "photos/abc/nested/Сумерки.txt").write_bytes(b"2")
    return tmp_path / "photos"


def contents_of_tar_xz(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:xz") as archive:
        opened = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        return {name: file.read() for name, file in opened.items() if file}


def test_an_installed_plugin_serves_its_archives(plugins: Path, imported: Path, photos: Path) -> None:
    with running_server(photos, "--backend", "tar.xz", env={"PYTHONPATH": str(plugins)}) as server:
        assert contents_of_tar_xz(fetch(server.port, "/archive/abc/")) == contents(photos / "abc")
    assert imported.exists()


def test_an_installed_plugin_serves_beside_the_default(plugins: Path, photos: Path) -> None:
    env = {"PYTHONPATH": str(plugins)}
    with running_server(photos, "--backend", "tar.gz", "--formats", "tar.xz", env=env) as server:
        data = fetch(server.port, "/archive/abc/?format=tar.xz")
        assert contents_of_tar_xz(data) == contents(photos / "abc")
        assert fetch(server.port, "/archive/abc/").startswith(b"\x1f\x8b")


def test_an_installed_plugin_that_is_not_named_is_not_loaded(
    plugins: Path, imported: Path, photos: Path
) -> None:
    with running_server(photos, env={"PYTHONPATH": str(plugins)}) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(server.port, "/archive/abc/?format=tar.xz")
        caught.value.close()
        assert caught.value.code == 400
        assert fetch(server.port, "/archive/abc/").startswith(b"PK")
    assert not imported.exists()


def test_a_plugin_that_is_not_installed_stops_the_start(photos: Path) -> None:
    command = [sys.executable, f"{PROJECT}/server.py", "-P", "0", "--backend", "tar.xz"]
    command += ["--photos-dir", str(photos)]
    ended = subprocess.run(command, capture_output=True, text=True, env=plain_environment(), timeout=60)
    assert ended.returncode == 2
    assert "there is no backend 'tar.xz'; there are: " in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_documented_suite_runs_over_the_installed_plugin(plugins: Path, tmp_path: Path) -> None:
    """The page's test file as it stands; two of its tests are enough to see that it works."""
    write_documented_package(tmp_path)
    (tmp_path / "tar_xz.py").unlink()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "says_what or single_empty",
    ]
    env = plain_environment({"PYTHONPATH": f"{plugins}:{PROJECT}"})
    ended = subprocess.run(
        [*command, "test_tar_xz.py"], cwd=tmp_path, capture_output=True, text=True, env=env
    )
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout
