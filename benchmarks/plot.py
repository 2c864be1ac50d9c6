"""Bar chart of the downloads as SVG, for light and dark pages."""

from collections.abc import Callable, Sequence
from html import escape
from statistics import median

from benchmarks.compare import Row

_LINE, _BAR, _PANEL_HEADER, _GAP = 20, 14, 52, 24
_LABELS, _COLUMN, _VALUE = 208, 244, 56
_WIDTH = _LABELS + 2 * (_COLUMN + _VALUE)

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; font-size: 14px; fill: #24292f }
.service { fill: #0969da } .other { fill: #afb8c1 } text.service { fill: #0969da; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 } .title { fill: #e6edf3 }
  .service { fill: #4493f8 } .other { fill: #656c76 } text.service { fill: #4493f8 }
}"""


def svg(rows: Sequence[Row]) -> str:
    """Return the chart: a panel for each directory, with throughput left and processor time right."""
    parts, top = [], 0
    for name in dict.fromkeys(row.directory.name for row in rows):
        measured = [row for row in rows if row.directory.name == name and _is_shown(row)]
        if measured:
            parts += _panel(measured, top)
            top += _PANEL_HEADER + _LINE * len(measured) + _GAP
    size = f'viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}"'
    header = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}'
        ' role="img" aria-label="Throughput and processor time of each implementation">'
    )
    return "\n".join([header, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _is_shown(row: Row) -> bool:
    return bool(row.samples) and not row.problem and not row.has_compressed_zeros()


def _panel(rows: Sequence[Row], top: int) -> list[str]:
    directory = rows[0].directory
    right = _LABELS + _COLUMN + _VALUE
    parts = [
        _text(0, top + 18, f"{directory.name.capitalize()}: {directory.title}", "title"),
        _text(_LABELS, top + 40, "MB/s (longer is better)"),
        _text(right, top + 40, "server CPU seconds per GB (shorter is better)"),
    ]
    for number, row in enumerate(rows):
        y, is_service = top + _PANEL_HEADER + number * _LINE, row.implementation.is_service
        kind = "service" if is_service else "other"
        parts.append(_text(0, y + 11, row.implementation.name, "service" if is_service else ""))
        parts += _bar(_LABELS, y, kind, row, rows, _speed, "{:,.0f}")
        parts += _bar(right, y, kind, row, rows, Row.cpu_s_per_gb, "{:.2f}")
    return parts


def _speed(row: Row) -> float:
    return median(row.megabytes_per_s())


def _bar(
    x: int, y: int, kind: str, row: Row, rows: Sequence[Row], value: Callable[[Row], float], form: str
) -> list[str]:
    width = _COLUMN * value(row) / max(max(map(value, rows)), 1e-9)
    return [
        f'<rect x="{x}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" class="{kind}"/>',
        _text(round(x + width + 5), y + 11, form.format(value(row))),
    ]


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{attribute}>{escape(text)}</text>'
