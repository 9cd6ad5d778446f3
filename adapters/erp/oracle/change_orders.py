"""What a change order has to say so that an order holds the requested state: only the difference. Pure: no I/O.

Decided here:
- A line is changed in its schedules; its quantity follows. Schedules are matched with the requested deliveries: equal
  ones first, those with receipts before others, then of the same day, then in order.
- What the buyer asks for is the requested date; a promised date of before falls, since the supplier is asked again.
  What the supplier confirmed is the promised date; the requested one stays, so that Oracle shows both.
- A line of which nothing more is expected is cancelled; Oracle keeps what was received of it. The demand behind it is
  cancelled as well (CancelUnfulfilledDemandFlag): Oracle would buy it again, and so do we.
- Each change says in words what is wanted and what was found.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.erp.oracle.values import unit_price
from adapters.erp.oracle.versions import LineKeys, OrderVersion
from adapters.erp.remote import RemoteItem, RemoteScheduleLine
from canonical.order import DocumentLine, LineSchedule, Refused

LINE_GONE = "line_gone"
_REASON = "Not needed any more"

Body = dict[str, Any]


@dataclass(frozen=True)
class WantedDelivery:
    """A delivery as it is to be; `promised`: whether the supplier confirmed the day, None: it was not asked yet."""

    date: dt.date
    quantity: Decimal
    promised: bool | None


@dataclass(frozen=True)
class WantedLine:
    """A line as it is to be; without deliveries: nothing more is expected of it."""

    line: int
    deliveries: tuple[WantedDelivery, ...]
    price: Decimal | None = None
    """Of one unit; None: it is left as it is."""


@dataclass(frozen=True)
class LineDifference:
    """One line's part of a change order."""

    line: int
    body: Body
    """Of the line, with those of its schedules that change."""
    added: tuple[Body, ...]
    """New schedules."""
    told: str


def asked_for(lines: Iterable[DocumentLine], *, priced: bool = False) -> list[WantedLine]:
    """The lines of a document; a price only where we know what was written before, or `priced`. Raises BeyondOracle."""
    return [
        WantedLine(
            line.line,
            () if line.cancelled else (WantedDelivery(line.delivery_date, line.quantity, None),),
            unit_price(line.price, line.price_unit)
            if (priced or line.written is not None) and not line.cancelled
            else None,
        )
        for line in lines
    ]


def confirmed(lines: Iterable[LineSchedule], held: OrderVersion) -> list[WantedLine]:
    """The lines as they were confirmed and delivered.

    Where nothing will be delivered, the line stays as ordered, with nothing promised: Oracle has no zero quantity.
    """
    found = []
    for line in lines:
        deliveries = tuple(
            WantedDelivery(one.date, one.quantity, one.committed > 0) for one in line.schedule if one.quantity
        )
        item = held.items.get(line.line)
        if not deliveries and not line.completed and item is not None:
            deliveries = tuple(WantedDelivery(one.date, one.quantity, False) for one in item.schedule if one.date)
        found.append(WantedLine(line.line, () if line.completed else deliveries))
    return found


def as_held(version: OrderVersion, but: Iterable[int]) -> list[WantedLine]:
    """The lines of a version as they are, without these."""
    left_out = set(but)
    return [
        WantedLine(
            number,
            ()
            if item.deleted
            else tuple(WantedDelivery(one.date, one.quantity, one.committed > 0) for one in item.schedule if one.date),
        )
        for number, item in version.items.items()
        if number not in left_out
    ]


def differences(system: str, version: OrderVersion, wanted: Iterable[WantedLine]) -> list[LineDifference] | Refused:
    """What is missing for the version to hold the wanted lines."""
    changes: list[LineDifference] = []
    for line in wanted:
        item = version.items.get(line.line)
        if not line.deliveries:
            if item is not None and not item.deleted and not item.completed:
                changes.append(_cancellation(item, version.keys[line.line]))
            continue
        if item is None or item.deleted:
            what = "has no such line" if item is None else "has the line canceled"
            return Refused(
                system=system, code=LINE_GONE, reason=f"line {line.line}: the order in Oracle {what}", line=line.line
            )
        changed = _change(item, version.keys[line.line], line)
        changes += [changed] if changed else []
    return changes


def _cancellation(item: RemoteItem, keys: LineKeys) -> LineDifference:
    body = {"POLineId": keys.line_id, **_cancelled(_REASON)}
    return LineDifference(item.number, body, (), f"line {item.number}: cancellation wanted, {_held(item)} found")


def _cancelled(reason: str) -> Body:
    return {"CancelFlag": True, "CancelReason": reason, "CancelUnfulfilledDemandFlag": "true"}


def _change(item: RemoteItem, keys: LineKeys, wanted: WantedLine) -> LineDifference | None:
    pairs, missing, surplus = _matched(item.schedule, wanted.deliveries, keys.received)
    told: list[str] = []
    schedules: list[Body] = []
    for held, delivery in pairs:
        if body := _difference(held, delivery):
            schedules.append({"LineLocationId": keys.schedule_ids[held.number], **body})
            told.append(f"delivery {held.number} {_delivery(delivery)} wanted, {_delivery(held)} found")
    for held in surplus:
        schedules.append({"LineLocationId": keys.schedule_ids[held.number], **_cancelled(_REASON)})
        told.append(f"no {_delivery(held)} wanted, one found")
    highest = max(keys.schedule_ids, default=0)
    requested = next((one.date for one in item.schedule if one.date), None)
    added = []
    for at, delivery in enumerate(missing, start=highest + 1):
        dates = {"RequestedDeliveryDate": requested if delivery.promised and requested else delivery.date}
        dates |= {"PromisedDeliveryDate": delivery.date} if delivery.promised else {}
        organization = {"ShipToOrganizationCode": keys.organization} if keys.organization else {}
        added.append({"ScheduleNumber": at, "Quantity": delivery.quantity, **organization, **dates})
        told.append(f"{_delivery(delivery)} wanted, none found")
    body = {"POLineId": keys.line_id}
    if wanted.price is not None and wanted.price != item.price:
        body |= {"Price": wanted.price}
        told.append(f"price {_plain(wanted.price)} wanted, {_plain(item.price)} found")
    if not told:
        return None
    body |= {"schedules": schedules} if schedules else {}
    return LineDifference(item.number, body, tuple(added), f"line {item.number}: {', '.join(told)}")


def _difference(held: RemoteScheduleLine, wanted: WantedDelivery) -> Body:
    body: Body = {} if held.quantity == wanted.quantity else {"Quantity": wanted.quantity}
    was_promised = held.committed > 0
    if wanted.promised:
        return body if was_promised and held.date == wanted.date else body | {"PromisedDeliveryDate": wanted.date}
    falls = was_promised and (wanted.promised is False or held.date != wanted.date)
    body |= {"RequestedDeliveryDate": wanted.date} if falls or held.date != wanted.date else {}
    return body | ({"PromisedDeliveryDate": None} if falls else {})


def _matched(
    held: Sequence[RemoteScheduleLine], wanted: Sequence[WantedDelivery], received: Mapping[int, Decimal]
) -> tuple[list[tuple[RemoteScheduleLine, WantedDelivery]], list[WantedDelivery], list[RemoteScheduleLine]]:
    """Pairs, and the rest of both."""
    free = sorted(held, key=lambda one: (not received.get(one.number), one.number))
    left = list(wanted)
    pairs: list[tuple[RemoteScheduleLine, WantedDelivery]] = []

    def pair(fits: Any) -> None:
        for one in list(free):
            match = next((delivery for delivery in left if fits(one, delivery)), None)
            if match is not None:
                pairs.append((one, match))
                free.remove(one)
                left.remove(match)

    pair(lambda one, delivery: not _difference(one, delivery))
    pair(lambda one, delivery: one.date == delivery.date)
    pair(lambda one, delivery: True)
    return sorted(pairs, key=lambda both: both[0].number), left, free


def _held(item: RemoteItem) -> str:
    return f"{_plain(item.quantity)} on {', '.join(str(one.date or 'no day') for one in item.schedule) or 'no day'}"


def _delivery(one: RemoteScheduleLine | WantedDelivery) -> str:
    promised = bool(one.promised) if isinstance(one, WantedDelivery) else one.committed > 0
    return f"{_plain(one.quantity)} {'promised for' if promised else 'on'} {one.date or 'no day'}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize() + 0:f}"


__all__ = ["LineDifference", "WantedDelivery", "WantedLine", "as_held", "asked_for", "confirmed", "differences"]
