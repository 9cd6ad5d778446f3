"""What has to be written so that an order in SAP is as we want it: only the difference. Pure: no I/O.

Decided here:
- A cancelled line is deleted by DELETE, for which SAP sets the deletion code (its metadata lets nobody write the code
  itself). SAP deletes no line of which something was delivered; such a line is `closed`: nothing more is expected.
- SAP holds the order quantity to be the sum of the schedule; what is confirmed and delivered therefore sets both.
- The schedule of a changed line becomes one schedule line, since the supplier is asked anew.
- A new schedule line carries its own number, so that a repeated write fails instead of doubling it.
- A price is written only where the line says what was last written: then SAP's differs since a person's edit is undone.
- SAP moves components along with the schedule; what a changed line wants of them is written afterwards. SAP numbers
  them itself, so a repeated write may double one; a double is taken away.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from adapters.erp.sap.batch import Operation
from adapters.erp.sap.held import HeldComponent, HeldItem, HeldScheduleLine
from adapters.erp.sap.mapping import component_body, given, item_number, price_body, schedule_number
from adapters.erp.sap.odata import SYSTEM, keyed
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import write_date, write_quantity
from canonical.order import ComponentLine, DocumentLine, LineSchedule, Refused

Items = Mapping[int, HeldItem]
LINE_GONE = "line_gone"


@dataclass(frozen=True)
class _Wanted:
    date: date
    quantity: Decimal
    committed: Decimal | None
    """None: whatever the supplier committed before, as far as the quantity reaches."""


def of_lines(
    held: Items, lines: Iterable[DocumentLine], closed: Container[int] = (), *, priced: bool = True
) -> list[Operation] | Refused:
    """The writes that bring these lines to quantity, date, price and cancellation. Raises DoesNotFit.

    `closed`: lines that SAP would not delete; `priced`: the document has prices (a transfer has none).
    """
    operations: list[Operation] = []
    for line in lines:
        item = held.get(line.line)
        if line.cancelled:
            over = item is None or item.deleted or item.completed
            operations += [] if over or item is None else [_cancellation(item, line.line in closed)]
        elif item is None or item.deleted:
            return _gone(line.line, item)
        else:
            wanted = [_Wanted(line.delivery_date, line.quantity, None)]
            operations += _of_item(item, wanted, completed=False, price=_price(item, line) if priced else {})
    return operations


def of_schedules(held: Items, lines: Iterable[LineSchedule]) -> list[Operation] | Refused:
    """The writes that bring these lines to what was confirmed and delivered. Raises DoesNotFit.

    Where nothing will come, the schedule stays as it was ordered, with nothing committed: SAP holds no zero quantity.
    """
    operations: list[Operation] = []
    for line in lines:
        item = held.get(line.line)
        if item is None or item.deleted:
            return _gone(line.line, item)
        wanted = [_Wanted(one.date, one.quantity, one.committed) for one in line.schedule if one.quantity]
        uncommitted = [_Wanted(one.date, one.quantity, Decimal(0)) for one in item.schedule if one.date]
        operations += _of_item(item, wanted or uncommitted, line.completed)
    return operations


def of_components(held: Items, lines: Iterable[DocumentLine], units: Units) -> list[Operation]:
    """The writes that bring what a subcontractor is given to what these lines say. Raises UnknownUnit or DoesNotFit."""
    operations: list[Operation] = []
    for line in lines:
        item = held.get(line.line)
        if item is None or item.deleted or line.cancelled or not line.components or not item.schedule:
            continue
        free = list(item.components)
        for wanted in line.components:
            match = next((one for one in free if one.material == wanted.item.upper()), None)
            if match is None:
                operations.append(_new_component(item, wanted, units))
                continue
            free.remove(match)
            if body := _component_difference(match, wanted, units):
                operations.append(Operation("MERGE", _component_path(item, match), body))
        operations += [Operation("DELETE", _component_path(item, one)) for one in free]
    return operations


def _new_component(item: HeldItem, wanted: ComponentLine, units: Units) -> Operation:
    key = {"PurchaseOrder": item.order, "PurchaseOrderItem": item_number(item.number)}
    key |= {"ScheduleLine": schedule_number(item.schedule[0].number)}
    return Operation("POST", "A_POSubcontractingComponent", key | component_body(wanted, units))


def _component_difference(held: HeldComponent, wanted: ComponentLine, units: Units) -> dict[str, Any]:
    body = component_body(wanted, units)
    difference: dict[str, Any] = {}
    if (held.quantity, held.unit) != (given(wanted), body["EntryUnit"]):
        difference |= {name: body[name] for name in ("QuantityInEntryUnit", "EntryUnit")}
    if held.date != wanted.date:
        difference["RequirementDate"] = body["RequirementDate"]
    return difference


def _price(item: HeldItem, line: DocumentLine) -> dict[str, Any]:
    if line.written is None or item.price * line.price_unit == line.price * item.price_unit:
        return {}
    return price_body(line.price, line.price_unit)


def _cancellation(item: HeldItem, close: bool) -> Operation:
    if close:
        return Operation("MERGE", _item_path(item), {"IsCompletelyDelivered": True})
    return Operation("DELETE", _item_path(item))


def _gone(line: int, item: HeldItem | None) -> Refused:
    what = "has no such line" if item is None else "has the line deleted"
    return Refused(system=SYSTEM, code=LINE_GONE, reason=f"line {line}: the order in the ERP {what}", line=line)


def _of_item(
    item: HeldItem, wanted: Sequence[_Wanted], completed: bool, price: Mapping[str, Any] = MappingProxyType({})
) -> list[Operation]:
    quantity = sum((one.quantity for one in wanted), Decimal(0))
    difference: dict[str, Any] = dict(price)
    if item.quantity != quantity:
        difference["OrderQuantity"] = write_quantity(quantity, "OrderQuantity")
    if completed and not item.completed:
        difference["IsCompletelyDelivered"] = True
    operations = [Operation("MERGE", _item_path(item), difference)] if difference else []
    schedule = item.schedule
    if item.quantity != quantity and len(schedule) == len(wanted) == 1:
        # SAP moves a single schedule line along with the order quantity.
        schedule = (replace(schedule[0], quantity=quantity),)
    return operations + _of_schedule(item, schedule, wanted)


def _of_schedule(item: HeldItem, schedule: Sequence[HeldScheduleLine], wanted: Sequence[_Wanted]) -> list[Operation]:
    pairs, missing, surplus = _matched(schedule, wanted)
    operations = [
        Operation("MERGE", _schedule_path(item, held), body)
        for held, want in pairs
        if (body := _schedule_difference(held, want))
    ]
    operations += [Operation("DELETE", _schedule_path(item, held)) for held in surplus]
    highest = max((held.number for held in schedule), default=0)
    for number, want in enumerate(missing, start=highest + 1):
        key = {"PurchasingDocument": item.order, "PurchasingDocumentItem": item_number(item.number)}
        body = key | {"ScheduleLine": schedule_number(number)} | _schedule_body(want)
        operations.append(Operation("POST", "A_PurchaseOrderScheduleLine", body))
    return operations


def _matched(
    held: Sequence[HeldScheduleLine], wanted: Sequence[_Wanted]
) -> tuple[list[tuple[HeldScheduleLine, _Wanted]], list[_Wanted], list[HeldScheduleLine]]:
    """Pairs of what is held and wanted: equal ones first, then of the same day, then in order; and what is left."""
    free, open_wants = list(held), list(wanted)
    pairs: list[tuple[HeldScheduleLine, _Wanted]] = []

    def pair(fits: Any) -> None:
        for want in list(open_wants):
            match = next((one for one in free if fits(one, want)), None)
            if match is not None:
                pairs.append((match, want))
                free.remove(match)
                open_wants.remove(want)

    pair(lambda one, want: not _schedule_difference(one, want))
    pair(lambda one, want: one.date == want.date)
    pair(lambda one, want: True)
    return sorted(pairs, key=lambda both: both[0].number), open_wants, free


def _schedule_difference(held: HeldScheduleLine, want: _Wanted) -> dict[str, Any]:
    difference: dict[str, Any] = {}
    if held.date != want.date:
        difference["ScheduleLineDeliveryDate"] = write_date(want.date)
    if held.quantity != want.quantity:
        difference["ScheduleLineOrderQuantity"] = write_quantity(want.quantity, "ScheduleLineOrderQuantity")
    committed = min(held.committed, want.quantity) if want.committed is None else want.committed
    if held.committed != committed:
        difference["ScheduleLineCommittedQuantity"] = write_quantity(committed, "ScheduleLineCommittedQuantity")
    return difference


def _schedule_body(want: _Wanted) -> dict[str, Any]:
    return {
        "ScheduleLineDeliveryDate": write_date(want.date),
        "ScheduleLineOrderQuantity": write_quantity(want.quantity, "ScheduleLineOrderQuantity"),
        "ScheduleLineCommittedQuantity": write_quantity(want.committed or Decimal(0), "ScheduleLineCommittedQuantity"),
    }


def _item_path(item: HeldItem) -> str:
    return keyed("A_PurchaseOrderItem", PurchaseOrder=item.order, PurchaseOrderItem=item_number(item.number))


def _schedule_path(item: HeldItem, line: HeldScheduleLine) -> str:
    return keyed(
        "A_PurchaseOrderScheduleLine",
        PurchasingDocument=item.order,
        PurchasingDocumentItem=item_number(item.number),
        ScheduleLine=schedule_number(line.number),
    )


def _component_path(item: HeldItem, component: HeldComponent) -> str:
    return keyed(
        "A_POSubcontractingComponent",
        PurchaseOrder=item.order,
        PurchaseOrderItem=item_number(item.number),
        ScheduleLine=schedule_number(component.schedule_line),
        ReservationItem=schedule_number(component.reservation),
        RecordType=component.record_type,
    )
