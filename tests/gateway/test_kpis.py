"""KPIs over HTTP: what may be asked, and what a caller of one plant sees."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.records import AuditBatch
from gateway.measuring import Measurer
from tests.gateway.conftest import Gateway
from tests.gateway.figures import ANNA, MAY, OnlyAt, opened, requirement


def by_kpi(body: dict[str, Any]) -> dict[str, Any]:
    return {each["kpi"]: each for each in body["items"]}


async def test_the_open_ones_age_beside_what_ended(gateway: Gateway) -> None:
    identity = await opened(gateway)
    body = (await gateway.client.get("/v1/kpis?from=2026-05-01&to=2026-05-31&plant=P1")).json()
    assert (body["from"], body["to"], body["plants"]) == ("2026-05-01", "2026-05-31", ["P1"])
    found = by_kpi(body)["requirement_to_requisition"]
    assert found["unit"] == "hours"
    assert found["closed"]["count"] == 0
    assert found["open"]["count"] == 1
    assert found["open"]["p90"] == "5.00"
    entities = await gateway.client.get("/v1/kpis/requirement_to_requisition/entities?open=true&to=2026-05-31")
    assert [(each["id"], each["value"]) for each in entities.json()["items"]] == [(identity, "5.00")]


async def test_what_is_not_measured_yet_is_said_and_measured_soon(gateway: Gateway, engine: AsyncEngine) -> None:
    snapshot = requirement("P1", "PL-1")
    gateway.clock[0] = MAY + dt.timedelta(hours=5)
    event = gateway.audit_event(snapshot.id, "requirement.opened", MAY)
    await gateway.ledger.record([AuditBatch(audit_events=(event,), snapshot=snapshot)])
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE kpi_due SET recorded_at = now() - interval '3 minutes'"))
    period = "from=2026-05-01&to=2026-05-31"
    assert (await gateway.client.get(f"/v1/kpis?{period}")).json()["measured_until"] is not None
    assert "recorded in the last 3 minutes" in (await gateway.client.get(f"/kpis?{period}")).text
    measuring = asyncio.create_task(Measurer(gateway.ledger, poll_seconds=0.01).run())
    try:
        while (body := (await gateway.client.get(f"/v1/kpis?{period}")).json())["measured_until"] is not None:
            pass
    finally:
        measuring.cancel()
    assert by_kpi(body)["requirement_to_requisition"]["open"]["count"] == 1


async def test_a_kpi_without_the_dimension_is_left_out_by_name(gateway: Gateway) -> None:
    body = (await gateway.client.get("/v1/kpis?group_by=item_class")).json()
    assert "manual_correction" in body["left_out"]
    assert "manual_correction" not in by_kpi(body)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("colour=red", "unknown_parameter"),
        ("group_by=colour", "invalid"),
        ("from=2026-05-02&to=2026-05-01", "bad_period"),
        ("from=2020-01-01&to=2026-05-01", "bad_period"),
    ],
)
async def test_what_there_is_not_is_refused(gateway: Gateway, query: str, code: str) -> None:
    refused = await gateway.client.get(f"/v1/kpis?{query}")
    assert refused.status_code == 422
    assert refused.json()["code"] == code or code == "invalid"


async def test_entities_are_not_filtered_by_a_dimension_that_the_kpi_has_not(gateway: Gateway) -> None:
    refused = await gateway.client.get("/v1/kpis/manual_correction/entities?item_class=chains")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_dimension")


async def test_a_buyer_of_one_plant_sees_no_figure_of_another(gateway: Gateway) -> None:
    await opened(gateway, "P2")
    gateway.app.add_middleware(OnlyAt, principal=ANNA)
    body = (await gateway.client.get("/v1/kpis?to=2026-05-31")).json()
    assert body["plants"] == ["P1"]
    assert by_kpi(body)["requirement_to_requisition"]["open"]["count"] == 0
    assert (await gateway.client.get("/v1/kpis?plant=P2")).status_code == 403
    entities = await gateway.client.get("/v1/kpis/requirement_to_requisition/entities?open=true&to=2026-05-31")
    assert entities.json()["items"] == []
