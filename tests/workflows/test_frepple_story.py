"""A planner approves an order in frePPLe: it is bought, confirmed in two parts and received, and frePPLe knows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.aps.frepple.dialect import DIALECT
from adapters.dialects import Connection
from adapters.http import make_client
from canonical.identity import requirement_id
from gateway.plan_runs.fetching import PlanFetcher, PlanSource
from policies.book import PolicyBook
from simulators.faults import InProcessTransport, Simulator
from simulators.frepple.app import create
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, CHANGED, Harness
from tests.workflows.planner import Planner, publishing
from tests.workflows.plant import today

PLANT, NEED, SOURCE = "1710", "PO-77", "aps-frepple"


@pytest.fixture
async def frepple() -> AsyncIterator[tuple[Simulator, httpx.AsyncClient]]:
    simulator = create()
    async with make_client("http://frepple", "PEGLINE", "frepple", 5, InProcessTransport(app=simulator)) as client:
        yield simulator, client


def read_by(planner: Planner, source: PlanSource) -> PlanFetcher:
    """Whoever reads plans; each look is due."""
    return PlanFetcher(planner.harness.ledger, planner.intake, lambda: [source])


async def held(harness: Harness, simulator: Simulator, statuses: list[str]) -> dict[str, tuple[str, Decimal, int]]:
    """Status, quantity and receipt day (from today) of frePPLe's orders, once their statuses are these."""

    async def look() -> dict[str, tuple[str, Decimal, int]] | None:
        rows = {
            str(row["reference"]).partition(":")[0].rpartition("-")[2]: (
                row["status"],
                Decimal(row["quantity"]).normalize(),
                (datetime.fromisoformat(row["enddate"]).date() - today()).days,
            )
            for row in simulator.books()["orders"]
        }
        return rows if sorted(status for status, *_ in rows.values()) == statuses else None

    return await harness.until(look)


async def test_what_a_planner_approves_is_bought_and_comes_back_confirmed_and_received(
    make_harness: MakeHarness, frepple: tuple[Simulator, httpx.AsyncClient]
) -> None:
    simulator, client = frepple
    now = datetime.now(UTC)
    policies = PolicyBook(Path("policies"), today=today)
    connection = Connection("frepple", client, {"unit": "EA"}, 0, 0, policies, lambda: now)
    system = DIALECT.connect(connection)
    assert system.plan is not None
    harness = await make_harness(aps=system.aps)
    item = harness.item("CHAIN", "Cyclops")
    rows: dict[str, Any] = {
        "items": [{"name": item, "uom": None}],
        "suppliers": [f"Cyclops-{harness.prefix}"],
        "locations": [PLANT],
        "orders": [
            {
                "reference": NEED,
                "item": item,
                "location": PLANT,
                "supplier": f"Cyclops-{harness.prefix}",
                "quantity": "100",
                "enddate": f"{(today() + timedelta(days=60)).isoformat()}T00:00:00",
                "status": "approved",
            }
        ],
    }
    assert (await client.post("/control/rows", json=rows)).status_code == 200
    requirement = requirement_id(PLANT, item, SOURCE, NEED)
    async with publishing(harness) as planner:
        await read_by(planner, PlanSource("frepple", SOURCE, PLANT, system.plan, 0)).look()
        run = await harness.ledger.plans.of_version(SOURCE, PLANT, int(now.timestamp()))
        assert run is not None
        await planner.ended(run)
        await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 60, 50), (CHANGED, 40, 55)))
        assert await held(harness, simulator, ["closed", "confirmed", "confirmed"]) == {
            "77": ("closed", Decimal(100), 60),
            "1": ("confirmed", Decimal(60), 50),
            "2": ("confirmed", Decimal(40), 55),
        }
        [line] = (await system.plan.read_plan(PLANT)).lines.splitlines()
        assert b'"quantity": "100"' in line, "the need is as it was approved"

        await harness.receive(await harness.order_of(requirement))
        assert await harness.ended(requirement) == "fulfilled"
        await held(harness, simulator, ["closed", "closed"])
        assert (await system.plan.read_plan(PLANT)).lines == b""
