"""A gateway of a few lines, to which the simulators under test send."""

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.faults import InProcessTransport


class FakeGateway:
    """Keeps what arrives; answers the next calls with the statuses in `answers`, then 202."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.calls = 0
        self.events: list[dict[str, Any]] = []
        self.documents: list[bytes] = []
        self.plan_runs: list[tuple[dict[str, str], list[dict[str, Any]]]] = []
        """Each with its address' parameters and its lines."""
        self.content_types: list[str] = []
        app = Starlette(
            routes=[
                Route("/v1/events", self._events, methods=["POST"]),
                Route("/v1/suppliers/{channel}/messages", self._documents, methods=["POST"]),
                Route("/v1/plan-runs", self._plan_run, methods=["POST"]),
            ]
        )
        self.transport = InProcessTransport(app=app)

    async def _events(self, request: Request) -> Response:
        if refused := self._refused():
            return refused
        self.content_types.append(request.headers["content-type"])
        reported = json.loads(await request.body())
        self.events += reported if isinstance(reported, list) else [reported]
        return JSONResponse({"stored": True}, 202)

    async def _plan_run(self, request: Request) -> Response:
        if refused := self._refused():
            return refused
        self.content_types.append(request.headers["content-type"])
        lines = [json.loads(line) for line in (await request.body()).splitlines()]
        self.plan_runs.append((dict(request.query_params), lines))
        return JSONResponse({"stage": "received"}, 202)

    async def _documents(self, request: Request) -> Response:
        if refused := self._refused():
            return refused
        self.content_types.append(request.headers["content-type"])
        self.documents.append(await request.body())
        return JSONResponse({"channel": request.path_params["channel"]}, 202)

    def _refused(self) -> Response | None:
        self.calls += 1
        status = self.answers.pop(0) if self.answers else 202
        return JSONResponse({"error": "not now"}, status) if status != 202 else None
