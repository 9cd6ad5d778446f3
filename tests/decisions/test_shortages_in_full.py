"""What a person is shown of a shortage, compared whole, and the boundaries of its ways out."""

import datetime as dt
from decimal import Decimal

import pytest

from canonical.base import Criticality
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.need import Need
from canonical.reason import Reason
from canonical.sourcing import Source
from canonical.supply import ScheduleLine
from decisions.feasibility import Short, judge_feasibility
from decisions.shortage import alternatives, shortage_proposal
from tests.decisions.late_coverage import CURRENT, LATE, POLICY, SECOND, TODAY, short_of
from tests.decisions.models import (
    EVERY_DAY,
    a_need,
    a_peg,
    an_item,
    backordered,
    confirmed,
    june,
)

NEED = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(15), Criticality.C),))


def proposed(
    *sources: Source, need: Need = NEED, today: dt.date = TODAY, coverage: tuple[ScheduleLine, ...] = LATE
) -> Proposal:
    return shortage_proposal(need, short_of(need, *coverage), coverage, "1580", an_item(*sources), POLICY, today)


EXPEDITE = Alternative(
    choice=Choice.EXPEDITE,
    supplier="1580",
    quantity=Decimal(40),
    available_on=june(15),
    working_days_late=0,
    extra_cost=Decimal("5.89"),
    currency="EUR",
    note="ask Litware (1580) for 7 working days earlier, 8% surcharge",
)
SPLIT = Alternative(
    choice=Choice.SPLIT,
    supplier="1678",
    quantity=Decimal(50),
    available_on=june(15),
    working_days_late=0,
    extra_cost=Decimal("41.40"),
    currency="EUR",
    note="order 50 from Proseware (1678), 10 of them surplus of the lot size",
)
ACCEPT = Alternative(
    choice=Choice.ACCEPT,
    supplier="1580",
    quantity=Decimal(40),
    available_on=june(24),
    working_days_late=7,
    currency="EUR",
    note="wait until 2026-06-24",
)


def test_a_shortage_is_put_to_its_approvers_with_all_they_need_to_decide() -> None:
    proposal = shortage_proposal(
        NEED,
        short_of(NEED, *LATE),
        LATE,
        "1580",
        an_item(CURRENT, SECOND),
        POLICY,
        TODAY,
        order_number="4500000001",
        reason="line 10 changed",
    )
    assert proposal == Proposal(
        kind=ExceptionKind.SHORTAGE,
        summary="40 of 100 EA BB-7421 from 1580 will be missing in plant 1710 on 2026-06-15; all there on 2026-06-24, "
        "7 working days late (line 10 changed).",
        plant="1710",
        supplier="1580",
        item="BB-7421",
        order_number="4500000001",
        quantity=Decimal(100),
        unit="EA",
        short_quantity=Decimal(40),
        pegs=NEED.pegs,
        coverage=LATE,
        available_on=june(24),
        working_days_late=7,
        criticality=Criticality.C,
        value=Decimal("73.60"),
        currency="EUR",
        alternatives=(EXPEDITE, SPLIT, ACCEPT),
        approvers=("buyer",),
        latest_safe_date=june(3),
        rule="R7",
        reasons=(
            Reason(
                rule="R7",
                why=short_of(NEED, *LATE).why,
                inputs={
                    "needed": "100",
                    "short_quantity": "40",
                    "short_at": "2026-06-15",
                    "available_on": "2026-06-24",
                    "working_days_late": 7,
                },
                policy_version="test",
            ),
            Reason(
                rule="R15",
                why="73.60 EUR is within the 1000 that class C may change freely",
                inputs={
                    "value": "73.60",
                    "currency": "EUR",
                    "criticality": "C",
                    "in_shortage": True,
                    "approvers": [],
                },
                thresholds={"approval.free_up_to.C": "1000", "approval.manager_from": "25000"},
                policy_version="test",
            ),
        ),
    )


def test_a_shortage_that_nobody_holds_names_nobody_and_is_worth_nothing() -> None:
    proposal = shortage_proposal(NEED, short_of(NEED), (), None, an_item(), POLICY, TODAY)
    assert proposal.summary == (
        "100 of 100 EA BB-7421 will be missing in plant 1710 on 2026-06-15; no date is confirmed for the whole need."
    )
    assert (proposal.value, proposal.approvers, proposal.supplier) == (Decimal(0), ("buyer",), None)
    (accept,) = proposal.alternatives
    assert accept.note == "go without 100: no date is known for them"


def test_what_comes_on_no_working_day_is_not_called_late() -> None:
    """The demand is for Saturday the 13th; on Sunday the 14th no working day has passed."""
    need = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(13)),))
    outcome = judge_feasibility(need.pegs, (confirmed(100, june(14)),), 0, EVERY_DAY, TODAY)
    assert isinstance(outcome, Short)
    on_sunday = outcome._replace(working_days_late=0)
    proposal = shortage_proposal(need, on_sunday, (), "1580", an_item(CURRENT), POLICY, TODAY)
    assert proposal.summary.endswith("on 2026-06-13; all there on 2026-06-14.")


@pytest.mark.parametrize(
    ("today", "safe_until"),
    [(june(3), june(3)), (june(4), june(15)), (june(15), june(15)), (june(16), None)],
)
def test_the_last_day_to_ask_a_second_source_and_the_day_that_falls_short_are_safe_themselves(
    today: dt.date, safe_until: dt.date | None
) -> None:
    assert proposed(CURRENT, SECOND, today=today).latest_safe_date == safe_until


def test_what_is_short_is_worth_its_part_of_the_order_units() -> None:
    """40 pieces are three and a third dozens at 30.00 USD: 100.00 USD at 0.92."""
    dozens = CURRENT.model_copy(update={"unit": "DZN", "price": Decimal(30)})
    proposal = proposed(dozens)
    assert proposal.value == Decimal("92.00")
    assert proposal.alternatives[0].extra_cost == Decimal("7.36")


def test_a_price_without_a_rate_or_a_unit_without_a_conversion_is_worth_nothing_and_not_expedited() -> None:
    for foreign in (CURRENT.model_copy(update={"currency": "GBP"}), CURRENT.model_copy(update={"unit": "CT"})):
        proposal = proposed(foreign)
        assert proposal.value == 0
        assert [way.choice for way in proposal.alternatives] == [Choice.ACCEPT]


def test_a_supplier_without_a_name_is_called_by_its_number() -> None:
    nameless = SECOND.model_copy(update={"supplier_name": "", "multiple": Decimal(1), "minimum_quantity": Decimal(1)})
    split = next(way for way in proposed(CURRENT, nameless).alternatives if way.choice is Choice.SPLIT)
    assert split.note == "order 40 from 1678"


def test_at_equal_lateness_and_cost_expediting_is_shown_before_a_split() -> None:
    free = CURRENT.model_copy(update={"price": Decimal(0)})
    also_free = SECOND.model_copy(update={"price": Decimal(0)})
    ways = proposed(free, also_free, coverage=(confirmed(60, june(11)), confirmed(40, june(22)))).alternatives
    assert [way.choice for way in ways] == [Choice.EXPEDITE, Choice.SPLIT, Choice.ACCEPT]


def test_a_split_that_comes_too_late_says_by_how_many_days_and_a_dateless_wait_is_last() -> None:
    slow = SECOND.model_copy(update={"lead_time_days": 21})
    coverage = (confirmed(60, june(11)), backordered(40))
    split, accept = proposed(CURRENT, slow, coverage=coverage).alternatives
    # Written on Tue 2 June, 21 days later at the dock on Tue 23, two working days of receipt.
    assert (split.available_on, split.working_days_late) == (june(25), 8)
    assert (accept.choice, accept.available_on) == (Choice.ACCEPT, None)


def test_expediting_from_a_day_without_work_counts_from_the_next() -> None:
    """On Saturday the 13th the soonest is Monday at the dock and Wednesday on stock."""
    late = (confirmed(100, june(22)),)
    expedite = next(
        way for way in proposed(CURRENT, today=june(13), coverage=late).alternatives if way.choice is Choice.EXPEDITE
    )
    assert (expedite.available_on, expedite.working_days_late) == (june(17), 2)
    assert expedite.note == "ask Litware (1580) for 5 working days earlier, 8% surcharge"


def test_what_can_not_come_sooner_is_not_expedited() -> None:
    coverage = (confirmed(100, june(15)),)
    assert Choice.EXPEDITE in {way.choice for way in proposed(CURRENT, today=june(12), coverage=coverage).alternatives}
    assert Choice.EXPEDITE not in {
        way.choice for way in proposed(CURRENT, today=june(15), coverage=coverage).alternatives
    }


def test_a_need_of_which_the_first_day_is_no_working_day_is_expedited_to_the_working_day_before() -> None:
    need = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(14)),))
    proposal = proposed(CURRENT, need=need, coverage=(confirmed(100, june(18)),))
    expedite = next(way for way in proposal.alternatives if way.choice is Choice.EXPEDITE)
    assert expedite.available_on == june(12)
    assert expedite.working_days_late == 0


def test_alternatives_are_those_of_the_proposal() -> None:
    found = alternatives(NEED, short_of(NEED, *LATE), "1580", an_item(CURRENT, SECOND), POLICY, TODAY)
    assert found == (EXPEDITE, SPLIT, ACCEPT)


def test_a_split_keeps_the_second_sources_maximum_and_says_all_that_is_to_say_of_it() -> None:
    """40 are short: 30 and, raised to the minimum, 25; at 1.00 instead of 40 at 2.00 USD, by 0.92."""
    small = SECOND.model_copy(
        update={
            "minimum_quantity": Decimal(25),
            "multiple": Decimal(5),
            "maximum_quantity": Decimal(30),
            "price": Decimal("1.00"),
        }
    )
    split = next(way for way in proposed(CURRENT, small).alternatives if way.choice is Choice.SPLIT)
    assert (split.quantity, split.extra_cost) == (Decimal(55), Decimal(0))
    assert split.note == "order 55 from Proseware (1678), 15 of them surplus of the lot size; 23.00 EUR cheaper"


def test_a_split_is_compared_with_what_the_present_supplier_asks_in_its_own_unit() -> None:
    """40 pieces at 30.00 USD a dozen are replaced by 50 pieces at 2.50: 125.00 instead of 100.00 USD."""
    dozens = CURRENT.model_copy(update={"unit": "DZN", "price": Decimal(30)})
    split = next(way for way in proposed(dozens, SECOND).alternatives if way.choice is Choice.SPLIT)
    assert split.extra_cost == Decimal("23.00")
