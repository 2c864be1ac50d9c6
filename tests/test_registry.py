"""The registry of backends: lookup by name, and the errors for invalid backends."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from tests.helpers.plugin_packages import packaged
from tornado_archiver.backend import INTERFACE_VERSION, Archive, Backend, BackendOptions
from tornado_archiver.errors import BackendLoadError
from tornado_archiver.options import integer, option
from tornado_archiver.registry import GROUP, Registry, builtin
from tornado_archiver.source import Manifest

OPTIONS = BackendOptions(compress_level=3)


class Good(Backend):
    name: ClassVar[str] = "good"
    media_type: ClassVar[str] = "application/x-good"
    extension: ClassVar[str] = ".good"
    interface_version: ClassVar[int] = 1

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class ForAnOlderInterface(Good):
    interface_version = 0


class ForANewerInterface(Good):
    interface_version = 2


class WithoutInterface(Backend):
    name = "good"
    media_type = "application/x-good"
    extension = ".good"

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class WithForeignOptions(Good):
    options = 7  # type: ignore[assignment]


class UndecoratedOptions(BackendOptions):
    level: int = option("6", integer(0, 9), "Level.")


class WithUndecoratedOptions(Good):
    options = UndecoratedOptions()


class SameName(Good):
    pass


class Misnamed(Good):
    name = "bad"


class WithoutOpen(Backend):
    name = "good"
    media_type = "application/x-good"
    extension = ".good"


class WithoutName(Backend):
    media_type = "application/x-good"
    extension = ".good"

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class WithoutMediaType(Good):
    media_type = None  # type: ignore[assignment]


class WithoutExtension(Good):
    extension = 7  # type: ignore[assignment]


class ExitsOnCreation(Good):
    def __init__(self, options: BackendOptions) -> None:
        sys.exit("no licence")


class PlainCheck(Good):
    def check(self) -> None:  # type: ignore[override]
        pass


class PlainOpen(Good):
    def open(self, manifest: Manifest) -> Archive:  # type: ignore[override]
        raise NotImplementedError


class NotABackend:
    name, media_type, extension = "good", "application/x-good", ".good"


def create_backend() -> Backend:
    return Good(OPTIONS)


AN_INSTANCE = Good(OPTIONS)


def point(value: str, name: str = "good") -> EntryPoint:
    return EntryPoint(name, value if ":" in value else f"{__name__}:{value}", GROUP)


def test_created_backend_has_the_options() -> None:
    registry = Registry([point("Good"), *builtin()])
    backend = registry.create("good", OPTIONS)
    assert type(backend) is Good
    assert backend.options is OPTIONS
    assert registry.create("good", OPTIONS) is not backend


def test_names_are_sorted() -> None:
    registry = Registry([point("Good", name) for name in ("zip", "7z", "tar")])
    assert registry.names() == ["7z", "tar", "zip"]


@pytest.mark.parametrize("name", [entry.name for entry in builtin()])
def test_built_in_backend_is_created(name: str) -> None:
    backend = Registry(builtin()).create(name, OPTIONS)
    assert backend.name == name


def test_unknown_name_raises_error_with_known_names() -> None:
    with pytest.raises(BackendLoadError, match=r"no backend 'rar'; there are: good, tar\.gz, zip$"):
        Registry([*map(point, ["Good"]), point("Good", "zip"), point("Good", "tar.gz")]).create(
            "rar", OPTIONS
        )


@pytest.mark.parametrize("name", ["", "Good", "good ", "__class__"])
def test_name_is_matched_exactly(name: str) -> None:
    with pytest.raises(BackendLoadError):
        Registry([point("Good")]).create(name, OPTIONS)


def test_requested_name_of_two_backends_raises() -> None:
    with pytest.raises(BackendLoadError, match=r"two backends are called 'good'.*Good.*SameName.*uninstall"):
        Registry([point("Good"), point("SameName")]).create("good", OPTIONS)


def test_unrequested_name_of_two_backends_is_ignored() -> None:
    registry = Registry([*builtin(), point("Good"), point("SameName")])
    assert registry.create("tar", OPTIONS).name == "tar"
    assert registry.names() == ["good", "stored-zip", "tar", "tar.gz", "zip"]


def test_installed_backend_with_built_in_name_raises() -> None:
    with pytest.raises(BackendLoadError, match="two backends are called 'zip'"):
        Registry([*builtin(), point("Good", "zip")]).create("zip", OPTIONS)


def test_backend_listed_twice_is_one_backend() -> None:
    """importlib.metadata lists a package twice if two entries of sys.path lead to it."""
    assert Registry([point("Good"), point("Good")]).names() == ["good"]


def test_error_names_the_package(tmp_path: Path) -> None:
    registry = Registry(packaged(tmp_path, good=f"{__name__}:NotABackend"))
    with pytest.raises(BackendLoadError, match="of package archiver-broken is not a backend"):
        registry.create("good", OPTIONS)
    assert registry.origin("good") == f"{__name__}:NotABackend of package archiver-broken"


@pytest.mark.parametrize(
    ("backend", "version", "remedy"),
    [("ForAnOlderInterface", 0, ""), ("ForANewerInterface", 2, ", or a newer service")],
)
def test_backend_for_another_interface_raises(
    tmp_path: Path, backend: str, version: int, remedy: str
) -> None:
    with pytest.raises(BackendLoadError) as caught:
        Registry(packaged(tmp_path, good=f"{__name__}:{backend}")).load("good")
    assert str(caught.value) == (
        f"backend {__name__}:{backend} of package archiver-broken is for interface version {version}, this"
        f" service has version 1; install a release of archiver-broken for version 1{remedy}"
    )


def test_backend_without_interface_version_is_reported_once(tmp_path: Path) -> None:
    registry = Registry(packaged(tmp_path, good=f"{__name__}:WithoutInterface"))
    registry.load("good")
    assert registry.create("good", OPTIONS).name == "good"
    (warning,) = registry.warnings
    assert warning == (
        f"backend {__name__}:WithoutInterface of package archiver-broken does not declare"
        " `interface_version`, version 1 is assumed; its author should add `interface_version = 1` to the"
        " class"
    )


@pytest.mark.parametrize("name", [entry.name for entry in builtin()])
def test_built_in_backend_declares_interface_version(name: str) -> None:
    registry = Registry(builtin())
    assert registry.load(name).interface_version == INTERFACE_VERSION
    assert registry.warnings == []


def test_built_in_backend_has_empty_origin() -> None:
    assert Registry(builtin()).origin("tar") == ""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module_at_all:Good", "cannot be loaded: ModuleNotFoundError"),
        (f"{__name__}:NoSuchThing", "cannot be loaded: AttributeError"),
        ("NotABackend", "is not a backend: it must be a subclass"),
        ("create_backend", "is not a backend"),
        ("AN_INSTANCE", "is not a backend"),
        ("OPTIONS", "is not a backend"),
        ("WithoutOpen", "with `open` defined"),
        ("WithoutName", "must define `name`, a string"),
        ("WithoutMediaType", "must define `media_type`, a string"),
        ("WithoutExtension", "must define `extension`, a string"),
        ("Misnamed", "is registered as 'good' but its `name` is 'bad'"),
        ("tornado_archiver.backend:Backend", "with `open` defined"),
        ("ExitsOnCreation", r"cannot be created: SystemExit\('no licence'\)"),
        ("PlainCheck", "must define `check` with `async def`"),
        ("WithForeignOptions", "must define `options` as an instance of a subclass of BackendOptions"),
        ("WithUndecoratedOptions", r"its options UndecoratedOptions must be decorated with @dataclass"),
        ("ForAnOlderInterface", "is for interface version 0, this service has version 1"),
        ("PlainOpen", "must define `open` with `async def`"),
    ],
)
def test_invalid_backend_raises(value: str, message: str) -> None:
    with pytest.raises(BackendLoadError, match=message) as caught:
        Registry([point(value)]).create("good", OPTIONS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("extension", 'no"dot\n'),
        ("extension", "zip"),
        ("extension", ".."),
        ("extension", ""),
        ("extension", "./../zip"),
        ("extension", "." + "z" * 300),
        ("extension", ".z" * 150),
        ("media_type", "text/html\r\nSet-Cookie: a=b"),
        ("media_type", "application/x-good\n"),
        ("media_type", "good"),
        ("name", "bad,name"),
        ("name", "Good"),
        ("name", "гуд"),
    ],
)
def test_invalid_metadata_raises(monkeypatch: pytest.MonkeyPatch, attribute: str, value: str) -> None:
    monkeypatch.setattr(Good, attribute, value)
    name = Good.name
    with pytest.raises(BackendLoadError) as caught:
        Registry([point("Good", name)]).create(name, OPTIONS)
    assert f"{__name__}:Good has the `{attribute}` {value!r}, which must match" in str(caught.value)


@pytest.mark.parametrize(
    "statement", ["raise ZeroDivisionError('reason')", "import no_such_module", "1 +", "raise SystemExit(3)"]
)
def test_import_error_raises_on_request_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    (tmp_path / "raises_on_import.py").write_text(statement)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([point("raises_on_import:Good")])  # does not import the module
    with pytest.raises(BackendLoadError, match="raises_on_import:Good cannot be loaded: "):
        registry.create("good", OPTIONS)
