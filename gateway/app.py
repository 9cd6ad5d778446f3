"""The gateway's composition: routes, intake and relay on the parts it is given. No globals; cli.py brings the parts."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from opentelemetry.trace import TracerProvider

from adapters.ports import PolicyPort, SupplierDialect
from gateway import problems
from gateway.delivery.delivery import Delivery
from gateway.delivery.relay import Relay, RelayPace
from gateway.docs_page import docs_page
from gateway.entities_port import EntityDirectoryPort
from gateway.intake.dead_letters import dead_letter_routes
from gateway.intake.intake import Intake
from gateway.intake.routes import intake_routes
from gateway.plan_runs.intake import PlanIntake
from gateway.plan_runs.routes import plan_routes
from gateway.tracing import RequestSpans, gateway_tracer
from gateway.views.availability import availability_routes
from gateway.views.changes import change_routes
from gateway.views.exceptions import exception_routes
from gateway.views.health import health_routes
from gateway.views.requirements import read_routes
from ledger.ledger import Ledger

_DESCRIPTION = """Pegline closes the loop from a published plan to confirmed and received orders.

Every POST is safe to repeat. Errors are RFC 9457 problems that name the field, the value and the next step. Times are
RFC 3339 with an offset, business dates ISO, quantities and prices decimal strings, units UN/ECE Rec 20 codes."""


def utc_now() -> dt.datetime:
    """The wall clock."""
    return dt.datetime.now(dt.UTC)


def create_app(
    ledger: Ledger,
    entities: EntityDirectoryPort,
    dialects: Mapping[str, SupplierDialect],
    policies: PolicyPort,
    today: Callable[[], dt.date],
    *,
    now: Callable[[], dt.datetime] = utc_now,
    relay: bool = True,
    relay_pace: RelayPace | None = None,
    unknown_order_grace: dt.timedelta = dt.timedelta(seconds=30),
    body_limit_bytes: int = 4 * 1024 * 1024,
    tracer_provider: TracerProvider | None = None,
) -> FastAPI:
    """The gateway; `relay` False takes messages in and leaves their delivery to another process.

    `today` is the business day that required dates are measured by; `now` the wall clock (receipt of messages, time of
    decisions). An order number that the ledger does not know yet is waited for as long as `unknown_order_grace`, since
    an answer may overtake the record of the order it answers.
    """
    tracer = gateway_tracer(tracer_provider)
    delivery = Delivery(ledger, entities, dialects, now, unknown_order_grace, tracer)
    relaying = Relay(ledger, delivery, relay_pace)
    intake = Intake(ledger, dialects, policies, today, now, wake=relaying.wake)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if not relay:
            yield
            return
        task = asyncio.create_task(relaying.run(), name="relay")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    app = FastAPI(
        title="Pegline",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own spans would tell each request a second time, in a trace of its own and with its query.
        telemetry={"tracing": False},
    )
    app.state.relay = relaying
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    problems.install(app)
    app.add_middleware(RequestSpans, tracer=tracer)
    for routes in (
        availability_routes(ledger, policies, today, now),  # first: the one that is asked in thousands
        intake_routes(intake, ledger, body_limit_bytes),
        plan_routes(PlanIntake(ledger, entities, policies, today, now), ledger),
        read_routes(ledger),
        change_routes(ledger),
        exception_routes(ledger, entities, now),
        dead_letter_routes(ledger, intake, relaying),
        health_routes(ledger, relaying, policies, relay_expected=relay),
    ):
        app.include_router(routes)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, where problems are problem+json alone."""
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for operations in app.openapi_schema["paths"].values():
            for operation in operations.values():
                for answer in operation["responses"].values():
                    if problems.MEDIA_TYPE in answer.get("content", {}):
                        answer["content"].pop("application/json", None)
    return app.openapi_schema


__all__ = ["create_app", "utc_now"]
