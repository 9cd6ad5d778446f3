"""Odoo's purchase orders, as small models. Pure: no I/O.

Decided here: an order is ours where our reference is one of the words of `origin`, to which Odoo and its users add
others; `sequence` of a line is the number of ours, and lines of one sequence are the parts of it; a line of nothing is
a cancelled one, since lines of a confirmed order can't be deleted. Times are UTC without a zone; a delivery is on the
day that it is at the plant.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from adapters.erp.odoo.api import Row
from adapters.erp.parts import LinePart, Parts
from adapters.erp.remote import RemoteDocument, day_within_calendar, quantity_or_price
from adapters.exact_json import number

ORDER_FIELDS = ("id", "name", "state", "locked", "origin", "write_date", "write_uid", "partner_id")
DRAFT, SENT, TO_APPROVE, CONFIRMED, CANCELLED = "draft", "sent", "to approve", "purchase", "cancel"
_FINEST = 6
_NOON = dt.time(12)
_SEPARATOR = re.compile(r"[,;\s]+")


@dataclass(frozen=True)
class OdooOrder:
    """A purchase order with its lines."""

    id: int
    number: str
    state: str
    locked: bool
    origin: str
    changed_at: dt.datetime | None
    changed_by: str
    parts: Parts
    strange: int = 0
    """How many lines it has that are none of ours."""
    rows: Sequence[Row] = field(default=(), compare=False)

    @property
    def alive(self) -> bool:
        """Whether it is not cancelled."""
        return self.state != CANCELLED

    @property
    def document(self) -> RemoteDocument:
        """The order among those of one reference."""
        return RemoteDocument(
            self.number,
            tuple(sorted(self.parts)) if self.alive else (),
            requisition=self.number if self.state == CONFIRMED else "",
            unreleased=self.waits,
        )

    @property
    def waits(self) -> str:
        """Why it is not an order yet."""
        return f"order {self.number} waits for its approval in Odoo" if self.state == TO_APPROVE else ""


@dataclass(frozen=True)
class OdooLineFields:
    """What fields of a purchase order line are called in this version, and the decimals of its numbers."""

    unit: str
    quantity_decimals: int | None
    price_decimals: int | None
    moves: bool
    """Whether the stock module keeps receipts."""

    @property
    def names(self) -> list[str]:
        """The fields to read."""
        names = [
            "id",
            "order_id",
            "sequence",
            "display_type",
            "product_id",
            "product_qty",
            "qty_received",
            "price_unit",
        ]
        return [*names, "discount", "date_planned", "write_date", self.unit]


def is_ours(origin: Any, reference: str) -> bool:
    """Whether our reference is one of the words of an origin."""
    return isinstance(origin, str) and reference in _SEPARATOR.split(origin)


def remote_orders(
    orders: Sequence[Row], lines: Iterable[Row], fields: OdooLineFields, zone: ZoneInfo
) -> list[OdooOrder]:
    """These orders with their lines, by id. Raises ValueError, KeyError or TypeError."""
    of_order: dict[int, list[Row]] = {}
    for line in lines:
        of_order.setdefault(linked(line["order_id"]), []).append(line)
    return [
        _order(row, of_order.get(int(row["id"]), []), fields, zone) for row in sorted(orders, key=lambda one: one["id"])
    ]


def _order(row: Row, lines: Sequence[Row], fields: OdooLineFields, zone: ZoneInfo) -> OdooOrder:
    parts: dict[int, list[LinePart]] = {}
    strange = 0
    own = [line for line in lines if not line.get("display_type")]
    for line in sorted(own, key=lambda one: (one["sequence"], one["id"])):
        sequence = int(line["sequence"])
        part = _part(line, fields, zone)
        if sequence <= 0:
            strange += 1
        elif part.quantity or part.received:
            parts.setdefault(sequence, []).append(part)
    name = row["name"]
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"an order without a name: {str(name)[:60]!r}")
    return OdooOrder(
        id=int(row["id"]),
        number=name,
        state=str(row["state"]),
        locked=bool(row.get("locked")),
        origin=row.get("origin") or "",
        changed_at=read_moment(row.get("write_date")),
        changed_by=_name_of(row.get("write_uid")),
        parts=parts,
        strange=strange,
        rows=tuple(own),
    )


def _part(line: Row, fields: OdooLineFields, zone: ZoneInfo) -> LinePart:
    planned = read_moment(line.get("date_planned"))
    discount = number(line.get("discount") or 0)
    return LinePart(
        key=str(int(line["id"])),
        number=int(line["id"]),
        date=day_within_calendar(planned.astimezone(zone).date()) if planned else None,
        quantity=read_number(line["product_qty"], fields.quantity_decimals),
        received=max(Decimal(0), read_number(line.get("qty_received") or 0, fields.quantity_decimals)),
        price=quantity_or_price(
            round(read_number(line.get("price_unit") or 0, fields.price_decimals) * (1 - discount / 100), _FINEST)
        ),
        state=str(line.get("write_date") or ""),
        material=_name_of(line.get("product_id")),
        unit=_name_of(line.get(fields.unit)),
    )


def read_number(value: Any, decimals: int | None) -> Decimal:
    """A float of Odoo's as the decimal that was meant: in the field's decimals, at most six. Raises ValueError."""
    read = number(value)
    most = _FINEST if decimals is None else min(decimals, _FINEST)
    return quantity_or_price(round(read, most)) if read >= 0 else round(read, most)


def read_moment(value: Any) -> dt.datetime | None:
    """A moment, which Odoo writes in UTC without a zone; None for none. Raises ValueError."""
    if not value:
        return None
    if not isinstance(value, str):
        raise ValueError(f"not a moment: {str(value)[:60]!r}")
    return dt.datetime.fromisoformat(value[:19]).replace(tzinfo=dt.UTC)


def write_moment(day: dt.date, zone: ZoneInfo) -> str:
    """Noon of a day at the plant, as Odoo itself does where a day is all that is known."""
    return dt.datetime.combine(day, _NOON, zone).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def linked(value: Any) -> int:
    """The id in a many2one, which is read with its name. Raises ValueError, TypeError or LookupError."""
    return int(value[0]) if isinstance(value, list) else int(value)


def _name_of(value: Any) -> str:
    return str(value[1]) if isinstance(value, list) and len(value) > 1 else ""
