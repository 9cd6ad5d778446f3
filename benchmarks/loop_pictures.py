"""The pictures of docs/performance.md that show the loop, from the results in .run/bench.

python -m benchmarks.loop_pictures [--quick]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.command_line import command_line
from benchmarks.picture import Bar, bars
from benchmarks.results import DIRECTORY, QUICK_DIRECTORY

DOCS = Path("docs")


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--quick", action="store_true", help="of quick runs, beside their results")
    return parser


def main() -> int:
    """Draw the results; 1 where there are none."""
    quick = arguments().parse_args().quick
    source, pictures = (QUICK_DIRECTORY, QUICK_DIRECTORY) if quick else (DIRECTORY, DOCS)
    drawn = 0
    for name, draw in (
        ("throughput_vs_bare", _throughput),
        ("throughput_vs_bare_single", _throughput),
        ("answer_latency", _latency),
        ("footprint", _footprint),
    ):
        file = source / f"{name}.json"
        if not file.exists():
            print(f"  {file} is missing: measure first")
            continue
        result = json.loads(file.read_text())
        title, shown, marks = draw(result)
        note = f"{result['machine']}, Python {result['python']}, load {result['load_average'][0]}; {result['server']}"
        target = pictures / f"performance-{name.replace('_', '-')}.svg"
        target.write_text(bars(title, shown, marks, note))
        print(f"  {target}")
        drawn += 1
    return int(drawn == 0)


def _throughput(result: dict[str, Any]) -> tuple[str, list[Bar], list[Bar]]:
    """Requirements per second, round by round."""
    shown = [
        Bar(f"{side}, round {number}", each["per_second"])
        for number in range(1, len(result["rounds"]["pegline"]) + 1)
        for side, each in ((name, result["rounds"][name][number - 1]) for name in ("pegline", "bare"))
    ]
    single = "throughput_vs_bare_single" in result
    goal = (0.7 if single else 1.2) * result["bare_per_second"]
    what = "one line an order" if single else "the demo's mix of lines per order"
    return f"Requirements a second, {what}", shown, [Bar("to reach", round(goal, 1))]


def _latency(result: dict[str, Any]) -> tuple[str, list[Bar], list[Bar]]:
    """Percentiles of both sides."""
    shown = [
        Bar(f"{side}, p{share}", result[f"p{share}_ms"][side]) for share in (50, 90, 99) for side in ("pegline", "bare")
    ]
    goal = 1.2 * result["p99_ms"]["bare"]
    share = f"{result['share_of_capacity']:.0%}"
    title = f"Milliseconds from answer to ERP and APS written, at {share} of what each side can do"
    return title, shown, [Bar("p99 to reach", round(goal))]


def _footprint(result: dict[str, Any]) -> tuple[str, list[Bar], list[Bar]]:
    """Memory and CPU at both levels."""
    shown = []
    for level, each in result["levels"].items():
        shown.append(Bar(f"worker's MB, {int(level):,} open", each["worker_mb"]))
        shown.append(Bar(f"its CPU ms each, {int(level):,} open", each["cpu_ms"]["worker"]))
    return "What open requirements cost a worker", shown, [Bar("MB to reach", 500)]


if __name__ == "__main__":
    sys.exit(main())
