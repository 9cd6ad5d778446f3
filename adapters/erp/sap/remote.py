"""SAP's rows as models of our documents. Pure: no I/O.

Decided here: what counts as alive, deleted, blocked, converted into an order. Everything raises ValueError, KeyError or
TypeError for rows of another kind. The fields to write are in mapping.py.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from adapters.erp.remote import (
    RemoteComponent,
    RemoteDocument,
    RemoteItem,
    RemoteScheduleLine,
    age,
    day_within_calendar,
    quantity_or_price,
)
from adapters.erp.sap.odata import Entity, rows
from adapters.erp.sap.values import read_date, read_decimal

_DELETED = "L"
"""PurchasingDocumentDeletionCode has three values: L deleted, S blocked, empty. What else an installation may use is
read as a block: it is asked about, and nothing is written over it.
"""


def _number(value: Any) -> Decimal:
    return quantity_or_price(read_decimal(value))


def _day(value: Any) -> dt.date | None:
    return day_within_calendar(read_date(value))


def remote_item(item: Entity) -> RemoteItem:
    """An order item with its expanded schedule."""
    lines = rows(item, "to_ScheduleLine")
    schedule = map(_remote_schedule_line, lines)
    components = (_remote_component(one) for line in lines for one in rows(line, "to_SubcontractingComponent"))
    return RemoteItem(
        order=item["PurchaseOrder"],
        number=int(item["PurchaseOrderItem"]),
        quantity=_number(item.get("OrderQuantity")),
        deleted=_deletion_code(item) == _DELETED,
        blocked=_deletion_code(item) not in ("", _DELETED),
        completed=bool(item.get("IsCompletelyDelivered")),
        requisition=item.get("PurchaseRequisition") or "",
        schedule=tuple(sorted(schedule, key=lambda line: line.number)),
        price=_number(item.get("NetPriceAmount")),
        price_unit=_number(item.get("NetPriceQuantity")) or Decimal(1),
        components=tuple(sorted(components, key=lambda one: (one.schedule_line, one.reservation))),
        material=item.get("Material") or "",
        plant=item.get("Plant") or "",
    )


def _deletion_code(entity: Entity) -> str:
    return (entity.get("PurchasingDocumentDeletionCode") or "").strip()


def _remote_schedule_line(line: Entity) -> RemoteScheduleLine:
    return RemoteScheduleLine(
        number=int(line["ScheduleLine"]),
        date=_day(line.get("ScheduleLineDeliveryDate")),
        quantity=_number(line.get("ScheduleLineOrderQuantity")),
        committed=_number(line.get("ScheduleLineCommittedQuantity")),
    )


def _remote_component(component: Entity) -> RemoteComponent:
    return RemoteComponent(
        schedule_line=int(component["ScheduleLine"]),
        reservation=int(component["ReservationItem"]),
        record_type=component.get("RecordType") or "",
        material=component["Material"],
        quantity=_number(component.get("QuantityInEntryUnit")),
        unit=component.get("EntryUnit") or "",
        date=_day(component.get("RequirementDate")),
    )


def remote_requisitions(items: Sequence[Entity]) -> list[RemoteDocument]:
    """The requisitions that these items belong to, by number."""
    found: dict[str, list[Entity]] = {}
    for item in items:
        found.setdefault(item["PurchaseRequisition"], []).append(item)
    return [
        RemoteDocument(
            number=number,
            live_items=tuple(int(one["PurchaseRequisitionItem"]) for one in members if not one.get("IsDeleted")),
            open_items=tuple(int(one["PurchaseRequisitionItem"]) for one in members if _is_open(one)),
        )
        for number, members in sorted(found.items(), key=lambda pair: age(pair[0]))
    ]


def _is_open(item: Entity) -> bool:
    return not (item.get("IsDeleted") or item.get("PurchasingDocument") or read_decimal(item.get("OrderedQuantity")))


def remote_orders(orders: Sequence[Entity]) -> list[RemoteDocument]:
    """These orders with their expanded items, by number."""
    return [
        _remote_order(order, [remote_item(item) for item in rows(order, "to_PurchaseOrderItem")])
        for order in sorted(orders, key=lambda order: age(order["PurchaseOrder"]))
    ]


def _remote_order(order: Entity, items: Sequence[RemoteItem]) -> RemoteDocument:
    whole_deleted = _deletion_code(order) == _DELETED
    return RemoteDocument(
        number=order["PurchaseOrder"],
        live_items=() if whole_deleted else tuple(item.number for item in items if not item.deleted),
        requisition=next((item.requisition for item in items if item.requisition), ""),
        unreleased=unreleased(order),
    )


def unreleased(order: Entity) -> str:
    """Why the order may not go to its supplier yet: its release is open. SAP says when it is through."""
    return "its release in SAP is not completed" if order.get("ReleaseIsNotCompleted") else ""
