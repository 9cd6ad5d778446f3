"""R7: a substitute item for what is short."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import OrderId
from canonical.need import Need, Peg
from canonical.policy import PlantPolicy, SubstituteItem, SubstitutionRules
from canonical.sourcing import FreeStock, UnitConversion
from canonical.substitution import Substitution
from decisions.shortage import shortage_proposal
from decisions.substitution import substitution_for, substitution_proposal, substitution_ways
from tests.decisions.late_coverage import CURRENT, LATE, TODAY, short_of
from tests.decisions.models import a_need, a_peg, a_policy, an_item, confirmed, june

PEG = Peg(demand="SO-1", quantity=Decimal(100), date=june(15), assembly="BK-R93R-62")
NEED = a_need(quantity=Decimal(100), pegging=(PEG,))


def policy_with(*substitutes: SubstituteItem) -> PlantPolicy:
    return a_policy(substitutes=substitutes)


def substitute(item: str = "BB-9108", **changes: Any) -> SubstituteItem:
    return SubstituteItem(item=item, **changes)


def ways(*substitutes: SubstituteItem, need: Need = NEED, **given: Any) -> list[Alternative]:
    short, item = short_of(need, *LATE), an_item(CURRENT)
    return list(substitution_ways(need, short, item, policy_with(*substitutes), TODAY, **given))


def items_of(found: list[Alternative]) -> list[str]:
    return [way.substitute.item for way in found if way.substitute is not None]


def on_stock(quantity: int, unit: str = "EA") -> FreeStock:
    return FreeStock(quantity=Decimal(quantity), unit=unit)


def test_r7_200_short_on_the_15th_are_300_of_a_substitute_at_3_for_2() -> None:
    need = a_need(quantity=Decimal(500), pegging=(a_peg(500, june(15)),))
    coverage = (confirmed(300, june(11)), confirmed(200, june(18)))
    short, item = short_of(need, *coverage), an_item(CURRENT)
    policy = policy_with(
        substitute(quantity=3, per=2, effective_from=june(1), effective_to=june(30), approval="ECR 4711")
    )
    [way] = substitution_ways(need, short, item, policy, TODAY, free={"BB-9108": on_stock(340)})
    assert way.substitute == Substitution(
        item="BB-9108", quantity=Decimal(300), unit="EA", replaces=Decimal(200), use_on=june(15)
    )
    assert (way.choice, way.available_on, way.working_days_late) == (Choice.SUBSTITUTE, june(15), 0)
    assert way.note == (
        "propose to the planner to use 300 EA BB-9108; all of it is on stock, and nobody counts on it; "
        "effective until 2026-06-30; interchangeable by ECR 4711"
    )
    assert substitution_ways(need, short, item, a_policy(), TODAY) == ()

    proposal = substitution_proposal(
        need, short, coverage, "1580", policy, way.substitute, TODAY, free=on_stock(340), proposed_by="anna"
    )
    assert proposal.summary == (
        "Use 300 EA BB-9108 instead of 200 EA BB-7421 in plant 1710 for SO-1, from 2026-06-15; all of it is on stock, "
        "and nobody counts on it; effective until 2026-06-30; interchangeable by ECR 4711."
    )
    assert (proposal.kind, proposal.approvers, proposal.proposed_by, proposal.rule) == (
        ExceptionKind.CHANGE_PROPOSAL,
        ("planner",),
        "anna",
        "R7",
    )
    assert [each.choice for each in proposal.alternatives] == [Choice.APPROVE, Choice.DECLINE]
    approve, decline = proposal.alternatives
    assert (approve.substitute, approve.note) == (
        way.substitute,
        "plan BB-9108 instead; the plan has 5 working days to follow",
    )
    assert decline.note == "the item stays: the buyer looks for another way out"
    assert (proposal.supplier, proposal.latest_safe_date) == ("1580", june(15))


def test_the_proposal_says_the_order_and_until_when_it_helps() -> None:
    policy = policy_with(substitute()).model_copy(update={"substitution": SubstitutionRules(plan_within_days=1)})
    short, item = short_of(NEED, *LATE), an_item(CURRENT)
    used = substitution_for(NEED, short, item, policy, "BB-9108")
    assert used is not None

    def put(today: dt.date) -> Proposal:
        return substitution_proposal(
            NEED, short, LATE, "1580", policy, used, today, proposed_by="anna", order_number="4500000001"
        )

    on_the_day, too_late = put(june(15)), put(june(16))
    assert (on_the_day.latest_safe_date, too_late.latest_safe_date) == (june(15), None)
    assert on_the_day.order_number == "4500000001"
    assert on_the_day.alternatives[0].note.endswith("the plan has 1 working day to follow")
    assert on_the_day.summary.endswith("from 2026-06-15; its free stock is not known.")
    gone = substitution_proposal(NEED, short, LATE, "1580", a_policy(), used, TODAY, proposed_by="anna")
    assert gone.summary.endswith("; its free stock is not known.")


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({"effective_from": june(15), "effective_to": june(15)}, True),
        ({"effective_from": june(16)}, False),
        ({"effective_to": june(14)}, False),
        ({"assemblies": ("BK-R93R-62", "BK-R93R-64")}, True),
        ({"assemblies": ("BK-R93R-64",)}, False),
        ({"unit": "KGM", "quantity": "0.4"}, True),
    ],
)
def test_it_is_effective_on_the_day_of_use_and_goes_into_the_assembly(changes: dict[str, Any], offered: bool) -> None:
    assert bool(ways(substitute(**changes))) is offered


def test_every_demand_that_falls_short_has_to_fit() -> None:
    later = Peg(demand="SO-2", quantity=Decimal(50), date=june(17), assembly="BK-R93R-64")
    met_before = Peg(demand="SO-0", quantity=Decimal(10), date=june(12))
    need = a_need(quantity=Decimal(160), pegging=(PEG, later, met_before))
    coverage = (confirmed(60, june(8)), confirmed(100, june(22)))
    short = short_of(need, *coverage)

    def fits(**changes: Any) -> bool:
        policy = policy_with(substitute(**changes))
        return substitution_for(need, short, an_item(CURRENT), policy, "BB-9108") is not None

    assert short.short_at == june(15)
    assert fits(effective_from=june(15), effective_to=june(17), assemblies=("BK-R93R-62", "BK-R93R-64"))
    assert not fits(effective_to=june(16))
    assert not fits(assemblies=("BK-R93R-62",))


def test_a_demand_without_an_assembly_fits_only_what_goes_into_any() -> None:
    unnamed = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(15)),))
    assert items_of(ways(substitute(), need=unnamed)) == ["BB-9108"]
    assert ways(substitute(assemblies=("BK-R93R-62",)), need=unnamed) == []


def test_without_all_of_it_free_there_is_no_day_and_what_is_free_is_said() -> None:
    [unknown] = ways(substitute())
    [some] = ways(substitute(), free={"BB-9108": on_stock(15)})
    [counted_otherwise] = ways(substitute(), free={"BB-9108": on_stock(400, "KGM")})
    assert {(way.available_on, way.working_days_late) for way in (unknown, some, counted_otherwise)} == {(None, 0)}
    assert unknown.currency == "EUR"
    assert unknown.note.endswith("its free stock is not known")
    assert counted_otherwise.note == unknown.note
    assert some.note.endswith("15 EA of it are on stock that nobody counts on")


def test_a_counted_unit_is_rounded_up_to_whole_pieces_and_a_measured_one_to_what_it_is_traded_in() -> None:
    [pieces] = ways(substitute(quantity=1, per=3))
    [measured] = ways(substitute(quantity="0.5", per=3, unit="KGM"))
    assert pieces.substitute is not None
    assert measured.substitute is not None
    assert (pieces.substitute.quantity, pieces.substitute.unit) == (Decimal(14), "EA")
    assert (measured.substitute.quantity, measured.substitute.unit) == (Decimal("6.667"), "KGM")
    assert pieces.quantity == 40


def test_the_ratio_is_of_base_units_whatever_unit_the_need_is_in() -> None:
    boxes = an_item(CURRENT).model_copy(
        update={"conversions": (UnitConversion(unit="BX", numerator=Decimal(12), denominator=Decimal(1)),)}
    )
    need = a_need(quantity=Decimal(10), unit="BX", pegging=(a_peg(10, june(15)),))
    short = short_of(need, confirmed(6, june(11)), confirmed(4, june(22)))
    found = substitution_for(need, short, boxes, policy_with(substitute(quantity=2)), "BB-9108")
    assert found == Substitution(item="BB-9108", quantity=Decimal(96), unit="EA", replaces=Decimal(4), use_on=june(15))
    assert substitution_for(need, short, an_item(CURRENT), policy_with(substitute()), "BB-9108") is None

    kilograms = an_item(CURRENT).model_copy(update={"base_unit": "KGM"})
    grams = a_need(quantity=Decimal(1500), unit="GRM", pegging=(a_peg(1500, june(15)),))
    found = substitution_for(grams, short_of(grams), kilograms, policy_with(substitute(quantity=2)), "BB-9108")
    assert found is not None
    assert (found.quantity, found.unit, found.replaces) == (Decimal(3), "KGM", Decimal(1500))


def test_the_order_is_policys_and_what_does_not_fit_hides_nothing_behind_it() -> None:
    ended = substitute("BB-7000", effective_to=june(1))
    assert items_of(ways(ended, substitute("BB-8107"), substitute("BB-9108"))) == ["BB-8107", "BB-9108"]


def test_a_demand_on_the_day_when_all_is_there_needs_no_substitute() -> None:
    there = Peg(demand="SO-2", quantity=Decimal(50), date=june(24), assembly="BK-OTHER")
    need = a_need(quantity=Decimal(150), pegging=(PEG, there))
    short = short_of(need, *LATE, confirmed(50, june(22)))
    assert short.available_on == june(24)
    policy = policy_with(substitute(assemblies=("BK-R93R-62",)))
    assert substitution_for(need, short, an_item(CURRENT), policy, "BB-9108") is not None


def test_a_quantity_beyond_all_quantities_is_not_offered() -> None:
    assert ways(substitute(quantity=10**11)) == []
    assert len(ways(substitute(quantity=10**10))) == 1


def test_a_need_of_an_order_of_ours_and_the_item_itself_have_no_substitute() -> None:
    ours = NEED.model_copy(update={"demanded_by": OrderId("order/1720/1710/x")})
    assert ways(substitute(), need=ours) == []
    assert ways(substitute(), need=NEED.model_copy(update={"source": "pegline"})) == []
    assert ways(substitute(NEED.item)) == []


def test_it_is_offered_beside_the_other_ways_and_without_one_the_digest_stays_what_it_was() -> None:
    short, item, found = short_of(NEED, *LATE), an_item(CURRENT), ways(substitute(), free={"BB-9108": on_stock(40)})
    policy = policy_with(substitute())
    plain = shortage_proposal(NEED, short, LATE, "1580", item, policy, TODAY)
    more = shortage_proposal(NEED, short, LATE, "1580", item, policy, TODAY, substitutes=found)
    assert [way.choice for way in more.alternatives] == [Choice.SUBSTITUTE, Choice.EXPEDITE, Choice.ACCEPT]
    assert plain.digest != more.digest
    another = ways(substitute("BB-8107"), free={"BB-8107": on_stock(40)})
    other = more.model_copy(update={"alternatives": (*another, *more.alternatives[1:])})
    assert other.digest != more.digest, "another item is another subject"


def test_an_overdue_day_of_use_is_today() -> None:
    late = dt.date(2026, 6, 22)
    [way] = substitution_ways(
        NEED, short_of(NEED, *LATE), an_item(CURRENT), policy_with(substitute()), late, free={"BB-9108": on_stock(40)}
    )
    assert (way.available_on, way.working_days_late) == (late, 5)


@given(
    quantity=st.decimals("0.000001", 10**6, places=6),
    per=st.decimals("0.000001", 10**6, places=6),
    needed=st.integers(1, 10**6),
)
def test_no_ratio_stops_a_requirement_and_none_gives_less_than_it_replaces(
    quantity: Decimal, per: Decimal, needed: int
) -> None:
    need = a_need(quantity=Decimal(needed), pegging=(a_peg(needed, june(15)),))
    short = short_of(need)
    found = substitution_for(
        need, short, an_item(CURRENT), policy_with(substitute(quantity=quantity, per=per)), "BB-9108"
    )
    if found is not None:
        assert found.quantity * per >= found.replaces * quantity
        assert (found.quantity - 1) * per < found.replaces * quantity
