"""Stock that is available to promise: the systems' reports, the resulting figure, and who could be served from it.

decisions.stock_use decides its use; R10 (`StockReport.rank`) the order of reports.
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from canonical.base import Code, Criticality, Instant, Model, Quantity, SignedQuantity, UnitCode
from canonical.identity import RequirementId, StockId, stock_id


class StockReportKind(StrEnum):
    """The kind of a stock report."""

    STATED = "stated"
    """The whole available quantity."""
    CONSUMED = "consumed"
    """One unplanned use of it."""


class StockReport(Model):
    """A system's report on an item's stock at a plant, by the sender's clock."""

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
    """Orders the sender's reports of the same moment."""
    event_id: str

    @property
    def id(self) -> StockId:
        """The stock that it reports on."""
        return stock_id(self.plant, self.item)


class StockFigure(Model):
    """The available stock of an item at a plant: the newest statement, less later consumption."""

    plant: Code
    item: Code
    unit: UnitCode
    available_to_promise: SignedQuantity
    reported_at: Instant
    """When the statement took effect; needs that a plan states later have netted it."""
    as_of: Instant
    """When its newest report took effect."""
    reason: str = ""
    """The reason given by that report."""
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
    """Received for it, or on the way: orders can't be reduced below that."""
    answers_order: bool = False
    """It is another plant's transfer, which is promised the quantity that suppliers confirm."""


class StockAllocation(Model):
    """The stock allocation last reported to a requirement, in its own unit."""

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
