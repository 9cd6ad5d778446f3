"""Results: a JSON file each in .run/bench, with machine, server and command; and the outcome for each figure.

A missed target is a result like any other: no benchmark fails because of it.
"""

import json
import operator
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil

DIRECTORY = Path(".run/bench")
QUICK_DIRECTORY = DIRECTORY / "quick"
"""Results of `--quick` runs, which do not measure speed and must not replace those that do."""

_LOAD_BEFORE = os.getloadavg()
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
}


class Figure(NamedTuple):
    """A figure, its target (None: it is only reported), and the measured value (None: it could not be measured)."""

    name: str
    to_reach: str | None
    got: float | None
    quick: bool = False

    @property
    def outcome(self) -> str:
        """Whether the target was reached, in a word."""
        if self.got is None:
            return "not measured"
        if self.to_reach is None:
            return "-"
        if self.quick:
            return "not judged"
        comparison, bound = self.to_reach.split()
        return "reached" if _COMPARISONS[comparison](self.got, float(bound)) else "MISSED"


def figures_of(result: Mapping[str, Any]) -> list[Figure]:
    """The figures of a stored result."""
    return [
        Figure(name, to_reach, result[name], quick=result["quick"]) for name, to_reach in result["to_reach"].items()
    ]


def table(figures: Sequence[Figure]) -> str:
    """One line per figure: its name, target, measured value and outcome."""
    rows = [("figure", "to reach", "got", "outcome")]
    for each in figures:
        got = "-" if each.got is None else f"{each.got:g}"
        rows.append((each.name, each.to_reach or "-", got, each.outcome))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([f"{name:<{widths[0]}}", f"{goal:>{widths[1]}}", f"{got:>{widths[2]}}", outcome])
        for name, goal, got, outcome in rows
    )


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"  {text}", flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value at or below which this share of the values lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, min(len(ranked) - 1, round(share * len(ranked) + 0.5) - 1))]


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The quotient of the medians."""
    return median(numerators) / median(denominators)


def machine() -> str:
    """The machine's size."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def keep(
    name: str, figures: Mapping[str, Any], *, server: str, to_reach: Mapping[str, str | None], quick: bool = False
) -> Path:
    """Write the result and print the figures named in `to_reach`, each with its outcome."""
    body = {
        **figures,
        "to_reach": dict(to_reach),
        "quick": quick,
        "server": server,
        "machine": machine(),
        "python": platform.python_version(),
        "load_average_before": [round(each, 1) for each in _LOAD_BEFORE],
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "command": f"python -m benchmarks.{Path(sys.argv[0]).stem} {' '.join(sys.argv[1:])}".strip(),
    }
    directory = QUICK_DIRECTORY if quick else DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.json"
    file.write_text(json.dumps(body, indent=2) + "\n")
    for line in table(figures_of(body)).splitlines()[1:]:
        say(line)
    say(f"{file}; on {server}")
    return file
