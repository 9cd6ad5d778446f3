"""Only the owner of a domain may publish its events: others are refused, and their events are kept."""

import json
from typing import Any

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.fakes import (
    PLANTS,
    announced,
    answered,
    event,
    planned,
    problem,
    received,
    requirement_id,
    withdrawn,
)


def edited(id: str, order: str = "4500000001") -> dict[str, Any]:
    data = {"order": order, "line": 10, "field": "quantity", "old": "500", "new": "400", "edited_by": "anna"}
    return event(id, "pegline.order.edited.v1", data, source="erp")


@pytest.mark.parametrize("stated", [planned(), withdrawn("e-2")], ids=["planned", "withdrawn"])
async def test_a_requirement_of_a_system_that_does_not_own_it_is_refused_and_kept(
    gateway: Gateway, stated: dict[str, Any]
) -> None:
    gateway.own(requirement=("aps-main", "mrp-*"))
    statement = problem(await gateway.send(stated), 403, "not_owner")
    assert (statement["field"], statement["value"]) == ("source", "aps")
    assert statement["detail"] == "aps does not own requirement at plant P1; aps-main, mrp-* does"
    [letter] = await gateway.letters()
    assert (letter.letter.code, letter.letter.source) == ("not_owner", "aps")
    assert json.loads(letter.letter.body) == stated
    assert await gateway.inbox_of(requirement_id()) == []


@pytest.mark.parametrize("source", ["aps-main", "mrp-north", "mrp-"])
async def test_owners_may_be_named_by_a_pattern(gateway: Gateway, source: str) -> None:
    gateway.own(requirement=("aps-main", "mrp-*"))
    assert (await gateway.send(planned(attributes={"source": source}))).status_code == 202


async def test_each_plant_sets_who_owns_its_requirements(gateway: Gateway) -> None:
    gateway.own(requirement=("another",))
    assert (await gateway.send(planned(plant="P2"))).status_code == 202


@pytest.mark.parametrize(
    ("domain", "stated"),
    [
        ("supplier_answer", answered("e-1")),
        ("shipment", announced("e-1")),
        ("goods_receipt", received("e-1")),
        ("order_document", edited("e-1")),
    ],
    ids=["answer", "shipment", "receipt", "edit"],
)
async def test_events_of_an_order_are_judged_by_the_orders_plant(
    gateway: Gateway, domain: str, stated: dict[str, Any]
) -> None:
    await gateway.order()
    gateway.own(**{domain: ("the-owner",)})
    statement = problem(await gateway.send(stated), 403, "not_owner")
    assert statement["field"] == "source"
    assert f"does not own {domain} at plant P1; the-owner does" in statement["detail"]
    assert (await gateway.send({**stated, "source": "the-owner"})).status_code == 202


async def test_events_of_an_unknown_order_are_accepted_from_its_owner_at_any_plant(gateway: Gateway) -> None:
    gateway.own(goods_receipt=("wms-1",))
    assert (await gateway.send(received("e-1"))).status_code == 202
    gateway.own("P2", goods_receipt=("wms-2",))
    statement = problem(await gateway.send(received("e-2")), 403, "not_owner")
    assert statement["detail"] == "wms does not own goods_receipt at any plant; wms-1, wms-2 does"


async def test_a_refused_event_is_taken_in_once_the_policy_names_its_source(gateway: Gateway) -> None:
    gateway.own(requirement=("another",))
    refused = problem(await gateway.send(planned()), 403, "not_owner")
    still = await gateway.client.post(f"{refused['dead_letter']}/replay")
    problem(still, 403, "not_owner")
    gateway.own(requirement=("another", "aps"))
    replayed = await gateway.client.post(f"{refused['dead_letter']}/replay")
    assert replayed.status_code == 200
    assert len(await gateway.inbox_of(requirement_id())) == 1


async def test_a_repetition_of_what_was_stored_gets_the_first_answer_after_its_source_has_lost_the_domain(
    gateway: Gateway,
) -> None:
    first = await gateway.send(planned())
    gateway.own(requirement=("another",))
    again = await gateway.send(planned())
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    problem(await gateway.send(planned("e-2", version=2)), 403, "not_owner")


async def test_nobody_speaks_for_our_own_orders(gateway: Gateway) -> None:
    statement = problem(await gateway.send(planned(attributes={"source": "pegline"})), 403, "not_owner")
    assert (statement["field"], statement["value"]) == ("source", "pegline")


@pytest.mark.parametrize(
    ("field", "value"), [("demanded_by", "order/P1/1580/x"), ("demanding_line", "10"), ("transit_days", "2")]
)
async def test_fields_that_only_our_own_orders_set_are_refused_from_outside(
    gateway: Gateway, field: str, value: str
) -> None:
    stated = planned()
    stated["data"][field] = value
    statement = problem(await gateway.send(stated), 403, "not_owner")
    assert (statement["field"], statement["value"]) == (f"data.{field}", value)


async def test_of_a_batch_the_owned_are_stored_and_the_others_kept(gateway: Gateway) -> None:
    gateway.own(requirement=("aps",))
    foreign = planned("e-2", attributes={"source": "sheet"})
    taken = (await gateway.send_batch(planned(), foreign)).json()
    assert [each["outcome"] for each in taken["events"]] == ["stored", "refused"]
    assert taken["events"][1]["problem"]["code"] == "not_owner"


async def test_readiness_shows_an_edit_of_the_policies_that_is_not_in_force(gateway: Gateway) -> None:
    assert (await gateway.client.get("/readyz")).json()["policy_faults"] == []
    gateway.policies.faults = ("defaults.toml: processing_days = -1: must be 0 or more",)
    ready = await gateway.client.get("/readyz")
    assert (ready.status_code, ready.json()["policy_faults"]) == (200, list(gateway.policies.faults))
    assert PLANTS.keys() == gateway.policies.plants


async def test_the_description_of_the_api_names_the_refusal(gateway: Gateway) -> None:
    described = (await gateway.client.get("/openapi.json")).json()
    assert "application/problem+json" in described["paths"]["/v1/events"]["post"]["responses"]["403"]["content"]
