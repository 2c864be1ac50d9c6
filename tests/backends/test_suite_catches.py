"""The suite itself: a correct backend passes it whole, and each broken one fails at the test meant for it."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backends import broken_backends as broken
from tests.backends.broken_backends import Plain, PlainArchive
from tests.backends.test_conformance import bsdtar
from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import BackendUnavailableError
from tornado_archiver.testing import BackendConformance, faults


class TestPlain(BackendConformance):
    def make_backend(self) -> Backend:
        return broken.Plain(BackendOptions())

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


class SuiteOver(TestPlain):
    """The suite over a broken backend, to be called test by test."""

    __test__ = False

    def __init__(self, backend: type[Plain] | type[PlainArchive]) -> None:
        self._broken = backend

    def make_backend(self) -> Backend:
        return broken.backend_of(self._broken)


PACKS = "test_packs_exactly_the_manifest"
OPENS = "test_opening_starts_nothing"
CHUNKS = "test_hands_out_chunks_of_a_good_size"
ETAGS = "test_other_bytes_have_another_etag"
CLOSED = "test_leaves_nothing_behind_when_closed"
PULL_CANCELLED = "test_leaves_nothing_behind_when_a_pull_is_cancelled"
COMPLETE = "test_leaves_nothing_behind_when_complete"
CHANGED = "test_never_ends_well_after_a_change"
UNDER_WAY = "test_never_ends_well_after_a_change_under_way"


@dataclass(frozen=True)
class Case:
    """`raises`: how the suite's test fails, by default as tests do."""

    broken: type[Plain] | type[PlainArchive]
    test: str
    parameters: dict[str, object]
    raises: type[BaseException] | tuple[type[BaseException], ...]

    def __str__(self) -> str:
        values = [getattr(value, "__name__", str(value)).strip("_") for value in self.parameters.values()]
        return "-".join([self.broken.__name__, self.test.removeprefix("test_"), *values])


def case(
    broken: type[Plain] | type[PlainArchive],
    test: str,
    *,
    raises: type[BaseException] | tuple[type[BaseException], ...] = (AssertionError, pytest.fail.Exception),
    **parameters: object,
) -> Case:
    return Case(broken, test, parameters, raises)


CASES = [
    case(broken.LeavesAMemberOut, PACKS),
    case(broken.LeavesEmptyDirectoriesOut, PACKS),
    case(broken.ChangesAByte, PACKS),
    case(broken.KeepsABlockTooLong, PACKS),
    case(broken.ForgetsTimes, PACKS),
    case(broken.ForgetsModes, PACKS),
    case(broken.StumblesOverNames, "test_packs_hostile_names"),
    case(broken.EndsBeforeTheLastChunk, "test_sends_the_length_it_promised"),
    case(broken.SharesState, "test_packs_two_at_once"),
    case(broken.HandsOutOneHugeChunk, CHUNKS),
    case(broken.HandsOutEmptyChunks, CHUNKS),
    case(broken.HandsOutText, CHUNKS),
    case(broken.HandsOutViews, CHUNKS),
    case(broken.LiesAboutItsLength, "test_sends_the_length_it_promised"),
    case(broken.CutsRangesOneByteShort, "test_ranges_are_slices"),
    case(broken.IgnoresRanges, "test_ranges_are_slices"),
    case(broken.OneTagForDifferentPackings, "test_same_etag_means_same_bytes"),
    *(case(broken.OneTagForAll, ETAGS, change=change) for change in faults.HARMLESS),
    case(broken.TagWithoutTimes, ETAGS, change=faults.HARMLESS[0]),
    case(broken.TagWithoutTimes, ETAGS, change=faults.HARMLESS[1]),
    case(broken.TagWithoutNames, ETAGS, change=faults.HARMLESS[2]),
    case(broken.TagWithoutModes, ETAGS, change=faults.HARMLESS[3]),
    case(broken.TagInQuotes, "test_says_when_it_was_modified"),
    case(broken.SaysItIsOlder, "test_says_when_it_was_modified"),
    case(broken.BadName, "test_says_what_it_is"),
    case(broken.BadMediaType, "test_says_what_it_is"),
    case(broken.BadSuffix, "test_says_what_it_is"),
    case(broken.CannotWork, "test_can_work_here", raises=BackendUnavailableError),
    case(broken.StartsAProgramInOpen, OPENS),
    case(broken.RunsAProgramInOpen, OPENS),
    case(broken.OpensFilesInOpen, OPENS),
    case(broken.ReadsEverythingInOpen, OPENS),
    case(broken.ReadsEverythingFirst, "test_goes_at_the_readers_pace"),
    case(broken.BlocksTheEventLoop, "test_lets_the_event_loop_run"),
    case(broken.LeaksADescriptor, CLOSED, pulls=1),
    case(broken.LeaksAProgram, CLOSED, pulls=1),
    case(broken.LeaksAThread, CLOSED, pulls=1),
    case(broken.LeaksATask, CLOSED, pulls=3),
    case(broken.LeaksADescriptor, PULL_CANCELLED),
    case(broken.LeaksAProgram, PULL_CANCELLED),
    case(broken.LeavesAZombie, COMPLETE),
    case(broken.LeaksADescriptor, CHANGED, fault=faults.deleted),
    case(broken.EndsWellWhenCancelled, PULL_CANCELLED),
    *(
        case(broken.FollowsLinksSwappedIn, test, fault=fault)
        for test in (CHANGED, UNDER_WAY)
        for fault in (faults.replaced_by_link, faults.folder_replaced_by_link, faults.rewritten)
    ),
    case(broken.PadsAFileThatHasShrunk, CHANGED, fault=faults.shrunk),
    *(
        case(broken.EndsShortOnAChange, test, fault=fault)
        for test in (CHANGED, UNDER_WAY)
        for fault in faults.FAULTS
    ),
    case(broken.SkipsAFileThatHasChanged, CHANGED, fault=faults.deleted),
    case(broken.SkipsAFileThatHasChanged, UNDER_WAY, fault=faults.grown),
    case(broken.RaisesAnErrorOfItsOwn, CHANGED, fault=faults.deleted, raises=ValueError),
]


@pytest.fixture(autouse=True)
def _put_away() -> Iterator[None]:
    """What the broken ones leave behind must not be blamed on the next test."""
    yield
    broken.LEFT_BEHIND.close()


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in CASES])
def test_a_broken_backend_is_caught(tmp_path: Path, case: Case) -> None:
    suite = SuiteOver(case.broken)
    test = getattr(suite, case.test)
    parameters = dict(case.parameters)
    if "tmp_path" in inspect.signature(test).parameters:
        parameters["tmp_path"] = tmp_path
    with pytest.raises(case.raises):
        test(**parameters)
