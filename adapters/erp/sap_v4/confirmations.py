"""The supplier's confirmations, where SAP keeps them: its supplier confirmation service (category AB).

Decided here: each promised quantity of an item is one confirmation line with its day; the order's requested schedule is
not touched. Ours are known by the order's reference in SuplrConfExternalReference; what a person or another system has
confirmed there stays, and counts: SAP does not check that confirmations exceed the order, so that is checked here. A
confirmation whose create got no answer is looked for before it is created again; one that is there twice is emptied
but for the first. An item that the supplier rejects is marked so (ItemIsRejectedBySupplier). Inbound deliveries (LA)
are another service's and not written.

Source of names and calls: no EDMX of this service was to be had; they are those of a client proxy generated from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from adapters.erp.placing import Ensuring
from adapters.erp.reconcile import reconcile
from adapters.erp.remote import (
    Items,
    RemoteDocument,
    RemoteItem,
    age,
    day_within_calendar,
    quantity_or_price,
)
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.values import read_decimal
from adapters.erp.sap_v4.odata import CONFIRMATIONS, Entity, V4Service, at, rows, to_one
from adapters.erp.sap_v4.remote import etag
from adapters.erp.sap_v4.values import number, read_date
from adapters.erp.settle_policy import SettlePolicy
from adapters.errors import TransientError
from canonical.identity import external_reference
from canonical.order import LineSchedule, OrderSchedule, Refused, WriteOutcome, Written

_HEAD, _ITEMS, _LINES = "_SupplierConfirmationTP", "_SupplierConfirmationItemTP", "_SupplierConfirmationLineTP"
_REFERENCE = "SuplrConfExternalReference"
_LOST_MAX = 10_000

Slices = Mapping[date, Decimal]


@dataclass(frozen=True)
class _ConfirmedLine:
    number: str
    day: date | None
    quantity: Decimal
    etag: str


@dataclass(frozen=True)
class _ConfirmedItem:
    """An item of a confirmation; `ours`: with our reference."""

    confirmation: str
    number: str
    order_item: int
    ours: bool
    rejected: bool
    lines: tuple[_ConfirmedLine, ...]
    etag: str

    @property
    def path(self) -> str:
        return at("ConfirmationItem", self.confirmation, self.number)

    def line_path(self, line: _ConfirmedLine) -> str:
        return at("ConfirmationLine", self.confirmation, self.number, line.number)

    @property
    def confirmed(self) -> Decimal:
        return sum((line.quantity for line in self.lines), Decimal(0))


@dataclass(frozen=True)
class _Wanted:
    """What is to stand there of an order item."""

    item: RemoteItem
    slices: Slices
    rejected: bool = False


class V4Confirmations:
    """Implements adapters.erp.sap.purchasing.Confirming."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self._service = V4Service(http, system, CONFIRMATIONS)
        self._system = system
        self._lost: dict[str, None] = {}
        """References whose confirmation was created without an answer."""

    async def write(
        self, schedule: OrderSchedule, items: Items, *, key: str, settle_policy: SettlePolicy
    ) -> WriteOutcome:
        """Bring the confirmations of these lines to what was promised. Raises DoesNotFit."""
        wanted = [
            _Wanted(items[line.line], promised(line))
            for line in schedule.lines
            if not line.completed and line.line in items
        ]
        return await self._brought(
            schedule.order_number, external_reference(schedule.order_id), wanted, key, settle_policy
        )

    async def reject(
        self, order: str, reference: str, items: Sequence[RemoteItem], *, key: str, settle_policy: SettlePolicy
    ) -> WriteOutcome:
        """Mark these items as rejected by the supplier."""
        return await self._brought(
            order, reference, [_Wanted(item, {}, rejected=True) for item in items], key, settle_policy
        )

    async def _brought(
        self, order: str, reference: str, wanted: Sequence[_Wanted], key: str, settle_policy: SettlePolicy
    ) -> WriteOutcome:
        found = await self._items(order, reference)
        beyond = self._beyond(found, wanted)
        if beyond is not None:
            return beyond
        writes = 0
        ours = [one for one in found if one.ours]
        if not ours and any(each.slices or each.rejected for each in wanted):
            created = await self._created(order, reference, wanted, key, settle_policy)
            if isinstance(created, Refused):
                return created
            writes = 1

        async def missing() -> list[Operation] | Refused:
            return _differences(await self._items(order, reference), wanted)

        async def change(operations: Sequence[Operation]) -> Refused | None:
            return await self._service.change(operations, key=key)

        outcome = await reconcile(self._system, order, missing, change, settle_policy=settle_policy)
        return outcome if isinstance(outcome, Refused) else Written(reference=order, writes=outcome.writes + writes)

    async def _created(
        self, order: str, reference: str, wanted: Sequence[_Wanted], key: str, settle_policy: SettlePolicy
    ) -> RemoteDocument | Refused:
        """Create the confirmation, or find one that an earlier call has created without an answer."""

        async def look() -> list[RemoteDocument]:
            ours = [one for one in await self._items(order, reference) if one.ours]
            return [RemoteDocument(number, (1,)) for number in sorted({one.confirmation for one in ours}, key=age)]

        async def create() -> RemoteDocument | Refused:
            body = _confirmation(order, reference, wanted)
            made = await self._service.create(
                "Confirmation", body, number="SupplierConfirmation", key=f"{key}/confirmation"
            )
            return made if isinstance(made, Refused) else RemoteDocument(made["SupplierConfirmation"], (1,))

        ensuring = Ensuring(self._system, reference, "confirmation", look, create, settle_policy)
        try:
            ensured = await ensuring.run([], reference in self._lost, settle_policy.deadline())
        except TransientError as error:
            if error.maybe_written:
                if len(self._lost) > _LOST_MAX:
                    self._lost.clear()
                self._lost[reference] = None
            raise
        self._lost.pop(reference, None)
        return ensured.document

    def _beyond(self, found: Sequence[_ConfirmedItem], wanted: Sequence[_Wanted]) -> Refused | None:
        """The refusal of what would confirm more than was ordered."""
        for each in wanted:
            others = sum(
                (one.confirmed for one in found if not one.ours and one.order_item == each.item.number), Decimal(0)
            )
            total = others + sum(each.slices.values(), Decimal(0))
            if total > each.item.quantity:
                also = f", {others:f} of it entered by others" if others else ""
                reason = f"line {each.item.number}: {total:f} confirmed{also}, {each.item.quantity:f} ordered"
                return Refused(system=self._system, code="confirmed_beyond_order", reason=reason, line=each.item.number)
        return None

    async def _items(self, order: str, reference: str) -> list[_ConfirmedItem]:
        return await self._service.read_as(
            lambda items: [_confirmed(item, reference) for item in items],
            "ConfirmationItem",
            of=("SuplrConfRefPurchaseOrder", order),
            expand=f"{_LINES},{_HEAD}",
        )


def promised(line: LineSchedule) -> Slices:
    """What the supplier committed of a line, by day."""
    return {one.date: one.committed for one in line.schedule if one.committed}


def _confirmed(item: Entity, reference: str) -> _ConfirmedItem:
    lines = (
        _ConfirmedLine(
            line["SupplierConfirmationLine"],
            day_within_calendar(read_date(line.get("DeliveryDate"))),
            quantity_or_price(read_decimal(line.get("ConfirmedQuantity"))),
            etag(line),
        )
        for line in rows(item, _LINES)
    )
    return _ConfirmedItem(
        confirmation=item["SupplierConfirmation"],
        number=item["SupplierConfirmationItem"],
        order_item=int(item["SuplrConfRefPurchaseOrderItem"]),
        ours=to_one(item, _HEAD).get(_REFERENCE) == reference,
        rejected=bool(item.get("ItemIsRejectedBySupplier")),
        lines=tuple(sorted(lines, key=lambda line: line.number)),
        etag=etag(item),
    )


def _confirmation(order: str, reference: str, wanted: Sequence[_Wanted]) -> dict[str, Any]:
    return {
        "SuplrConfRefPurchaseOrder": order,
        _REFERENCE: reference,
        _ITEMS: [_item(each) for each in wanted if each.slices or each.rejected],
    }


def _item(wanted: _Wanted) -> dict[str, Any]:
    rejected = {"ItemIsRejectedBySupplier": True} if wanted.rejected else {}
    return {
        "SuplrConfRefPurchaseOrderItem": str(wanted.item.number),
        **rejected,
        _LINES: [_line(wanted.item, day, quantity) for day, quantity in sorted(wanted.slices.items())],
    }


def _line(item: RemoteItem, day: date, quantity: Decimal) -> dict[str, Any]:
    return {
        "DeliveryDate": day.isoformat(),
        "ConfirmedQuantity": number(quantity, "ConfirmedQuantity"),
        "PurchaseOrderQuantityUnit": item.unit,
    }


def _differences(found: Sequence[_ConfirmedItem], wanted: Sequence[_Wanted]) -> list[Operation]:
    """The writes that bring our confirmations of these items to what is wanted."""
    head = min((one.confirmation for one in found if one.ours), key=age, default="")
    operations: list[Operation] = []
    for each in wanted:
        ours = sorted(
            (one for one in found if one.ours and one.order_item == each.item.number),
            key=lambda one: (age(one.confirmation), one.number),
        )
        if not ours and (each.slices or each.rejected):
            told = f"line {each.item.number}: {_told(each.slices)} confirmed wanted, nothing found"
            operations.append(Operation("POST", f"{at('Confirmation', head)}/{_ITEMS}", _item(each), told))
        for place, one in enumerate(ours):
            of_this = each if place == 0 else replace(each, slices={})
            operations += _of_item(one, of_this)
    return operations


def _of_item(found: _ConfirmedItem, wanted: _Wanted) -> list[Operation]:
    of = f"line {found.order_item}"
    operations: list[Operation] = []
    if found.rejected != wanted.rejected:
        told = f"{of}: rejected {wanted.rejected} wanted, {found.rejected} found"
        body = {"ItemIsRejectedBySupplier": wanted.rejected}
        operations.append(Operation("PATCH", found.path, body, told, found.etag))
    left = dict(wanted.slices)
    spare: list[_ConfirmedLine] = []
    for line in found.lines:
        if line.day in left and left[line.day] == line.quantity:
            del left[line.day]
        else:
            spare.append(line)
    for line in list(spare):
        if line.day is not None and line.day in left:
            told = f"{of}: {left[line.day]:f} confirmed for {line.day} wanted, {line.quantity:f} found"
            changed = {"ConfirmedQuantity": number(left.pop(line.day), "ConfirmedQuantity")}
            operations.append(Operation("PATCH", found.line_path(line), changed, told, line.etag))
            spare.remove(line)
    for line in spare:
        told = f"{of}: nothing confirmed for {line.day} wanted, {line.quantity:f} found"
        operations.append(Operation("DELETE", found.line_path(line), told=told, etag=line.etag))
    for day, quantity in sorted(left.items()):
        told = f"{of}: {quantity:f} confirmed for {day} wanted, nothing found"
        path = f"{found.path}/{_LINES}"
        operations.append(Operation("POST", path, _line(wanted.item, day, quantity), told))
    return operations


def _told(slices: Slices) -> str:
    return " and ".join(f"{quantity:f} for {day}" for day, quantity in sorted(slices.items())) or "rejection"
