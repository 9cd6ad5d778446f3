"""What arrives is measured by the day at its plant."""

import datetime as dt
import json

import httpx
import pytest

from canonical.calendar import Calendar
from gateway.app import create_app
from ledger.ledger import Ledger
from policies.book import FixedPolicies
from policies.days import today_at
from tests.gateway.conftest import STRUCTURED
from tests.gateway.fakes import PLANTS, FakeEntities, planned

WEST = Calendar(name="west", zone="America/Los_Angeles")
POLICIES = FixedPolicies({"P1": PLANTS["P1"].model_copy(update={"calendar": WEST}), "P2": PLANTS["P2"]})


def gateway_at(ledger: Ledger, moment: str) -> httpx.AsyncClient:
    """The gateway as `cli.py gateway` composes it, at this moment."""
    now = dt.datetime.fromisoformat(moment)
    app = create_app(
        ledger, FakeEntities(), {}, POLICIES, today_at(POLICIES.effective, lambda: now), now=lambda: now, relay=False
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.mark.parametrize(
    ("moment", "plant", "past_due"),
    [
        ("2026-06-08T18:55:00-07:00", "P1", 0),
        ("2026-06-08T18:55:00-07:00", "P2", 1),
        ("2026-06-08T23:59:00-07:00", "P1", 0),
        ("2026-06-09T00:00:00-07:00", "P1", 1),
    ],
)
async def test_a_line_for_today_is_past_due_from_the_plants_midnight_on(
    ledger: Ledger, moment: str, plant: str, past_due: int
) -> None:
    line = {
        "item": "CHAIN",
        "quantity": "10",
        "unit": "EA",
        "required_date": "2026-06-08",
        "demand_reference": "SO-1",
    }
    query = {"source": "aps", "plant": plant, "version": "1"}
    kind = {"content-type": "application/x-ndjson"}
    async with gateway_at(ledger, moment) as client:
        answer = await client.post("/v1/plan-runs", params=query, content=json.dumps(line), headers=kind)
    report = answer.json()
    assert (report["refused"], report["past_due"]) == (0, past_due), report


@pytest.mark.parametrize(("required_date", "status"), [("2036-06-15", 202), ("2036-06-16", 422)])
async def test_ten_years_begin_on_the_day_at_the_plant(ledger: Ledger, required_date: str, status: int) -> None:
    async with gateway_at(ledger, "2026-06-08T18:55:00-07:00") as client:
        event = planned(required_date=required_date)
        answer = await client.post("/v1/events", content=json.dumps(event), headers=STRUCTURED)
    assert answer.status_code == status, answer.text
