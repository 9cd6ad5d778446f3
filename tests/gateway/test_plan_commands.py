"""`cli.py plan run` and `plan report`, as a planner types them: against a real gateway and ledger."""

import asyncio
import csv
import gzip
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pyarrow import parquet
from rich.console import Console

import cli
from canonical.plan import PlanStage
from console.http import GatewayRefusal
from console.plan import PlanConsole, answer
from tests.gateway.conftest import Gateway
from tests.gateway.plan_words import SOURCE, current_run, delivered, line, matched, ndjson, through

RUN = ("--source", SOURCE, "--plant", "P1", "--version", "1")


class Planner:
    """A planner at a console; what it shows is kept."""

    def __init__(self, gateway: Gateway) -> None:
        self.progress, self.results = Console(record=True, width=120), Console(record=True, width=120)
        self._console = PlanConsole(gateway.client, self.progress, self.results, poll_seconds=0.02, silence_seconds=0)

    async def types(self, *words: str) -> int:
        return await answer(cli.arguments().parse_args(["plan", *words]), self._console)


@asynccontextmanager
async def run_by_the_worker(gateway: Gateway, version: int = 1) -> AsyncIterator[None]:
    """The steps of the run's workflow, beside the planner who watches."""

    async def steps() -> None:
        while await gateway.ledger.plans.of_version(SOURCE, "P1", version) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        found = await matched(gateway, version)
        if found.run.refused:
            await gateway.ledger.plans.stop(found.run, "too many lines are refused")
        else:
            await delivered(gateway, found.run, batch=1)

    work = asyncio.create_task(steps())
    yield
    await work


async def test_a_packed_plan_is_sent_watched_and_reported(gateway: Gateway, tmp_path: Path) -> None:
    file, report = tmp_path / "plan.jsonl.gz", tmp_path / "lines.csv"
    file.write_bytes(gzip.compress(ndjson(line("A"), line("B"))))
    planner = Planner(gateway)
    async with run_by_the_worker(gateway):
        assert await planner.types("run", str(file), *RUN, "--report", str(report)) == 0
    shown = planner.results.export_text()
    assert "plan-run/aps-main/P1/1: done" in shown
    assert "2 of 2 changes" in shown
    with report.open(newline="") as opened:
        assert [(row["line"], row["outcome"]) for row in csv.DictReader(opened)] == [("1", "new"), ("2", "new")]
    assert set(tmp_path.iterdir()) == {file, report}


async def test_a_plan_over_its_error_limit_exits_with_1_and_the_reason(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    file.write_text("item,quantity,unit,required_date\nX,-1,EA,2026-06-10\n")
    planner = Planner(gateway)
    async with run_by_the_worker(gateway):
        assert await planner.types("run", str(file), *RUN) == 1
    assert "stopped: too many lines are refused" in planner.results.export_text()


async def test_without_waiting_the_console_reports_the_plan_as_stored(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "plan.ndjson"
    file.write_bytes(ndjson(line("A")))
    planner = Planner(gateway)
    assert await planner.types("run", str(file), *RUN, "--no-wait", "--partial") == 0
    assert "1 lines stored, 0 of them refused, 0 past due" in planner.progress.export_text()
    run = await current_run(gateway, 1)
    assert (run.stage, run.partial) == (PlanStage.RECEIVED, True)


async def test_the_console_shows_what_is_refused_ignored_and_past_due(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    file.write_bytes(
        "item;quantity;unit;required_date;status;planner\n"
        "X;27.000;EA;2026-06-15;confirmed;Jörg\n"
        "Y;28;EA;2026-05-15;proposed;Jörg\n".encode("cp1252")
    )
    planner = Planner(gateway)
    with pytest.raises(GatewayRefusal) as refused:
        await planner.types("run", str(file), *RUN, "--no-wait", "--charset", "windows-1252")
    assert "'status'" in str(refused.value)
    assert "--ignore 'status'" in str(refused.value)
    words = ("--no-wait", "--charset", "windows-1252", "--ignore", "status")
    assert await planner.types("run", str(file), *RUN, *words) == 0
    shown = " ".join(planner.progress.export_text().split())
    assert "2 lines stored, 1 of them refused, 1 past due" in shown
    assert "ignored, as asked: status" in shown
    assert "line 2 (X): quantity: '27.000' can be 27 or 27000: write 27 or 27000" in shown


async def test_a_dry_run_shows_the_net_change_and_leaves_nothing_done(gateway: Gateway, tmp_path: Path) -> None:
    await through(gateway, 1, line("A"))
    file = tmp_path / "plan.ndjson"
    file.write_bytes(ndjson(line("A", "70"), line("B")))
    planner = Planner(gateway)
    assert await planner.types("run", str(file), *RUN[:-1], "2", "--dry-run") == 0
    shown = planner.results.export_text()
    assert "would change 2 needs" in shown
    assert "/plans/dry-runs/" in shown
    assert await planner.types("run", str(file), *RUN[:-1], "0", "--dry-run") == 1
    assert f"plan-run/{SOURCE}/P1/1 came before it" in planner.results.export_text()
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 2) is None


async def test_a_report_in_parquet_equals_the_csv(gateway: Gateway, tmp_path: Path) -> None:
    await through(gateway, 1, line("A"), line("=B"), line("GONE"))
    await through(gateway, 2, line("A"), line("=B", "7"))
    out = tmp_path / "lines.parquet"
    assert await Planner(gateway).types("report", SOURCE, "P1", "2", "--out", str(out)) == 0
    rows = parquet.read_table(out).to_pylist()
    assert [(row["line"], row["demand_reference"], row["outcome"], row["delivery"]) for row in rows] == [
        (1, "A", "unchanged", ""),
        (2, "=B", "changed", "delivered"),
        (None, "GONE", "withdrawn", "delivered"),
    ]
    requested = {"accept": "application/vnd.apache.parquet"}
    by_header = await gateway.client.get(f"/v1/plan-runs/{SOURCE}/P1/2/report", headers=requested)
    assert by_header.content == out.read_bytes()


@pytest.mark.parametrize(
    ("name", "words", "statement"),
    [
        (
            "plan.xlsx",
            RUN,
            "plan.xlsx is no plan by its name; call it .ndjson, .jsonl, .csv, .tsv, .txt, also with .gz",
        ),
        ("missing.csv", RUN, "can't be read: No such file"),
        ("plan.ndjson", (*RUN, "--report", "out.pdf"), "a report is written as .csv or .parquet"),
        ("plan.ndjson", (*RUN, "--report", "o.csv", "--no-wait"), "leave --no-wait out"),
        ("plan.ndjson", (*RUN[:3], "P9", *RUN[4:]), "Unknown plant: plant 'P9' is not one of Pegline's plants: P1, P2"),
    ],
)
async def test_a_plan_that_can_not_be_sent_is_explained_in_plain_words(
    gateway: Gateway, tmp_path: Path, name: str, words: tuple[str, ...], statement: str
) -> None:
    if name != "missing.csv":
        (tmp_path / name).write_bytes(ndjson(line("A")))
    with pytest.raises(GatewayRefusal) as refused:
        await Planner(gateway).types("run", str(tmp_path / name), *words)
    assert statement in str(refused.value)
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 1) is None


async def test_a_report_of_no_run_leaves_no_file(gateway: Gateway, tmp_path: Path) -> None:
    with pytest.raises(GatewayRefusal, match="plan-run/aps-main/P1/9"):
        await Planner(gateway).types("report", SOURCE, "P1", "9", "--out", str(tmp_path / "o.csv"))
    assert not list(tmp_path.iterdir())


def test_where_nobody_answers_the_console_reports_it_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "plan.ndjson"
    file.write_bytes(ndjson(line("A")))
    words = ["cli.py", "plan", "run", str(file), *RUN, "--gateway", "http://127.0.0.1:9"]
    monkeypatch.setattr(sys, "argv", words)
    assert cli.main() == 2
    assert "no gateway answers at http://127.0.0.1:9" in capsys.readouterr().err


async def test_a_gateway_that_falls_silent_is_reported(gateway: Gateway) -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9") as nobody:
        console = PlanConsole(nobody, Console(quiet=True), Console(quiet=True), silence_seconds=0)
        with pytest.raises(GatewayRefusal, match="no gateway answers"):
            await console.watch("/v1/plan-runs/a/P1/1")
