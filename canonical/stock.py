"""Stock that is available to promise: what systems say of it, what that leaves, and who could be served from it.

What becomes of it is decided by decisions.stock_use; what a message is to those before it, by R10 (`StockReport.rank`).
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from canonical.base import Code, Criticality, Instant, Model, Quantity, SignedQuantity, UnitCode
from canonical.identity import RequirementId, StockId, stock_id


class StockReportKind(StrEnum):
    """What a report on stock says."""

    STATED = "stated"
    """The whole quantity that is free."""
    CONSUMED = "consumed"
    """One unplanned use of it."""


class StockReport(Model):
    """What a system says of an item's stock at a plant, by the sender's clock."""

    kind: StockReportKind
    plant: Code
    item: Code
    quantity: SignedQuantity
    """STATED: unrestricted stock less what is reserved for demand that the plan has netted. CONSUMED: above zero."""
    unit: UnitCode
    reason: str = ""
    source: Code
    effective_at: Instant
    sequence: int = 0
    """Orders what the sender says of one moment."""
    event_id: str

    @property
    def id(self) -> StockId:
        """The stock that it is about."""
        return stock_id(self.plant, self.item)


class StockFigure(Model):
    """What is free of an item at a plant: the newest statement, less what was consumed after it."""

    plant: Code
    item: Code
    unit: UnitCode
    available_to_promise: SignedQuantity
    reported_at: Instant
    """When the statement took effect; what a plan states later has netted it."""
    as_of: Instant
    """When the newest report took effect that it is made of."""
    reason: str = ""
    """Of that report."""
    revision: int
    """Rises with every change of the figure in the ledger (R10)."""

    @property
    def id(self) -> StockId:
        """The stock."""
        return stock_id(self.plant, self.item)


class StockUser(Model):
    """An open requirement of the item; quantities in its own unit."""

    requirement_id: RequirementId
    quantity: Quantity
    """As the plan states it."""
    unit: str
    required_date: dt.date
    criticality: Criticality
    reported_at: Instant
    """When the plan stated it."""
    secured: Quantity = Decimal(0)
    """Received for it, or on the way: orders can't be relaxed below that."""
    answers_order: bool = False
    """It is another plant's transfer, which is promised what suppliers confirm."""


class StockAllocation(Model):
    """What a requirement was last told that it gets from stock, in its own unit."""

    requirement_id: RequirementId
    quantity: Quantity
    unit: str
    reported_at: Instant
    """Of the stock statement; a later plan for the requirement has netted it."""


__all__ = [
    "SignedQuantity",
    "StockAllocation",
    "StockFigure",
    "StockReport",
    "StockReportKind",
    "StockUser",
]
