"""Results: one JSON file a figure in .run/bench, with the machine, the server and the command that made it."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ground import DIRECTORY, machine


def say(text: str) -> None:
    """A line of progress."""
    print(f"  {text}", flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below or at which so large a share of them lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, min(len(ranked) - 1, round(share * len(ranked) + 0.5) - 1))]


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The quotient of the medians."""
    return median(numerators) / median(denominators)


def keep(name: str, figures: Mapping[str, Any], *, server: str, to_reach: Mapping[str, str]) -> Path:
    """Write the result and print its figures beside what is to be reached."""
    body = {
        **figures,
        "to_reach": dict(to_reach),
        "server": server,
        "machine": machine(),
        "python": platform.python_version(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "command": f"python -m benchmarks.{Path(sys.argv[0]).stem} {' '.join(sys.argv[1:])}".strip(),
    }
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    file = DIRECTORY / f"{name}.json"
    file.write_text(json.dumps(body, indent=2) + "\n")
    for figure, requested in to_reach.items():
        print(f"  {figure}: {figures[figure]} (to reach: {requested})")
    print(f"  {file}; on {server}", flush=True)
    return file
