"""Consolidation batches: which order takes a supply request, and the requests in an order before it is placed.

Decided here: that supply requests on the same terms which arrive together share an order within the given limits, and
that none is lost or promised twice when reserving and closing coincide. Not here: the limits (plant policy), when a
consolidation batch is closed (the order's own timer), and the further processing of the supply requests.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.errors import PermanentError
from canonical.identity import OrderId, order_id
from canonical.records import ConsolidationBatch, OrderTerms, Reservation
from canonical.supply import SupplyRequest
from canonical.units import physical_ratio
from ledger.consolidation.tables import ConsolidationBatchRow, SupplyRequestRow
from ledger.database import advisory_key, autocommit, transaction

_Held = Row[str, int, SupplyRequest, bool, bool, bool]
"""A consolidation batch with a supply request of the requirement: order_id, request_revision, request, consolidates,
open, opened_by_us.
"""


class ConsolidationBatches:
    """Reserves orders for supply requests and closes their consolidation batches."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reserve_order(
        self, request: SupplyRequest, terms: OrderTerms, *, consolidation_minutes: int, lines_max: int, days_max: int
    ) -> Reservation:
        """Put the supply request in the consolidation batch of an order that collects for these terms, or open one
        (LedgerPort).

        A newer supply request of a requirement replaces its former one while that consolidation batch is open, whatever
        the limits; a supply request without lots whose consolidation batch has closed is answered with that order and
        needs a message. A supply request older than the newest known one changes nothing. PermanentError: a supply
        request without lots from a requirement that has no order.
        """
        async with transaction(self._engine) as connection:
            # Two openers of an order on the same terms would not see each other's before it is committed.
            lock = advisory_key("consolidation", terms.plant, terms.supplier, terms.currency, terms.terms, terms.route)
            await connection.execute(_LOCK, {"lock": lock})
            held = await _held(connection, request, terms)
            known = _stated_before(held, request.request_revision)
            if known is not None and not (known.open and known.request_revision == request.request_revision):
                return _again(known, request)
            if held and held[0].open:
                await _replace(connection, OrderId(held[0].order_id), request)
                return _again(held[0])
            if not request.lots:
                return _of_closed_batch(held, request)
            joined = None
            if consolidation_minutes > 0:
                joined = await _consolidating(connection, request, terms, lines_max=lines_max, days_max=days_max)
            order = joined or await _open(connection, request, terms, consolidates=consolidation_minutes > 0)
            await _add(connection, order, terms.supplier, request)
            return Reservation(order_id=order, opened=joined is None, consolidating=consolidation_minutes > 0)

    async def close_batch(self, order: OrderId) -> ConsolidationBatch:
        """Close the batch and return its supply requests in the order of arrival; repeated calls return the same
        (LedgerPort).
        """
        async with transaction(self._engine) as connection:
            await connection.execute(
                update(ConsolidationBatchRow)
                .where(ConsolidationBatchRow.order_id == order, ConsolidationBatchRow.closed_at.is_(None))
                .values(closed_at=func.now())
            )
            requests = await connection.scalars(
                select(SupplyRequestRow.request)
                .where(SupplyRequestRow.order_id == order)
                .order_by(SupplyRequestRow.arrival)
            )
            batch = ConsolidationBatch(requests=tuple(requests))
        if not batch.requests:
            raise PermanentError(
                "ledger", f"{order} has no consolidation batch; reserve_order opens one before the order starts"
            )
        return batch

    async def allocated(self, plant: str, item: str, unit: str = "") -> Mapping[str, Decimal]:
        """R14: the quantity of the item allocated to each supplier so far (LedgerPort).

        An order that has lines counts with their present quantities; one still consolidating, with its supply requests.
        """
        async with autocommit(self._engine) as connection:
            found = await connection.execute(
                select(SupplyRequestRow.supplier, SupplyRequestRow.unit, func.sum(SupplyRequestRow.asked))
                .where(SupplyRequestRow.plant == plant, SupplyRequestRow.item == item)
                .group_by(SupplyRequestRow.supplier, SupplyRequestRow.unit)
            )
            given: defaultdict[str, Decimal] = defaultdict(Decimal)
            for supplier, stated_in, asked in found:
                given[supplier] += _in_unit(asked, stated_in, unit)
        return given


def _in_unit(asked: Decimal, stated_in: str, unit: str) -> Decimal:
    ratio = physical_ratio(stated_in, unit) if unit and unit != stated_in else None
    return asked if ratio is None else asked * ratio.denominator / ratio.numerator


async def _held(connection: AsyncConnection, request: SupplyRequest, terms: OrderTerms) -> Sequence[_Held]:
    """The consolidation batches on these terms that hold a supply request of the requirement, newest first, locked
    against closing.
    """
    return (await connection.execute(_HELD, {"requirement_id": request.requirement_id, **_given(terms)})).all()


def _stated_before(held: Sequence[_Held], request_revision: int) -> _Held | None:
    """The consolidation batch that took this revision; where it has been replaced since, the one with the newest."""
    exact = next((row for row in held if row.request_revision == request_revision), None)
    return exact or (held[0] if held and held[0].request_revision > request_revision else None)


def _again(row: _Held, given: SupplyRequest | None = None) -> Reservation:
    """The same order, with the supply request it holds where that differs from the given one."""
    other = given is not None and row.request.model_copy(update={"reported_at": given.reported_at}) != given
    return Reservation(
        order_id=OrderId(row.order_id),
        opened=row.opened_by_us,
        consolidating=row.consolidates,
        existing=row.request if other else None,
    )


def _of_closed_batch(held: Sequence[_Held], request: SupplyRequest) -> Reservation:
    if not held:
        raise PermanentError(
            "ledger",
            f"{request.requirement_id} wants nothing and has no order of these terms; there is nothing to reserve",
        )
    return Reservation(order_id=OrderId(held[0].order_id), opened=False, consolidating=False)


_TERMS = ("plant", "supplier", "currency", "terms", "route")


def _of_these_terms() -> ColumnElement[bool]:
    return and_(*(getattr(ConsolidationBatchRow, name) == bindparam(name) for name in _TERMS))


def _given(terms: OrderTerms) -> dict[str, object]:
    return {name: getattr(terms, name) for name in _TERMS}


# Built once: building them costs as much as running them.
_LOCK = select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger())))
_HELD = (
    select(
        SupplyRequestRow.order_id,
        SupplyRequestRow.request_revision,
        SupplyRequestRow.request,
        ConsolidationBatchRow.consolidates,
        ConsolidationBatchRow.closed_at.is_(None).label("open"),
        (ConsolidationBatchRow.opened_by == bindparam("requirement_id")).label("opened_by_us"),
    )
    .join(ConsolidationBatchRow, ConsolidationBatchRow.order_id == SupplyRequestRow.order_id)
    .where(SupplyRequestRow.requirement_id == bindparam("requirement_id"), _of_these_terms())
    .order_by(SupplyRequestRow.request_revision.desc())
    .with_for_update(of=ConsolidationBatchRow)
)
_OPEN_TO_CONSOLIDATE = insert(ConsolidationBatchRow)
_OPEN_CLOSED = insert(ConsolidationBatchRow).values(closed_at=func.now())
_ADD = insert(SupplyRequestRow)


def _with_room() -> Select[str]:
    """Its parameters are those of `_collecting`."""
    in_batch = (
        select(
            func.sum(SupplyRequestRow.lines).label("lines"),
            func.min(SupplyRequestRow.dock_date).filter(SupplyRequestRow.lines > 0).label("first"),
            func.max(SupplyRequestRow.dock_date).filter(SupplyRequestRow.lines > 0).label("last"),
        )
        .where(SupplyRequestRow.order_id == ConsolidationBatchRow.order_id)
        .lateral("on_sheet")
    )
    dock_date = bindparam("dock_date", type_=Date())
    spread = func.greatest(in_batch.c.last, dock_date) - func.least(in_batch.c.first, dock_date)
    lots, lines_max, days_max = (bindparam(name, type_=Integer()) for name in ("lots", "lines_max", "days_max"))
    return (
        select(ConsolidationBatchRow.order_id)
        .join(in_batch, true())
        .where(_of_these_terms(), ConsolidationBatchRow.closed_at.is_(None))
        .where(in_batch.c.lines + lots <= lines_max, spread <= days_max)
        .order_by(ConsolidationBatchRow.number)
        .limit(1)
        .with_for_update(of=ConsolidationBatchRow)
    )


_CONSOLIDATING = _with_room()


async def _consolidating(
    connection: AsyncConnection, request: SupplyRequest, terms: OrderTerms, *, lines_max: int, days_max: int
) -> OrderId | None:
    """The earliest opened order that is consolidating and has room for the supply request's lines and days, locked
    against closing.
    """
    given = {"lots": len(request.lots), "lines_max": lines_max, "days_max": days_max, "dock_date": request.dock_date}
    found = await connection.scalar(_CONSOLIDATING, given | _given(terms))
    return None if found is None else OrderId(found)


async def _open(
    connection: AsyncConnection, request: SupplyRequest, terms: OrderTerms, *, consolidates: bool
) -> OrderId:
    order = order_id(terms.plant, terms.supplier, f"{request.requirement_id}#{request.request_revision}")
    await connection.execute(
        _OPEN_TO_CONSOLIDATE if consolidates else _OPEN_CLOSED,
        {"order_id": order, "opened_by": request.requirement_id, "consolidates": consolidates, **terms.model_dump()},
    )
    return order


async def _add(connection: AsyncConnection, order: OrderId, supplier: str, request: SupplyRequest) -> None:
    whose = {"order_id": order, "requirement_id": request.requirement_id, "supplier": supplier}
    await connection.execute(_ADD, whose | _columns(request))


async def _replace(connection: AsyncConnection, order: OrderId, request: SupplyRequest) -> None:
    await connection.execute(
        update(SupplyRequestRow)
        .where(SupplyRequestRow.order_id == order, SupplyRequestRow.requirement_id == request.requirement_id)
        .values(_columns(request))
    )


def _columns(request: SupplyRequest) -> dict[str, object]:
    numerator, denominator = request.per_order_unit
    return {
        "request_revision": request.request_revision,
        "lines": len(request.lots),
        "dock_date": request.dock_date,
        "plant": request.plant,
        "item": request.item,
        "unit": request.need_unit or request.unit,
        "asked": request.quantity * numerator / denominator,
        "request": request,
    }
