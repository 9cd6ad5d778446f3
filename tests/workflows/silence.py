"""A supplier that does not answer: orders up to the end of its SLA."""

from datetime import datetime
from decimal import Decimal

from canonical.records import ExceptionSnapshot, OrderSnapshot
from decisions.calendars import add_business_hours
from tests.workflows.harness import EVERY_DAY, Harness


def in_office_hours(start: datetime, hours: int) -> datetime:
    """The moment this many business hours later; the office is open from 08 to 17, every day."""
    return add_business_hours(EVERY_DAY, start, Decimal(hours))


async def silent(harness: Harness, *others: str) -> tuple[str, OrderSnapshot, datetime]:
    """The requirement, its order, sent and not answered, and the moment it was sent."""
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops", *others)))
    order = await harness.sent(requirement)
    return requirement, order, await harness.clock(order.id)


async def overdue(harness: Harness, order: OrderSnapshot, sent_at: datetime) -> ExceptionSnapshot:
    # Not a moment more: an order that has asked a person stands still in time until that is decided.
    await harness.skip_to(order.id, in_office_hours(sent_at, 16))
    return await harness.question(order)
