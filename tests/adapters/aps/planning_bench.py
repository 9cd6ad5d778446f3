"""What the benches of planning systems share: the day, a report, and an adapter connected in this process."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import httpx

from adapters.dialects import Connection, PlanningDialect, PlanningSystem
from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import OrderId, RequirementId
from canonical.supply import ScheduleLine, ScheduleLineState
from policies.book import FixedPolicies

NOW = dt.datetime(2027, 1, 5, 9, tzinfo=dt.UTC)


def a_report(supplier: str, *requirements: RequirementId) -> CoverageReport:
    """Sixty confirmed for each requirement."""
    line = ScheduleLine(quantity=Decimal(60), date=dt.date(2027, 3, 1), state=ScheduleLineState.CONFIRMED)
    return CoverageReport(
        order_id=OrderId(f"order/HH/{supplier}/abc"),
        order_number="4500000007",
        plant="HH",
        sequence=1,
        as_of=NOW,
        entries=tuple(RequirementCoverage(requirement_id=each, schedule_lines=(line,)) for each in requirements),
    )


def connected(dialect: PlanningDialect, client: httpx.AsyncClient, system: str) -> PlanningSystem:
    """The dialect's adapter without options and policies."""
    options: Mapping[str, str] = {}
    return dialect.connect(Connection(system, client, options, 1, 1, FixedPolicies({}), lambda: NOW))


__all__ = ["NOW", "a_report", "connected"]
