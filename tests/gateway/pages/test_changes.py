"""A planner reads what an engineering change does to orders, stock and requirements."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.bom import AffectedRequirement, ChangeDisposition, ChangeInstruction
from canonical.identity import ExceptionId
from canonical.records import ChangeSnapshot, ChangeStage
from tests.decisions.bills import removed, revised
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import shortage
from tests.gateway.pages.story import need, of_plant, page_of, text

PAGE = "/changes/P1/BK-100/B"


def change(plant: str = "P1", **changes: Any) -> ChangeSnapshot:
    of = revised(removed()).model_copy(update={"plant": plant, "assembly": "BK-100", "revision": "B"})
    return ChangeSnapshot(id=of.id, revised=of, **{"stage": ChangeStage.PROPOSED} | changes)


def returned(quantity: int, cost: str) -> ChangeDisposition:
    return ChangeDisposition(
        component="BB-7421",
        reference="4500000001/10",
        order_id="order/P1/1580/o1",
        line=10,
        quantity=Decimal(quantity),
        unit="EA",
        fate="returned",
        by_hand=True,
        cost=Decimal(cost),
    )


async def test_a_change_shows_each_quantitys_fate_and_what_people_have_to_do(gateway: Gateway) -> None:
    asked = shortage(id=ExceptionId("exception/0001"), raised_by=change().id)
    await gateway.record(asked)
    keeps = AffectedRequirement(
        requirement_id=need().id, component="BB-7421", unit="EA", quantity=Decimal(500), keeps=Decimal(120)
    )
    do = ChangeInstruction(
        owner="buyer",
        action="return",
        component="BB-7421",
        reference="4500000001/10",
        quantity=Decimal(12),
        unit="EA",
        value=Decimal(22),
        cost=Decimal("3.31"),
        currency="EUR",
    )
    await gateway.record(
        change(dispositions=(returned(12, "3.31"),), affected=(keeps,), instructions=(do,), exception_id=asked.id)
    )
    page = await text(gateway, PAGE)
    assert 'href="/orders/P1/1580/o1">4500000001/10</a>' in page
    assert "returned to the supplier" in page
    assert page_of(need()) in page
    assert 'href="/questions/0001"' in page
    assert "3.31" in page
    listed = await text(gateway, "/changes?stage=proposed")
    assert f'href="{PAGE}"' in listed
    assert "No engineering change matches" in await text(gateway, "/changes?assembly=BK-999")
    of_plant(gateway, "P1")
    assert "3.31" not in await text(gateway, PAGE), "what it costs comes from suppliers' prices"


async def test_a_change_has_a_history_and_another_plants_is_not_seen(gateway: Gateway) -> None:
    one = change()
    opened = {"effective_from": "2026-07-01", "lines": [{"component": "BB-7421", "change": "removed"}]}
    at = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
    await gateway.record(
        one,
        gateway.audit_event(one.id, "change.opened", at, opened),
        gateway.audit_event(one.id, "change.carried_out", at + dt.timedelta(days=1), {"decided_by": "anna"}),
    )
    await gateway.record(change("P2"))
    page = await text(gateway, f"{PAGE}/trace")
    for said in ("Revision stated", "BB-7421 removed", "Carried out", "by anna", "The record is intact"):
        assert said in page
    then = await text(gateway, f"{PAGE}/trace?as_known_on=2026-06-01")
    assert "Carried out" not in then
    assert "being judged" in then
    of_plant(gateway, "P1")
    await text(gateway, "/changes/P2/BK-100/B", 404)
    await text(gateway, "/changes/P2/BK-100/B/trace", 404)
    assert "/changes/P2" not in await text(gateway, "/changes")
