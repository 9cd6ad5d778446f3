"""All benchmarks, one after the other, and one table of their figures at the end.

    python -m benchmarks [--quick] [--plan-runs]

A missed target neither stops nor fails anything. The exit code is 1 only if a benchmark could not run.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command_line import add_quick, command_line
from benchmarks.results import DIRECTORY, QUICK_DIRECTORY, Figure, figures_of, table

SUITE = (
    ("decisions",),
    ("availability",),
    ("kpis",),
    ("throughput",),
    ("throughput", "--single"),
    ("latency",),
    ("slow_system",),
    ("footprint",),
)
PLAN_RUNS = ("plan_runs",)
PICTURES = ("loop_pictures",)


def run_all(benchmarks: Sequence[Sequence[str]], results: Path) -> tuple[list[Figure], list[str]]:
    """The figures of all benchmarks that ran, and the commands of those that could not."""
    figures: list[Figure] = []
    failed = []
    for name, *options in benchmarks:
        command = " ".join((f"python -m benchmarks.{name}", *options))
        print(f"\n{command}", flush=True)
        started = time.time()
        code = _run([sys.executable, "-m", f"benchmarks.{name}", *options])
        if code:
            failed.append(f"{command} (exit code {code})")
        # Results that a benchmark kept before it failed count.
        figures += [figure for file in _written_since(started, results) for figure in _figures(file)]
    return figures, failed


def _run(command: Sequence[str]) -> int:
    """Run it to its end; Ctrl-C reaches it as well, and it stops its servers before this process ends."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def _written_since(started: float, results: Path) -> list[Path]:
    files = [file for file in results.glob("*.json") if file.stat().st_mtime >= started]
    return sorted(files, key=lambda file: file.stat().st_mtime)


def _figures(file: Path) -> list[Figure]:
    return figures_of(json.loads(file.read_text()))


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    add_quick(parser)
    parser.add_argument("--plan-runs", action="store_true", help="the plan runs too, which take an hour by themselves")
    return parser


def main() -> int:
    """Run all, print the table; 1 where one could not run."""
    given = arguments().parse_args()
    quick = ("--quick",) if given.quick else ()
    load = os.getloadavg()[0]
    chosen = (*SUITE, *((PLAN_RUNS,) if given.plan_runs else ()), PICTURES)
    figures, failed = run_all([(*each, *quick) for each in chosen], QUICK_DIRECTORY if quick else DIRECTORY)
    print(f"\n{table(figures)}\n")
    if quick:
        print("Quick runs: they show that the benchmarks work, and say nothing about speed.")
    print(f"Load average at the start {load:.1f}, at the end {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores.")
    for each in failed:
        print(f"COULD NOT RUN: {each}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
