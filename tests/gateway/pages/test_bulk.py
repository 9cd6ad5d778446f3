"""Decisions in bulk: one rule, an answer for each; what could not be done stays selected with its reason."""

import re

from canonical.exception import Alternative, Choice, ExceptionKind
from canonical.records import ExceptionSnapshot
from gateway.access.principal import Principal
from gateway.pages.work_columns import CHOICES
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import problem
from tests.gateway.people import ANNA, OTTO, client_of
from tests.gateway.questions import asked, put

ORDER_WAYS = (Alternative(choice=Choice.APPROVE), Alternative(choice=Choice.DECLINE))


async def sent(gateway: Gateway, who: Principal, *picked: ExceptionSnapshot, **fields: str) -> str:
    ticked = [f"{each.id.removeprefix('exception/')} {each.digest}" for each in picked]
    async with client_of(gateway, who) as client:
        answer = await client.post(
            "/inbox/bulk",
            data={"csrf_token": who.csrf_token, "question": ticked, **fields},
            headers={"accept": "text/html"},
        )
    assert answer.status_code == 200, answer.text
    return answer.text


def ticked(html: str) -> list[str]:
    return re.findall(r'name="question" value="(\S+) [0-9a-f]+" checked', html)


async def test_what_was_ticked_is_shown_with_the_rules_that_it_allows(gateway: Gateway) -> None:
    short, change = asked("short"), asked("change", kind=ExceptionKind.CHANGE_PROPOSAL, alternatives=ORDER_WAYS)
    await put(gateway, short, change, asked("other", plant="P2"))
    html = await sent(gateway, ANNA, short, change, asked("other", plant="P2"), back="/inbox?item=FR-100")
    assert ticked(html) == ["short", "change"]
    assert "other" not in ticked(html)
    assert "Accept (offered by 1 of 2)" in html
    assert 'href="/inbox?item=FR-100"' in html
    assert gateway.entities.decided == []
    assert 'href="/inbox">' in await sent(gateway, ANNA, short, back="https://evil.example")


async def test_one_rule_decides_each_and_what_could_not_be_done_stays_with_its_reason(gateway: Gateway) -> None:
    done, own, left = asked("done"), asked("own"), asked("left")
    change = asked("change", kind=ExceptionKind.CHANGE_PROPOSAL, alternatives=ORDER_WAYS)
    moved = asked("moved")
    await put(gateway, done, own, left, change, moved)
    newer = moved.model_copy(update={"proposal": asked("moved", summary="now 300 are late").proposal})
    newer = newer.model_copy(update={"digest": newer.proposal.digest})
    await put(gateway, newer)
    choices = {"choice-own": "split", "choice-left": "leave"}
    html = await sent(gateway, ANNA, done, own, left, change, moved, step="decide", rule="accept", **choices)
    taken = {(each.choice, each.decided_by, each.role) for each in gateway.entities.decided}
    assert taken == {("accept", "sub-anna", "buyer"), ("split", "sub-anna", "buyer")}
    assert "2 decided, 3 not." in html
    assert ticked(html) == ["left", "change", "moved"]
    assert "Accept is not offered here; there is: approve, decline." in html
    assert "now 300 are late" in html
    assert newer.digest in html
    again = await sent(gateway, ANNA, newer, step="decide", rule="accept")
    assert "1 decided, 0 not." in again


async def test_a_refusal_in_bulk_needs_a_reason(gateway: Gateway) -> None:
    change = asked("change", kind=ExceptionKind.CHANGE_PROPOSAL, alternatives=ORDER_WAYS)
    await put(gateway, change)
    assert "0 decided, 1 not." in await sent(gateway, ANNA, change, step="decide", rule="decline")
    html = await sent(gateway, ANNA, change, step="decide", rule="decline", comment="the old order will do")
    assert "1 decided, 0 not." in html
    assert gateway.entities.decided[0].comment == "the old order will do"


def test_every_choice_has_a_name() -> None:
    assert set(CHOICES) == set(Choice)


async def test_bulk_is_for_those_who_decide_and_on_something(gateway: Gateway) -> None:
    for who, code, status in ((OTTO, "not_allowed", 403), (ANNA, "nothing_selected", 422)):
        async with client_of(gateway, who) as client:
            problem(await client.post("/inbox/bulk", data={"csrf_token": who.csrf_token}), status, code)
