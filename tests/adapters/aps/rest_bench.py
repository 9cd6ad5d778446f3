"""The planning system of the dialect `rest` for the planning suite."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from adapters.aps.rest.dialect import DIALECT
from adapters.dialects import PlanningSystem
from adapters.http import make_client
from canonical.coverage import CoverageReport
from canonical.identity import requirement_id
from canonical.supply import ScheduleLine
from conformance.planning.bench import Held, whole
from simulators.aps.app import create
from simulators.faults import InProcessTransport, Simulator
from tests.adapters.aps.planning_bench import a_report, connected

TEMPLATE = a_report("1580", *(requirement_id("HH", item, "atlas", "D1") for item in ("BK-1", "BK-2")))


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
        return connected(DIALECT, client, "aps")

    def expected(self, report: CoverageReport) -> Held:
        return whole(report)

    async def held(self, report: CoverageReport) -> Held:
        held = self.simulator.books()["coverage"].get(report.order_number, {"requirements": []})
        return {
            one["requirementId"]: tuple(ScheduleLine.model_validate(part) for part in one["scheduleLines"])
            for one in held["requirements"]
        }
