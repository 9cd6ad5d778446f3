"""R1 for the lines of a plan run that carry no stable reference: decisions.matching behind the ledger's protocol."""

from collections.abc import Sequence

from canonical.need import Need
from canonical.plan import LineMatch, LineMatching, LineTie, UnnamedLine
from canonical.policy import PlantPolicy
from decisions.matching import match_needs


class NearestNeeds:
    """Satisfies canonical.plan.PlanMatcher."""

    def match(self, known: Sequence[Need], lines: Sequence[UnnamedLine], policy: PlantPolicy) -> LineMatching:
        """Match the lines of one item at one plant with the known needs (R1)."""
        numbers = {line.need.demand_reference: line.number for line in lines}
        found = match_needs(known, [line.need for line in lines], policy.calendar, policy.matching_days)
        continued = [
            LineMatch(number=numbers[new.demand_reference], reference=old.demand_reference, why=why)
            for old, new, why in found.updates
        ]
        created = [
            LineMatch(number=numbers[new.demand_reference], reference=new.demand_reference, why=why)
            for new, why in found.creates
        ]
        ties = [
            LineTie(
                numbers=tuple(numbers[need.demand_reference] for need in tie.new),
                known=tuple(need.id for need in tie.old),
                why=tie.why,
            )
            for tie in found.ambiguous
        ]
        return LineMatching(matches=(*continued, *created), ties=tuple(ties))
