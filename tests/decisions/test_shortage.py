import datetime as dt
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canonical.base import Criticality
from canonical.exception import Alternative, Choice, ExceptionKind
from canonical.identity import OrderId
from canonical.policy import RouteKind, RouteRule
from canonical.sourcing import FreeStock
from canonical.supply import ScheduleLine
from decisions.feasibility import Short, judge_feasibility
from decisions.shortage import alternatives, reschedule_proposal, shortage_proposal
from tests.decisions.late_coverage import CURRENT, LATE, POLICY, SECOND, TODAY, short_of
from tests.decisions.models import (
    WEEKDAYS,
    a_need,
    a_peg,
    a_policy,
    a_source,
    an_item,
    backordered,
    confirmed,
    june,
    may,
)

NEED = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(15)),))


def ways(*sources: Any, coverage: tuple[ScheduleLine, ...], supplier: str | None = "1580") -> list[Alternative]:
    return list(alternatives(NEED, short_of(NEED, *coverage), supplier, an_item(*sources), POLICY, TODAY))


def test_a_late_part_can_be_split_off_expedited_or_waited_for_and_the_least_late_is_first() -> None:
    expedite, split, accept = ways(CURRENT, SECOND, coverage=LATE)
    assert (split.choice, split.supplier, split.quantity) == (Choice.SPLIT, "1678", Decimal(50))
    assert (split.available_on, split.working_days_late) == (june(15), 0)
    # 50 × 2.50 instead of 40 × 2.00 USD, at 0.92
    assert (split.extra_cost, split.currency) == (Decimal("41.40"), "EUR")
    assert split.note == "order 50 from Proseware (1678), 10 of them surplus of the lot size"
    assert (expedite.choice, expedite.available_on, expedite.working_days_late) == (Choice.EXPEDITE, june(15), 0)
    assert expedite.extra_cost == Decimal("5.89")
    assert (accept.choice, accept.available_on, accept.working_days_late, accept.extra_cost) == (
        Choice.ACCEPT,
        june(24),
        7,
        Decimal(0),
    )


def test_a_cheaper_second_source_costs_nothing_extra_and_says_what_it_saves() -> None:
    cheap = SECOND.model_copy(update={"price": Decimal("1.00")})
    split = next(way for way in ways(CURRENT, cheap, coverage=LATE) if way.choice is Choice.SPLIT)
    assert split.extra_cost == 0
    assert split.note.endswith("; 27.60 EUR cheaper")


def test_what_has_no_date_can_not_be_expedited_and_to_go_without_it_is_the_last_way() -> None:
    found = ways(CURRENT, SECOND, coverage=(confirmed(60, june(11)), backordered(40)))
    assert [way.choice for way in found] == [Choice.SPLIT, Choice.ACCEPT]
    assert found[-1].available_on is None
    assert found[-1].note == "go without 40: no date is known for them"


def test_expediting_gains_no_more_days_than_a_supplier_usually_can() -> None:
    far = (confirmed(100, dt.date(2026, 7, 20)),)
    expedite = next(way for way in ways(CURRENT, coverage=far) if way.choice is Choice.EXPEDITE)
    assert expedite.available_on == dt.date(2026, 7, 8)
    assert expedite.working_days_late == 17


def test_without_a_holder_or_a_second_source_waiting_is_the_only_way() -> None:
    assert [way.choice for way in ways(coverage=LATE, supplier=None)] == [Choice.ACCEPT]


def test_the_proposal_says_in_a_buyers_words_what_is_missing_and_who_may_decide() -> None:
    item = an_item(CURRENT, SECOND)
    short = short_of(NEED, *LATE)
    proposal = shortage_proposal(NEED, short, LATE, "1580", item, POLICY, TODAY, order_number="4500000001")
    assert proposal.kind is ExceptionKind.SHORTAGE
    assert proposal.summary == (
        "40 of 100 EA BB-7421 from 1580 will be missing in plant 1710 on 2026-06-15; "
        "all there on 2026-06-24, 7 working days late."
    )
    assert (proposal.value, proposal.currency, proposal.rule) == (Decimal("73.60"), "EUR", "R7")
    assert proposal.approvers == ("buyer",)
    assert proposal.alternatives == alternatives(NEED, short, "1580", item, POLICY, TODAY)
    assert proposal.latest_safe_date == june(
        3
    )  # the second source: requisition by the 3rd, sent on the 4th, at the dock on the 11th
    assert proposal.coverage == LATE


def test_r7_500_on_the_15th_of_which_200_come_on_the_22nd_may_be_moved_to_the_22nd_by_the_planner() -> None:
    need = a_need(quantity=Decimal(500), pegging=(a_peg(500, june(15)),))
    coverage = (confirmed(300, june(11)), confirmed(200, june(18)))
    short = short_of(need, *coverage)
    item = an_item(CURRENT)
    offered = shortage_proposal(need, short, coverage, "1580", item, POLICY, TODAY, may_reschedule=True).alternatives
    [way] = [each for each in offered if each.choice is Choice.RESCHEDULE]
    assert (way.available_on, way.working_days_late, way.extra_cost) == (june(22), 5, Decimal(0))
    assert way.note == f"propose to the planner to move {need.pegs[0].demand} to 2026-06-22"

    proposal = reschedule_proposal(need, short, coverage, "1580", POLICY, TODAY, proposed_by="anna")
    assert proposal.summary == (
        f"Move {need.pegs[0].demand} in plant 1710 from 2026-06-15 to 2026-06-22: "
        "200 of 500 EA BB-7421 are not there before."
    )
    assert (proposal.kind, proposal.approvers, proposal.proposed_by) == (
        ExceptionKind.CHANGE_PROPOSAL,
        ("planner",),
        "anna",
    )
    assert [each.choice for each in proposal.alternatives] == [Choice.APPROVE, Choice.DECLINE]


def test_a_demand_without_a_day_to_move_to_or_of_an_order_of_ours_is_not_rescheduled() -> None:
    def offered(need: Any, *coverage: ScheduleLine) -> set[Choice]:
        short = short_of(need, *coverage)
        item = an_item(CURRENT)
        proposal = shortage_proposal(need, short, coverage, "1580", item, POLICY, TODAY, may_reschedule=True)
        return {each.choice for each in proposal.alternatives}

    assert Choice.RESCHEDULE in offered(NEED, *LATE)
    assert Choice.RESCHEDULE not in offered(NEED, confirmed(60, june(11)), backordered(40))
    ours = NEED.model_copy(update={"demanded_by": OrderId("order/1720/1710/x")})
    assert Choice.RESCHEDULE not in offered(ours, *LATE)
    assert Choice.RESCHEDULE not in offered(NEED.model_copy(update={"source": "pegline"}), *LATE)


def test_a_critical_demand_in_shortage_is_for_buyer_and_planner() -> None:
    critical = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(15), Criticality.A),))
    proposal = shortage_proposal(
        critical, short_of(critical), (), None, an_item(), POLICY, TODAY, reason="line rejected"
    )
    assert proposal.approvers == ("buyer", "planner")
    assert proposal.summary.endswith("no date is confirmed for the whole need (line rejected).")


def test_a_decision_is_safe_until_the_day_that_falls_short_where_no_second_source_could_keep_it() -> None:
    item = an_item(CURRENT, SECOND)
    short = short_of(NEED, *LATE)
    assert shortage_proposal(NEED, short, LATE, "1580", item, POLICY, june(10)).latest_safe_date == june(15)
    assert shortage_proposal(NEED, short, LATE, "1580", item, POLICY, june(16)).latest_safe_date is None


def test_a_decision_is_safe_until_the_last_of_the_second_sources_must_be_asked() -> None:
    faster = SECOND.model_copy(update={"supplier": "1690", "lead_time_days": 3})
    item = an_item(CURRENT, SECOND, faster)
    proposal = shortage_proposal(NEED, short_of(NEED, *LATE), LATE, "1580", item, POLICY, TODAY)
    assert proposal.latest_safe_date == june(5)


def test_a_transfer_is_a_way_out_that_costs_nothing() -> None:
    transfer = a_source(
        supplier="1720", route=RouteKind.TRANSFER, preference=2, lead_time_days=3, price=Decimal(0), currency="EUR"
    )
    routes = (RouteRule(kind=RouteKind.DIRECT), RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720"))
    short, item = short_of(NEED, *LATE), an_item(CURRENT, transfer)
    found = alternatives(NEED, short, "1580", item, a_policy(routes=routes), TODAY)
    split = next(way for way in found if way.choice is Choice.SPLIT)
    assert (split.supplier, split.extra_cost, split.working_days_late) == ("1720", Decimal(0), 0)
    assert split.note == "transfer 40 from plant 1720"
    by_subcontract = transfer.model_copy(update={"route": RouteKind.SUBCONTRACT})
    assert all(
        way.choice is not Choice.SPLIT
        for way in alternatives(NEED, short, "1580", an_item(CURRENT, by_subcontract), a_policy(), TODAY)
    ), "a route that the plant does not take is no way out"


def test_r7_40_missing_are_transferred_from_60_free_at_another_plant_and_not_from_39() -> None:
    plant = a_source(
        supplier="1710", route=RouteKind.TRANSFER, preference=2, lead_time_days=2, price=Decimal(0), currency="EUR"
    )
    routes = (RouteRule(kind=RouteKind.DIRECT), RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1710"))
    short, item = short_of(NEED, *LATE), an_item(CURRENT, plant)

    def offered(free: FreeStock) -> Alternative:
        known = (short, "1580", item, a_policy(routes=routes), TODAY)
        found = alternatives(NEED, *known, free_at={"1710": free})
        return next(way for way in found if way.supplier == "1710")

    way = offered(FreeStock(quantity=Decimal(60), unit="EA"))
    assert (way.choice, way.quantity, way.extra_cost) == (Choice.TRANSFER, Decimal(40), Decimal(0))
    assert (way.available_on, way.working_days_late) == (june(15), 0)
    assert way.note == "transfer 40 EA from the stock of plant 1710, which nobody there counts on"
    assert offered(FreeStock(quantity=Decimal(40), unit="EA")).choice is Choice.TRANSFER
    assert offered(FreeStock(quantity=Decimal(39), unit="EA")).choice is Choice.SPLIT
    assert offered(FreeStock(quantity=Decimal(60), unit="DZN")).choice is Choice.SPLIT, "counted in another unit"


def test_what_is_short_is_valued_and_ordered_in_the_order_unit() -> None:
    """40 pieces are short; the second source sells dozens at 30.00 USD: 4 dozen of them, 48 pieces."""
    dozens = SECOND.model_copy(
        update={"unit": "DZN", "price": Decimal(30), "minimum_quantity": Decimal(1), "multiple": Decimal(1)}
    )
    split = next(way for way in ways(CURRENT, dozens, coverage=LATE) if way.choice is Choice.SPLIT)
    assert split.quantity == 48
    assert split.note == "order 4 DZN from Proseware (1678), 8 EA of them surplus of the lot size"
    # 4 × 30.00 instead of 40 × 2.00 USD, at 0.92
    assert split.extra_cost == Decimal("36.80")


dates = st.dates(june(1), dt.date(2026, 7, 31))
coverages = st.lists(st.builds(confirmed, st.integers(1, 99), dates), max_size=3)


@given(coverages, st.dates(may(1), dt.date(2026, 7, 31)))
def test_the_ways_are_ranked_by_lateness_then_cost_and_none_but_accept_is_free_of_a_supplier(
    coverage: list[ScheduleLine], today: dt.date
) -> None:
    outcome = judge_feasibility(NEED.pegs, coverage, 2, WEEKDAYS, today)
    if not isinstance(outcome, Short):
        return
    found = alternatives(NEED, outcome, "1580", an_item(CURRENT, SECOND), POLICY, today)
    ranks = [(way.available_on is None, way.working_days_late, way.extra_cost) for way in found]
    assert ranks == sorted(ranks)
    by_choice = {way.choice: way for way in found}
    assert (by_choice[Choice.SPLIT].quantity or Decimal(0)) >= outcome.short_quantity
    if Choice.EXPEDITE in by_choice:
        sooner = by_choice[Choice.EXPEDITE].available_on
        assert sooner is not None
        assert outcome.available_on is not None
        assert today <= sooner < outcome.available_on
        assert by_choice[Choice.EXPEDITE].working_days_late <= outcome.working_days_late


def test_what_the_dampener_holds_back_may_be_ordered_all_the_same_from_the_same_supplier() -> None:
    """1,000 are confirmed in time and 1,030 needed: 30 more at 2.00 USD, 21 days from now."""
    need = NEED.model_copy(update={"quantity": Decimal(1030), "pegging": (a_peg(1030, june(15)),)})
    coverage = (confirmed(1000, june(11)),)
    item = an_item(CURRENT, SECOND)
    proposal = shortage_proposal(need, short_of(need, *coverage), coverage, "1580", item, POLICY, TODAY, held_back=True)
    [way] = [way for way in proposal.alternatives if way.choice is Choice.APPROVE]
    assert (way.supplier, way.quantity, way.extra_cost) == ("1580", Decimal(30), Decimal(0))
    assert way.available_on is not None
    assert way.note == "change the order at Litware (1580) to what the plan states now"
    plain = shortage_proposal(need, short_of(need, *coverage), coverage, "1580", item, POLICY, TODAY)
    assert Choice.APPROVE not in {way.choice for way in plain.alternatives}


def test_an_order_at_a_supplier_with_faulty_terms_is_not_offered_to_be_changed() -> None:
    faulty = CURRENT.model_copy(update={"lead_time_days": 0})
    need = NEED.model_copy(update={"quantity": Decimal(1030), "pegging": (a_peg(1030, june(15)),)})
    short = short_of(need, confirmed(1000, june(11)))
    proposal = shortage_proposal(need, short, (), "1580", an_item(faulty), POLICY, TODAY, held_back=True)
    assert Choice.APPROVE not in {way.choice for way in proposal.alternatives}
