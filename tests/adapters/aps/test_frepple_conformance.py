"""The planning suite against frePPLe."""

import datetime as dt
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import httpx
import pytest

from adapters.aps.frepple.dialect import DIALECT
from adapters.dialects import PlanningSystem
from adapters.http import make_client
from canonical.coverage import CoverageReport
from canonical.identity import requirement_id
from canonical.supply import ScheduleLine, ScheduleLineState
from conformance.planning.bench import Held
from conformance.planning.suite import PlanningCase, every_case, run
from simulators.faults import InProcessTransport, Simulator
from simulators.frepple.app import create
from tests.adapters.aps.planning_bench import a_report, connected

SUPPLIER = "conformance"
CONFIRMED, RECEIVED = ScheduleLineState.CONFIRMED, ScheduleLineState.RECEIVED
TEMPLATE = a_report(SUPPLIER, *(requirement_id("HH", item, "aps", f"PO-{item}") for item in ("BK-1", "BK-2")))


@dataclass
class FreppleBench:
    """Implements conformance.planning.bench.PlanningBench."""

    simulator: Simulator = field(default_factory=create)
    secrets: Sequence[str] = ("frepple",)
    keeps_sequence: bool = True
    template: CoverageReport = TEMPLATE

    def transport(self) -> httpx.AsyncBaseTransport:
        return InProcessTransport(app=self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client("http://planning", "PEGLINE", "frepple", 2, transport)

    def connect(self, client: httpx.AsyncClient) -> PlanningSystem:
        return connected(DIALECT, client, "planning")

    def expected(self, report: CoverageReport) -> Held:
        """An order for each day on which something is promised or came; what is only ordered or has no day is open."""
        return {entry.requirement_id: _told(entry.schedule_lines) for entry in report.entries}

    async def held(self, report: CoverageReport) -> Held:
        found: dict[str, list[ScheduleLine]] = defaultdict(list)
        for row in self.simulator.books()["orders"]:
            ours, _, need = str(row["reference"]).partition(":")
            if ours.rpartition("-")[0] == report.order_number:
                day = dt.datetime.fromisoformat(row["enddate"]).date()
                state = RECEIVED if row["status"] == "closed" else CONFIRMED
                line = ScheduleLine(quantity=Decimal(row["quantity"]).normalize() + 0, date=day, state=state)
                found[requirement_id("HH", row["item"], "aps", need)].append(line)
        return {requirement: tuple(lines) for requirement, lines in found.items()}  # type: ignore[misc]


def _told(lines: Sequence[ScheduleLine]) -> tuple[ScheduleLine, ...]:
    days: dict[tuple[dt.date, ScheduleLineState], Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.date is not None and line.state is not ScheduleLineState.ORDERED:
            days[line.date, RECEIVED if line.state is RECEIVED else CONFIRMED] += line.quantity
    return tuple(ScheduleLine(quantity=quantity, date=day, state=state) for (day, state), quantity in days.items())


@pytest.fixture
async def bench() -> AsyncIterator[FreppleBench]:
    made = FreppleBench()
    # Needs so large that every order leaves a part of them open: all orders take the same calls.
    row = {"location": "HH", "supplier": SUPPLIER, "quantity": "90000000", "enddate": "2027-03-01T00:00:00"}
    model = {
        "items": [{"name": "BK-1", "uom": "EA"}, {"name": "BK-2", "uom": "EA"}],
        "suppliers": [SUPPLIER],
        "locations": ["HH"],
        "orders": [{**row, "reference": f"PO-{item}", "item": item, "status": "approved"} for item in ("BK-1", "BK-2")],
    }
    async with httpx.AsyncClient(base_url="http://planning", transport=made.transport()) as control:
        assert (await control.post("/control/rows", json=model)).status_code == 200
    yield made
    await made.simulator.settled()


@every_case
async def test_conformance(case: PlanningCase, bench: FreppleBench) -> None:
    await run(case, bench)
