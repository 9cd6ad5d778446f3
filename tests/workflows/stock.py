"""Stock events in stories: the available quantity of an item."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from canonical.identity import StockId
from canonical.messages import StockOpened
from canonical.records import StockSnapshot
from canonical.stock import StockReport, StockReportKind
from ledger.stock.stock import CountedReport
from tests.workflows.harness import Harness


async def state(
    harness: Harness, item: str, quantity: int, *, ago: timedelta = timedelta(0), reported: bool = True
) -> StockId:
    """A system publishes the available quantity, and the gateway notifies the stock balance it affects."""
    at = datetime.now(UTC) - ago
    report = StockReport(
        kind=StockReportKind.STATED,
        plant="1710",
        item=item,
        quantity=Decimal(quantity),
        unit="EA",
        source="wms",
        effective_at=at,
        event_id=f"{harness.prefix}-{at.isoformat()}",
    )
    classification = await harness.ledger.stock.register(
        report.id, "EA", [CountedReport(report=report, quantity=report.quantity)]
    )
    assert classification.notify is reported
    if classification.notify:
        assert classification.figure is not None
        opened = StockOpened(
            figure=classification.figure,
            correlation_id=f"corr-{harness.prefix}",
            first_sequence=classification.next_sequence,
        )
        assert await harness.entities.open_stock(opened, reopen=classification.reopen)
        await harness.ledger.stock.reported(classification.figure)
    return report.id


async def stock_balance(harness: Harness, stock: str) -> StockSnapshot:
    return StockSnapshot.model_validate(await harness.status(stock))
