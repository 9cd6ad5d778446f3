"""The coverage reported to APS: always whole, with a revision."""

from canonical.base import Code, Instant, Model
from canonical.identity import OrderId, RequirementId
from canonical.substitution import Substitution
from canonical.supply import ScheduleLine


class RequirementCoverage(Model):
    """What one order gives one requirement."""

    requirement_id: RequirementId
    schedule_lines: tuple[ScheduleLine, ...]
    substitution: Substitution | None = None
    """The substitute item that the planner has approved for what is short, until the plan has followed."""


class CoverageReport(Model):
    """The coverage that one order gives all its requirements, whole: it replaces the order's last report.

    A lower `sequence` than the last is stale.
    """

    order_id: OrderId
    order_number: str
    plant: Code
    item_classes: tuple[str, ...] = ()
    """As in OrderDocument."""
    sequence: int
    as_of: Instant
    entries: tuple[RequirementCoverage, ...]
