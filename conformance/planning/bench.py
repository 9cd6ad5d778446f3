"""What an adapter's project gives the planning suite: a planning system, the adapter, and a look past the adapter.

A bench is an object with the attributes and methods of `PlanningBench`; it inherits nothing. It reads what the planning
system holds by a way of its own, not through the adapter. Where the system has no such thing, a method raises
CannotHappen with the reason, and the case is skipped. Every case reports the coverage of an order of its own.
"""

from collections.abc import Mapping
from typing import Protocol

from adapters.ports import ApsPort
from canonical.coverage import CoverageReport
from canonical.identity import RequirementId
from canonical.supply import ScheduleLine
from conformance.writing import WritingBench

Held = Mapping[RequirementId, tuple[ScheduleLine, ...]]
"""The schedule lines by requirement, in any order; a requirement without any may be left out."""


class ConnectedPlanning(Protocol):
    """The adapter under test; adapters.dialects.PlanningSystem is one."""

    @property
    def aps(self) -> ApsPort: ...


class PlanningBench(WritingBench[ConnectedPlanning], Protocol):
    """A planning system that the suite may write into."""

    @property
    def template(self) -> CoverageReport:
        """A report that the system takes as it is: one order that serves two requirements that it knows, each with a
        confirmed schedule line in the future. The suite gives it numbers, sequences, quantities and days of its own.
        """
        ...

    @property
    def keeps_sequence(self) -> bool:
        """Whether an older report can be told from a newer one there. Only a system without any field for it says no;
        then the last call wins.
        """
        ...

    def expected(self, report: CoverageReport) -> Held:
        """What the system is to hold of a report: all of it (`conformance.planning.bench.whole`), or what its tables
        have room for.
        """
        ...

    async def held(self, report: CoverageReport) -> Held:
        """What the system holds now of the report's order."""
        ...


def whole(report: CoverageReport) -> Held:
    """All that a report says."""
    return {entry.requirement_id: entry.schedule_lines for entry in report.entries}


__all__ = ["ConnectedPlanning", "Held", "PlanningBench", "whole"]
