"""Engineering changes as the API tells them: a row of the list, one with its orders, and its trace.

What is decided here: how the dispositions are told by order line. Not here: what they are (R13).
"""

import datetime as dt
from decimal import Decimal

from pydantic import BaseModel, Field

from canonical.audit_event import AuditEvent, in_force
from canonical.base import Instant
from canonical.bom import ChangeDisposition
from canonical.identity import ChangeId, OrderId
from canonical.records import ChangeSnapshot, ChangeStage
from gateway.trace.reasons import TracedReason, reasons_of
from gateway.trace.trace import Chain, TracedMessage, by_arrival, by_business_time, chains_of, raised_by
from ledger.ledger import Ledger
from ledger.snapshots.reads import ChangeRow

_OF_A_REQUIREMENT = ("bom.changed", "bom.overtaken")


class ChangeListed(BaseModel):
    """An engineering change as a list shows it."""

    id: ChangeId
    plant: str
    assembly: str
    revision: str
    effective_from: dt.date
    stage: ChangeStage
    reason: str
    cost: Decimal = Field(description="Of what was decided, in `currency`")
    currency: str
    exception_id: str | None = Field(description="The question that is open")
    closed: bool
    recorded_at: Instant


class AffectedLine(BaseModel):
    """An order line of an outgoing component, or the stock of it, and what becomes of all that it holds."""

    component: str
    reference: str = Field(description="Order and line as a person names them; empty: the stock")
    order_id: OrderId | None
    line: int | None = Field(description="0: the order still collects, and has no lines")
    unit: str
    quantity: Decimal = Field(description="Σ of its dispositions: what it holds")
    dispositions: list[ChangeDisposition]


class ChangeDetail(ChangeSnapshot):
    """An engineering change: proposal, dispositions with cost, who is affected, the decision, and what is needed anew.

    `instructions` are what people have to do; no goods movement of them was booked.
    """

    orders: tuple[AffectedLine, ...]
    recorded_at: Instant


class ChangeTrace(BaseModel):
    """Everything about an engineering change, from the revision to what its requirements made of it."""

    change: ChangeSnapshot
    exceptions: list[str]
    audit_events: list[AuditEvent] = Field(
        description="By business time: of the change, of its exceptions, and of the requirements those that it caused"
    )
    reasons: list[TracedReason] = Field(description="Each rule's outcome, with what it compared")
    chains: list[Chain] = Field(description="Of the change and its exceptions")
    chain_intact: bool
    messages: list[TracedMessage]


def listed_change(row: ChangeRow) -> ChangeListed:
    """The row of a list."""
    change = row.snapshot
    revised = change.revised
    return ChangeListed(
        id=change.id,
        plant=revised.plant,
        assembly=revised.assembly,
        revision=revised.revision,
        effective_from=revised.effective_from,
        stage=change.stage,
        reason=change.reason,
        cost=change.cost,
        currency=change.currency,
        exception_id=change.exception_id,
        closed=change.closed,
        recorded_at=row.recorded_at,
    )


def change_detail(row: ChangeRow) -> ChangeDetail:
    """One change, with its dispositions by order line."""
    lines: dict[tuple[str, str, str], AffectedLine] = {}
    for one in row.snapshot.dispositions:
        place = (one.component, one.reference, one.unit)
        line = lines.setdefault(
            place,
            AffectedLine(
                component=one.component,
                reference=one.reference,
                order_id=one.order_id,
                line=one.line,
                unit=one.unit,
                quantity=Decimal(0),
                dispositions=[],
            ),
        )
        line.quantity += one.quantity
        line.dispositions.append(one)
    reported = {**dict(row.snapshot), "orders": tuple(lines.values()), "recorded_at": row.recorded_at}
    return ChangeDetail.model_validate(reported)


async def change_trace(ledger: Ledger, change_id: str) -> ChangeTrace | None:
    """The change's trace; None where it has recorded nothing."""
    row = await ledger.reads.change(change_id)
    if row is None:
        return None
    change = row.snapshot
    own = await ledger.reads.audit_events([change_id])
    exceptions = raised_by(in_force(own), [change.exception_id])
    audit_events = own + (await ledger.reads.audit_events(exceptions) if exceptions else [])
    touched = list(dict.fromkeys([one.requirement_id for one in change.affected] + list(change.changed_requirements)))
    caused = await ledger.reads.audit_events_of_kind(touched, _OF_A_REQUIREMENT) if touched else []
    chains = chains_of(audit_events)
    reported = by_business_time(
        [
            *in_force(audit_events),
            *(audit_event for audit_event in caused if audit_event.data.get("change_id") == change_id),
        ]
    )
    return ChangeTrace(
        change=change,
        exceptions=exceptions,
        audit_events=reported,
        reasons=reasons_of(reported),
        chains=chains,
        chain_intact=all(chain.intact for chain in chains),
        messages=by_arrival(await ledger.reads.inbox_of(change_id)),
    )


__all__ = ["ChangeDetail", "ChangeListed", "ChangeTrace", "change_detail", "change_trace", "listed_change"]
