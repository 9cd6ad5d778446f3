"""Available stock: the reports on it, the resulting figure, and the requirements that could use it.

Decided here: the figure, by R10 (the newest statement by the senders' clocks, less later consumption; the order of
arrival does not matter), and whether to notify the stock balance. Not here: conversions of units
(gateway.delivery.stock) and the use of the figure (decisions.stock_use).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Text, and_, any_, bindparam, exists, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.base import Model
from canonical.identity import RequirementId, StockId, stock_id
from canonical.need import Need
from canonical.records import OrderLineSnapshot, OrderSnapshot, RequirementSnapshot, StockSnapshot
from canonical.sourcing import Assessment, FreeStock
from canonical.stock import StockFigure, StockReport, StockReportKind, StockUser
from canonical.supply import ScheduleLineState, SupplyRequest
from canonical.units import NEED_DECIMALS, SAME, rescale
from ledger.consolidation.tables import SupplyRequestRow
from ledger.database import autocommit, transaction
from ledger.events.chains import counts
from ledger.snapshots.tables import OrderLineRow, OrderRecord, RequirementRecord
from ledger.stock.tables import ItemRow, StockReportRow, StockRow

_GONE = frozenset({ScheduleLineState.RECEIVED, ScheduleLineState.SHIPPED})


class CountedReport(Model):
    """A report, with its quantity in the unit of the stock."""

    report: StockReport
    quantity: Decimal


class StockClassification(Model):
    """The result of the reports on a stock; `figure` None: no statement was received yet."""

    figure: StockFigure | None
    notify: bool
    """The figure concerns requirements, and has not been reported to the balance yet."""
    reopen: bool = False
    """The balance has ended."""
    next_sequence: int = 1


class Stock:
    """Records reports, and answers what is available to promise and who uses it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def unit_of(self, plant: str, item: str) -> str | None:
        """The unit of the stock, which is that of its first report; None where there was none."""
        async with autocommit(self._engine) as connection:
            query = select(StockRow.unit).where(StockRow.plant == plant, StockRow.item == item)
            return (await connection.execute(query)).scalar_one_or_none()

    async def register(self, stock: StockId, unit: str, reports: Sequence[CountedReport]) -> StockClassification:
        """Record reports on one stock, each once, and return the result; a repetition changes nothing."""
        first = reports[0].report
        async with transaction(self._engine) as connection:
            place = {"id": stock, "plant": first.plant, "item": first.item}
            await connection.execute(insert(StockRow).values(**place, unit=unit).on_conflict_do_nothing())
            row = (
                await connection.execute(select(StockRow.__table__).where(StockRow.id == stock).with_for_update())
            ).one()
            await connection.execute(
                insert(StockReportRow).on_conflict_do_nothing(), [_report_row(counted) for counted in reports]
            )
            figure = await _figure(connection, row)
            if figure is not None and figure != _known(row):
                figure = figure.model_copy(update={"revision": row.revision + 1})
                changed = figure.model_dump(
                    include={"available_to_promise", "reported_at", "as_of", "reason", "revision"}
                )
                await connection.execute(update(StockRow).where(StockRow.id == stock).values(**changed))
            return await _classify(connection, row, figure)

    async def classify(self, stock: StockId) -> StockClassification:
        """Classify the stock's present figure."""
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(select(StockRow.__table__).where(StockRow.id == stock))).one()
            return await _run_of(connection, row, StockClassification(figure=_known(row), notify=True))

    async def newer_than(self, needs: Sequence[Need]) -> dict[RequirementId, StockFigure]:
        """By need, the available stock stated after the need was planned: for needs that arrive later than the
        statement on their stock.
        """
        if not needs:
            return {}
        given = {"stocks": list({stock_id(need.plant, need.item) for need in needs})}
        async with autocommit(self._engine) as connection:
            figures = {row.id: _known(row) for row in await connection.execute(_FREE, given)}
        found = {}
        for need in needs:
            figure = figures.get(stock_id(need.plant, need.item))
            if figure is not None and figure.reported_at > need.revision.effective_at:
                found[need.id] = figure
        return found

    async def reported(self, figure: StockFigure) -> None:
        """Record that the balance was started with the figure or notified of it."""
        async with autocommit(self._engine) as connection:
            await connection.execute(
                update(StockRow)
                .where(StockRow.id == figure.id, StockRow.reported_revision < figure.revision)
                .values(reported_revision=figure.revision)
            )

    async def figure(self, plant: str, item: str) -> StockFigure | None:
        """The stock available to promise; None where it was never stated."""
        query = select(StockRow.__table__).where(StockRow.plant == plant, StockRow.item == item)
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _known(row)

    async def free(self, plants: Sequence[str], item: str) -> dict[str, FreeStock]:
        """By plant, the stock available to promise that no requirement there counts on.

        A plant is left out whose stock was never stated, or counts in another unit than a requirement that it serves.
        """
        if not plants:
            return {}
        record = RequirementRecord
        counted_on = (
            select(record.plant, record.unit, func.sum(record.from_stock).label("quantity"))
            .where(record.plant.in_(plants), record.item == item, record.closed.is_(False), record.from_stock > 0)
            .group_by(record.plant, record.unit)
        )
        async with autocommit(self._engine) as connection:
            stocks = select(StockRow.__table__).where(StockRow.plant.in_(plants), StockRow.item == item)
            figures = [_known(row) for row in await connection.execute(stocks)]
            taken = {(row.plant, row.unit): row.quantity for row in await connection.execute(counted_on)}
        found: dict[str, FreeStock] = {}
        for figure in filter(None, figures):
            if all(unit == figure.unit for plant, unit in taken if plant == figure.plant):
                free = figure.available_to_promise - taken.get((figure.plant, figure.unit), Decimal(0))
                found[figure.plant] = FreeStock(quantity=max(Decimal(0), free), unit=figure.unit)
        return found

    async def users(self, plant: str, item: str) -> list[StockUser]:
        """The item's open requirements at the plant, by id."""
        record = RequirementRecord
        query = select(record.snapshot).where(record.plant == plant, record.item == item, record.closed.is_(False))
        async with autocommit(self._engine) as connection:
            found = (await connection.execute(query.order_by(record.id))).scalars()
            snapshots = [snapshot for snapshot in found if snapshot is not None]
            held = await _held(connection, [snapshot.id for snapshot in snapshots])
        return [_user(snapshot, held) for snapshot in snapshots if snapshot.needed != 0]

    async def balance(self, stock: StockId) -> StockSnapshot | None:
        """The stock balance as last recorded; None where it has recorded nothing."""
        async with autocommit(self._engine) as connection:
            query = select(StockRow.snapshot).where(StockRow.id == stock)
            return (await connection.execute(query)).scalar_one_or_none()

    # -- what is known of the item

    async def record_item(self, assessment: Assessment) -> None:
        """Keep the master data and policy behind a decision, for questions that must not wait for the ERP."""
        item = assessment.item
        if item is None:
            return
        kept = assessment.model_copy(update={"allocated": {}})
        async with autocommit(self._engine) as connection:
            await connection.execute(_RECORD_ITEM, {"plant": item.plant, "item": item.item, "assessment": kept})

    async def item(self, plant: str, item: str) -> Assessment | None:
        """Master data and policy as last recorded; None where no need of the item was ever decided."""
        async with autocommit(self._engine) as connection:
            query = select(ItemRow.assessment).where(ItemRow.plant == plant, ItemRow.item == item)
            return (await connection.execute(query)).scalar_one_or_none()


def _record_item() -> Insert:
    """Built once: building it costs more than running it."""
    statement = insert(ItemRow).values(registered_at=func.now())
    return statement.on_conflict_do_update(
        index_elements=[ItemRow.plant, ItemRow.item],
        set_={"assessment": statement.excluded.assessment, "registered_at": statement.excluded.registered_at},
    )


_RECORD_ITEM = _record_item()
_FREE = select(StockRow.__table__).where(
    StockRow.id == any_(bindparam("stocks", type_=ARRAY(Text))), StockRow.available_to_promise > 0
)


async def available_to_promise(
    connection: AsyncConnection, plant: str, items: Sequence[str]
) -> Mapping[str, StockFigure]:
    """By item, the stock available to promise (R13)."""
    query = select(StockRow.__table__).where(StockRow.plant == plant, StockRow.item.in_(items))
    found = {row.item: _known(row) for row in await connection.execute(query)}
    return {item: figure for item, figure in found.items() if figure is not None}


def _report_row(counted: CountedReport) -> dict[str, object]:
    report = counted.report
    return {
        "source": report.source,
        "event_id": report.event_id,
        "plant": report.plant,
        "item": report.item,
        "kind": report.kind,
        "quantity": report.quantity,
        "unit": report.unit,
        "counted": counted.quantity,
        "reason": report.reason,
        "effective_at": report.effective_at,
        "sequence": Decimal(report.sequence),
    }


async def _figure(connection: AsyncConnection, stock: Row[Any]) -> StockFigure | None:
    """R10: the newest statement, ties by the sender's sequence, id and source; less the consumption after it.

    Consumption at the same instant as a statement is already included in it.
    """
    report = StockReportRow
    here = (report.plant == stock.plant, report.item == stock.item)
    newest = (
        select(report.counted, report.effective_at, report.reason)
        .where(*here, report.kind == StockReportKind.STATED)
        .order_by(report.effective_at.desc(), report.sequence.desc(), report.event_id.desc(), report.source.desc())
        .limit(1)
    )
    stated = (await connection.execute(newest)).one_or_none()
    if stated is None:
        return None
    after = and_(*here, report.kind == StockReportKind.CONSUMED, report.effective_at > stated.effective_at)
    consumed = (await connection.execute(select(func.coalesce(func.sum(report.counted), 0)).where(after))).scalar_one()
    last = select(report.effective_at, report.reason).where(after)
    last = last.order_by(report.effective_at.desc(), report.event_id.desc(), report.source.desc()).limit(1)
    newest_use = (await connection.execute(last)).one_or_none() or stated
    return StockFigure(
        plant=stock.plant,
        item=stock.item,
        unit=stock.unit,
        available_to_promise=stated.counted - consumed,
        reported_at=stated.effective_at,
        as_of=newest_use.effective_at,
        reason=newest_use.reason,
        revision=stock.revision,
    )


def _known(row: Row[Any]) -> StockFigure | None:
    if row.available_to_promise is None:
        return None
    return StockFigure.model_validate({name: getattr(row, name) for name in StockFigure.model_fields})


async def _classify(connection: AsyncConnection, row: Row[Any], figure: StockFigure | None) -> StockClassification:
    """Starts no balance where nothing is short and no need could be relaxed."""
    if figure is None or figure.revision <= row.reported_revision:
        return StockClassification(figure=figure, notify=False)
    runs = row.reported_revision > 0 and not _has_ended(row)
    record = RequirementRecord
    needed = exists().where(record.plant == row.plant, record.item == row.item, record.closed.is_(False))
    concerned = figure.available_to_promise < 0 or runs
    if not concerned and figure.available_to_promise > 0:
        concerned = bool((await connection.execute(select(needed))).scalar_one())
    return await _run_of(connection, row, StockClassification(figure=figure, notify=concerned))


def _has_ended(row: Row[Any]) -> bool:
    """Whether the last notified balance has ended, and has not just begun."""
    return row.snapshot is not None and bool(row.closed) and row.snapshot.figure.revision >= row.reported_revision


async def _run_of(
    connection: AsyncConnection, row: Row[Any], classification: StockClassification
) -> StockClassification:
    """The classification, with the position from which the audit events of a balance that has ended continue."""
    if not classification.notify or not _has_ended(row):
        return classification
    counted = await counts(connection, [row.id])
    return classification.model_copy(update={"reopen": True, "next_sequence": counted[row.id] + 1})


async def _held(connection: AsyncConnection, requirements: Sequence[str]) -> Mapping[str, Decimal]:
    """By requirement, the received and coming quantity of its order lines, in its own unit.

    The coming quantity of a shared line is not allocated yet: its order enforces that floor itself (R3).
    """
    if not requirements:
        return {}
    served = select(OrderLineRow.order_id).where(OrderLineRow.requirement_id.in_(requirements))
    requested = select(SupplyRequestRow.order_id, SupplyRequestRow.request).where(
        SupplyRequestRow.requirement_id.in_(requirements)
    )
    requests: dict[tuple[str, str], SupplyRequest] = {}
    for found in await connection.execute(requested):
        requests[found.order_id, found.request.requirement_id] = found.request
    orders = {order_id for order_id, _ in requests}
    query = select(OrderRecord.snapshot).where(OrderRecord.id.in_(served) | OrderRecord.id.in_(orders))
    held: dict[str, Decimal] = defaultdict(Decimal)
    for order in (await connection.execute(query)).scalars():
        for requirement, quantity in _gone(order, requirements):
            request = requests.get((order.id, requirement))
            per_order_unit = SAME if request is None else request.per_order_unit
            held[requirement] += rescale(quantity, per_order_unit, NEED_DECIMALS, "up")
    return held


def _gone(order: OrderSnapshot, requirements: Sequence[str]) -> Iterable[tuple[str, Decimal]]:
    for line in order.lines:
        for requirement in {line.requirement_id, *(share.requirement_id for share in line.shares)}:
            if requirement in requirements:
                yield requirement, _gone_of(line, requirement)


def _gone_of(line: OrderLineSnapshot, requirement: str) -> Decimal:
    if line.shares:
        return line.received_for(requirement)
    return max(line.shipped, line.received) if requirement == line.requirement_id else Decimal(0)


def _user(snapshot: RequirementSnapshot, held: Mapping[str, Decimal]) -> StockUser:
    need = snapshot.need
    reported = sum((part.quantity for part in snapshot.coverage if part.state in _GONE), Decimal(0))
    return StockUser(
        requirement_id=snapshot.id,
        quantity=snapshot.needed,
        unit=need.unit,
        required_date=need.required_date,
        criticality=need.criticality,
        reported_at=need.revision.effective_at,
        secured=max(reported, held.get(snapshot.id, Decimal(0))),
        answers_order=need.demanded_by is not None and need.demanding_line is not None,
    )


__all__ = ["CountedReport", "Stock", "StockClassification", "available_to_promise"]
