"""What the ERP holds of an order's line as far as we know: as we wrote it, and with what people made of it since.

Decided here: whether an edit is any news, and which deliveries a line has after one. A quantity edit of several
deliveries falls on the last ones. Where an edit does not say enough, the deliveries are taken to be one: should the ERP
hold others, its adapter tells of them exactly before anything is written over them. Pure: nothing is changed here.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import assert_never

from canonical.order import DeliveryLine, DocumentEdit, EditedField, WrittenLine, edited_value
from workflows.purchase_order.line import Line, LineEdit


def remote_value(line: Line, field: EditedField) -> str:
    """The field as the order has it, spelled as edits are; of several deliveries, all their days."""
    if field == "delivery_date":
        return " and ".join(_days(line))
    return _spelled(line.as_asked, field)


def is_known(line: Line, edit: DocumentEdit) -> bool:
    """Whether the edit makes of the field what we wrote or ask for, so that there is nothing to decide."""
    new = edited_value(edit.field, edit.new)
    if edit.field != "delivery_date":
        return new == _spelled(line.as_asked, edit.field) or (
            line.written is not None and new == _spelled(line.written, edit.field)
        )
    return any(days == [new] or (new in days and edit.old not in days) for days in (_days(line), _written_days(line)))


def in_erp(line: Line, edits: Iterable[LineEdit]) -> WrittenLine:
    """What the ERP holds of the line with these edits."""
    held_now = line.written or line.as_asked
    for edit in sorted(edits, key=lambda one: one.effective_at):
        held_now = _with_edit(held_now, edit)
    return held_now


def _with_edit(held_now: WrittenLine, edit: LineEdit) -> WrittenLine:
    schedule, changes = held_now.schedule, dict[str, object]()
    match edit.field:
        case "quantity":
            changes["quantity"] = Decimal(edit.new)
            schedule = _of_quantity(schedule, Decimal(edit.new))
        case "delivery_date":
            changes["delivery_date"] = dt.date.fromisoformat(edit.new)
            schedule = _moved(schedule, edit)
        case "price":
            changes["price"] = Decimal(edit.new)
        case "deleted":
            changes["deleted"] = edit.new == "true"
        case _:
            assert_never(edit.field)
    return held_now.model_copy(update={**changes, "schedule": edit.deliveries or schedule})


def _of_quantity(schedule: tuple[DeliveryLine, ...], quantity: Decimal) -> tuple[DeliveryLine, ...]:
    """The deliveries when more or less comes of them altogether: the last ones take the difference."""
    rest, rows = quantity, list[DeliveryLine]()
    for row in sorted(schedule, key=lambda one: one.date):
        part = min(row.quantity, rest)
        rest -= part
        if part:
            rows.append(row.model_copy(update={"quantity": part, "committed": min(part, row.committed)}))
    if rest and rows:
        rows[-1] = rows[-1].model_copy(update={"quantity": rows[-1].quantity + rest})
    return tuple(rows)


def _moved(schedule: tuple[DeliveryLine, ...], edit: LineEdit) -> tuple[DeliveryLine, ...]:
    """The deliveries when that of a day comes on another; none where it is not among them."""
    old, new = edit.old, dt.date.fromisoformat(edit.new)
    if all(row.date.isoformat() != old for row in schedule):
        return ()
    return tuple(row.model_copy(update={"date": new}) if row.date.isoformat() == old else row for row in schedule)


def _days(line: Line) -> list[str]:
    """The days on which the ERP is to have deliveries: as confirmed, or as asked for where that has changed since."""
    return [line.delivery_date.isoformat()] if line.differs_from_erp else _written_days(line)


def _written_days(line: Line) -> list[str]:
    if line.written is None:
        return []
    days = {row.date for row in line.written.schedule} or {line.written.delivery_date}
    return [day.isoformat() for day in sorted(days)]


def _spelled(line: WrittenLine, field: EditedField) -> str:
    match field:
        case "quantity" | "price":
            return edited_value(field, str(getattr(line, field)))
        case "delivery_date":
            return line.delivery_date.isoformat()
        case "deleted":
            return "true" if line.deleted else "false"
    assert_never(field)
