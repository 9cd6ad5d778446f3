"""The Tryton dialect keeps the rules of the ports, on a real Tryton server.

    pytest tests/adapters/erp/test_tryton_conformance.py --every-case

tries every case, which takes a quarter of an hour: each write is a transaction of a real ERP.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conformance.erp.suite import CASES, Case
from settings import ToolSettings
from tests.adapters.erp.tryton_bench import DATA, TrytonBench
from tools.processes import Processes
from tools.progress import Progress
from tools.tryton_server import NoTryton, prepare, program

IN_EVERY_RUN = {
    "every_line_as_asked",
    "found_again_by_reference",
    "refused",
    "quantity_and_day",
    "cancelled_line",
    "confirmed_in_parts",
    "persons_edit[delivery_date]",
    "items_exactly",
    "all_pages",
}


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TrytonBench]:
    folder: Path = tmp_path_factory.mktemp("tryton")
    try:
        with Progress("Tryton") as progress:
            environment, database = await asyncio.to_thread(prepare, ToolSettings.load(), DATA, progress)
    except NoTryton as missing:
        pytest.skip(f"no Tryton: {missing}")
    server, address = program(environment, database, folder)
    async with Processes(folder, on_signals=False) as processes:
        await processes.start(server)
        yield TrytonBench(address)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = metafunc.config.getoption("--every-case")
    tried = [case for case in CASES if every or case.name in IN_EVERY_RUN]
    metafunc.parametrize("case", tried, ids=[case.name for case in tried])


async def test_conformance(case: Case, bench: TrytonBench) -> None:
    await case.run(bench)
