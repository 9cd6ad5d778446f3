"""What a story looks at: entities by their queries, the ledger's audit events and inbox, the counterparts' books."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from canonical.order import OrderDocument
from canonical.records import ExceptionSnapshot, OrderSnapshot, RequirementSnapshot
from canonical.supply import ScheduleLine
from ledger.events.tables import AuditEventRow
from tests.workflows.plant import Plant, today
from workflows.search_attributes import INCIDENT

Found = TypeVar("Found")
TIMEOUT_SECONDS = 30.0
"""How long a story waits for what takes a moment on a quiet machine."""
_ASK_AGAIN = (RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED)


def parts(schedule_lines: Iterable[ScheduleLine]) -> list[tuple[int, int | None, str]]:
    """Schedule lines in the form of the stories: quantity, days from today, state."""
    return [(int(part.quantity), days_ahead(part.date), part.state.value) for part in schedule_lines]


def days_ahead(day: date | None) -> int | None:
    return None if day is None else (day - today()).days


class Lookout(Plant):
    """Looks, and waits until something is so."""

    async def status(self, entity: str) -> dict[str, Any]:
        """The entity's `status`; a run that continues as new has none for a moment, and is asked again.

        So is one whose worker keeps nothing in its cache: a question now and then finds nobody to answer it.
        """
        async with asyncio.timeout(2 * TIMEOUT_SECONDS):
            while True:
                try:
                    return await self.entities.status(entity)
                except RPCError as error:
                    if error.status not in _ASK_AGAIN:
                        raise
                    await asyncio.sleep(0.1)

    async def requirement(self, requirement: str) -> RequirementSnapshot:
        return RequirementSnapshot.model_validate(await self.status(requirement))

    async def order_of(self, requirement: str, place: int = -1) -> OrderSnapshot:
        found = await self.requirement(requirement)
        return OrderSnapshot.model_validate(await self.status(found.order_ids[place]))

    async def exception(self, exception: str) -> ExceptionSnapshot:
        return ExceptionSnapshot.model_validate(await self.status(exception))

    async def sent(self, requirement: str, orders: int = 1) -> OrderSnapshot:
        """The requirement's newest order, of so many, once it is with the supplier."""
        order = await self.ordered(requirement, orders)
        await self.skip_consolidation(order)
        return await self.order_until(order, lambda found: found.stage == "sent")

    async def skip_consolidation(self, order: OrderSnapshot) -> None:
        """The consolidation window passes."""
        if order.stage == "consolidating":
            # Not a moment more: an order that has asked a person stands still in time until that is decided.
            await self.skip(self.handle(order.id), timedelta(minutes=self.policy.consolidation_minutes))

    async def ordered(self, requirement: str, orders: int = 1) -> OrderSnapshot:
        """The requirement's newest order once it has so many."""

        async def has_them() -> bool:
            return len((await self.requirement(requirement)).order_ids) >= orders

        await self.until(has_them)
        return await self.order_of(requirement)

    async def order_until(
        self, order: OrderSnapshot, so: Callable[[OrderSnapshot], object], seconds: float = TIMEOUT_SECONDS
    ) -> OrderSnapshot:
        """The order once it is so."""

        async def look() -> OrderSnapshot | None:
            found = OrderSnapshot.model_validate(await self.status(order.id))
            return found if so(found) else None

        return await self.until(look, seconds)

    async def settled(self, order: OrderSnapshot) -> OrderSnapshot:
        """The order once the supplier has acknowledged it and its coverage is reported."""
        await self.order_until(order, lambda found: found.stage == "acknowledged")
        await self.until(lambda: self.at_rest(order.id))
        return await self.order_until(order, lambda found: found.stage == "acknowledged")

    async def at_rest(self, entity: str) -> bool:
        """Whether the entity waits for a message or its timer, with no call open."""
        raw = (await self.handle(entity).describe()).raw_description
        return not raw.pending_activities and not raw.HasField("pending_workflow_task")

    async def requirement_until(
        self, requirement: str, so: Callable[[RequirementSnapshot], object], seconds: float = TIMEOUT_SECONDS
    ) -> RequirementSnapshot:
        """The requirement once it is so."""

        async def look() -> RequirementSnapshot | None:
            found = await self.requirement(requirement)
            return found if so(found) else None

        return await self.until(look, seconds)

    async def short(self, requirement: str) -> ExceptionSnapshot:
        """The question that the requirement puts to a person, once it does."""
        return await self.asked(await self.requirement_until(requirement, lambda found: found.exception_id))

    async def question(self, order: OrderSnapshot) -> ExceptionSnapshot:
        """The question that the order puts to a person, once it does."""
        return await self.asked(await self.order_until(order, lambda found: found.exception_id))

    async def asked(self, entity: RequirementSnapshot | OrderSnapshot) -> ExceptionSnapshot:
        """The entity's open question as it stands in the ledger's inbox and in the exception itself."""
        assert entity.exception_id is not None
        await self.registered(entity.exception_id, "exception.opened")
        return await self.exception(entity.exception_id)

    async def incident(self, entity: str) -> str | None:
        """What the entity shows operators as failing."""
        return (await self.handle(entity).describe()).typed_search_attributes.get(INCIDENT)

    async def without_incident(self, entity: str) -> None:
        """Until it has none: what a call did is recorded before the workflow knows that it came through."""
        await self.until(lambda: self._has_none(entity))

    async def _has_none(self, entity: str) -> bool:
        return await self.incident(entity) is None

    async def registered(self, entity: str, kind: str, times: int = 1) -> None:
        """Until the ledger holds so many audit events of the kind."""

        async def is_there() -> bool:
            return (await self.kinds(entity)).count(kind) >= times

        await self.until(is_there)

    def handle(self, entity: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(entity)

    async def skip(self, handle: WorkflowHandle[Any, Any], by: timedelta) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self.environment.fast_forward(handle, by)

    async def clock(self, entity: str) -> datetime:
        """What time it is for the entity."""
        return await self.environment.get_current_time(self.handle(entity))

    async def skip_to(self, entity: str, moment: datetime) -> None:
        """Until it is that late for the entity."""
        await self.skip(self.handle(entity), moment - await self.clock(entity))

    async def until(self, look: Callable[[], Awaitable[Found | None]], seconds: float = TIMEOUT_SECONDS) -> Found:
        """Look until it is so."""
        async with asyncio.timeout(seconds):
            while not (found := await look()):  # noqa: ASYNC110 - nobody tells of a state; it has to be asked for
                await asyncio.sleep(0.05)
            return found

    async def ended(self, entity: str) -> str:
        """How the entity ended, once it has."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return str(await self.handle(entity).result())

    def coverage_in_aps(self, requirement: str, order: OrderSnapshot) -> list[tuple[int, int | None, str]]:
        """The coverage of the requirement by the order, as last reported to APS."""
        assert order.order_number is not None
        return parts(self.aps.coverage[requirement, order.order_number])

    def schedule_in_erp(self, order: OrderSnapshot, line: int = 10) -> list[tuple[int, int, int | None]]:
        """The delivery schedule in the ERP: quantity, of it committed, days from today."""
        assert order.order_number is not None
        rows = self.erp.schedules[order.order_number, line]
        return [(int(row.quantity), int(row.committed), days_ahead(row.date)) for row in rows]

    def document(self, order: OrderSnapshot) -> OrderDocument:
        """The order as the ERP holds it."""
        assert order.order_number is not None
        return self.erp.orders[order.order_number]

    async def entities_recorded(self) -> list[str]:
        """All that have left audit events in the ledger."""
        async with self.engine.connect() as connection:
            return list(await connection.scalars(select(AuditEventRow.entity_id).distinct()))

    async def kinds(self, entity: str) -> list[str]:
        """The kinds of an entity's audit events in the ledger."""
        return [audit_event.kind for audit_event in await self.ledger.reads.audit_events([entity])]
