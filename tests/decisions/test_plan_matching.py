"""R1 for the lines of a plan run without references: which line goes on with which known requirement."""

from decimal import Decimal

from canonical.need import Need
from canonical.plan import LineMatch, UnnamedLine
from decisions.plan_matching import NearestNeeds
from tests.decisions.models import WEEKDAYS, a_need, a_policy, june

POLICY = a_policy(calendar=WEEKDAYS, matching_days=5)


def need(reference: str, quantity: int, day: int) -> Need:
    return a_need(demand_reference=reference, quantity=Decimal(quantity), required_date=june(day))


def test_each_line_goes_on_with_the_nearest_requirement_under_its_number_in_the_plan() -> None:
    known = [need("P1", 100, 10), need("P2", 200, 24)]
    lines = [
        UnnamedLine(number=7, need=need("line 7", 200, 25)),
        UnnamedLine(number=3, need=need("line 3", 110, 11)),
    ]
    found = NearestNeeds().match(known, lines, POLICY)
    why = "the nearest need of the plan is 1 working days away"
    assert set(found.matches) == {
        LineMatch(number=3, reference="P1", why=f"{why}: 110 on 2026-06-11 for 100"),
        LineMatch(number=7, reference="P2", why=f"{why}: 200 on 2026-06-25 for 200"),
    }
    assert found.ties == ()


def test_a_line_without_a_requirement_within_the_days_of_the_policy_is_new_under_its_own_reference() -> None:
    lines = [UnnamedLine(number=4, need=need("line 4", 100, 18))]
    near = NearestNeeds().match([need("P1", 100, 10)], lines, a_policy(calendar=WEEKDAYS, matching_days=6))
    assert near.matches[0].reference == "P1"
    far = NearestNeeds().match([need("P1", 100, 10)], lines, POLICY)
    assert far.matches == (
        LineMatch(number=4, reference="line 4", why="the last plan had no such need within 5 working days"),
    )


def test_a_line_that_may_be_either_of_two_requirements_is_named_with_both() -> None:
    known = [need("P1", 100, 10), need("P2", 100, 10)]
    found = NearestNeeds().match(known, [UnnamedLine(number=5, need=need("line 5", 100, 11))], POLICY)
    assert found.matches == ()
    [tie] = found.ties
    assert (tie.numbers, set(tie.known)) == ((5,), {known[0].id, known[1].id})
    assert tie.why
