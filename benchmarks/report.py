"""The benchmark report in Markdown."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.compare import Row
from benchmarks.data import KIB, MIB, TIMES
from benchmarks.implementations import HERE, NGINX
from benchmarks.load import SLOW_BYTES_PER_S, Load
from benchmarks.overhead import Overhead
from benchmarks.stalled import StalledDownloads
from benchmarks.time_to_first_byte import TimeToFirstByte

_DOWNLOADS_NOTE = """\
Medians of {rounds} rounds; in each round, every implementation in turn sends the complete archive once. MB/s
and CPU seconds per GB refer to the *contents* (GB = 10\u2079 bytes). CPU is user and system time of the
server with all its processes; memory is the maximum of their private memory above that of the idle server.
The client runs on the same machine, and the kernel discards its data. Contents are in the page cache. The
first archive of each implementation was read by `bsdtar` and, if a zip, by `unzip`; every further one had the
same length."""

_HEADERS = {
    "downloads": f"implementation | MB/s | minimum to maximum | {TIMES} nginx | CPU s/GB | {TIMES} nginx"
    " | time to first byte ms | memory MiB",
    "overhead": "archive | program MB/s | backend MB/s | ratio | program's archive MB | backend's archive MB",
    "range": "backend | contents | time to first byte ms | maximum ms",
    "stalled": "backend | contents | downloads | memory KiB each | kernel's socket memory KiB each"
    " | all started within s",
    "load": "backend | contents | slow downloads | complete downloads | all done within s"
    " | fast client alone MB/s | fast client with slow ones MB/s | time to first byte ms | 95th percentile ms"
    " | cores, slow clients alone | memory MiB",
}

_LOAD_NOTE = f"""\
Slow clients read {SLOW_BYTES_PER_S // 1000} KB/s each from one worker. A download is complete if it has the
length and CRC-32 of the archive. At the same time, one client downloads the photos repeatedly, and another
requests a small archive every 50 ms; its time to first byte starts at the connect. Memory is the maximum of
the proportional set size above that of the idle server."""


@dataclass(slots=True)
class Results:
    """All results of a run. `load_average`: of the machine before the run, over one minute."""

    rounds: int
    load_average: float
    rows: list[Row] = field(default_factory=list)
    overheads: list[Overhead] = field(default_factory=list)
    times_to_first_byte: list[TimeToFirstByte] = field(default_factory=list)
    stalled: list[StalledDownloads] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def markdown(results: Results) -> str:
    """Return the report, with a section for each part that was measured."""
    parts = ["# Benchmark results", f"{_machine()} Load average before the run: {results.load_average:.1f}."]
    if results.rows:
        parts += [_DOWNLOADS_NOTE.format(rounds=results.rounds)]
        parts += [part for name in _names(results.rows) for part in _downloads(results.rows, name)]
    parts += _section(
        "Overhead of a backend over the program on the command line",
        "Alternating pairs; the backend runs without a web server, and is faster if the ratio is above 1.",
        "overhead",
        [_overhead_line(result) for result in results.overheads],
    )
    parts += _section(
        "A range in the middle of a huge archive",
        "The server is restarted for each request, so that no CRC is cached.",
        "range",
        [_range_line(result) for result in results.times_to_first_byte],
    )
    parts += _section(
        "Stalled downloads",
        "Growth of the proportional set size of all server processes, per download.",
        "stalled",
        [_stalled_line(result) for result in results.stalled],
    )
    parts += _section(
        "Simultaneous slow downloads", _LOAD_NOTE, "load", [_load_line(result) for result in results.loads]
    )
    parts += [f"Not measured: {problem}" for problem in results.problems]
    return "\n\n".join(parts) + "\n"


def _machine() -> str:
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    competitors = re.findall(r"^(\w[\w-]*==.+)$", (HERE / "requirements.txt").read_text(), re.MULTILINE)
    parts = [
        f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        _nginx_version(),
        *(competitor.replace("==", " ") for competitor in competitors),
    ]
    return ", ".join(part for part in parts if part) + "."


def _nginx_version() -> str:
    try:
        output = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return ""
    return output.strip().rpartition("version: ")[2].replace("/", " ")


def _names(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.directory.name for row in rows))


def _downloads(rows: Sequence[Row], name: str) -> list[str]:
    selected = [row for row in rows if row.directory.name == name]
    nginx = next((row for row in selected if row.implementation.name == NGINX and row.samples), None)
    lines = [_downloads_line(row, nginx) for row in selected]
    notes = [f"{row.implementation.name}: {row.problem}." for row in selected if row.problem]
    notes += [
        f"{row.implementation.name} compressed only zeros; the result does not apply to a real film."
        for row in selected
        if row.has_compressed_zeros()
    ]
    title = f"## {name.capitalize()}: {selected[0].directory.title}"
    return [title, _table("downloads", lines), *notes]


def _downloads_line(row: Row, nginx: Row | None) -> str:
    if row.problem or not row.samples:
        return f"{row.implementation.name} | not measured |" + " |" * 5
    speeds = row.megabytes_per_s()
    name = f"**{row.implementation.name}**" if row.implementation.is_service else row.implementation.name
    fields = [
        name,
        f"{median(speeds):,.0f}",
        f"{min(speeds):,.0f} to {max(speeds):,.0f}",
        f"{median(speeds) / median(nginx.megabytes_per_s()):.2f}" if nginx else "",
        f"{row.cpu_s_per_gb():.2f}",
        f"{row.cpu_s_per_gb() / nginx.cpu_s_per_gb():.2f}" if nginx else "",
        f"{row.time_to_first_byte_ms():,.1f}",
        f"{row.extra_bytes() / MIB:.1f}",
    ]
    return " | ".join(fields)


def _overhead_line(result: Overhead) -> str:
    return (
        f"{result.title} | {result.program_mb_per_s:,.0f} | {result.backend_mb_per_s:,.0f}"
        f" | {result.ratio:.2f} | {result.program_bytes / 1e6:,.1f} | {result.backend_bytes / 1e6:,.1f}"
    )


def _range_line(result: TimeToFirstByte) -> str:
    return f"{result.backend} | {result.directory.title} | {result.median_ms:.1f} | {result.max_ms:.1f}"


def _stalled_line(result: StalledDownloads) -> str:
    return (
        f"{result.backend} | {result.title} | {result.downloads:,} | {result.server_bytes / KIB:,.0f}"
        f" | {result.kernel_bytes / KIB:,.0f} | {result.started_s:.1f}"
    )


def _load_line(result: Load) -> str:
    fields = [
        f"{result.backend} | {result.title} | {result.downloads:,} | {result.complete:,}",
        f"{result.seconds:.0f}",
        f"{result.alone_bytes_per_s / 1e6:,.0f}",
        f"{result.loaded_bytes_per_s / 1e6:,.0f}",
        f"{result.time_to_first_byte_s * 1000:.1f}",
        f"{result.time_to_first_byte_p95_s * 1000:.1f}",
        f"{result.cpu_share:.2f}",
        f"{result.extra_bytes / MIB:.1f}",
    ]
    return " | ".join(fields)


def _section(title: str, note: str, table: str, lines: list[str]) -> list[str]:
    return [f"## {title}", note, _table(table, lines)] if lines else []


def _table(name: str, lines: Iterable[str]) -> str:
    titles = _HEADERS[name]
    rule = "---" + " | ---:" * titles.count("|")
    return "\n".join(f"| {line} |" for line in (titles, rule, *lines))
