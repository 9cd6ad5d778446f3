"""The supply that the trace picture draws as bars: what was asked for, and what came of it.

What is decided here: which bars there are. R6 and R7 were decided by the requirement; its own facts say what is late.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from canonical.facts import Fact
from gateway.trace.words import Data, as_date, day, number, slices_of


class SupplyState(StrEnum):
    """How sure a bar is."""

    WANTED = "wanted"
    CONFIRMED = "confirmed"
    UNSURE = "unsure"
    RECEIVED = "received"
    REPLACED = "replaced"
    """A late promise that another took the place of: why somebody was asked to decide."""


@dataclass(frozen=True)
class Supply:
    """A quantity from the day it was asked for or promised to the day it is at the dock."""

    state: SupplyState
    start: dt.date
    end: dt.date
    label: str
    late_from: dt.date | None = None
    """The dock date it should have met; None: no date was asked for."""


@dataclass
class _Want:
    """What the requirement asks of a supplier, as it stated it last."""

    on: dt.date
    dock_date: dt.date
    quantity: str
    unit: str
    """The order unit, which need not be the need's."""


@dataclass
class _Promise:
    """What an order promised last."""

    on: dt.date
    supplier: str
    slices: Sequence[Data]


def supplies_of(facts: Sequence[Fact]) -> list[Supply]:
    """A bar for each supplier's want, each slice of an order's newest promise, and each receipt."""
    unit = next((str(fact.data["unit"]) for fact in facts if fact.data.get("unit")), "")
    wants: dict[str, _Want] = {}
    promises: dict[str, _Promise] = {}
    receipts: list[Supply] = []
    replaced: list[Supply] = []
    for fact in sorted(facts, key=lambda each: (each.business_time, each.processing_time, each.sequence)):
        on = fact.business_time.date()
        order = str(fact.data.get("order_id") or fact.entity_id)
        if fact.kind == "cover.wanted":
            supplier = str(fact.data.get("supplier") or _supplier_of(order))
            dock_date = as_date(fact.data.get("dock_date"))
            before = wants.get(supplier)
            if dock_date:
                first = before.on if before else on
                asked = number(fact.data.get("quantity", ""))
                wants[supplier] = _Want(first, dock_date, asked, str(fact.data.get("unit") or unit))
        elif fact.kind in ("cover.stated", "order.answered") and slices_of(fact.data):
            before_it, promises[order] = promises.get(order), _Promise(on, _supplier_of(order), slices_of(fact.data))
            if before_it and _days_of(before_it) != _days_of(promises[order]):
                replaced += _replaced(before_it, wants.get(before_it.supplier), unit)
        elif fact.kind == "goods.received":
            receipts += _receipts(fact, promises.get(order), wants.get(_supplier_of(order)), unit)
    bars = [_wanted(supplier, want) for supplier, want in wants.items() if want.quantity not in ("", "0")]
    bars += replaced
    for promise in promises.values():
        bars += _promised(promise, wants.get(promise.supplier), unit, received=bool(receipts))
    return bars + receipts


def _supplier_of(order_id: str) -> str:
    parts = order_id.split("/")
    return parts[2] if len(parts) == 4 and parts[0] == "order" else ""


def _wanted(supplier: str, want: _Want) -> Supply:
    source = f" from {supplier}" if supplier else ""
    label = f"wanted {want.quantity} {want.unit}{source} by {day(want.dock_date)}"
    return Supply(SupplyState.WANTED, min(want.on, want.dock_date), want.dock_date, label)


def _promised(promise: _Promise, want: _Want | None, unit: str, *, received: bool) -> list[Supply]:
    bars: list[Supply] = []
    unit = want.unit if want else unit
    for part in promise.slices:
        end, state = as_date(part.get("date")), str(part.get("state") or part.get("outcome") or "confirmed")
        if end is None or (state == "received" and received):
            continue
        amount = f"{number(part['quantity'])} {unit}" if part.get("quantity") is not None else "all"
        dock_date = want.dock_date if want else None
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


def _replaced(promise: _Promise, want: _Want | None, unit: str) -> list[Supply]:
    promised = _promised(promise, want, unit, received=True)
    return [
        replace(bar, state=SupplyState.REPLACED, label=f"{bar.label}; replaced")
        for bar in promised
        if bar.late_from is not None and bar.end > bar.late_from
    ]


def _days_of(promise: _Promise) -> set[tuple[str, str]]:
    return {(number(part.get("quantity", "")), str(part.get("date"))) for part in promise.slices}


_SURE = ("confirmed", "accepted", "changed", "shipped", "received")


def _receipts(fact: Fact, promise: _Promise | None, want: _Want | None, unit: str) -> list[Supply]:
    listed = fact.data.get("receipts")
    receipts: Sequence[Any] = listed if isinstance(listed, list) else [fact.data]
    bars: list[Supply] = []
    unit = want.unit if want else unit
    for receipt in receipts:
        if not isinstance(receipt, dict) or "quantity" not in receipt:
            continue
        end = as_date(receipt.get("date")) or fact.business_time.date()
        since = promise.on if promise else want.on if want else end
        amount = f"{number(receipt['quantity'])} {receipt.get('unit') or unit}"
        dock_date = want.dock_date if want else None
        bars.append(Supply(SupplyState.RECEIVED, min(since, end), end, f"received {amount} on {day(end)}", dock_date))
    return bars


__all__ = ["Supply", "SupplyState", "supplies_of"]
