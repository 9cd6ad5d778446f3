"""Available stock in the ledger: the newest statement by the sender's clock, less what was consumed after it."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.records import AuditBatch, RequirementSnapshot, StockSnapshot, StockStage
from canonical.sourcing import FreeStock
from canonical.stock import StockFigure, StockReport, StockReportKind
from ledger.ledger import Ledger
from ledger.stock.stock import CountedReport, StockClassification
from ledger.stock.tables import StockReportRow
from tests.ledger.stories import MORNING, audit_events, need, requirement

STATED, CONSUMED = StockReportKind.STATED, StockReportKind.CONSUMED
STOCK = "stock/1000/BK-100"


def statement(
    kind: StockReportKind, quantity: str, hour: int, id: str = "", sequence: int = 0, source: str = "wms"
) -> StockReport:
    return StockReport(
        kind=kind,
        plant="1000",
        item="BK-100",
        quantity=Decimal(quantity),
        unit="EA",
        source=source,
        effective_at=MORNING + timedelta(hours=hour),
        sequence=sequence,
        event_id=id or f"{kind}-{quantity}-{hour}-{sequence}",
    )


async def note(ledger: Ledger, *reports: StockReport) -> StockClassification:
    counted = [CountedReport(report=report, quantity=report.quantity) for report in reports]
    return await ledger.stock.register(reports[0].id, "EA", counted)


async def free(ledger: Ledger, *reports: StockReport) -> Decimal | None:
    classification = await note(ledger, *reports)
    return None if classification.figure is None else classification.figure.available_to_promise


async def test_available_stock_is_the_newest_figure_less_what_was_consumed_after_it(ledger: Ledger) -> None:
    assert await free(ledger, statement(CONSUMED, "5", 3)) is None, "nobody has said what is free"
    assert await free(ledger, statement(STATED, "100", 2)) == 95
    assert await free(ledger, statement(STATED, "40", 1)) == 95, "older, though it arrives later"
    assert await free(ledger, statement(CONSUMED, "7", 2)) == 95, "of the very moment of the statement: it is in it"
    assert await free(ledger, statement(CONSUMED, "2", 4)) == 93
    assert await free(ledger, statement(CONSUMED, "2", 4)) == 93, "repeated"
    assert await free(ledger, statement(STATED, "50", 5)) == 50
    assert await free(ledger, statement(CONSUMED, "60", 6)) == -10


async def test_of_one_moment_the_senders_sequence_decides_then_the_id(ledger: Ledger) -> None:
    assert await free(ledger, statement(STATED, "10", 1, "a", 2), statement(STATED, "20", 1, "z", 1)) == 10
    assert await free(ledger, statement(STATED, "30", 1, "b", 2)) == 30


async def test_free_at_a_plant_is_what_none_of_its_requirements_counts_on(ledger: Ledger) -> None:
    await note(ledger, statement(STATED, "150", 1))
    served = requirement(need()).model_copy(update={"from_stock": Decimal(90)})
    await ledger.record([audit_batch_of(served)])
    found = await ledger.free_stock(["1000", "2000"], "BK-100")
    assert found == {"1000": FreeStock(quantity=Decimal(60), unit="EA")}
    await note(ledger, statement(CONSUMED, "70", 2))
    assert (await ledger.free_stock(["1000"], "BK-100"))["1000"].quantity == 0
    assert await ledger.free_stock([], "BK-100") == {}


def audit_batch_of(snapshot: RequirementSnapshot | StockSnapshot, count: int = 1) -> AuditBatch:
    return AuditBatch(audit_events=tuple(audit_events(snapshot.id, count)), snapshot=snapshot)


STATEMENTS = [statement(STATED, "9", 1), statement(STATED, "8", 3), statement(STATED, "7", 3, sequence=1)]
USES = [
    statement(CONSUMED, "1", hour, f"{source}-{hour}", source=source) for hour in range(5) for source in ("mes", "wms")
]
REPORTS = [*STATEMENTS, *USES]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=st.permutations([*REPORTS, *STATEMENTS, *USES[:2]]), together=st.integers(1, 6))
async def test_any_order_of_arrival_with_repetitions_ends_the_same(
    ledger: Ledger, arrivals: list[StockReport], together: int
) -> None:
    item = f"BK-{uuid4().hex[:8]}"
    mine = [report.model_copy(update={"item": item, "event_id": f"{report.event_id}-{item}"}) for report in arrivals]
    for start in range(0, len(mine), together):
        await note(ledger, *mine[start : start + together])
    figure = await ledger.stock.figure("1000", item)
    assert figure is not None
    stated, last_use = MORNING + timedelta(hours=3), MORNING + timedelta(hours=4)
    assert (figure.available_to_promise, figure.reported_at, figure.as_of) == (Decimal(5), stated, last_use)


async def test_the_revision_rises_with_every_change_of_the_figure_and_with_nothing_else(ledger: Ledger) -> None:
    revisions = []
    for report in (
        statement(STATED, "10", 1),
        statement(STATED, "10", 1),
        statement(CONSUMED, "1", 2),
        statement(STATED, "3", 0),
    ):
        figure = (await note(ledger, report)).figure
        assert figure is not None
        revisions.append(figure.revision)
    assert revisions == [1, 1, 2, 2]
    assert await ledger.stock.figure("1000", "BK-100") == figure


async def test_reports_that_meet_lose_nothing(ledger: Ledger, engine: AsyncEngine) -> None:
    await asyncio.gather(*(note(ledger, report) for report in REPORTS))
    figure = await ledger.stock.figure("1000", "BK-100")
    assert figure is not None
    assert figure.available_to_promise == 5
    async with engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(StockReportRow)) == len(REPORTS)


async def test_nobody_is_notified_where_nothing_is_affected(ledger: Ledger) -> None:
    assert not (await note(ledger, statement(STATED, "10", 1))).notify, "no need of the item is open"
    await ledger.record([audit_batch_of(requirement(need()))])
    assert not (await note(ledger, statement(STATED, "0", 2))).notify
    free_again = await note(ledger, statement(STATED, "10", 3))
    assert free_again.notify, "a need could be relaxed"
    assert (await note(ledger, statement(STATED, "10", 3))).notify, "it was not reported yet"
    assert free_again.figure is not None
    await ledger.stock.reported(free_again.figure)
    assert not (await note(ledger, statement(STATED, "10", 3))).notify
    assert (await note(ledger, statement(STATED, "0", 4))).notify, "the stock balance runs: it counts on the 10"


async def test_a_shortfall_is_reported_though_nothing_of_the_item_is_open(ledger: Ledger) -> None:
    assert (await note(ledger, statement(STATED, "-1", 1))).notify


def stock_balance(figure: StockFigure, closed: bool) -> StockSnapshot:
    stage = StockStage.SETTLED if closed else StockStage.ACTIVE
    return StockSnapshot(id=figure.id, figure=figure, stage=stage, closed=closed)


async def test_a_stock_balance_that_ended_starts_again_where_its_audit_events_ended(ledger: Ledger) -> None:
    figure = (await note(ledger, statement(STATED, "-1", 1))).figure
    assert figure is not None
    await ledger.stock.reported(figure)
    await ledger.record([audit_batch_of(stock_balance(figure, closed=True), 3)])
    assert not (await note(ledger, statement(STATED, "0", 2))).notify, "it has ended: nobody counts on anything"
    again = await note(ledger, statement(STATED, "-5", 3))
    assert (again.notify, again.reopen, again.next_sequence) == (True, True, 4)
    kept = await ledger.stock.balance(figure.id)
    assert kept is not None
    assert kept.closed


async def test_needs_that_were_stated_before_the_stock_are_found_when_they_arrive_after_it(ledger: Ledger) -> None:
    early, late = need("EARLY"), need("LATE", version=2)
    reported_at = early.revision.effective_at
    report = statement(STATED, "10", 0).model_copy(update={"effective_at": reported_at + timedelta(minutes=1)})
    await note(ledger, report)
    moved = late.revision.model_copy(update={"effective_at": reported_at + timedelta(minutes=2)})
    late = late.model_copy(update={"revision": moved})
    other = need("OTHER", item="BK-200")
    assert list(await ledger.stock.newer_than([early, late, other])) == [early.id]


async def test_an_engineering_change_finds_the_available_to_promise_of_its_components(ledger: Ledger) -> None:
    await note(ledger, statement(STATED, "40", 1))
    uses = await ledger.where_used("1000", "BIKE", "B", ["BK-100", "BK-200"])
    assert [(use.stock, use.stock_unit) for use in uses] == [(Decimal(40), "EA"), (Decimal(0), "")]
    await note(ledger, statement(STATED, "-4", 2))
    assert (await ledger.where_used("1000", "BIKE", "B", ["BK-100"]))[0].stock == 0
