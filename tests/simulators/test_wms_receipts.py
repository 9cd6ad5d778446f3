"""The warehouse posts receipts in the ERP, publishes them, and repeats itself on command."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from canonical.event_data import GoodsReceivedData
from simulators.faults import InProcessTransport
from simulators.wms.app import create
from tests.simulators.fake_gateway import FakeGateway


@dataclass
class FakeErp:
    """Takes receipts of orders it knows."""

    known: set[str] = field(default_factory=lambda: {"4500000001", "4500000002"})
    answers: list[int] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        if self.answers:
            return JSONResponse({}, self.answers.pop(0))
        receipts = await request.json()
        if unknown := [each["order"] for each in receipts if each["order"] not in self.known]:
            return JSONResponse({"error": f"order {unknown[0]} does not exist"}, 404)
        self.posted += receipts
        plant = {"4500000002": "1720"}
        return JSONResponse(
            {"posted": [{**each, "supplying_plant": plant.get(each["order"], "")} for each in receipts]}
        )


@dataclass
class Scene:
    gateway: FakeGateway
    erp: FakeErp
    http: httpx.AsyncClient

    async def call(self, path: str, body: Any = None, status: int = 201) -> Any:
        answer = await self.http.post(path, json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json()

    async def books(self) -> Any:
        return (await self.http.get("/control/books")).json()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    gateway, erp = FakeGateway(), FakeErp()
    app = Starlette(routes=[Route("/erp/control/goods-receipts", erp.__call__, methods=["POST"])])
    wms = create(
        "http://gateway",
        transport=gateway.transport,
        erp_transport=InProcessTransport(app=app),
        first_pause_seconds=0.001,
    )
    async with httpx.AsyncClient(transport=InProcessTransport(app=wms), base_url="http://wms") as http:
        yield Scene(gateway, erp, http)


def receipt(quantity: str = "60", order: str = "4500000001", line: int = 10) -> dict[str, Any]:
    return {"order": order, "line": line, "quantity": quantity, "unit": "EA", "date": "2026-06-15"}


async def test_receipts_are_published_as_cloud_events_with_numbers_of_their_own(scene: Scene) -> None:
    await scene.call("/control/receive", {"receipts": [receipt(), receipt("40")]})
    assert scene.gateway.content_types == ["application/cloudevents-batch+json"]
    first, second = scene.gateway.events
    assert (first["type"], first["subject"]) == ("pegline.goods.received.v1", "4500000001")
    assert (first["id"], second["id"]) == ("GR00000001", "GR00000002")
    statement = GoodsReceivedData.model_validate(first["data"])
    assert (statement.line, statement.quantity, statement.receipt_number) == (10, Decimal(60), first["id"])
    assert (await scene.books())["received"] == {"4500000001": {"10": "100"}}


async def test_a_repeated_message_is_the_same_message_and_received_once(scene: Scene) -> None:
    await scene.call("/control/receive", {"receipts": [receipt()], "repeat": True})
    await scene.call("/control/repeat", status=200)
    assert len(scene.gateway.events) == 3
    assert scene.gateway.events[0] == scene.gateway.events[1] == scene.gateway.events[2]
    books = await scene.books()
    assert books["received"] == {"4500000001": {"10": "60"}}
    assert books["receipts"]["GR00000001"]["reported"] == 3
    await scene.call("/control/repeat", {"receipt_numbers": ["GR9"]}, status=404)


async def test_receipts_are_posted_in_the_erp_first_and_with_the_same_number(scene: Scene) -> None:
    await scene.call("/control/erp", {"url": "http://sim/erp"}, status=200)
    scene.erp.answers = [503]
    await scene.call("/control/receive", {"receipts": [receipt()]})
    assert scene.erp.posted == [
        {"order": "4500000001", "item": 10, "quantity": "60", "receipt": scene.gateway.events[0]["id"]}
    ]


async def test_goods_of_another_plant_are_published_alike_and_kept_apart(scene: Scene) -> None:
    transfer = {**receipt("5", order="4500000002"), "from_plant": "1720"}
    await scene.call("/control/receive", {"receipts": [receipt(), transfer]})
    bought, moved = scene.gateway.events
    assert (bought["type"], bought["data"].keys()) == (moved["type"], moved["data"].keys())
    GoodsReceivedData.model_validate(moved["data"])
    books = await scene.books()
    assert (books["received"], books["transferred"]) == ({"4500000001": {"10": "60"}}, {"4500000002": {"10": "5"}})


async def test_the_erp_says_which_orders_are_transfers(scene: Scene) -> None:
    await scene.call("/control/erp", {"url": "http://sim/erp"}, status=200)
    await scene.call("/control/receive", {"receipts": [receipt(), receipt("5", order="4500000002")]})
    books = await scene.books()
    assert (books["received"], books["transferred"]) == ({"4500000001": {"10": "60"}}, {"4500000002": {"10": "5"}})


async def test_what_the_erp_does_not_post_is_not_received(scene: Scene) -> None:
    await scene.call("/control/erp", {"url": "http://sim/erp"}, status=200)
    answer = await scene.call("/control/receive", {"receipts": [receipt(order="4599999999")]}, status=409)
    assert "order 4599999999 does not exist" in answer["error"]
    assert scene.gateway.events == []
    assert (await scene.books())["receipts"] == {}


async def test_a_gateway_that_is_down_hears_of_the_receipt_later(scene: Scene) -> None:
    scene.gateway.answers = [500, 400]
    await scene.call("/control/receive", {"receipts": [receipt()]})
    assert scene.gateway.events == []
    await scene.call("/control/resend", status=200)
    assert len(scene.gateway.events) == 1


async def test_nothing_and_less_can_not_be_received(scene: Scene) -> None:
    assert "quantity" in (await scene.call("/control/receive", {"receipts": [receipt("0")]}, status=400))["error"]
    await scene.call("/control/receive", {"receipts": []}, status=400)
