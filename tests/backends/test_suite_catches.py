"""The conformance suite: a correct backend passes, and each broken one fails the test for its error."""

import inspect
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backends.broken import content, facts, lifecycle, memory
from tests.backends.plain import Plain, PlainArchive
from tests.backends.test_conformance import bsdtar
from tornado_archiver.backend import Backend, BackendOptions
from tornado_archiver.errors import BackendLoadError, BackendUnavailableError
from tornado_archiver.testing import BackendConformance, faults


class TestPlain(BackendConformance):
    def make_backend(self) -> Backend:
        return Plain(BackendOptions())

    def extract(self, archive: Path, into: Path) -> None:
        bsdtar(archive, into)


def backend_of(broken: type[Plain] | type[PlainArchive]) -> Backend:
    """Return the broken backend itself, or the correct one with broken archives."""
    if issubclass(broken, Plain):
        return broken(BackendOptions())
    backend: type[Plain] = type(broken.__name__, (Plain,), {"archive": broken})
    return backend(BackendOptions())


class SuiteOf(TestPlain):
    """The suite of a broken backend; the tests are called directly."""

    __test__ = False

    def __init__(self, backend: type[Plain] | type[PlainArchive]) -> None:
        self._broken = backend

    def make_backend(self) -> Backend:
        return backend_of(self._broken)


MEMBERS = "test_members_match_manifest"
OPEN = "test_open_reads_and_starts_nothing"
CHUNKS = "test_chunk_types_and_sizes"
ETAGS = "test_different_bytes_have_different_etags"
CLOSED = "test_releases_resources_when_closed"
NEXT_CANCELLED = "test_releases_resources_when_next_chunk_is_cancelled"
COMPLETE = "test_releases_resources_when_complete"
CHANGED = "test_aborts_when_source_changes"
DURING_PACKING = "test_aborts_when_source_changes_during_packing"
EMPTY = "test_aborts_when_empty_file_changes"
EMPTY_DURING_PACKING = "test_aborts_when_empty_file_changes_during_packing"
RANGE = "test_range_aborts_when_source_changes"
RANGE_OF_EMPTY = "test_range_aborts_when_empty_file_changes"
MEMORY = "test_memory_is_independent_of_file_size"
DATED = "test_last_modified_is_not_before_last_change"


@dataclass(frozen=True)
class Case:
    """`test` of the suite fails for the backend `broken`, by raising `raises`."""

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
    case(content.LeavesAMemberOut, MEMBERS),
    case(content.LeavesEmptyDirectoriesOut, MEMBERS),
    case(content.ChangesAByte, MEMBERS),
    case(content.KeepsABlockTooLong, MEMBERS),
    case(content.ForgetsTimes, MEMBERS),
    case(content.ForgetsModes, MEMBERS),
    case(content.FailsOnNames, "test_hostile_names"),
    case(content.FailsOnTimes, "test_times_outside_the_range_of_formats", raises=struct.error),
    case(content.EndsBeforeTheLastChunk, "test_length_is_that_of_the_bytes"),
    case(content.SharesState, "test_two_archives_at_once"),
    case(facts.HandsOutOneHugeChunk, CHUNKS),
    case(facts.HandsOutEmptyChunks, CHUNKS),
    case(facts.HandsOutText, CHUNKS),
    case(facts.HandsOutViews, CHUNKS),
    case(facts.WithWrongLength, "test_length_is_that_of_the_bytes"),
    case(facts.CutsRangesOneByteShort, "test_range_is_slice_of_whole"),
    case(facts.IgnoresRanges, "test_range_is_slice_of_whole"),
    case(facts.GivesOnlyOneRange, "test_several_ranges_of_one_archive"),
    case(facts.OneTagForDifferentPackings, "test_same_etag_means_same_bytes"),
    *(case(facts.OneTagForAll, ETAGS, change=change) for change in faults.MODIFICATIONS),
    case(facts.TagWithoutTimes, ETAGS, change=faults.MODIFICATIONS[0]),
    case(facts.TagWithoutTimes, ETAGS, change=faults.MODIFICATIONS[1]),
    case(facts.TagWithoutNames, ETAGS, change=faults.MODIFICATIONS[2]),
    case(facts.TagWithoutModes, ETAGS, change=faults.MODIFICATIONS[3]),
    case(facts.TagInWholeSeconds, ETAGS, change=faults.MODIFICATIONS[6]),
    case(facts.TagOfThisProcess, "test_etag_is_the_same_in_another_process"),
    case(facts.TagInQuotes, DATED),
    case(facts.WithTooOldDate, DATED),
    case(facts.DatedByItsFiles, DATED),
    case(facts.AlwaysDated, "test_last_modified_of_undated_manifest_is_none"),
    case(facts.BadName, "test_metadata"),
    case(facts.BadMediaType, "test_metadata"),
    case(facts.BadSuffix, "test_metadata"),
    case(facts.ForAnotherInterface, "test_interface_version_is_that_of_the_service"),
    case(facts.WithAVariableOfTheService, "test_options_can_be_loaded", raises=BackendLoadError),
    case(facts.WithOtherOptions, "test_options_can_be_loaded"),
    case(facts.CannotWork, "test_check_passes", raises=BackendUnavailableError),
    case(lifecycle.StartsAProgramInOpen, OPEN),
    case(lifecycle.RunsAProgramInOpen, OPEN),
    case(lifecycle.OpensFilesInOpen, OPEN),
    case(lifecycle.ReadsEverythingInOpen, OPEN),
    case(lifecycle.ReadsEverythingFirst, "test_backpressure"),
    case(memory.BuffersWithoutALimit, "test_backpressure"),
    case(memory.ReadsWholeFiles, MEMORY),
    case(memory.ReadsTheWholeFileForEachChunk, MEMORY),
    case(memory.ReadsWholeFilesInRanges, MEMORY),
    case(memory.CollectsTheArchive, MEMORY),
    case(memory.KeepsAllChunks, MEMORY),
    case(memory.KeepsAllChunks, "test_sent_chunks_are_released"),
    case(memory.BuffersWithoutALimit, MEMORY),
    case(memory.BuffersMappedFiles, MEMORY),
    case(memory.ReadsWholeFilesInAProgram, MEMORY),
    case(lifecycle.BlocksTheEventLoop, "test_event_loop_is_not_blocked"),
    case(lifecycle.ReadsInTheEventLoop, "test_reads_in_worker_threads"),
    case(lifecycle.LeaksADescriptor, CLOSED, chunk_count=1),
    case(lifecycle.LeaksInRanges, "test_releases_resources_of_range", chunk_count=1),
    case(lifecycle.LeaksAProgram, CLOSED, chunk_count=1),
    case(lifecycle.LeaksAThread, CLOSED, chunk_count=1),
    case(lifecycle.LeaksATask, CLOSED, chunk_count=3),
    case(lifecycle.LeaksADescriptor, NEXT_CANCELLED),
    case(lifecycle.LeaksAProgram, NEXT_CANCELLED),
    case(lifecycle.LeavesAZombie, COMPLETE),
    case(lifecycle.LeaksADescriptor, CHANGED, fault=faults.deleted),
    case(lifecycle.EndsWellWhenCancelled, NEXT_CANCELLED),
    *(
        case(content.FollowsLinksSwappedIn, test, fault=fault)
        for test in (CHANGED, DURING_PACKING)
        for fault in (faults.replaced_by_link, faults.folder_replaced_by_link, faults.rewritten)
    ),
    case(content.PadsAFileThatHasShrunk, CHANGED, fault=faults.shrunk),
    *(
        case(content.EndsShortOnAChange, test, fault=fault)
        for test in (CHANGED, DURING_PACKING)
        for fault in faults.FAULTS
    ),
    *(
        case(content.PassesOverEmptyFiles, test, fault=fault)
        for test in (EMPTY, EMPTY_DURING_PACKING, RANGE_OF_EMPTY)
        for fault in (faults.deleted, faults.grown, faults.replaced_by_link)
    ),
    *(case(content.DelaysTheError, test, fault=faults.deleted) for test in (CHANGED, DURING_PACKING, RANGE)),
    case(content.PadsInRanges, RANGE, fault=faults.shrunk),
    *(case(content.NamesTheSource, test, fault=faults.deleted) for test in (CHANGED, DURING_PACKING, RANGE)),
    case(content.SkipsAFileThatHasChanged, CHANGED, fault=faults.deleted),
    case(content.SkipsAFileThatHasChanged, DURING_PACKING, fault=faults.grown),
    case(content.RaisesAnotherError, CHANGED, fault=faults.deleted, raises=ValueError),
]


@pytest.fixture(autouse=True)
def _close_leaked() -> Iterator[None]:
    """Close the leaked resources, because the next test would count them."""
    yield
    lifecycle.LEAKED.close()


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in CASES])
def test_broken_backend_is_caught(tmp_path: Path, case: Case) -> None:
    suite = SuiteOf(case.broken)
    test = getattr(suite, case.test)
    parameters = dict(case.parameters)
    if "tmp_path" in inspect.signature(test).parameters:
        parameters["tmp_path"] = tmp_path
    with pytest.raises(case.raises) as caught:
        test(**parameters)
    assert "Timeout" not in str(caught.value), "the time limit of pytest ended it, not the suite"


def test_hanging_backend_is_caught(tmp_path: Path) -> None:
    suite = SuiteOf(lifecycle.Hangs)
    suite.time_limit_s = 0.1
    with pytest.raises(AssertionError, match=r"it hangs: this took more than 0\.1 seconds"):
        suite.test_length_is_that_of_the_bytes(tmp_path)


def test_missing_method_raises_error_with_its_name(tmp_path: Path) -> None:
    class WithoutExtract(BackendConformance):
        def make_backend(self) -> Backend:
            return Plain(BackendOptions())

    with pytest.raises(NotImplementedError, match="define extract"):
        WithoutExtract().test_members_match_manifest(tmp_path)
    with pytest.raises(NotImplementedError, match="define make_backend"):
        BackendConformance().test_check_passes()


def test_failed_assertion_shows_values_without_pytest_setting(tmp_path: Path) -> None:
    """pytest rewrites assertions only in test modules and in registered modules."""
    (tmp_path / "test_mine.py").write_text(_TEST_MODULE)
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-k", "test_metadata"]
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    process = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "where None = " in process.stdout, process.stdout + process.stderr


_TEST_MODULE = """
from types import SimpleNamespace
from tornado_archiver.testing import BackendConformance

class TestMine(BackendConformance):
    def make_backend(self):
        return SimpleNamespace(name="Not A Good Name")
"""
