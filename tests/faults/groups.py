"""All faults, in the groups that docs/faults.md has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import causes, stage, visits
from tests.faults.causes import Visit, before, during, on_disk
from tests.faults.stage import BACKENDS, Filling, Kind
from tornado_archiver.testing import faults


@dataclass(frozen=True, slots=True)
class Fault:
    """`visit` lets it happen to a visitor, and tells what he gets. With the backends in `leaks`, bytes from
    outside of the directory may have gone out where the kernel does not confine the program."""

    name: str
    visit: Visit
    leaks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Faults that meet an album filled by `fill`, on a server of one kind."""

    title: str
    faults: Sequence[Fault]
    kind: Callable[[Path], Kind]
    fill: Filling
    backends: Sequence[str] = BACKENDS


_SOURCE = {
    "deleted": faults.deleted,
    "truncated": faults.shrunk,
    "grown": faults.grown,
    "written anew, same size": causes.rewritten,
    "written anew, same size, its time set back": causes.rewritten_and_set_back,
    "replaced by one of the same size and time": causes.replaced,
    "made unreadable": causes.made_unreadable,
    "replaced by a link to outside": faults.replaced_by_link,
    "replaced by a directory": faults.replaced_by_directory,
    "replaced by a pipe": faults.replaced_by_pipe,
    "its folder replaced by a link to outside": faults.folder_replaced_by_link,
    "its folder removed": faults.directory_removed,
    "the whole directory removed": causes.removed,
    "the whole directory replaced by a link to outside": causes.swapped_for_link,
    "another file put beside it": causes.added,
}


# docs/decisions/010-the-zip-program-is-confined.md
_LEAKS = {"its folder replaced by a link to outside": ["zip"]}


def _source(when: Callable[[causes.Cause], Visit], leaks: Mapping[str, Sequence[str]]) -> list[Fault]:
    return [Fault(name, when(on_disk(fault)), leaks.get(name, ())) for name, fault in _SOURCE.items()]


GROUPS = (
    Group("A file, before the request", _source(before, {}), stage.without_rights, stage.small),
    Group(
        "A file that cannot be read, with `--on-unreadable report`",
        [Fault("made unreadable", before(on_disk(causes.made_unreadable)))],
        stage.reporting,
        stage.small,
    ),
    Group(
        "A file that is still to be packed, during the download",
        _source(during, _LEAKS),
        stage.without_rights,
        stage.much_before,
    ),
    Group(
        "The file that is being packed, during the download",
        _source(during, {}),
        stage.without_rights,
        stage.one_large,
    ),
    Group(
        "The zip program",
        [
            Fault("killed", during(causes.program_killed)),
            Fault("stopped for a while (SIGSTOP)", causes.program_stopped),
            Fault("fails in the middle", causes.acting('$ZIP "$@" | head -c 500000; exit 12')),
            Fault("fails at the end", causes.acting('$ZIP "$@"; exit 12')),
            Fault(
                "ends in the middle as if all were well", causes.acting('$ZIP "$@" | head -c 500000; exit 0')
            ),
            Fault("prints 10 MB on stderr", causes.acting('yes | head -c 10000000 >&2; exec $ZIP "$@"')),
        ],
        stage.acting,
        stage.much_before,
        ["zip"],
    ),
    Group(
        "The disk (EIO)",
        [
            Fault("nothing of a file can be read", before(causes.cannot_be_read_from(0))),
            Fault("a file can be read up to its middle", before(causes.cannot_be_read_from(stage.MIB))),
        ],
        stage.on_a_bad_disk,
        stage.small,
    ),
    Group(
        "Descriptors",
        [
            Fault("none is left for a new connection", causes.no_descriptor_to_come_in),
            Fault("none is left before the download", causes.no_descriptor_to_begin),
            Fault("none is left during the download", causes.no_descriptor_to_go_on),
        ],
        stage.usual,
        stage.much_before,
    ),
    Group(
        "The visitor",
        [
            Fault("leaves", visits.leaves),
            Fault("closes his half of the connection", visits.closes_his_half),
            Fault("takes nothing any more", visits.takes_nothing),
            Fault("takes a little now and then", visits.takes_a_little),
        ],
        stage.impatient,
        stage.much_before,
    ),
    Group(
        "The service",
        [Fault("the worker is killed (SIGKILL)", during(causes.worker_killed))],
        stage.usual,
        stage.much_before,
    ),
)
