"""R13 and R15: one decision on a whole change, line by line where somebody chooses otherwise; and its report."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical.bom import ChangeCheck, ChangeDisposition, ChangeInstruction, SuppliedBy
from canonical.exception import Choice, Decision, LineChoice, Proposal
from canonical.identity import RequirementId
from canonical.policy import Disposal
from decisions.engineering_change.choices import as_decided, cost_of, fault_of
from decisions.engineering_change.component_use import ComponentPlan, cuts
from decisions.engineering_change.engineering_change import Fate
from decisions.engineering_change.proposal import carried_out, judge_change_of_bom
from decisions.engineering_change.report import affected_requirements, check, instructions_of
from tests.decisions.bills import (
    BRACKET_IN_CARTONS,
    TODAY,
    assessed,
    becomes,
    july,
    peg,
    piece,
    planned,
    removed,
    revised,
    use,
    user,
)
from tests.decisions.models import a_policy, a_source, an_item, june

NOW = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
REWORKABLE = a_policy(disposal=Disposal(rework=True))


def put(plan: ComponentPlan) -> Proposal:
    proposal = judge_change_of_bom(revised(plan.line), [plan], a_policy(), TODAY).proposal
    assert proposal is not None
    return proposal


def decision(choice: Choice, *lines: LineChoice) -> Decision:
    return Decision(event_id="e", digest="d", choice=choice, lines=lines, decided_by="bea", decided_at=NOW)


def line(number: int, choice: Choice, quantity: int | None = None) -> LineChoice:
    return LineChoice(line=number, choice=choice, quantity=None if quantity is None else Decimal(quantity))


def an_excess_of_twenty() -> ComponentPlan:
    """On its way already, so that it can't be cancelled; worth 36.80."""
    return planned(
        use([user()], [piece(20, june(18), shipped=True)]),
        assessment=assessed().model_copy(update={"policy": REWORKABLE}),
    )


def reported(dispositions: tuple[ChangeDisposition, ...]) -> list[tuple[int, str, str, str]]:
    return [(int(one.quantity), one.fate, str(one.value), str(one.cost)) for one in dispositions]


def decided(plan: ComponentPlan, choice: Choice, *lines: LineChoice) -> tuple[ChangeDisposition, ...]:
    proposal = put(plan)
    assert fault_of(proposal, decision(choice, *lines)) is None
    return carried_out(proposal.dispositions, [plan], decision(choice, *lines))


def test_approving_does_what_is_proposed() -> None:
    assert reported(decided(an_excess_of_twenty(), Choice.APPROVE)) == [(20, "returned", "36.80", "5.52")]


def test_an_excess_is_partly_returned_and_partly_scrapped() -> None:
    lines = (line(1, Choice.RETURN, 12), line(1, Choice.SCRAP))
    assert reported(decided(an_excess_of_twenty(), Choice.APPROVE, *lines)) == [
        (12, "returned", "22.08", "3.31"),
        (8, "scrapped", "14.72", "13.25"),
    ]


def test_what_is_left_of_a_line_of_which_a_part_is_chosen_goes_as_proposed() -> None:
    assert reported(decided(an_excess_of_twenty(), Choice.APPROVE, line(1, Choice.REWORK, 5))) == [
        (5, "reworked", "9.20", "3.68"),
        (15, "returned", "27.60", "4.14"),
    ]


def test_one_choice_for_all_goes_where_it_can_and_elsewhere_as_proposed() -> None:
    supply = [piece(20, june(18), shipped=True), piece(30, june(18), 20)]
    plan = planned(use([user()], supply))
    assert [(int(one.quantity), one.fate) for one in decided(plan, Choice.CANCEL)] == [
        (20, "returned"),
        (30, "cancelled"),
    ]
    assert {one.fate for one in decided(plan, Choice.SCRAP)} == {"scrapped"}


def test_a_late_cancellation_is_asked_of_its_order_and_not_called_cancelled() -> None:
    plan = planned(use([user(peg(50, july(20)))], [piece(50, july(10))]), today=july(6))
    report = decided(plan, Choice.CANCEL)
    assert reported(report) == [(50, "exception", "92.00", "27.60")]
    assert [cut.quantity for cut in cuts(plan, report)] == [0]
    assert instructions_of(report, a_policy()) == ()


@pytest.mark.parametrize(
    ("lines", "statement"),
    [
        ([line(2, Choice.SCRAP)], "the proposal has no line 2 to choose; lines are 1"),
        ([line(1, Choice.CANCEL)], "cancel is not possible for line 1; choose one of use_up, return, rework, scrap"),
        ([line(1, Choice.APPROVE)], "approve is not possible for line 1"),
        ([line(1, Choice.SCRAP, 21)], "21 of line 1 are chosen for scrap, of which 20 EA are left"),
        ([line(1, Choice.RETURN, 12), line(1, Choice.SCRAP, 9)], "9 of line 1 are chosen for scrap, of which 8 EA"),
        ([LineChoice(line=1, choice=Choice.SCRAP, quantity=Decimal("1.2"))], "1.2 EA: each is counted"),
        ([line(1, Choice.RETURN), line(1, Choice.SCRAP)], "0 of line 1 are chosen for scrap, of which 0 EA are left"),
    ],
)
def test_choices_that_do_not_fit_the_proposal_are_refused_with_what_would(
    lines: list[LineChoice], statement: str
) -> None:
    fault = fault_of(put(an_excess_of_twenty()), decision(Choice.APPROVE, *lines))
    assert fault is not None
    assert statement in fault


def test_a_choice_of_an_unknown_line_is_refused_with_the_lines_there_are() -> None:
    two = planned(use([user()], [piece(20, june(18)), piece(5, june(18), 20)]))
    fault = fault_of(put(two), decision(Choice.APPROVE, line(3, Choice.SCRAP)))
    assert fault == "the proposal has no line 3 to choose; lines are 1, 2"
    only_cancelled = planned(use([user(peg(500, july(20)))], [piece(500, july(10))]))
    fault = fault_of(put(only_cancelled), decision(Choice.APPROVE, line(1, Choice.SCRAP)))
    assert fault == "the proposal has no line 1 to choose; lines are none"


@pytest.mark.parametrize("choice", [Choice.DECLINE, Choice.RETURN])
def test_lines_are_chosen_with_an_approval_alone(choice: Choice) -> None:
    proposal = put(an_excess_of_twenty())
    assert fault_of(proposal, decision(choice)) is None
    fault = fault_of(proposal, decision(choice, line(1, Choice.SCRAP)))
    assert fault is not None
    assert "lines are chosen with approve" in fault


def test_a_decision_of_before_there_were_lines_reads_as_one_without() -> None:
    old = decision(Choice.APPROVE).model_dump(mode="json", exclude={"lines"})
    assert Decision.model_validate(old) == decision(Choice.APPROVE)


def test_instructions_go_to_their_owners_and_cover_only_what_people_do() -> None:
    supply = [
        piece(20, june(18), shipped=True),
        piece(30, june(18), 20),
        piece(7, june(18), 30, number=9),
    ]
    plan = planned(use([user()], supply))
    lines = (line(1, Choice.RETURN, 12), line(1, Choice.SCRAP), line(2, Choice.CANCEL), line(3, Choice.CANCEL))
    report = decided(plan, Choice.APPROVE, *lines)
    policy = a_policy(buyer="bike-buyer", planner="bike-planner")

    def instruct(owner: str, action: str, order_line: int, quantity: int, value: str, cost: str) -> ChangeInstruction:
        return ChangeInstruction(
            owner=owner,
            action=action,
            component="BB-7421",
            reference=f"PO-1/{order_line}",
            quantity=Decimal(quantity),
            unit="EA",
            value=Decimal(value),
            cost=Decimal(cost),
            currency="EUR",
        )

    assert instructions_of(report, policy) == (
        instruct("bike-buyer", "return", 10, 12, "22.08", "3.31"),
        instruct("bike-planner", "scrap", 10, 8, "14.72", "13.25"),
        instruct("bike-buyer", "cancel", 30, 7, "12.88", "0.00"),
    )
    assert cost_of(report) == Decimal("16.56")


def test_every_open_need_of_the_component_is_listed_with_what_it_keeps() -> None:
    plan = planned(use([user(peg(10, july(20))), user(peg(5, june(20)), number=2)], []))
    keeps = {RequirementId("requirement/1"): Decimal(0)}
    affected = affected_requirements([plan], keeps)
    assert [(one.requirement_id, int(one.quantity), int(one.keeps)) for one in affected] == [
        ("requirement/1", 10, 0),
        ("requirement/2", 5, 5),
    ]


def test_the_check_names_a_line_with_a_quantity_that_has_no_fate() -> None:
    plan = planned(use([user()], [piece(20, june(18)), piece(5, june(18), 20, unit="BX")]), removed(stock=Decimal(3)))
    assert check([plan], plan.dispositions) == ChangeCheck(order_lines=2, requirements=1)
    short = tuple(one.model_copy(update={"quantity": one.quantity - 1}) for one in plan.dispositions)
    found = check([plan], short[:-1])
    assert found.complete is False
    assert found.unaccounted == (
        "BB-7421 PO-1/10: 19 EA of 20 EA have a disposition",
        "BB-7421 PO-1/20: nothing of 5 BX have a disposition",
        "BB-7421 stock: 2 EA of 3 EA have a disposition",
    )


def test_the_check_counts_by_master_data_what_lines_and_ledger_hold_in_cartons() -> None:
    of = use([user()], [piece(2, june(18), unit="CT")])
    of = of.model_copy(update={"stock": Decimal(3), "stock_unit": "CT"})
    plan = planned(of, assessment=assessed(BRACKET_IN_CARTONS))
    assert [(one.reference, int(one.quantity), one.unit) for one in plan.dispositions] == [
        ("", 30, "EA"),
        ("PO-1/10", 20, "EA"),
    ]
    assert check([plan], plan.dispositions) == ChangeCheck(order_lines=1, requirements=1)


def test_the_check_counts_the_order_lines_of_every_component() -> None:
    bracket = planned(use([user()], [piece(20, june(18)), piece(5, june(18), 20)]))
    crank = planned(use([user()], [piece(7, june(18))]), removed(component="CRANK-9"))
    found = check([bracket, crank], (*bracket.dispositions, *crank.dispositions))
    assert found == ChangeCheck(order_lines=3, requirements=2)


def test_the_check_names_a_fate_of_what_nobody_holds_and_both_units_of_a_line() -> None:
    plan = planned(use([user()], [piece(20, june(18)), piece(5, june(18), unit="BX")]))
    assert check([plan], (becomes(3, Fate.CANCELLED, 99),)).unaccounted == (
        "BB-7421 PO-1/10: nothing of 20 EA and 5 BX have a disposition",
        "BB-7421 PO-1/99: 3 EA of nothing have a disposition",
    )


DAYS = st.sampled_from([june(5), june(18), june(26), july(3), july(10), july(20)])
AMOUNTS = st.integers(1, 60)


@st.composite
def supplies(draw: st.DrawFn) -> list[SuppliedBy]:
    """Lines of one need each, or of several with a surplus; come in, under way, or open; of needs that ended too."""
    pieces: list[SuppliedBy] = []
    for number in range(draw(st.integers(0, 3))):
        day = draw(DAYS)
        for owner in draw(st.lists(st.sampled_from([1, 2, 3, 9, None]), min_size=1, max_size=3, unique=True)):
            state = draw(st.sampled_from([{}, {}, {"shipped": True}, {"received": True}, {"unsent": True}]))
            if owner in (None, 9):
                state = {}
            one = piece(draw(AMOUNTS), day, line=10 * (number + 1), number=owner or 0, **state)
            pieces.append(one if owner else one.model_copy(update={"requirement_id": None}))
    return pieces


# Each example draws a whole plant, which takes longer than the default allows on a machine that is busy.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), pieces=supplies(), stock=st.integers(0, 40), multiple=st.sampled_from([1, 7, 25]))
def test_the_dispositions_of_every_line_are_all_that_it_holds_before_and_after_the_decision(
    data: st.DataObject, pieces: list[SuppliedBy], stock: int, multiple: int
) -> None:
    pegs = st.builds(peg, AMOUNTS, DAYS, st.sampled_from(["BK-100", "BK-100", "BK-200"]))
    users = [user(*data.draw(st.lists(pegs, max_size=3)), number=number) for number in (1, 2, 3)]
    item = an_item(a_source(multiple=Decimal(multiple)))
    plan = planned(use(users, pieces), removed(stock=Decimal(stock)), assessed(item))
    assert check([plan], plan.dispositions).complete

    outcome = judge_change_of_bom(revised(plan.line), [plan], a_policy(), TODAY)
    choice, chosen = None, []
    if outcome.proposal is not None:
        choice = data.draw(st.sampled_from([way.choice for way in outcome.proposal.alternatives[:-1]]))
        if choice is Choice.APPROVE:
            chosen = [
                line(
                    one.number,
                    Choice(data.draw(st.sampled_from(one.candidates))),
                    data.draw(st.sampled_from([None, 1])),
                )
                for one in outcome.dispositions
                if one.number
            ]
    made = decision(choice, *chosen) if choice is not None else None
    assert made is None or outcome.proposal is None or fault_of(outcome.proposal, made) is None
    report = carried_out(outcome.dispositions, [plan], made)
    assert check([plan], report).complete
    assert "excess" not in {one.fate for one in report}
    assert sum(one.value for one in report) == sum(one.value for one in outcome.dispositions), "no value is lost"
    for cut in cuts(plan, report):
        (remaining,) = [each for each in plan.remaining_demands if each.user.requirement_id == cut.requirement_id]
        assert remaining.received <= cut.quantity < remaining.user.quantity, "nothing that is here is taken away"
        taken = sum(
            one.quantity for one in report if one.requirement_id == cut.requirement_id and one.fate == "cancelled"
        )
        assert taken <= remaining.supply


def test_splitting_a_line_loses_no_cent() -> None:
    plan = planned(use([user()], [piece(3, june(18), shipped=True)]))
    proposal = put(plan)
    lines = (line(1, Choice.SCRAP, 1), line(1, Choice.RETURN, 1))
    parts = as_decided(proposal.dispositions, Choice.APPROVE, lines)
    assert [str(one.value) for one in parts] == ["1.84", "1.84", "1.84"]


def test_half_a_cent_of_what_a_part_costs_is_a_cent() -> None:
    """To send back both, worth 0.36, costs 0.05."""
    cheap = an_item(a_source(price=Decimal("0.18"), currency="EUR"))
    plan = planned(use([user()], [piece(2, june(18), shipped=True)]), assessment=assessed(cheap))
    parts = decided(plan, Choice.APPROVE, line(1, Choice.RETURN, 1), line(1, Choice.SCRAP))
    assert reported(parts)[0] == (1, "returned", "0.18", "0.03")


def test_the_digest_of_what_has_nothing_to_choose_is_what_it_was_before_there_were_choices() -> None:
    used = {"component": "BB-7421", "reference": "PO-1/10", "quantity": "5", "unit": "EA", "fate": "cancelled"}
    fields = {"kind": "engineering_change", "summary": "", "plant": "1710", "alternatives": [], "dispositions": [used]}
    proposal = Proposal.model_validate(fields)
    (one,) = proposal.dispositions
    linked: Any = one.model_copy(update={"order_id": "order/1", "line": 10})
    assert proposal.model_copy(update={"dispositions": (linked,)}).digest == proposal.digest
