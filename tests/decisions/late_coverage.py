"""A need that its order fails, and who else could serve it: what the tests of shortages have in common."""

from decimal import Decimal

from canonical.need import Need
from canonical.supply import ScheduleLine
from decisions.feasibility import Short, judge_feasibility
from tests.decisions.models import WEEKDAYS, a_policy, a_source, confirmed, june

POLICY = a_policy()
TODAY = june(1)
CURRENT = a_source(supplier="1580", supplier_name="Litware", price=Decimal("2.00"))
SECOND = a_source(
    supplier="1678",
    supplier_name="Proseware",
    preference=2,
    lead_time_days=7,
    price=Decimal("2.50"),
    minimum_quantity=Decimal(50),
    multiple=Decimal(50),
)
LATE = (confirmed(60, june(11)), confirmed(40, june(22)))


def short_of(need: Need, *coverage: ScheduleLine) -> Short:
    outcome = judge_feasibility(need.pegs, coverage, 2, WEEKDAYS, TODAY)
    assert isinstance(outcome, Short)
    return outcome
