"""Plan runs: how fast a new plan becomes running requirements, and what a rerun of a large one costs.

    python -m benchmarks.plan_runs [first_load] [rerun] [scaling] [--lines N] [--rounds N] [--registered N] …

first_load   lines a second of a new plan that become running requirements ÷ starts a second of an empty workflow on the
             same server, both with a worker beside them that runs what is started; rounds of both take turns
rerun        a plan with 2 % of its lines changed over the registered requirements of the last one, some of them running
             workflows: upload to last delivery, and what was written to the ERP for lines that are as they were
scaling      ten times as many lines: validation, matching and net change alone (plan_scaling)

Results go to .run/bench/plan_{figure}.json; nothing of the machine but its size and load is kept.
"""

import argparse
import asyncio
import datetime as dt
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks import plan_scaling
from benchmarks.plan_empty import starts_per_second
from benchmarks.plan_ground import SOURCE, Ground, ground, machine
from benchmarks.plan_lines import PLANT, plan
from canonical.plan import PlanLine
from demo.books import writes
from ledger.inbox.registry import content_digest
from ledger.plan_runs.staging import need_of
from runtime import event_loop

DIRECTORY = Path(".run/bench")
_AT_ONCE = 40
"""Starts of the empty workflow at a time, as many as the relay makes."""
_CHANGED_SHARE = 50
_REGISTER = (
    "id",
    "plant",
    "item",
    "source",
    "demand_reference",
    "registered_plan_version",
    "registered_source_revision",
)
_RECORDED = (
    "registered_effective_at",
    "registered_event_id",
    "registered_content",
    "registered_withdrawn",
    "registered_at",
)


async def first_load(on: Ground, *, lines: int, rounds: int, empties: int) -> dict[str, Any]:
    """Interleaved: empty starts, a plan, empty starts, a plan, …; each plan against the starts on both its sides."""
    today = dt.date.today()  # noqa: DTZ011
    empty = [await starts_per_second(on.temporal, empties, "e0", at_once=_AT_ONCE)]
    loads, decided, cpu = [], [], []
    for number in range(1, rounds + 1):
        body = plan(lines, today, prefix=f"L{number}-")
        before, began = on.cpu_seconds(), time.monotonic()
        await on.done(await on.send(number, body, partial=True))
        loads.append(lines / (time.monotonic() - began))
        cpu.append({name: round(now - before[name], 1) for name, now in on.cpu_seconds().items()})
        await on.decided(lines * number)
        decided.append(lines / (time.monotonic() - began))
        empty.append(await starts_per_second(on.temporal, empties, f"e{number}", at_once=_AT_ONCE))
        print(f"round {number}: {loads[-1]:.1f} lines/s running, {decided[-1]:.1f} decided; empty {empty}", flush=True)
    ratios = [load / statistics.mean(empty[place : place + 2]) for place, load in enumerate(loads)]
    return {
        "first_load_ratio": round(statistics.median(ratios), 2),
        "ratios": _rounded(ratios, 2),
        "lines": lines,
        "lines_per_second": _rounded(loads),
        "decided_per_second": _rounded(decided),
        "empty_starts_per_second": _rounded(empty),
        "cpu_seconds": cpu,
    }


async def rerun(on: Ground, *, registered: int, running: int, changed: int) -> dict[str, Any]:
    """The plan of before again, some lines changed, all of those among the running ones."""
    today = dt.date.today()  # noqa: DTZ011
    running = max(running, changed)
    first = plan(registered, today)
    await _register(on, first, skip=running)
    await on.done(await on.send(1, first))
    await on.decided(running)
    await on.quiet()
    again = plan(registered, today, changed=changed)
    before, seen = on.cpu_seconds(), (await writes(on.simulators, "erp"))[-1:]
    began = time.monotonic()
    location = await on.send(2, again)
    uploaded = time.monotonic() - began
    delivering = None
    while delivering is None:
        view = (await on.gateway.get(location)).json()
        if view["stage"] in ("delivering", "done"):
            delivering = time.monotonic() - began
        await asyncio.sleep(0.1)
    view = await on.done(location)
    seconds = time.monotonic() - began
    cpu = {name: round(now - before[name], 1) for name, now in on.cpu_seconds().items()}
    reported = await on.count(
        "SELECT count(DISTINCT entity) FROM inbox WHERE source = :source AND starts_with(event_id, :prefix)",
        source=SOURCE,
        prefix=f"plan/{PLANT}/2/",
    )
    await on.quiet()
    written = await writes(on.simulators, "erp", seen[0]["seq"] if seen else 0)
    unchanged = await _of_unchanged(on, written, changed)
    return {
        "rerun_seconds": round(seconds, 1),
        "rerun_writes_unchanged": len(unchanged),
        "registered": registered,
        "running": running,
        "changed": view["changes"],
        "requirements_told": reported,
        "upload_seconds": round(uploaded, 1),
        "matched_by_seconds": round(delivering, 1),
        "cpu_seconds": cpu,
        "erp_writes": len(written),
    }


async def _register(on: Ground, body: bytes, skip: int) -> None:
    """Note the plan's lines as delivered, all but the first: as if a run before had."""
    now = dt.datetime.now(dt.UTC)
    rows = []
    for number, raw in enumerate(body.splitlines(), 1):
        if number <= skip:
            continue
        line = PlanLine.model_validate_json(raw)
        assert line.demand_reference is not None
        need = need_of(_RUN, number, line, line.demand_reference)
        keys = (need.id, PLANT, need.item, SOURCE, need.demand_reference, 0, 0)
        rows.append((*keys, now, need.revision.event_id, content_digest(need), False, now))
    async with on.engine.begin() as connection:
        await connection.execute(text("SELECT 1"))
        raw_connection = await connection.get_raw_connection()
        assert raw_connection.driver_connection is not None
        await raw_connection.driver_connection.copy_records_to_table(
            "requirement", records=rows, columns=(*_REGISTER, *_RECORDED)
        )
    async with on.engine.begin() as connection:
        await connection.execute(text("ANALYZE requirement"))


_RUN = plan_scaling.a_run(SOURCE, PLANT, 0)


async def _of_unchanged(on: Ground, written: list[dict[str, Any]], changed: int) -> list[dict[str, Any]]:
    """Writes to order lines that serve a requirement which the plan repeated as it was."""
    async with on.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT order_number, line FROM order_line JOIN purchase_order ON purchase_order.id = order_id"
                " WHERE order_number IS NOT NULL AND right(requirement_id, 7)::integer >= :changed"
            ),
            {"changed": changed},
        )
        repeated = {(row.order_number, row.line) for row in rows}
    return [each for each in written if each["line"] and (each["document"], int(each["line"])) in repeated]


def _rounded(values: list[float], digits: int = 1) -> list[float]:
    return [round(value, digits) for value in values]


def _keep(figure: str, result: dict[str, Any]) -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    whole = json.dumps(result | machine(), indent=2)
    (DIRECTORY / f"plan_{figure}.json").write_text(whole + "\n")
    print(whole, flush=True)


async def _measure(asked: argparse.Namespace) -> None:
    if "first_load" in asked.figures:
        async with ground(DIRECTORY / "plan") as on:
            _keep("first_load", await first_load(on, lines=asked.lines, rounds=asked.rounds, empties=asked.empties))
    if "rerun" in asked.figures:
        changed = asked.changed or asked.registered // _CHANGED_SHARE
        async with ground(DIRECTORY / "plan") as on:
            _keep("rerun", await rerun(on, registered=asked.registered, running=asked.running, changed=changed))
    if "scaling" in asked.figures:
        _keep("scaling", await plan_scaling.scaling(DIRECTORY / "plan", asked.registered, asked.rounds))


def main() -> int:
    """Measure what is asked for, print it and keep it."""
    figures = ("first_load", "rerun", "scaling")
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("figures", nargs="*", choices=figures, default=list(figures))
    asked.add_argument("--lines", type=int, default=10_000, help="of a first load")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--empties", type=int, default=3_000, help="empty workflows between two loads")
    asked.add_argument(
        "--registered", type=int, default=100_000, help="lines of a rerun, and of scaling's smaller plan"
    )
    asked.add_argument(
        "--running", type=int, default=10_000, help="of a rerun's requirements, with all that are changed"
    )
    asked.add_argument("--changed", type=int, default=0, help="of a rerun's lines; left out: 2 %%")
    # As the gateway, whose reading `scaling` does in this process.
    event_loop.run(_measure(asked.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
