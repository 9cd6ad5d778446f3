"""The writes that bring an order in SAP to the requested state: only the difference. Pure: no I/O.

How a write looks differs by protocol (`Writing`): OData V2, or V4 (adapters.erp.sap_v4). Decided here:
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
from typing import Any, NamedTuple, Protocol

from adapters.erp.remote import Items, RemoteComponent, RemoteItem, RemoteScheduleLine
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.mapping import given
from adapters.erp.sap.units import Units
from canonical.order import ComponentLine, DocumentLine, LineSchedule, Refused, WrittenLine

LINE_GONE = "line_gone"
_DATE, _QUANTITY, _COMMITTED = (
    "ScheduleLineDeliveryDate",
    "ScheduleLineOrderQuantity",
    "ScheduleLineCommittedQuantity",
)


class Writing(Protocol):
    """How one protocol of SAP's addresses and spells what is written. All of it raises DoesNotFit or UnknownUnit."""

    @property
    def system(self) -> str:
        """The system's name in refusals."""
        ...

    def merge(self, path: str, body: Mapping[str, Any], told: str) -> Operation:
        """Change some fields."""
        ...

    def item(self, item: RemoteItem) -> str:
        """The address of an order item."""
        ...

    def schedule_line(self, item: RemoteItem, number: int) -> str:
        """The address of a schedule line."""
        ...

    def component(self, item: RemoteItem, component: RemoteComponent) -> str:
        """The address of a component."""
        ...

    def new_schedule_line(self, item: RemoteItem, number: int, body: Mapping[str, Any], told: str) -> Operation:
        """Add a schedule line."""
        ...

    def new_component(self, item: RemoteItem, body: Mapping[str, Any], told: str) -> Operation:
        """Add a component to the first schedule line."""
        ...

    def quantity(self, quantity: Decimal, field: str) -> Any:
        """A quantity, exactly."""
        ...

    def date(self, day: date) -> Any:
        """A day."""
        ...

    def price(self, price: Decimal, price_unit: Decimal) -> Mapping[str, Any]:
        """The price of an order item."""
        ...

    def component_body(self, component: ComponentLine, units: Units) -> Mapping[str, Any]:
        """A component with its QuantityInEntryUnit, EntryUnit and RequirementDate."""
        ...


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


_REOPENING = _FieldDifference({"IsCompletelyDelivered": False}, "delivery open wanted, completed found")


def of_lines(
    remote: Items,
    lines: Iterable[DocumentLine],
    closed: Container[int] = (),
    *,
    writing: Writing,
    priced: bool = True,
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
            operations += [] if over or item is None else [_cancellation(writing, item, line.line in closed)]
        elif item is None or item.deleted:
            return _gone(writing.system, line.line, item)
        else:
            desired = [_Desired(line.delivery_date, line.quantity, None)]
            operations += _of_item(writing, item, desired, line.written, _price(writing, item, line) if priced else ())
    return operations


def of_schedules(remote: Items, lines: Iterable[LineSchedule], *, writing: Writing) -> list[Operation] | Refused:
    """The writes that bring these lines to the confirmed and delivered quantities. Raises DoesNotFit.

    Where nothing will be delivered, the schedule stays as ordered, with nothing committed: SAP allows no zero quantity.
    """
    operations: list[Operation] = []
    for line in lines:
        item = remote.get(line.line)
        if item is None or item.deleted:
            return _gone(writing.system, line.line, item)
        if line.completed:
            operations += [] if item.completed else [_completion(writing, item)]
            continue
        desired = [_Desired(one.date, one.quantity, one.committed) for one in line.schedule if one.quantity]
        uncommitted = [_Desired(one.date, one.quantity, Decimal(0)) for one in item.schedule if one.date]
        operations += _of_item(writing, item, desired or uncommitted, line.written)
    return operations


def of_completions(remote: Items, lines: Iterable[LineSchedule], *, writing: Writing) -> list[Operation] | Refused:
    """The writes that complete the delivery of these lines, or open it again; nothing else of them."""
    operations: list[Operation] = []
    for line in lines:
        item = remote.get(line.line)
        if item is None or item.deleted:
            return _gone(writing.system, line.line, item)
        if line.completed and not item.completed:
            operations.append(_completion(writing, item))
        elif item.completed and not line.completed and line.written is not None and line.written.completed:
            operations.append(_merge(writing, writing.item(item), _of_line(item), [_REOPENING]))
    return operations


def of_components(remote: Items, lines: Iterable[DocumentLine], units: Units, *, writing: Writing) -> list[Operation]:
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
                operations.append(_new_component(writing, item, desired, units))
                continue
            free.remove(match)
            if differs := _component_difference(writing, match, desired, units):
                of = f"{_of_line(item)}, {desired.item}"
                operations.append(_merge(writing, writing.component(item, match), of, differs))
        operations += [
            Operation(
                "DELETE", writing.component(item, one), told=f"{_of_line(item)}: no {one.material} wanted, some found"
            )
            for one in free
        ]
    return operations


def _new_component(writing: Writing, item: RemoteItem, desired: ComponentLine, units: Units) -> Operation:
    told = f"{_of_line(item)}: {_plain(desired.quantity)} of {desired.item} wanted, none found"
    return writing.new_component(item, writing.component_body(desired, units), told)


def _component_difference(
    writing: Writing, remote: RemoteComponent, desired: ComponentLine, units: Units
) -> list[_FieldDifference]:
    body = writing.component_body(desired, units)
    found: list[_FieldDifference] = []
    if (remote.quantity, remote.unit) != (given(desired), body["EntryUnit"]):
        fields = {name: body[name] for name in ("QuantityInEntryUnit", "EntryUnit")}
        wanted, held = f"{_plain(given(desired))} {body['EntryUnit']}", f"{_plain(remote.quantity)} {remote.unit}"
        found.append(_FieldDifference(fields, _told("quantity", wanted, held)))
    if remote.date != desired.date:
        fields = {"RequirementDate": body["RequirementDate"]}
        found.append(_FieldDifference(fields, _told("date", desired.date, remote.date)))
    return found


def _price(writing: Writing, item: RemoteItem, line: DocumentLine) -> Sequence[_FieldDifference]:
    if line.written is None or item.price * line.price_unit == line.price * item.price_unit:
        return ()
    wanted, held = (f"{_plain(one.price)} for {_plain(one.price_unit)}" for one in (line, item))
    return (_FieldDifference(writing.price(line.price, line.price_unit), _told("price", wanted, held)),)


def _cancellation(writing: Writing, item: RemoteItem, close: bool) -> Operation:
    if close:
        return _completion(writing, item)
    return Operation("DELETE", writing.item(item), told=f"{_of_line(item)}: deletion wanted, {_held(item)} found")


def _completion(writing: Writing, item: RemoteItem) -> Operation:
    told = f"{_of_line(item)}: delivery completed wanted, open found"
    return writing.merge(writing.item(item), {"IsCompletelyDelivered": True}, told)


def _gone(system: str, line: int, item: RemoteItem | None) -> Refused:
    what = "has no such line" if item is None else "has the line deleted"
    return Refused(system=system, code=LINE_GONE, reason=f"line {line}: the order in the ERP {what}", line=line)


def _of_item(
    writing: Writing,
    item: RemoteItem,
    desired: Sequence[_Desired],
    written: WrittenLine | None,
    price: Sequence[_FieldDifference] = (),
) -> list[Operation]:
    quantity = sum((one.quantity for one in desired), Decimal(0))
    differs = list(price)
    if item.quantity != quantity:
        fields = {"OrderQuantity": writing.quantity(quantity, "OrderQuantity")}
        differs.append(_FieldDifference(fields, _told("quantity", _plain(quantity), _plain(item.quantity))))
    if item.completed and written is not None and written.completed:
        differs.append(_REOPENING)
    operations = [_merge(writing, writing.item(item), _of_line(item), differs)] if differs else []
    return operations + _of_schedule(writing, item, desired)


def _of_schedule(writing: Writing, item: RemoteItem, desired: Sequence[_Desired]) -> list[Operation]:
    pairs, missing, surplus = _matched(writing, item.schedule, desired)
    operations = [
        _merge(
            writing,
            writing.schedule_line(item, remote.number),
            f"{_of_line(item)}, delivery {remote.number}",
            differs,
        )
        for remote, desired_line in pairs
        if (differs := _schedule_difference(writing, remote, desired_line))
    ]
    operations += [
        Operation(
            "DELETE",
            writing.schedule_line(item, one.number),
            told=f"{_of_line(item)}: no {_delivery(one)} wanted, one found",
        )
        for one in surplus
    ]
    highest = max((remote.number for remote in item.schedule), default=0)
    for number, desired_line in enumerate(missing, start=highest + 1):
        told = f"{_of_line(item)}: {_delivery(desired_line)} wanted, none found"
        operations.append(writing.new_schedule_line(item, number, _schedule_body(writing, desired_line), told))
    return operations


def _merge(writing: Writing, path: str, of: str, differs: Sequence[_FieldDifference]) -> Operation:
    body = {name: value for one in differs for name, value in one.fields.items()}
    return writing.merge(path, body, f"{of}: {', '.join(one.told for one in differs)}")


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
    writing: Writing, remote: Sequence[RemoteScheduleLine], desired: Sequence[_Desired]
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

    pair(lambda one, desired_line: not _schedule_difference(writing, one, desired_line))
    pair(lambda one, desired_line: one.date == desired_line.date)
    pair(lambda one, desired_line: True)
    return sorted(pairs, key=lambda both: both[0].number), open_lines, free


def _schedule_difference(
    writing: Writing, remote: RemoteScheduleLine, desired_line: _Desired
) -> list[_FieldDifference]:
    found: list[_FieldDifference] = []
    if remote.date != desired_line.date:
        fields = {_DATE: writing.date(desired_line.date)}
        found.append(_FieldDifference(fields, _told("date", desired_line.date, remote.date)))
    committed = (
        min(remote.committed, desired_line.quantity) if desired_line.committed is None else desired_line.committed
    )
    for field, what, wanted, held in (
        (_QUANTITY, "quantity", desired_line.quantity, remote.quantity),
        (_COMMITTED, "committed quantity", committed, remote.committed),
    ):
        if wanted != held:
            fields = {field: writing.quantity(wanted, field)}
            found.append(_FieldDifference(fields, _told(what, _plain(wanted), _plain(held))))
    return found


def _schedule_body(writing: Writing, desired_line: _Desired) -> dict[str, Any]:
    body = {
        _DATE: writing.date(desired_line.date),
        _QUANTITY: writing.quantity(desired_line.quantity, _QUANTITY),
    }
    if desired_line.committed is not None:
        body[_COMMITTED] = writing.quantity(desired_line.committed, _COMMITTED)
    return body
