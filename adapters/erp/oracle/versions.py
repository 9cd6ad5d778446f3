"""An order in Oracle: its approved version, and the draft that is to become the next one. Pure: no I/O.

Decided here: which statuses mean draft, waiting, over or on hold; that a schedule's day is the promised one, else the
requested one, and that a promised quantity is a committed one, since Oracle commits whole schedules; that a draft is
ours by its description. Everything raises ValueError, LookupError or TypeError for rows of another kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.erp.oracle.rest import Row, RowLink
from adapters.erp.oracle.values import day, number
from adapters.erp.remote import (
    Items,
    RemoteItem,
    RemoteScheduleLine,
    day_within_calendar,
    quantity_or_price,
)

OURS = "Pegline "
"""How the description of every change order of ours begins."""
INCOMPLETE = frozenset({"INCOMPLETE", "WITHDRAWN"})
"""Drafted, and not submitted (any more)."""
NOT_APPROVED = frozenset({"REJECTED"})
WAITING = frozenset({"PENDING APPROVAL", "PENDING CHANGE APPROVAL", "PENDING SIGNATURE", "PRE-APPROVED"})
TO_ACKNOWLEDGE = frozenset({"PENDING SUPPLIER ACKNOWLEDGMENT", "PENDING ACCEPTANCE"})
_CANCELED = "CANCELED"
_RECEIVED = frozenset({"CLOSED", "FINALLY CLOSED", "CLOSED FOR RECEIVING"})
_DRAFT = INCOMPLETE | NOT_APPROVED | WAITING


class LineKeys(NamedTuple):
    """Oracle's own keys of a line and its schedules, and what of them was received."""

    line_id: int
    schedule_ids: Mapping[int, int]
    """By schedule number."""
    received: Mapping[int, Decimal]
    """By schedule number."""
    organization: str


@dataclass(frozen=True)
class OrderVersion:
    """One version of an order; lines by the order line that they are for us."""

    status: str
    items: Items
    keys: Mapping[int, LineKeys]


@dataclass(frozen=True)
class FusionOrder:
    """An order of ours in Oracle."""

    header_id: int
    number: str
    description: str
    status: str
    """Of what draftPurchaseOrders shows: the draft, else the approved version."""
    link: RowLink
    """Where it is drafted."""
    approved_link: RowLink | None = None
    """In purchaseOrders; None: it is not approved."""
    approved: OrderVersion | None = None
    draft: OrderVersion | None = None
    """The new order itself, or a change order."""
    change_number: str = ""
    change_description: str = ""
    change_rejection: str = ""
    changed_at: str = ""

    @property
    def draft_is_ours(self) -> bool:
        """Whether the change order is one of ours."""
        return self.change_description.startswith(OURS)

    @property
    def waits(self) -> bool:
        """A draft of ours waits for approval."""
        return self.draft is not None and self.status in WAITING and (self.approved is None or self.draft_is_ours)

    @property
    def effective(self) -> OrderVersion | None:
        """The version that holds what we wrote last: a draft of ours that waits for approval, else the approved one."""
        return self.draft if self.waits else self.approved

    @property
    def over(self) -> bool:
        """Nothing of it is left."""
        version = self.approved or self.draft
        return version is None or all(item.deleted for item in version.items.values())


@dataclass(frozen=True)
class LineNames:
    """Which order line of ours a line of Oracle's is; without a name: the one of its number."""

    ours: Mapping[int, int] = field(default_factory=dict)

    def of(self, line_number: int) -> int:
        """Our line."""
        return self.ours.get(line_number, line_number)


class Loaded(NamedTuple):
    """A row of an order, where it is, and all its lines, each with all its schedules."""

    row: Row
    link: RowLink
    lines: Sequence[tuple[Row, Sequence[Row]]]


def order_of(draft: Loaded, approved: Loaded | None, names: LineNames) -> FusionOrder:
    """The order, of its row in draftPurchaseOrders and that in purchaseOrders, which has approved ones alone."""
    row = draft.row
    status = str(row["StatusCode"])
    drafted = approved is None or status in _DRAFT
    return FusionOrder(
        header_id=int(row["POHeaderId"]),
        number=str(row["OrderNumber"]),
        description=str(row.get("Description") or ""),
        status=status,
        link=draft.link,
        approved_link=approved.link if approved else None,
        approved=_version(approved, names) if approved else None,
        draft=_version(draft, names) if drafted else None,
        change_number=str(row.get("ChangeOrderNumber") or ""),
        change_description=str(row.get("ChangeOrderDescription") or "") if approved else "",
        change_rejection=str(row.get("RejectionReason") or ""),
        changed_at=str((approved.row if approved else row).get("LastUpdateDate") or ""),
    )


def _version(loaded: Loaded, names: LineNames) -> OrderVersion:
    order, status = str(loaded.row["OrderNumber"]), str(loaded.row["StatusCode"])
    items: dict[int, RemoteItem] = {}
    keys: dict[int, LineKeys] = {}
    for line, schedules in loaded.lines:
        ours = names.of(int(number(line["LineNumber"])))
        items[ours] = _item(order, ours, line, schedules, on_hold=status == "ON HOLD")
        keys[ours] = _keys(line, schedules)
    return OrderVersion(status, items, keys)


def _item(order: str, ours: int, line: Row, schedules: Sequence[Row], *, on_hold: bool) -> RemoteItem:
    alive = [one for one in schedules if not _canceled(one)]
    statuses = {str(one.get("StatusCode") or "") for one in alive}
    return RemoteItem(
        order=order,
        number=ours,
        quantity=quantity_or_price(sum((number(one.get("Quantity")) for one in alive), Decimal(0))),
        deleted=not alive or _canceled(line),
        completed=bool(alive) and statuses <= _RECEIVED,
        requisition="",
        schedule=tuple(sorted(map(_schedule, alive), key=lambda one: one.number)),
        price=quantity_or_price(number(line.get("Price"))),
        material=str(line.get("Item") or ""),
        plant=str(alive[0].get("ShipToOrganizationCode") or "") if alive else "",
        blocked=on_hold,
        unit=str(line.get("UOMCode") or ""),
    )


def _schedule(row: Row) -> RemoteScheduleLine:
    promised = day(row.get("PromisedDeliveryDate"))
    quantity = quantity_or_price(number(row.get("Quantity")))
    return RemoteScheduleLine(
        number=int(number(row["ScheduleNumber"])),
        date=day_within_calendar(promised or day(row.get("RequestedDeliveryDate"))),
        quantity=quantity,
        committed=quantity if promised else Decimal(0),
    )


def _keys(line: Row, schedules: Sequence[Row]) -> LineKeys:
    alive = [one for one in schedules if not _canceled(one)]
    numbered: dict[int, Any] = {int(number(one["ScheduleNumber"])): one for one in alive}
    return LineKeys(
        line_id=int(line["POLineId"]),
        schedule_ids={at: int(one["LineLocationId"]) for at, one in numbered.items()},
        received={at: number(one.get("ReceivedQuantity")) for at, one in numbered.items()},
        organization=str(next((one.get("ShipToOrganizationCode") or "" for one in alive), "")),
    )


def _canceled(row: Row) -> bool:
    return row.get("StatusCode") == _CANCELED or row.get("CancelFlag") is True


__all__ = ["FusionOrder", "LineKeys", "LineNames", "Loaded", "OrderVersion", "order_of"]
