"""Decisions as forms state them, and those of a deputy; whose a decision is, test_rights tells."""

import pytest

from gateway.decisions_taken import statement_of
from gateway.problems import Refusal
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import PATH, shortage
from tests.gateway.people import DANA, client_of


async def test_a_deputy_decides_under_the_name_that_the_policy_asks(gateway: Gateway) -> None:
    question = shortage(assignee="dana", on_behalf_of="buyer")
    gateway.entities.exceptions[question.id] = question
    await gateway.record(question)
    async with client_of(gateway, DANA) as dana:
        body = {"choice": "accept", "role": "dana"}
        taken = await dana.post(f"{PATH}/decision", json=body, headers={"If-Match": question.digest})
    assert taken.json()["decision"]["role"] == "dana"
    assert [decision.decided_by for decision in gateway.entities.decided] == ["sub-dana"]


def test_a_form_states_a_decision_and_is_refused_by_field() -> None:
    stated = statement_of({"choice": "split", "supplier": "1616", "comment": "", "csrf_token": "x"})
    assert (stated.choice, stated.supplier, stated.comment) == ("split", "1616", "")
    with pytest.raises(Refusal) as refused:
        statement_of({"choice": "perhaps"})
    assert (refused.value.problem.field, refused.value.problem.value) == ("choice", "perhaps")
