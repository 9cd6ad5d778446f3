"""The buyers' inbox, decisions and their refusals, the reads and the trace."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.service import RPCStatusCode

from canonical.identity import ExceptionId, RequirementId
from canonical.need import Need, Revision
from canonical.records import (
    ExceptionSnapshot,
    ExceptionState,
    OrderLineSnapshot,
    RequirementSnapshot,
    RequirementStage,
)
from gateway.app import create_app
from tests.gateway.conftest import STRUCTURED, Gateway
from tests.gateway.exceptions import PATH, decide, shortage
from tests.gateway.fakes import MORNING, POLICIES, TODAY, FakeEntities, answered, planned, problem, requirement_id


@pytest.fixture
async def open_shortage(gateway: Gateway) -> ExceptionSnapshot:
    snapshot = shortage()
    gateway.entities.exceptions[snapshot.id] = snapshot
    await gateway.record(snapshot)
    return snapshot


async def test_a_decision_on_what_was_seen_is_taken(gateway: Gateway, open_shortage: ExceptionSnapshot) -> None:
    seen = await gateway.client.get(PATH)
    response = await gateway.client.post(
        f"{PATH}/decision",
        json={"choice": "split", "supplier": "1616", "decided_by": "anna", "comment": "go", "event_id": "ui-1"},
        headers={"If-Match": seen.headers["etag"]},
    )
    assert (response.status_code, response.json()["state"]) == (200, "decided")
    [made] = gateway.entities.decided
    assert (made.choice, made.supplier, made.event_id, made.digest) == ("split", "1616", "ui-1", open_shortage.digest)
    assert made.decided_at == gateway.clock[0]


@pytest.mark.parametrize("recorded", [False, True], ids=["before the ledger knows", "after the ledger knows"])
async def test_the_same_decision_again_gets_the_same_answer(
    gateway: Gateway, open_shortage: ExceptionSnapshot, recorded: bool
) -> None:
    first = await decide(gateway, open_shortage.digest, event_id="ui-1")
    if recorded:
        await gateway.record(gateway.entities.exceptions[open_shortage.id])
        gateway.entities.exceptions.clear()
    again = await decide(gateway, open_shortage.digest, event_id="ui-1")
    assert (again.status_code, again.json()["decision"]) == (200, first.json()["decision"])
    assert len(gateway.entities.decided) == 1


async def test_without_an_event_id_the_content_makes_the_decision_one(
    gateway: Gateway, open_shortage: ExceptionSnapshot
) -> None:
    first, again = await decide(gateway, open_shortage.digest), await decide(gateway, open_shortage.digest)
    assert (first.status_code, again.status_code) == (200, 200)
    assert len(gateway.entities.decided) == 1


async def test_a_digest_out_of_date_is_refused_with_the_present_one(
    gateway: Gateway, open_shortage: ExceptionSnapshot
) -> None:
    changed = shortage("300 of 500 EA come late")
    gateway.entities.exceptions[changed.id] = changed
    statement = problem(await decide(gateway, open_shortage.digest), 412, "digest_out_of_date")
    assert (statement["digest"], statement["field"]) == (changed.digest, "If-Match")


@pytest.mark.parametrize("digest", [None, "", "*"])
async def test_a_decision_without_the_digest_it_saw_is_refused(
    gateway: Gateway, open_shortage: ExceptionSnapshot, digest: str | None
) -> None:
    statement = problem(await decide(gateway, digest), 428, "digest_required")
    assert statement["digest"] == open_shortage.digest


async def test_who_proposed_may_not_approve(gateway: Gateway, open_shortage: ExceptionSnapshot) -> None:
    statement = problem(await decide(gateway, open_shortage.digest, decided_by="pam"), 403, "proposer_is_approver")
    assert (statement["field"], statement["value"]) == ("decided_by", "pam")


async def test_a_choice_that_is_not_offered_names_those_that_are(
    gateway: Gateway, open_shortage: ExceptionSnapshot
) -> None:
    statement = problem(await decide(gateway, open_shortage.digest, choice="expedite"), 422, "choice_not_offered")
    assert "accept, split" in statement["next_step"]


@pytest.mark.parametrize("recorded", [False, True])
async def test_a_second_persons_decision_is_a_conflict(
    gateway: Gateway, open_shortage: ExceptionSnapshot, recorded: bool
) -> None:
    await decide(gateway, open_shortage.digest)
    if recorded:
        await gateway.record(gateway.entities.exceptions[open_shortage.id])
    problem(await decide(gateway, open_shortage.digest, decided_by="bob"), 409, "already_decided")


async def test_an_event_id_does_not_cover_another_decision(gateway: Gateway, open_shortage: ExceptionSnapshot) -> None:
    await decide(gateway, open_shortage.digest, event_id="ui-1")
    await gateway.record(gateway.entities.exceptions[open_shortage.id])
    problem(await decide(gateway, open_shortage.digest, event_id="ui-1", choice="split"), 409, "already_decided")


async def test_what_went_away_by_itself_can_not_be_decided(gateway: Gateway) -> None:
    gone = shortage(state=ExceptionState.OVERTAKEN, closed=True)
    await gateway.record(gone)
    statement = problem(await decide(gateway, gone.digest), 409, "already_decided")
    assert "gone" in statement["detail"]


async def test_a_decision_waits_for_temporal_to_come_back(gateway: Gateway, ledger: Any) -> None:
    class Away(FakeEntities):
        async def decide(self, exception: str, decision: Any, /) -> ExceptionSnapshot:
            self.failures = [RPCStatusCode.UNAVAILABLE]
            await self._take(exception, decision)
            raise AssertionError("unreachable")

    snapshot = shortage()
    await gateway.record(snapshot)
    app = create_app(ledger, Away(), {}, POLICIES, lambda _: TODAY, relay=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://g") as client:
        body = {"choice": "accept", "decided_by": "anna"}
        response = await client.post(f"{PATH}/decision", json=body, headers={"If-Match": snapshot.digest})
    statement = problem(response, 503, "engine_unavailable")
    assert response.headers["retry-after"] == "5"
    assert "safe to repeat" in statement["next_step"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"choice": "maybe"}, "choice"),
        ({"decided_by": ""}, "decided_by"),
        ({"decided_by": None}, "decided_by"),
        ({"supplier": "a/b"}, "supplier"),
        ({"event_id": "x" * 101}, "event_id"),
        ({"comment": "a\x00b"}, "comment"),
        ({"chioce": "accept"}, "chioce"),
        ({"choice": "approve", "lines": [{"line": 1, "choice": "scrap", "qty": "3"}]}, "lines[0].qty"),
    ],
)
async def test_a_bad_decision_names_its_field(
    gateway: Gateway, open_shortage: ExceptionSnapshot, body: dict[str, Any], field: str
) -> None:
    statement = problem(await decide(gateway, open_shortage.digest, **body), 422, "invalid_field")
    assert statement["field"] == field


async def test_a_decision_that_says_two_things_at_once_is_refused(
    gateway: Gateway, open_shortage: ExceptionSnapshot
) -> None:
    twice = '{"choice": "accept", "decided_by": "anna.buyer", "choice": "split"}'
    headers = {"If-Match": open_shortage.digest, "content-type": "application/json"}
    answer = await gateway.client.post(f"{PATH}/decision", content=twice, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert "'choice' stands twice" in answer.json()["detail"]


async def test_a_decision_that_is_no_json_is_malformed(gateway: Gateway, open_shortage: ExceptionSnapshot) -> None:
    response = await gateway.client.post(
        f"{PATH}/decision", content="{", headers={"If-Match": open_shortage.digest, "content-type": "application/json"}
    )
    problem(response, 400, "malformed_json")


async def test_a_question_that_requirements_share_says_how_many_wait(
    gateway: Gateway, open_shortage: ExceptionSnapshot
) -> None:
    assert (await gateway.client.get(PATH)).json()["waiting"] == 0
    for number in range(3):
        await gateway.ledger.join_question("P1", "X", "d", open_shortage.id, f"requirement/P1/X/{number}")
    assert (await gateway.client.get(PATH)).json()["waiting"] == 3
    [listed] = (await gateway.client.get("/v1/exceptions?state=open")).json()["items"]
    assert listed["waiting"] == 3


async def test_an_unknown_exception_is_not_found(gateway: Gateway) -> None:
    problem(await gateway.client.get(PATH), 404, "not_found")
    problem(await decide(gateway, "0" * 16), 404, "not_found")


async def test_the_inbox_is_filtered_and_comes_in_pages(gateway: Gateway) -> None:
    for number in range(5):
        await gateway.record(
            shortage(
                id=ExceptionId(f"exception/{number:012}"),
                opened_at=MORNING + dt.timedelta(minutes=number),
                assignee="buyer" if number else "manager",
            )
        )
    seen: list[str] = []
    path: str | None = "/v1/exceptions?assignee=buyer&kind=shortage&state=open&limit=2"
    while path:
        page = (await gateway.client.get(path)).json()
        seen += [each["id"][-1] for each in page["items"]]
        path = page["next"]
    assert seen == ["4", "3", "2", "1"]
    problem(await gateway.client.get("/v1/exceptions?after=nonsense"), 400, "invalid_cursor")
    problem(await gateway.client.get("/v1/exceptions?limit=0"), 422, "invalid_field")
    problem(await gateway.client.get("/v1/exceptions?kind=x"), 422, "invalid_field")


def need(reference: str = "PLO-1", item: str = "FR-R92B-58") -> Need:
    return Need(
        plant="P1",
        item=item,
        quantity=Decimal(500),
        unit="EA",
        required_date=dt.date(2026, 6, 15),
        source="aps",
        demand_reference=reference,
        revision=Revision(plan_version=1, effective_at=MORNING, event_id=f"e-{reference}"),
    )


def order_line(number: int, requirement: str) -> OrderLineSnapshot:
    return OrderLineSnapshot(
        line=number,
        item="FR-R92B-58",
        requirement_id=RequirementId(requirement),
        quantity=Decimal(500),
        unit="EA",
        delivery_date=dt.date(2026, 6, 11),
        price="1",
        shipped=Decimal(0),
        received=Decimal(0),
        allocated=Decimal(500),
    )


async def test_requirements_are_listed_in_pages_and_read_one_by_one(gateway: Gateway) -> None:
    for number in range(4):
        stage = RequirementStage.SHORT if number else RequirementStage.COVERED
        await gateway.requirement(need(f"PLO-{number}"), stage)
    seen: list[str] = []
    path: str | None = "/v1/requirements?plant=P1&stage=short&limit=2"
    while path:
        page = (await gateway.client.get(path)).json()
        seen += [each["need"]["demand_reference"] for each in page["items"]]
        path = page["next"]
    assert seen == ["PLO-1", "PLO-2", "PLO-3"]
    one = await gateway.client.get(f"/v1/requirements/{requirement_id('PLO-1').removeprefix('requirement/')}")
    assert (one.json()["id"], one.json()["stage"]) == (requirement_id("PLO-1"), "short")
    problem(await gateway.client.get("/v1/requirements/P1/X/none"), 404, "not_found")
    problem(await gateway.client.get("/v1/orders/P1/1580/none"), 404, "not_found")


async def test_an_item_with_odd_characters_is_found_at_the_link_that_intake_gave(gateway: Gateway) -> None:
    item = "M8 x 20 #4 ?50%"
    link = (await gateway.send(planned(item=item))).json()["events"][0]["link"]
    await gateway.requirement(need(item=item), RequirementStage.COVERED)
    assert (await gateway.client.get(link)).json()["need"]["item"] == item


async def test_the_trace_holds_all_that_concerns_the_requirement_and_nothing_of_its_neighbours(
    gateway: Gateway,
) -> None:
    own, other = requirement_id(), requirement_id("PLO-2")
    order = await gateway.order(lines=(order_line(10, own), order_line(20, other)), requisition_number="100")
    exception = shortage(state=ExceptionState.DECIDED)
    plan = {"plan_version": 1, "quantity": "500", "unit": "EA", "required_date": "2026-06-15"}
    stated = gateway.audit_event(own, "requirement.opened", MORNING, plan)
    raised = gateway.audit_event(own, "exception.raised", MORNING, {"exception_id": exception.id, "kind": "shortage"})
    await gateway.record(
        shortage(state=ExceptionState.DECIDED), gateway.audit_event(exception.id, "exception.opened", MORNING)
    )
    snapshot = RequirementSnapshot(
        id=own,
        need=need(),
        stage=RequirementStage.SHORT,
        request_revision=1,
        needed=Decimal(500),
        order_ids=(order.id,),
    )
    await gateway.record(snapshot, stated, raised, gateway.audit_event(own, "noted", MORNING))
    lines = [{"line": 10, "schedule_lines": []}, {"line": 20, "schedule_lines": []}]
    audit_events = [
        gateway.audit_event(order.id, "order.answered", MORNING, {"answer_number": "A-1", "lines": lines}),
        gateway.audit_event(
            order.id, "goods.received", MORNING, {"line": 20, "quantity": "1", "receipt_number": "GR-20"}
        ),
        gateway.audit_event(
            order.id, "goods.received", MORNING, {"line": 10, "quantity": "1", "receipt_number": "GR-10"}
        ),
    ]
    await gateway.record(order, *audit_events)
    await gateway.send(planned())
    await gateway.send(answered("a-1"))

    trace = (await gateway.client.get(f"/v1/{own.replace('requirement/', 'requirements/')}/trace")).json()
    assert trace["chain_intact"] is True
    assert [each["entity_id"] for each in trace["chains"]] == [own, order.id, exception.id]
    assert trace["orders"][0] | {"supplier_name": ""} == {
        "id": order.id,
        "supplier": "1580",
        "supplier_name": "",
        "stage": "sent",
        "requisition_number": "100",
        "order_number": "4500000001",
        "revision": 0,
        "lines": [10],
    }
    by_kind = {each["kind"]: each["data"] for each in trace["audit_events"]}
    assert by_kind["order.answered"]["lines"] == [lines[0]]
    assert [each["data"]["receipt_number"] for each in trace["audit_events"] if each["kind"] == "goods.received"] == [
        "GR-10"
    ]
    assert [(each["source"], each["event_id"]) for each in trace["messages"]] == [("aps", "e-1"), ("portal", "a-1")]


async def test_health_shows_what_waits_and_that_a_dead_relay_is_not_ready(gateway: Gateway) -> None:
    await gateway.send(planned())
    await gateway.send(planned("e-2", plant="P9"))
    assert (await gateway.client.get("/healthz")).json() == {"status": "alive"}
    ready = (await gateway.client.get("/readyz")).json()
    assert (ready["status"], ready["undelivered"], ready["open_dead_letters"]) == ("ready", 1, 1)
    app = create_app(gateway.ledger, gateway.entities, {}, POLICIES, lambda _: TODAY)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://g") as client:
        problem(await client.get("/readyz"), 503, "not_ready")


async def test_one_trace_leads_from_the_hook_to_the_delivery(gateway: Gateway) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = create_app(
        gateway.ledger, gateway.entities, {}, POLICIES, lambda _: TODAY, relay=False, tracer_provider=provider
    )
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {**STRUCTURED, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://g") as client:
        await client.post("/v1/events", content=json.dumps(planned()), headers=headers)
    await app.state.relay.drain()
    request, delivery = exporter.get_finished_spans()
    assert (request.name, delivery.name) == ("POST /v1/events", "deliver pegline.requirement.planned.v1")
    assert format(delivery.context.trace_id, "032x") == format(request.context.trace_id, "032x") == trace
    assert delivery.parent is not None
    assert delivery.parent.span_id == request.context.span_id
    for span in (request, delivery):
        assert span.attributes is not None
        assert span.attributes["pegline.correlation_id"] == trace


async def test_the_docs_need_nothing_from_outside(gateway: Gateway) -> None:
    page = (await gateway.client.get("/docs")).text
    assert "/v1/exceptions/{id}/decision" in page
    assert "PLO-10001" in page
    assert "<script" not in page
    assert "src=" not in page


async def test_the_api_describes_itself_with_examples(gateway: Gateway) -> None:
    described = (await gateway.client.get("/openapi.json")).json()
    paths = described["paths"]
    assert {
        "/v1/events",
        "/v1/suppliers/{channel}/messages",
        "/v1/suppliers/messages/{id}",
        "/v1/requirements",
        "/v1/requirements/{plant}/{item}/{key}/trace",
        "/v1/orders/{plant}/{supplier}/{key}",
        "/v1/exceptions/{id}/decision",
        "/v1/dead-letters/{id}/replay",
    } <= set(paths)
    example = paths["/v1/events"]["post"]["requestBody"]["content"]["application/cloudevents+json"]["examples"]
    taken = await gateway.send(example["planned"]["value"])
    assert taken.status_code == 202
    for path, operations in paths.items():
        for operation in operations.values():
            refusals = [status for status in operation["responses"] if status.startswith(("4", "5"))]
            assert path == "/healthz" or path.endswith("/exceptions") or refusals, path
            for status in refusals:
                assert "application/problem+json" in operation["responses"][status]["content"], (path, status)
