"""The worker's health as a supervisor asks for it."""

import asyncio

import httpx
import pytest

from runtime import health
from runtime.health import Check, health_app, serving_health
from tools.ports import free_port


def client(**checks: Check) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(health_app(checks)), base_url="http://worker")


async def works() -> None:
    return None


async def fails() -> None:
    raise ConnectionError("connection refused")


async def test_a_worker_that_reaches_all_it_needs_is_ready() -> None:
    async with client(temporal=works, ledger=works) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "temporal": "ok", "ledger": "ok"})


async def test_what_is_not_reached_is_named_while_the_process_lives() -> None:
    async with client(temporal=fails, ledger=works) as http:
        ready, alive = await http.get("/readyz"), await http.get("/healthz")
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not ready",
        "temporal": "ConnectionError: connection refused",
        "ledger": "ok",
    }
    assert alive.status_code == 200


async def test_a_figure_is_shown_and_is_no_reason_to_be_unready() -> None:
    async def three() -> int:
        return 3

    app = health_app({"ledger": works}, {"stuck_runs": three, "unknown": fails})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://worker") as http:
        answer = await http.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "ledger": "ok", "stuck_runs": 3, "unknown": None}


async def test_a_check_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    async with client(temporal=asyncio.Event().wait, ledger=works) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["temporal"]) == (503, "no answer within 0.05 s")


async def test_it_is_served_on_the_port_that_is_set() -> None:
    port = free_port()
    async with serving_health("127.0.0.1", port, {"ledger": works}), httpx.AsyncClient() as http:
        for _ in range(100):
            try:
                answer = await http.get(f"http://127.0.0.1:{port}/readyz")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
    assert answer.json() == {"status": "ready", "ledger": "ok"}
