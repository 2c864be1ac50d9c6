"""Backends by name: what is refused, and in which words."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from tests.helpers.plugin_packages import packaged
from tornado_archiver.backend import Archive, Backend, BackendOptions
from tornado_archiver.errors import BackendLoadError
from tornado_archiver.registry import GROUP, Registry, builtin
from tornado_archiver.source import Manifest

OPTIONS = BackendOptions(compress_level=3)


class Good(Backend):
    name: ClassVar[str] = "good"
    media_type: ClassVar[str] = "application/x-good"
    extension: ClassVar[str] = ".good"

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class Other(Good):
    pass


class Misnamed(Good):
    name = "bad"


class Unopened(Backend):
    name = "good"
    media_type = "application/x-good"
    extension = ".good"


class Nameless(Backend):
    media_type = "application/x-good"
    extension = ".good"

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class Typeless(Good):
    media_type = None  # type: ignore[assignment]


class Endless(Good):
    extension = 7  # type: ignore[assignment]


class Ended(Good):
    def __init__(self, options: BackendOptions) -> None:
        sys.exit("no licence")


class PlainCheck(Good):
    def check(self) -> None:  # type: ignore[override]
        pass


class PlainOpen(Good):
    def open(self, manifest: Manifest) -> Archive:  # type: ignore[override]
        raise NotImplementedError


class NoBackend:
    name, media_type, extension = "good", "application/x-good", ".good"


def make() -> Backend:
    return Good(OPTIONS)


AN_INSTANCE = Good(OPTIONS)


def point(value: str, name: str = "good") -> EntryPoint:
    return EntryPoint(name, value if ":" in value else f"{__name__}:{value}", GROUP)


def test_a_backend_is_made_with_its_options() -> None:
    registry = Registry([point("Good"), *builtin()])
    made = registry.create("good", OPTIONS)
    assert type(made) is Good
    assert made.options is OPTIONS
    assert registry.create("good", OPTIONS) is not made


def test_the_names_are_listed_in_order() -> None:
    registry = Registry([point("Good", name) for name in ("zip", "7z", "tar")])
    assert registry.names() == ["7z", "tar", "zip"]


@pytest.mark.parametrize("name", [entry.name for entry in builtin()])
def test_every_backend_in_the_box_can_be_had(name: str) -> None:
    made = Registry(builtin()).create(name, OPTIONS)
    assert made.name == name


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(BackendLoadError, match=r"no backend 'rar'; there are: good, tar\.gz, zip$"):
        Registry([*map(point, ["Good"]), point("Good", "zip"), point("Good", "tar.gz")]).create(
            "rar", OPTIONS
        )


@pytest.mark.parametrize("name", ["", "Good", "good ", "__class__"])
def test_a_name_is_taken_to_the_letter(name: str) -> None:
    with pytest.raises(BackendLoadError):
        Registry([point("Good")]).create(name, OPTIONS)


def test_two_backends_of_one_name_are_refused() -> None:
    with pytest.raises(BackendLoadError, match=r"two backends are called 'good'.*Good.*Other.*uninstall one"):
        Registry([point("Good"), point("Other")]).create("good", OPTIONS)


def test_two_backends_of_a_name_that_nobody_asks_for_do_no_harm() -> None:
    registry = Registry([*builtin(), point("Good"), point("Other")])
    assert registry.create("tar", OPTIONS).name == "tar"
    assert registry.names() == ["good", "stored-zip", "tar", "tar.gz", "zip"]


def test_an_installed_backend_may_not_replace_one_in_the_box() -> None:
    with pytest.raises(BackendLoadError, match="two backends are called 'zip'"):
        Registry([*builtin(), point("Good", "zip")]).create("zip", OPTIONS)


def test_one_backend_listed_twice_is_one() -> None:
    """A package that is found by two entries of sys.path is."""
    assert Registry([point("Good"), point("Good")]).names() == ["good"]


def test_the_package_at_fault_is_named(tmp_path: Path) -> None:
    registry = Registry(packaged(tmp_path, good=f"{__name__}:NoBackend"))
    with pytest.raises(BackendLoadError, match="of package archiver-broken is no backend"):
        registry.create("good", OPTIONS)
    assert registry.origin("good") == f"{__name__}:NoBackend of package archiver-broken"


def test_a_backend_in_the_box_has_no_origin() -> None:
    assert Registry(builtin()).origin("tar") == ""


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
        ("Endless", "must say its `extension`"),
        ("Misnamed", "is registered as 'good' but calls itself 'bad'"),
        ("tornado_archiver.backend:Backend", "with `open` defined"),
        ("Ended", r"cannot be made: SystemExit\('no licence'\)"),
        ("PlainCheck", "must define `check` with `async def`"),
        ("PlainOpen", "must define `open` with `async def`"),
    ],
)
def test_what_is_no_backend_is_refused(value: str, words: str) -> None:
    with pytest.raises(BackendLoadError, match=words) as caught:
        Registry([point(value)]).create("good", OPTIONS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("attribute", "word"),
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
def test_a_word_that_would_break_what_it_stands_in_is_refused(
    monkeypatch: pytest.MonkeyPatch, attribute: str, word: str
) -> None:
    monkeypatch.setattr(Good, attribute, word)
    name = Good.name
    with pytest.raises(BackendLoadError) as caught:
        Registry([point("Good", name)]).create(name, OPTIONS)
    assert f"{__name__}:Good has the `{attribute}` {word!r}, which must match" in str(caught.value)


@pytest.mark.parametrize(
    "statement", ["raise ZeroDivisionError('told')", "import no_such_module", "1 +", "raise SystemExit(3)"]
)
def test_a_backend_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    (tmp_path / "raises_on_import.py").write_text(statement)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([point("raises_on_import:Good")])  # as long as nobody asks for it, it does no harm
    with pytest.raises(BackendLoadError, match="raises_on_import:Good cannot be loaded: "):
        registry.create("good", OPTIONS)
