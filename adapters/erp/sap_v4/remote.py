"""Rows of OData V4 as models of our documents. Pure: no I/O.

Decided here: what counts as alive, deleted, blocked, released. Everything raises ValueError, KeyError or TypeError for
rows of another kind.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
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
from adapters.erp.sap.values import read_decimal
from adapters.erp.sap_v4.mapping import COMPONENTS, ITEMS, SCHEDULE
from adapters.erp.sap_v4.odata import ETAG, Entity, rows
from adapters.erp.sap_v4.values import read_date

_DELETED = "L"
"""Deletion codes: L deleted, S blocked, empty; what else an installation may use is read as a block."""
_REJECTED = "08"
"""PurchasingProcessingStatus of an order whose release was refused."""


def remote_item(item: Entity) -> RemoteItem:
    """An order item with its expanded schedule."""
    lines = rows(item, SCHEDULE)
    components = (_remote_component(one) for line in lines for one in rows(line, COMPONENTS))
    code = _code(item, "PurchasingDocumentDeletionCode")
    return RemoteItem(
        order=item["PurchaseOrder"],
        number=int(item["PurchaseOrderItem"]),
        quantity=_number(item.get("OrderQuantity")),
        deleted=code == _DELETED,
        blocked=code not in ("", _DELETED) or bool(item.get("PurgItemIsBlockedForDelivery")),
        completed=bool(item.get("IsCompletelyDelivered")),
        requisition=item.get("PurchaseRequisition") or "",
        schedule=tuple(sorted(map(_remote_schedule_line, lines), key=lambda line: line.number)),
        price=_number(item.get("NetPriceAmount")),
        price_unit=_number(item.get("NetPriceQuantity")) or Decimal(1),
        components=tuple(sorted(components, key=lambda one: (one.schedule_line, one.reservation))),
        material=item.get("Material") or "",
        plant=item.get("Plant") or "",
        unit=item.get("PurchaseOrderQuantityUnit") or "",
        etag=etag(item),
    )


def _remote_schedule_line(line: Entity) -> RemoteScheduleLine:
    return RemoteScheduleLine(
        number=int(line["ScheduleLine"]),
        date=_day(line.get("ScheduleLineDeliveryDate")),
        quantity=_number(line.get("ScheduleLineOrderQuantity")),
        committed=Decimal(0),
        etag=etag(line),
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
        etag=etag(component),
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
            open_items=tuple(int(one["PurchaseRequisitionItem"]) for one in members if is_open(one)),
        )
        for number, members in sorted(found.items(), key=lambda pair: age(pair[0]))
    ]


def is_open(item: Entity) -> bool:
    """Whether a requisition item is neither deleted nor closed nor in an order."""
    gone = item.get("IsDeleted") or item.get("IsClosed") or item.get("PurchasingDocument")
    return not (gone or read_decimal(item.get("OrderedQuantity")))


def remote_orders(orders: Sequence[Entity]) -> list[RemoteDocument]:
    """These orders with their expanded items, by number."""
    return [
        _remote_order(order, [remote_item(item) for item in rows(order, ITEMS)])
        for order in sorted(orders, key=lambda order: age(order["PurchaseOrder"]))
    ]


def _remote_order(order: Entity, items: Sequence[RemoteItem]) -> RemoteDocument:
    whole_deleted = _code(order, "PurchaseOrderDeletionCode") == _DELETED
    return RemoteDocument(
        number=order["PurchaseOrder"],
        live_items=() if whole_deleted else tuple(item.number for item in items if not item.deleted),
        requisition=next((item.requisition for item in items if item.requisition), ""),
        unreleased=unreleased(order),
    )


def unreleased(order: Mapping[str, Any]) -> str:
    """Why the order may not go to its supplier yet: its release is open, or was refused."""
    if not order.get("ReleaseIsNotCompleted"):
        return ""
    status = str(order.get("PurchasingProcessingStatus") or "").strip()[:2]
    if status == _REJECTED:
        return "its release in SAP was refused (processing status 08)"
    return f"its release in SAP is not completed{f' (processing status {status})' if status else ''}"


def etag(entity: Mapping[str, Any]) -> str:
    """The entity's tag; empty where it has none that could be sent again."""
    tag = entity.get(ETAG)
    return tag if isinstance(tag, str) and tag.isprintable() and tag.isascii() else ""


def _code(entity: Entity, field: str) -> str:
    return (entity.get(field) or "").strip()


def _number(value: Any) -> Decimal:
    return quantity_or_price(read_decimal(value))


def _day(value: Any) -> dt.date | None:
    return day_within_calendar(read_date(value))
