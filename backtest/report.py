"""The result of a comparison, for a person and for a program.

Decided here: what is shown, and that a file holds all differences however many there are. Not here: what was compared.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from rich.console import Console
from rich.table import Table

from backtest.decision import Difference
from backtest.result import BacktestResult, Control

SHOWN = 25
"""How many differences are printed; the file has all."""


class Question(NamedTuple):
    """The requested comparison."""

    candidate: str
    present: str
    since: str
    plant: str | None


class Differences:
    """Keeps the first differences for the console, and writes each to the file where there is one."""

    def __init__(self, file: TextIO | None) -> None:
        self.first: list[Difference] = []
        self._file = file
        self._written = 0

    def __call__(self, difference: Difference) -> None:
        if len(self.first) < SHOWN:
            self.first.append(difference)
        if self._file is not None:
            self._file.write(",\n" if self._written else "\n")
            self._file.write(difference.model_dump_json())
            self._written += 1


@contextmanager
def differences_to(path: Path | None) -> Iterator[tuple[Differences, "Ending"]]:
    """Writes differences, as they are found, to a file beside `path`; only the ending puts it in place, whole."""
    if path is None:
        yield Differences(None), Ending(None, None, None)
        return
    beside = path.with_name(f".{path.name}.unfinished")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write('{"differences": [')
            yield Differences(file), Ending(file, beside, path)
    finally:
        beside.unlink(missing_ok=True)


class Ending(NamedTuple):
    """The end of the file."""

    file: TextIO | None
    beside: Path | None
    path: Path | None

    def write(self, question: Question, result: BacktestResult) -> None:
        """Write the totals after the differences; from now on the file exists."""
        if self.file is None or self.beside is None or self.path is None:
            return
        rest = {**question._asdict(), **result.model_dump(mode="json")}
        self.file.write("\n],\n" + json.dumps(rest, indent=2)[1:] + "\n")
        self.file.flush()
        self.beside.replace(self.path)


def show(console: Console, question: Question, result: BacktestResult, first: list[Difference]) -> None:
    """The whole result in a buyer's words."""
    where = f" at plant {question.plant}" if question.plant else ""
    console.print(
        f"{result.decisions} decisions since {question.since}{where}, made again under {question.candidate}: "
        f"{result.different} would have been different."
    )
    console.print(_totals(result))
    for difference in first:
        _show_difference(console, difference)
    if result.different > len(first):
        console.print(f"… and {result.different - len(first)} more; --json FILE writes all of them.")
    for why, number in result.not_comparable.items():
        console.print(f"Not compared ({number}): {why}", markup=False)
    for caveat, number in result.caveats.items():
        console.print(f"Compared in part ({number}): {caveat}", markup=False)
    _show_control(console, question, result.control)


def _totals(result: BacktestResult) -> Table:
    table = Table("Plant", "Rule", "Decisions", "Different", "As decided → candidate", box=None, pad_edge=False)
    for total in result.totals:
        measures = ", ".join(f"{each.name} {each.decided} → {each.candidate}" for each in total.measures)
        table.add_row(total.plant, total.rule, str(total.decisions), str(total.different), measures)
    return table


def _show_difference(console: Console, difference: Difference) -> None:
    at = difference.decided_at.strftime("%Y-%m-%d %H:%M")
    lines = [f"\n{at}  {difference.entity_id}"]
    lines += [f"  {each.rule} {each.aspect}: {each.decided} → {each.candidate}" for each in difference.changes]
    lines.append(f"  decided:   {difference.decided_why} ({difference.decided_version})")
    lines.append(f"  candidate: {difference.candidate_why} ({difference.candidate_version})")
    console.print("\n".join(lines), markup=False)


def _show_control(console: Console, question: Question, control: Control) -> None:
    console.print(f"\nControl, made again under the present policies ({question.present}): {control.same} the same.")
    for versions, number in control.policy_changed.items():
        console.print(f"  {number} differ since the policy changed: {versions}", markup=False)
    if control.unexplained:
        console.print(
            f"  {control.unexplained} differ under the very policy that decided them: the rules have changed in the "
            "code since, or the record lacks something. Do not trust the figures above before this is understood:"
        )
        for example in control.examples:
            _show_difference(console, example)
