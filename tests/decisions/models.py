"""The models that the tests of the rules use; the present is June 2026."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.identity import OrderId
from canonical.need import Need, Peg, Revision
from canonical.policy import Approval, PlantPolicy
from canonical.sourcing import ItemAtPlant, Source
from canonical.supply import CoverageChanged, OrderCoverage, ScheduleLine, ScheduleLineState, SupplyRequest
from decisions.sourcing import plan_with
from decisions.supply_requests import request_for

WEEKDAYS = Calendar(name="weekdays")
EVERY_DAY = Calendar(name="every day", weekdays=(0, 1, 2, 3, 4, 5, 6))


def numbers(*values: int) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, values))


def june(day: int) -> dt.date:
    return dt.date(2026, 6, day)


def may(day: int) -> dt.date:
    return dt.date(2026, 5, day)


def a_policy(**changes: Any) -> PlantPolicy:
    fields: dict[str, Any] = {
        "plant": "1710",
        "version": "test",
        "company_code": "1710",
        "purchasing_organization": "1710",
        "calendar": WEEKDAYS,
        "office": WEEKDAYS,
        "approval": Approval(rates={"EUR": Decimal(1), "USD": Decimal("0.92")}),
    }
    return PlantPolicy(**fields | changes)


def a_source(**changes: Any) -> Source:
    fields: dict[str, Any] = {
        "supplier": "1580",
        "supplier_name": "Litware",
        "unit": "EA",
        "lead_time_days": 21,
        "minimum_quantity": Decimal(1),
        "multiple": Decimal(1),
        "price": Decimal("2.00"),
        "currency": "USD",
        "calendar": WEEKDAYS,
    }
    return Source(**fields | changes)


def an_item(*sources: Source, goods_receipt_days: int = 2) -> ItemAtPlant:
    return ItemAtPlant(
        plant="1710",
        item="BB-7421",
        description="Bottom bracket",
        base_unit="EA",
        goods_receipt_days=goods_receipt_days,
        sources=sources,
    )


def a_need(**changes: Any) -> Need:
    fields: dict[str, Any] = {
        "plant": "1710",
        "item": "BB-7421",
        "quantity": Decimal(1000),
        "unit": "EA",
        "required_date": june(15),
        "source": "aps",
        "demand_reference": "SO-1",
        "revision": a_revision(1),
    }
    return Need(**fields | changes)


def a_revision(plan_version: int, **changes: Any) -> Revision:
    fields: dict[str, Any] = {
        "plan_version": plan_version,
        "effective_at": dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC),
        "event_id": "e1",
    }
    return Revision(**fields | changes)


def a_peg(
    quantity: int | Decimal, date: dt.date, criticality: Criticality = Criticality.B, demand: str = "SO-1"
) -> Peg:
    return Peg(demand=demand, quantity=Decimal(quantity), date=date, criticality=criticality)


def confirmed(quantity: int | Decimal, date: dt.date) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=date, state=ScheduleLineState.CONFIRMED)


def backordered(quantity: int | Decimal, date: dt.date | None = None) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=date, state=ScheduleLineState.BACKORDERED)


def received(quantity: int | Decimal, date: dt.date) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=date, state=ScheduleLineState.RECEIVED)


def a_supply_request(quantity: int) -> SupplyRequest:
    need, item = a_need(), an_item(a_source())
    choice = plan_with(item.sources[0], item, need, a_policy(), may(4), Decimal(quantity))
    return request_for(need, item, choice, a_policy(), requirement_id=need.id, request_revision=2, today=may(4))


def a_coverage(name: str, quantity: int, *schedule_lines: ScheduleLine, **reported: object) -> OrderCoverage:
    """An order with this quantity requested; given schedule lines, it has answered."""
    statement = None
    if schedule_lines or reported:
        statement = CoverageChanged.model_validate(
            {
                "order_id": name,
                "sequence": 1,
                "as_of": a_need().revision.effective_at,
                "supplier": "1580",
                "request_revision": 2,
                "schedule_lines": schedule_lines,
            }
            | reported
        )
    return OrderCoverage(
        order_id=OrderId(name), supplier="1580", request=a_supply_request(quantity), reported=statement
    )
