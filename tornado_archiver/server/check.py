"""`--check`: tests whether the service can start with a configuration, without starting it."""

import asyncio
import errno
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError, SettingsError
from tornado_archiver.links.keys import load_link_keys
from tornado_archiver.server.bootstrap import create_services
from tornado_archiver.server.healthcheck import get_health
from tornado_archiver.server.sockets import Address, admin_addresses, bind, public_addresses
from tornado_archiver.settings.options import Settings
from tornado_archiver.telemetry.photos import photos_problem_within

_READ_TIMEOUT_S = 5  # for a hanging mount
_HELD = "if a systemd .socket unit holds it, add --port 0 to --check"


class Finding(NamedTuple):
    """The result of one check, as one line of text."""

    text: str
    is_problem: bool = False


def check(settings: Settings) -> bool:
    """Print one line for each check: problems and warnings to stderr, the rest to stdout.

    Return whether there is no problem. A warning is not one.
    """
    findings = asyncio.run(_all_findings(settings))
    problems = dict.fromkeys(finding.text for finding in findings if finding.is_problem)
    for line in (*settings.warnings, *problems):
        sys.stderr.write(f"{program_name()}: {line}\n")
    sys.stdout.writelines(f"{finding.text}\n" for finding in findings if not finding.is_problem)
    if not problems:
        sys.stdout.write("configuration ok\n")
    return not problems


async def _all_findings(settings: Settings) -> list[Finding]:
    return [
        Finding("settings: ok"),
        *await _services(settings),
        await _photos_dir(settings),
        _link_keys(settings),
        *_addresses(settings),
    ]


async def _services(settings: Settings) -> list[Finding]:
    """Create what the start creates, backends above all. A start would stop at the first problem."""
    try:
        services = await create_services(settings)
    except ArchiverError as error:
        alone = [replace(settings, formats=())]
        alone += [replace(settings, backend=Settings().backend, formats=(name,)) for name in settings.formats]
        return [Finding(str(error), is_problem=True), *[each async for each in _problems(alone)]]
    return [Finding(f"backend: {backend.name}: ok") for backend in services.backends]


async def _problems(variants: Iterable[Settings]) -> AsyncIterator[Finding]:
    for settings in variants:
        try:
            await create_services(settings)
        except ArchiverError as error:
            yield Finding(str(error), is_problem=True)


async def _photos_dir(settings: Settings) -> Finding:
    """Check that the directory can be read; the service itself starts with a warning if it cannot."""
    problem = await photos_problem_within(settings, _READ_TIMEOUT_S)
    return Finding(problem or f"photos-dir: {str(settings.photos_dir)!r}: ok", is_problem=bool(problem))


def _link_keys(settings: Settings) -> Finding:
    try:
        keys = load_link_keys(settings)
    except SettingsError as error:
        return Finding(str(error), is_problem=True)
    return Finding(f"signed links: {'off' if keys is None else 'ok'}")


def _addresses(settings: Settings) -> Iterator[Finding]:
    with ExitStack() as stack:  # all are held until the end, so that two that exclude each other are found
        for address in (*public_addresses(settings), *admin_addresses(settings)):
            try:
                for sock in bind([address]):
                    stack.enter_context(sock)
            except SettingsError as error:
                yield _unavailable(address, error)
            else:
                yield Finding(f"address: {address}: ok")


def _unavailable(address: Address, error: SettingsError) -> Finding:
    """Return the finding about an address that cannot be bound: a running service may hold it."""
    if not (isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE):
        return Finding(str(error), is_problem=True)
    try:
        health = get_health(address.host, address.port)
    except ConnectionError as silence:
        return Finding(f"{error}; no service answers there ({silence}); {_HELD}", is_problem=True)
    if health.is_archiver:
        return Finding(f"address: {address}: ok, in use by a running tornado-archiver")
    return Finding(f"{error}; another program answers there with status {health.status}", is_problem=True)
