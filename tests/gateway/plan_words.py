"""What tests say of plans: lines, uploads, and what becomes of them."""

import csv
import io
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import httpx

from canonical.identity import requirement_id
from canonical.plan import PlanMatched, PlanRunStatus, PlanStage
from decisions.plan_matching import NearestNeeds
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import ITEM, PLANTS

NDJSON = {"content-type": "application/x-ndjson"}
SOURCE = "aps-main"


def line(reference: str | None = "A", quantity: str = "100", date: str = "2026-06-10", **more: Any) -> dict[str, Any]:
    reported = {"item": ITEM, "quantity": quantity, "unit": "EA", "required_date": date, **more}
    return reported if reference is None else {**reported, "demand_reference": reference}


def ndjson(*lines: dict[str, Any] | str) -> bytes:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines).encode()


async def send(
    gateway: Gateway,
    version: int,
    body: Any,
    *,
    partial: bool = False,
    source: str = SOURCE,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> httpx.Response:
    query = {"source": source, "plant": "P1", "version": str(version), "partial": str(partial).lower()}
    return await gateway.client.post("/v1/plan-runs", params=query, content=body, headers={**NDJSON, **headers})


async def current_run(gateway: Gateway, version: int) -> PlanRunStatus:
    run = await gateway.ledger.plans.of_version(SOURCE, "P1", version)
    assert run is not None
    return run


async def matched(gateway: Gateway, version: int) -> PlanMatched:
    run, policy = await current_run(gateway, version), PLANTS["P1"]
    assert await gateway.ledger.plans.waits_for(run) == ""
    return await gateway.ledger.plans.match(run, policy, lambda item: policy, NearestNeeds())


async def through(gateway: Gateway, version: int, *lines: dict[str, Any] | str, partial: bool = False) -> PlanMatched:
    """A plan from its upload to its last delivery, as the workflow does it."""
    assert (await send(gateway, version, ndjson(*lines), partial=partial)).status_code == 202
    found = await matched(gateway, version)
    await delivered(gateway, found.run)
    return found


async def delivered(gateway: Gateway, run: PlanRunStatus, batch: int = 100) -> int:
    """How many rounds it took."""
    for rounds in range(1, 100):
        if (await gateway.ledger.plans.deliver(run, batch)).stage is not PlanStage.DELIVERING:
            return rounds
        await gateway.relay.drain()
    raise AssertionError("it never ends")


def of(reference: str) -> str:
    return requirement_id("P1", ITEM, SOURCE, reference)


async def report(gateway: Gateway, version: int) -> list[dict[str, str]]:
    answer = await gateway.client.get(f"/v1/plan-runs/{SOURCE}/P1/{version}/report")
    return list(csv.DictReader(io.StringIO(answer.text)))
