"""A coverage report in the words of the planning system's REST interface. Pure: no I/O."""

from pydantic import JsonValue

from canonical.cover import SupplySlice
from canonical.coverage import CoverageReport, RequirementCoverage


def coverage_body(report: CoverageReport) -> dict[str, JsonValue]:
    """The whole cover that one order gives; quantities as strings, so that no decimal is lost."""
    return {
        "order": report.order_number,
        "plant": report.plant,
        "sequence": report.sequence,
        "asOf": report.as_of.isoformat(),
        "requirements": [_requirement(entry) for entry in report.entries],
    }


def _requirement(entry: RequirementCoverage) -> dict[str, JsonValue]:
    return {"requirementId": entry.requirement_id, "slices": [_slice(part) for part in entry.slices]}


def _slice(part: SupplySlice) -> dict[str, JsonValue]:
    return {
        "quantity": f"{part.quantity:f}",
        "date": part.date.isoformat() if part.date else None,
        "state": part.state.value,
    }
