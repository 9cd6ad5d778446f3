"""The needs of our own orders: a transfer's at the supplying plant, a subcontract's of its components; and what a
transfer takes from that plant's stock.

Decided here: that such a need takes the same path as any other (inbox, registry, delivery), as an event of our own
source, and that an event id never has two contents. Not here: which needs an order has, and which event is the newest:
a workflow task that is decided again publishes its revision under a new id, which outranks the former one (R10).
"""

import datetime as dt
from collections.abc import Sequence

from adapters.errors import PermanentError
from canonical.event_data import (
    CONSUMPTION_REPORTED,
    REQUIREMENT_PLANNED,
    REQUIREMENT_WITHDRAWN,
    ConsumptionReportedData,
    PegData,
    RequirementPlanned,
    RequirementWithdrawnData,
)
from canonical.identity import short_hash
from canonical.need import Need, Revision, Withdrawal
from canonical.stock import StockReport
from ledger.inbox.inbox import Arrival, Inbox, Outcome
from ledger.inbox.our_events import event_arrival

_LONGEST_ID = 200


async def publish_needs(
    inbox: Inbox, needs: Sequence[Need], withdrawals: Sequence[Withdrawal], *, correlation_id: str
) -> None:
    """Put the needs into the inbox, each once by its revision's event id.

    PermanentError where an event of this id was stored with another body: two writers of one order.
    """
    now = dt.datetime.now(dt.UTC)
    arrivals = [need_arrival(need, now, correlation_id) for need in needs]
    arrivals += [withdrawal_arrival(gone, now, correlation_id) for gone in withdrawals]
    for arrival, stored in zip(arrivals, await inbox.store(arrivals), strict=True):
        if stored.outcome is Outcome.CONFLICT:
            raise PermanentError(
                "ledger",
                f"{arrival.entity} was stated before by this very event and otherwise ({stored.detail}); the first "
                "stands; compare both runs of the order's workflow and end the one that should not exist",
            )


async def take_stock(inbox: Inbox, taken: StockReport, *, correlation_id: str) -> None:
    """Put the use of a plant's stock into the inbox, once by its event id: it is not free for anybody else (R10)."""
    data = ConsumptionReportedData(
        plant=taken.plant, item=taken.item, quantity=taken.quantity, unit=taken.unit, reason=taken.reason
    )
    arrival = event_arrival(
        taken.source,
        taken.event_id,
        CONSUMPTION_REPORTED,
        taken.effective_at,
        data.model_dump(mode="json"),
        subject=taken.id,
        entity=taken.id,
        correlation_id=correlation_id,
        received_at=dt.datetime.now(dt.UTC),
        message=taken,
    )
    # A call made again, or decided again, says it a second time: the first one stands.
    await inbox.store([arrival])


def need_arrival(need: Need, received_at: dt.datetime, correlation_id: str) -> Arrival:
    """The need as an event of its source, by its revision's event id."""
    return _arrival(need, REQUIREMENT_PLANNED, _planned(need), received_at, correlation_id)


def withdrawal_arrival(gone: Withdrawal, received_at: dt.datetime, correlation_id: str) -> Arrival:
    """The withdrawal as an event of its source, by its revision's event id."""
    return _arrival(gone, REQUIREMENT_WITHDRAWN, _withdrawn(gone), received_at, correlation_id)


def _arrival(
    message: Need | Withdrawal,
    event_type: str,
    data: RequirementPlanned | RequirementWithdrawnData,
    now: dt.datetime,
    correlation_id: str,
) -> Arrival:
    revision: Revision = message.revision
    event_id = _event_id(revision)
    if event_id != revision.event_id:
        message = message.model_copy(update={"revision": revision.model_copy(update={"event_id": event_id})})
    return event_arrival(
        message.source,
        event_id,
        event_type,
        revision.effective_at,
        data.model_dump(mode="json"),
        subject=message.id,
        entity=message.id,
        correlation_id=correlation_id,
        received_at=now,
        message=message,
    )


def _event_id(revision: Revision) -> str:
    event_id = revision.event_id
    return event_id if len(event_id) <= _LONGEST_ID else f"{event_id[:160]}~{short_hash(event_id)}"


def _planned(need: Need) -> RequirementPlanned:
    return RequirementPlanned(
        plant=need.plant,
        item=need.item,
        quantity=need.quantity,
        unit=need.unit,
        required_date=need.required_date,
        demand_reference=need.demand_reference,
        plan_version=need.revision.plan_version,
        source_revision=need.revision.source_revision,
        sourcing_rule=need.sourcing_rule,
        pegging=tuple(PegData.model_validate(peg.model_dump()) for peg in need.pegging),
        planner=need.planner,
        demanded_by=need.demanded_by,
        demanding_line=need.demanding_line,
        from_stock=need.from_stock,
        transit_days=need.transit_days,
    )


def _withdrawn(gone: Withdrawal) -> RequirementWithdrawnData:
    return RequirementWithdrawnData(
        plant=gone.plant,
        item=gone.item,
        demand_reference=gone.demand_reference,
        plan_version=gone.revision.plan_version,
        source_revision=gone.revision.source_revision,
    )
