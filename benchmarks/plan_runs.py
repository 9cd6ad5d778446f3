"""Plan runs: how fast a new plan becomes running requirements, and the cost of a rerun of a large one.

    python -m benchmarks.plan_runs [first_load] [rerun] [scaling] [--lines 10000] [--rounds 3] [--quick]

first_load   lines per second of a new plan that become running requirements ÷ starts per second of an empty workflow on
             the same server, each with a worker that runs what is started; the rounds of both alternate
rerun        a plan with 2 % of its lines changed, over the registered requirements of the last one, some of them
             running workflows: time from upload to last delivery, and ERP writes for unchanged lines
scaling      ten times as many lines: validation, matching and net change alone (plan_scaling)

Results go to .run/bench/plan_{figure}.json.
"""

import argparse
import asyncio
import datetime as dt
import statistics
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from benchmarks import plan_scaling
from benchmarks.command_line import add_quick, command_line
from benchmarks.plan_empty import starts_per_second
from benchmarks.plan_ground import SOURCE, PlanGround, ground
from benchmarks.plan_lines import PLANT, plan
from benchmarks.results import DIRECTORY, keep
from canonical.plan import PlanLine
from demo.books import writes
from ledger.inbox.registry import content_digest
from ledger.plan_runs.staging import need_of
from runtime import event_loop

FIGURES: Mapping[str, Mapping[str, str | None]] = {
    "first_load": {"first_load_ratio": ">= 0.8"},
    "rerun": {"rerun_seconds": "<= 30", "rerun_writes_unchanged": "<= 0"},
    "scaling": {"rerun_scaling": "<= 11"},
}
"""The figures by name, with their targets."""
_SERVER = "Temporal dev server (SQLite in memory)"
_AT_ONCE = 40
"""Concurrent starts of the empty workflow, as many as the relay makes."""
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


async def first_load(on: PlanGround, *, lines: int, rounds: int, empties: int) -> dict[str, Any]:
    """Interleaved: empty starts, a plan, empty starts, a plan, …; each plan is compared with the starts before and
    after it.
    """
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


async def rerun(on: PlanGround, *, registered: int, running: int, changed: int) -> dict[str, Any]:
    """The previous plan again with some lines changed, all of them of running requirements."""
    today = dt.date.today()  # noqa: DTZ011
    running = max(running, changed)
    await _first_plan(on, plan(registered, today), running)
    again = plan(registered, today, changed=changed)
    before, seen = on.cpu_seconds(), (await writes(on.simulators, "erp"))[-1:]
    sent = await _sent_again(on, again)
    cpu = {name: round(now - before[name], 1) for name, now in on.cpu_seconds().items()}
    reported = await on.count(
        "SELECT count(DISTINCT entity) FROM inbox WHERE source = :source AND starts_with(event_id, :prefix)",
        source=SOURCE,
        prefix=f"plan/{PLANT}/2/",
    )
    await on.quiet()
    written = await writes(on.simulators, "erp", seen[0]["seq"] if seen else 0)
    return {
        **sent,
        "rerun_writes_unchanged": len(await _of_unchanged(on, written, changed)),
        "registered": registered,
        "running": running,
        "requirements_told": reported,
        "cpu_seconds": cpu,
        "erp_writes": len(written),
    }


async def _first_plan(on: PlanGround, body: bytes, running: int) -> None:
    """Version 1 of the plan: so many of its lines run, the others are registered only."""
    await _register(on, body, skip=running)
    await on.done(await on.send(1, body))
    await on.decided(running)
    await on.quiet()


async def _sent_again(on: PlanGround, body: bytes) -> dict[str, Any]:
    """Version 2 of the plan, from the first byte of the upload until the last change is delivered."""
    began = time.monotonic()
    location = await on.send(2, body)
    uploaded = time.monotonic() - began
    delivering = None
    while delivering is None:
        view = (await on.gateway.get(location)).json()
        if view["stage"] in ("delivering", "done"):
            delivering = time.monotonic() - began
        await asyncio.sleep(0.1)
    view = await on.done(location)
    return {
        "rerun_seconds": round(time.monotonic() - began, 1),
        "upload_seconds": round(uploaded, 1),
        "matched_by_seconds": round(delivering, 1),
        "changed": view["changes"],
    }


async def _register(on: PlanGround, body: bytes, skip: int) -> None:
    """Record all of the plan's lines but the first as delivered, as if by an earlier run."""
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


async def _of_unchanged(on: PlanGround, written: list[dict[str, Any]], changed: int) -> list[dict[str, Any]]:
    """Writes to order lines that serve a requirement which the plan repeated unchanged."""
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


async def _measure(figure: str, given: argparse.Namespace) -> dict[str, Any]:
    if figure == "scaling":
        return await plan_scaling.scaling(DIRECTORY / "plan", given.registered, given.rounds)
    async with ground(DIRECTORY / "plan") as on:
        if figure == "first_load":
            return await first_load(on, lines=given.lines, rounds=given.rounds, empties=given.empties)
        changed = given.changed or given.registered // _CHANGED_SHARE
        return await rerun(on, registered=given.registered, running=given.running, changed=changed)


def _figure(name: str) -> str:
    if name not in FIGURES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(FIGURES)}")
    return name


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    # Without `choices`: with it, Python 3.11 refuses a command line that names none.
    parser.add_argument(
        "figures", nargs="*", type=_figure, metavar="{" + ",".join(FIGURES) + "}", help="left out: all of them"
    )
    parser.add_argument("--lines", type=int, default=10_000, help="of a first load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--empties", type=int, default=3_000, help="empty workflows between two loads")
    parser.add_argument(
        "--registered", type=int, default=100_000, help="lines of a rerun, and of scaling's smaller plan"
    )
    parser.add_argument(
        "--running", type=int, default=10_000, help="of a rerun's requirements, with all that are changed"
    )
    parser.add_argument("--changed", type=int, default=0, help="of a rerun's lines; left out: 2 %%")
    add_quick(parser)
    return parser


def main() -> None:
    """Measure the requested figures, keep and print them."""
    given = arguments().parse_args()
    if given.quick:
        given.lines, given.rounds, given.empties, given.registered, given.running = 200, 1, 100, 1_000, 50
    for figure in given.figures or FIGURES:
        print(", ".join(FIGURES[figure]), flush=True)
        # The gateway's event loop, since `scaling` reads plans in this process as the gateway does.
        found = event_loop.run(_measure(figure, given))
        keep(f"plan_{figure}", found, server=_SERVER, to_reach=FIGURES[figure], quick=given.quick)


if __name__ == "__main__":
    main()
