"""The product data system publishes change notices, counts their issues, and keeps what was refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from canonical.event_data import BomRevisedData
from simulators.faults import InProcessTransport, Simulator
from simulators.plm.app import create
from tests.simulators.fake_gateway import FakeGateway

NOTICE = {
    "notice": "ECN-1",
    "plant": "1720",
    "assembly": "BK-M82S-42",
    "revision": "B",
    "effective_from": "2026-07-01",
    "replaced": [{"old": "PD-M562", "new": "PD-M340", "unit": "EA", "stock": "40"}],
}


@dataclass
class Scene:
    gateway: FakeGateway
    plm: Simulator
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    gateway = FakeGateway()
    plm = create("http://gateway", transport=gateway.transport, first_pause_seconds=0.001)
    async with httpx.AsyncClient(transport=InProcessTransport(app=plm), base_url="http://plm") as http:
        yield Scene(gateway, plm, http)


async def test_a_notice_is_published_as_a_revision_that_replaces_one_component_by_another(scene: Scene) -> None:
    await scene.call("POST", "/control/notices", NOTICE)
    (event,) = scene.gateway.events
    assert scene.gateway.content_types == ["application/cloudevents+json"]
    assert (event["type"], event["source"], event["id"]) == ("pegline.bom.revised.v1", "plm-atlas", "ECN-1/1")
    reported = BomRevisedData.model_validate_json(httpx.Response(200, json=event["data"]).content)
    assert [(line.component, line.change, line.replaces, line.stock) for line in reported.lines] == [
        ("PD-M562", "removed", None, Decimal(40)),
        ("PD-M340", "added", "PD-M562", None),
    ]


async def test_the_same_notice_released_again_is_its_next_issue(scene: Scene) -> None:
    await scene.call("POST", "/control/notices", NOTICE)
    again = await scene.call("POST", "/control/notices", {**NOTICE, "effective_from": "2026-06-24"})
    assert again["issue"] == 2
    first, second = scene.gateway.events
    assert (first["data"]["source_revision"], second["data"]["source_revision"]) == (1, 2)
    assert first["id"] != second["id"]
    issues = (await scene.call("GET", "/control/books"))["notices"]["ECN-1"]
    assert [issue["effective_from"] for issue in issues] == ["2026-07-01", "2026-06-24"]


async def test_a_notice_stays_about_what_it_was_about(scene: Scene) -> None:
    await scene.call("POST", "/control/notices", NOTICE)
    answer = await scene.call("POST", "/control/notices", {**NOTICE, "assembly": "BK-M68B-42"}, status=409)
    assert "BK-M82S-42" in answer["error"]
    assert len(scene.gateway.events) == 1
    nothing = await scene.call("POST", "/control/notices", {**NOTICE, "replaced": []}, status=400)
    assert "replaced" in nothing["error"]


async def test_what_the_gateway_refused_is_kept_with_its_answer_and_can_be_sent_again(scene: Scene) -> None:
    scene.gateway.answers = [422]
    reported = await scene.call("POST", "/control/notices", NOTICE)
    assert (reported["state"], reported["status"]) == ("refused", 422)
    await scene.call("POST", "/control/resend")
    assert [delivery["state"] for delivery in (await scene.call("GET", "/control/books"))["deliveries"]] == [
        "delivered"
    ]
    assert len(scene.gateway.events) == 1
