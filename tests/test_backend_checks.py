"""What the start makes of a backend that cannot work here, or whose check is broken."""

import asyncio
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from tests.plugins import packaged
from tornado_archiver.backend import Archive, Backend
from tornado_archiver.errors import ArchiverError, BackendError, BackendLoadError, BackendUnavailableError
from tornado_archiver.registry import GROUP
from tornado_archiver.server import bootstrap
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.settings.options import DEFAULT, Settings
from tornado_archiver.source import Manifest

ORIGIN = f"{__name__}:Checked of package archiver-broken"


class Checked(Backend):
    name = "checked"
    media_type = "application/x-checked"
    extension = ".checked"
    trouble: ClassVar[BaseException | None] = None

    async def check(self) -> None:
        if self.trouble:
            raise self.trouble

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class OwnError(BackendUnavailableError):
    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"install {program} from {package}")


async def wait_for_ever(backend: Backend) -> None:
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    points = packaged(tmp_path, checked=f"{__name__}:Checked")
    monkeypatch.setattr(bootstrap, "installed_entry_points", lambda: points)
    return points


def refusal(error: type[ArchiverError] = BackendUnavailableError, **values: object) -> str:
    """What a start with such settings says."""
    with pytest.raises(error) as caught:
        asyncio.run(create_services(Settings(**values)))  # type: ignore[arg-type]
    assert type(caught.value) is error
    return str(caught.value)


def test_a_backend_that_passes_its_check_is_offered() -> None:
    service = asyncio.run(create_services(Settings(formats=("checked",))))
    assert [backend.name for backend in service.backends] == ["stored-zip", "checked"]


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (BackendUnavailableError("install rar"), "install rar"),
        (BackendUnavailableError(), "it cannot work here and does not say why"),
        (OwnError("rar", "rarlab"), "install rar from rarlab"),
        (BackendError("rar ended with 1"), "its check failed: BackendError('rar ended with 1')"),
        (BackendLoadError("mine"), "its check failed: BackendLoadError('mine')"),
        (PermissionError(13, "No"), "its check failed: PermissionError(13, 'No')"),
        (TimeoutError("mine"), "its check failed: TimeoutError('mine')"),
        (ZeroDivisionError("a\nb"), "its check failed: ZeroDivisionError('a\\nb')"),
        (SystemExit(3), "its check failed: SystemExit(3)"),
    ],
)
def test_a_check_that_fails_is_told_with_its_package(
    monkeypatch: pytest.MonkeyPatch, trouble: BaseException, problem: str
) -> None:
    monkeypatch.setattr(Checked, "trouble", trouble)
    assert refusal(formats=("tar", "checked")) == f"formats: 'checked' ({DEFAULT}): {ORIGIN}: {problem}"
    assert refusal(backend="checked") == f"backend: 'checked' ({DEFAULT}): {ORIGIN}: {problem}"


def test_a_check_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checked, "check", wait_for_ever)
    monkeypatch.setattr(bootstrap, "_CHECK_TIMEOUT_S", 0.01)
    problem = "its check does not answer within 0.01 s"
    assert refusal(backend="checked") == f"backend: 'checked' ({DEFAULT}): {ORIGIN}: {problem}"


def test_a_backend_in_the_box_needs_no_package(
    installed: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checked, "trouble", BackendUnavailableError("install rar"))
    monkeypatch.setattr(bootstrap, "builtin", lambda: [EntryPoint("checked", f"{__name__}:Checked", GROUP)])
    installed.clear()
    assert refusal(backend="checked") == f"backend: 'checked' ({DEFAULT}): install rar"


def test_two_packages_with_one_name_stop_only_who_asks_for_it(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("checked", f"{__name__}:Other", GROUP))
    asyncio.run(create_services(Settings(formats=("tar",))))
    told = refusal(BackendLoadError, formats=("checked",))
    assert told.startswith(
        f"formats: 'checked' ({DEFAULT}): two backends are called 'checked': {ORIGIN} and "
    )
