"""Command line of the benchmarks: `python -m benchmarks`.

A complete run takes half an hour, 5 GB of disk and 20 GB of memory, because all contents stay in the page
cache. It writes RESULTS.md and results.svg next to this file. A partial run only prints the report, unless
--output is set.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.client import BrokenDownloadError
from benchmarks.compare import compare
from benchmarks.data import (
    MIB,
    WARM_UP,
    directories,
    hundred_gib,
    make_source_text,
    slow_albums,
    stalled_albums,
)
from benchmarks.implementations import HERE, Implementation, builtin_backends, implementations
from benchmarks.load import measure_load
from benchmarks.overhead import measure_overheads
from benchmarks.plot import svg
from benchmarks.report import Results, markdown
from benchmarks.servers import NotStartedError
from benchmarks.stalled import measure_stalled
from benchmarks.time_to_first_byte import measure_times_to_first_byte
from benchmarks.verify import missing_programs
from benchmarks.workdir import Workdir, print_progress

_QUICK_SCALE = 0.01
_TEXT_BYTES = 64 * MIB


def main() -> int:
    options = _options()
    if missing := missing_programs():
        sys.exit(f"missing programs: {', '.join(missing)}; install them")
    results = Results(options.rounds, os.getloadavg()[0])
    with tempfile.TemporaryDirectory(prefix="tornado-archiver-bench-", dir=options.work) as root:
        workdir = Workdir.create(Path(root))
        workdir.add(WARM_UP, zipped=False)
        for part in options.parts:
            print_progress(f"{part}:")
            _PARTS[part](workdir, options, results)
    report = markdown(results)
    print(report, end="")
    if options.output:
        (options.output / "RESULTS.md").write_text(report)
        (options.output / "results.svg").write_text(svg(results.rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny directories and one round")
    parser.add_argument("--scale", type=float, default=1, help="scale of the directories (default: 1)")
    parser.add_argument("--film", type=float, default=1, help="additional factor for the film (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="downloads of each archive (default: 5)")
    parser.add_argument("--only", type=_comma_list, help="implementations to measure: stored-zip,nginx")
    parser.add_argument(
        "--parts", type=_comma_list, default=list(_PARTS), help=f"parts to run: {','.join(_PARTS)}"
    )
    parser.add_argument(
        "--stalled", type=int, default=1000, metavar="N", help="simultaneous stalled downloads"
    )
    parser.add_argument("--slow", type=int, default=1000, metavar="N", help="simultaneous slow downloads")
    parser.add_argument("--work", type=Path, help="parent of the temporary directory")
    parser.add_argument("--output", type=Path, help="directory for RESULTS.md and results.svg")
    options = parser.parse_args()
    if unknown := set(options.parts).difference(_PARTS):
        parser.error(f"unknown part: {', '.join(unknown)}")
    if options.quick:
        options.scale, options.rounds, options.stalled, options.slow = _QUICK_SCALE, 1, 20, 20
    if options.scale == options.film == 1 and options.parts == list(_PARTS) and not options.only:
        options.output = options.output or HERE
    return options


def _comma_list(text: str) -> list[str]:
    return text.split(",")


def _selected_implementations(options: argparse.Namespace) -> list[Implementation]:
    """Return the implementations whose name up to the first comma is in --only."""
    return [
        implementation
        for implementation in implementations()
        if not options.only or implementation.name.partition(",")[0] in options.only
    ]


def _selected_backends(options: argparse.Namespace) -> list[str]:
    return [name for name in builtin_backends() if not options.only or name in options.only]


def _downloads(workdir: Workdir, options: argparse.Namespace, results: Results) -> None:
    results.rows += compare(
        workdir, directories(options.scale, options.film), _selected_implementations(options), options.rounds
    )


def _overhead(workdir: Workdir, options: argparse.Namespace, results: Results) -> None:
    photos = directories(options.scale)[0].make(workdir.photos)
    text = make_source_text(workdir.photos, round(_TEXT_BYTES * options.scale))
    try:
        results.overheads += measure_overheads(photos, text, options.rounds)
    except OSError as error:
        results.problems.append(f"overhead: {error}")


def _range(workdir: Workdir, options: argparse.Namespace, results: Results) -> None:
    results.times_to_first_byte += measure_times_to_first_byte(
        workdir, hundred_gib(options.scale), _selected_backends(options), options.rounds
    )


def _stalled(workdir: Workdir, options: argparse.Namespace, results: Results) -> None:
    for album in stalled_albums(options.scale):
        album.make(workdir.photos)
        for backend in _selected_backends(options):
            # because each zip download is a process
            count = options.stalled // 10 if backend == "zip" else options.stalled
            try:
                results.stalled.append(measure_stalled(workdir, album, backend, count))
            except (BrokenDownloadError, NotStartedError, OSError) as error:
                results.problems.append(f"stalled downloads, {backend}, {album.title}: {error}")


def _load(workdir: Workdir, options: argparse.Namespace, results: Results) -> None:
    photos = directories(options.scale)[0]
    photos.make(workdir.photos)
    for album in slow_albums(options.scale):
        album.make(workdir.photos)
        for backend in _selected_backends(options):
            if backend == "zip":  # because each download is a process, and the bytes are not reproducible
                continue
            try:
                results.loads.append(measure_load(workdir, album, photos, backend, options.slow))
            except (BrokenDownloadError, NotStartedError, OSError) as error:
                results.problems.append(f"load, {backend}, {album.title}: {error}")


_PARTS = {
    "downloads": _downloads,
    "overhead": _overhead,
    "range": _range,
    "stalled": _stalled,
    "load": _load,
}

if __name__ == "__main__":
    sys.exit(main())
