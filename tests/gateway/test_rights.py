"""What a caller may do and see: a check on every route, roles and plants, prices, and whose a decision is."""

import inspect
import re
from typing import Any, cast

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId, OrderId
from canonical.need import Need
from canonical.records import (
    ExceptionSnapshot,
    ExceptionState,
    OrderLineSnapshot,
    OrderSnapshot,
    OrderStage,
    RequirementStage,
)
from gateway.access.identify import OPEN_PATHS, OPEN_PREFIX, is_open_call
from gateway.access.prices import plain, without_prices
from gateway.access.principal import Needs, PrincipalPart, Right, _principal, needs
from gateway.access.senders import _sender
from ledger.people.people import AccessKind
from tests.gateway.access import Caller, Guarded
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import ITEM, MORNING, event, planned, problem

WITHOUT_A_RIGHT = {
    "/": "leads on to the caller's first page, which checks",
    "/logout": "everybody may leave",
    "/docs": "what calls there are, nothing of what was recorded",
    "/openapi.json": "likewise",
}
"""Routes that need nothing but a known caller, and why."""
_CHECK = re.compile(r"\bprincipal\.(?:require|may)\(|\brequire\(principal|\bdecider\(")


def _checked(route: RouteContext) -> bool:
    """Whether a dependency of the route checks a right, or its own code asks the principal."""

    def calls(dependant: Dependant) -> list[Any]:
        return [dependant.call, *(call for each in dependant.dependencies for call in calls(each))]

    found = calls(route.dependant)
    if any(isinstance(call, Needs) or call is _sender for call in found):
        return True
    return _principal in found and _asks(cast(Any, route.endpoint), depth=2)


def _asks(function: Any, depth: int) -> bool:
    """Whether the function asks the principal, or one that it calls does."""
    if _CHECK.search(inspect.getsource(function)) is not None:
        return True
    named = (function.__globals__.get(name) for name in function.__code__.co_names)
    return depth > 0 and any(_asks(each, depth - 1) for each in named if inspect.isfunction(each))


def _unchecked(app: FastAPI) -> list[str]:
    routes = list(iter_route_contexts(app.routes))
    return [
        f"{sorted(route.methods or ())} {route.path}"
        for route in routes
        if not all(is_open_call(method, str(route.path)) for method in route.methods or [""])
        and not (route.path in OPEN_PATHS or str(route.path).startswith(OPEN_PREFIX) or route.path in WITHOUT_A_RIGHT)
        and not _checked(route)
    ]


def test_every_route_checks_a_right_or_has_a_reason_not_to(gateway: Gateway) -> None:
    found = _unchecked(gateway.app)
    assert not found, f"give them dependencies=[needs(Right.…)] (gateway.access.principal): {found}"


def test_a_route_without_a_check_is_found() -> None:
    router = APIRouter(prefix="/v1/x")

    @router.get("/open")
    async def read_open(principal: PrincipalPart) -> str:
        return principal.name

    @router.get("/named", dependencies=[needs(Right.READ)])
    async def read_named() -> None: ...

    @router.get("/asked")
    async def read_asked(principal: PrincipalPart) -> None:
        principal.require(Right.READ, "P1")

    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(router)
    assert _unchecked(app) == ["['GET'] /v1/x/open"]


async def _known(gateway: Gateway) -> None:
    """A requirement, an order and a question in each of two plants."""
    for plant in ("P1", "P2"):
        need = Need.model_validate(
            {
                "source": "aps",
                "plant": plant,
                "item": ITEM,
                "quantity": "500",
                "unit": "EA",
                "required_date": "2026-06-15",
                "demand_reference": "PLO-1",
                "revision": {"plan_version": 1, "source_revision": 0, "effective_at": MORNING, "event_id": "e-1"},
            }
        )
        await gateway.requirement(need, RequirementStage.SHORT)
        await gateway.record(_order(plant))
        await gateway.record(_question(plant))
        gateway.entities.exceptions[f"exception/of-{plant}"] = _question(plant)


def _order(plant: str) -> OrderSnapshot:
    line = OrderLineSnapshot.model_validate(
        {
            "line": 10,
            "item": ITEM,
            "requirement_id": f"requirement/{plant}/{ITEM}/aps~PLO-1",
            "quantity": "500",
            "unit": "EA",
            "delivery_date": "2026-06-10",
            "price": "12.50",
            "shipped": "0",
            "received": "0",
            "allocated": "500",
        }
    )
    return OrderSnapshot(
        id=OrderId(f"order/{plant}/1580/o1"),
        plant=plant,
        supplier="1580",
        stage=OrderStage.SENT,
        order_number=f"45{plant}",
        lines=(line,),
    )


def _question(plant: str, **changes: Any) -> ExceptionSnapshot:
    stated: dict[str, Any] = {
        "kind": ExceptionKind.SHORTAGE,
        "summary": "200 of 500 EA come late; the rest is worth 2500.00 EUR",
        "plant": plant,
        "alternatives": (Alternative(choice=Choice.ACCEPT, extra_cost="7.50", currency="EUR"),),
        "value": "2500",
        "currency": "EUR",
        "approvers": ("buyer",),
        "proposed_by": "pam",
    }
    proposal = Proposal.model_validate(stated | changes)
    return ExceptionSnapshot(
        id=ExceptionId(f"exception/of-{plant}"),
        raised_by=f"requirement/{plant}/{ITEM}/aps~PLO-1",
        proposal=proposal,
        digest=proposal.digest,
        state=ExceptionState.OPEN,
        assignee="buyer",
        opened_at=MORNING,
    )


def _things(plant: str) -> list[str]:
    need = f"/v1/requirements/{plant}/{ITEM}/aps~PLO-1"
    return [
        need,
        f"{need}/trace",
        f"/v1/orders/{plant}/1580/o1",
        f"/v1/exceptions/of-{plant}",
        f"/v1/availability?plant={plant}&item={ITEM}&quantity=1",
    ]


async def test_nothing_of_a_foreign_plant_is_seen(guarded: Guarded) -> None:
    await _known(guarded.gateway)
    anna = guarded.program("buyer", "P1")
    for path in _things("P1"):
        assert (await anna.get(path)).status_code == 200, path
    for own, foreign in zip(_things("P1"), _things("P2"), strict=True):
        never = await anna.get(own.replace("P1", "P9").replace("45P1", "45P9"))
        refused = await anna.get(foreign)
        assert (refused.status_code, refused.json()["code"]) == (404, never.json()["code"]), foreign
        assert refused.text.replace("P2", "P9") == never.text, "a foreign plant's differs from what does not exist"
    for listed in ("/v1/requirements", "/v1/exceptions", "/v1/changes", f"/v1/requirements?item={ITEM}&q=PLO"):
        assert "P2" not in (await anna.get(listed)).text
    assert (await anna.get("/v1/requirements?plant=P2")).json()["items"] == []
    both = guarded.program("buyer")
    assert len((await both.get("/v1/exceptions")).json()["items"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/requirements", {"planner", "buyer", "manager", "operator", "system"}),
        ("GET", "/v1/dead-letters", {"operator"}),
        ("POST", "/v1/dead-letters/x/replay", {"operator"}),
        ("POST", "/v1/events", {"system"}),
        ("POST", "/v1/suppliers/plain/messages", {"system"}),
        ("POST", "/v1/systems/mes/documents", {"system"}),
        ("POST", "/v1/plan-runs?source=aps&plant=P1&version=1", {"planner", "manager", "system"}),
        ("POST", "/v1/exceptions/x/decision", {"planner", "buyer", "manager"}),
    ],
)
async def test_a_right_is_the_roles_that_have_it(guarded: Guarded, method: str, path: str, allowed: set[str]) -> None:
    let_in = set()
    for role in ("planner", "buyer", "manager", "operator", "system"):
        answer = await guarded.program(role).request(method, path, json={})
        if not (answer.status_code == 403 and answer.json()["code"] == "not_allowed"):
            let_in.add(role)
    assert let_in == allowed


async def test_a_sender_sends_for_its_plants_alone(guarded: Guarded) -> None:
    wms = guarded.program("system", "P1")

    async def send(body: dict[str, Any]) -> Any:
        return await wms.post("/v1/events", json=body, headers={"content-type": "application/cloudevents+json"})

    assert (await send(planned())).status_code == 202
    problem(await send(planned("e-2", plant="P2")), 403, "foreign_plant")
    data = {"order": "45P2", "line": 10, "quantity": "1", "unit": "EA", "date": "2026-06-10", "receipt_number": "G"}
    await _known(guarded.gateway)
    received = event("e-3", "pegline.goods.received.v1", data, source="wms")
    problem(await send(received), 403, "foreign_plant")
    problem(await send({**received, "id": "e-4", "data": data | {"order": "46"}}), 409, "unknown_order")
    assert await guarded.gateway.letters() == ()
    plan = await wms.post(
        "/v1/plan-runs?source=aps&plant=P2&version=1", content=b"", headers={"content-type": "text/csv"}
    )
    problem(plan, 403, "foreign_plant")


async def test_an_operator_of_one_plant_sees_its_dead_letters_alone(guarded: Guarded) -> None:
    for plant in ("P1", "P2"):
        policy = guarded.gateway.policies.by_plant[plant]
        del policy
        guarded.gateway.own(plant, requirement=("another",))
        answer = await guarded.program("system").post(
            "/v1/events",
            json=planned(f"e-{plant}", plant=plant),
            headers={"content-type": "application/cloudevents+json"},
        )
        problem(answer, 403, "not_owner")
    one, all_of_them = guarded.program("operator", "P1"), guarded.program("operator")
    letters = (await all_of_them.get("/v1/dead-letters")).json()["items"]
    assert len(letters) == 2
    (own,) = (await one.get("/v1/dead-letters")).json()["items"]
    (foreign,) = [letter for letter in letters if letter["id"] != own["id"]]
    assert own["context"]["plant"] == "P1"
    for path in ("", "/body"):
        problem(await one.get(f"/v1/dead-letters/{foreign['id']}{path}"), 404, "not_found")
    problem(await one.post(f"/v1/dead-letters/{foreign['id']}/replay"), 404, "not_found")


async def test_prices_are_for_those_who_may_see_them_and_who_saw_them_is_recorded(guarded: Guarded) -> None:
    await _known(guarded.gateway)
    anna, paul = guarded.program("buyer", "P1"), guarded.program("planner", "P1")
    seen = (await anna.get("/v1/exceptions/of-P1")).json()["proposal"]
    assert (seen["value"], seen["alternatives"][0]["extra_cost"]) == ("2500", "7.50")
    assert (await anna.get("/v1/orders/P1/1580/o1")).json()["lines"][0]["price"] == "12.50"
    for path in _things("P1")[1:4]:
        answer = await paul.get(path)
        assert answer.status_code == 200
        for amount in ("2500", "7.50", "12.50"):
            assert amount not in answer.text, path
    listed = await paul.get("/v1/exceptions")
    assert "2500" not in listed.text
    people = guarded.gateway.ledger.people
    recorded = await people.accesses(anna.subject)
    assert [(each.kind, each.entities) for each in recorded] == [
        (AccessKind.SAW_PRICES, ("order/P1/1580/o1",)),
        (AccessKind.SAW_PRICES, ("exception/of-P1",)),
    ]
    assert await people.accesses(paul.subject) == []
    assert [each.subject for each in await people.accesses(entity="order/P1/1580/o1")] == [anna.subject]


def test_what_is_a_price_is_told_by_its_name_and_in_sentences() -> None:
    trace = {
        "kind": "order.answered",
        "data": {"breaches": [{"aspect": "price", "ordered": "12.50", "answered": "13.00", "limit": "0.01"}]},
        "reasons": [{"why": "price 13.00 instead of 12.50: 4 % more", "inputs": {"ordered_price": "12.50", "days": 4}}],
        "quantity": "12.5",
    }
    assert without_prices(trace) == {
        "kind": "order.answered",
        "data": {"breaches": [{"aspect": "price", "limit": "0.01"}]},
        "reasons": [{"why": "price … instead of …: 4 % more", "inputs": {"days": 4}}],
        "quantity": "12.5",
    }
    assert plain("26000 EUR for class A, free up to 0 EUR") == "… EUR for class A, free up to … EUR"
    assert plain("12.5 KGM of 500 EA on 2026-06-10") == "12.5 KGM of 500 EA on 2026-06-10"


async def _decide(caller: Caller, question: ExceptionSnapshot, **body: Any) -> Any:
    identity = question.id.removeprefix("exception/")
    headers = {"If-Match": f'"{question.digest}"'} | ({"x-csrf-token": caller.csrf_token} if caller.csrf_token else {})
    return await caller.post(f"/v1/exceptions/{identity}/decision", json={"choice": "accept"} | body, headers=headers)


async def test_a_decision_is_the_callers_own(guarded: Guarded) -> None:
    await _known(guarded.gateway)
    anna = guarded.program("buyer", "P1", subject="anna")
    refused = problem(await _decide(anna, _question("P1"), decided_by="bob"), 403, "not_yourself")
    assert (refused["field"], refused["value"]) == ("decided_by", "bob")
    answer = await _decide(anna, _question("P1"))
    assert answer.status_code == 200, answer.text
    [decision] = guarded.gateway.entities.decided
    assert (decision.decided_by, decision.role) == ("anna", "buyer")
    recorded = await guarded.gateway.ledger.people.accesses("anna")
    assert [(each.kind, each.entities, each.detail) for each in recorded] == [
        (AccessKind.DECIDED, ("exception/of-P1",), "accept as buyer")
    ]
    problem(await _decide(anna, _question("P2")), 404, "not_found")


async def test_a_role_has_to_be_ones_own_and_one_that_is_asked(guarded: Guarded) -> None:
    await _known(guarded.gateway)
    question = _question("P1", approvers=("purchasing-manager",))
    await guarded.gateway.record(question)
    guarded.gateway.entities.exceptions[question.id] = question
    anna, mia = guarded.program("buyer", "P1"), guarded.program("manager", "P1")
    problem(await _decide(anna, question, role="purchasing-manager"), 403, "role_not_held")
    problem(
        await _decide(guarded.program("buyer", "P1", offices=("other",)), question, role="nobody"), 403, "role_not_held"
    )
    problem(await _decide(anna, question), 403, "not_an_approver")
    assert (await _decide(mia, question)).status_code == 200
    assert guarded.gateway.entities.decided[0].role == "purchasing-manager"


async def test_a_name_of_a_policy_may_stand_in_the_token_as_a_group(guarded: Guarded) -> None:
    question = _question("P1", approvers=("castings",))
    await guarded.gateway.record(question)
    guarded.gateway.entities.exceptions[question.id] = question
    cora = guarded.program("buyer", "P1", subject="cora", offices=("/Castings",))
    assert (await _decide(cora, question)).status_code == 200
    assert guarded.gateway.entities.decided[0].role == "castings"


@pytest.mark.parametrize("proposed_by", ["ANNA", "Anna", "anna "])
async def test_who_proposed_it_does_not_decide_it(guarded: Guarded, proposed_by: str) -> None:
    question = _question("P1", proposed_by=proposed_by)
    await guarded.gateway.record(question)
    guarded.gateway.entities.exceptions[question.id] = question
    anna = guarded.program("buyer", "P1", subject="anna")
    problem(await _decide(anna, question), 403, "proposer_is_approver")


async def test_a_person_is_forgotten_and_what_they_did_stays_under_the_subject(guarded: Guarded) -> None:
    anna = await guarded.browser("buyer", "P1", subject="anna")
    people = guarded.gateway.ledger.people
    await people.record("anna", AccessKind.DECIDED, ["exception/x"], "accept as buyer")
    assert await people.names(["anna", "ghost"]) == {"anna": "Anna", "ghost": "ghost"}
    assert await people.erase("anna")
    assert not await people.erase("anna")
    assert (await people.find("anna"), await people.names(["anna"])) == (None, {"anna": "anna"})
    assert [each.subject for each in await people.accesses(entity="exception/x")] == ["anna"]
    assert (await anna.get("/inbox")).status_code == 303


_WITHOUT_CHANCE = re.compile(r'name="csrf_token" value="\w+"|<time datetime="[^"]+"')
"""A token and the present moment have any three digits now and then."""


async def test_a_history_shows_no_prices_to_who_may_not_see_them(guarded: Guarded) -> None:
    await _known(guarded.gateway)
    order = _order("P1")
    reason = {
        "rule": "R15",
        "why": "552.00 EUR for class C",
        "inputs": {"value": "552.00", "currency": "EUR"},
        "thresholds": {},
        "policy_version": "1",
    }
    judged = guarded.gateway.audit_event(order.id, "change.judged", MORNING, {"reason": reason, "value": "552.00"})
    await guarded.gateway.record(order, judged)
    path = "/orders/P1/1580/o1/trace"
    anna, paul = await guarded.browser("buyer", "P1"), await guarded.browser("planner", "P1")
    assert "552.00" in (await anna.get(path)).text
    shown = await paul.get(path)
    assert (shown.status_code, "552" in _WITHOUT_CHANCE.sub("", shown.text)) == (200, False)
    [seen] = await guarded.gateway.ledger.people.accesses(anna.subject)
    assert (seen.kind, seen.entities) == (AccessKind.SAW_PRICES, (order.id,))
