"""`python -m benchmarks`: everything, in one run on one machine.

A whole run takes half an hour, 5 GB of disk and, as all of it is to stay in the page cache, 20 GB of
memory. It writes RESULTS.md and results.svg beside this file. One that leaves anything out only prints,
unless it is told where to write.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.check import missing_programs
from benchmarks.client import BrokenDownloadError
from benchmarks.compare import compare
from benchmarks.contenders import HERE, Contender, contenders, own_names
from benchmarks.data import (
    MIB,
    WARM_UP,
    directories,
    hundred_gib,
    make_source_text,
    slow_albums,
    stalled_albums,
)
from benchmarks.first_byte import first_bytes
from benchmarks.load import load
from benchmarks.overhead import overheads
from benchmarks.plot import svg
from benchmarks.report import Results, markdown
from benchmarks.servers import NotStartedError
from benchmarks.stalled import stalled
from benchmarks.workplace import Workplace, tell

_QUICK_SCALE = 0.01
_TEXT_BYTES = 64 * MIB


def main() -> int:
    options = _options()
    if missing := missing_programs():
        sys.exit(f"to check the archives, install: {', '.join(missing)}")
    results = Results(options.rounds, os.getloadavg()[0])
    with tempfile.TemporaryDirectory(prefix="tornado-archiver-bench-", dir=options.work) as root:
        place = Workplace.within(Path(root))
        place.add(WARM_UP, zipped=False)
        for part in options.parts:
            tell(f"{part}:")
            _PARTS[part](place, options, results)
    report = markdown(results)
    print(report, end="")
    if options.output:
        (options.output / "RESULTS.md").write_text(report)
        (options.output / "results.svg").write_text(svg(results.rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny directories and one round")
    parser.add_argument("--scale", type=float, default=1, help="size of the directories (default: 1)")
    parser.add_argument("--film", type=float, default=1, help="size of the film besides (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="downloads of each (default: 5)")
    parser.add_argument("--only", type=_words, help="these contenders: stored-zip,nginx")
    parser.add_argument("--parts", type=_words, default=list(_PARTS), help=f"of {','.join(_PARTS)}")
    parser.add_argument("--stalled", type=int, default=1000, metavar="N", help="downloads that nobody reads")
    parser.add_argument("--slow", type=int, default=1000, metavar="N", help="slow downloads at once")
    parser.add_argument("--work", type=Path, help="where the temporary directories are made")
    parser.add_argument("--output", type=Path, help="where RESULTS.md and results.svg are written")
    options = parser.parse_args()
    if unknown := set(options.parts).difference(_PARTS):
        parser.error(f"there is no part {', '.join(unknown)}")
    if options.quick:
        options.scale, options.rounds, options.stalled, options.slow = _QUICK_SCALE, 1, 20, 20
    if options.scale == options.film == 1 and options.parts == list(_PARTS) and not options.only:
        options.output = options.output or HERE
    return options


def _words(text: str) -> list[str]:
    return text.split(",")


def _chosen(options: argparse.Namespace) -> list[Contender]:
    """A contender is asked for by what stands before the comma in its name."""
    return [
        contender
        for contender in contenders()
        if not options.only or contender.name.partition(",")[0] in options.only
    ]


def _chosen_backends(options: argparse.Namespace) -> list[str]:
    return [name for name in own_names() if not options.only or name in options.only]


def _downloads(place: Workplace, options: argparse.Namespace, results: Results) -> None:
    results.rows += compare(place, directories(options.scale, options.film), _chosen(options), options.rounds)


def _overhead(place: Workplace, options: argparse.Namespace, results: Results) -> None:
    photos = directories(options.scale)[0].make(place.photos)
    text = make_source_text(place.photos, round(_TEXT_BYTES * options.scale))
    try:
        results.overheads += overheads(photos, text, options.rounds)
    except OSError as error:
        results.problems.append(f"overhead: {error}")


def _range(place: Workplace, options: argparse.Namespace, results: Results) -> None:
    hundred = hundred_gib(options.scale)
    results.first_bytes += first_bytes(place, hundred, _chosen_backends(options), options.rounds)


def _stalled(place: Workplace, options: argparse.Namespace, results: Results) -> None:
    for album in stalled_albums(options.scale):
        album.make(place.photos)
        for backend in _chosen_backends(options):
            # each of these is a process
            count = options.stalled // 10 if backend == "zip" else options.stalled
            try:
                results.stalled.append(stalled(place, album, backend, count))
            except (BrokenDownloadError, NotStartedError, OSError) as error:
                results.problems.append(f"stalled downloads, {backend}, {album.title}: {error}")


def _load(place: Workplace, options: argparse.Namespace, results: Results) -> None:
    photos = directories(options.scale)[0]
    photos.make(place.photos)
    for album in slow_albums(options.scale):
        album.make(place.photos)
        for backend in _chosen_backends(options):
            if backend == "zip":  # a process each, and no two archives need be the same
                continue
            try:
                results.loads.append(load(place, album, photos, backend, options.slow))
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
