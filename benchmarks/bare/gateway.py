"""The bare gateway: messages become starts and signals.

    python -m benchmarks.bare.gateway --port N --counterparts URL [--writes-only]

It keeps no state: it asks the ERP, once per order, whose order a message is about, and acknowledges a message when
Temporal has it.
"""

import argparse
import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import WorkflowAlreadyStartedError

from benchmarks.bare.words import QUEUE, Answer, Need, Receipt
from benchmarks.bare.workflow import BareRequirement
from benchmarks.command_line import add_writes_only, command_line

_ORDER = re.compile(rb"RFF\+ON:(\d+)")
_QUANTITY = re.compile(rb"QTY\+113:([\d.]+)")
_DATE = re.compile(rb"DTM\+67:(\d{8})")


class Gateway:
    """Hands incoming messages to workflows."""

    def __init__(self, counterparts: str, *, reads: bool) -> None:
        self._counterparts = counterparts
        self._reads = reads
        self._references: dict[str, str] = {}
        self._http: httpx.AsyncClient
        self._temporal: Client

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Connected to the ERP and to Temporal."""
        self._temporal = await Client.connect(**ClientConfig.load_client_connect_config())
        async with httpx.AsyncClient(
            base_url=self._counterparts, auth=httpx.BasicAuth("PEGLINE", "pegline"), timeout=10
        ) as self._http:
            yield

    async def events(self, request: Request) -> Response:
        """A need or a receipt, or several."""
        body = json.loads(await request.body())
        events = body if isinstance(body, list) else [body]
        await asyncio.gather(*(self._take(event) for event in events))
        return JSONResponse({"taken": len(events)}, 202)

    async def document(self, request: Request) -> Response:
        """A supplier's answer."""
        body = await request.body()
        order, quantity, date = (found.search(body) for found in (_ORDER, _QUANTITY, _DATE))
        if order is None or quantity is None or date is None:
            return JSONResponse({"error": "not an answer that is understood here"}, 422)
        day = date[1].decode()
        answer = Answer(quantity[1].decode(), f"{day[:4]}-{day[4:6]}-{day[6:]}")
        handle = self._temporal.get_workflow_handle(await self._whose(order[1].decode()))
        await handle.signal(BareRequirement.supplier_answered, answer)
        return JSONResponse({"taken": 1}, 202)

    async def _take(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if event["type"] == "pegline.goods.received.v1":
            handle = self._temporal.get_workflow_handle(await self._whose(data["order"]))
            await handle.signal(BareRequirement.goods_received, Receipt(data["quantity"], data["date"]))
            return
        need = Need(
            reference=data["demand_reference"],
            plant=data["plant"],
            item=data["item"],
            quantity=data["quantity"],
            unit=data["unit"],
            required_date=data["required_date"],
            supplier=data["item"].partition("-")[0],
            reads=self._reads,
        )
        try:
            await self._temporal.start_workflow(
                BareRequirement.run,
                need,
                id=need.reference,
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
        except WorkflowAlreadyStartedError:
            return

    async def _whose(self, order: str) -> str:
        """The workflow of an order: the ERP holds its reference."""
        known = self._references.get(order)
        if known is None:
            answer = await self._http.get(
                f"/erp/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrder('{order}')",
                params={"$select": "PurchaseOrder,CorrespncExternalReference", "$format": "json"},
            )
            answer.raise_for_status()
            known = self._references[order] = answer.json()["d"]["CorrespncExternalReference"]
        return known


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--counterparts", required=True)
    add_writes_only(parser)
    return parser


def main() -> None:
    """Serve until interrupted; the server is that of the environment."""
    given = arguments().parse_args()
    gateway = Gateway(given.counterparts, reads=not given.writes_only)

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": True})

    app = Starlette(
        routes=[
            Route("/v1/events", gateway.events, methods=["POST"]),
            Route("/v1/suppliers/{channel}/messages", gateway.document, methods=["POST"]),
            Route("/readyz", ready),
        ],
        lifespan=gateway.lifespan,
    )
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
