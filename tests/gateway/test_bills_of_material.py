"""Revisions of bills of material at the gateway: taken in, ordered by their sender, refused where they say nothing."""

from typing import Any

import pytest

from canonical.messages import ChangeOpened, ChangeSuperseded
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import PLANT, event

CHANGE = f"change/{PLANT}/BIKE/B"


def revised(id: str, reported: int = 1, *, stock: str = "0", **line: Any) -> dict[str, Any]:
    lines = [
        {"component": "CHAIN", "quantity": "1", "unit": "EA", "change": "removed", "stock": stock},
        {"component": "BETTER", "quantity": "1", "unit": "EA", "change": "added", "replaces": "CHAIN"} | line,
    ]
    data = {
        "plant": PLANT,
        "assembly": "BIKE",
        "revision": "B",
        "effective_from": "2026-07-01",
        "lines": lines,
        "source_revision": reported,
    }
    return event(id, "pegline.bom.revised.v1", data, source="plm")


async def test_a_revision_starts_its_change_once_and_an_older_word_of_it_is_stale(gateway: Gateway) -> None:
    for number, reported in enumerate(
        (revised("e-2", 2), revised("e-1", 1), revised("e-3", 3), revised("e-4", 4, stock="5"))
    ):
        assert (await gateway.send(reported)).status_code == 202, number
        await gateway.relay.drain()

    delivered = [message for message in gateway.entities.messages_to(CHANGE) if isinstance(message, ChangeOpened)]
    assert [each.revised.stated.event_id for each in delivered] == ["e-2", "e-4"], "e-1 is older, e-3 says the same"
    rows = await gateway.ledger.reads.inbox_of(CHANGE)
    assert [row.status for row in rows] == ["delivered", "stale", "unchanged", "delivered"]


def of(reported: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {**reported, "data": reported["data"] | data}


async def test_a_revision_that_supersedes_another_notifies_its_change_once(
    gateway: Gateway,
) -> None:
    for each in (revised("e-1"), of(revised("e-2"), revision="C", supersedes="B"), revised("e-3", 3, stock="5")):
        assert (await gateway.send(each)).status_code == 202
        await gateway.relay.drain()

    delivered = gateway.entities.messages_to(CHANGE)
    assert [type(message) for message in delivered] == [ChangeOpened, ChangeSuperseded]
    assert isinstance(delivered[1], ChangeSuperseded)
    assert delivered[1].by == f"change/{PLANT}/BIKE/C"
    assert [row.status for row in await gateway.ledger.reads.inbox_of(CHANGE)] == ["delivered", "stale"]
    (other,) = await gateway.ledger.where_used(PLANT, "TRIKE", "A", ["BETTER"])
    assert other.other_assemblies == ("BIKE",), "C says so; what B said is forgotten"


async def test_a_revision_that_arrives_after_its_successor_starts_nothing(gateway: Gateway) -> None:
    await gateway.send(of(revised("e-2"), revision="C", supersedes="B"))
    await gateway.relay.drain()
    await gateway.send(revised("e-1"))
    await gateway.relay.drain()
    assert [row.status for row in await gateway.ledger.reads.inbox_of(CHANGE)] == ["stale"]


async def test_a_revision_can_not_take_its_own_place(gateway: Gateway) -> None:
    response = await gateway.send(of(revised("e-1"), supersedes="B"))
    assert response.status_code == 422
    assert "can't replace itself" in response.json()["detail"]


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        ({"replaces": "SADDLE"}, "which the revision does not touch"),
        ({"component": "CHAIN"}, "is on two lines"),
        ({"change": "changed"}, "only what is added does"),
    ],
)
async def test_a_revision_that_contradicts_itself_is_refused(
    gateway: Gateway, line: dict[str, Any], statement: str
) -> None:
    response = await gateway.send(revised("e-1", **line))
    assert response.status_code == 422
    assert statement in response.json()["detail"]
