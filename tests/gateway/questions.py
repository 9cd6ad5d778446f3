"""Questions as the inbox lists them, known to the ledger and to the entities."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.base import Criticality
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId
from canonical.need import Peg
from canonical.records import ExceptionSnapshot, ExceptionState
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import TODAY

DUE = dt.date(2026, 6, 12)


def asked(name: str, plant: str = "P1", assignee: str = "buyer", **proposal: Any) -> ExceptionSnapshot:
    fields: dict[str, Any] = {
        "kind": ExceptionKind.SHORTAGE,
        "summary": f"{name}: 200 of 500 EA come late",
        "plant": plant,
        "item": "FR-100",
        "supplier": "1580",
        "latest_safe_date": DUE,
        "value": Decimal("1250.50"),
        "currency": "EUR",
        "short_quantity": Decimal(200),
        "unit": "EA",
        "criticality": Criticality.A,
        "pegs": (Peg(demand=f"SO-{name}", quantity=Decimal(500), date=TODAY),),
        "alternatives": (Alternative(choice=Choice.SPLIT, supplier="1616"), Alternative(choice=Choice.ACCEPT)),
    }
    made = Proposal(**(fields | proposal))
    return ExceptionSnapshot(
        id=ExceptionId(f"exception/{name}"),
        raised_by=f"requirement/{plant}/FR-100/aps~PLO-1",
        proposal=made,
        digest=made.digest,
        state=ExceptionState.OPEN,
        assignee=assignee,
        opened_at=dt.datetime.now(dt.UTC),
    )


async def put(gateway: Gateway, *questions: ExceptionSnapshot) -> None:
    for question in questions:
        gateway.entities.exceptions[question.id] = question
        await gateway.record(question)
