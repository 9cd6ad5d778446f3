"""What APS is told: the cover of its requirements, whole, with a revision."""

from canonical.base import Code, Instant, Noun
from canonical.cover import SupplySlice
from canonical.identity import OrderId, RequirementId


class RequirementCoverage(Noun):
    """What one order gives one requirement."""

    requirement_id: RequirementId
    slices: tuple[SupplySlice, ...]


class CoverageReport(Noun):
    """The cover that one order gives all its requirements, whole: it replaces the order's last report.

    A lower `sequence` than the last is stale.
    """

    order_id: OrderId
    order_number: str
    plant: Code
    sequence: int
    as_of: Instant
    entries: tuple[RequirementCoverage, ...]
