"""The writes that bring an order in SAP to the requested state: only the difference. Pure: no I/O.

Decided here:
- A cancelled line is deleted by DELETE, upon which SAP sets the deletion code (its metadata does not allow writing the
  code itself). SAP deletes no line of which something was delivered; such a line is `closed`: nothing more is expected.
  Which lines those are is read from SAP (deliveries.py), never inferred from a refusal.
- Each write carries in words what is wanted and what was found, for whoever has to decide when it is refused.
- In SAP the order quantity is the sum of the schedule; confirmed and delivered quantities therefore set both. So does
  every change of quantity: only some systems move a schedule line along with the item.
- The schedule of a changed line becomes one schedule line, since the supplier is asked again.
- A new schedule line carries its own number, so that a repeated write fails instead of doubling it.
- A price is written only where the line records what was last written: a different price in SAP is then an edit to
  undo.
- Where delivery is completed, nothing but its indicator is written. It is reset where we know that it was set, and more
  is expected after all.
- SAP moves components along with the schedule; the components of a changed line are written afterwards. SAP numbers
  them itself, so a repeated write may duplicate one; a duplicate is removed.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.erp.sap.batch import Operation
from adapters.erp.sap.mapping import component_body, given, item_number, price_body, schedule_number
from adapters.erp.sap.odata import SYSTEM, keyed
from adapters.erp.sap.remote import RemoteComponent, RemoteItem, RemoteScheduleLine
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import write_date, write_quantity
from canonical.order import ComponentLine, DocumentLine, LineSchedule, Refused, WrittenLine

Items = Mapping[int, RemoteItem]
LINE_GONE = "line_gone"


@dataclass(frozen=True)
class _Desired:
    date: date
    quantity: Decimal
    committed: Decimal | None
    """None: the quantity that the supplier committed before, up to the new quantity."""


class _FieldDifference(NamedTuple):
    """What is written to SAP's fields, and in words what is wanted and what was found."""

    fields: Mapping[str, Any]
    told: str


def of_lines(
    remote: Items, lines: Iterable[DocumentLine], closed: Container[int] = (), *, priced: bool = True
) -> list[Operation] | Refused:
    """The writes that bring these lines to quantity, date, price and cancellation. Raises DoesNotFit.

    `closed`: lines of which something was delivered, so that SAP can't delete them; `priced`: the document has
    prices (a transfer has none).
    """
    operations: list[Operation] = []
    for line in lines:
        item = remote.get(line.line)
        if line.cancelled:
            over = item is None or item.deleted or item.completed
            operations += [] if over or item is None else [_cancellation(item, line.line in closed)]
        elif item is None or item.deleted:
            return _gone(line.line, item)
        else:
            desired = [_Desired(line.delivery_date, line.quantity, None)]
            operations += _of_item(item, desired, line.written, _price(item, line) if priced else ())
    return operations


def of_schedules(remote: Items, lines: Iterable[LineSchedule]) -> list[Operation] | Refused:
    """The writes that bring these lines to the confirmed and delivered quantities. Raises DoesNotFit.

    Where nothing will be delivered, the schedule stays as ordered, with nothing committed: SAP allows no zero quantity.
    """
    operations: list[Operation] = []
    for line in lines:
        item = remote.get(line.line)
        if item is None or item.deleted:
            return _gone(line.line, item)
        if line.completed:
            operations += [] if item.completed else [_completion(item)]
            continue
        desired = [_Desired(one.date, one.quantity, one.committed) for one in line.schedule if one.quantity]
        uncommitted = [_Desired(one.date, one.quantity, Decimal(0)) for one in item.schedule if one.date]
        operations += _of_item(item, desired or uncommitted, line.written)
    return operations


def of_components(remote: Items, lines: Iterable[DocumentLine], units: Units) -> list[Operation]:
    """The writes that bring a subcontractor's components to those of these lines. Raises UnknownUnit or DoesNotFit."""
    operations: list[Operation] = []
    for line in lines:
        item = remote.get(line.line)
        if item is None or item.deleted or line.cancelled or not line.components or not item.schedule:
            continue
        free = list(item.components)
        for desired in line.components:
            match = next((one for one in free if one.material == desired.item.upper()), None)
            if match is None:
                operations.append(_new_component(item, desired, units))
                continue
            free.remove(match)
            if differs := _component_difference(match, desired, units):
                operations.append(_merge(_component_path(item, match), f"{_of_line(item)}, {desired.item}", differs))
        operations += [
            Operation(
                "DELETE", _component_path(item, one), told=f"{_of_line(item)}: no {one.material} wanted, some found"
            )
            for one in free
        ]
    return operations


def _new_component(item: RemoteItem, desired: ComponentLine, units: Units) -> Operation:
    key = {"PurchaseOrder": item.order, "PurchaseOrderItem": item_number(item.number)}
    key |= {"ScheduleLine": schedule_number(item.schedule[0].number)}
    told = f"{_of_line(item)}: {_plain(desired.quantity)} of {desired.item} wanted, none found"
    return Operation("POST", "A_POSubcontractingComponent", key | component_body(desired, units), told)


def _component_difference(remote: RemoteComponent, desired: ComponentLine, units: Units) -> list[_FieldDifference]:
    body = component_body(desired, units)
    found: list[_FieldDifference] = []
    if (remote.quantity, remote.unit) != (given(desired), body["EntryUnit"]):
        fields = {name: body[name] for name in ("QuantityInEntryUnit", "EntryUnit")}
        wanted, held = f"{_plain(given(desired))} {body['EntryUnit']}", f"{_plain(remote.quantity)} {remote.unit}"
        found.append(_FieldDifference(fields, _told("quantity", wanted, held)))
    if remote.date != desired.date:
        fields = {"RequirementDate": body["RequirementDate"]}
        found.append(_FieldDifference(fields, _told("date", desired.date, remote.date)))
    return found


def _price(item: RemoteItem, line: DocumentLine) -> Sequence[_FieldDifference]:
    if line.written is None or item.price * line.price_unit == line.price * item.price_unit:
        return ()
    wanted, held = (f"{_plain(one.price)} for {_plain(one.price_unit)}" for one in (line, item))
    return (_FieldDifference(price_body(line.price, line.price_unit), _told("price", wanted, held)),)


def _cancellation(item: RemoteItem, close: bool) -> Operation:
    if close:
        return _completion(item)
    return Operation("DELETE", _item_path(item), told=f"{_of_line(item)}: deletion wanted, {_held(item)} found")


def _completion(item: RemoteItem) -> Operation:
    told = f"{_of_line(item)}: delivery completed wanted, open found"
    return Operation("MERGE", _item_path(item), {"IsCompletelyDelivered": True}, told)


def _gone(line: int, item: RemoteItem | None) -> Refused:
    what = "has no such line" if item is None else "has the line deleted"
    return Refused(system=SYSTEM, code=LINE_GONE, reason=f"line {line}: the order in the ERP {what}", line=line)


def _of_item(
    item: RemoteItem,
    desired: Sequence[_Desired],
    written: WrittenLine | None,
    price: Sequence[_FieldDifference] = (),
) -> list[Operation]:
    quantity = sum((one.quantity for one in desired), Decimal(0))
    differs = list(price)
    if item.quantity != quantity:
        fields = {"OrderQuantity": write_quantity(quantity, "OrderQuantity")}
        differs.append(_FieldDifference(fields, _told("quantity", _plain(quantity), _plain(item.quantity))))
    if item.completed and written is not None and written.completed:
        differs.append(_FieldDifference({"IsCompletelyDelivered": False}, "delivery open wanted, completed found"))
    operations = [_merge(_item_path(item), _of_line(item), differs)] if differs else []
    return operations + _of_schedule(item, desired)


def _of_schedule(item: RemoteItem, desired: Sequence[_Desired]) -> list[Operation]:
    pairs, missing, surplus = _matched(item.schedule, desired)
    operations = [
        _merge(_schedule_path(item, remote), f"{_of_line(item)}, delivery {remote.number}", differs)
        for remote, desired_line in pairs
        if (differs := _schedule_difference(remote, desired_line))
    ]
    operations += [
        Operation("DELETE", _schedule_path(item, one), told=f"{_of_line(item)}: no {_delivery(one)} wanted, one found")
        for one in surplus
    ]
    highest = max((remote.number for remote in item.schedule), default=0)
    for number, desired_line in enumerate(missing, start=highest + 1):
        key = {"PurchasingDocument": item.order, "PurchasingDocumentItem": item_number(item.number)}
        body = key | {"ScheduleLine": schedule_number(number)} | _schedule_body(desired_line)
        told = f"{_of_line(item)}: {_delivery(desired_line)} wanted, none found"
        operations.append(Operation("POST", "A_PurchaseOrderScheduleLine", body, told))
    return operations


def _merge(path: str, of: str, differs: Sequence[_FieldDifference]) -> Operation:
    body = {name: value for one in differs for name, value in one.fields.items()}
    return Operation("MERGE", path, body, f"{of}: {', '.join(one.told for one in differs)}")


def _told(what: str, wanted: object, found: object) -> str:
    return f"{what} {wanted} wanted, {found if found is not None else 'none'} found"


def _of_line(item: RemoteItem) -> str:
    return f"line {item.number}"


def _delivery(one: RemoteScheduleLine | _Desired) -> str:
    return f"delivery of {_plain(one.quantity)} on {one.date or 'no day'}"


def _held(item: RemoteItem) -> str:
    return f"{_plain(item.quantity)} on {', '.join(str(one.date or 'no day') for one in item.schedule) or 'no day'}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize() + 0:f}"


def _matched(
    remote: Sequence[RemoteScheduleLine], desired: Sequence[_Desired]
) -> tuple[list[tuple[RemoteScheduleLine, _Desired]], list[_Desired], list[RemoteScheduleLine]]:
    """Pairs of held and requested schedule lines: equal ones first, then of the same day, then in order; and the rest
    of both.
    """
    free, open_lines = list(remote), list(desired)
    pairs: list[tuple[RemoteScheduleLine, _Desired]] = []

    def pair(fits: Any) -> None:
        for desired_line in list(open_lines):
            match = next((one for one in free if fits(one, desired_line)), None)
            if match is not None:
                pairs.append((match, desired_line))
                free.remove(match)
                open_lines.remove(desired_line)

    pair(lambda one, desired_line: not _schedule_difference(one, desired_line))
    pair(lambda one, desired_line: one.date == desired_line.date)
    pair(lambda one, desired_line: True)
    return sorted(pairs, key=lambda both: both[0].number), open_lines, free


def _schedule_difference(remote: RemoteScheduleLine, desired_line: _Desired) -> list[_FieldDifference]:
    found: list[_FieldDifference] = []
    if remote.date != desired_line.date:
        fields = {"ScheduleLineDeliveryDate": write_date(desired_line.date)}
        found.append(_FieldDifference(fields, _told("date", desired_line.date, remote.date)))
    committed = (
        min(remote.committed, desired_line.quantity) if desired_line.committed is None else desired_line.committed
    )
    for field, what, wanted, held in (
        ("ScheduleLineOrderQuantity", "quantity", desired_line.quantity, remote.quantity),
        ("ScheduleLineCommittedQuantity", "committed quantity", committed, remote.committed),
    ):
        if wanted != held:
            fields = {field: write_quantity(wanted, field)}
            found.append(_FieldDifference(fields, _told(what, _plain(wanted), _plain(held))))
    return found


def _schedule_body(desired_line: _Desired) -> dict[str, Any]:
    return {
        "ScheduleLineDeliveryDate": write_date(desired_line.date),
        "ScheduleLineOrderQuantity": write_quantity(desired_line.quantity, "ScheduleLineOrderQuantity"),
        "ScheduleLineCommittedQuantity": write_quantity(
            desired_line.committed or Decimal(0), "ScheduleLineCommittedQuantity"
        ),
    }


def _item_path(item: RemoteItem) -> str:
    return keyed("A_PurchaseOrderItem", PurchaseOrder=item.order, PurchaseOrderItem=item_number(item.number))


def _schedule_path(item: RemoteItem, line: RemoteScheduleLine) -> str:
    return keyed(
        "A_PurchaseOrderScheduleLine",
        PurchasingDocument=item.order,
        PurchasingDocumentItem=item_number(item.number),
        ScheduleLine=schedule_number(line.number),
    )


def _component_path(item: RemoteItem, component: RemoteComponent) -> str:
    return keyed(
        "A_POSubcontractingComponent",
        PurchaseOrder=item.order,
        PurchaseOrderItem=item_number(item.number),
        ScheduleLine=schedule_number(component.schedule_line),
        ReservationItem=schedule_number(component.reservation),
        RecordType=component.record_type,
    )
