"""What the simulators' own control calls have in common: bodies, what is wrong with them, and those of an outbox."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.outbox import Outbox

Body = TypeVar("Body", bound=BaseModel)


class GatewayBody(BaseModel):
    """Where the gateway is."""

    url: str


async def read(request: Request, kind: type[Body]) -> Body:
    """Return the request's body; 400 names what is wrong with it."""
    try:
        return kind.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise HTTPException(400, wrong) from error


async def error_as_json(request: Request, error: Exception) -> Response:
    """Answer a raised HTTPException in JSON."""
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": detail}, status)


def gateway_route(outbox: Outbox) -> Route:
    """POST /control/gateway {url}: where the outbox sends to."""

    async def set_gateway(request: Request) -> Response:
        outbox.gateway_url = (await read(request, GatewayBody)).url
        return JSONResponse({"url": outbox.gateway_url})

    return Route("/control/gateway", set_gateway, methods=["POST"])


def settle_route(outbox: Outbox) -> Route:
    """POST /control/settle: wait until everything that the counterpart started has ended."""

    async def settle(request: Request) -> Response:
        await outbox.settled()
        return JSONResponse({"under_way": outbox.under_way})

    return Route("/control/settle", settle, methods=["POST"])


def resend_route(outbox: Outbox) -> Route:
    """POST /control/resend: send again what the gateway refused or did not take in time."""

    async def resend(request: Request) -> Response:
        again = [delivery for delivery in outbox.deliveries if delivery.state in ("refused", "given_up")]
        for delivery in again:
            await outbox.attempt(delivery)
        return JSONResponse({"deliveries": [delivery.view() for delivery in again]})

    return Route("/control/resend", resend, methods=["POST"])
