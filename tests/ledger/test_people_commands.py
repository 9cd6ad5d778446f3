"""`cli.py people` on a real ledger: what a person saw and decided, and how they are forgotten."""

import asyncio
import datetime as dt

import pytest

import cli
from ledger.database import connect
from ledger.people.people import AccessKind, People
from tests.conftest import FreshDatabase


async def test_a_persons_accesses_are_listed_and_outlive_the_name(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    url = await fresh_database()
    monkeypatch.setenv("PEGLINE_DATABASE_URL", url)
    engine = await connect(url)
    people = People(engine)
    await people.met("f3", "Anna Arens", "anna@factory.example", dt.datetime.now(dt.UTC))
    await people.record("f3", AccessKind.SAW_PRICES, ["order/P1/1580/o1"], "order page")
    await people.record("f3", AccessKind.DECIDED, ["exception/x"], "accept as buyer")
    await engine.dispose()

    async def ask(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["cli.py", "people", *arguments])
        capfd.readouterr()
        code = await asyncio.to_thread(cli.main)
        return code, capfd.readouterr().out

    code, shown = await ask("seen", "f3")
    assert code == 0
    assert shown.index("decided") < shown.index("saw_prices")
    assert (await ask("erase", "f3"))[0] == 0
    code, shown = await ask("erase", "f3")
    assert (code, "nothing to forget" in shown) == (1, True)
    assert "saw_prices" in (await ask("seen", "f3"))[1]
    assert "nothing is recorded" in (await ask("seen", "nobody"))[1]
