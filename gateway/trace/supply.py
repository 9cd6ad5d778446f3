"""The supply that a history shows as bars: requested, promised and received.

Decided here: which bars there are. Not here: R6 and R7, which the requirement decided; its audit events show what is
late.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from canonical.audit_event import AuditEvent
from gateway.trace.words import Data, as_date, day, number, schedule_lines_of


class SupplyState(StrEnum):
    """How certain a bar is."""

    REQUESTED = "wanted"
    CONFIRMED = "confirmed"
    UNSURE = "maybe_written"
    RECEIVED = "received"
    REPLACED = "replaced"
    """A late promise, later replaced by another, because of which a person was asked to decide."""


@dataclass(frozen=True)
class Supply:
    """A quantity from the day it was asked for or promised to the day it is at the dock."""

    state: SupplyState
    start: dt.date
    end: dt.date
    label: str
    late_from: dt.date | None = None
    """The dock date it should have met; None where no date was requested."""


@dataclass
class _SupplyRequest:
    """The requirement's latest request to a supplier."""

    on: dt.date
    dock_date: dt.date
    quantity: str
    unit: str
    """The order unit, which may differ from the need's."""


@dataclass
class _Promise:
    """An order's latest promise."""

    on: dt.date
    supplier: str
    schedule_lines: Sequence[Data]


def supplies_of(audit_events: Sequence[AuditEvent]) -> list[Supply]:
    """A bar for each supply request to a supplier, schedule line of an order's newest promise, and receipt."""
    unit = next((str(audit_event.data["unit"]) for audit_event in audit_events if audit_event.data.get("unit")), "")
    requests: dict[str, _SupplyRequest] = {}
    promises: dict[str, _Promise] = {}
    receipts: list[Supply] = []
    replaced: list[Supply] = []
    for audit_event in sorted(audit_events, key=lambda each: (each.business_time, each.processing_time, each.sequence)):
        on = audit_event.business_time.date()
        order = str(audit_event.data.get("order_id") or audit_event.entity_id)
        if audit_event.kind == "supply_request.sent":
            supplier = str(audit_event.data.get("supplier") or _supplier_of(order))
            dock_date = as_date(audit_event.data.get("dock_date"))
            before = requests.get(supplier)
            if dock_date:
                first = before.on if before else on
                asked = number(audit_event.data.get("quantity", ""))
                requests[supplier] = _SupplyRequest(first, dock_date, asked, str(audit_event.data.get("unit") or unit))
        elif audit_event.kind in ("coverage.changed", "order.answered") and schedule_lines_of(audit_event.data):
            before_it, promises[order] = (
                promises.get(order),
                _Promise(on, _supplier_of(order), schedule_lines_of(audit_event.data)),
            )
            if before_it and _days_of(before_it) != _days_of(promises[order]):
                replaced += _replaced(before_it, requests.get(before_it.supplier), unit)
        elif audit_event.kind == "goods.received":
            receipts += _receipts(audit_event, promises.get(order), requests.get(_supplier_of(order)), unit)
    bars = [
        _requested(supplier, request) for supplier, request in requests.items() if request.quantity not in ("", "0")
    ]
    bars += replaced
    for promise in promises.values():
        bars += _promised(promise, requests.get(promise.supplier), unit, received=bool(receipts))
    return bars + receipts


def _supplier_of(order_id: str) -> str:
    parts = order_id.split("/")
    return parts[2] if len(parts) == 4 and parts[0] == "order" else ""


def _requested(supplier: str, request: _SupplyRequest) -> Supply:
    source = f" from {supplier}" if supplier else ""
    label = f"wanted {request.quantity} {request.unit}{source} by {day(request.dock_date)}"
    return Supply(SupplyState.REQUESTED, min(request.on, request.dock_date), request.dock_date, label)


def _promised(promise: _Promise, request: _SupplyRequest | None, unit: str, *, received: bool) -> list[Supply]:
    bars: list[Supply] = []
    unit = request.unit if request else unit
    for part in promise.schedule_lines:
        end, state = as_date(part.get("date")), str(part.get("state") or part.get("outcome") or "confirmed")
        if end is None or (state == "received" and received):
            continue
        amount = f"{number(part['quantity'])} {unit}" if part.get("quantity") is not None else "all"
        dock_date = request.dock_date if request else None
        late = ", late" if dock_date is not None and end > dock_date else ""
        source = f" from {promise.supplier}" if promise.supplier else ""
        bars.append(
            Supply(
                SupplyState.CONFIRMED if state in _SURE else SupplyState.UNSURE,
                min(promise.on, end),
                end,
                f"{state.replace('_', ' ')} {amount}{source} on {day(end)}{late}",
                dock_date,
            )
        )
    return bars


def _replaced(promise: _Promise, request: _SupplyRequest | None, unit: str) -> list[Supply]:
    promised = _promised(promise, request, unit, received=True)
    return [
        replace(bar, state=SupplyState.REPLACED, label=f"{bar.label}; replaced")
        for bar in promised
        if bar.late_from is not None and bar.end > bar.late_from
    ]


def _days_of(promise: _Promise) -> set[tuple[str, str]]:
    return {(number(part.get("quantity", "")), str(part.get("date"))) for part in promise.schedule_lines}


_SURE = ("confirmed", "accepted", "changed", "shipped", "received")


def _receipts(
    audit_event: AuditEvent, promise: _Promise | None, request: _SupplyRequest | None, unit: str
) -> list[Supply]:
    listed = audit_event.data.get("receipts")
    receipts: Sequence[Any] = listed if isinstance(listed, list) else [audit_event.data]
    bars: list[Supply] = []
    unit = request.unit if request else unit
    for receipt in receipts:
        if not isinstance(receipt, dict) or "quantity" not in receipt:
            continue
        end = as_date(receipt.get("date")) or audit_event.business_time.date()
        since = promise.on if promise else request.on if request else end
        amount = f"{number(receipt['quantity'])} {receipt.get('unit') or unit}"
        dock_date = request.dock_date if request else None
        bars.append(Supply(SupplyState.RECEIVED, min(since, end), end, f"received {amount} on {day(end)}", dock_date))
    return bars


__all__ = ["Supply", "SupplyState", "supplies_of"]
