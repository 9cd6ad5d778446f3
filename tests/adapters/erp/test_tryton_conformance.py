"""The Tryton dialect keeps the rules of the ports, on a real Tryton server.

    pytest tests/adapters/erp/test_tryton_conformance.py --every-case

tries every case, which takes a quarter of an hour: each write is a transaction of a real ERP.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.errors import PermanentError
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
    if "case" not in metafunc.fixturenames:
        return
    every = metafunc.config.getoption("--every-case")
    tried = [case for case in CASES if every or case.name in IN_EVERY_RUN]
    metafunc.parametrize("case", tried, ids=[case.name for case in tried])


async def test_conformance(case: Case, bench: TrytonBench) -> None:
    await case.run(bench)


async def test_stock_is_what_lies_in_the_storage_zone_less_what_is_assigned(bench: TrytonBench) -> None:
    async with bench.client(bench.transport()) as client:
        stock = bench.connect(client, settle_seconds=1, second_create_seconds=1).stock
        assert stock is not None
        before = dt.datetime.now(dt.UTC)
        nothing = await stock.available("3710", ["STEEL", "FRAME", "UNKNOWN"])
        assert sorted((each.item, each.quantity, each.unit) for each in nothing) == [
            ("FRAME", Decimal(0), "H87"),
            ("STEEL", Decimal(0), "KGM"),
        ]
        await bench.stored("STEEL", "250.5")
        await bench.stored("STEEL", "7.25", "input")
        await bench.reserved("STEEL", "50.25")
        [steel] = await stock.available("3710", ["STEEL"])
        assert (steel.quantity, steel.unit) == (Decimal("200.25"), "KGM")
        assert before <= steel.at <= dt.datetime.now(dt.UTC)
        with pytest.raises(PermanentError, match="no warehouse '9999'"):
            await stock.available("9999", ["STEEL"])


async def test_the_check_tries_the_stock_too(bench: TrytonBench) -> None:
    async with bench.client(bench.transport()) as client:
        found = [each async for each in bench.connect(client, settle_seconds=1, second_create_seconds=1).check.check()]
    assert {each.outcome for each in found} == {"ok"}
    assert "stock of product.product" in {each.what for each in found}
