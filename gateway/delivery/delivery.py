"""Delivery: what a stored message says, whom it is for, and what came of telling them.

What is decided here: the outcome on each message. R10 is the registry's (news, unchanged, stale); the order's state
is the ledger's. Not here: when messages are taken up and how outcomes are written down (`gateway.delivery.relay`).
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from opentelemetry.trace import Tracer
from temporalio.service import RPCError, RPCStatusCode

from adapters.errors import UnreadableMessage
from adapters.ports import SupplierDialect
from canonical.bom import BomRevised
from canonical.messages import (
    ChangeOpened,
    ChangeSuperseded,
    DocumentEdited,
    GoodsReceived,
    RequirementOpened,
    RequirementWithdrawn,
    ShipmentsAnnounced,
    SupplierAnswered,
)
from canonical.need import Need, Withdrawal
from canonical.order import DocumentEdit, GoodsReceipt, OrderAnswer, ShipmentAnnounced
from canonical.stock import StockFigure, StockReport
from gateway import tracing
from gateway.delivery.results import Dead, DeliveryResult, Postponed, Settled
from gateway.delivery.stock import StockDelivery
from gateway.entities_port import EntityDirectoryPort
from gateway.intake import cloudevents
from gateway.intake.events import SUPPLIER_DOCUMENT, Subject, read
from gateway.problems import Refusal
from ledger.engineering_change.bills import BomNewness
from ledger.inbox.inbox import Waiting
from ledger.inbox.registry import Classification
from ledger.inbox.registry import Newness as Newness
from ledger.ledger import Ledger

logger = logging.getLogger(__name__)

_DOWN = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED)


OrderMessage = OrderAnswer | ShipmentAnnounced | DocumentEdit | tuple[GoodsReceipt, ...]


@dataclass(frozen=True)
class OrderUnit:
    """Messages that are delivered, and judged, together: one row, or receipts of one order that wait side by side."""

    rows: tuple[Waiting, ...]
    messages: tuple[OrderMessage, ...]


class Delivery:
    """Tells entities what arrived."""

    def __init__(
        self,
        ledger: Ledger,
        entities: EntityDirectoryPort,
        dialects: Mapping[str, SupplierDialect],
        now: Callable[[], dt.datetime],
        unknown_order_grace: dt.timedelta,
        tracer: Tracer,
    ) -> None:
        self._ledger = ledger
        self._entities = entities
        self._dialects = dialects
        self._now = now
        self._grace = unknown_order_grace
        self._tracer = tracer
        self._stock = StockDelivery(ledger, entities)

    def read(self, row: Waiting) -> Subject | tuple[OrderAnswer | ShipmentAnnounced, ...] | Dead:
        """What a stored message says; Dead where nobody can tell."""
        if row.type != SUPPLIER_DOCUMENT:
            try:
                return read(cloudevents.read_structured(row.body), row.received_at)
            except Refusal as refusal:
                problem = refusal.problem
                return Dead(problem.code, problem.detail, problem.next_step)
        channel = row.subject or ""
        if channel not in self._dialects:
            return Dead("unknown_channel", f"there is no supplier channel {channel!r}", "set the channel up, replay")
        try:
            return tuple(self._dialects[channel].read(row.body, row.content_type))
        except UnreadableMessage as unreadable:
            return Dead(unreadable.code, unreadable.detail, unreadable.next_step)
        except Exception as error:
            logger.exception("the dialect of channel %s failed on message %s", channel, row.id)
            return Dead(
                "dialect_failed",
                f"the {channel} reader failed: {type(error).__name__}: {error}"[:500],
                "have the reader fixed, then replay",
            )

    async def notify_requirement(
        self, row: Waiting, subject: Need | Withdrawal, classification: Classification
    ) -> DeliveryResult:
        """Deliver a requirement's newest state by the registry's outcome on it (R10)."""
        match classification.outcome:
            case Newness.UNCHANGED:
                return Settled("unchanged")
            case Newness.STALE:
                return Settled("stale", f"R10: {classification.detail or 'older'}")
            case Newness.UNKNOWN_WITHDRAWAL:
                return Settled("unknown_withdrawal", "nothing of the requirement is known; noted for late plans")
            case Newness.NEW | Newness.CHANGED | Newness.REOPEN:
                pass
            case _:
                assert_never(classification.outcome)
        with tracing.delivering(self._tracer, row.type, [row.traceparent], row.correlation_id, subject.id):
            try:
                return await self._notify(row, subject, classification)
            except Exception as error:
                return _failure(row, error)

    async def _notify(
        self, row: Waiting, subject: Need | Withdrawal, classification: Classification
    ) -> Settled | Postponed:
        if isinstance(subject, Withdrawal):
            withdrawn = RequirementWithdrawn(withdrawal=subject, correlation_id=row.correlation_id)
            running = await self._entities.withdraw_requirement(subject.id, withdrawn)
            return Settled("delivered") if running else Settled("ignored: requirement closed")
        opened = RequirementOpened(need=subject, correlation_id=row.correlation_id)
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
            return Postponed("the requirement ended in this very moment; it is judged anew")
        return Settled("delivered", classification.outcome)

    async def notify_change(self, row: Waiting, revised: BomRevised) -> DeliveryResult:
        """Deliver a revision of a bill of material by what was noted of it before (R10), and note it."""
        with tracing.delivering(self._tracer, row.type, [row.traceparent], row.correlation_id, revised.id):
            try:
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
                    return Postponed("the change ended in this very moment; it is judged anew")
                if revised.superseded is not None:
                    # Where it has ended, or was never told, there is nothing to take the place of.
                    superseded = ChangeSuperseded(by=revised.id, as_of=revised.stated.effective_at)
                    await self._entities.supersede_change(revised.superseded, superseded)
                await self._ledger.bills.register(revised)
                return Settled("delivered", classification.outcome)
            except Exception as error:
                return _failure(row, error)

    async def notify_stock(self, rows: Sequence[Waiting], reports: Sequence[StockReport]) -> list[DeliveryResult]:
        """Note what is said of one stock, and tell its balance what it comes to; an outcome each."""
        first, stock = rows[0], reports[0].id
        traces = [row.traceparent for row in rows]
        with tracing.delivering(self._tracer, first.type, traces, first.correlation_id, stock):
            try:
                return await self._stock.notify(reports, first.correlation_id)
            except Exception as error:
                return [_failure(first, error)] * len(rows)

    async def notify_stock_of(self, row: Waiting, need: Need, figure: StockFigure) -> DeliveryResult:
        """Tell the balance of a need that was stated before the stock and arrived after it."""
        try:
            return await self._stock.report_later_need(need, figure, row.correlation_id)
        except Exception as error:
            return _failure(row, error)

    async def notify_orders(self, unit: OrderUnit, *, patient: bool = True) -> DeliveryResult:
        """Deliver a unit to the orders it names; not `patient`: an unknown order is not waited for."""
        first = unit.rows[0]
        entity = first.entity or first.source
        # Before it is looked for: an order that is recorded while it is looked for must not count as waited out.
        waited = self._now() - first.received_at
        with tracing.delivering(
            self._tracer, first.type, [row.traceparent for row in unit.rows], first.correlation_id, entity
        ):
            try:
                results = [
                    await self._notify_order(first, f"#{index}" if index else "", message)
                    for index, message in enumerate(unit.messages)
                ]
            except Exception as error:
                return _failure(first, error)
        result = _worst(results)
        if isinstance(result, Dead) and result.code == "unknown_order" and patient and waited < self._grace:
            return Postponed(result.detail)  # the answer may have overtaken our own record of the order's number
        return result

    async def _notify_order(self, row: Waiting, part: str, message: OrderMessage) -> DeliveryResult:
        number = message[0].order_number if isinstance(message, tuple) else message.order_number
        order = await self._ledger.registry.order_of(number)
        if order is None:
            return Dead(
                "unknown_order",
                f"no order has the number {number!r}",
                "correct the number and send anew, or replay once the order is there",
            )
        event_id = f"{row.source}:{row.event_id}{part}"
        if order.closed:
            running = False
        elif isinstance(message, OrderAnswer):
            answered = SupplierAnswered(event_id=event_id, answer=message, correlation_id=row.correlation_id)
            running = await self._entities.answer_order(order.order_id, answered)
        elif isinstance(message, ShipmentAnnounced):
            announced = ShipmentsAnnounced(event_id=event_id, shipment=message)
            running = await self._entities.announce_shipment(order.order_id, announced)
        elif isinstance(message, DocumentEdit):
            edited = DocumentEdited(event_id=event_id, edit=message)
            running = await self._entities.edit_document(order.order_id, edited)
        else:
            running = await self._entities.receive_goods(order.order_id, GoodsReceived(receipts=message))
        if running:
            return Settled("delivered")
        if isinstance(message, tuple):
            return Dead(
                "order_closed",
                f"order {number} is closed and goods were received for it",
                "have the receipt posted to the right order, or the goods returned",
            )
        return Settled("ignored: order closed")


def order_units(read_rows: Sequence[tuple[Waiting, Sequence[OrderMessage] | GoodsReceipt]]) -> list[OrderUnit]:
    """One unit a row, but receipts that wait side by side become one message; the rows are of one order, by age."""
    units: list[OrderUnit] = []
    for row, content in read_rows:
        if not isinstance(content, GoodsReceipt):
            units.append(OrderUnit((row,), tuple(content)))
        elif units and units[-1].messages and isinstance(units[-1].messages[0], tuple):
            before = units.pop()
            [receipts] = before.messages
            assert isinstance(receipts, tuple)
            units.append(OrderUnit((*before.rows, row), ((*receipts, content),)))
        else:
            units.append(OrderUnit((row,), ((content,),)))
    return units


def _worst(results: Sequence[DeliveryResult]) -> DeliveryResult:
    """Of a document that speaks of several orders: what could not be delivered, else what was."""
    for result in results:
        if not isinstance(result, Settled):
            return result
    nothing = Settled("ignored: nothing in the document")
    return next((each for each in results if each == Settled("delivered")), results[0] if results else nothing)


def _failure(row: Waiting, error: Exception) -> Postponed:
    down = isinstance(error, RPCError) and error.status in _DOWN
    logger.warning("message %s (%s) could not be delivered: %s", row.id, row.type, error, exc_info=not down)
    return Postponed(f"{type(error).__name__}: {error}"[:500], engine_down=down)


__all__ = ["Dead", "Delivery", "DeliveryResult", "OrderMessage", "OrderUnit", "Postponed", "Settled", "order_units"]
