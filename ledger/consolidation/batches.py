"""Order sheets: which order takes a want, and what an order collected before it was placed.

Decided here: that wants of the same terms which arrive together share an order within the limits given, and that no
want is lost or promised twice when reserving and closing meet. Not here: the limits (plant policy), when a sheet is
closed (the order's own timer), and what becomes of the wants.
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
from canonical.cover import Want
from canonical.identity import OrderId, order_id
from canonical.records import OrderTerms, Reservation, Sheet
from canonical.units import physical_ratio
from ledger.consolidation.tables import OrderSheetRow, SheetWantRow
from ledger.database import advisory_key, autocommit, transaction

_Held = Row[str, int, Want, bool, bool, bool]
"""order_id, need_revision, want, collects, open, opened_by_us: a sheet that the requirement has a want on."""


class Sheets:
    """Reserves orders for wants and closes their sheets."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reserve_order(
        self, want: Want, terms: OrderTerms, *, collect_minutes: int, lines_max: int, days_max: int
    ) -> Reservation:
        """Put the want on the sheet of an order that collects for these terms, or open one (LedgerPort).

        A newer want of a requirement replaces its former one while that sheet is open, whatever the limits; a want
        without lots whose sheet has closed is answered with that order and needs a message. An older want than the
        newest known changes nothing. PermanentError: a want without lots of a requirement that has no order.
        """
        async with transaction(self._engine) as connection:
            # Two openers of the same terms would not see each other's order before it is committed.
            lock = advisory_key("sheet", terms.plant, terms.supplier, terms.currency, terms.terms, terms.route)
            await connection.execute(_LOCK, {"lock": lock})
            held = await _held(connection, want, terms)
            known = _stated_before(held, want.need_revision)
            if known is not None and not (known.open and known.need_revision == want.need_revision):
                return _again(known, want)
            if held and held[0].open:
                await _replace(connection, OrderId(held[0].order_id), want)
                return _again(held[0])
            if not want.lots:
                return _of_closed_sheet(held, want)
            joined = None
            if collect_minutes > 0:
                joined = await _collecting(connection, want, terms, lines_max=lines_max, days_max=days_max)
            order = joined or await _open(connection, want, terms, collects=collect_minutes > 0)
            await _add(connection, order, terms.supplier, want)
            return Reservation(order_id=order, opened=joined is None, collecting=collect_minutes > 0)

    async def close_sheet(self, order: OrderId) -> Sheet:
        """End the collecting and hand over the wants in the order of arrival; repeated: the same sheet (LedgerPort)."""
        async with transaction(self._engine) as connection:
            await connection.execute(
                update(OrderSheetRow)
                .where(OrderSheetRow.order_id == order, OrderSheetRow.closed_at.is_(None))
                .values(closed_at=func.now())
            )
            wants = await connection.scalars(
                select(SheetWantRow.want).where(SheetWantRow.order_id == order).order_by(SheetWantRow.arrival)
            )
            sheet = Sheet(wants=tuple(wants))
        if not sheet.wants:
            raise PermanentError("ledger", f"{order} has no sheet; reserve_order opens one before the order starts")
        return sheet

    async def allocated(self, plant: str, item: str, unit: str = "") -> Mapping[str, Decimal]:
        """R14: what each supplier has been asked for of the item so far (LedgerPort).

        Of an order that has lines, what they are now; of one that still collects, what is wanted of it.
        """
        async with autocommit(self._engine) as connection:
            found = await connection.execute(
                select(SheetWantRow.supplier, SheetWantRow.unit, func.sum(SheetWantRow.asked))
                .where(SheetWantRow.plant == plant, SheetWantRow.item == item)
                .group_by(SheetWantRow.supplier, SheetWantRow.unit)
            )
            given: defaultdict[str, Decimal] = defaultdict(Decimal)
            for supplier, stated_in, asked in found:
                given[supplier] += _in_unit(asked, stated_in, unit)
        return given


def _in_unit(asked: Decimal, stated_in: str, unit: str) -> Decimal:
    ratio = physical_ratio(stated_in, unit) if unit and unit != stated_in else None
    return asked if ratio is None else asked * ratio.denominator / ratio.numerator


async def _held(connection: AsyncConnection, want: Want, terms: OrderTerms) -> Sequence[_Held]:
    """The sheets of these terms that the requirement has a want on, newest first, locked against closing."""
    return (await connection.execute(_HELD, {"requirement_id": want.requirement_id, **_given(terms)})).all()


def _stated_before(held: Sequence[_Held], need_revision: int) -> _Held | None:
    """The sheet that took this revision; where it was replaced since, the one with the newest."""
    exact = next((row for row in held if row.need_revision == need_revision), None)
    return exact or (held[0] if held and held[0].need_revision > need_revision else None)


def _again(row: _Held, given: Want | None = None) -> Reservation:
    """The same order; with the want it holds where that is not the one given."""
    other = given is not None and row.want.model_copy(update={"stated_at": given.stated_at}) != given
    return Reservation(
        order_id=OrderId(row.order_id),
        opened=row.opened_by_us,
        collecting=row.collects,
        held=row.want if other else None,
    )


def _of_closed_sheet(held: Sequence[_Held], want: Want) -> Reservation:
    if not held:
        raise PermanentError(
            "ledger",
            f"{want.requirement_id} wants nothing and has no order of these terms; there is nothing to reserve",
        )
    return Reservation(order_id=OrderId(held[0].order_id), opened=False, collecting=False)


_TERMS = ("plant", "supplier", "currency", "terms", "route")


def _of_these_terms() -> ColumnElement[bool]:
    return and_(*(getattr(OrderSheetRow, name) == bindparam(name) for name in _TERMS))


def _given(terms: OrderTerms) -> dict[str, object]:
    return {name: getattr(terms, name) for name in _TERMS}


# Built once, which costs as much as running them.
_LOCK = select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger())))
_HELD = (
    select(
        SheetWantRow.order_id,
        SheetWantRow.need_revision,
        SheetWantRow.want,
        OrderSheetRow.collects,
        OrderSheetRow.closed_at.is_(None).label("open"),
        (OrderSheetRow.opened_by == bindparam("requirement_id")).label("opened_by_us"),
    )
    .join(OrderSheetRow, OrderSheetRow.order_id == SheetWantRow.order_id)
    .where(SheetWantRow.requirement_id == bindparam("requirement_id"), _of_these_terms())
    .order_by(SheetWantRow.need_revision.desc())
    .with_for_update(of=OrderSheetRow)
)
_OPEN_TO_COLLECT = insert(OrderSheetRow)
_OPEN_CLOSED = insert(OrderSheetRow).values(closed_at=func.now())
_ADD = insert(SheetWantRow)


def _with_room() -> Select[str]:
    """Its parameters are those of `_collecting`."""
    on_sheet = (
        select(
            func.sum(SheetWantRow.lines).label("lines"),
            func.min(SheetWantRow.dock_date).filter(SheetWantRow.lines > 0).label("first"),
            func.max(SheetWantRow.dock_date).filter(SheetWantRow.lines > 0).label("last"),
        )
        .where(SheetWantRow.order_id == OrderSheetRow.order_id)
        .lateral("on_sheet")
    )
    dock_date = bindparam("dock_date", type_=Date())
    spread = func.greatest(on_sheet.c.last, dock_date) - func.least(on_sheet.c.first, dock_date)
    lots, lines_max, days_max = (bindparam(name, type_=Integer()) for name in ("lots", "lines_max", "days_max"))
    return (
        select(OrderSheetRow.order_id)
        .join(on_sheet, true())
        .where(_of_these_terms(), OrderSheetRow.closed_at.is_(None))
        .where(on_sheet.c.lines + lots <= lines_max, spread <= days_max)
        .order_by(OrderSheetRow.number)
        .limit(1)
        .with_for_update(of=OrderSheetRow)
    )


_COLLECTING = _with_room()


async def _collecting(
    connection: AsyncConnection, want: Want, terms: OrderTerms, *, lines_max: int, days_max: int
) -> OrderId | None:
    """The first opened order that collects and has room for the want's lines and days, locked against closing."""
    given = {"lots": len(want.lots), "lines_max": lines_max, "days_max": days_max, "dock_date": want.dock_date}
    found = await connection.scalar(_COLLECTING, given | _given(terms))
    return None if found is None else OrderId(found)


async def _open(connection: AsyncConnection, want: Want, terms: OrderTerms, *, collects: bool) -> OrderId:
    order = order_id(terms.plant, terms.supplier, f"{want.requirement_id}#{want.need_revision}")
    await connection.execute(
        _OPEN_TO_COLLECT if collects else _OPEN_CLOSED,
        {"order_id": order, "opened_by": want.requirement_id, "collects": collects, **terms.model_dump()},
    )
    return order


async def _add(connection: AsyncConnection, order: OrderId, supplier: str, want: Want) -> None:
    whose = {"order_id": order, "requirement_id": want.requirement_id, "supplier": supplier}
    await connection.execute(_ADD, whose | _columns(want))


async def _replace(connection: AsyncConnection, order: OrderId, want: Want) -> None:
    await connection.execute(
        update(SheetWantRow)
        .where(SheetWantRow.order_id == order, SheetWantRow.requirement_id == want.requirement_id)
        .values(_columns(want))
    )


def _columns(want: Want) -> dict[str, object]:
    numerator, denominator = want.per_order_unit
    return {
        "need_revision": want.need_revision,
        "lines": len(want.lots),
        "dock_date": want.dock_date,
        "plant": want.plant,
        "item": want.item,
        "unit": want.need_unit or want.unit,
        "asked": want.quantity * numerator / denominator,
        "want": want,
    }
