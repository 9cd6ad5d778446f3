"""A coverage report in the format of the planning system's REST interface. Pure: no I/O."""

from pydantic import JsonValue

from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.substitution import Substitution
from canonical.supply import ScheduleLine


def coverage_body(report: CoverageReport) -> dict[str, JsonValue]:
    """The whole coverage that one order gives; quantities as strings, so that no decimal is lost."""
    return {
        "order": report.order_number,
        "plant": report.plant,
        "sequence": report.sequence,
        "asOf": report.as_of.isoformat(),
        "requirements": [_requirement(entry) for entry in report.entries],
    }


def _requirement(entry: RequirementCoverage) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {
        "requirementId": entry.requirement_id,
        "scheduleLines": [_schedule_line(part) for part in entry.schedule_lines],
    }
    return body if entry.substitution is None else {**body, "substitution": _substitution(entry.substitution)}


def _substitution(approved: Substitution) -> dict[str, JsonValue]:
    """What the planner approved and the plan does not have yet; left out once it has, or nobody waits for it."""
    return {
        "item": approved.item,
        "quantity": f"{approved.quantity:f}",
        "unit": approved.unit,
        "replaces": f"{approved.replaces:f}",
        "useOn": approved.use_on.isoformat(),
    }


def _schedule_line(part: ScheduleLine) -> dict[str, JsonValue]:
    return {
        "quantity": f"{part.quantity:f}",
        "date": part.date.isoformat() if part.date else None,
        "state": part.state.value,
    }
