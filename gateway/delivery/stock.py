"""Delivery of what systems say of stock: counted in the unit of the stock, noted, and told where somebody is concerned.

What is decided here: whether a report can be counted. R10 is the ledger's (`ledger.stock.stock`), what becomes of the
available stock the balance's own (`workflows.stock_balance.workflow`).
"""

from collections.abc import Sequence

from canonical.messages import StockOpened
from canonical.need import Need
from canonical.stock import StockFigure, StockReport, StockReportKind, StockUser
from canonical.units import NEED_DECIMALS, SAME, PerUnit, rescale
from decisions.units import per_unit
from gateway.delivery.results import Dead, DeliveryResult, Postponed, Settled
from gateway.entities_port import EntityDirectoryPort
from ledger.ledger import Ledger
from ledger.stock.stock import CountedReport, StockClassification


class StockDelivery:
    """Notes reports on stock and tells the balances."""

    def __init__(self, ledger: Ledger, entities: EntityDirectoryPort) -> None:
        self._ledger = ledger
        self._entities = entities

    async def notify(self, reports: Sequence[StockReport], correlation_id: str) -> list[DeliveryResult]:
        """The outcome on each report of one stock; they are told together, as one figure."""
        first = reports[0]
        known = await self._ledger.stock.unit_of(first.plant, first.item)
        unit = known or first.unit
        counted = [await self._count(report, unit) for report in reports]
        sound = [each for each in counted if isinstance(each, CountedReport)]
        if not sound:
            return [each for each in counted if not isinstance(each, CountedReport)]
        classification = await self._ledger.stock.register(first.id, unit, sound)
        statement = await self._notify(classification, correlation_id)
        return [
            self._result(each.report, classification, statement) if isinstance(each, CountedReport) else each
            for each in counted
        ]

    async def report_later_need(self, need: Need, figure: StockFigure, correlation_id: str) -> Settled | Postponed:
        """A need that was stated before the stock, and arrived after it: it may be met from it all the same (R10)."""
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
        return await self._open(classification.model_copy(update={"figure": figure}), correlation_id, (user,))

    async def _count(self, report: StockReport, unit: str) -> CountedReport | Dead:
        """In the unit of the stock: what is free rounded down, what is consumed up: nothing is promised twice."""
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

    async def _notify(self, classification: StockClassification, correlation_id: str) -> Settled | Postponed:
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
            return Postponed("the balance of the stock ended in this very moment; it is judged anew")
        await self._ledger.stock.reported(classification.figure)
        return Settled("delivered")

    def _result(
        self, report: StockReport, classification: StockClassification, statement: Settled | Postponed
    ) -> DeliveryResult:
        figure = classification.figure
        older = figure is not None and report.effective_at < figure.reported_at
        if older and isinstance(statement, Settled):
            return Settled("stale", "R10: older than the newest statement")
        return statement


__all__ = ["StockDelivery"]
