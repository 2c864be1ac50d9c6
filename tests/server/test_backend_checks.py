"""Backend checks at the start: unavailable backends, failing and hanging checks, duplicate names."""

import asyncio
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from tests.helpers.plugin_packages import packaged
from tornado_archiver.backend import Archive, Backend
from tornado_archiver.errors import ArchiverError, BackendError, BackendLoadError, BackendUnavailableError
from tornado_archiver.registry import GROUP
from tornado_archiver.server import backends
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.settings.options import DEFAULT, Settings
from tornado_archiver.source import Manifest

ORIGIN = f"{__name__}:Checked of package archiver-broken"


class Checked(Backend):
    name = "checked"
    media_type = "application/x-checked"
    extension = ".checked"
    interface_version = 1
    check_error: ClassVar[BaseException | None] = None

    async def check(self) -> None:
        if self.check_error:
            raise self.check_error

    async def open(self, manifest: Manifest) -> Archive:
        raise NotImplementedError


class OwnError(BackendUnavailableError):
    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"install {program} from {package}")


async def never_return(backend: Backend) -> None:
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    points = packaged(tmp_path, checked=f"{__name__}:Checked")
    monkeypatch.setattr(backends, "installed_entry_points", lambda: points)
    return points


def startup_error(error: type[ArchiverError] = BackendUnavailableError, **values: object) -> str:
    """Return the error message of a start with these settings."""
    with pytest.raises(error) as caught:
        asyncio.run(create_services(Settings(**values)))  # type: ignore[arg-type]
    assert type(caught.value) is error
    return str(caught.value)


def test_backend_that_passes_its_check_is_offered() -> None:
    service = asyncio.run(create_services(Settings(formats=("checked",))))
    assert [backend.name for backend in service.backends] == ["stored-zip", "checked"]


@pytest.mark.parametrize(
    ("check_error", "problem"),
    [
        (BackendUnavailableError("install rar"), "install rar"),
        (BackendUnavailableError(), "the backend is unavailable and gives no reason"),
        (OwnError("rar", "rarlab"), "install rar from rarlab"),
        (BackendError("rar exited with 1"), "the check failed: BackendError('rar exited with 1')"),
        (BackendLoadError("mine"), "the check failed: BackendLoadError('mine')"),
        (PermissionError(13, "No"), "the check failed: PermissionError(13, 'No')"),
        (TimeoutError("mine"), "the check failed: TimeoutError('mine')"),
        (ZeroDivisionError("a\nb"), "the check failed: ZeroDivisionError('a\\nb')"),
        (SystemExit(3), "the check failed: SystemExit(3)"),
    ],
)
def test_failed_check_stops_start_and_names_package(
    monkeypatch: pytest.MonkeyPatch, check_error: BaseException, problem: str
) -> None:
    monkeypatch.setattr(Checked, "check_error", check_error)
    assert startup_error(formats=("tar", "checked")) == f"formats: 'checked' ({DEFAULT}): {ORIGIN}: {problem}"
    assert startup_error(backend="checked") == f"backend: 'checked' ({DEFAULT}): {ORIGIN}: {problem}"


def test_hanging_check_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checked, "check", never_return)
    monkeypatch.setattr(backends, "_CHECK_TIMEOUT_S", 0.01)
    problem = "the check did not end within 0.01 s"
    assert startup_error(backend="checked") == f"backend: 'checked' ({DEFAULT}): {ORIGIN}: {problem}"


def test_error_of_built_in_backend_names_no_package(
    installed: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checked, "check_error", BackendUnavailableError("install rar"))
    monkeypatch.setattr(backends, "builtin", lambda: [EntryPoint("checked", f"{__name__}:Checked", GROUP)])
    installed.clear()
    assert startup_error(backend="checked") == f"backend: 'checked' ({DEFAULT}): install rar"


def test_duplicate_backend_name_stops_start_only_if_configured(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("checked", f"{__name__}:Other", GROUP))
    asyncio.run(create_services(Settings(formats=("tar",))))
    message = startup_error(BackendLoadError, formats=("checked",))
    assert message.startswith(
        f"formats: 'checked' ({DEFAULT}): two backends are called 'checked': {ORIGIN} and "
    )
