"""Delivery of stock reports: converted to the unit of the stock, recorded, and sent to the stock balance where they
make a difference.

Decided here: whether a report can be converted. Not here: R10 (`ledger.stock.stock`), and the use of the stock
available to promise (`workflows.stock_balance.workflow`).
"""

from collections import defaultdict
from collections.abc import Sequence

from opentelemetry.trace import Tracer

from canonical.messages import StockOpened
from canonical.need import Need
from canonical.stock import StockFigure, StockReport, StockReportKind, StockUser
from canonical.units import NEED_DECIMALS, SAME, PerUnit, rescale
from decisions.units import per_unit
from gateway import tracing
from gateway.delivery.delivery import (
    Dead,
    DeliveryResult,
    EntityMessages,
    Postponed,
    Round,
    Settled,
    at_once,
    failure,
)
from ledger.inbox.inbox import Waiting
from ledger.ledger import Ledger
from ledger.stock.stock import CountedReport, StockClassification


class StockDelivery:
    """Records stock reports and sends the resulting figure."""

    def __init__(self, ledger: Ledger, entities: EntityMessages, tracer: Tracer) -> None:
        self._ledger = ledger
        self._entities = entities
        self._tracer = tracer

    async def deliver(self, messages: Sequence[tuple[Waiting, StockReport]], done: Round) -> None:
        """Deliver to all stocks concurrently; the reports on one are delivered together, as one figure."""
        stocks: dict[str, list[tuple[Waiting, StockReport]]] = defaultdict(list)
        for row, report in messages:
            stocks[report.id].append((row, report))
        await at_once([self._of_one_stock(reports, done) for reports in stocks.values()])

    async def deliver_later_need(self, row: Waiting, need: Need, figure: StockFigure, /) -> DeliveryResult:
        """Report a need that was planned before the stock was reported but arrived after it: that stock may still meet
        it (R10).
        """
        try:
            classification = await self._ledger.stock.classify(figure.id)
            user = StockUser(
                requirement_id=need.id,
                quantity=need.quantity,
                unit=need.unit,
                required_date=need.required_date,
                criticality=need.criticality,
                reported_at=need.revision.effective_at,
                answers_order=need.demanded_by is not None and need.demanding_line is not None,
            )
            return await self._open(classification.model_copy(update={"figure": figure}), row.correlation_id, (user,))
        except Exception as error:
            return failure(row, error)

    async def _of_one_stock(self, messages: Sequence[tuple[Waiting, StockReport]], done: Round) -> None:
        rows, reports = [row for row, _ in messages], [report for _, report in messages]
        async with done.places:
            if done.over:
                return
            first, traces = rows[0], [row.traceparent for row in rows]
            with tracing.delivering(self._tracer, first.type, traces, first.correlation_id, reports[0].id):
                try:
                    results = await self._record_and_send(reports, first.correlation_id)
                except Exception as error:
                    results = [failure(first, error)] * len(rows)
        for row, result in zip(rows, results, strict=True):
            done.add([row], result)

    async def _record_and_send(self, reports: Sequence[StockReport], correlation_id: str) -> list[DeliveryResult]:
        first = reports[0]
        unit = await self._ledger.stock.unit_of(first.plant, first.item) or first.unit
        counted = [await self._count(report, unit) for report in reports]
        sound = [each for each in counted if isinstance(each, CountedReport)]
        if not sound:
            return [each for each in counted if not isinstance(each, CountedReport)]
        classification = await self._ledger.stock.register(first.id, unit, sound)
        sent = await self._send(classification, correlation_id)
        return [
            self._result(each.report, classification, sent) if isinstance(each, CountedReport) else each
            for each in counted
        ]

    async def _count(self, report: StockReport, unit: str) -> CountedReport | Dead:
        """Convert to the unit of the stock, rounding available stock down and consumption up, so that nothing is
        promised twice.
        """
        factor: PerUnit | None = SAME
        if report.unit != unit:
            assessment = await self._ledger.stock.item(report.plant, report.item)
            factor = per_unit(unit, report.unit, assessment.item if assessment else None)
        if factor is None:
            return Dead(
                "unit_mismatch",
                f"stock of {report.item} at {report.plant} is counted in {unit}; nothing converts {report.unit}",
                f"state it in {unit}, or have master data say how many {unit} are one {report.unit} and replay once a "
                "need of the item has been decided",
            )
        down = (report.kind is StockReportKind.STATED) == (report.quantity >= 0)
        quantity = rescale(abs(report.quantity), factor, NEED_DECIMALS, "down" if down else "up")
        return CountedReport(report=report, quantity=quantity if report.quantity >= 0 else -quantity)

    async def _send(self, classification: StockClassification, correlation_id: str) -> Settled | Postponed:
        if classification.figure is None:
            return Settled("noted", "nobody has stated yet what is free")
        if not classification.notify:
            return Settled("noted", "nothing is short, and no need could be relaxed")
        return await self._open(classification, correlation_id, ())

    async def _open(
        self, classification: StockClassification, correlation_id: str, users: tuple[StockUser, ...]
    ) -> Settled | Postponed:
        assert classification.figure is not None
        opened = StockOpened(
            figure=classification.figure,
            users=users,
            correlation_id=correlation_id,
            first_sequence=classification.next_sequence,
        )
        if await self._entities.open_stock(opened, reopen=classification.reopen) is False:
            return Postponed("the balance of the stock ended in this very moment; it is judged again")
        await self._ledger.stock.reported(classification.figure)
        return Settled("delivered")

    def _result(
        self, report: StockReport, classification: StockClassification, sent: Settled | Postponed
    ) -> DeliveryResult:
        figure = classification.figure
        older = figure is not None and report.effective_at < figure.reported_at
        if older and isinstance(sent, Settled):
            return Settled("stale", "R10: older than the newest statement")
        return sent


__all__ = ["StockDelivery"]
