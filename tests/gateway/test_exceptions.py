"""Escalation in the buyers' inbox: who is asked, for whom, what comes next and why (R15, R16)."""

import datetime as dt
from decimal import Decimal

from canonical.exception import Alternative, Choice, NextEscalation
from canonical.reason import Reason
from canonical.records import ExceptionSnapshot
from canonical.substitution import Substitution
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import PATH, decide, shortage
from tests.gateway.fakes import problem

WEDNESDAY_NOON = dt.datetime(2026, 6, 17, 12, tzinfo=dt.UTC)
AWAY = Reason(
    rule="R16",
    why="buyer is out of office until 2026-06-20; dana stands in",
    inputs={"role": "buyer", "assignee": "dana"},
    thresholds={"roles.buyer.absences": "2026-06-10 to 2026-06-20, delegate dana"},
    policy_version="v7",
)


async def delegated(gateway: Gateway) -> ExceptionSnapshot:
    asked = shortage()
    proposal = asked.proposal.model_copy(update={"approvers": ("buyer",)})
    snapshot = asked.model_copy(
        update={
            "proposal": proposal,
            "digest": proposal.digest,
            "assignee": "dana",
            "on_behalf_of": "buyer",
            "reminders": 1,
            "next_escalation": NextEscalation(action="notify_manager", role="purchasing-manager", at=WEDNESDAY_NOON),
            "reasons": (AWAY,),
        }
    )
    gateway.entities.exceptions[snapshot.id] = snapshot
    await gateway.record(snapshot)
    return snapshot


async def test_the_inbox_shows_who_is_asked_for_whom_what_comes_next_and_why(gateway: Gateway) -> None:
    await delegated(gateway)
    [listed] = (await gateway.client.get("/v1/exceptions?assignee=dana")).json()["items"]
    read = (await gateway.client.get(PATH)).json()
    for view in (listed, read):
        assert (view["assignee"], view["on_behalf_of"], view["reminders"]) == ("dana", "buyer", 1)
        assert view["next_escalation"] == {
            "action": "notify_manager",
            "role": "purchasing-manager",
            "at": "2026-06-17T12:00:00Z",
        }
        assert view["reasons"] == [AWAY.model_dump(mode="json")]
    assert (await gateway.client.get("/v1/exceptions?assignee=buyer")).json()["items"] == []


async def test_a_role_that_may_not_decide_is_refused_by_name(gateway: Gateway) -> None:
    asked = await delegated(gateway)
    statement = problem(await decide(gateway, asked.digest, role="planner"), 403, "not_an_approver")
    assert (statement["field"], statement["value"]) == ("role", "planner")
    assert (await decide(gateway, asked.digest, role="buyer")).json()["decision"]["role"] == "buyer"


async def test_a_decision_in_another_role_is_another_decision(gateway: Gateway) -> None:
    asked = await delegated(gateway)
    await decide(gateway, asked.digest, role="buyer")
    await gateway.record(gateway.entities.exceptions[asked.id])
    problem(await decide(gateway, asked.digest), 409, "already_decided")
    assert (await decide(gateway, asked.digest, role="buyer")).status_code == 200


async def test_a_role_is_a_word(gateway: Gateway) -> None:
    asked = await delegated(gateway)
    statement = problem(await decide(gateway, asked.digest, role=""), 422, "invalid_field")
    assert statement["field"] == "role"


async def test_a_substitute_item_is_offered_with_its_quantity_and_chosen_by_its_code(gateway: Gateway) -> None:
    used = Substitution(item="FR-60", quantity=Decimal(3), unit="EA", replaces=Decimal(2), use_on=WEDNESDAY_NOON.date())
    asked = shortage()
    proposal = asked.proposal.model_copy(
        update={"alternatives": (Alternative(choice=Choice.SUBSTITUTE, substitute=used),)}
    )
    question = asked.model_copy(update={"proposal": proposal, "digest": proposal.digest})
    gateway.entities.exceptions[question.id] = question
    await gateway.record(question)

    [offered] = (await gateway.client.get(PATH)).json()["proposal"]["alternatives"]
    assert offered["substitute"] == {
        "item": "FR-60",
        "quantity": "3",
        "unit": "EA",
        "replaces": "2",
        "use_on": "2026-06-17",
    }
    other = await decide(gateway, question.digest, choice="substitute", substitute="FR-61")
    detail = problem(other, 422, "choice_not_offered")
    assert (detail["field"], detail["value"], detail["next_step"]) == ("substitute", "FR-61", "choose one of FR-60")
    taken = await decide(gateway, question.digest, choice="substitute", substitute="FR-60")
    assert taken.status_code == 200
    assert taken.json()["decision"]["substitute"] == "FR-60"
    refused = await decide(gateway, question.digest, choice="substitute", substitute="a/b")
    assert refused.status_code == 422
    assert "substitute" in refused.text
