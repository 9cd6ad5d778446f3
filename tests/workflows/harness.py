"""The words of a story: the plan states and withdraws, the supplier answers and ships, people decide."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from canonical.exception import Choice, Decision
from canonical.identity import RequirementId
from canonical.messages import (
    GoodsReceived,
    RequirementOpened,
    RequirementWithdrawn,
    ShipmentsAnnounced,
    SupplierAnswered,
)
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.order import (
    AnswerOutcome,
    AnswerScheduleLine,
    GoodsReceipt,
    LineAnswer,
    OrderAnswer,
    ShipmentAnnounced,
    ShippedLine,
)
from canonical.records import ExceptionSnapshot, OrderSnapshot
from ledger.inbox.registry import Newness
from tests.workflows.lookout import Lookout
from tests.workflows.plant import EVERY_DAY, POLICY, today


class Harness(Lookout):
    """What a story needs."""

    async def plan(self, need: Need) -> RequirementId:
        """The plan states a need, as the gateway would deliver it."""
        await self.entities.open_requirement(RequirementOpened(need=need, correlation_id=f"corr-{self.prefix}"))
        return need.id

    async def replan(self, need: Need, version: int, **changes: Any) -> Need:
        """A later plan changes the need; the pegs follow unless given."""
        revision = Revision(plan_version=version, effective_at=datetime.now(UTC), event_id=uuid.uuid4().hex)
        quantity, due = changes.get("quantity", need.quantity), changes.get("required_date", need.required_date)
        peg = Peg(demand="BIKE-1", quantity=Decimal(quantity), date=due, criticality=need.criticality)
        changed = Need.model_validate({**dict(need), "pegging": (peg,), **changes, "revision": revision})
        await self.plan(changed)
        return changed

    async def reopen(self, need: Need, version: int) -> None:
        """A plan states a need again that had ended, delivered as the gateway would: by the registry's outcome."""
        revision = Revision(plan_version=version, effective_at=datetime.now(UTC), event_id=uuid.uuid4().hex)
        requested = need.model_copy(update={"revision": revision})
        await self.ledger.registry.register([need])
        classification = (await self.ledger.registry.classify([requested]))[revision.event_id]
        assert classification.outcome is Newness.REOPEN
        opened = RequirementOpened(
            need=requested,
            correlation_id=f"corr-{self.prefix}",
            kept=classification.kept,
            first_sequence=classification.next_sequence,
        )
        await self.entities.open_requirement(opened, reopen=True)

    async def withdraw(self, need: Need, version: int) -> bool:
        revision = Revision(plan_version=version, effective_at=datetime.now(UTC), event_id=uuid.uuid4().hex)
        withdrawal = Withdrawal(
            plant=need.plant,
            item=need.item,
            source=need.source,
            demand_reference=need.demand_reference,
            revision=revision,
        )
        return await self.entities.withdraw_requirement(need.id, RequirementWithdrawn(withdrawal=withdrawal))

    # -- supplier and warehouse

    def line(
        self, line: int, *parts: tuple[AnswerOutcome, int | None, int | None], price: str | None = None
    ) -> LineAnswer:
        """A line's answer; each part an outcome, a quantity and the days from today."""
        return LineAnswer(
            line=line,
            price=None if price is None else Decimal(price),
            schedule_lines=tuple(
                AnswerScheduleLine(
                    outcome=outcome,
                    quantity=None if quantity is None else Decimal(quantity),
                    date=None if days is None else today() + timedelta(days=days),
                )
                for outcome, quantity, days in parts
            ),
        )

    async def acknowledged(self, requirement: str, *lines: LineAnswer) -> OrderSnapshot:
        """The requirement's order once the supplier has answered it; without lines: accepted as it is."""
        order = await self.sent(requirement)
        await self.answer(order, *lines)
        return await self.settled(order)

    async def answer(
        self, order: OrderSnapshot, *lines: LineAnswer, revision: int | None = None, number: str | None = None
    ) -> SupplierAnswered:
        """The supplier answers; without lines: accepts all."""
        answered = self.an_answer(order, *lines, revision=revision, number=number)
        await self.entities.answer_order(order.id, answered)
        return answered

    def an_answer(
        self, order: OrderSnapshot, *lines: LineAnswer, revision: int | None = None, number: str | None = None
    ) -> SupplierAnswered:
        """What the supplier answers, later than all before."""
        self._answers += 1
        assert order.order_number is not None
        return SupplierAnswered(
            event_id=f"answer-{self._answers}",
            answer=OrderAnswer(
                order_number=order.order_number,
                order_revision=order.revision if revision is None else revision,
                answer_number=number or f"A{self._answers}",
                header="per_line" if lines else "accepted",
                lines=lines,
                effective_at=datetime.now(UTC),
            ),
        )

    async def receive(self, order: OrderSnapshot, *, receipt: str = "GR", days: int = 50) -> None:
        """All that is open of the order arrives."""
        assert order.order_number is not None
        receipts = tuple(
            GoodsReceipt(
                order_number=order.order_number,
                line=line.line,
                quantity=line.quantity - line.received,
                unit=line.unit,
                date=today() + timedelta(days=days),
                receipt_number=f"{receipt}-{line.line}",
                effective_at=datetime.now(UTC) + timedelta(days=days),
            )
            for line in order.lines
            if not line.cancelled and line.quantity > line.received
        )
        await self.entities.receive_goods(order.id, GoodsReceived(receipts=receipts))

    async def receive_part(
        self, order: OrderSnapshot, quantity: int, *, receipt: str, line: int = 10, days: int = 50, unit: str = "EA"
    ) -> None:
        """Some of a line arrives."""
        await self.entities.receive_goods(
            order.id, GoodsReceived(receipts=(self.receipt(order, quantity, receipt, line, days, unit),))
        )

    async def take_back_of_ended(self, order: OrderSnapshot, receipt: GoodsReceipt) -> None:
        """Goods of an order that has ended are taken back, delivered as the gateway would."""
        received = GoodsReceived(receipts=(receipt,))
        assert not await self.entities.receive_goods(order.id, received)
        ended = await self.ledger.ended(order.id)
        assert ended is not None
        assert await self.entities.resume_order(order.id, ended, received)

    def receipt(
        self, order: OrderSnapshot, quantity: int, receipt: str, line: int = 10, days: int = 50, unit: str = "EA"
    ) -> GoodsReceipt:
        assert order.order_number is not None
        return GoodsReceipt(
            order_number=order.order_number,
            line=line,
            quantity=Decimal(quantity),
            unit=unit,
            date=today() + timedelta(days=days),
            receipt_number=receipt,
            effective_at=datetime.now(UTC) + timedelta(days=days),
        )

    async def ship(self, order: OrderSnapshot, quantity: int, *, despatch: str, line: int = 10) -> None:
        """The supplier announces that goods are on the way, and the order has taken note."""
        assert order.order_number is not None
        shipment = ShipmentAnnounced(
            order_number=order.order_number,
            despatch_number=despatch,
            lines=(ShippedLine(line=line, quantity=Decimal(quantity)),),
            effective_at=datetime.now(UTC),
        )
        await self.entities.announce_shipment(order.id, ShipmentsAnnounced(event_id=despatch, shipment=shipment))
        await self.registered(order.id, "shipment.announced")

    async def decide(self, exception: ExceptionSnapshot, choice: Choice, **changes: Any) -> ExceptionSnapshot:
        fields: dict[str, Any] = {
            "event_id": uuid.uuid4().hex,
            "digest": exception.digest,
            "choice": choice,
            "decided_by": "bea.buyer",
            "decided_at": datetime.now(UTC),
        }
        return await self.entities.decide(exception.id, Decision(**fields | changes))


ACCEPTED, CHANGED, BACKORDERED, REJECTED = (
    AnswerOutcome.ACCEPTED,
    AnswerOutcome.CHANGED,
    AnswerOutcome.BACKORDERED,
    AnswerOutcome.REJECTED,
)

__all__ = ["ACCEPTED", "BACKORDERED", "CHANGED", "EVERY_DAY", "POLICY", "REJECTED", "Harness", "today"]
