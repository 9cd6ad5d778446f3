"""`cli.py erp duplicates`, as an administrator types it: against an ERP over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

import cli
from adapters.erp.sap.client import SapErp
from console import erp as erp_commands
from simulators.faults import Simulator
from tests.adapters.erp.documents import document
from tests.adapters.erp.sap import Sap
from tools.ports import free_port

SHIPPED = Path(__file__).parents[3] / "policies"


@asynccontextmanager
async def served(simulator: Simulator) -> AsyncIterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(simulator, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def asked(address: str, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setenv("PEGLINE_DATABASE_URL", "postgresql://nowhere/pegline")
    monkeypatch.setenv("PEGLINE_POLICY_DIRECTORY", str(SHIPPED))
    for name in ("ERP", "EDI", "APS"):
        monkeypatch.setenv(f"PEGLINE_{name}_URL", address)
        monkeypatch.setenv(f"PEGLINE_{name}_USER", "PEGLINE")
        monkeypatch.setenv(f"PEGLINE_{name}_PASSWORD", "pegline")
    given = cli.arguments().parse_args(["erp", "duplicates", *words])
    return await asyncio.to_thread(erp_commands.run, given)


async def test_duplicates_are_named_with_what_to_do(
    sap: Sap, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(sap.simulator) as address:
        assert await asked(address, monkeypatch, "--since", "2027-01-01") == 0
        assert "no duplicates among the documents created since 2027-01-01" in capsys.readouterr().out
        nothing = {"status": 200, "headers": {"content-type": "application/json"}, "body": '{"d": {"results": []}}'}
        for key in ("one", "two"):  # two workers, neither of which finds the other's
            sap.fault("answer", r"A_Purchase(Order|RequisitionItem)\?", "GET", times=2, **nothing)
            await SapErp(sap.http).place_order(document(), key=key, maybe_written=False)
        assert await asked(address, monkeypatch, "--since", "2027-01-01") == 1
        shown = capsys.readouterr().out
        assert f"duplicate orders 4500000000 and 4500000001 of reference {document().reference}" in shown
        assert "cancel the others in the ERP" in shown


async def test_an_erp_that_does_not_answer_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asked("http://127.0.0.1:9", monkeypatch) == 2
    assert "no connection to http://127.0.0.1:9" in capsys.readouterr().err


def test_a_day_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.arguments().parse_args(["erp", "duplicates", "--since", "lately"])
    assert "'lately' is not a day such as 2026-11-01" in capsys.readouterr().err
