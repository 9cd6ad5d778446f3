"""The planning system of the dialect `rest` for the planning suite."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import httpx

from adapters.aps.rest.dialect import DIALECT
from adapters.dialects import Connection, PlanningSystem
from adapters.http import make_client
from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import OrderId, requirement_id
from canonical.supply import ScheduleLine, ScheduleLineState
from conformance.planning.bench import Held, whole
from policies.book import FixedPolicies
from simulators.aps.app import create
from simulators.faults import InProcessTransport, Simulator

NOW = dt.datetime(2027, 1, 5, 9, tzinfo=dt.UTC)


def _covered(item: str) -> RequirementCoverage:
    line = ScheduleLine(quantity=Decimal(60), date=dt.date(2027, 3, 1), state=ScheduleLineState.CONFIRMED)
    return RequirementCoverage(requirement_id=requirement_id("HH", item, "atlas", "D1"), schedule_lines=(line,))


TEMPLATE = CoverageReport(
    order_id=OrderId("order/HH/1580/abc"),
    order_number="4500000007",
    plant="HH",
    sequence=1,
    as_of=NOW,
    entries=(_covered("BK-1"), _covered("BK-2")),
)


@dataclass
class RestPlanningBench:
    """Implements conformance.planning.bench.PlanningBench."""

    simulator: Simulator = field(default_factory=create)
    secrets: Sequence[str] = ("planning-password",)
    keeps_sequence: bool = True
    template: CoverageReport = TEMPLATE

    def transport(self) -> httpx.AsyncBaseTransport:
        return InProcessTransport(app=self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client("http://aps", "pegline", "planning-password", 2, transport)

    def connect(self, client: httpx.AsyncClient) -> PlanningSystem:
        return DIALECT.connect(Connection("aps", client, {}, 1, 1, FixedPolicies({}), lambda: NOW))

    def expected(self, report: CoverageReport) -> Held:
        return whole(report)

    async def held(self, report: CoverageReport) -> Held:
        held = self.simulator.books()["coverage"].get(report.order_number, {"requirements": []})
        return {
            one["requirementId"]: tuple(ScheduleLine.model_validate(part) for part in one["scheduleLines"])
            for one in held["requirements"]
        }
