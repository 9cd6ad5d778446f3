"""One trace leads from the hook to the calls at the counterparts."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.conftest import FreshDatabase

ROOT = Path(__file__).parents[2]
Span = dict[str, Any]


@pytest.fixture
async def spans(temporal_env: WorkflowEnvironment, fresh_database: FreshDatabase) -> list[Span]:
    """What a need left behind on its way through the loop."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.scenarios.traced"),
        *(temporal_env.client.service_client.config.target_host, await fresh_database()),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    statement, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in statement.splitlines()]


async def test_one_trace_leads_from_the_hook_to_the_calls_at_the_counterparts(spans: list[Span]) -> None:
    [hook] = [span for span in spans if span["kind"] == "SERVER" and span["name"] == "POST /v1/events"]
    for system, method, path, activity in (
        ("erp", "POST", "/A_PurchaseRequisitionHeader", "erp.place_and_send"),
        ("erp", "POST", "/A_PurchaseOrder", "erp.place_and_send"),
        ("supplier", "POST", "/messages", "erp.place_and_send"),
        ("erp", "MERGE", "/A_PurchaseOrderScheduleLine", "erp.write_back"),
        ("aps", "PUT", "coverage/", "erp.write_back"),
    ):
        [call] = [
            span
            for span in spans
            if span["kind"] == "CLIENT" and span["name"].startswith(f"{system} {method} ") and path in span["name"]
        ]
        assert call["trace"] == hook["trace"], call["name"]
        assert call["attributes"]["pegline.correlation_id"] == hook["attributes"]["pegline.correlation_id"]
        way = [span["name"] for span in ancestors(call, spans)]
        assert way[0] == f"RunActivity:{activity}", way
        assert way[-1] == "POST /v1/events", way
        assert {"deliver pegline.requirement.planned.v1", "StartWorkflow:MaterialRequirement"} <= set(way)


def ancestors(span: Span, spans: list[Span]) -> list[Span]:
    """The spans above it, the nearest first."""
    known = {each["id"]: each for each in spans}
    found: list[Span] = []
    while (parent := (found[-1] if found else span)["parent"]) in known:
        found.append(known[parent])
    return found
