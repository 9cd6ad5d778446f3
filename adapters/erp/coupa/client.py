"""Orders in Coupa, the procurement cloud: a requisition, its approval there, and the order that Coupa makes of it.

Decided here: sourcing and approvals stay Coupa's. A requisition is submitted once and found again by its title, read
page by page since what else can be filtered is not documented; a refused one is deleted before another is submitted,
so that nobody revives it. The order is followed by the lines of the requisition. It goes to the supplier from Coupa,
as does a change; a change is a request of its own, which names its step so that it is found after a lost answer. What
suppliers confirm is in Coupa already: nothing is written back.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

import httpx

from adapters.erp import edits
from adapters.erp.coupa.api import CoupaApi, Row
from adapters.erp.coupa.documents import (
    OURS,
    CoupaSettings,
    change_body,
    items_of,
    numbered,
    read_moment,
    requisition_body,
)
from adapters.erp.remote import Items, NotWritable
from adapters.erp.settle_policy import NotFinal, SettlePolicy
from adapters.errors import PermanentError, TransientError
from canonical.order import (
    AwaitingApproval,
    ChangeOutcome,
    DocumentLine,
    Edited,
    OrderChangeOutcome,
    OrderDocument,
    OrderSchedule,
    Placed,
    PlaceOutcome,
    Refused,
    WriteOutcome,
    Written,
)
from canonical.policy import RouteKind

_GONE = ("withdrawn", "abandoned", "cancelled")
_WAITING = ("pending_buyer_action", "pending_approval", "backgrounded", "approved")
_HELD = ("draft", "buyer_hold", "currency_hold", "supplier_hold", "supplier_window_hold", "error")
_BEFORE = dt.timedelta(days=1)
"""How far before the order's day requisitions are looked for: days differ by zone."""


class CoupaOrders:
    """Implements adapters.ports.ErpPort. For the times see settle_policy.SettlePolicy."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: CoupaSettings = CoupaSettings(),  # noqa: B008 - immutable
        *,
        system: str = "coupa",
        settle_seconds: float = 6.0,
        second_create_seconds: float | None = None,
        look_every_seconds: float = 0.5,
        budget_seconds: float = 18.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`second_create_seconds` None: as long as `settle_seconds`."""
        self._api, self._settings, self._system, self._now = CoupaApi(http, system), settings, system, now
        second = settle_seconds if second_create_seconds is None else second_create_seconds
        self._settle_policy = SettlePolicy(settle_seconds, look_every_seconds, budget_seconds, second, clock, sleep)
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- placing

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Submit one requisition for the document, or say what has become of it: its approval, then its order."""
        if document.route is not RouteKind.DIRECT:
            reason = f"Coupa has no {document.route} orders; take the route out of the plant's policy"
            return Refused(system=self._system, code="no_route", reason=reason)
        if document.awaiting is not None:
            number = document.requisition_number or document.awaiting
            row = await self._api.row(f"requisitions/{_id(number)}")
            return self._withdrawn(number) if row is None else await self._become(row)
        one_at_a_time = self._placing.setdefault(document.reference, asyncio.Lock())
        async with one_at_a_time:
            try:
                body = requisition_body(document, self._settings)
            except NotWritable as error:
                return Refused(system=self._system, code=error.code, reason=str(error))
            return await self._submitted(document, body, maybe_written)

    async def _submitted(self, document: OrderDocument, body: Row, maybe_written: bool) -> PlaceOutcome:
        found = await self._requisitions(document)
        if maybe_written and not found:
            found = await self._looked_for(document)
        living = [row for row in found if row["status"] not in _GONE]
        refused = [row for row in living if _is_refused(row)]
        going_on = [row for row in living if row not in refused]
        if going_on:
            kept, *spares = await self._the_living_first(going_on)
            for spare in refused:
                await self._delete(spare)
            duplicates = [number for spare in spares for number in await self._undone(spare)]
            if kept["status"] in ("draft", "cart"):
                again = await self._api.write("PUT", f"requisitions/{_id(kept['id'])}/update_and_submit_for_approval")
                return again if isinstance(again, Refused) else await self._become(again)
            return _with_duplicates(await self._become(kept, found_existing=True), tuple(duplicates))
        if refused and maybe_written:
            return await self._become(refused[0])
        for row in refused:
            await self._delete(row)
        self._settle_policy.sent(document.reference)
        created = await self._api.write("POST", "requisitions/submit_for_approval", body)
        if isinstance(created, Refused):
            return created
        return await self._become(created)

    async def _requisitions(self, document: OrderDocument) -> list[Row]:
        """Those with our title, the oldest first; only by when they were made can they be filtered."""
        since = f"{(document.order_date - _BEFORE).isoformat()}T00:00:00+00:00"
        query = {"created-at[gt_or_eq]": since, "order_by": "id", "dir": "asc"}
        rows = self._api.rows("requisitions", **query)
        ours = [row async for row in rows if row.get("req-title") == document.reference]
        return sorted(ours, key=lambda row: int(row["id"]))

    async def _looked_for(self, document: OrderDocument) -> list[Row]:
        async def look() -> list[Row]:
            return await self._requisitions(document)

        try:
            return await self._settle_policy.look_until_final(document.reference, look)
        except NotFinal as missing:
            raise TransientError(
                self._system,
                f"the answer to the requisition {document.reference} was lost, and {missing}",
                maybe_written=True,
                retry_after_seconds=missing.seconds,
            ) from None

    async def _the_living_first(self, rows: list[Row]) -> list[Row]:
        """Those whose orders somebody cancelled come last: the first one is the document's."""
        if len(rows) == 1:
            return rows
        dead = [row for row in rows if (orders := await self._orders_of(row)) and all(map(_is_gone, orders))]
        return [row for row in rows if row not in dead] + dead

    async def _undone(self, spare: Row) -> list[str]:
        """Take back a requisition that is there too often, with its orders; the numbers of what was taken back."""
        orders = await self._orders_of(spare)
        if not orders:
            await self._delete(spare)
            return [str(spare["id"])]
        living = [order for order in orders if not _is_gone(order)]
        for order in living:
            refused = await self._api.write("PUT", f"purchase_orders/{_id(order['id'])}/cancel")
            if isinstance(refused, Refused):
                raise PermanentError(
                    self._system, f"order {order['po-number']} is a duplicate: {refused.reason}; cancel it in Coupa"
                )
        return [str(order["po-number"]) for order in living]

    async def _delete(self, row: Row) -> None:
        gone = await self._api.write("DELETE", f"requisitions/{_id(row['id'])}")
        if isinstance(gone, Refused) and gone.code != "404":
            raise PermanentError(
                self._system, f"requisition {row['id']} is a duplicate: {gone.reason}; withdraw it in Coupa"
            )

    async def _become(self, row: Row, *, found_existing: bool = False) -> PlaceOutcome:
        """What has become of a requisition."""
        number, status = str(row["id"]), str(row["status"])
        if status in _GONE:
            return self._withdrawn(number)
        if _is_refused(row):
            return Refused(system=self._system, code="not_approved", reason=_why_refused(row))
        orders = await self._orders_of(row)
        if not orders:
            if status not in _WAITING:
                return Refused(system=self._system, code=status, reason=f"requisition {number} is {status} in Coupa")
            return AwaitingApproval(
                system="Coupa",
                document=number,
                since=read_moment(row.get("submitted-at")),
                approver=_approver(row),
                requisition_number=number,
            )
        if len(orders) > 1:
            numbers = ", ".join(str(order["po-number"]) for order in orders)
            reason = f"Coupa made several orders of requisition {number}: {numbers}; leave one there"
            return Refused(system=self._system, code="split", reason=reason)
        [order] = orders
        if _is_gone(order):
            reason = f"order {order['po-number']} was cancelled in Coupa"
            return Refused(system=self._system, code="deleted_in_erp", reason=reason)
        return Placed(
            requisition_number=number,
            order_number=str(order["po-number"]),
            found_existing=found_existing,
            unreleased=f"it is on {order['status']} in Coupa" if order["status"] in _HELD else "",
        )

    def _withdrawn(self, number: str) -> Refused:
        reason = f"requisition {number} was withdrawn or deleted in Coupa"
        return Refused(system=self._system, code="withdrawn", reason=reason)

    async def _orders_of(self, requisition: Row) -> list[Row]:
        """The orders that a requisition's lines went to: only ids lead there, and those of deleted lines nowhere."""
        headers: dict[str, None] = {}
        for line in requisition.get("requisition-lines") or ():
            if line.get("order-line-id"):
                found = await self._api.row(f"purchase_order_lines/{_id(line['order-line-id'])}")
                if found is not None:
                    headers[_id(found["order-header-id"])] = None
        if not headers and requisition["status"] == "ordered":
            query = {"created-at[gt_or_eq]": str(requisition["created-at"]), "order_by": "id", "dir": "asc"}
            rows = [row async for row in self._api.rows("purchase_orders", **query)]
            return [row for row in rows if (row.get("requisition-header") or {}).get("id") == requisition["id"]]
        orders = [await self._api.row(f"purchase_orders/{header}") for header in headers]
        return [order for order in orders if order is not None]

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Delete our requisitions that are no orders yet; Refused where Coupa keeps one."""
        writes = 0
        for row in await self._requisitions(document):
            if row["status"] in _GONE or await self._orders_of(row):
                continue
            gone = await self._api.write("DELETE", f"requisitions/{_id(row['id'])}")
            if isinstance(gone, Refused) and gone.code != "404":
                return gone
            writes += 1
        return Written(reference=document.requisition_number or document.reference, writes=writes)

    # -- changing

    async def change_order(self, document: OrderDocument, *, key: str) -> OrderChangeOutcome:
        """Request a change of the lines, or say what has become of the request."""
        lines = [line for line in document.lines if line.line in document.changed_lines]
        order = await self._order(document)
        if document.awaiting is not None:
            change = await self._api.row(f"purchase_order_changes/{_id(document.awaiting)}")
            return await self._become_change(change, document.awaiting)
        items = self._read(order, lines)
        edited = edits.of_lines(items, lines, priced=True)
        if edited:
            at = read_moment(order.get("updated-at")) or self._now()
            return Edited(edits=tuple(edit.in_document(str(order["po-number"]), at) for edit in edited))
        held = numbered(order["order-lines"])
        gone = next((line.line for line in lines if not line.cancelled and line.line not in held), None)
        if gone is not None:
            reason = f"order {order['po-number']} has no line {gone} in Coupa"
            return Refused(system=self._system, code="line_gone", reason=reason, line=gone)
        missing = [line for line in lines if _differs(items, line)]
        if not missing:
            return Written(reference=str(order["po-number"]), unreleased=_hold(order))
        waiting = await self._waiting_change(order)
        if waiting is not None:
            return await self._take_up(waiting, key)
        if len(missing) == len(order["order-lines"]) and all(line.cancelled for line in missing):
            cancelled = await self._api.write("PUT", f"purchase_orders/{_id(order['id'])}/cancel")
            return cancelled if isinstance(cancelled, Refused) else Written(reference=str(order["po-number"]), writes=1)
        try:
            body = change_body(order, missing, key)
        except NotWritable as error:
            return Refused(system=self._system, code=error.code, reason=str(error))
        made = await self._api.write("POST", "purchase_order_changes", body)
        return made if isinstance(made, Refused) else await self._submit_change(made)

    async def _take_up(self, waiting: Row, key: str) -> OrderChangeOutcome:
        """Another change waits, or ours of a call whose answer was lost: that is submitted, if it was not."""
        justification = str(waiting.get("justification") or "")
        if waiting["status"] != "draft" or not justification.startswith(OURS):
            return await self._become_change(waiting, str(waiting["id"]))
        if justification != f"{OURS}{key}":
            raise PermanentError(
                self._system, f"change {waiting['id']} of an earlier attempt was never submitted; delete it in Coupa"
            )
        return await self._submit_change(waiting)

    async def _submit_change(self, draft: Row) -> OrderChangeOutcome:
        done = await self._api.write("PUT", f"purchase_order_changes/{_id(draft['id'])}/submit_for_approval")
        return done if isinstance(done, Refused) else await self._become_change(done, str(draft["id"]))

    async def _waiting_change(self, order: Row) -> Row | None:
        """The change of the order that is not decided yet; there is one at most."""
        query = {"created-at[gt_or_eq]": str(order["created-at"]), "order_by": "id", "dir": "desc"}
        async for row in self._api.rows("purchase_order_changes", **query):
            if row.get("order-header-id") == order["id"] and row["status"] in ("draft", "pending_approval"):
                return row
        return None

    async def _become_change(self, row: Row | None, number: str) -> OrderChangeOutcome:
        if row is None:
            reason = f"change {number} was deleted in Coupa"
            return Refused(system=self._system, code="withdrawn", reason=reason)
        match row["status"]:
            case "approved" | "applied" | "completed":
                return Written(reference=number, writes=1)
            case "draft" | "pending_approval" | "backgrounded":
                return AwaitingApproval(
                    system="Coupa",
                    document=number,
                    since=read_moment(row.get("created-at")),
                    approver=_approver(row),
                )
        return Refused(system=self._system, code="not_approved", reason=_why_refused(row))

    async def _order(self, document: OrderDocument) -> Row:
        row = await self._api.row(f"requisitions/{_id(document.requisition_number)}")
        orders = await self._orders_of(row) if row is not None else []
        found = next((order for order in orders if order["po-number"] == document.order_number), None)
        if found is None:
            raise PermanentError(
                self._system,
                f"order {document.order_number} of requisition {document.requisition_number} can't be found in Coupa; "
                "see whether the integration's user may read it",
            )
        return found

    def _read(self, order: Row, lines: list[DocumentLine]) -> Items:
        try:
            return items_of(order, lines)
        except (ValueError, LookupError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"[:200]
            raise PermanentError(self._system, f"order {order.get('po-number')} can't be read: {why}") from error

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Nothing: what was confirmed and received is in Coupa by itself."""
        return Written(reference=schedule.order_number)


def _id(value: Any) -> str:
    """An id of Coupa's for a path. Raises ValueError."""
    return str(int(str(value)))


def _is_refused(row: Row) -> bool:
    return row["status"] == "rejected" or (row["status"] == "draft" and bool(row.get("reject-reason-comment")))


def _why_refused(row: Row) -> str:
    """The approver's reason, of a requisition or a change."""
    given = row.get("reject-reason-comment") or row.get("reject-reason") or ""
    text = given.get("comments", given.get("comment", "")) if isinstance(given, dict) else given
    return f"not approved in Coupa: {' '.join(str(text).split()) or 'no reason is given'}"


def _approver(row: Row) -> str:
    approval = row.get("current-approval")
    approver = approval.get("approver") if isinstance(approval, dict) else None
    if row["status"] == "pending_buyer_action":
        return "a buyer in Coupa"
    return str(approver.get("fullname") or approver.get("login") or "") if isinstance(approver, dict) else ""


def _is_gone(order: Row) -> bool:
    """Nothing of it is ordered any more."""
    return order["status"] == "cancelled" or not order["order-lines"]


def _hold(order: Row) -> str:
    return f"it is on {order['status']} in Coupa" if order["status"] in _HELD else ""


def _differs(items: Items, line: DocumentLine) -> bool:
    item = items[line.line]
    if line.cancelled or item.deleted:
        return line.cancelled and not item.deleted
    price = edits.price_held(item, line.price_unit)
    day = item.schedule[0].date if item.schedule else None
    return (item.quantity, day, price) != (line.quantity, line.delivery_date, round(line.price, 6))


def _with_duplicates(outcome: PlaceOutcome, duplicates: tuple[str, ...]) -> PlaceOutcome:
    return outcome.model_copy(update={"duplicates": duplicates}) if isinstance(outcome, Placed) else outcome
