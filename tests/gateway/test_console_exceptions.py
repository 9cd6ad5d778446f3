"""`cli.py exceptions list` and `decide`, as a buyer types them: against a real gateway and ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from rich.console import Console

import cli
from console.exceptions import decide_exception, list_exceptions
from tests.gateway.conftest import Gateway
from tests.ledger.stories import shortage
from tools.ports import free_port


@asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[str]:
    """The gateway on a port, since the console asks over HTTP."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(gateway.app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def listed(address: str, *words: str) -> str:
    given = cli.arguments().parse_args(["exceptions", "list", *words, "--gateway", address])
    console = Console(record=True, width=200)
    assert await asyncio.to_thread(list_exceptions, given, console) == 0
    return console.export_text()


async def test_a_buyer_sees_each_open_question_with_its_ways_out_and_decides_one(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = shortage(1)
    gateway.entities.exceptions[asked.id] = asked
    await gateway.record(asked)
    key = asked.id.removeprefix("exception/")
    choice = asked.proposal.alternatives[0].choice
    async with served(gateway) as address:
        shown = await listed(address)
        assert key in shown
        assert asked.proposal.summary[:40] in shown
        assert choice in shown
        assert key not in await listed(address, "--state", "decided")
        given = cli.arguments().parse_args(["decide", key, choice, "--by", "anna.buyer", "--gateway", address])
        assert await asyncio.to_thread(decide_exception, given) == 0
    assert f"{choice}: taken" in capsys.readouterr().out


@pytest.mark.parametrize("limit", ["0", "many", "10001"])
def test_a_limit_that_is_none_is_refused(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.arguments().parse_args(["exceptions", "list", "--limit", limit])
    assert "is no number from 1 to 10000" in capsys.readouterr().err
