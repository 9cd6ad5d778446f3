"""`cli.py policy backtest` on a real ledger: what it prints, what it writes, and what it refuses."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import cli
from canonical.records import AuditBatch, RequirementSnapshot, RequirementStage
from ledger.database import connect
from ledger.ledger import Ledger
from tests.backtest.conftest import Candidate
from tests.backtest.records import NOON, Book
from tests.conftest import FreshDatabase
from tests.decisions.models import a_need


@dataclass
class Console:
    """The console of an installation whose ledger holds what the book holds."""

    url: str
    engine: AsyncEngine
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    async def record(self, book: Book) -> None:
        need = a_need()
        snapshot = RequirementSnapshot(
            id=need.id, need=need, stage=RequirementStage.COVERED, request_revision=1, needed=need.quantity
        )
        for entity_id in {audit_event.entity_id for audit_event in book.audit_events}:
            own = tuple(audit_event for audit_event in book.audit_events if audit_event.entity_id == entity_id)
            await Ledger(self.engine).record(
                [AuditBatch(audit_events=own, snapshot=snapshot.model_copy(update={"id": entity_id}))]
            )

    async def compare(self, *arguments: object) -> tuple[int, str, str]:
        """Exit code, output and errors of the command."""
        self.monkeypatch.setenv("PEGLINE_DATABASE_URL", self.url)
        self.monkeypatch.setattr("sys.argv", ["cli.py", "policy", "backtest", *map(str, arguments)])
        self.capfd.readouterr()
        try:
            code = await asyncio.to_thread(cli.main)
        except SystemExit as ended:
            code = int(str(ended.code))
        output, errors = self.capfd.readouterr()
        return code, output, errors

    async def content(self) -> Sequence[object]:
        """The row count and the newest row of every table."""
        async with self.engine.connect() as connection:
            tables = await connection.scalars(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
            )
            return [
                (await connection.execute(text(f'SELECT count(*), max(xmin::text::bigint) FROM "{table}"'))).one()
                for table in tables.all()
            ]


@pytest.fixture
async def console(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> AsyncIterator[Console]:
    url = await fresh_database()
    engine = await connect(url)
    yield Console(url, engine, monkeypatch, capfd)
    await engine.dispose()


async def test_differences_are_listed_by_plant_and_rule_with_both_reasons(
    console: Console, book: Book, candidate: Candidate
) -> None:
    book.change_of_need(a_need(), a_need(quantity=Decimal(1030)))
    book.coverage()
    await console.record(book)
    candidate.replace("defaults.toml", "share = 0.05", "share = 0.02")
    code, output, errors = await console.compare("--candidate", candidate.path, "--since", "2026-06-01")
    assert (code, errors) == (0, "")
    assert f"2 decisions since 2026-06-01, made again under {candidate.path}: 1 would have been different." in output
    assert "R4 change: suppressed → acted on" in output
    assert "decided:   +30 and +0 working days are within the dampener" in output
    assert "candidate: +30 is more than 20" in output
    assert "acted on 0 → 1, suppressed 1 → 0" in output
    assert "2 the same" in output


async def test_a_file_holds_all_differences_and_the_totals(
    console: Console, book: Book, candidate: Candidate, tmp_path: Path
) -> None:
    for number in range(40):
        book.change_of_need(a_need(), a_need(quantity=Decimal(1021 + number % 25)))
    await console.record(book)
    candidate.replace("defaults.toml", "share = 0.05", "share = 0.02")
    file = tmp_path / "compared.json"
    code, output, _ = await console.compare("--candidate", candidate.path, "--since", "2026-06-01", "--json", file)
    assert code == 0
    assert "… and 15 more" in output
    written = json.loads(file.read_text())
    assert len(written["differences"]) == written["different"] == written["decisions"] == 40
    assert written["differences"][0]["changes"] == [
        {"rule": "R4", "aspect": "change", "decided": "suppressed", "candidate": "acted on"}
    ]
    assert written["totals"][0]["measures"][0] == {"name": "acted on", "decided": 0, "candidate": 40}
    assert (written["since"], written["candidate"]) == ("2026-06-01", str(candidate.path))
    assert [path.name for path in tmp_path.iterdir() if "compared" in path.name] == ["compared.json"]


async def test_nothing_is_written(console: Console, book: Book, candidate: Candidate) -> None:
    book.coverage()
    book.answer()
    await console.record(book)
    before = await console.content()
    assert (await console.compare("--candidate", candidate.path, "--since", "2026-06-01"))[0] == 0
    assert await console.content() == before


async def test_a_control_that_differs_without_a_reason_is_reported_and_exits_with_1(
    console: Console, book: Book, candidate: Candidate
) -> None:
    audit_event = book.change_of_need(a_need(), a_need(quantity=Decimal(1030)))
    book.record(audit_event.entity_id, "requirement.changed", {**audit_event.data, "act": True})
    await console.record(book)
    code, output, _ = await console.compare("--candidate", candidate.path, "--since", "2026-06-01")
    assert code == 1
    assert "1 differ under the very policy that decided them" in output


async def test_one_plant_and_the_days_since_are_what_is_compared(
    console: Console, book: Book, candidate: Candidate
) -> None:
    early = book.change_of_need(a_need(), a_need(quantity=Decimal(1030)))
    book.record(early.entity_id, "requirement.change_suppressed", early.data, NOON + timedelta(days=3))
    await console.record(book)
    _, output, _ = await console.compare("--candidate", candidate.path, "--since", "2026-06-02", "--plant", "1710")
    assert output.startswith("1 decisions since 2026-06-02 at plant 1710")
    code, _, errors = await console.compare("--candidate", candidate.path, "--since", "2026-06-01", "--plant", "1720")
    assert (code, errors) == (2, "the ledger holds no decision since 2026-06-01 at plant 1720; take an earlier day\n")


async def test_what_can_not_be_compared_is_reported_in_a_line(
    console: Console, candidate: Candidate, tmp_path: Path
) -> None:
    async def refused(*arguments: object) -> str:
        code, output, errors = await console.compare(*arguments)
        assert (code, output) == (2, "")
        return errors

    missing = tmp_path / "missing"
    assert f"{missing} is no directory" in await refused("--candidate", missing, "--since", "2026-06-01")
    assert "'1 June' is no day; write it like 2026-06-01" in await refused(
        "--candidate", candidate.path, "--since", "1 June"
    )
    assert "plant 9999 has no policy in" in await refused(
        "--candidate", candidate.path, "--since", "2026-06-01", "--plant", "9999"
    )
    assert "the ledger holds no decision since 2026-06-01; take an earlier day" in await refused(
        "--candidate", candidate.path, "--since", "2026-06-01"
    )
    candidate.replace("defaults.toml", "share = 0.05", 'share = "much"\nunknown = 1')
    faults = await refused("--candidate", candidate.path, "--since", "2026-06-01")
    assert "dampener.share = 'much'" in faults
    assert "dampener.unknown = 1: no such key" in faults


async def test_an_unwritable_file_and_an_unreachable_database_are_reported_in_a_line(
    console: Console, book: Book, candidate: Candidate, tmp_path: Path
) -> None:
    book.coverage()
    await console.record(book)
    arguments = ("--candidate", candidate.path, "--since", "2026-06-01")
    code, _, errors = await console.compare(*arguments, "--json", tmp_path / "no" / "compared.json")
    assert code == 2
    assert "can't be written" in errors
    console.url = "postgresql://postgres@/pegline?host=/nonexistent"
    code, _, errors = await console.compare(*arguments)
    assert code == 2
    assert "is PEGLINE_DATABASE_URL the ledger's?" in errors
