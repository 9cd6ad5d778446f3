"""A requirement without a server: one that two orders cover, and the messages that reach it."""

import datetime as dt
from decimal import Decimal

from canonical.identity import OrderId
from canonical.messages import RequirementOpened, RequirementWithdrawn, StockAllocated
from canonical.need import Withdrawal
from canonical.sourcing import Assessment
from canonical.supply import CoverageChanged, OrderCoverage, ScheduleLine, ScheduleLineState
from tests.decisions.models import a_need, a_revision, a_source, an_item, june
from tests.workflows.arrivals import NOW, POLICY, a_request
from workflows.material_requirement.state import RequirementState


def covered_requirement() -> RequirementState:
    """1,000 bottom brackets, requested from two orders."""
    state = RequirementState.of(RequirementOpened(need=a_need(), correlation_id="c"))
    state.assessment = Assessment(item=an_item(a_source()), policy=POLICY)
    state.covered_revision = state.acted_on.revision.rank
    state.coverages = [
        OrderCoverage(order_id=OrderId(order), supplier="1580", request=a_request(state.id, revision, quantity))
        for revision, (order, quantity) in enumerate((("order/A", 600), ("order/B", 400)), 1)
    ]
    return state


def a_plan(version: int, quantity: int, day: int, hour: int = 0) -> RequirementOpened:
    """`hour`: after the others'."""
    revision = a_revision(version, event_id=f"p{version}")
    revision = revision.model_copy(update={"effective_at": revision.effective_at + dt.timedelta(hours=hour)})
    need = a_need(quantity=Decimal(quantity), required_date=june(day), revision=revision)
    return RequirementOpened(need=need, correlation_id=f"plan-{version}")


def a_withdrawal(version: int) -> RequirementWithdrawn:
    need = a_need()
    return RequirementWithdrawn(
        withdrawal=Withdrawal(
            plant=need.plant,
            item=need.item,
            source=need.source,
            demand_reference=need.demand_reference,
            revision=a_revision(version, event_id=f"w{version}"),
        )
    )


def a_statement(order: str, sequence: int, quantity: int, day: int, state: ScheduleLineState) -> CoverageChanged:
    return CoverageChanged(
        order_id=OrderId(order),
        sequence=sequence,
        as_of=NOW + dt.timedelta(days=sequence),
        supplier="1580",
        request_revision=sequence,
        schedule_lines=(ScheduleLine(quantity=Decimal(quantity), date=june(day), state=state),),
        closed=state is ScheduleLineState.RECEIVED,
    )


def from_stock(revision: int, quantity: int, hour: int) -> StockAllocated:
    reported_at = a_revision(1).effective_at + dt.timedelta(hours=hour)
    return StockAllocated(quantity=Decimal(quantity), unit="EA", reported_at=reported_at, revision=revision, as_of=NOW)
