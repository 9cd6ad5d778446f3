"""Models for the tests of the ledger; a test names only the fields that matter to it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from canonical.audit_event import FIRST_HASH, AuditEvent, chain
from canonical.base import Criticality
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId, OrderId, RequirementId
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.records import (
    AuditBatch,
    DeadLetter,
    ExceptionSnapshot,
    ExceptionState,
    OrderLineSnapshot,
    OrderSnapshot,
    OrderStage,
    OrderTerms,
    RequirementSnapshot,
    RequirementStage,
    Reservation,
)
from canonical.supply import ScheduleLine, ScheduleLineState, SupplyRequest
from ledger.inbox.inbox import Arrival
from ledger.ledger import Ledger

MORNING = datetime(2026, 6, 1, 9, 20, tzinfo=UTC)
JUNE_15 = date(2026, 6, 15)
TERMS = OrderTerms(plant="1000", supplier="V-100", currency="EUR", terms="standard")


def need(reference: str = "PLO-1", version: int = 1, *, quantity: str = "100", **changes: Any) -> Need:
    fields: dict[str, Any] = {
        "plant": "1000",
        "item": "BK-100",
        "quantity": Decimal(quantity),
        "unit": "EA",
        "required_date": JUNE_15,
        "source": "aps",
        "demand_reference": reference,
        "revision": revision(version, f"{reference}.{version}"),
    }
    return Need(**(fields | changes))


def withdrawal(reference: str = "PLO-1", version: int = 2) -> Withdrawal:
    return Withdrawal(
        plant="1000",
        item="BK-100",
        source="aps",
        demand_reference=reference,
        revision=revision(version, f"{reference}.{version}.withdrawn"),
    )


def revision(version: int, event_id: str) -> Revision:
    return Revision(plan_version=version, effective_at=MORNING + timedelta(hours=version), event_id=event_id)


def request(
    requirement: str = "r1", request_revision: int = 1, *, lots: Sequence[int] = (100,), dock: date = JUNE_15
) -> SupplyRequest:
    return SupplyRequest(
        requirement_id=RequirementId(f"requirement/1000/BK-100/{requirement}"),
        request_revision=request_revision,
        plant="1000",
        item="BK-100",
        unit="EA",
        lots=tuple(Decimal(lot) for lot in lots),
        needed=Decimal(sum(lots)),
        required_date=dock + timedelta(days=2),
        dock_date=dock,
        send_by=dock - timedelta(days=21),
        pegs=(Peg(demand="SO-1", quantity=Decimal(100), date=dock),),
        goods_receipt_days=2,
        criticality=Criticality.B,
        price=Decimal("2.00"),
        currency="EUR",
    )


def audit_events(entity_id: str, count: int, *, after: Sequence[AuditEvent] = (), note: str = "") -> list[AuditEvent]:
    """The next audit events of an entity."""
    made = list(after)
    for sequence in range(len(made) + 1, len(made) + count + 1):
        made.append(
            chain(
                entity_id,
                sequence,
                made[-1].hash if made else FIRST_HASH,
                "need.assessed",
                MORNING,
                MORNING + timedelta(seconds=sequence),
                {"quantity": "100", "note": note, "sequence": sequence},
            )
        )
    return made[len(after) :]


def received(quantity: str, day: date = JUNE_15) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=day, state=ScheduleLineState.RECEIVED)


def requirement(of: Need, stage: RequirementStage = RequirementStage.COVERED, **changes: Any) -> RequirementSnapshot:
    fields: dict[str, Any] = {"request_revision": 1, "needed": of.quantity} | changes
    return RequirementSnapshot(id=of.id, need=of, stage=stage, **fields)


def order(name: str = "o1", *, lines: Sequence[OrderLineSnapshot] = (), **changes: Any) -> OrderSnapshot:
    fields: dict[str, Any] = {"supplier": "V-100", "stage": OrderStage.SENT}
    return OrderSnapshot(id=order_id(name), plant="1000", lines=tuple(lines), **(fields | changes))


def order_id(name: str) -> OrderId:
    return OrderId(f"order/1000/V-100/{name}")


def line(number: int, requirement_id: str, *, received: str = "0") -> OrderLineSnapshot:
    return OrderLineSnapshot(
        line=number,
        item="BK-100",
        requirement_id=RequirementId(requirement_id),
        quantity=Decimal(100),
        unit="EA",
        delivery_date=JUNE_15,
        price="2.00",
        shipped=Decimal(0),
        received=Decimal(received),
        allocated=Decimal(100),
    )


def shortage(number: int, **changes: Any) -> ExceptionSnapshot:
    asked: dict[str, Any] = {
        "kind": ExceptionKind.SHORTAGE,
        "summary": "60 of 100 arrive two working days late",
        "plant": "1000",
        "alternatives": (Alternative(choice=Choice.ACCEPT),),
    }
    asked |= {name: changes.pop(name) for name in tuple(changes) if name in Proposal.model_fields}
    proposal = Proposal(**asked)
    fields: dict[str, Any] = {
        "raised_by": "requirement/1000/BK-100/aps~PLO-1",
        "state": ExceptionState.OPEN,
        "assignee": "buyer",
        "opened_at": MORNING + timedelta(minutes=number // 2),
    }
    return ExceptionSnapshot(
        id=ExceptionId(f"exception/{number:04}"),
        proposal=proposal,
        digest=proposal.digest,
        **(fields | changes),
    )


def audit_batch(
    snapshot: RequirementSnapshot | OrderSnapshot | ExceptionSnapshot, written: Sequence[AuditEvent] = ()
) -> AuditBatch:
    return AuditBatch(audit_events=tuple(written or audit_events(snapshot.id, 1)), snapshot=snapshot)


def arrival(event_id: str, *, body: bytes = b"{}", entity: str | None = None, source: str = "aps") -> Arrival:
    return Arrival(
        source=source,
        event_id=event_id,
        type="pegline.requirement.planned.v1",
        body=body,
        content_type="application/json",
        correlation_id=f"c-{event_id}",
        entity=entity,
        received_at=MORNING,
    )


def dead_letter(body: bytes = b"UNB+junk", code: str = "edi.counts") -> DeadLetter:
    return DeadLetter(
        channel="edifact",
        source="V-100",
        code=code,
        detail="UNT says 12 segments, there are 11",
        next_step="ask the supplier to send it again",
        body=body,
        content_type="application/edifact",
        context={"interchange": "000123"},
    )


async def reserve(ledger: Ledger, requested: SupplyRequest, terms: OrderTerms = TERMS, **limits: Any) -> Reservation:
    return await ledger.reserve_order(
        requested, terms, **({"consolidation_minutes": 15, "lines_max": 40, "days_max": 10} | limits)
    )
