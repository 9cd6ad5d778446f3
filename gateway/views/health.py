"""/healthz: the process lives. /readyz: it can do its work."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from adapters.errors import AdapterError
from adapters.ports import PolicyPort
from gateway.delivery.relay import Relay
from gateway.intake.routes import problems
from gateway.problems import Refusal
from ledger.ledger import Ledger


def health_routes(ledger: Ledger, relay: Relay, policies: PolicyPort, *, relay_expected: bool) -> APIRouter:
    """The routes by which the installation looks after the process."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/healthz", summary="The process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/readyz", summary="It can do its work, and what waits", responses=problems(503))
    async def readyz() -> JSONResponse:
        try:
            waiting = await ledger.reads.waiting_summary()
        except AdapterError as error:
            raise _not_ready("ledger", str(error), "start PostgreSQL, or correct its address") from error
        if relay_expected and not relay.running:
            raise _not_ready("relay", "the relay has stopped", "restart the gateway; its log says why it stopped")
        relay_state = "running" if relay.running else "off"
        content: dict[str, Any] = {"status": "ready", "relay": relay_state, **waiting.model_dump(mode="json")}
        # Not a reason to stop: what held before the faulty edit holds. But whoever made it is to see it.
        content["policy_faults"] = list(policies.faults)
        return JSONResponse(content)

    return routes


def _not_ready(field: str, detail: str, next_step: str) -> Refusal:
    return Refusal(503, "not_ready", f"{field}: {detail}", next_step, field=field, headers={"Retry-After": "5"})


__all__ = ["health_routes"]
