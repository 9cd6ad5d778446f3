"""A result as a picture (SVG) for docs/performance.md: bars for rounds, or a figure beside its target.

    python -m benchmarks.picture RESULT.json OUT.svg --title T [--bar "label=path.of.figure"] [--mark "label=3"]

Decided here: its appearance, in light and dark mode. Not here: the meaning of the figures.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.command_line import command_line

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 760, 230, 90, 30, 56
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}.small{fill:#59636e}"
    ".bar{fill:#2f6fb0}.mark{stroke:#c4461a;stroke-width:2;stroke-dasharray:5 3}.axis{stroke:#b7bec6}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9da7b1}.bar{fill:#5aa0e6}}"
)


@dataclass(frozen=True)
class Bar:
    """A figure with its name."""

    label: str
    value: float


def bars(title: str, shown: Sequence[Bar], marks: Sequence[Bar] = (), note: str = "") -> str:
    """A bar per figure, with a dashed line for each mark (a target). Raises ValueError where there is no figure."""
    if not shown:
        raise ValueError("a picture of nothing; name a figure of the result")
    longest = max([each.value for each in (*shown, *marks)] + [1e-9])
    wide = _WIDTH - _LEFT - _RIGHT
    bottom = _TOP + _ROW * len(shown)
    height = bottom + 20 * len(marks) + (40 if note else 20)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title, quote=True)}"><style>{_STYLE}</style>',
        f'<text class="title" x="16" y="28">{escape(title)}</text>',
        f'<line class="axis" x1="{_LEFT}" y1="{_TOP - 8}" x2="{_LEFT}" y2="{bottom}"/>',
    ]
    for place, each in enumerate(shown):
        y = _TOP + _ROW * place
        length = max(each.value, 0) / longest * wide
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(each.label)}</text>')
        parts.append(f'<rect class="bar" x="{_LEFT}" y="{y}" width="{length:.1f}" height="20" rx="3"/>')
        parts.append(f'<text x="{_LEFT + length + 8:.1f}" y="{y + 15}">{_reported(each.value)}</text>')
    for place, each in enumerate(marks):
        x, y = _LEFT + each.value / longest * wide, bottom + 16 + 20 * place
        parts.append(f'<line class="mark" x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{y - 12}"/>')
        reported = f"{escape(each.label)} {_reported(each.value)}"
        parts.append(f'<text class="small" x="{x:.1f}" y="{y}" text-anchor="middle">{reported}</text>')
    if note:
        parts.append(f'<text class="small" x="16" y="{height - 12}">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def figures(result: dict[str, Any], path: str) -> list[float]:
    """The figures at a path like `seconds.total`; a list gives all its figures; the path continues into its items."""
    found: list[Any] = [result]
    for name in path.split("."):
        found = [each[name] for part in found for each in (part if isinstance(part, list) else [part])]
    return [float(value) for each in found for value in (each if isinstance(each, list) else [each])]


def _reported(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}".rstrip("0").rstrip(".")


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--title", required=True)
    parser.add_argument("--bar", action="append", default=[], metavar="LABEL=PATH")
    parser.add_argument("--mark", action="append", default=[], metavar="LABEL=VALUE")
    return parser


def main() -> int:
    """Draw a result."""
    given = arguments().parse_args()
    result: dict[str, Any] = json.loads(given.result.read_text())
    shown = []
    for label, _, path in (each.rpartition("=") for each in given.bar):
        found = figures(result, path)
        shown += [
            Bar(f"{label} {place}" if len(found) > 1 else label, value) for place, value in enumerate(found, start=1)
        ]
    marks = [Bar(label, float(value)) for label, _, value in (each.rpartition("=") for each in given.mark)]
    load = result.get("load_average", ["?"])[0]
    note = f"{result.get('machine', '')}, Python {result.get('python', '')}, load {load}; {result.get('server', '')}"
    given.out.write_text(bars(given.title, shown, marks, note))
    return 0


if __name__ == "__main__":
    sys.exit(main())
