"""SAP's state of our documents, as small models. Pure: no I/O.

Decided here: what counts as alive, deleted, blocked, converted into an order; and that numbers and days lie within what
the rest of Pegline can hold: everything raises ValueError, KeyError or TypeError for rows of another kind. The fields
to write are in mapping.py.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.erp.sap.odata import Entity, rows
from adapters.erp.sap.values import read_date, read_decimal
from canonical.base import FIRST_DAY, LAST_DAY

_BEYOND, _FINEST = Decimal(10) ** 12, Decimal("0.000001")

_DELETED = "L"
"""PurchasingDocumentDeletionCode has three values: L deleted, S blocked, empty. What else an installation may use is
read as a block: it is asked about, and nothing is written over it.
"""


@dataclass(frozen=True)
class RemoteScheduleLine:
    """A schedule line as SAP holds it."""

    number: int
    date: dt.date | None
    quantity: Decimal
    committed: Decimal


@dataclass(frozen=True)
class RemoteComponent:
    """A component that a subcontractor gets for a schedule line, as SAP holds it; quantity and unit as entered."""

    schedule_line: int
    reservation: int
    record_type: str
    material: str
    quantity: Decimal
    unit: str
    date: dt.date | None


@dataclass(frozen=True)
class RemoteItem:
    """An order item as SAP holds it."""

    order: str
    number: int
    quantity: Decimal
    deleted: bool
    completed: bool
    requisition: str
    schedule: tuple[RemoteScheduleLine, ...] = ()
    price: Decimal = Decimal(0)
    price_unit: Decimal = Decimal(1)
    components: tuple[RemoteComponent, ...] = ()
    material: str = ""
    plant: str = ""
    blocked: bool = False


@dataclass(frozen=True)
class RemoteDocument:
    """A requisition or order of our reference: its number, the items still alive; an order's requisition.

    `open_items`: for a requisition, the items that are alive and not in an order.
    """

    number: str
    live_items: tuple[int, ...]
    requisition: str = ""
    open_items: tuple[int, ...] = ()

    @property
    def deleted(self) -> bool:
        """No item of it is left."""
        return not self.live_items


def _number(value: Any) -> Decimal:
    number = read_decimal(value)
    if not 0 <= number < _BEYOND or number % _FINEST:
        raise ValueError(f"a quantity or price beyond what an order can hold: {str(value)[:60]!r}")
    return number


def _day(value: Any) -> dt.date | None:
    day = read_date(value)
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} does not lie between {FIRST_DAY} and {LAST_DAY}")
    return day


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
        for number, members in sorted(found.items(), key=lambda pair: _age(pair[0]))
    ]


def _is_open(item: Entity) -> bool:
    return not (item.get("IsDeleted") or item.get("PurchasingDocument") or read_decimal(item.get("OrderedQuantity")))


def remote_orders(orders: Sequence[Entity]) -> list[RemoteDocument]:
    """These orders with their expanded items, by number."""
    return [
        _remote_order(order, [remote_item(item) for item in rows(order, "to_PurchaseOrderItem")])
        for order in sorted(orders, key=lambda order: _age(order["PurchaseOrder"]))
    ]


def _remote_order(order: Entity, items: Sequence[RemoteItem]) -> RemoteDocument:
    whole_deleted = _deletion_code(order) == _DELETED
    return RemoteDocument(
        number=order["PurchaseOrder"],
        live_items=() if whole_deleted else tuple(item.number for item in items if not item.deleted),
        requisition=next((item.requisition for item in items if item.requisition), ""),
    )


def _age(number: str) -> tuple[int, str]:
    """SAP numbers documents upwards; a shorter number is a lower one."""
    return (len(number.lstrip("0")), number)
