"""/healthz: the process is alive. /readyz: it can do its work."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from adapters.errors import AdapterError
from gateway.parts import PartsPart
from gateway.problems import Refusal, problem_responses

routes = APIRouter(tags=["Health"])


@routes.get("/healthz", summary="The process lives")
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@routes.get("/readyz", summary="Whether it can do its work, and the backlog", responses=problem_responses(503))
async def readyz(parts: PartsPart) -> JSONResponse:
    relay = parts.relay
    try:
        waiting = await parts.ledger.reads.waiting_summary()
        overdue = await parts.ledger.inbox.longest_due()
    except AdapterError as error:
        raise _not_ready("ledger", str(error), "start PostgreSQL, or correct its address") from error
    if parts.relay_expected and not relay.running:
        raise _not_ready("relay", "the relay has stopped", "restart the gateway; its log says why it stopped")
    if overdue > parts.undelivered_age_max:
        raise _not_ready(
            "relay",
            f"a message has been due for {int(overdue.total_seconds())} seconds and nobody delivers it",
            "see the logs of all gateways and of Temporal: one holds the relay's lease and does not come on, or "
            "Temporal can't be reached",
        )
    relay_state = "running" if relay.running else "off"
    content: dict[str, Any] = {"status": "ready", "relay": relay_state, **waiting.model_dump(mode="json")}
    # No reason to be unready: the policy before the faulty edit still applies. But its author should see the fault.
    content["policy_faults"] = list(parts.policies.faults)
    content["plan_faults"] = list(parts.plan_faults())
    return JSONResponse(content)


def _not_ready(field: str, detail: str, next_step: str) -> Refusal:
    return Refusal(503, "not_ready", f"{field}: {detail}", next_step, field=field, headers={"Retry-After": "5"})


__all__ = ["routes"]
