"""The API fuzzed by its own description, by callers who have logged in: no failure of ours, no undocumented status.

Bounded here; for longer: `make fuzz` (FUZZ_SECONDS=300).
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from gateway.access.access import Access, CallRates
from gateway.access.rates import Rate
from ledger.ledger import Ledger
from settings import ToolSettings, environment_for_child
from tests.gateway.access import RULES, IssuerInProcess
from tests.gateway.conftest import serving
from tools.ports import LOOPBACK, free_port
from tools.schemathesis import find_schemathesis

LONGER = ToolSettings.load().fuzz_seconds
SEED = () if LONGER else ("--seed", "1")
"""The same calls each time, unless it is to search for longer."""
UNBOUNDED = CallRates(*(Rate(1_000_000, 1_000_000) for _ in CallRates._fields))
HOOKS = Path(__file__).with_name("fuzz_hooks.py")


@asynccontextmanager
async def served(ledger: Ledger, issuer: IssuerInProcess) -> AsyncIterator[str]:
    async with issuer.http() as http:
        access = Access(RULES, http, ledger, rates=UNBOUNDED)
        async with serving(ledger, access) as made:
            port = free_port(8490)
            config = uvicorn.Config(made.app, host=LOOPBACK, port=port, log_config=None, lifespan="off")
            server = uvicorn.Server(config)
            running = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            try:
                yield f"http://{LOOPBACK}:{port}"
            finally:
                server.should_exit = True
                await running


async def test_no_call_fails_by_us_and_no_status_is_undocumented(
    ledger: Ledger, issuer: IssuerInProcess, tmp_path: Path
) -> None:
    program = find_schemathesis()
    if program is None:
        pytest.skip("no schemathesis on this machine: python -m tools.schemathesis")
    # One caller with every role: each role alone would mostly be refused.
    token = issuer.token(issuer.account("manager", ("*",), "fuzz", offices=("operator", "system", "planner", "buyer")))
    shutil.copy(HOOKS, tmp_path)
    async with served(ledger, issuer) as address:
        fuzzing = await asyncio.create_subprocess_exec(
            *(str(program), "run", f"{address}/openapi.json", "--header", f"Authorization: Bearer {token}"),
            *("--checks", "not_a_server_error,status_code_conformance", "--phases", "coverage,fuzzing"),
            *("--max-time", str(LONGER or 10), "--max-examples", "1000", "--continue-on-failure", "--no-color"),
            *SEED,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment_for_child(SCHEMATHESIS_HOOKS=HOOKS.stem),
            cwd=tmp_path,
        )
        said, _ = await fuzzing.communicate()
    assert fuzzing.returncode == 0, said.decode()[-6_000:]
