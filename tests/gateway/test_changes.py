"""Engineering changes in the API: the list, one by order line, and its trace."""

import datetime as dt
from decimal import Decimal
from typing import Any

import httpx

from canonical.bom import AffectedRequirement, ChangeCheck, ChangeDisposition, ChangeInstruction, FateOption
from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.identity import ChangeId, ExceptionId, RequirementId
from canonical.records import ChangeSnapshot, ChangeStage, RequirementStage
from tests.decisions.bills import removed, revised
from tests.decisions.models import a_need
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import PATH, shortage
from tests.gateway.fakes import event, problem

USER = a_need(plant="P1")
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


def disposition(fate: str, quantity: int, line: int = 10, **changes: Any) -> ChangeDisposition:
    fields: dict[str, Any] = {
        "component": "BB-7421",
        "reference": f"4500000001/{line}" if line else "",
        "order_id": "order/P1/1580/o1" if line else None,
        "line": line or None,
        "quantity": Decimal(quantity),
        "unit": "EA",
        "fate": fate,
    }
    return ChangeDisposition(**fields | changes)


RETURNED = disposition("returned", 12, value=Decimal("22.08"), cost=Decimal("3.31"), proposed="return", by_hand=True)
SCRAPPED = disposition("scrapped", 8, value=Decimal("14.72"), cost=Decimal("13.25"), proposed="scrap", by_hand=True)


def change(plant: str = "P1", assembly: str = "BK-100", revision: str = "B", **changes: Any) -> ChangeSnapshot:
    of = revised(removed()).model_copy(update={"plant": plant, "assembly": assembly, "revision": revision})
    fields: dict[str, Any] = {"stage": ChangeStage.PROPOSED, "exception_id": ExceptionId("exception/0001")}
    return ChangeSnapshot(id=of.id, revised=of, **fields | changes)


async def keys(gateway: Gateway, query: str = "") -> list[str]:
    return [row["id"] for row in (await gateway.client.get(f"/v1/changes{query}")).json()["items"]]


async def test_changes_are_listed_in_pages_by_plant_assembly_and_stage(gateway: Gateway) -> None:
    done: dict[str, Any] = {"stage": ChangeStage.CARRIED_OUT, "exception_id": None, "closed": True}
    for one in (change(), change("P2", **done), change(revision="C", **done), change(assembly="BK-200")):
        await gateway.record(one)
    assert await keys(gateway, "?assembly=BK-100") == ["change/P1/BK-100/B", "change/P1/BK-100/C", "change/P2/BK-100/B"]
    assert await keys(gateway, "?plant=P1&stage=proposed") == ["change/P1/BK-100/B", "change/P1/BK-200/B"]
    assert await keys(gateway, "?stage=declined") == []

    first = (await gateway.client.get("/v1/changes?plant=P1&limit=2")).json()
    assert [row["revision"] for row in first["items"]] == ["B", "C"]
    assert first["items"][0] | {"recorded_at": ""} == {
        "id": "change/P1/BK-100/B",
        "plant": "P1",
        "assembly": "BK-100",
        "revision": "B",
        "effective_from": "2026-07-01",
        "stage": "proposed",
        "reason": "",
        "cost": "0",
        "currency": "",
        "exception_id": "exception/0001",
        "closed": False,
        "recorded_at": "",
    }
    last = (await gateway.client.get(first["next"])).json()
    assert ([row["assembly"] for row in last["items"]], last["next"]) == (["BK-200"], None)


async def test_a_cursor_that_no_page_gave_is_refused(gateway: Gateway) -> None:
    problem(await gateway.client.get("/v1/changes?after=x"), 400, "invalid_cursor")


async def test_a_registered_change_without_a_record_is_not_shown_yet(gateway: Gateway) -> None:
    await gateway.ledger.bills.register(change().revised)
    assert await keys(gateway) == []
    statement = problem(await gateway.client.get("/v1/changes/P1/BK-100/B"), 404, "not_found")
    assert "GET /v1/changes?plant=P1&assembly=BK-100" in statement["next_step"]


async def carried_out(gateway: Gateway) -> ChangeSnapshot:
    """Two lines and the stock, by one decision; as the change records it at its end."""
    returned = FateOption(choice="return", cost=Decimal("5.52"), by_hand=True)
    excess = disposition("excess", 20, number=1, options=(returned,), candidates=("return",), proposed="return")
    proposal = Proposal(
        kind=ExceptionKind.ENGINEERING_CHANGE,
        summary="BK-100 revision B: 20 excess",
        plant="P1",
        alternatives=(Alternative(choice=Choice.APPROVE, extra_cost=Decimal("5.52"), currency="EUR"),),
        dispositions=(excess,),
    )
    snapshot = change(
        stage=ChangeStage.CARRIED_OUT,
        exception_id=None,
        closed=True,
        proposal=proposal,
        dispositions=(
            disposition("consumed", 40, line=0, on_stock=True),
            disposition("consumed", 80),
            RETURNED,
            SCRAPPED,
            disposition("cancelled", 200, line=20),
        ),
        affected=(
            AffectedRequirement(
                requirement_id=USER.id, component="BB-7421", unit="EA", quantity=Decimal(200), keeps=Decimal(0)
            ),
        ),
        instructions=(
            ChangeInstruction(
                owner="buyer",
                action="return",
                component="BB-7421",
                reference="4500000001/10",
                quantity=Decimal(12),
                unit="EA",
                value=Decimal("22.08"),
                cost=Decimal("3.31"),
                currency="EUR",
            ),
        ),
        cost=Decimal("16.56"),
        currency="EUR",
        check=ChangeCheck(order_lines=2, requirements=1),
        changed_requirements=(USER.id,),
        new_requirements=(RequirementId("requirement/P1/BB-9000/pegline~BK-100~B~SO-1"),),
        decision=Decision(
            event_id="e", digest=proposal.digest, choice=Choice.APPROVE, decided_by="bea", decided_at=NOON
        ),
    )
    stated = gateway.audit_event(snapshot.id, "change.opened", NOON, {"revision": "B"})
    reported = gateway.audit_event(
        snapshot.id, "change.carried_out", NOON, {"exception_id": "exception/0001", "rule": "R13"}
    )
    await gateway.record(snapshot, stated, reported)
    return snapshot


async def test_one_change_shows_proposal_lines_costs_needs_and_instructions_to_people(gateway: Gateway) -> None:
    snapshot = await carried_out(gateway)
    read = (await gateway.client.get("/v1/changes/P1/BK-100/B")).json()
    assert [(one["reference"], one["quantity"], len(one["dispositions"])) for one in read["orders"]] == [
        ("", "40", 1),
        ("4500000001/10", "100", 3),
        ("4500000001/20", "200", 1),
    ]
    assert read["orders"][1]["order_id"] == "order/P1/1580/o1"
    assert [one["fate"] for one in read["orders"][1]["dispositions"]] == ["consumed", "returned", "scrapped"]
    assert [one["choice"] for one in read["proposal"]["dispositions"][0]["options"]] == ["return"]
    assert (read["cost"], read["currency"], read["decision"]["decided_by"]) == ("16.56", "EUR", "bea")
    assert [(one["owner"], one["action"], one["quantity"]) for one in read["instructions"]] == [
        ("buyer", "return", "12")
    ]
    assert [(one["requirement_id"], one["keeps"]) for one in read["affected"]] == [
        (snapshot.affected[0].requirement_id, "0")
    ]
    assert read["new_requirements"] == list(snapshot.new_requirements)
    assert read["check"] == {"order_lines": 2, "requirements": 1, "unaccounted": []}


async def test_a_change_is_found_by_its_id_as_audit_events_and_exceptions_name_it(gateway: Gateway) -> None:
    snapshot = await carried_out(gateway)
    for address in (f"/v1/changes/{snapshot.id}", f"/v1/changes/{snapshot.id}/trace"):
        assert (await gateway.client.get(address)).status_code == 200


async def test_the_trace_of_a_change_shows_its_audit_events_its_questions_and_its_needs(
    gateway: Gateway,
) -> None:
    snapshot = await carried_out(gateway)
    requirement = await gateway.requirement(USER, RequirementStage.COVERED)
    mine = {"change_id": snapshot.id, "quantity": "0"}
    await gateway.record(
        requirement,
        gateway.audit_event(USER.id, "bom.changed", NOON + dt.timedelta(seconds=1), mine),
        gateway.audit_event(USER.id, "bom.changed", NOON, {"change_id": "change/P1/OTHER/A"}),
        gateway.audit_event(USER.id, "requirement.changed", NOON),
    )
    await gateway.record(shortage().model_copy(update={"id": ExceptionId("exception/0001"), "raised_by": snapshot.id}))
    await gateway.send(_reported("e-1"))

    trace = (await gateway.client.get("/v1/changes/P1/BK-100/B/trace")).json()
    assert trace["exceptions"] == ["exception/0001"]
    assert [
        (audit_event["entity_id"], audit_event["kind"])
        for audit_event in trace["audit_events"]
        if audit_event["kind"] != "noted"
    ] == [
        (snapshot.id, "change.opened"),
        (snapshot.id, "change.carried_out"),
        (USER.id, "bom.changed"),
    ]
    assert [chain["entity_id"] for chain in trace["chains"]] == [snapshot.id, "exception/0001"]
    assert trace["chain_intact"] is True
    assert [message["event_id"] for message in trace["messages"]] == ["e-1"]


async def test_the_trace_of_an_unknown_change_is_not_found(gateway: Gateway) -> None:
    problem(await gateway.client.get("/v1/changes/P1/BK-100/Z/trace"), 404, "not_found")


def _reported(id: str) -> dict[str, Any]:
    line = {"component": "BB-7421", "quantity": "1", "unit": "EA", "change": "removed"}
    data = {"plant": "P1", "assembly": "BK-100", "revision": "B", "effective_from": "2026-07-01", "lines": [line]}
    return event(id, "pegline.bom.revised.v1", {**data, "source_revision": 1}, source="plm")


async def decide(gateway: Gateway, body: dict[str, Any]) -> httpx.Response:
    asked = shortage()
    gateway.entities.exceptions[asked.id] = asked
    await gateway.record(asked)
    return await gateway.client.post(f"{PATH}/decision", json=body, headers={"If-Match": f'"{asked.digest}"'})


async def test_choices_line_by_line_reach_the_question(gateway: Gateway) -> None:
    lines = [{"line": 1, "choice": "return", "quantity": "12"}, {"line": 1, "choice": "scrap"}]
    answer = await decide(gateway, {"choice": "accept", "decided_by": "bea", "lines": lines})
    assert answer.json()["decision"]["lines"] == [lines[0], {**lines[1], "quantity": None}]


async def test_a_line_without_a_number_is_refused_by_its_place(gateway: Gateway) -> None:
    lines = [{"line": 0, "choice": "return"}]
    statement = problem(
        await decide(gateway, {"choice": "approve", "decided_by": "bea", "lines": lines}), 422, "invalid_field"
    )
    assert statement["field"] == "lines[0].line"


def test_ids_are_those_of_the_workflow() -> None:
    assert change().id == ChangeId("change/P1/BK-100/B")
