"""A person edited an order in the ERP if it is neither as last written nor as requested now. Pure: no I/O.

Decided here:
- Quantity, delivery date, price and deletion are compared separately; a value equal to the requested one is no edit.
- The written state is known exactly: the quantity, and the deliveries of write_schedule (the supplier's confirmation);
  without them, a single delivery. A changed quantity on the same days is reported as a quantity only.
- Changed commitments are not edits.
- A blocked item is an edit of its own, and so is a completed delivery where more is expected; nothing else of the item
  is compared then.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from adapters.erp.remote import Items, RemoteItem
from canonical.order import (
    DeliveryLine,
    DocumentEdit,
    DocumentLine,
    EditedField,
    LineSchedule,
    WrittenLine,
    edited_value,
)

UNKNOWN = "unknown"
"""Where the ERP shows when an order was changed last, not by whom."""

_Days = Mapping[dt.date, Decimal]


@dataclass(frozen=True)
class FieldEdit:
    """A field of a line that a person edited, values as canonical.order.edited_value spells them."""

    line: int
    field: EditedField
    old: str
    new: str
    deliveries: tuple[DeliveryLine, ...] = ()
    """All deliveries of the line in the ERP."""

    def in_document(self, order: str, effective_at: dt.datetime) -> DocumentEdit:
        """The edit as a canonical document edit."""
        return DocumentEdit(
            order_number=order,
            line=self.line,
            field=self.field,
            old=self.old,
            new=self.new,
            deliveries=self.deliveries,
            edited_by=UNKNOWN,
            effective_at=effective_at,
        )


@dataclass(frozen=True)
class _Asked:
    """The requested state of a line; quantity None and no days: deleted."""

    line: int
    quantity: Decimal | None
    days: _Days
    price: Decimal | None = None
    """None: the write does not touch it."""
    price_unit: Decimal = Decimal(1)
    completed: bool | None = False
    """Whether delivery is to be completed; None: it does not matter."""


def of_lines(remote: Items, lines: Iterable[DocumentLine], *, priced: bool) -> list[FieldEdit]:
    """The edits of people to these lines; `priced`: the document has prices (a transfer has none)."""
    asked = [
        (
            _Asked(
                line.line,
                None if line.cancelled else line.quantity,
                {} if line.cancelled else {line.delivery_date: line.quantity},
                line.price if priced else None,
                line.price_unit,
                None if line.cancelled else False,
            ),
            line.written,
        )
        for line in lines
    ]
    return _of_all(remote, asked)


def of_schedules(remote: Items, lines: Iterable[LineSchedule]) -> list[FieldEdit]:
    """The edits of people to quantity and deliveries of these lines; a schedule does not affect the price,
    which is compared where its unit is given.
    """
    asked = []
    for line in lines:
        days = _by_day((one.date, one.quantity) for one in line.schedule if one.quantity)
        quantity = sum(days.values(), Decimal(0)) if days else None
        priced = line.written is not None and line.price_unit is not None
        price = line.written.price if priced and line.written is not None else None
        per = line.price_unit or Decimal(1)
        asked.append((_Asked(line.line, quantity, days, price, per, line.completed), line.written))
    return _of_all(remote, asked)


def price_held(item: RemoteItem, price_unit: Decimal) -> Decimal:
    """The ERP's price for `price_unit`; its own price unit may be larger than the order's."""
    return round(item.price * price_unit / item.price_unit, 6)


def _of_all(remote: Items, lines: Iterable[tuple[_Asked, WrittenLine | None]]) -> list[FieldEdit]:
    return [
        edit
        for asked, written in lines
        if written is not None and (item := remote.get(asked.line)) is not None
        for edit in _of_line(item, asked, written)
    ]


def _of_line(item: RemoteItem, asked: _Asked, written: WrittenLine) -> Iterator[FieldEdit]:
    if item.deleted:
        if asked.quantity is not None and not written.deleted:
            yield FieldEdit(asked.line, "deleted", "false", "true")
        return
    if item.blocked:
        if not written.blocked:
            yield FieldEdit(asked.line, "blocked", "false", "true")
        return
    if asked.completed and item.completed:
        return
    if item.completed and asked.completed is False and not written.completed:
        yield FieldEdit(asked.line, "delivery_completed", "false", "true")
        return
    if item.quantity not in (written.quantity, asked.quantity):
        yield _edit(item, "quantity", str(written.quantity), str(item.quantity))
    moved = _moved(item, asked, written)
    if moved is not None:
        yield _edit(item, "delivery_date", *(day.isoformat() for day in moved))
    price = price_held(item, asked.price_unit)
    if asked.price is not None and price not in (round(written.price, 6), round(asked.price, 6)):
        yield _edit(item, "price", str(round(written.price, 6)), str(price))


def _edit(item: RemoteItem, field: EditedField, old: str, new: str) -> FieldEdit:
    deliveries = tuple(
        DeliveryLine(date=one.date, quantity=one.quantity, committed=one.committed) for one in item.schedule if one.date
    )
    return FieldEdit(item.number, field, edited_value(field, old), edited_value(field, new), deliveries)


def _moved(item: RemoteItem, asked: _Asked, written: WrittenLine) -> tuple[dt.date, dt.date] | None:
    """The days from and to which a person moved a delivery, the earliest of each; None: no delivery was moved."""
    known = _by_day((one.date, one.quantity) for one in written.schedule if one.quantity)
    known = known or {written.delivery_date: item.quantity}
    there = _by_day((one.date, one.quantity) for one in item.schedule if one.date is not None)
    if there == asked.days or (len(asked.days) == 1 and there.keys() == asked.days.keys()):
        return None
    more = [day for day, quantity in there.items() if quantity > known.get(day, 0)]
    less = [day for day, quantity in known.items() if quantity > there.get(day, 0)]
    return (min(less), min(more)) if more and less else None


def _by_day(parts: Iterable[tuple[dt.date, Decimal]]) -> _Days:
    days: dict[dt.date, Decimal] = {}
    for day, quantity in parts:
        days[day] = days.get(day, Decimal(0)) + quantity
    return days
