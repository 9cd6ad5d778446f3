"""The planning simulator explodes, publishes, revises, and receives coverage."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from canonical.event_data import RequirementPlanned, RequirementWithdrawnData
from canonical.plan import PlanLine
from demo import site
from simulators.aps.app import create
from simulators.aps.explosion import working_days_after
from simulators.faults import InProcessTransport, Simulator
from tests.simulators.fake_gateway import FakeGateway

TODAY = date(2026, 6, 1)
EFFECTIVE = "2026-06-01T05:00:00+00:00"


@dataclass
class Scene:
    gateway: FakeGateway
    aps: Simulator
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, body: Any = None, status: int = 200, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def plan_version_one(self) -> list[dict[str, Any]]:
        await self.call("POST", "/control/model", site.aps_model())
        await self.call("POST", "/control/plan", site.aps_plan(TODAY, EFFECTIVE))
        reported, self.gateway.events = self.gateway.events, []
        return reported


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    gateway = FakeGateway()
    aps = create("http://gateway", transport=gateway.transport, first_pause_seconds=0.001)
    async with httpx.AsyncClient(transport=InProcessTransport(app=aps), base_url="http://aps") as http:
        yield Scene(gateway, aps, http)


async def test_the_plan_is_published_as_cloud_events_in_batches(scene: Scene) -> None:
    events = await scene.plan_version_one()
    assert 380 <= len(events) <= 430
    assert len({event["id"] for event in events}) == len(events)
    assert set(scene.gateway.content_types) == {"application/cloudevents-batch+json"}
    assert scene.gateway.calls == -(-len(events) // 50)
    for event in events:
        assert event["specversion"] == "1.0"
        assert event["type"] == "pegline.requirement.planned.v1"
        assert (event["source"], event["time"]) == ("aps-atlas", EFFECTIVE)
        assert event["subject"] == event["data"]["demand_reference"]
        assert len(event["correlationid"]) == 16
        pegs = event["data"]["pegging"]
        assert sum(Decimal(peg["quantity"]) for peg in pegs) == Decimal(event["data"]["quantity"])
        assert min(peg["date"] for peg in pegs) == event["data"]["required_date"]
        assert RequirementPlanned.model_validate(event["data"]).unit == event["data"]["unit"]


async def test_a_gateway_that_is_not_ready_gets_each_batch_again_and_once(scene: Scene) -> None:
    scene.gateway.answers = [503, 500, 429]
    events = await scene.plan_version_one()
    books = await scene.call("GET", "/control/books")
    assert len({event["id"] for event in events}) == len(events) == len(books["published"][0]["ids"])
    assert {delivery["state"] for delivery in books["deliveries"]} == {"delivered"}
    assert books["deliveries"][0]["attempts"] == 4


async def test_publishing_need_not_be_waited_for(scene: Scene) -> None:
    await scene.call("POST", "/control/model", site.aps_model())
    plan = {**site.aps_plan(TODAY, EFFECTIVE), "wait": False}
    reported = await scene.call("POST", "/control/plan", plan, status=202)
    await scene.call("POST", "/control/settle")
    assert len(scene.gateway.events) == reported["events"]


async def test_what_the_gateway_refused_is_kept_with_its_answer_and_can_be_sent_again(scene: Scene) -> None:
    scene.gateway.answers = [400]
    await scene.plan_version_one()
    first = (await scene.call("GET", "/control/books"))["deliveries"][0]
    assert (first["state"], first["status"], first["answer"]) == ("refused", 400, '{"error":"not now"}')
    again = await scene.call("POST", "/control/resend")
    assert [delivery["state"] for delivery in again["deliveries"]] == ["delivered"]


async def test_version_two_repeats_the_plan_with_the_shares_asked_for(scene: Scene) -> None:
    before = {event["subject"]: event["data"] for event in await scene.plan_version_one()}
    summary = await scene.call("POST", "/control/revise", {"seed": 7, "effective_at": "2026-06-02T05:00:00+00:00"})
    planned = {e["subject"]: e["data"] for e in scene.gateway.events if e["type"].endswith("planned.v1")}
    withdrawn = [e["subject"] for e in scene.gateway.events if e["type"].endswith("withdrawn.v1")]
    count = len(before)
    assert [len(summary[key]) for key in ("changed", "gone", "new")] == [round(count * s) for s in (0.1, 0.03, 0.03)]
    assert sorted(withdrawn) == sorted(summary["gone"])
    for event in scene.gateway.events:
        kind = RequirementPlanned if event["type"].endswith("planned.v1") else RequirementWithdrawnData
        assert kind.model_validate(event["data"]).demand_reference == event["subject"]
    assert set(planned) == (set(before) - set(withdrawn)) | set(summary["new"])
    differing = {ref for ref in set(before) & set(planned) if _need(before[ref]) != _need(planned[ref])}
    assert differing == set(summary["changed"])
    assert {event["data"]["plan_version"] for event in scene.gateway.events} == {2}
    for reference in summary["changed"]:
        assert _is_beyond_dampener(before[reference], planned[reference])
        pegs = planned[reference]["pegging"]
        assert sum(Decimal(peg["quantity"]) for peg in pegs) == Decimal(planned[reference]["quantity"])


async def test_a_version_can_be_sent_whole_a_plan_run_a_plant_and_leaves_out_what_is_gone(scene: Scene) -> None:
    before = {event["subject"]: event["data"] for event in await scene.plan_version_one()}
    summary = await scene.call("POST", "/control/revise", {"seed": 7, "as_runs": True})
    assert scene.gateway.events == []
    assert {parameters["plant"] for parameters, _ in scene.gateway.plan_runs} == set(summary["runs"])
    sent: dict[str, Any] = {}
    for parameters, lines in scene.gateway.plan_runs:
        assert (parameters["source"], parameters["version"]) == ("aps-atlas", "2")
        for line in lines:
            assert PlanLine.model_validate(line).demand_reference not in sent
            sent[line["demand_reference"]] = line
            assert line["demand_reference"].startswith(parameters["plant"])
    assert set(sent) == (set(before) - set(summary["gone"])) | set(summary["new"])
    assert set(summary["gone"])


async def test_a_run_that_is_refused_is_kept_and_sent_again(scene: Scene) -> None:
    await scene.plan_version_one()
    scene.gateway.answers = [409]
    summary = await scene.call("POST", "/control/revise", {"as_runs": True})
    assert summary["batches"] == {"delivered": 2, "refused": 1}
    await scene.call("POST", "/control/resend")
    assert len(scene.gateway.plan_runs) == 3


async def test_lines_that_are_named_go_and_those_to_keep_are_not_drawn(scene: Scene) -> None:
    references = sorted(event["subject"] for event in await scene.plan_version_one())
    gone, kept = references[:2], references[2:20]
    everything = {"share_changed": 0.5, "share_gone": 0.2, "share_new": 0.2, "share_slightly": 0.05}
    summary = await scene.call("POST", "/control/revise", {**everything, "gone": gone, "kept": kept})
    assert set(gone) <= set(summary["gone"])
    assert len(summary["gone"]) == round(len(references) * 0.2) + 2
    assert not set(kept) & {*summary["changed"], *summary["gone"], *summary["slightly"]}
    wrong = await scene.call("POST", "/control/revise", {"gone": ["NOBODY"]}, status=409)
    assert "NOBODY" in wrong["error"]


async def test_an_old_version_can_arrive_once_more_with_its_own_or_fresh_ids(scene: Scene) -> None:
    first = await scene.plan_version_one()
    await scene.call("POST", "/control/republish", {"version": 1})
    assert scene.gateway.events == first
    scene.gateway.events = []
    await scene.call("POST", "/control/republish", {"version": 1, "fresh_ids": True})
    assert [event["data"] for event in scene.gateway.events] == [event["data"] for event in first]
    assert not {event["id"] for event in scene.gateway.events} & {event["id"] for event in first}
    await scene.call("POST", "/control/republish", {"version": 9}, status=404)


async def test_a_plan_without_a_model_is_refused_with_the_next_step(scene: Scene) -> None:
    answer = await scene.call("POST", "/control/plan", site.aps_plan(TODAY, EFFECTIVE), status=409)
    assert "POST /control/model first" in answer["error"]


def coverage(sequence: int, quantity: str = "5") -> dict[str, Any]:
    return {
        "order": "4500000001",
        "plant": "1710",
        "sequence": sequence,
        "asOf": EFFECTIVE,
        "requirements": [
            {
                "requirementId": "requirement/1710/CH-0234/aps-atlas~1710.CH-0234.260617",
                "scheduleLines": [
                    {"quantity": quantity, "date": "2026-06-15", "state": "confirmed"},
                    {"quantity": "2", "date": None, "state": "backordered"},
                ],
            }
        ],
    }


async def test_of_an_orders_coverage_the_highest_sequence_stays(scene: Scene) -> None:
    path = "/coverage/4500000001"
    await scene.call("PUT", path, coverage(2), status=201)
    assert not (await scene.call("PUT", path, coverage(2, "9")))["changed"]
    assert "2 is newer than 1" in (await scene.call("PUT", path, coverage(1), status=409))["error"]
    await scene.call("PUT", path, coverage(3, "7"))
    books = await scene.call("GET", "/control/books")
    (reported,) = books["coverage_by_reference"]["1710.CH-0234.260617"]
    assert (reported["order"], reported["scheduleLines"][0]["quantity"]) == ("4500000001", "7")
    assert books["coverage_of_unknown"] == ["1710.CH-0234.260617"]
    writes = (await scene.call("GET", "/control/writes"))["writes"]
    assert [write["document"] for write in writes] == ["4500000001", "4500000001"]


async def test_a_repeated_key_is_answered_as_before_and_not_for_another_body(scene: Scene) -> None:
    path = "/coverage/4500000001"
    first = await scene.call("PUT", path, coverage(1), status=201, key="order-1/coverage-1")
    assert await scene.call("PUT", path, coverage(1), status=201, key="order-1/coverage-1") == first
    await scene.call("PUT", path, coverage(2), status=422, key="order-1/coverage-1")


async def test_cover_that_makes_no_sense_is_refused_with_the_field(scene: Scene) -> None:
    answer = await scene.call("PUT", "/coverage/4500000001", {**coverage(1), "sequence": -1}, status=400)
    assert "sequence" in answer["error"]
    nameless = {**coverage(1), "requirements": [{"scheduleLines": []}]}
    answer = await scene.call("PUT", "/coverage/4500000001", nameless, status=400)
    assert "demandReference or requirementId" in answer["error"]
    await scene.call("PUT", "/coverage/45", coverage(1), status=400)


def _need(data: dict[str, Any]) -> Any:
    return {key: value for key, value in data.items() if key != "plan_version"}


def _is_beyond_dampener(old: dict[str, Any], new: dict[str, Any]) -> bool:
    was, now = Decimal(old["quantity"]), Decimal(new["quantity"])
    old_day, new_day = date.fromisoformat(old["required_date"]), date.fromisoformat(new["required_date"])
    return (
        abs(now - was) > max(Decimal(10), was * Decimal("0.05"))
        or new_day > working_days_after(old_day, 5)
        or old_day > working_days_after(new_day, 1)
    )
