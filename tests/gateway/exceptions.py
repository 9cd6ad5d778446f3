"""An exception at the gateway: a shortage that waits for its buyer, and the decision that a buyer sends."""

from typing import Any

import httpx

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId
from canonical.records import (
    ExceptionSnapshot,
    ExceptionState,
)
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import MORNING, requirement_id

ID = "abcdefghijkl"
PATH = f"/v1/exceptions/{ID}"


def shortage(summary: str = "200 of 500 EA come late", **changes: Any) -> ExceptionSnapshot:
    proposal = Proposal(
        kind=ExceptionKind.SHORTAGE,
        summary=summary,
        plant="P1",
        alternatives=(Alternative(choice=Choice.ACCEPT), Alternative(choice=Choice.SPLIT, supplier="1616")),
        proposed_by="pam",
    )
    fields: dict[str, Any] = {
        "id": ExceptionId(f"exception/{ID}"),
        "raised_by": requirement_id(),
        "proposal": proposal,
        "digest": proposal.digest,
        "state": ExceptionState.OPEN,
        "assignee": "buyer",
        "opened_at": MORNING,
    }
    return ExceptionSnapshot(**(fields | changes))


async def decide(gateway: Gateway, digest: str | None, **body: Any) -> httpx.Response:
    statement = {"choice": "accept", "decided_by": "anna"} | body
    headers = {} if digest is None else {"If-Match": f'"{digest}"'}
    return await gateway.client.post(f"{PATH}/decision", json=statement, headers=headers)
