"""The page of a question: its context on one screen, the decision, and what people say about it."""

import datetime as dt
import re
from decimal import Decimal
from html import unescape
from typing import Any

import httpx
import pytest

from canonical.bom import ChangeDisposition, FateOption
from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.identity import ExceptionId, OrderId, RequirementId
from canonical.need import Need, Peg, Revision
from canonical.reason import Reason
from canonical.records import (
    ExceptionSnapshot,
    ExceptionState,
    LineShare,
    OrderLineSnapshot,
    OrderSnapshot,
    OrderStage,
    RequirementStage,
)
from canonical.sourcing import MasterDataDefect
from canonical.substitution import Substitution
from gateway.access.principal import CallerRole, Principal
from gateway.access.principal import _principal as principal_of_request
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import MORNING, PLANT, event

ID = "abcdefghijkl"
PAGE = f"/questions/{ID}"
NEED_DATE = dt.date(2026, 6, 15)


def need(reference: str = "PLO-1", **changes: Any) -> Need:
    peg = Peg(demand=f"BUILD-{reference}", quantity=Decimal(500), date=NEED_DATE, customer="Bike Hub")
    fields: dict[str, Any] = {
        "plant": PLANT,
        "item": "FR-R92B-58",
        "quantity": Decimal(500),
        "unit": "EA",
        "required_date": NEED_DATE,
        "source": "aps",
        "demand_reference": reference,
        "revision": Revision(plan_version=1, effective_at=MORNING, event_id=f"e-{reference}"),
        "pegging": (peg,),
    }
    return Need(**(fields | changes))


def asked(**changes: Any) -> ExceptionSnapshot:
    stated: dict[str, Any] = {
        "kind": ExceptionKind.SHORTAGE,
        "summary": "200 of 500 EA FR-R92B-58 from 1580 will be missing in plant P1 on 2026-06-15",
        "plant": PLANT,
        "supplier": "1580",
        "item": "FR-R92B-58",
        "order_number": "4500000001",
        "quantity": Decimal(500),
        "unit": "EA",
        "short_quantity": Decimal(200),
        "pegs": need().pegs,
        "available_on": dt.date(2026, 6, 22),
        "working_days_late": 5,
        "value": Decimal("1234.50"),
        "currency": "EUR",
        "alternatives": (
            Alternative(choice=Choice.ACCEPT, available_on=dt.date(2026, 6, 22), working_days_late=5, currency="EUR"),
            Alternative(
                choice=Choice.SPLIT,
                supplier="1616",
                quantity=Decimal(200),
                available_on=NEED_DATE,
                extra_cost=Decimal("80.00"),
                currency="EUR",
                note="order 200 from Wheels Ltd (1616); 12.50 EUR cheaper",
            ),
        ),
        "approvers": ("buyer",),
        "latest_safe_date": dt.date(2026, 6, 3),
        "rule": "R7",
        "reasons": (
            Reason(rule="R7", why="300 are there, 500 are needed", inputs={"available": "300"}, policy_version="v7"),
        ),
    }
    own = {name: changes.pop(name) for name in list(changes) if name in Proposal.model_fields}
    proposal = Proposal(**(stated | own))
    fields: dict[str, Any] = {
        "id": ExceptionId(f"exception/{ID}"),
        "raised_by": need().id,
        "proposal": proposal,
        "digest": proposal.digest,
        "state": ExceptionState.OPEN,
        "assignee": "buyer",
        "opened_at": MORNING,
    }
    return ExceptionSnapshot(**(fields | changes))


def order(*requirements: RequirementId) -> OrderSnapshot:
    line = OrderLineSnapshot(
        line=10,
        item="FR-R92B-58",
        requirement_id=requirements[0],
        quantity=Decimal(1000),
        unit="EA",
        delivery_date=dt.date(2026, 6, 11),
        price="1",
        shipped=Decimal(0),
        received=Decimal(0),
        allocated=Decimal(1000),
        shares=tuple(LineShare(requirement_id=each, quantity=Decimal(500)) for each in requirements),
    )
    return OrderSnapshot(
        id=OrderId("order/P1/1580/abc"),
        plant=PLANT,
        supplier="1580",
        supplier_name="Frames Inc",
        stage=OrderStage.ACKNOWLEDGED,
        order_number="4500000001",
        lines=(line,),
    )


async def put(gateway: Gateway, snapshot: ExceptionSnapshot) -> ExceptionSnapshot:
    gateway.entities.exceptions[snapshot.id] = snapshot
    await gateway.record(snapshot, gateway.audit_event(snapshot.id, "exception.opened", MORNING, {"to": "buyer"}))
    return snapshot


@pytest.fixture
async def shortage(gateway: Gateway) -> ExceptionSnapshot:
    """A shortage of one of two requirements that share an order line."""
    gateway.clock[0] = MORNING
    other = need("PLO-2")
    await gateway.requirement(need(), RequirementStage.SHORT, order_ids=(OrderId("order/P1/1580/abc"),))
    await gateway.requirement(other, RequirementStage.COVERED)
    await gateway.record(order(need().id, other.id))
    return await put(gateway, asked())


@pytest.fixture
async def planner(gateway: Gateway) -> Principal:
    """Logged in at P1: may decide, and sees no prices."""
    anna = Principal("s-anna", "Anna", frozenset({CallerRole.PLANNER}), frozenset({PLANT}))
    gateway.app.dependency_overrides[principal_of_request] = lambda: anna
    return anna


def text_of(response: httpx.Response) -> str:
    """The page's words, on one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", response.text)))


def field(response: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.text)
    assert found is not None, name
    return unescape(found.group(1))


async def decided(gateway: Gateway, seen: httpx.Response, way: str, **fields: str) -> httpx.Response:
    form = {"way": way, "digest": field(seen, "digest"), "seen": field(seen, "seen"), "by": "anna"} | fields
    return await gateway.client.post(f"{PAGE}/decision", data=form)


async def test_the_whole_context_is_on_the_page(gateway: Gateway, shortage: ExceptionSnapshot) -> None:
    part = {"outcome": "changed", "quantity": "300", "unit": "EA", "date": "2026-06-10"}
    line = {"line": 10, "schedule_lines": [part], "remarks": ["press is down <b>again</b>", "code X7"]}
    data = {"order": "4500000001", "order_revision": 1, "lines": [line]}
    await gateway.send(event("a-1", "pegline.order.answered.v1", data, source="portal"))

    page = await gateway.client.get(PAGE)
    assert page.status_code == 200
    words = text_of(page)
    for expected in (
        "Shortage of FR-R92B-58 at plant P1",
        "Missing 200 of 500 EA",
        "Decide by 2026-06-03, 2 working days left",
        "Frames Inc (1580)",
        "BUILD-PLO-1 Bike Hub 500 EA 2026-06-15",
        "changed 300 EA for 2026-06-10",
        "press is down <b>again</b>",
        "code X7",
        "R7 300 are there, 500 are needed",
        "Policy v7",
        "Put to buyer",
        "Extra cost 80.00 EUR",
        "who shares its line keeps what was allocated. FR-R92B-58 for PLO-2",
    ):
        assert expected in words
    assert "<b>again</b>" not in page.text
    assert 'href="/requirements/P1/FR-R92B-58/aps~PLO-2"' in page.text
    assert 'href="/orders/by-number/4500000001?plant=' in page.text


async def test_the_inbox_leads_to_a_question_with_a_way_out_chosen(
    gateway: Gateway, shortage: ExceptionSnapshot
) -> None:
    page = await gateway.client.get(PAGE, params={"choice": "split", "back": "/inbox?plant=P1"})
    assert re.search(r'value="split/1616"[^>]* checked', page.text)
    assert 'href="/inbox?plant=P1"' in page.text
    for other in ("nonsense", ""):
        assert " checked" not in (await gateway.client.get(PAGE, params={"choice": other, "back": "//x"})).text


async def test_prices_are_for_those_who_may_see_them(
    gateway: Gateway, shortage: ExceptionSnapshot, planner: Principal
) -> None:
    page = await gateway.client.get(PAGE)
    assert "80.00" not in page.text
    assert "12.50" not in page.text
    assert "234.50" not in page.text
    assert "Order from 1616" in page.text


async def test_a_question_of_another_plant_is_not_there(gateway: Gateway, planner: Principal) -> None:
    await put(gateway, asked(plant="P2"))
    for path in (PAGE, f"{PAGE}/attachments/1"):
        assert (await gateway.client.get(path)).status_code == 404
    for path in ("decision", "comments", "assignment", "undo"):
        assert (await gateway.client.post(f"{PAGE}/{path}", data={"text": "x"})).status_code == 404


async def test_a_decision_is_one_form_and_then_says_what_happens(gateway: Gateway, shortage: ExceptionSnapshot) -> None:
    await gateway.record(asked(id=ExceptionId("exception/nextnextnext")))
    taken = await decided(gateway, await gateway.client.get(PAGE), "split/1616", comment="go", back="/inbox?plant=P1")
    assert taken.status_code == 303
    [made] = gateway.entities.decided
    assert (made.choice, made.supplier, made.decided_by, made.comment) == ("split", "1616", "anna", "go")
    assert made.digest == shortage.digest
    after = await gateway.client.get(taken.headers["location"])
    words = text_of(after)
    assert "“Order from 1616”, decided by anna" in words
    assert "The missing quantity is ordered there" in words
    assert 'href="/inbox?plant=P1"' in after.text
    assert 'href="/questions/nextnextnext?back=' in after.text
    assert 'name="way"' not in after.text


async def test_substitute_items_are_ways_out_told_apart_by_the_item(
    gateway: Gateway, shortage: ExceptionSnapshot
) -> None:
    def used(item: str, on: dt.date | None) -> Alternative:
        substitution = Substitution(
            item=item, quantity=Decimal(300), unit="EA", replaces=Decimal(200), use_on=NEED_DATE
        )
        note = f"propose to the planner to use 300 EA {item}; its free stock is not known"
        way = Alternative(choice=Choice.SUBSTITUTE, substitute=substitution, available_on=on, currency="EUR", note=note)
        return way.model_copy(update={"quantity": Decimal(200)})

    ways = (used("FR-R92B-60", NEED_DATE), used("FR-R92B-62", None))
    question = await put(gateway, asked(alternatives=ways))

    page = await gateway.client.get(PAGE)
    words = text_of(page)
    for expected in (
        "Propose to use FR-R92B-60 instead",
        "Substitute item 300 EA FR-R92B-60, from 2026-06-15 Quantity 200 EA On stock 2026-06-15 Against",
        "Substitute item 300 EA FR-R92B-62, from 2026-06-15 Quantity 200 EA On stock no date",
        "Risk No supplier is waited for",
        "its own requirement comes with the plan",
        "or without a plan that follows, you are asked again",
    ):
        assert expected in words
    assert (await decided(gateway, page, "substitute/FR-R92B-62")).status_code == 303
    [made] = gateway.entities.decided
    assert (made.choice, made.substitute, made.supplier, made.digest) == (
        "substitute",
        "FR-R92B-62",
        None,
        question.digest,
    )


async def test_a_question_that_changed_is_shown_beside_what_was_seen_and_nothing_written_is_lost(
    gateway: Gateway, shortage: ExceptionSnapshot
) -> None:
    seen = await gateway.client.get(PAGE)
    changed = asked(short_quantity=Decimal(350), available_on=dt.date(2026, 6, 29), working_days_late=10)
    gateway.entities.exceptions[changed.id] = changed

    refused = await decided(gateway, seen, "split/1616", comment="the build can't wait")
    assert refused.status_code == 412
    words = text_of(refused)
    assert "Missing changed 200 of 500 EA 350 of 500 EA" in words
    assert "Order 4500000001 4500000001" in words
    assert "the build can't wait" in words
    assert re.search(r'value="split/1616"[^>]* checked', refused.text)
    assert gateway.entities.decided == []
    assert (await decided(gateway, refused, "split/1616")).status_code == 303


async def test_what_another_person_decided_is_said_and_the_comment_is_kept(
    gateway: Gateway, shortage: ExceptionSnapshot
) -> None:
    seen = await gateway.client.get(PAGE)
    await decided(gateway, seen, "accept/", by="bob")
    late = await decided(gateway, seen, "split/1616", comment="we need them")
    assert late.status_code == 409
    words = text_of(late)
    assert "“Accept the later date”, decided by bob" in words
    assert "we need them" in words


async def test_what_turns_a_proposal_down_needs_a_reason_everywhere(gateway: Gateway) -> None:
    ways = (Alternative(choice=Choice.APPROVE), Alternative(choice=Choice.DECLINE, note="leave it"))
    snapshot = await put(gateway, asked(kind=ExceptionKind.CHANGE_PROPOSAL, alternatives=ways))
    seen = await gateway.client.get(PAGE)
    refused = await decided(gateway, seen, "decline/", comment="  ")
    assert (refused.status_code, gateway.entities.decided) == (422, [])
    assert "Reason" in text_of(refused)
    by_api = await gateway.client.post(
        f"/v1/exceptions/{ID}/decision",
        json={"choice": "decline", "decided_by": "anna"},
        headers={"If-Match": snapshot.digest},
    )
    assert (by_api.status_code, by_api.json()["code"]) == (422, "reason_needed")
    assert (await decided(gateway, seen, "decline/", comment="the plan is wrong")).status_code == 303


async def test_defects_say_how_to_fix_them(gateway: Gateway) -> None:
    defect = MasterDataDefect(
        field="lead_time_days", value="0", detail="no lead time is kept", owner="buyer", next_step="correct it"
    )
    ways = (Alternative(choice=Choice.RETRY, note="master data is fixed: try again"),)
    await put(gateway, asked(kind=ExceptionKind.MASTER_DATA, defects=(defect,), alternatives=ways, short_quantity=None))
    words = text_of(await gateway.client.get(PAGE))
    assert "lead time days 0 no lead time is kept correct it buyer" in words


async def test_comments_and_files_are_kept_whole_and_served_as_files(
    gateway: Gateway, shortage: ExceptionSnapshot
) -> None:
    seen = await gateway.client.get(PAGE)
    form = {"text": "see the <i>mail</i>", "by": "anna", "event_id": field(seen, "event_id")}
    drawing = ("../../drawing “A”.pdf", b"%PDF-1.7 ...", "text/html")
    for _ in range(2):
        sent = await gateway.client.post(f"{PAGE}/comments", data=form, files={"files": drawing})
        assert sent.status_code == 303
    page = await gateway.client.get(PAGE)
    assert text_of(page).count("see the <i>mail</i>") == 1
    assert "<i>mail</i>" not in page.text
    [address] = set(re.findall(rf"{PAGE}/attachments/\d+", page.text))
    served = await gateway.client.get(address)
    assert served.content == b"%PDF-1.7 ..."
    assert served.headers["content-type"] == "application/pdf"
    assert served.headers["content-disposition"].startswith("attachment; filename*=UTF-8''drawing%20")
    assert served.headers["x-content-type-options"] == "nosniff"
    listed = (await gateway.client.get(f"/v1/exceptions/{ID}/comments")).json()["items"]
    assert [(each["author"], len(each["attachments"])) for each in listed] == [("anna", 1)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("page.html", b"<script>", "is of a type that is not taken"),
        ("drawing.pdf", b"<script>", "is not what its name says"),
        ("notes.txt", b"a\0b", "is not what its name says"),
        ("pdf", b"%PDF-", "is of a type that is not taken"),
    ],
)
async def test_a_file_that_is_not_taken_says_why_and_the_comment_stays(
    gateway: Gateway, shortage: ExceptionSnapshot, name: str, content: bytes, said: str
) -> None:
    form = {"text": "look at this", "by": "anna"}
    sent = await gateway.client.post(f"{PAGE}/comments", data=form, files={"files": (name, content)})
    assert sent.status_code == 422
    assert said in text_of(sent)
    assert "look at this" in sent.text
    assert await gateway.ledger.conversation.of(shortage.id) == ()


async def test_a_question_is_handed_to_a_role_that_may_decide_it(gateway: Gateway, shortage: ExceptionSnapshot) -> None:
    seen = await gateway.client.get(PAGE)
    assert "<option>purchasing-manager</option>" in seen.text
    assert "<option>buyer</option>" not in seen.text
    form = {"to": "purchasing-manager", "why": "beyond me", "by": "anna"}
    handed = await gateway.client.post(f"{PAGE}/assignment", data=form)
    assert handed.status_code == 303
    [assignment] = gateway.entities.assigned
    assert (assignment.to, assignment.assigned_by, assignment.why) == ("purchasing-manager", "anna", "beyond me")
    again = await gateway.client.post(f"{PAGE}/assignment", data=form)
    assert again.status_code == 409
    assert "is asked already" in text_of(again)


async def test_a_decision_is_taken_back_by_its_decider_while_it_waits(gateway: Gateway) -> None:
    gateway.clock[0] = MORNING
    made = Decision(event_id="d", digest="x", choice=Choice.ACCEPT, decided_by="anna", decided_at=MORNING)
    until = MORNING + dt.timedelta(minutes=5)
    await put(gateway, asked(state=ExceptionState.DECIDED, decision=made, undo_until=until))
    page = await gateway.client.get(PAGE)
    assert "until then nobody is told" in text_of(page)
    other = await gateway.client.post(f"{PAGE}/undo", data={"by": "bob"})
    assert other.status_code == 403
    assert (await gateway.client.post(f"{PAGE}/undo", data={"by": "anna"})).status_code == 303
    gateway.clock[0] = until
    assert "/undo" not in (await gateway.client.get(PAGE)).text


async def test_an_engineering_change_is_decided_line_by_line(gateway: Gateway) -> None:
    one = ChangeDisposition(
        component="FR-R92B-58",
        reference="4500000001/10",
        quantity=Decimal(20),
        unit="EA",
        fate="excess",
        number=1,
        candidates=("use_up", "return", "scrap"),
        options=(FateOption(choice="use_up", cost=Decimal(0)), FateOption(choice="return", cost=Decimal(30))),
        proposed="use_up",
    )
    ways = (Alternative(choice=Choice.APPROVE), Alternative(choice=Choice.DECLINE))
    await put(gateway, asked(kind=ExceptionKind.ENGINEERING_CHANGE, dispositions=(one,), alternatives=ways))
    seen = await gateway.client.get(PAGE)
    assert "FR-R92B-58, 4500000001/10" in text_of(seen)
    chosen = {"line-1-choice": "return", "line-1-quantity": "12", "line-1-rest": "use_up"}
    assert (await decided(gateway, seen, "approve/", **chosen)).status_code == 303
    [made] = gateway.entities.decided
    assert [(each.line, each.choice, each.quantity) for each in made.lines] == [
        (1, "return", Decimal(12)),
        (1, "use_up", None),
    ]
