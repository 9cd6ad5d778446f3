"""The planning system as others meet it.

POST /control/gateway   {url}: where events are published
POST /control/model     {plants, items: [{item, unit, make, days, planner?, bought_at?, individual_at?}],
                        bom: [{assembly, component, quantity}], stock: [{plant, item, quantity}],
                        days_off?: {plant: [date]}}; days on which nothing moves beside weekends, by which a revision
                        counts how far it moves a requirement
POST /control/plan      {version, today, effective_at?, bucket_weekdays?, builds: [{build, plant, item, quantity, date,
                        criticality}], batch_size?, wait?}: explode, and publish as version
POST /control/revise    {share_changed, share_gone, share_new, share_slightly, gone?, kept?, seed, today?,
                        effective_at?, as_runs?}: publish the next version. `gone` names lines that go besides those
                        drawn, `kept` lines that are not drawn; `as_runs`: whole, as NDJSON to /v1/plan-runs, a plant
                        each, instead of as events
POST /control/republish {version, fresh_ids?}: publish a version once more, as it was
POST /control/settle    answers when nothing is under way any more
POST /control/resend    send again what was refused or given up
GET  /control/books     versions, sendings, and the coverage told of each order
PUT  /coverage/{order}  {order, plant, sequence, asOf, requirements: [{demandReference | requirementId, scheduleLines:
                        [{quantity, date|null, state}], substitution?: {item, quantity, unit, replaces, useOn}}]};
                        GET reads it back

Publishing answers when everything was delivered, refused or given up; with `"wait": false` at once. Of an
order's coverage the highest sequence stays: a lower one is refused with 409, an equal one changes nothing. A
requirement is known by the demand reference, or by an id whose last part is `source~reference`.
"""

from collections.abc import Callable
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.aps.bodies import CoverageBody, ModelBody, PlanBody, RepublishBody, ReviseBody
from simulators.aps.planning import Planning
from simulators.aps.versions import PlanVersion
from simulators.books import Clock
from simulators.control import error_as_json, gateway_route, read, resend_route, settle_route
from simulators.faults import Simulator
from simulators.keeping import Shelf
from simulators.outbox import Outbox


def create(
    gateway_url: str = "http://127.0.0.1:8000",
    *,
    name: str = "atlas",
    transport: httpx.AsyncBaseTransport | None = None,
    first_pause_seconds: float = 0.1,
    timeout_seconds: float = 300.0,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return the planning system as an ASGI app; `transport` reaches a gateway in the same process."""
    clock = Clock()
    outbox = Outbox(
        gateway_url,
        transport,
        first_pause_seconds=first_pause_seconds,
        timeout_seconds=timeout_seconds,
        shelf=shelf,
    )
    planning = Planning(name, outbox, clock, shelf)
    app = Starlette(
        routes=[
            gateway_route(outbox),
            *plan_routes(planning),
            settle_route(outbox),
            resend_route(outbox),
            *coverage_routes(planning),
        ],
        exception_handlers={HTTPException: error_as_json},
        lifespan=outbox.lifespan,
    )
    return Simulator(app, name="aps", books=planning.books, clock=clock, log=planning.log, shelf=shelf)


def plan_routes(planning: Planning) -> list[Route]:
    """POST /control/model, plan, revise and republish."""

    async def set_model(request: Request) -> Response:
        body = await read(request, ModelBody)
        planning.learn(body)
        return JSONResponse({"items": len(body.items), "bom": len(body.bom), "plants": body.plants})

    async def make_plan(request: Request) -> Response:
        body = await read(request, PlanBody)
        plan = _or_conflict(lambda: planning.plan(body))
        return _reported(await planning.publish(plan, body.batch_size, body.wait), body.wait)

    async def make_revision(request: Request) -> Response:
        body = await read(request, ReviseBody)
        plan = _or_conflict(lambda: planning.next_version(body))
        if body.as_runs:
            return _reported(await planning.publish_runs(plan, body.wait), body.wait)
        return _reported(await planning.publish(plan, body.batch_size, body.wait), body.wait)

    async def republish(request: Request) -> Response:
        body = await read(request, RepublishBody)
        if body.version not in planning.versions:
            raise HTTPException(404, f"version {body.version} was never published")
        plan = planning.versions[body.version]
        return _reported(await planning.publish(plan, body.batch_size, body.wait, body.fresh_ids), body.wait)

    return [
        Route("/control/model", set_model, methods=["POST"]),
        Route("/control/plan", make_plan, methods=["POST"]),
        Route("/control/revise", make_revision, methods=["POST"]),
        Route("/control/republish", republish, methods=["POST"]),
    ]


def coverage_routes(planning: Planning) -> list[Route]:
    """PUT and GET /coverage/{order}; a repeated Idempotency-Key gets the first answer again."""

    async def put_coverage(request: Request) -> Response:
        raw, key = await request.body(), request.headers.get("idempotency-key")
        if key and key in planning.answers:
            earlier, status, answer = planning.answers[key]
            if earlier != raw:
                return JSONResponse({"error": f"Idempotency-Key {key} was used for another body"}, 422)
            return JSONResponse(answer, status)
        body = await read(request, CoverageBody)
        if body.order != request.path_params["order"]:
            raise HTTPException(400, f"the body speaks of order {body.order}")
        status, answer = planning.take_coverage(body)
        if answer.get("changed"):
            planning.log.record(
                method="PUT",
                path=request.url.path,
                headers=request.headers,
                summary=f"coverage of {len(body.requirements)} requirements, sequence {body.sequence}",
                document=body.order,
            )
        if key:
            planning.answers[key] = (raw, status, answer)
        return JSONResponse(answer, status)

    async def get_coverage(request: Request) -> Response:
        held = planning.coverage.get(request.path_params["order"])
        if held is None:
            raise HTTPException(404, "no coverage was told of this order")
        return JSONResponse(held.model_dump(mode="json"))

    return [
        Route("/coverage/{order:path}", put_coverage, methods=["PUT"]),
        Route("/coverage/{order:path}", get_coverage, methods=["GET"]),
    ]


def _or_conflict(make: Callable[[], PlanVersion]) -> PlanVersion:
    try:
        return make()
    except ValueError as error:
        raise HTTPException(409, str(error)) from error


def _reported(answer: dict[str, Any], wait: bool) -> Response:
    return JSONResponse(answer, 200 if wait else 202)
