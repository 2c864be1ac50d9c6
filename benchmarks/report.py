"""The figures as Markdown."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.compare import Row
from benchmarks.contenders import HERE, NGINX
from benchmarks.data import KIB, MIB, TIMES
from benchmarks.first_byte import FirstByte
from benchmarks.load import SLOW_BYTES_PER_S, Load
from benchmarks.overhead import Overhead
from benchmarks.stalled import Stalled

_DOWNLOADS_NOTE = """\
Medians of {rounds} rounds; in each round every contender in turn sends the whole archive once. MB/s and CPU
seconds per GB count the *contents* (GB = 10\u2079 bytes); CPU is user and system time of the server with all
that it starts; memory is the most that its processes held for themselves above the idle server. The client
runs on the same machine and drops within the kernel what comes. Contents are in the page cache. Of each
contender the first archive was read by `bsdtar` and, if a zip, by `unzip`; every further one was as long."""

_HEADS = {
    "downloads": f"contender | MB/s | least to most | {TIMES} nginx | CPU s/GB | {TIMES} nginx"
    " | first byte ms | memory MiB",
    "overhead": "what | program MB/s | backend MB/s | ratio | program's archive MB | backend's archive MB",
    "range": "backend | contents | first byte ms | most ms",
    "stalled": "backend | contents | downloads | memory KiB each | kernel's socket memory KiB each"
    " | all begun within s",
    "load": "backend | contents | slow downloads | whole | all done within s | fast one alone MB/s"
    " | beside them MB/s | first byte ms | 95th percentile ms | core of the slow ones alone | memory MiB",
}

_LOAD_NOTE = f"""\
Slow ones take {SLOW_BYTES_PER_S // 1000} KB/s each from one worker; the whole ones have the archive's
length and CRC-32. Beside them one visitor downloads the photos again and again, and another comes for a small
archive every 50 ms, whose first byte is timed from the connect. Memory is the most that the proportional set
size was above that of the idle server."""


@dataclass(slots=True)
class Results:
    """Everything a run has measured; `load`: how busy the machine was before."""

    rounds: int
    load: float
    rows: list[Row] = field(default_factory=list)
    overheads: list[Overhead] = field(default_factory=list)
    first_bytes: list[FirstByte] = field(default_factory=list)
    stalled: list[Stalled] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def markdown(results: Results) -> str:
    """The whole report, a section for each part that was measured."""
    parts = ["# Benchmark results", f"{_machine()} Load average before the run: {results.load:.1f}."]
    if results.rows:
        parts += [_DOWNLOADS_NOTE.format(rounds=results.rounds)]
        parts += [part for name in _names(results.rows) for part in _downloads(results.rows, name)]
    parts += _section(
        "Overhead of a backend over the program by hand",
        "Pairs in turns, the backend without a web server in between; a ratio above 1 means that the backend"
        " is faster.",
        "overhead",
        [_overhead(found) for found in results.overheads],
    )
    parts += _section(
        "A range in the middle of a huge archive",
        "From a server started anew each time, so that no CRC is known.",
        "range",
        [_first_byte(found) for found in results.first_bytes],
    )
    parts += _section(
        "Downloads that nobody reads",
        "Growth of the server's proportional set size, with all that it starts, per download.",
        "stalled",
        [_stalled(found) for found in results.stalled],
    )
    parts += _section(
        "Many slow downloads at once", _LOAD_NOTE, "load", [_load(found) for found in results.loads]
    )
    parts += [f"Not measured: {problem}" for problem in results.problems]
    return "\n\n".join(parts) + "\n"


def _machine() -> str:
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    rivals = re.findall(r"^(\w[\w-]*==.+)$", (HERE / "requirements.txt").read_text(), re.MULTILINE)
    facts = [
        f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        _nginx_version(),
        *(rival.replace("==", " ") for rival in rivals),
    ]
    return ", ".join(fact for fact in facts if fact) + "."


def _nginx_version() -> str:
    try:
        said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return ""
    return said.strip().rpartition("version: ")[2].replace("/", " ")


def _names(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.directory.name for row in rows))


def _downloads(rows: Sequence[Row], name: str) -> list[str]:
    here = [row for row in rows if row.directory.name == name]
    nginx = next((row for row in here if row.contender.name == NGINX and row.samples), None)
    lines = [_downloads_line(row, nginx) for row in here]
    notes = [f"{row.contender.name}: {row.problem}." for row in here if row.problem]
    notes += [
        f"{row.contender.name} had only zeros to squeeze, which says nothing of a real film."
        for row in here
        if row.has_squeezed_zeros()
    ]
    title = f"## {name.capitalize()}: {here[0].directory.title}"
    return [title, _table("downloads", lines), *notes]


def _downloads_line(row: Row, nginx: Row | None) -> str:
    if row.problem or not row.samples:
        return f"{row.contender.name} | not measured |" + " |" * 5
    speeds = row.megabytes_per_s()
    name = f"**{row.contender.name}**" if row.contender.own else row.contender.name
    fields = [
        name,
        f"{median(speeds):,.0f}",
        f"{min(speeds):,.0f} to {max(speeds):,.0f}",
        f"{median(speeds) / median(nginx.megabytes_per_s()):.2f}" if nginx else "",
        f"{row.cpu_s_per_gb():.2f}",
        f"{row.cpu_s_per_gb() / nginx.cpu_s_per_gb():.2f}" if nginx else "",
        f"{row.first_byte_ms():,.1f}",
        f"{row.extra_bytes() / MIB:.1f}",
    ]
    return " | ".join(fields)


def _overhead(found: Overhead) -> str:
    return (
        f"{found.title} | {found.program_mb_per_s:,.0f} | {found.backend_mb_per_s:,.0f} | {found.ratio:.2f}"
        f" | {found.program_bytes / 1e6:,.1f} | {found.backend_bytes / 1e6:,.1f}"
    )


def _first_byte(found: FirstByte) -> str:
    return f"{found.backend} | {found.directory.title} | {found.milliseconds:.1f} | {found.most:.1f}"


def _stalled(found: Stalled) -> str:
    return (
        f"{found.backend} | {found.title} | {found.downloads:,} | {found.own_bytes / KIB:,.0f}"
        f" | {found.kernel_bytes / KIB:,.0f} | {found.ready_s:.1f}"
    )


def _load(found: Load) -> str:
    return (
        f"{found.backend} | {found.title} | {found.downloads:,} | {found.whole:,} | {found.seconds:.0f}"
        f" | {found.alone_bytes_per_s / 1e6:,.0f} | {found.beside_bytes_per_s / 1e6:,.0f}"
        f" | {found.first_byte_s * 1000:.1f} | {found.first_byte_p95_s * 1000:.1f}"
        f" | {found.cpu_share:.2f} | {found.extra_bytes / MIB:.1f}"
    )


def _section(title: str, note: str, head: str, lines: list[str]) -> list[str]:
    return [f"## {title}", note, _table(head, lines)] if lines else []


def _table(head: str, lines: Iterable[str]) -> str:
    titles = _HEADS[head]
    numbers = titles.count("|")
    rule = "---" + " | ---:" * numbers
    return "\n".join(f"| {line} |" for line in (titles, rule, *lines))
