"""The suite itself: a correct backend passes it whole, and each broken one fails at the test meant for it."""

import inspect
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backends.broken import contents, manners, promises
from tests.backends.plain import Plain, PlainArchive
from tests.backends.test_conformance import bsdtar
from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import BackendUnavailableError
from tornado_archiver.testing import BackendConformance, faults


class TestPlain(BackendConformance):
    def make_backend(self) -> Backend:
        return Plain(BackendOptions())

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


def backend_of(broken: type[Plain] | type[PlainArchive]) -> Backend:
    """The broken backend itself, or the correct one with archives that are broken."""
    if issubclass(broken, Plain):
        return broken(BackendOptions())
    made: type[Plain] = type(broken.__name__, (Plain,), {"archive": broken})
    return made(BackendOptions())


class SuiteOver(TestPlain):
    """The suite over a broken backend, to be called test by test."""

    __test__ = False

    def __init__(self, backend: type[Plain] | type[PlainArchive]) -> None:
        self._broken = backend

    def make_backend(self) -> Backend:
        return backend_of(self._broken)


PACKS = "test_packs_exactly_the_manifest"
OPENS = "test_opening_starts_nothing"
CHUNKS = "test_hands_out_chunks_of_a_good_size"
ETAGS = "test_other_bytes_have_another_etag"
CLOSED = "test_releases_resources_when_closed"
PULL_CANCELLED = "test_releases_resources_when_a_pull_is_cancelled"
COMPLETE = "test_releases_resources_when_complete"
CHANGED = "test_aborts_when_source_changes"
UNDER_WAY = "test_aborts_when_source_changes_under_way"
OF_NOTHING = "test_aborts_when_source_changes_of_nothing"
OF_NOTHING_UNDER_WAY = "test_aborts_when_source_changes_of_nothing_under_way"
RESUMED = "test_range_aborts_after_a_change"
RESUMED_OF_NOTHING = "test_range_aborts_after_a_change_of_nothing"
DATED = "test_says_when_it_was_modified"


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
    case(contents.LeavesAMemberOut, PACKS),
    case(contents.LeavesEmptyDirectoriesOut, PACKS),
    case(contents.ChangesAByte, PACKS),
    case(contents.KeepsABlockTooLong, PACKS),
    case(contents.ForgetsTimes, PACKS),
    case(contents.ForgetsModes, PACKS),
    case(contents.StumblesOverNames, "test_packs_hostile_names"),
    case(contents.StumblesOverTimes, "test_packs_times_that_few_formats_can_say", raises=struct.error),
    case(contents.EndsBeforeTheLastChunk, "test_sends_the_length_it_promised"),
    case(contents.SharesState, "test_packs_two_at_once"),
    case(promises.HandsOutOneHugeChunk, CHUNKS),
    case(promises.HandsOutEmptyChunks, CHUNKS),
    case(promises.HandsOutText, CHUNKS),
    case(promises.HandsOutViews, CHUNKS),
    case(promises.LiesAboutItsLength, "test_sends_the_length_it_promised"),
    case(promises.CutsRangesOneByteShort, "test_ranges_are_slices"),
    case(promises.IgnoresRanges, "test_ranges_are_slices"),
    case(promises.GivesOnlyOneRange, "test_gives_one_range_after_the_other"),
    case(promises.OneTagForDifferentPackings, "test_same_etag_means_same_bytes"),
    *(case(promises.OneTagForAll, ETAGS, change=change) for change in faults.MODIFICATIONS),
    case(promises.TagWithoutTimes, ETAGS, change=faults.MODIFICATIONS[0]),
    case(promises.TagWithoutTimes, ETAGS, change=faults.MODIFICATIONS[1]),
    case(promises.TagWithoutNames, ETAGS, change=faults.MODIFICATIONS[2]),
    case(promises.TagWithoutModes, ETAGS, change=faults.MODIFICATIONS[3]),
    case(promises.TagInWholeSeconds, ETAGS, change=faults.MODIFICATIONS[6]),
    case(promises.TagOfThisProcess, "test_same_etag_in_another_process"),
    case(promises.TagInQuotes, DATED),
    case(promises.SaysItIsOlder, DATED),
    case(promises.DatedByItsFiles, DATED),
    case(promises.AlwaysDated, "test_gives_no_date_that_nobody_can_know"),
    case(promises.BadName, "test_metadata"),
    case(promises.BadMediaType, "test_metadata"),
    case(promises.BadSuffix, "test_metadata"),
    case(promises.CannotWork, "test_check_passes", raises=BackendUnavailableError),
    case(manners.StartsAProgramInOpen, OPENS),
    case(manners.RunsAProgramInOpen, OPENS),
    case(manners.OpensFilesInOpen, OPENS),
    case(manners.ReadsEverythingInOpen, OPENS),
    case(manners.ReadsEverythingFirst, "test_backpressure"),
    case(manners.BlocksTheEventLoop, "test_lets_the_event_loop_run"),
    case(manners.ReadsInTheEventLoop, "test_reads_in_other_threads"),
    case(manners.LeaksADescriptor, CLOSED, pulls=1),
    case(manners.LeaksInRanges, "test_releases_resources_of_a_range", pulls=1),
    case(manners.LeaksAProgram, CLOSED, pulls=1),
    case(manners.LeaksAThread, CLOSED, pulls=1),
    case(manners.LeaksATask, CLOSED, pulls=3),
    case(manners.LeaksADescriptor, PULL_CANCELLED),
    case(manners.LeaksAProgram, PULL_CANCELLED),
    case(manners.LeavesAZombie, COMPLETE),
    case(manners.LeaksADescriptor, CHANGED, fault=faults.deleted),
    case(manners.EndsWellWhenCancelled, PULL_CANCELLED),
    *(
        case(contents.FollowsLinksSwappedIn, test, fault=fault)
        for test in (CHANGED, UNDER_WAY)
        for fault in (faults.replaced_by_link, faults.folder_replaced_by_link, faults.rewritten)
    ),
    case(contents.PadsAFileThatHasShrunk, CHANGED, fault=faults.shrunk),
    *(
        case(contents.EndsShortOnAChange, test, fault=fault)
        for test in (CHANGED, UNDER_WAY)
        for fault in faults.FAULTS
    ),
    *(
        case(contents.PassesOverEmptyFiles, test, fault=fault)
        for test in (OF_NOTHING, OF_NOTHING_UNDER_WAY, RESUMED_OF_NOTHING)
        for fault in (faults.deleted, faults.grown, faults.replaced_by_link)
    ),
    *(case(contents.DelaysTheError, test, fault=faults.deleted) for test in (CHANGED, UNDER_WAY, RESUMED)),
    case(contents.PadsInRanges, RESUMED, fault=faults.shrunk),
    *(case(contents.TellsTheSource, test, fault=faults.deleted) for test in (CHANGED, UNDER_WAY, RESUMED)),
    case(contents.SkipsAFileThatHasChanged, CHANGED, fault=faults.deleted),
    case(contents.SkipsAFileThatHasChanged, UNDER_WAY, fault=faults.grown),
    case(contents.RaisesAnErrorOfItsOwn, CHANGED, fault=faults.deleted, raises=ValueError),
]


@pytest.fixture(autouse=True)
def _put_away() -> Iterator[None]:
    """What the broken ones leave behind must not be blamed on the next test."""
    yield
    manners.LEFT_BEHIND.close()


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in CASES])
def test_broken_backend_is_caught(tmp_path: Path, case: Case) -> None:
    suite = SuiteOver(case.broken)
    test = getattr(suite, case.test)
    parameters = dict(case.parameters)
    if "tmp_path" in inspect.signature(test).parameters:
        parameters["tmp_path"] = tmp_path
    with pytest.raises(case.raises):
        test(**parameters)


def test_hanging_backend_is_caught(tmp_path: Path) -> None:
    suite = SuiteOver(manners.Hangs)
    suite.time_limit_s = 0.1
    with pytest.raises(AssertionError, match=r"it hangs: this took more than 0\.1 seconds"):
        suite.test_sends_the_length_it_promised(tmp_path)


def test_says_what_its_author_has_to_define(tmp_path: Path) -> None:
    class Forgetful(BackendConformance):
        def make_backend(self) -> Backend:
            return Plain(BackendOptions())

    with pytest.raises(NotImplementedError, match="define extract"):
        Forgetful().test_packs_exactly_the_manifest(tmp_path)
    with pytest.raises(NotImplementedError, match="define make_backend"):
        BackendConformance().test_check_passes()


def test_says_what_it_found_without_any_setting_of_pytest(tmp_path: Path) -> None:
    """Assertions tell no values unless pytest rewrites them: in tests, and in what it is told to."""
    (tmp_path / "test_mine.py").write_text(_OF_AN_AUTHOR)
    tried = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-k", "test_metadata"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    ran = subprocess.run(tried, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "where None = " in ran.stdout, ran.stdout + ran.stderr


_OF_AN_AUTHOR = """
from types import SimpleNamespace
from tornado_archiver.testing import BackendConformance

class TestMine(BackendConformance):
    def make_backend(self):
        return SimpleNamespace(name="Not A Good Name")
"""
