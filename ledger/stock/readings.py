"""What ERPs are read to have available: which items to ask for, what was read last, and that only changes are reports.

Decided here: an item is asked for where it has an open requirement or a stock at the plant; what our own transfers were
promised from a plant's stock; and that a reading becomes a report only if it differs from the one before, or somebody
else stated the stock since, and is not older. Not here: how often an ERP is asked, and what it owns
(runtime.stock_readings).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Numeric, cast, exists, func, or_, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.event_data import OUR_SOURCE
from ledger.database import autocommit, transaction
from ledger.inbox.inbox import Arrival, Stored, store_in
from ledger.snapshots.tables import RequirementRecord
from ledger.stock.tables import ItemRow, StockReadingRow, StockRow


class StockReading(NamedTuple):
    """What an ERP has available of an item at a plant."""

    plant: str
    item: str
    quantity: Decimal
    unit: str
    at: dt.datetime


class NeededItem(NamedTuple):
    """An item that an open requirement of a plant is for."""

    plant: str
    item: str
    item_class: str
    """Empty: none, or not known yet."""


class StockReadings:
    """Remembers the last reading of each item at a plant."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def items(self, plant: str) -> set[str]:
        """Those with an open requirement at the plant, or with a stock there."""
        record = RequirementRecord
        needed = select(record.item).where(record.plant == plant, record.closed.is_(False))
        async with autocommit(self._engine) as connection:
            found = await connection.scalars(union(needed, select(StockRow.item).where(StockRow.plant == plant)))
            return set(found)

    async def needed(self) -> list[NeededItem]:
        """The items of the open requirements of all plants."""
        record, known = RequirementRecord, ItemRow
        named = func.coalesce(func.jsonb_extract_path_text(known.assessment, "item", "item_class"), "")
        query = (
            select(record.plant, record.item, named)
            .outerjoin(known, (known.plant == record.plant) & (known.item == record.item))
            .where(record.closed.is_(False))
            .distinct()
        )
        async with autocommit(self._engine) as connection:
            return [NeededItem(*row) for row in await connection.execute(query)]

    async def promised(self, plant: str, items: Sequence[str]) -> Mapping[str, Mapping[str, Decimal]]:
        """By item and unit, what open transfers of ours were promised from the plant's stock (R7)."""
        record = RequirementRecord
        quantity = cast(func.jsonb_extract_path_text(record.snapshot, "need", "from_stock"), Numeric)
        query = (
            select(record.item, record.unit, func.sum(quantity))
            .where(record.plant == plant, record.item.in_(items), record.closed.is_(False))
            .where(record.source == OUR_SOURCE, quantity > 0)
            .group_by(record.item, record.unit)
        )
        found: dict[str, dict[str, Decimal]] = defaultdict(dict)
        async with autocommit(self._engine) as connection:
            for item, unit, total in await connection.execute(query):
                found[item][unit] = total
        return found

    async def take(
        self, system: str, readings: Sequence[StockReading], report: Callable[[StockReading, int], Arrival]
    ) -> list[Stored]:
        """Remember the readings, each item at a plant once among them; put those that differ into the inbox.

        `report` makes the message of a reading and its sequence. All in one transaction: of two readers at the same
        moment one finds the other's reading, and what is remembered was reported.
        """
        if not readings:
            return []
        row = StockReadingRow
        by_place = {(each.plant, each.item): each for each in readings}
        new = insert(row).values([_row(system, by_place[place]) for place in sorted(by_place)])
        given = new.excluded
        stated_since = exists().where(
            StockRow.plant == row.plant, StockRow.item == row.item, StockRow.reported_at > row.read_at
        )
        differs = or_(row.system != given.system, row.quantity != given.quantity, row.unit != given.unit, stated_since)
        changed = new.on_conflict_do_update(
            index_elements=[row.plant, row.item],
            set_={
                **{name: given[name] for name in ("system", "quantity", "unit", "read_at")},
                "sequence": row.sequence + 1,
            },
            where=differs & (row.read_at < given.read_at),
        ).returning(row.plant, row.item, row.sequence)
        async with transaction(self._engine) as connection:
            found = (await connection.execute(changed)).all()
            arrivals = [report(by_place[plant, item], sequence) for plant, item, sequence in found]
            return await store_in(connection, arrivals) if arrivals else []


def _row(system: str, reading: StockReading) -> dict[str, object]:
    own = reading._asdict()
    return {"system": system, "read_at": own.pop("at"), **own}


__all__ = ["NeededItem", "StockReading", "StockReadings"]
