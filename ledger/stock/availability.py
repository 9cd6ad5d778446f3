"""The ledger's data on an item at a plant, for a question that must be answered in milliseconds.

Nothing is decided here. Reads the columns that entities' snapshots are projected to (ledger.snapshots.snapshots), never
the snapshots themselves: they grow with an order, and an item may have thousands of needs.
"""

import datetime as dt
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Instant, Model
from canonical.identity import stock_id
from canonical.sourcing import Assessment
from canonical.stock import StockFigure
from ledger.database import failures


class OpenNeeds(Model):
    """The open needs of an item in one unit."""

    unit: str
    count: int
    quantity: Decimal
    from_stock: Decimal
    received: Decimal


class ConfirmedSupply(Model):
    """Supply for needs that is confirmed or despatched and not yet received, in one order unit."""

    unit: str
    quantity: Decimal


class SurplusSupply(Model):
    """Unallocated supply from order lines, by dock date."""

    unit: str
    quantity: Decimal
    date: dt.date
    order: str
    """The first of these orders, by its number where it has one."""
    lines: int


class ItemSupply(Model):
    """The supply of an item at a plant."""

    stock: StockFigure | None
    assessment: Assessment | None
    assessed_at: Instant | None
    """When the master data and policy of the last decision were recorded."""
    needs: tuple[OpenNeeds, ...]
    confirmed: tuple[ConfirmedSupply, ...]
    surplus: tuple[SurplusSupply, ...]

    @property
    def known(self) -> bool:
        """Whether the ledger has any record of the item."""
        return bool(self.stock or self.assessment or self.needs or self.confirmed or self.surplus)


_SUPPLY = text("""
SELECT json_build_object(
    'stock', (
        SELECT json_build_object('plant', plant, 'item', item, 'unit', unit,
                                 'available_to_promise', available_to_promise::text, 'reported_at', reported_at,
                                 'as_of', as_of, 'reason', reason, 'revision', revision)
          FROM stock WHERE id = :stock AND available_to_promise IS NOT NULL),
    'assessment', (SELECT assessment FROM item_at_plant WHERE plant = :plant AND item = :item),
    'assessed_at', (SELECT registered_at FROM item_at_plant WHERE plant = :plant AND item = :item),
    'needs', (
        SELECT coalesce(json_agg(json_build_object(
                   'unit', unit, 'count', needs, 'quantity', quantity::text, 'from_stock', from_stock::text,
                   'received', received::text)), '[]')
          FROM (SELECT unit, count(*) AS needs, sum(quantity) AS quantity, sum(from_stock) AS from_stock,
                       sum(received) AS received
                  FROM requirement WHERE plant = :plant AND item = :item AND NOT closed AND quantity > 0
                 GROUP BY unit) AS open_need),
    'confirmed', (
        SELECT coalesce(json_agg(json_build_object('unit', unit, 'quantity', quantity::text)), '[]')
          FROM (SELECT unit, sum(confirmed) AS quantity
                  FROM order_line WHERE plant = :plant AND item = :item AND coming GROUP BY unit) AS promised),
    'surplus', (
        SELECT coalesce(json_agg(json_build_object(
                   'unit', unit, 'date', date, 'quantity', quantity::text, 'lines', lines, 'order', coalesce(
                       (SELECT order_number FROM purchase_order WHERE purchase_order.id = first), first))
                   ORDER BY date), '[]')
          FROM (SELECT unit, piece->>0 AS date, sum((piece->>1)::numeric) AS quantity, count(*) AS lines,
                       min(order_id) AS first
                  FROM order_line, json_array_elements(spare) AS piece
                 WHERE plant = :plant AND item = :item AND coming GROUP BY unit, piece->>0) AS spared)
)::text
""")
"""One round trip, in the form of the model that parses it; sums are computed in the database."""


class Availabilities:
    """Looks items up."""

    def __init__(self, engine: AsyncEngine) -> None:
        # A single statement needs no transaction, which would cost two more round trips.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def supply_of(self, plant: str, item: str) -> ItemSupply:
        """Stock, open needs and confirmed supply of an item, with the master data it was last decided by."""
        asked = {"plant": plant, "item": item, "stock": stock_id(plant, item)}
        with failures():
            async with self._engine.connect() as connection:
                found = (await connection.execute(_SUPPLY, asked)).scalar_one()
        return ItemSupply.model_validate_json(found)


__all__ = ["Availabilities", "ConfirmedSupply", "ItemSupply", "OpenNeeds", "SurplusSupply"]
