"""What systems say is free of an item, as stories tell it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from canonical.identity import StockId
from canonical.messages import StockOpened
from canonical.records import StockSnapshot
from canonical.stock import StockReport, StockReportKind
from ledger.stock.stock import Counted
from tests.workflows.world import World


async def state(world: World, item: str, quantity: int, *, ago: timedelta = timedelta(0), told: bool = True) -> StockId:
    """A system says what is free, and the gateway tells whom it concerns."""
    at = datetime.now(UTC) - ago
    report = StockReport(
        kind=StockReportKind.STATED,
        plant="1710",
        item=item,
        quantity=Decimal(quantity),
        unit="EA",
        source="wms",
        effective_at=at,
        event_id=f"{world.prefix}-{at.isoformat()}",
    )
    triage = await world.ledger.stock.note(report.id, "EA", [Counted(report=report, quantity=report.quantity)])
    assert triage.tell is told
    if triage.tell:
        assert triage.figure is not None
        opened = StockOpened(
            figure=triage.figure,
            correlation_id=f"corr-{world.prefix}",
            first_sequence=triage.next_sequence,
            previous_hash=triage.previous_hash,
        )
        assert await world.entities.open_stock(opened, reopen=triage.reopen)
        await world.ledger.stock.told(triage.figure)
    return report.id


async def balance(world: World, stock: str) -> StockSnapshot:
    return StockSnapshot.model_validate(await world.status(stock))
