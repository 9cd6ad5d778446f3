"""What a planning system asks before it releases a revision, answered from the ledger."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from canonical.identity import RequirementId, StockId
from canonical.need import Need
from canonical.records import LineShare, OrderLineSnapshot, RequirementStage
from canonical.sourcing import Assessment, ItemAtPlant, UnitConversion
from canonical.stock import StockReport, StockReportKind
from canonical.supply import ScheduleLine, ScheduleLineState
from gateway.intake.cloudevents import read_structured
from gateway.intake.events import read
from ledger.stock.stock import CountedReport
from tests.decisions.models import a_policy, a_source
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import ITEM, MORNING, PLANT, planned, requirement_id


def need(reference: str = "PLO-1", **data: Any) -> Need:
    statement = read(
        read_structured(json.dumps(planned(f"e-{reference}", reference, **data)).encode()), MORNING
    ).message
    assert isinstance(statement, Need)
    return statement


async def stock(gateway: Gateway, quantity: str) -> None:
    report = StockReport(
        kind=StockReportKind.STATED,
        plant=PLANT,
        item=ITEM,
        quantity=Decimal(quantity),
        unit="EA",
        source="wms",
        effective_at=MORNING,
        event_id="s-1",
    )
    await gateway.ledger.stock.register(
        StockId(report.id), "EA", [CountedReport(report=report, quantity=report.quantity)]
    )


async def sold(gateway: Gateway, **item: Any) -> None:
    fields: dict[str, Any] = {"plant": PLANT, "item": ITEM, "base_unit": "EA", "goods_receipt_days": 2}
    kept = ItemAtPlant(**fields | {"sources": (a_source(),)} | item)
    await gateway.ledger.stock.record_item(Assessment(item=kept, policy=a_policy(plant=PLANT)))


def line(
    allocated: str, *schedule_lines: tuple[str, int, ScheduleLineState], quantity: str = "450", **changes: Any
) -> OrderLineSnapshot:
    fields: dict[str, Any] = {
        "line": 10,
        "item": ITEM,
        "requirement_id": RequirementId(requirement_id()),
        "quantity": Decimal(quantity),
        "unit": "EA",
        "delivery_date": dt.date(2026, 6, 11),
        "price": "2.00",
        "schedule_lines": tuple(
            ScheduleLine(quantity=Decimal(much), date=dt.date(2026, 6, day), state=state)
            for much, day, state in schedule_lines
        ),
        "shipped": Decimal(0),
        "received": Decimal(0),
        "allocated": Decimal(allocated),
    }
    return OrderLineSnapshot(**fields | changes)


async def ask(gateway: Gateway, quantity: str = "100", **query: str) -> dict[str, Any]:
    asked = {"plant": PLANT, "item": ITEM, "quantity": quantity} | query
    response = await gateway.client.get("/v1/availability", params=asked)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


CONFIRMED, SHIPPED, RECEIVED = ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED, ScheduleLineState.RECEIVED


async def test_stock_surplus_and_a_new_order_are_taken_in_turn(gateway: Gateway) -> None:
    await stock(gateway, "120")
    await gateway.requirement(need(), RequirementStage.COVERED, needed=Decimal(500), from_stock=Decimal(80))
    await gateway.order(lines=(line("420", ("435", 11, CONFIRMED)),))
    await sold(gateway)

    answer = await ask(gateway, "60", date="2026-06-15")
    assert answer["stock"]["available"] == "40"
    assert answer["needs"] == {
        "open": 1, "quantity": "500", "from_stock": "80", "received": "0", "confirmed": "420", "open_to_confirm": "0",
    }  # fmt: skip
    assert answer["surplus"] == [{"quantity": "15", "available_on": "2026-06-15", "reference": "4500000001"}]
    assert [(part["origin"], part["quantity"], part["available_on"]) for part in answer["portions"]] == [
        ("stock", "40", "2026-06-01"),
        ("confirmed_surplus", "15", "2026-06-15"),
        ("new_order", "5", "2026-06-25"),
    ]
    assert (answer["earliest_date"], answer["feasible"]) == ("2026-06-25", False)
    assert (await ask(gateway, "55", date="2026-06-15"))["feasible"] is True
    assert (await ask(gateway, "40"))["feasible"] is None


async def test_what_is_received_or_unconfirmed_is_no_surplus_and_the_last_to_come_is(gateway: Gateway) -> None:
    await gateway.requirement(need(), RequirementStage.COVERED)
    mixed = line(
        "300", ("100", 3, RECEIVED), ("150", 9, SHIPPED), ("100", 12, CONFIRMED),
        ("50", 19, ScheduleLineState.BACKORDERED),
        received=Decimal(100),
    )  # fmt: skip
    await gateway.order(lines=(mixed,))
    await gateway.order("4500000002", lines=(line("100", ("450", 11, ScheduleLineState.ORDERED)),))
    await gateway.order("4500000003", closed=True, lines=(line("100", ("450", 11, CONFIRMED)),))
    await gateway.order("4500000004", lines=(line("450", ("450", 11, CONFIRMED)),))
    answer = await ask(gateway)
    assert [(each["quantity"], each["reference"]) for each in answer["surplus"]] == [("50", "4500000001")]
    assert answer["needs"]["confirmed"] == "650", "200 of the first; of the one that is claimed whole, all"
    assert answer["earliest_date"] is None
    assert "lead times are not known" in answer["why"]


async def test_ended_and_withdrawn_needs_do_not_count_and_received_is_shown_separately(gateway: Gateway) -> None:
    there = (ScheduleLine(quantity=Decimal(200), date=dt.date(2026, 6, 1), state=RECEIVED),)
    await gateway.requirement(need(), RequirementStage.COVERED, coverage=there)
    await gateway.requirement(need("PLO-2"), RequirementStage.FULFILLED, closed=True)
    await gateway.requirement(need("PLO-3"), RequirementStage.COVERED, needed=Decimal(0))
    needs = (await ask(gateway))["needs"]
    assert (needs["open"], needs["quantity"], needs["received"], needs["open_to_confirm"]) == (1, "500", "200", "300")


async def test_a_line_that_changes_is_counted_as_it_is_now(gateway: Gateway) -> None:
    order = await gateway.order(lines=(line("420", ("450", 11, CONFIRMED)),))
    assert [each["quantity"] for each in (await ask(gateway))["surplus"]] == ["30"]
    shares = (LineShare(requirement_id=RequirementId(requirement_id()), quantity=Decimal(420)),)
    changed = line("450", ("450", 11, CONFIRMED), shares=shares)
    await gateway.record(order.model_copy(update={"lines": (changed,)}))
    assert (await ask(gateway))["surplus"] == []
    await gateway.record(order.model_copy(update={"lines": ()}))
    assert (await ask(gateway))["needs"]["confirmed"] == "0"


async def test_nothing_is_left_of_stock_that_is_overcommitted(gateway: Gateway) -> None:
    await stock(gateway, "-5")
    answer = await ask(gateway, "1")
    assert (answer["stock"]["available_to_promise"], answer["stock"]["available"], answer["earliest_date"]) == (
        "-5",
        "0",
        None,
    )


async def test_another_unit_is_counted_as_master_data_converts_and_refused_where_nothing_does(
    gateway: Gateway,
) -> None:
    await stock(gateway, "100")
    dozen = UnitConversion(unit="CT", numerator=Decimal(12), denominator=Decimal(1))
    refused = await gateway.client.get(
        "/v1/availability", params={"plant": PLANT, "item": ITEM, "quantity": "1", "unit": "CT"}
    )
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "unit_mismatch", "unit")
    await sold(gateway, conversions=(dozen,))
    answer = await ask(gateway, "8", unit="CT")
    assert (answer["unit"], answer["stock"]["available"], answer["earliest_date"]) == ("CT", "8.333333", "2026-06-01")


async def test_an_unknown_item_is_reported_as_unknown(gateway: Gateway) -> None:
    answer = await ask(gateway, item="NO-SUCH")
    assert (answer["known"], answer["earliest_date"], answer["stock"]) == (False, None, None)
    assert answer["why"].startswith("nothing was ever stated, needed or ordered of NO-SUCH at P1")


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"plant": "P9"}, 404, "plant"),
        ({"quantity": "0"}, 422, "quantity"),
        ({"quantity": "many"}, 422, "quantity"),
        ({"date": "15.06.2026"}, 422, "date"),
        ({"unit": "BLOB"}, 422, "unit"),
        ({"item": "a/b"}, 422, "item"),
    ],
)
async def test_what_cannot_be_asked_is_a_problem_that_names_the_field(
    gateway: Gateway, query: dict[str, str], status: int, field: str
) -> None:
    asked = {"plant": PLANT, "item": ITEM, "quantity": "10"} | query
    response = await gateway.client.get("/v1/availability", params=asked)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert field in response.json()["field"]
    assert response.json()["next_step"]


async def test_the_question_is_described_with_an_example(gateway: Gateway) -> None:
    described = (await gateway.client.get("/openapi.json")).json()
    view = described["components"]["schemas"]["AvailabilityView"]
    assert view["examples"][0]["earliest_date"] == "2026-06-29"
    assert "application/problem+json" in described["paths"]["/v1/availability"]["get"]["responses"]["404"]["content"]
