"""All faults, in the groups of docs/failure-modes.md."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import clients, injectors, server_fixture
from tests.faults.injectors import Injector, Run, before, during, on_disk
from tests.faults.server_fixture import BACKENDS, FillAlbum, ServerOptions
from tornado_archiver.testing import faults


@dataclass(frozen=True, slots=True)
class Fault:
    """`run` downloads an archive with the fault and returns the client's result. The backends in `leaks` can
    send data from outside the directory if the kernel does not sandbox their program."""

    name: str
    run: Run
    leaks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Faults with the same albums (created by `fill`) and the same server options."""

    title: str
    faults: Sequence[Fault]
    options: Callable[[Path], ServerOptions]
    fill: FillAlbum
    backends: Sequence[str] = BACKENDS


_SOURCE = {
    "deleted": faults.deleted,
    "truncated": faults.shrunk,
    "grown": faults.grown,
    "overwritten, same size": injectors.overwritten,
    "overwritten, same size, mtime restored": injectors.overwritten_with_mtime_restored,
    "replaced, same size and mtime": injectors.replaced,
    "made unreadable": injectors.made_unreadable,
    "replaced by a symlink to outside": faults.replaced_by_link,
    "replaced by a directory": faults.replaced_by_directory,
    "replaced by a FIFO": faults.replaced_by_pipe,
    "parent directory replaced by a symlink to outside": faults.folder_replaced_by_link,
    "parent directory removed": faults.directory_removed,
    "source directory removed": injectors.removed,
    "source directory replaced by a symlink to outside": injectors.replaced_by_symlink,
    "file added next to it": injectors.added,
}


# docs/decisions/010-landlock-for-the-zip-program.md
_LEAKS = {"parent directory replaced by a symlink to outside": ["zip"]}


def _source(when: Callable[[Injector], Run], leaks: Mapping[str, Sequence[str]]) -> list[Fault]:
    return [Fault(name, when(on_disk(fault)), leaks.get(name, ())) for name, fault in _SOURCE.items()]


GROUPS = (
    Group(
        "Files changed before the request",
        _source(before, {}),
        server_fixture.unprivileged,
        server_fixture.small,
    ),
    Group(
        "Unreadable file with `--on-unreadable report`",
        [Fault("made unreadable", before(on_disk(injectors.made_unreadable)))],
        server_fixture.with_report,
        server_fixture.small,
    ),
    Group(
        "File changed before it is packed",
        _source(during, _LEAKS),
        server_fixture.unprivileged,
        server_fixture.many_files_first,
    ),
    Group(
        "File changed while it is packed",
        _source(during, {}),
        server_fixture.unprivileged,
        server_fixture.one_large,
    ),
    Group(
        "Zip program",
        [
            Fault("killed (SIGKILL)", during(injectors.program_killed)),
            Fault("suspended and resumed (SIGSTOP, SIGCONT)", injectors.program_suspended),
            Fault(
                "exits with an error in the middle",
                injectors.replaced_by_script('$ZIP "$@" | head -c 500000; exit 12'),
            ),
            Fault("exits with an error at the end", injectors.replaced_by_script('$ZIP "$@"; exit 12')),
            Fault(
                "exits with status 0 in the middle",
                injectors.replaced_by_script('$ZIP "$@" | head -c 500000; exit 0'),
            ),
            Fault(
                "prints 10 MB on stderr",
                injectors.replaced_by_script('yes | head -c 10000000 >&2; exec $ZIP "$@"'),
            ),
        ],
        server_fixture.with_scripted_zip,
        server_fixture.many_files_first,
        ["zip"],
    ),
    Group(
        "Disk errors (EIO)",
        [
            Fault("read error at the start of a file", before(injectors.read_error_from(0))),
            Fault(
                "read error in the middle of a file", before(injectors.read_error_from(server_fixture.MIB))
            ),
        ],
        server_fixture.with_failing_reads,
        server_fixture.small,
    ),
    Group(
        "File descriptors exhausted",
        [
            Fault("no descriptor for a new connection", injectors.no_descriptor_for_connection),
            Fault("no descriptor before the download", injectors.no_descriptor_before_download),
            Fault("no descriptor during the download", injectors.no_descriptor_during_download),
        ],
        server_fixture.default,
        server_fixture.many_files_first,
    ),
    Group(
        "Client behaviour",
        [
            Fault("disconnects", clients.disconnects),
            Fault("half-closes the connection", clients.half_closes),
            Fault("stops reading", clients.stops_reading),
            Fault("reads slowly", clients.reads_slowly),
        ],
        server_fixture.with_short_stall_timeout,
        server_fixture.many_files_first,
    ),
    Group(
        "Worker crash",
        [Fault("worker killed (SIGKILL)", during(injectors.worker_killed))],
        server_fixture.default,
        server_fixture.many_files_first,
    ),
)
