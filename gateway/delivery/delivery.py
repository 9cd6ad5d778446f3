"""Delivery of messages to requirements, orders and engineering changes, and the result of each.

Decided here: the result of each message; which of several states of a requirement is delivered (the newest). The
registry applies R10 (new, unchanged, stale); the ledger holds the order's state. Not here: when messages are taken up
and how results are recorded (`gateway.delivery.relay`); stock (`gateway.delivery.stock`).
"""

import asyncio
import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, assert_never

from opentelemetry.trace import Tracer

from canonical.bom import BomRevised
from canonical.identity import OrderId
from canonical.messages import (
    ApprovalReported,
    ChangeOpened,
    ChangeSuperseded,
    DocumentAcknowledgement,
    DocumentEdited,
    GoodsReceived,
    RequirementOpened,
    RequirementWithdrawn,
    ShipmentsAnnounced,
    StockOpened,
    SupplierAnswered,
)
from canonical.need import Need, Withdrawal
from canonical.order import (
    ApprovalDecision,
    DocumentAcknowledged,
    DocumentEdit,
    GoodsReceipt,
    OrderAnswer,
    ShipmentAnnounced,
)
from canonical.records import EndedEntity
from canonical.stock import StockFigure
from gateway import tracing
from gateway.delivery.addressing import OrderAddresses
from gateway.intake.events import OrderMessage
from gateway.problems import is_engine_down
from ledger.engineering_change.bills import BomNewness
from ledger.inbox.inbox import Waiting
from ledger.inbox.lease import Lease
from ledger.inbox.registry import Classification, Newness, OrderRef
from ledger.ledger import Ledger

logger = logging.getLogger(__name__)


class EntityMessages(Protocol):
    """Starts and messages entities. False means that the message reached nobody, since the entity has ended."""

    async def open_requirement(self, opened: RequirementOpened, reopen: bool = False) -> bool:
        """Start the requirement, or send the change of plan to one that is running. `reopen`: an earlier run has ended.

        False: it has just ended and received nothing; the message must be classified again.
        """
        ...

    async def change_plan(self, opened: RequirementOpened, /) -> bool:
        """Send the change of plan to a requirement that is believed to be running."""
        ...

    async def withdraw_requirement(self, requirement: str, withdrawn: RequirementWithdrawn, /) -> bool: ...

    async def answer_order(self, order: str, answered: SupplierAnswered, /) -> bool: ...

    async def announce_shipment(self, order: str, announced: ShipmentsAnnounced, /) -> bool: ...

    async def acknowledge_document(self, order: str, acknowledged: DocumentAcknowledgement, /) -> bool: ...

    async def receive_goods(self, order: str, received: GoodsReceived, /) -> bool: ...

    async def resume_order(
        self, order: str, ended: EndedEntity, message: GoodsReceived | DocumentEdited, /
    ) -> bool: ...

    async def edit_document(self, order: str, edited: DocumentEdited, /) -> bool: ...

    async def report_approval(self, order: str, reported: ApprovalReported, /) -> bool: ...

    async def open_change(self, opened: ChangeOpened, reopen: bool = False) -> bool:
        """Start the engineering change, or send the revision to the one that is running; as `open_requirement`."""
        ...

    async def supersede_change(self, change: str, superseded: ChangeSuperseded, /) -> bool:
        """Report that another revision replaces it; False where it has ended or is unknown."""
        ...

    async def open_stock(self, opened: StockOpened, reopen: bool = False) -> bool:
        """Start the stock balance of an item, or send the figure to the one that is running; as `open_requirement`."""
        ...


@dataclass(frozen=True)
class Settled:
    """The message has had its effect, or needs none."""

    outcome: str
    detail: str = ""
    order: str | None = None
    """Of a message that names an order's number: the order that it is about."""


@dataclass(frozen=True)
class Dead:
    """The message can't be understood or has no recipient."""

    code: str
    detail: str
    next_step: str


@dataclass(frozen=True)
class Postponed:
    """The message must be delivered later; with `engine_down`, so must all others."""

    error: str
    engine_down: bool = False


DeliveryResult = Settled | Dead | Postponed


@dataclass
class Round:
    """A batch being delivered, and its results."""

    places: asyncio.Semaphore
    """Concurrent calls to entities."""
    lease: Lease | None = None
    """None: a single message, delivered again by an operator."""
    patient: bool = True
    """How long to wait for an unknown order: its answer may have overtaken our own record of it."""
    engine_down: bool = False
    results: list[tuple[Waiting, DeliveryResult]] = field(default_factory=list)
    registered: list[Need | Withdrawal] = field(default_factory=list)
    """To be registered as delivered."""

    @property
    def over(self) -> bool:
        """Nothing more may be delivered: the engine can't be reached, or another process has the relay's lease."""
        return self.engine_down or (self.lease is not None and not self.lease.held)

    def add(self, rows: Sequence[Waiting], result: DeliveryResult) -> None:
        """Keep the result of messages that were classified together."""
        self.results += [(row, result) for row in rows]
        self.engine_down |= isinstance(result, Postponed) and result.engine_down


class Deliverer(Protocol):
    """Delivers the messages of one kind of recipient."""

    async def deliver(self, messages: Sequence[tuple[Waiting, Any]], done: Round) -> None:
        """Deliver messages, oldest first; returns a result for each, except those left to a later round."""
        ...


class RequirementDelivery:
    """Delivers planned requirements: the newest state of each (R10)."""

    def __init__(self, ledger: Ledger, entities: EntityMessages, tracer: Tracer, later_stock: "LaterStock") -> None:
        self._ledger = ledger
        self._entities = entities
        self._tracer = tracer
        self._later_stock = later_stock

    async def deliver(self, messages: Sequence[tuple[Waiting, Need | Withdrawal]], done: Round) -> None:
        """Deliver the newest state of each requirement; older ones beside it are superseded."""
        newest: dict[str, tuple[Waiting, Need | Withdrawal]] = {}
        for row, state in messages:
            before = newest.get(state.id)
            if before is None or before[1].revision.rank < state.revision.rank:
                newest[state.id] = (row, state)
        for row, state in messages:
            if newest[state.id][0] is not row:
                done.add([row], Settled("superseded", "a newer state of the requirement waited beside it (R10)"))
        needs = [state for _, state in newest.values() if isinstance(state, Need)]
        stock = await self._ledger.stock.newer_than(needs)
        by_source: dict[str, list[tuple[Waiting, Need | Withdrawal]]] = defaultdict(list)
        for row, state in newest.values():
            by_source[state.source].append((row, state))  # event ids are unique within a source only
        for group in by_source.values():
            classifications = await self._ledger.registry.classify([state for _, state in group])
            await at_once(
                [
                    self._one(row, state, classifications[state.revision.event_id], stock.get(state.id), done)
                    for row, state in group
                ]
            )

    async def _one(
        self,
        row: Waiting,
        state: Need | Withdrawal,
        classification: Classification,
        stock: StockFigure | None,
        done: Round,
    ) -> None:
        async with done.places:
            if done.over:
                return
            result = await self._by_triage(row, state, classification)
            if stock is not None and isinstance(state, Need) and result in _BEGUN:
                later = await self._later_stock.deliver_later_need(row, state, stock)
                result = result if isinstance(later, Settled) else later
        done.add([row], result)
        # Repetitions are registered as well: the requirement has recorded them, and the process that delivered them
        # may have died before registering them. A plan is compared only with what is registered.
        if isinstance(result, Settled) and (result.outcome != "stale" or classification.detail == "seen"):
            done.registered.append(state)

    async def _by_triage(
        self, row: Waiting, state: Need | Withdrawal, classification: Classification
    ) -> DeliveryResult:
        match classification.outcome:
            case Newness.UNCHANGED:
                return Settled("unchanged")
            case Newness.STALE:
                return Settled("stale", f"R10: {classification.detail or 'older'}")
            case Newness.UNKNOWN_WITHDRAWAL:
                return Settled("unknown_withdrawal", "nothing of the requirement is known; kept for late plans")
            case Newness.NEW | Newness.CHANGED | Newness.REOPEN:
                pass
            case _:
                assert_never(classification.outcome)
        with tracing.delivering(self._tracer, row.type, [row.traceparent], row.correlation_id, state.id):
            try:
                return await self._send(row, state, classification)
            except Exception as error:
                return failure(row, error)

    async def _send(
        self, row: Waiting, state: Need | Withdrawal, classification: Classification
    ) -> Settled | Postponed:
        if isinstance(state, Withdrawal):
            withdrawn = RequirementWithdrawn(withdrawal=state, correlation_id=row.correlation_id)
            running = await self._entities.withdraw_requirement(state.id, withdrawn)
            return Settled("delivered") if running else Settled("ignored: requirement closed")
        opened = RequirementOpened(need=state, correlation_id=row.correlation_id)
        reopen = classification.outcome is Newness.REOPEN
        if reopen:
            opened = opened.model_copy(
                update={
                    "kept": classification.kept,
                    "first_sequence": classification.next_sequence,
                }
            )
        if classification.outcome is Newness.CHANGED and await self._entities.change_plan(opened):
            return Settled("delivered", classification.outcome)
        if await self._entities.open_requirement(opened, reopen=reopen) is False:
            return Postponed("the requirement ended in this very moment; it is judged again")
        return Settled("delivered", classification.outcome)


_BEGUN = frozenset(Settled("delivered", each) for each in (Newness.NEW, Newness.CHANGED, Newness.REOPEN))


class LaterStock(Protocol):
    """Notifies a stock balance of a need that was planned before the stock was reported."""

    async def deliver_later_need(self, row: Waiting, need: Need, figure: StockFigure, /) -> DeliveryResult: ...


OfOneOrder = OrderAnswer | ShipmentAnnounced | DocumentEdit | ApprovalDecision | tuple[GoodsReceipt, ...]
Delivered = OfOneOrder | DocumentAcknowledged


@dataclass(frozen=True)
class OrderUnit:
    """Messages that are delivered and classified together: one row, or receipts of one order that wait side by side."""

    rows: tuple[Waiting, ...]
    messages: tuple[Delivered, ...]


class OrderDelivery:
    """Delivers messages about orders from suppliers, warehouses and the ERP, oldest first for each order."""

    def __init__(
        self,
        ledger: Ledger,
        entities: EntityMessages,
        tracer: Tracer,
        now: Callable[[], dt.datetime],
        unknown_order_grace: dt.timedelta,
        addresses: OrderAddresses,
    ) -> None:
        self._addresses = addresses
        self._ledger = ledger
        self._entities = entities
        self._tracer = tracer
        self._now = now
        self._grace = unknown_order_grace

    async def deliver(
        self, messages: Sequence[tuple[Waiting, OrderMessage | Sequence[OrderMessage]]], done: Round
    ) -> None:
        """Deliver to all orders concurrently; a document that names several orders counts as an order of its own."""
        orders: dict[str, list[tuple[Waiting, OrderMessage | Sequence[OrderMessage]]]] = defaultdict(list)
        for row, message in messages:
            orders[row.entity or f"#{row.id}"].append((row, message))
        await at_once([self._of_one_order(units_of(rows), done) for rows in orders.values()])

    async def _of_one_order(self, units: Sequence[OrderUnit], done: Round) -> None:
        for unit in units:
            async with done.places:
                if done.over:
                    return
                result = await self._unit(unit, done.patient)
            done.add(unit.rows, result)
            if isinstance(result, Postponed):
                return  # later messages to this order wait behind it

    async def _unit(self, unit: OrderUnit, patient: bool) -> DeliveryResult:
        first = unit.rows[0]
        entity = first.entity or first.source
        # Read before the lookup: the wait for an order that is recorded during the lookup must not count as over.
        waited = self._now() - first.received_at
        traces = [row.traceparent for row in unit.rows]
        with tracing.delivering(self._tracer, first.type, traces, first.correlation_id, entity):
            try:
                results = [
                    await self._send(first, f"#{index}" if index else "", message)
                    for index, message in enumerate(unit.messages)
                ]
            except Exception as error:
                return failure(first, error)
        result = _worst(results)
        if isinstance(result, Dead) and result.code == "unknown_order" and patient and waited < self._grace:
            return Postponed(result.detail)
        return result

    async def _send(self, row: Waiting, part: str, message: Delivered) -> DeliveryResult:
        if isinstance(message, DocumentAcknowledged):
            return await self._acknowledge(row, part, message)
        number = message[0].order_number if isinstance(message, tuple) else message.order_number
        supplier = message.supplier if isinstance(message, OrderAnswer | ShipmentAnnounced) else None
        of_requisition = isinstance(message, ApprovalDecision)
        order = await self._order_of(row, number, supplier, of_requisition=of_requisition)
        if isinstance(order, Dead):
            return order
        result = await self._deliver_to(order, row, part, number, message)
        return replace(result, order=order.order_id) if isinstance(result, Settled) else result

    async def _order_of(
        self, row: Waiting, number: str, supplier: str | None = None, *, of_requisition: bool = False
    ) -> OrderRef | Dead:
        orders = await self._ledger.registry.orders_of(number)
        if of_requisition and not orders:
            orders = await self._ledger.registry.orders_of_requisition(number)
        order = self._addresses.meant(orders, row.source, row.type, supplier)
        if isinstance(order, str):
            return Dead(
                "ambiguous_order",
                f"{order}; {row.source} speaks for each",
                "have the landscape say whose it is, replay",
            )
        if order is None:
            theirs = f" that {row.source} may speak for" if orders else ""
            return Dead(
                "unknown_order",
                f"no order has the number {number!r}{theirs}",
                "correct the number and send it again, or replay once the order is there",
            )
        return order

    async def _deliver_to(
        self, order: OrderRef, row: Waiting, part: str, number: str, message: OfOneOrder
    ) -> DeliveryResult:
        event_id = f"{row.source}:{row.event_id}{part}"
        if isinstance(message, OrderAnswer):
            answered = SupplierAnswered(event_id=event_id, answer=message, correlation_id=row.correlation_id)
            running = not order.closed and await self._entities.answer_order(order.order_id, answered)
        elif isinstance(message, ShipmentAnnounced):
            announced = ShipmentsAnnounced(event_id=event_id, shipment=message)
            running = not order.closed and await self._entities.announce_shipment(order.order_id, announced)
        elif isinstance(message, ApprovalDecision):
            reported = ApprovalReported(event_id=event_id, document=message.document, changed=message.changed)
            running = not order.closed and await self._entities.report_approval(order.order_id, reported)
        elif isinstance(message, DocumentEdit):
            edited = DocumentEdited(event_id=event_id, edit=message)
            running = not order.closed and await self._entities.edit_document(order.order_id, edited)
            if not running and message.lifts and (resumed := await self._resume(order.order_id, edited)):
                return resumed
        else:
            received = GoodsReceived(receipts=message)
            # Not by `closed` alone: the order may go on again since, as goods were taken back.
            running = await self._entities.receive_goods(order.order_id, received)
            takes_back = any(receipt.quantity < 0 for receipt in message)
            if not running and takes_back and (resumed := await self._resume(order.order_id, received)):
                return resumed
        if running:
            return Settled("delivered")
        if isinstance(message, tuple):
            return Dead(
                "order_closed",
                f"order {number} is closed and goods were received for it",
                "have the receipt posted to the right order, or the goods returned",
            )
        return Settled("ignored: order closed")

    async def _resume(self, order: OrderId, message: GoodsReceived | DocumentEdited) -> Settled | Postponed | None:
        """Let an order that has ended go on: what it ended by is taken back. None: it can't."""
        ended = await self._ledger.ended(order)
        if ended is None:
            return None
        if await self._entities.resume_order(order, ended, message):
            return Settled("delivered", "the order had ended and goes on")
        return Postponed("the order ended in this very moment; it is delivered again")

    async def _acknowledge(self, row: Waiting, part: str, message: DocumentAcknowledged) -> DeliveryResult:
        """To the order whose document it is, by our reference of it or by the order's number."""
        order = await self._ledger.registry.order_that_sent(message.reference)
        for number in (message.order_number, message.reference):
            if order is None and number:
                found = await self._order_of(row, number)
                order = None if isinstance(found, Dead) else found
        if order is None:
            return Dead(
                "unknown_order",
                f"no order has sent a document {message.reference!r}, and none has the number",
                "see which document the supplier means; replay once its order is there",
            )
        event_id = f"{row.source}:{row.event_id}{part}"
        acknowledged = DocumentAcknowledgement(event_id=event_id, acknowledgement=message)
        if not order.closed and await self._entities.acknowledge_document(order.order_id, acknowledged):
            return Settled("delivered", order=order.order_id)
        return Settled("ignored: order closed", order=order.order_id)


def units_of(messages: Sequence[tuple[Waiting, OrderMessage | Sequence[OrderMessage]]]) -> list[OrderUnit]:
    """One unit per row, but receipts that wait side by side become one message; all rows belong to one order, oldest
    first.
    """
    units: list[OrderUnit] = []
    receipts: tuple[GoodsReceipt, ...] | None = None
    for row, message in messages:
        if not isinstance(message, GoodsReceipt):
            together = message if isinstance(message, Sequence) else (message,)
            units.append(OrderUnit((row,), tuple((one,) if isinstance(one, GoodsReceipt) else one for one in together)))
            receipts = None
        elif receipts is not None and units[-1].rows[0].source == row.source:
            receipts = (*receipts, message)
            units[-1] = OrderUnit((*units[-1].rows, row), (receipts,))
        else:
            receipts = (message,)
            units.append(OrderUnit((row,), (receipts,)))
    return units


def _worst(results: Sequence[DeliveryResult]) -> DeliveryResult:
    """The result of a document that names several orders: a failure where there is one, else a success."""
    settled: list[Settled] = []
    for result in results:
        if not isinstance(result, Settled):
            return result
        settled.append(result)
    nothing = Settled("ignored: nothing in the document")
    return next((each for each in settled if each.outcome == "delivered"), settled[0] if settled else nothing)


class ChangeDelivery:
    """Delivers revisions of bills of material, oldest first for each change."""

    def __init__(self, ledger: Ledger, entities: EntityMessages, tracer: Tracer) -> None:
        self._ledger = ledger
        self._entities = entities
        self._tracer = tracer

    async def deliver(self, messages: Sequence[tuple[Waiting, BomRevised]], done: Round) -> None:
        """Deliver to all engineering changes concurrently."""
        changes: dict[str, list[tuple[Waiting, BomRevised]]] = defaultdict(list)
        for row, revised in messages:
            changes[revised.id].append((row, revised))
        await at_once([self._of_one_change(revisions, done) for revisions in changes.values()])

    async def _of_one_change(self, revisions: Sequence[tuple[Waiting, BomRevised]], done: Round) -> None:
        for row, revised in revisions:
            async with done.places:
                if done.over:
                    return
                with tracing.delivering(self._tracer, row.type, [row.traceparent], row.correlation_id, revised.id):
                    try:
                        result = await self._send(row, revised)
                    except Exception as error:
                        result = failure(row, error)
            done.add([row], result)
            if isinstance(result, Postponed):
                return

    async def _send(self, row: Waiting, revised: BomRevised) -> Settled | Postponed:
        """Deliver a revision according to its earlier records (R10), and record it."""
        classification = await self._ledger.bills.classify(revised)
        match classification.outcome:
            case BomNewness.STALE:
                return Settled("stale", "R10: older")
            case BomNewness.SUPERSEDED:
                return Settled("stale", "another revision has taken its place")
            case BomNewness.UNCHANGED:
                await self._ledger.bills.register(revised)
                return Settled("unchanged")
            case BomNewness.NEW | BomNewness.REOPEN:
                pass
            case _:
                assert_never(classification.outcome)
        opened = ChangeOpened(
            revised=revised,
            correlation_id=row.correlation_id,
            first_sequence=classification.next_sequence,
        )
        reopen = classification.outcome is BomNewness.REOPEN
        if await self._entities.open_change(opened, reopen=reopen) is False:
            return Postponed("the change ended in this very moment; it is judged again")
        if revised.superseded is not None:
            # Where it has ended or is unknown, there is nothing to supersede.
            superseded = ChangeSuperseded(by=revised.id, as_of=revised.stated.effective_at)
            await self._entities.supersede_change(revised.superseded, superseded)
        await self._ledger.bills.register(revised)
        return Settled("delivered", classification.outcome)


def failure(row: Waiting, error: Exception) -> Postponed:
    """The result of a delivery that raised: it will be tried again."""
    down = is_engine_down(error)
    logger.warning("message %s (%s) could not be delivered: %s", row.id, row.type, error, exc_info=not down)
    return Postponed(f"{type(error).__name__}: {error}"[:500], engine_down=down)


async def at_once(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run concurrently; the first failure cancels all."""
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)


__all__ = [
    "ChangeDelivery",
    "Dead",
    "Deliverer",
    "DeliveryResult",
    "EntityMessages",
    "OrderDelivery",
    "Postponed",
    "RequirementDelivery",
    "Round",
    "Settled",
    "at_once",
    "failure",
]
