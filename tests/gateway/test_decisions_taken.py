"""Who a decision is by, and in which role: whoever has logged in, never what the body names (R15)."""

from typing import Any

import pytest

from canonical.records import ExceptionSnapshot
from gateway.access.principal import Principal
from gateway.decisions_taken import statement_of
from gateway.problems import Refusal
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import PATH, shortage
from tests.gateway.fakes import problem
from tests.gateway.people import ANNA, BEN, DANA, OTTO, PAUL, client_of


async def asked(gateway: Gateway, **changes: Any) -> ExceptionSnapshot:
    question = shortage(**changes)
    gateway.entities.exceptions[question.id] = question
    await gateway.record(question)
    return question


async def test_a_decision_is_by_whoever_has_logged_in_in_the_role_that_is_asked(gateway: Gateway) -> None:
    question = await asked(gateway)
    async with client_of(gateway, ANNA) as anna:
        headers = {"If-Match": question.digest}
        named = {"choice": "accept", "decided_by": "mia"}
        statement = problem(await anna.post(f"{PATH}/decision", json=named, headers=headers), 403, "not_yourself")
        assert statement["field"] == "decided_by"
        for _ in range(2):
            taken = await anna.post(f"{PATH}/decision", json={"choice": "accept"}, headers=headers)
            assert taken.status_code == 200
    [decision] = gateway.entities.decided
    assert (decision.decided_by, decision.role) == ("sub-anna", "buyer")


async def test_a_deputy_decides_under_the_name_that_the_policy_asks(gateway: Gateway) -> None:
    question = await asked(gateway, assignee="dana", on_behalf_of="buyer")
    async with client_of(gateway, DANA) as dana:
        body = {"choice": "accept", "role": "dana"}
        taken = await dana.post(f"{PATH}/decision", json=body, headers={"If-Match": question.digest})
    assert taken.json()["decision"]["role"] == "dana"


@pytest.mark.parametrize(
    ("who", "body", "code"),
    [
        (ANNA, {"role": "purchasing-manager"}, "role_not_held"),
        (PAUL, {}, "not_an_approver"),
        (OTTO, {}, "not_allowed"),
    ],
)
async def test_a_role_is_held_and_entitled(gateway: Gateway, who: Principal, body: dict[str, str], code: str) -> None:
    question = await asked(gateway)
    async with client_of(gateway, who) as client:
        stated = {"choice": "accept"} | body
        problem(await client.post(f"{PATH}/decision", json=stated, headers={"If-Match": question.digest}), 403, code)


async def test_a_question_of_a_foreign_plant_is_not_there(gateway: Gateway) -> None:
    question = await asked(gateway)
    async with client_of(gateway, BEN) as ben:
        assert (await ben.get("/v1/exceptions")).json()["items"] == []
        problem(await ben.get(PATH), 404, "not_found")
        headers = {"If-Match": question.digest}
        problem(await ben.post(f"{PATH}/decision", json={"choice": "accept"}, headers=headers), 404, "not_found")
    assert gateway.entities.decided == []


def test_a_form_states_a_decision_and_is_refused_by_field() -> None:
    stated = statement_of({"choice": "split", "supplier": "1616", "comment": "", "csrf_token": "x"})
    assert (stated.choice, stated.supplier, stated.comment) == ("split", "1616", "")
    with pytest.raises(Refusal) as refused:
        statement_of({"choice": "perhaps"})
    assert (refused.value.problem.field, refused.value.problem.value) == ("choice", "perhaps")
