"""Purchase orders and transfer orders in Oracle Fusion.

Decided here:
- A purchase is drafted as an order of ours and submitted, or asked for by a supply request, from which Oracle makes its
  own requisition and order (option `purchases`); a transfer is always a supply request. Both are looked for by our
  reference before they are made, and one placing runs at a time per reference.
- What people in Oracle must approve first is AwaitingApproval; so is a supply request whose order is not there yet.
- A change is a change order in the buyer's name; the supplier's confirmation is one in the supplier's name, since an
  acknowledgment in Oracle knows neither dates nor quantities. One of ours that still waits is taken back and made again
  together with what it was to change. A change order of somebody else's is waited for.
- Nothing is written over a person's edit; compared is what we wrote last, which may be a change order that waits.

Not decided here: what a change order contains (change_orders.py), what an edit is (adapters.erp.edits).
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal
from weakref import WeakValueDictionary

import httpx

from adapters.erp import edits
from adapters.erp.oracle import change_orders
from adapters.erp.oracle.change_orders import WantedLine, differences
from adapters.erp.oracle.changing import SYSTEM_NAME, ChangeOrder, waiting
from adapters.erp.oracle.orders import NO_NAMES, FusionOrders, OrderDefaults
from adapters.erp.oracle.rest import Fusion
from adapters.erp.oracle.supply import FusionSupplyRequest, SupplyRequests
from adapters.erp.oracle.units import OracleUnits
from adapters.erp.oracle.versions import (
    INCOMPLETE,
    NOT_APPROVED,
    TO_ACKNOWLEDGE,
    FusionOrder,
    LineNames,
)
from adapters.erp.placing import Ensured, Ensuring, alive
from adapters.erp.remote import NotWritable, RemoteDocument
from adapters.erp.settle_policy import SettlePolicy
from adapters.errors import PermanentError, TransientError
from adapters.ports import PolicyPort
from canonical.identity import external_reference
from canonical.order import (
    AwaitingApproval,
    ChangeOutcome,
    DocumentLine,
    DuplicateDocuments,
    OrderChangeOutcome,
    OrderDocument,
    OrderSchedule,
    Placed,
    PlaceOutcome,
    Refused,
    WriteOutcome,
    Written,
)
from canonical.policy import ErpDocuments, RouteKind

_NO_SUBCONTRACT = (
    "subcontracting is not driven through Oracle's REST resources: the components would have to be given to the "
    "supplier by a contract manufacturing work order; take the route subcontract out of the plant's policy"
)
_NO_CANCEL = (
    "Oracle's supply requests know no cancellation; cancel the transfer order in Oracle, then decide this line as "
    "cancelled there"
)


@dataclass(frozen=True)
class OracleOptions:
    """What differs from one installation to the next; see docs/systems.md."""

    buyer_email: str
    requester_email: str = ""
    """Who supply requests are prepared and delivered for; empty: the buyer."""
    requisitioning_bu: str = ""
    purchases: Literal["orders", "supply-requests"] = "orders"


class OracleErp:
    """Implements adapters.ports.ErpPort and DuplicateSweepPort. For the times see settle_policy.SettlePolicy."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        options: OracleOptions,
        *,
        system: str = "erp",
        settle_seconds: float = 6.0,
        second_create_seconds: float | None = None,
        look_every_seconds: float = 0.5,
        budget_seconds: float = 18.0,
        units: OracleUnits | None = None,
        policies: PolicyPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._system = system
        self._options = options
        fusion = Fusion(http, system)
        self._orders = FusionOrders(fusion, OrderDefaults(options.buyer_email, options.requisitioning_bu))
        self._supply = SupplyRequests(fusion, options.requester_email or options.buyer_email)
        second = settle_seconds if second_create_seconds is None else second_create_seconds
        self._settle_policy = SettlePolicy(settle_seconds, look_every_seconds, budget_seconds, second, clock, sleep)
        self._units = units or OracleUnits()
        self._policies = policies
        self._now = now
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._supplier_ids: dict[str, int] = {}

    # -- placing

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Draft and submit the order, or send a supply request for it; or find what is there already."""
        if document.route is RouteKind.SUBCONTRACT:
            return self._refused("subcontract", _NO_SUBCONTRACT)
        one_at_a_time = self._placing.setdefault(document.reference, asyncio.Lock())
        async with one_at_a_time:
            try:
                if self._by_supply_request(document):
                    return await self._requested(document, key, maybe_written)
                return await self._ordered(document, key, maybe_written)
            except NotWritable as error:
                return self._refused(error.code, str(error))

    def _by_supply_request(self, document: OrderDocument) -> bool:
        return document.route is RouteKind.TRANSFER or self._options.purchases == "supply-requests"

    async def _ordered(self, document: OrderDocument, key: str, maybe_written: bool) -> PlaceOutcome:
        reference = document.reference

        async def look() -> list[RemoteDocument]:
            return [_document(order) for order in await self._orders.of_reference(reference)]

        async def create() -> RemoteDocument | Refused:
            created = await self._orders.create(body, key=key)
            return created if isinstance(created, Refused) else RemoteDocument(created, (1,))

        drafted = await self._orders.of_reference(reference)
        if len(drafted) == 1 and document.awaiting is None and await self._outdated(drafted[0], document, key):
            drafted = []
        found = [_document(order) for order in drafted]
        ensured = Ensured(alive(self._system, found), True, True) if found else None
        if document.awaiting is not None:
            ensured = ensured or Ensured(self._gone(f"order {document.awaiting}"), True, False)
        elif ensured is None:
            supplier = await self._supplier(document.supplier)
            site = _site(document.lines)
            if isinstance(supplier, Refused):
                return supplier
            if not site:
                return self._refused("no_site", f"no one site of supplier {document.supplier} is named; {_SITES}")
            body = self._orders.body(document, supplier, site, self._units_at(document.plant))
            deadline = self._settle_policy.deadline()
            ensuring = Ensuring(self._system, reference, "order", look, create, self._settle_policy)
            ensured = await ensuring.run([], maybe_written, deadline)
        if isinstance(ensured.document, Refused):
            return ensured.document
        return await self._released(document, ensured, key, maybe_written)

    async def _outdated(self, order: FusionOrder, document: OrderDocument, key: str) -> bool:
        """Whether the order is a draft, never approved, of what was asked for before; it is deleted then."""
        if order.approved is not None or order.draft is None or order.status not in INCOMPLETE | NOT_APPROVED:
            return False
        asked = [line for line in document.lines if not line.cancelled]
        if order.draft.items.keys() == {line.line for line in asked}:
            wanted = change_orders.asked_for(asked, priced=True)
            if not differences(self._system, order.draft, wanted):
                return False
        self._must_be_gone(order, await self._orders.remove(order, key=key))
        return True

    async def _released(self, document: OrderDocument, ensured: Ensured, key: str, maybe_written: bool) -> PlaceOutcome:
        """Submit the order unless it is; cancel those of the same reference that are there too often."""
        orders = [order for order in await self._orders.of_reference(document.reference) if not order.over]
        if not orders:
            return self._gone(f"order {document.reference}")
        order, *spare = orders
        for one in spare if document.awaiting is None else ():
            self._must_be_gone(one, await self._orders.remove(one, key=key))
        to_submit = order.status in INCOMPLETE or (order.status in NOT_APPROVED and not maybe_written)
        if order.approved is None and to_submit and document.awaiting is None:
            refused = await self._orders.submit(order, key=key)
            if refused is not None:
                return refused
            order = (await self._orders.of_number(order.number, document.reference)) or order
        if order.approved is None:
            return self._not_approved(order)
        return Placed(
            requisition_number=order.number,  # Oracle has no request before a draft
            order_number=order.number,
            found_existing=ensured.was_there,
            duplicates=tuple(one.number for one in spare) if document.awaiting is None else (),
        )

    def _not_approved(self, order: FusionOrder) -> AwaitingApproval | Refused:
        if order.status in NOT_APPROVED:
            reason = order.change_rejection or "no reason given"
            return self._refused("not_approved", f"order {order.number} was not approved: {reason}")
        if order.status in INCOMPLETE:
            return self._refused("withdrawn", f"order {order.number} was withdrawn from approval in Oracle")
        return waiting(order)

    def _must_be_gone(self, spare: FusionOrder, refused: Refused | None) -> None:
        if refused is not None:
            raise PermanentError(
                self._system,
                f"order {spare.number} is a duplicate and can't be cancelled: {refused.reason}; cancel it in Oracle",
            )

    # -- placing by supply requests

    async def _requested(self, document: OrderDocument, key: str, maybe_written: bool) -> PlaceOutcome:
        reference = document.reference
        held: FusionSupplyRequest | None = None

        async def look() -> list[RemoteDocument]:
            nonlocal held
            held = await self._supply.read(reference)
            return [RemoteDocument(reference, tuple(held.asked))] if held else []

        async def create() -> RemoteDocument | Refused:
            refused = await self._supply.create(body, key=key)
            return RemoteDocument(reference, (1,)) if refused is None else refused

        found, was_there = await look(), True
        if not found and document.awaiting is not None:
            return self._gone(f"supply request {reference}")
        if not found:
            supplier = None if document.route is RouteKind.TRANSFER else await self._supplier(document.supplier)
            if isinstance(supplier, Refused):
                return supplier
            body = self._supply.body(document, supplier, self._units_at(document.plant))
            ensuring = Ensuring(self._system, reference, "supply request", look, create, self._settle_policy)
            ensured = await ensuring.run([], maybe_written, self._settle_policy.deadline())
            if isinstance(ensured.document, Refused):
                return ensured.document
            was_there = ensured.was_there

        async def processed() -> FusionSupplyRequest | None:
            await look()
            return held

        # One that was there before may take hours: it is looked at once.
        done = (lambda _: True) if was_there else _is_settled
        request = await self._settle_policy.look_until(processed, done)
        if request is None:
            raise TransientError(self._system, f"supply request {reference} is not shown yet", maybe_written=True)
        return self._became(request, was_there)

    def _became(self, request: FusionSupplyRequest, was_there: bool) -> PlaceOutcome:
        if request.errors:
            line, messages = next(iter(request.errors.items()))
            texts = (f"line {each}: {text}" for each, said in request.errors.items() for _, text in said)
            return self._refused(messages[0][0] or "supply_request_failed", "; ".join(texts), line=line)
        numbers = request.numbers
        if not numbers:
            return AwaitingApproval(
                system=SYSTEM_NAME, document=request.reference, requisition_number=request.requisition or None
            )
        if len(numbers) > 1:
            return self._refused(
                "several_orders",
                f"Oracle made {len(numbers)} orders of one request: {', '.join(numbers)}; cancel them there",
            )
        return Placed(
            requisition_number=request.requisition or numbers[0], order_number=numbers[0], found_existing=was_there
        )

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Take back what was placed and is no order yet; harmless where there is nothing."""
        if self._by_supply_request(document):
            return await self._requisition_cancelled(document, key)
        writes = 0
        for order in await self._orders.of_reference(document.reference):
            if order.approved is not None:
                if order.waits and document.awaiting is not None:
                    refused = await self._orders.drop_change(order, key=key)
                    if refused is not None:
                        return refused
                    writes += 1
                continue
            if order.waits:
                return self._refused(
                    "waits_for_approval",
                    f"order {order.number} waits for approval in Oracle, where it has to be withdrawn or rejected; "
                    "Oracle's REST resources withdraw change orders alone",
                )
            refused = await self._orders.remove(order, key=key)
            if refused is not None:
                return refused
            writes += 1
        return Written(reference=document.reference, writes=writes)

    async def _requisition_cancelled(self, document: OrderDocument, key: str) -> WriteOutcome:
        request = await self._supply.read(document.reference)
        writes = 0
        for requisition in dict.fromkeys(
            one.requisition for one in (request.lines if request else ()) if one.requisition
        ):
            cancelled = await self._supply.cancel_requisition_lines(requisition, key=key)
            if isinstance(cancelled, Refused):
                return cancelled
            writes += cancelled
        return Written(reference=document.reference, writes=writes)

    # -- changing

    async def change_order(self, document: OrderDocument, *, key: str) -> OrderChangeOutcome:
        """Bring the lines in `document.changed_lines` to quantity, date, price and cancellation of the document."""
        if document.order_number is None:
            raise PermanentError(self._system, f"order {document.reference} has no number yet; place it first")
        changed = [line for line in document.lines if line.line in document.changed_lines]
        if document.route is RouteKind.TRANSFER:
            return await self._change_transfer(document.reference, changed, key)
        change = self._change_of(document.order_number, document.reference, "BUYER", key)
        try:
            wanted = change_orders.asked_for(changed)
        except NotWritable as error:
            return self._refused(error.code, str(error))
        if document.awaiting is not None:
            return await self._decided(change, wanted, document.awaiting)
        return await change.run(lambda _: wanted, lambda items: edits.of_lines(items, changed, priced=True))

    async def _decided(self, change: ChangeOrder, wanted: Sequence[WantedLine], awaited: str) -> OrderChangeOutcome:
        """What became of a change order; nothing is written."""
        order = await change.read()
        if order.waits:
            return waiting(order)
        if order.draft is not None and order.draft_is_ours and order.status in NOT_APPROVED:
            reason = order.change_rejection or "no reason given"
            return self._refused("not_approved", f"change order {awaited} was not approved: {reason}")
        version = order.approved
        left = differences(self._system, version, wanted) if version else []
        if version is None or left:
            return self._refused("withdrawn", f"change order {awaited} was withdrawn or deleted in Oracle")
        return Written(reference=order.number, writes=1)

    async def _change_transfer(self, reference: str, lines: Sequence[DocumentLine], key: str) -> OrderChangeOutcome:
        held = await self._supply.asked_of(reference)
        writes = 0
        for line in lines:
            if line.cancelled:
                return self._refused("no_cancellation", _NO_CANCEL, line=line.line)
            if held.get(line.line) == (line.quantity, line.delivery_date):
                continue
            refused = await self._supply.change_line(reference, line, key=key)
            if refused is not None:
                return refused.model_copy(update={"line": line.line})
            writes += 1
        return Written(reference=reference, writes=writes)

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring promised dates and quantities to what was confirmed and delivered.

        A change order that waits for approval counts as written: it holds them, and Oracle keeps it.
        """
        reference = external_reference(schedule.order_id)
        change = self._change_of(schedule.order_number, reference, "SUPPLIER", key)
        order = await change.found()
        if order is None:
            request = await self._supply.read(reference)
            if request is not None and any(one.transfer for one in request.lines):
                return Written(reference=schedule.order_number)  # a transfer order takes no promised dates
            return self._gone(f"order {schedule.order_number}")
        if order.approved is not None and order.approved.status in TO_ACKNOWLEDGE:
            refused = await self._orders.acknowledge(order, "The supplier's confirmation", key=key)
            if refused is not None:
                return refused
        outcome = await change.run(
            lambda version: change_orders.confirmed(schedule.lines, version),
            lambda items: edits.of_schedules(items, schedule.lines),
        )
        return Written(reference=schedule.order_number, writes=1) if isinstance(outcome, AwaitingApproval) else outcome

    async def duplicates(self, since: dt.date) -> list[DuplicateDocuments]:
        """Implements adapters.ports.DuplicateSweepPort. Supply requests can't be there twice."""
        return [
            DuplicateDocuments(kind="order", reference=reference, numbers=tuple(numbers))
            for reference, numbers in sorted((await self._orders.since(since.isoformat())).items())
            if len(numbers) > 1
        ]

    # -- what several calls need

    def _change_of(self, number: str, reference: str, party: Literal["BUYER", "SUPPLIER"], key: str) -> ChangeOrder:
        return ChangeOrder(
            self._system,
            self._orders,
            partial(self._names, reference),
            self._settle_policy,
            self._now,
            number,
            reference,
            party,
            key,
        )

    async def _names(self, reference: str) -> LineNames:
        """Which line of ours each line of an order is that Oracle made of a supply request."""
        if self._options.purchases != "supply-requests":
            return NO_NAMES
        request = await self._supply.read(reference)
        lines = request.lines if request else ()
        return LineNames({one.order_line: one.line for one in lines if one.order_line is not None})

    async def _supplier(self, supplier: str) -> int | Refused:
        known = self._supplier_ids.get(supplier)
        if known is None:
            known = await self._orders.supplier_id(supplier)
            if known is None:
                return self._refused("unknown_supplier", f"Oracle has no supplier {supplier}")
            self._supplier_ids[supplier] = known
        return known

    def _units_at(self, plant: str) -> OracleUnits:
        policy = self._policies.effective(plant) if self._policies else None
        return self._units.with_codes((policy.erp if policy else ErpDocuments()).units)

    def _refused(self, code: str, reason: str, *, line: int | None = None) -> Refused:
        return Refused(system=self._system, code=code, reason=reason, line=line)

    def _gone(self, what: str) -> Refused:
        return self._refused("deleted_in_erp", f"{what} was deleted or canceled in Oracle")


_SITES = "the supplier's site stands in the approved supplier list, and reaches an order as its lines' info record"


def _site(lines: Iterable[DocumentLine]) -> str:
    """The site that all lines name; empty: they name none, or several."""
    sites = {line.info_record or "" for line in lines}
    return sites.pop() if len(sites) == 1 else ""


def _document(order: FusionOrder) -> RemoteDocument:
    version = order.approved or order.draft
    live = tuple(line for line, item in version.items.items() if not item.deleted) if version else ()
    return RemoteDocument(order.number, live)


def _is_settled(request: FusionSupplyRequest | None) -> bool:
    return request is not None and bool(request.errors or request.numbers)


__all__ = ["OracleErp", "OracleOptions"]
