"""An order lives in Oracle Fusion: placed, confirmed, changed, received; another is cancelled."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from adapters.erp.oracle.client import OracleErp, OracleOptions
from adapters.http import make_client
from canonical.messages import ApprovalReported
from canonical.records import OrderSnapshot
from simulators.faults import Simulator
from simulators.oracle.app import create
from tests.adapters.erp.oracle import MountedOracle, Oracle
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, CHANGED, Harness
from tests.workflows.plant import today

SITE = "MAIN"


@pytest.fixture
async def oracle() -> AsyncIterator[Oracle]:
    simulator: Simulator = create()
    control = httpx.AsyncClient(base_url="http://oracle", transport=httpx.ASGITransport(simulator))
    async with control, make_client("http://oracle/oracle", "PEGLINE", "pegline", 5, MountedOracle(simulator)) as http:
        yield Oracle(simulator, control, http)


@pytest.fixture
async def harness(make_harness: MakeHarness, oracle: Oracle) -> Harness:
    options = OracleOptions(buyer_email="buyer@example.com")
    return await make_harness(erp=OracleErp(oracle.http, options, settle_seconds=0.5))


async def sold(harness: Harness, oracle: Oracle, item: str, supplier: str) -> str:
    """The name of an item that both sides know."""
    name = harness.item(item, supplier, info_record=SITE)
    numbered = f"{supplier}-{harness.prefix}"
    await oracle.post(
        "/control/master-data",
        {
            "suppliers": [{"SupplierNumber": numbered, "Supplier": supplier, "sites": [SITE]}],
            "items": [{"ItemNumber": name, "organizations": ["1710"]}],
        },
    )
    return name


async def until_schedules(harness: Harness, oracle: Oracle, number: str, so: Callable[[Any], object]) -> Any:
    async def look() -> Any:
        found = [(requested, promised, int(quantity)) for requested, promised, quantity in oracle.schedules(number)]
        return found if so(found) else None

    return await harness.until(look)


async def test_an_order_is_placed_confirmed_changed_and_received_in_oracle(harness: Harness, oracle: Oracle) -> None:
    need = harness.need(await sold(harness, oracle, "CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    number = order.order_number or ""
    (held,) = oracle.orders
    assert (held["OrderNumber"], held["StatusCode"], held["Description"]) == (
        number,
        "OPEN",
        harness.supplier.sent[number][0].reference,
    )

    await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 60, 50), (CHANGED, 40, 55)))
    asked = held["lines"][0]["schedules"][0]["RequestedDeliveryDate"]
    split = await until_schedules(harness, oracle, number, lambda found: len(found) == 2)
    days = [(today().fromordinal(today().toordinal() + ahead)).isoformat() for ahead in (50, 55)]
    assert split == [(asked, days[0], 60), (asked, days[1], 40)]

    await harness.replan(need, 2, quantity=150)
    await until_schedules(harness, oracle, number, lambda found: sum(one[2] for one in found) == 150)
    changed = await harness.order_until(order, lambda found: found.revision == 2)
    await harness.answer(changed)
    await harness.settled(changed)

    await oracle.receive(number, 10, "150")
    await harness.receive(changed)
    assert await harness.ended(requirement) == "fulfilled"
    assert await harness.ended(order.id) == "closed"
    assert oracle.orders[0]["lines"][0]["StatusCode"] == "CLOSED FOR RECEIVING"


async def test_an_order_that_nobody_needs_any_more_is_cancelled_in_oracle(harness: Harness, oracle: Oracle) -> None:
    need = harness.need(await sold(harness, oracle, "BELL", "Chimes"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    assert await harness.withdraw(need, 2)
    await harness.order_until(order, lambda found: found.revision == 2)
    await harness.answer(order, revision=2)
    assert await harness.ended(order.id) in ("closed", "cancelled")
    assert oracle.orders == []


async def test_an_order_and_its_change_go_to_the_supplier_once_people_in_oracle_approve_them(
    harness: Harness, oracle: Oracle
) -> None:
    await oracle.post("/control/approvals", {"orders": True, "changes": True})
    need = harness.need(await sold(harness, oracle, "FORK", "Argus"))
    requirement = await harness.plan(need)
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    held = await harness.order_until(order, lambda found: found.approval)
    assert held.approval is not None
    assert held.reason.startswith("waits for approval in Oracle since ")
    number = held.approval.document
    assert number not in harness.supplier.sent
    await approved(harness, oracle, held, number)
    sent = await harness.order_until(order, lambda found: found.stage == "sent")
    assert sent.order_number == number

    await harness.replan(need, 2, quantity=150)
    held = await harness.order_until(order, lambda found: found.approval and found.approval.document == f"{number}/1")
    assert [document.revision for document in harness.supplier.sent[number]] == [1]
    await approved(harness, oracle, held, f"{number}/1")
    await harness.order_until(order, lambda found: found.revision == 2)
    assert [one[2] for one in oracle.schedules(number)] == [150]


async def approved(harness: Harness, oracle: Oracle, order: OrderSnapshot, document: str) -> None:
    """People in Oracle approve what waits, and the order is told to look."""
    await harness.until(lambda: harness.at_rest(order.id))
    await oracle.decide(document.partition("/")[0], "approve")
    await harness.entities.report_approval(
        order.id, ApprovalReported(event_id=f"decided-{document}", document=document)
    )
