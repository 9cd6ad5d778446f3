"""All cases for a planning adapter (adapters.ports.ApsPort), as one parametrized pytest test.

    from conformance.planning.suite import PlanningCase, every_case, run

    @every_case
    async def test_conformance(case: PlanningCase, bench: MyBench) -> None:
        await run(case, bench)

`bench` is a fixture of the adapter's project (conformance.planning.bench.PlanningBench): it gives a template report, a
transport to the system, the adapter connected on a client that the suite makes to fail, and what the system holds by
another way than the adapter. pytest-asyncio runs it; one system may serve all cases, one after the other.

What is demanded besides what holds for every write (conformance.writing): a report replaces the order's last one whole;
an older one (`CoverageReport.sequence`) changes nothing and is Written all the same; quantities stay exact and days the
days that they are, or the report is Refused before anything is written; a quantity without a date is none for some day.
"""

import datetime as dt
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import OrderId, requirement_id
from canonical.order import Refused, WriteOutcome, Written
from canonical.supply import ScheduleLine, ScheduleLineState
from conformance.planning.bench import ConnectedPlanning, Held, PlanningBench
from conformance.verdict import CannotHappen
from conformance.writing import WritingCase, WritingTrial, new_key, writing_cases

PlanningCase = WritingCase[ConnectedPlanning, CoverageReport]
MANY_PARTS = 60
"""More than some systems put on a page of their own accord (25, 50)."""


@dataclass(frozen=True)
class CoverageSubject:
    """Implements conformance.writing.Subject."""

    bench: PlanningBench

    def new(self) -> CoverageReport:
        """The bench's report, of an order that nobody has reported of."""
        number = f"45{uuid.uuid4().int % 10**8:08}"
        order = OrderId(f"order/{self.bench.template.plant}/conformance/{number}")
        return self.bench.template.model_copy(update={"order_id": order, "order_number": number, "sequence": 1})

    async def write(self, system: ConnectedPlanning, document: CoverageReport, key: str) -> WriteOutcome:
        """Report it."""
        return await system.aps.write_coverage(document, key=key)

    async def differs(self, document: CoverageReport) -> str:
        """Requirement by requirement."""
        held, wanted = _sorted(await self.bench.held(document)), _sorted(self.bench.expected(document))
        different = [each for each in {**held, **wanted} if held.get(each) != wanted.get(each)]
        return "; ".join(
            f"{each}: {_shown(wanted.get(each))} was reported, the system holds {_shown(held.get(each))}"
            for each in different[:3]
        )


Trial = WritingTrial[ConnectedPlanning, CoverageReport]


def _bench(trial: Trial) -> PlanningBench:
    subject = trial.subject
    assert isinstance(subject, CoverageSubject)
    return subject.bench


def _with_parts(report: CoverageReport, *parts: ScheduleLine, **other: Any) -> CoverageReport:
    """The report with these schedule lines of its first requirement."""
    first = report.entries[0].model_copy(update={"schedule_lines": parts})
    return report.model_copy(update={"entries": (first, *report.entries[1:]), **other})


def _part(report: CoverageReport, **other: Any) -> ScheduleLine:
    return report.entries[0].schedule_lines[0].model_copy(update=other)


async def _written(trial: Trial, report: CoverageReport) -> None:
    async with trial.adapter() as adapter:
        await trial.until_written(adapter, report, new_key())
        await trial.holds(report)


async def _exactly(trial: Trial, report: CoverageReport) -> None:
    """Written as it is, or Refused with nothing written."""
    async with trial.adapter() as adapter:
        outcome = await trial.attempt(adapter, report, new_key())
        if isinstance(outcome, Refused):
            left = await _bench(trial).held(report)
            trial.require(not any(left.values()), f"Refused, and the system holds {left}", "refuse before writing")
            return
        trial.require(isinstance(outcome, Written), f"{outcome!r}", "return Refused for what no field can hold")
        await trial.holds(report)


async def newer_replaces(trial: Trial) -> None:
    """Another quantity and day, then one requirement less, then none."""
    async with trial.adapter() as adapter:
        report = trial.subject.new()
        await trial.until_written(adapter, report, new_key())
        day = (_part(report).date or report.as_of.date()) + dt.timedelta(days=7)
        moved = _with_parts(report, _part(report, quantity=Decimal(7), date=day), sequence=2)
        fewer = moved.model_copy(update={"entries": moved.entries[:1], "sequence": 3})
        none = fewer.model_copy(update={"entries": (), "sequence": 4})
        for each in (moved, fewer, none):
            await trial.until_written(adapter, each, new_key())
            await trial.holds(each, f" after report {each.sequence} of the order")


async def older_changes_nothing(trial: Trial) -> None:
    """The third report, then the second, by another process."""
    if not _bench(trial).keeps_sequence:
        raise CannotHappen("the system has no field by which an older report can be told")
    async with trial.adapter() as adapter, trial.adapter() as other:
        report = trial.subject.new().model_copy(update={"sequence": 3})
        await trial.until_written(adapter, report, new_key())
        older = _with_parts(report, _part(report, quantity=Decimal(7)), sequence=2)
        outcome = await trial.until_written(other, older, new_key())
        trial.require(outcome.writes == 0, f"{outcome!r} for an older report", "return Written with no writes")
        await trial.holds(report, " after an older report arrived late")


async def quantities_exactly(trial: Trial) -> None:
    """Of a requirement's unit with decimals."""
    report = trial.subject.new()
    for quantity in ("0.001", "7.125", "1234567.891", "33.333333"):
        await _exactly(trial, _with_parts(trial.subject.new(), _part(report, quantity=Decimal(quantity))))


async def every_state(trial: Trial) -> None:
    """Ordered, confirmed, backordered, shipped, received."""
    for state in ScheduleLineState:
        report = trial.subject.new()
        await _written(trial, _with_parts(report, _part(report, state=state)))


async def without_a_date(trial: Trial) -> None:
    """Beside a part that has one."""
    report = trial.subject.new()
    undated = _part(report, quantity=Decimal(3), date=None, state=ScheduleLineState.BACKORDERED)
    await _written(trial, _with_parts(report, _part(report), undated))


async def days_in_any_zone(trial: Trial) -> None:
    """On both sides of the date line, at the ends of months and years."""
    report = trial.subject.new()
    year = (_part(report).date or report.as_of.date()).year + 1
    days = [dt.date(year, 1, 1), dt.date(year, 3, 28), dt.date(year, 10, 31), dt.date(year, 12, 31)]
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TZ", zone)
            time.tzset()
            try:
                fresh = trial.subject.new()
                await _written(trial, _with_parts(fresh, *(_part(fresh, date=day) for day in days)))
            finally:
                environment.undo()
                time.tzset()


async def many_parts(trial: Trial) -> None:
    """A report of many schedule lines is held whole."""
    report = trial.subject.new()
    first = _part(report).date or report.as_of.date()
    days = (first + dt.timedelta(days=number) for number in range(MANY_PARTS))
    await _written(trial, _with_parts(report, *(_part(report, date=day) for day in days)))


async def unknown_requirement(trial: Trial) -> None:
    """It is Refused with a reason, or taken: never an error, which would be tried again for ever."""
    async with trial.adapter() as adapter:
        report = trial.subject.new()
        strange = requirement_id(report.plant, "NO-SUCH-ITEM-9", "conformance", uuid.uuid4().hex)
        parts = report.entries[0].schedule_lines
        entry = RequirementCoverage(requirement_id=strange, schedule_lines=parts)
        outcome = await trial.attempt(adapter, report.model_copy(update={"entries": (entry,)}), new_key())
        trial.require(
            isinstance(outcome, Written) or (isinstance(outcome, Refused) and bool(outcome.reason)),
            f"{outcome!r} for a requirement that the system does not know",
            "return Refused with the system's words, or Written where it needs not know it",
        )


CASES: Sequence[PlanningCase] = (
    *writing_cases(),
    PlanningCase("newer_replaces", "A report replaces the order's last one whole.", newer_replaces),
    PlanningCase("older_changes_nothing", "An older report changes nothing, and is Written.", older_changes_nothing),
    PlanningCase("quantities_exactly", "Quantities are held exactly, or the report is Refused.", quantities_exactly),
    PlanningCase("every_state", "Each state of a schedule line is held as what it is.", every_state),
    PlanningCase("without_a_date", "A quantity without a date is none for some day.", without_a_date),
    PlanningCase("days_in_any_zone", "A day stays the day that it is, in any time zone.", days_in_any_zone),
    PlanningCase("many_parts", f"A report of {MANY_PARTS} schedule lines is held whole.", many_parts),
    PlanningCase("unknown_requirement", "An unknown requirement is no error.", unknown_requirement),
)
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


async def run(case: PlanningCase, bench: PlanningBench) -> None:
    """Try the adapter. Raises Nonconforming; skips, with the reason, what the bench says cannot happen."""
    __tracebackhide__ = True
    await case.run(bench, CoverageSubject(bench))


def _sorted(held: Held) -> dict[str, list[tuple[str, Decimal, str]]]:
    return {
        each: sorted((str(part.date or ""), part.quantity, str(part.state)) for part in parts)
        for each, parts in held.items()
        if parts
    }


def _shown(parts: list[tuple[str, Decimal, str]] | None) -> str:
    return ", ".join(f"{quantity:f} {state} on {day or 'no day'}" for day, quantity, state in parts or ()) or "nothing"


__all__ = ["CASES", "CoverageSubject", "PlanningCase", "every_case", "run"]
