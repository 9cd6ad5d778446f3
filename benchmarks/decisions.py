"""How fast one core decides: assess, decide and make the supply request, as a requirement does.

Measures `decide_sourcing` and `request_for`, with policy resolved and master data at hand, for the typical and the more
expensive cases. Not here: the rest of a plan run (reading, workflows, the ledger).

    python -m benchmarks.decisions [--rounds 25] [--seconds 0.2] [--quick]

The figure is `decisions_per_unit`: how many decisions are made in the processor time of one unit of fixed work
(calibration), both measured in turn. Decisions per second follow the machine's clock, which varies by a third within
days.
"""

import argparse
import datetime as dt
import statistics
import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import cycle
from typing import Any, NamedTuple

from benchmarks import calibration
from benchmarks.command_line import add_quick, command_line
from benchmarks.results import keep
from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.need import Need, Peg, Revision
from canonical.policy import Approval, PlantPolicy, Quota, RouteKind, RouteRule
from canonical.sourcing import Assessment, Component, ItemAtPlant, Source, UnitConversion
from decisions.assess import SourcingDecision, decide_sourcing
from decisions.supply_requests import request_for

TODAY = dt.date(2026, 5, 4)
DECISIONS_PER_UNIT = ">= 4.5"
"""Processors differ by a fifth (docs/performance.md)."""
_UNITS_A_TURN = 15
"""They take about as long as the hundred decisions of a turn."""

_DAYS_OFF = ((1, 1), (1, 19), (2, 16), (5, 25), (6, 19), (7, 3), (9, 7), (10, 12), (11, 11), (11, 26), (12, 25))
PLANT = Calendar(
    name="plant",
    zone="America/Los_Angeles",
    holidays=tuple(dt.date(year, month, day) for year in range(2025, 2029) for month, day in _DAYS_OFF),
)
SUPPLIER = PLANT.model_copy(update={"name": "supplier", "zone": "Europe/Berlin"})


class Case(NamedTuple):
    """Needs with the assessment of their item, and how many of a hundred lines are of this kind."""

    name: str
    share: int
    needs: tuple[Need, ...]
    assessment: Assessment


def cases() -> list[Case]:
    """A plant's mix: most items have one source, some two or three; few have another unit or are subcontracted."""
    first, second, third = (
        _source("1580"),
        _source("1678", preference=2, lead_time_days=10, lead_time_in="working_days"),
        _source("1690", preference=3, lead_time_days=7, maximum_quantity=Decimal(400)),
    )
    quotas = {"1580": Quota(share=Decimal(60)), "1678": Quota(share=Decimal(40))}
    in_pounds = _source("1580", unit="LBR", minimum_quantity=Decimal(0), multiple=Decimal("0.5"))
    pounds = UnitConversion(unit="LBR", numerator=Decimal("453.592292"), denominator=Decimal(1000))
    transfer = _source("1720", route=RouteKind.TRANSFER, lead_time_days=2, lead_time_in="working_days")
    outside = _source("1690", route=RouteKind.SUBCONTRACT, lead_time_days=14)
    steel = Component(item="STEEL", quantity=Decimal(3), unit="KGM", per=Decimal(10))
    every_route = (
        RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720"),
        RouteRule(kind=RouteKind.DIRECT),
        RouteRule(kind=RouteKind.SUBCONTRACT),
    )
    return [
        Case("one source", 55, _needs(), _known(_item(first))),
        Case("two sources", 20, _needs(), _known(_item(first, second))),
        Case("three sources, the first is late", 10, _needs(days=12), _known(_item(first, second, third))),
        Case("quota between two", 5, _needs(), _known(_item(first, second), quotas=quotas)),
        Case("another unit", 4, _needs(unit="KGM"), _known(_item(in_pounds, base_unit="KGM", conversions=(pounds,)))),
        Case("a transfer first", 3, _needs(), _known(_item(transfer, first), routes=every_route)),
        Case("a subcontract", 3, _needs(), _known(_item(outside, components=(steel,)), routes=every_route)),
    ]


def _needs(unit: str = "EA", days: int = 42) -> tuple[Need, ...]:
    """Two weeks of needs, some of them for several demands."""
    return tuple(
        Need(
            plant="1710",
            item="CH-0234",
            quantity=Decimal(100 + 37 * number),
            unit=unit,
            required_date=TODAY + dt.timedelta(days=days + number),
            source="aps",
            demand_reference=f"PL-{number:06}",
            revision=Revision(plan_version=12, effective_at=dt.datetime(2026, 5, 4, 6, tzinfo=dt.UTC), event_id="e"),
            pegging=tuple(
                Peg(
                    demand=f"SO-{number}-{part}",
                    quantity=Decimal(50),
                    date=TODAY + dt.timedelta(days=days + number + part),
                    criticality=Criticality.B,
                )
                for part in range(number % 4)
            ),
        )
        for number in range(14)
    )


def _source(supplier: str, **terms: object) -> Source:
    usual = {
        "supplier": supplier,
        "unit": "EA",
        "lead_time_days": 21,
        "minimum_quantity": Decimal(100),
        "multiple": Decimal(25),
        "price": Decimal("2.50"),
        "currency": "USD",
        "info_record": "5300000042",
        "calendar": SUPPLIER,
    }
    return Source.model_validate(usual | terms)


def _item(*sources: Source, **kept: object) -> ItemAtPlant:
    usual = {"plant": "1710", "item": "CH-0234", "base_unit": "EA", "goods_receipt_days": 2, "sources": sources}
    return ItemAtPlant.model_validate(usual | kept)


def _known(item: ItemAtPlant, **rules: object) -> Assessment:
    usual = {
        "plant": "1710",
        "version": "benchmark",
        "company_code": "1710",
        "purchasing_organization": "1710",
        "calendar": PLANT,
        "office": PLANT,
        "approval": Approval(rates={"EUR": Decimal(1), "USD": Decimal("0.92")}),
    }
    policy = PlantPolicy.model_validate(usual | rules)
    return Assessment(item=item, policy=policy, allocated={"1580": Decimal(600), "1678": Decimal(380)})


def decide(need: Need, assessment: Assessment) -> None:
    """One decision: from the requirement to the supply request that its order receives."""
    decision = decide_sourcing(need, assessment, TODAY)
    assert isinstance(decision, SourcingDecision), decision
    assert assessment.item is not None
    request_for(
        need,
        assessment.item,
        decision.choice,
        decision.policy,
        requirement_id=need.id,
        request_revision=1,
        today=TODAY,
        correlation_id="bench",
    )


def plan_run(mix: list[Case]) -> list[tuple[Need, Assessment]]:
    """The lines of a plan in their shares, the kinds mixed."""
    lines = [
        (number / case.share, need, case.assessment)
        for case in mix
        for number, need in zip(range(case.share), cycle(case.needs), strict=False)
    ]
    return [(need, assessment) for _, need, assessment in sorted(lines, key=lambda line: line[0])]


class Pace(NamedTuple):
    """The work of one core per second of processor time, each kind measured right after the other."""

    decisions: float
    units: float

    @property
    def decisions_per_unit(self) -> float:
        """Decisions in the time of one unit of calibration."""
        return self.decisions / self.units


def pace(lines: Sequence[tuple[Need, Assessment]], seconds: float) -> Pace:
    """Decisions and calibration in turns of some milliseconds, so that a change of the clock meets both alike."""
    # CPU time: other load on the machine must not count.
    clock = time.process_time
    decisions, units, deciding, calibrating = 0, 0, 0.0, 0.0
    while deciding < seconds:
        started = clock()
        for need, assessment in lines:
            decide(need, assessment)
        decided = clock()
        for _ in range(_UNITS_A_TURN):
            calibration.unit()
        calibrating += clock() - decided
        deciding += decided - started
        decisions += len(lines)
        units += _UNITS_A_TURN
    return Pace(decisions / deciding, units / calibrating)


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Rounds of the whole mix, then each kind by itself."""
    mix = cases()
    whole = plan_run(mix)
    pace(whole, 5 * seconds)  # Warm-up: caches, and the interpreter's specialised instructions.
    paces = [pace(whole, seconds) for _ in range(rounds)]
    ratios = [each.decisions_per_unit for each in paces]
    by_case = {case.name: pace([(need, case.assessment) for need in case.needs] * 7, seconds) for case in mix}
    decisions = statistics.median(each.decisions for each in paces)
    return {
        "decisions_per_unit": round(statistics.median(ratios), 1),
        "decisions_per_second": round(decisions),
        "microseconds_each": round(1e6 / decisions, 1),
        "units_per_second": round(statistics.median(each.units for each in paces)),
        "rounds": [round(value, 1) for value in ratios],
        "by_case": {name: round(each.decisions_per_unit, 1) for name, each in by_case.items()},
        "shares": {case.name: case.share for case in mix},
    }


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=0.2, help="of CPU a round, for decisions and for calibration")
    add_quick(parser)
    return parser


def main() -> None:
    """Measure, keep and print."""
    given = arguments().parse_args()
    print("decisions_per_unit", flush=True)
    found = measure(3, 0.05) if given.quick else measure(given.rounds, given.seconds)
    to_reach = {"decisions_per_unit": DECISIONS_PER_UNIT, "decisions_per_second": None}
    keep("decisions", found, server="none", to_reach=to_reach, quick=given.quick)


if __name__ == "__main__":
    main()
