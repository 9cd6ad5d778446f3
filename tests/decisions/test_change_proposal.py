"""The proposal of an engineering change, compared whole, and the report once it is decided."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from canonical.base import Criticality
from canonical.bom import BomLine, BomLineChange, BomRevised, ChangeDisposition, ComponentUse, FateOption
from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.policy import PlantPolicy
from canonical.reason import Reason
from canonical.units import SAME
from decisions.engineering_change.cancelled_lots import LineLots
from decisions.engineering_change.component_use import ComponentPlan
from decisions.engineering_change.engineering_change import Disposition, DispositionPlan, Fate
from decisions.engineering_change.proposal import (
    BomChangeOutcome,
    as_it_was_put,
    carried_out,
    judge_change_of_bom,
    left_as_it_is,
)
from tests.decisions.models import a_policy, a_revision, june

POLICY = a_policy()
TODAY = june(1)
NOW = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
FIRST_OF_JULY = dt.date(2026, 7, 1)
ON_STOCK = ("use_up", "return", "scrap")
ON_ORDER = ("cancel", *ON_STOCK)


def a_line(component: str) -> BomLine:
    return BomLine(component=component, quantity=Decimal(1), unit="EA", change=BomLineChange.REMOVED)


REVISED = BomRevised(
    plant="1710",
    assembly="BIKE-100",
    revision="C",
    effective_from=FIRST_OF_JULY,
    lines=(a_line("BB-7421"),),
    source="plm",
    stated=a_revision(1),
)


def disposed(fate: str, quantity: int, value: str = "0", **changes: Any) -> ChangeDisposition:
    fields: dict[str, Any] = {
        "component": "BB-7421",
        "reference": "4500000001/1",
        "quantity": Decimal(quantity),
        "unit": "EA",
        "fate": fate,
        "value": Decimal(value),
    }
    if (number := changes.get("number")) is not None:
        changes["options"] = tuple(option(choice, Decimal(value)) for choice in changes["candidates"])
        changes["proposed"] = "cancel" if "cancel" in changes["candidates"] else "return"
        changes["cost"] = next(each.cost for each in changes["options"] if each.choice == changes["proposed"])
        changes["number"] = number
    return ChangeDisposition(**fields | changes)


SHARES = {"cancel": "0", "use_up": "0", "return": "0.15", "rework": "0.40", "scrap": "0.90"}


def option(choice: str, value: Decimal) -> FateOption:
    cost = (value * Decimal(SHARES[choice])).quantize(Decimal("0.01"))
    by_hand = choice in ("return", "rework", "scrap")
    return FateOption(choice=choice, cost=cost, known=choice != "use_up", by_hand=by_hand)


def a_plan(
    *dispositions: ChangeDisposition,
    component: str = "BB-7421",
    short: int = 0,
    priced: bool = True,
    criticality: Criticality = Criticality.B,
) -> ComponentPlan:
    outcome = tuple(Disposition(one.reference, one.quantity, Fate(one.fate)) for one in dispositions)
    consumed = sum((one.quantity for one in dispositions if one.fate == "consumed"), Decimal(short))
    return ComponentPlan(
        line=a_line(component),
        use=ComponentUse(component=component),
        item=None,
        plan=DispositionPlan(outcome, FIRST_OF_JULY, consumed, Decimal(0)),
        dispositions=dispositions,
        remaining_demands=(),
        priced=priced,
        criticality=criticality,
        lots={},
    )


def judged(*plans: ComponentPlan, policy: PlantPolicy = POLICY, today: dt.date = TODAY) -> BomChangeOutcome:
    return judge_change_of_bom(REVISED, plans, policy, today)


def asked(*plans: ComponentPlan, policy: PlantPolicy = POLICY, today: dt.date = TODAY) -> Proposal:
    proposal = judged(*plans, policy=policy, today=today).proposal
    assert proposal is not None
    return proposal


CONSUMED = disposed("consumed", 40, reference="")
USED_UP = disposed("used_up", 30)
EXCESS = disposed("excess", 20, "36.80", candidates=ON_ORDER, number=1)
CANCELLED = disposed("cancelled", 200, "368.00", reference="4500000002/1")
TOO_LATE = disposed("exception", 5, "9.20", reference="4500000003/1")

APPROVE = Alternative(
    choice=Choice.APPROVE, currency="EUR", note="cancel what has no use; start the needs of the new components"
)
DECLINE = Alternative(choice=Choice.DECLINE, currency="EUR", note="leave needs and orders as they are")


def ways_of_excess(quantity: int | None, as_proposed: str, cancel: str, send_back: str, scrap: str) -> tuple[Any, ...]:
    """All of them, with what each costs; an excess on stock has not the second."""
    of = {"quantity": quantity, "currency": "EUR"}
    costs = [Decimal(cost) for cost in (cancel, "0.00", send_back, scrap)]
    notes = (
        (Choice.CANCEL, "cut from its orders what can still be cut; the rest as proposed"),
        (Choice.USE_UP, "keep it, to be used up elsewhere"),
        (Choice.RETURN, "send back what the suppliers take; the rest as proposed"),
        (Choice.SCRAP, "scrap it"),
    )
    note = f"as proposed: {as_proposed}; or choose otherwise line by line"
    return (
        Alternative(choice=Choice.APPROVE, note=note, extra_cost=Decimal(cancel), **of),
        *(
            Alternative(choice=choice, note=statement, extra_cost=cost, **of)
            for (choice, statement), cost in zip(notes, costs, strict=True)
        ),
        DECLINE,
    )


def of_value(value: str, criticality: Criticality, limit: str, why: str, approvers: list[str]) -> Reason:
    return Reason(
        rule="R15",
        why=why,
        inputs={
            "value": value,
            "currency": "EUR",
            "criticality": criticality.value,
            "in_shortage": False,
            "approvers": approvers,
        },
        thresholds={f"approval.free_up_to.{criticality}": limit, "approval.manager_from": "25000"},
        policy_version="test",
    )


def test_a_change_is_put_to_its_approvers_with_all_they_need_to_decide() -> None:
    dispositions = (CONSUMED, EXCESS, CANCELLED)
    reasons = (
        Reason(
            rule="R13",
            why="effective 2026-07-01: 40 consumed, 20 excess, 200 cancelled",
            inputs={
                "effective_on": "2026-07-01",
                "demand_before": "40",
                "demand_after": "0",
                "dispositions": [
                    {"reference": "", "quantity": "40", "fate": "consumed"},
                    {"reference": "4500000001/1", "quantity": "20", "fate": "excess"},
                    {"reference": "4500000002/1", "quantity": "200", "fate": "cancelled"},
                ],
            },
            policy_version="test",
        ),
        of_value("404.80", Criticality.A, "0", "404.80 EUR for class A, free up to 0", ["buyer"]),
    )
    why = "BIKE-100 revision C, effective 2026-07-01: BB-7421: 40 consumed, 20 excess, 200 cancelled"
    proposal = Proposal(
        kind=ExceptionKind.ENGINEERING_CHANGE,
        summary=why,
        plant="1710",
        item="BB-7421",
        available_on=FIRST_OF_JULY,
        criticality=Criticality.A,
        value=Decimal("404.80"),
        currency="EUR",
        alternatives=ways_of_excess(20, "20 BB-7421 cancel", "0.00", "5.52", "33.12"),
        dispositions=dispositions,
        approvers=("buyer",),
        latest_safe_date=FIRST_OF_JULY,
        rule="R13",
        reasons=reasons,
    )
    assert judged(a_plan(*dispositions, criticality=Criticality.A)) == (proposal, dispositions, reasons, why)


def test_a_change_that_only_adds_components_asks_nobody() -> None:
    why = "BIKE-100 revision C, effective 2026-07-01: nothing to dispose of"
    free = "0 EUR is within the 500 that class B may change freely"
    assert judged() == (None, (), (of_value("0", Criticality.B, "500", free, []),), why)


def test_what_is_all_used_asks_nobody_even_without_a_price() -> None:
    outcome = judged(a_plan(CONSUMED, USED_UP, priced=False, criticality=Criticality.A))
    assert (outcome.proposal, outcome.dispositions) == (None, (CONSUMED, USED_UP))
    assert outcome.why == "BIKE-100 revision C, effective 2026-07-01: BB-7421: 40 consumed, 30 used_up"


def test_what_can_be_cancelled_asks_nobody_up_to_the_limit_of_its_class_and_the_buyer_a_cent_above() -> None:
    at_limit = judged(a_plan(disposed("cancelled", 200, "500.00")))
    free = "500.00 EUR is within the 500 that class B may change freely"
    assert at_limit.proposal is None
    assert at_limit.reasons[-1] == of_value("500.00", Criticality.B, "500", free, [])
    above = asked(a_plan(disposed("cancelled", 200, "500.01")))
    assert (above.value, above.approvers, above.alternatives) == (Decimal("500.01"), ("buyer",), (APPROVE, DECLINE))


def test_what_is_used_is_worth_nothing_to_the_approval() -> None:
    assert judged(a_plan(CONSUMED.model_copy(update={"value": Decimal(9000)}), CANCELLED)).proposal is None


def test_a_great_value_is_the_managers_as_well() -> None:
    great = asked(a_plan(disposed("cancelled", 200, "25000")))
    assert great.approvers == ("buyer", "purchasing-manager")


@pytest.mark.parametrize("useless", [EXCESS, TOO_LATE], ids=["excess", "past its cut-off"])
def test_what_can_not_simply_be_cancelled_is_put_to_the_buyer_of_the_plant_at_any_value(
    useless: ChangeDisposition,
) -> None:
    proposal = asked(a_plan(CANCELLED, useless), policy=a_policy(buyer="bike-buyer"))
    assert (proposal.approvers, proposal.criticality) == (("bike-buyer",), Criticality.B)


def test_what_is_past_its_cut_off_can_be_approved_or_declined() -> None:
    assert asked(a_plan(TOO_LATE)).alternatives == (APPROVE, DECLINE)


def test_one_component_without_a_price_puts_the_whole_change_to_a_person() -> None:
    proposal = asked(a_plan(CANCELLED), a_plan(disposed("cancelled", 7, component="CRANK-9"), priced=False))
    assert (proposal.value, proposal.approvers) == (Decimal("368.00"), ("buyer",))


def test_several_components_are_one_proposal_of_their_highest_class_and_of_no_item() -> None:
    crank = disposed("excess", 3, "30.00", component="CRANK-9", reference="", candidates=ON_STOCK, number=2)
    first, second = a_plan(CONSUMED, EXCESS, criticality=Criticality.C), a_plan(crank, component="CRANK-9", short=2)
    untouched = a_plan(component="CHAIN-1", criticality=Criticality.C)
    outcome = judged(first, untouched, second)
    proposal = asked(first, untouched, second)
    assert outcome.dispositions == proposal.dispositions == (CONSUMED, EXCESS, crank)
    assert (proposal.item, proposal.criticality, proposal.value) == (None, Criticality.B, Decimal("66.80"))
    assert [reason.why for reason in proposal.reasons] == [
        "effective 2026-07-01: 40 consumed, 20 excess",
        "effective 2026-07-01: nothing to dispose of",
        "effective 2026-07-01: 3 excess, 2 short",
        "66.80 EUR is within the 500 that class B may change freely",
    ]
    assert proposal.summary == (
        "BIKE-100 revision C, effective 2026-07-01: BB-7421: 40 consumed, 20 excess; CRANK-9: 3 excess, 2 short"
    )
    # Only one of the two can still be cancelled, which opens that way for it.
    proposed = "20 BB-7421 cancel, 3 CRANK-9 return"
    assert proposal.alternatives == ways_of_excess(None, proposed, "4.50", "10.02", "60.12")


def test_metres_of_one_component_and_pieces_of_another_are_no_quantity_of_a_way_out() -> None:
    cable = disposed("excess", 30, "30.00", component="CABLE-2", unit="MTR", candidates=ON_ORDER, number=2)
    proposed = "20 BB-7421 cancel, 30 CABLE-2 cancel"
    alternatives = asked(a_plan(EXCESS), a_plan(cable, component="CABLE-2")).alternatives
    assert alternatives == ways_of_excess(None, proposed, "0.00", "10.02", "60.12")


def test_the_excess_of_one_component_beside_another_that_is_cancelled_has_a_quantity() -> None:
    """What two orders bring too much of it is added up."""
    more = disposed("excess", 5, "9.20", reference="4500000004/1", candidates=ON_ORDER, number=2)
    other = disposed("cancelled", 7, "7.00", component="CRANK-9")
    proposed = "20 BB-7421 cancel, 5 BB-7421 cancel"
    alternatives = asked(a_plan(EXCESS, more), a_plan(other)).alternatives
    assert alternatives == ways_of_excess(25, proposed, "0.00", "6.90", "41.40")


@pytest.mark.parametrize(("lines", "more"), [(10, ""), (11, " and so on")])
def test_a_proposal_names_at_most_ten_lines(lines: int, more: str) -> None:
    numbers = range(1, lines + 1)
    plan = a_plan(*(disposed("excess", number, "1.00", candidates=ON_ORDER, number=number) for number in numbers))
    named = ", ".join(f"{number} BB-7421 cancel" for number in range(1, 11))
    note = f"as proposed: {named}{more}; or choose otherwise line by line"
    assert asked(plan).alternatives[0].note == note


def test_an_excess_on_stock_can_not_be_cut_from_an_order() -> None:
    on_stock = disposed("excess", 20, "36.80", reference="", candidates=ON_STOCK, number=1)
    approve, _, *others = ways_of_excess(20, "20 BB-7421 return", "5.52", "5.52", "33.12")
    assert asked(a_plan(on_stock)).alternatives == (approve, *others)


def test_only_the_excess_is_scrapped_for_its_value_less_the_salvage_and_not_what_is_cancelled() -> None:
    scrap = next(way for way in asked(a_plan(EXCESS, CANCELLED)).alternatives if way.choice is Choice.SCRAP)
    assert (scrap.quantity, scrap.extra_cost) == (Decimal(20), Decimal("33.12"))


def test_ways_out_are_costed_in_the_companys_currency() -> None:
    approval = POLICY.approval.model_copy(update={"currency": "CHF"})
    for useless in (EXCESS, TOO_LATE):
        proposal = asked(a_plan(useless), policy=a_policy(approval=approval))
        assert {proposal.currency, *(way.currency for way in proposal.alternatives)} == {"CHF"}


def test_a_change_that_is_in_effect_already_is_to_be_decided_today() -> None:
    assert asked(a_plan(EXCESS), today=dt.date(2026, 7, 3)).latest_safe_date == dt.date(2026, 7, 3)


def test_the_summary_of_a_long_change_is_cut_and_what_the_trace_says_is_whole() -> None:
    outcome = judged(*(a_plan(EXCESS, component=f"{'X' * 50}-{number:02}") for number in range(20)))
    assert outcome.proposal is not None
    assert outcome.proposal.summary == outcome.why[:500] != outcome.why
    assert outcome.why.count("20 excess") == 20


@pytest.mark.parametrize(
    ("choice", "on_order", "on_stock"),
    [
        (Choice.CANCEL, "cancelled", "returned"),
        (Choice.USE_UP, "used_up", "used_up"),
        (Choice.RETURN, "returned", "returned"),
        (Choice.SCRAP, "scrapped", "scrapped"),
        (Choice.APPROVE, "cancelled", "returned"),
    ],
)
def test_once_decided_no_excess_is_left_without_what_becomes_of_it_and_all_else_stays(
    choice: Choice, on_order: str, on_stock: str
) -> None:
    stock = disposed("excess", 7, "12.88", reference="", candidates=ON_STOCK, number=2)
    everything = (CONSUMED, USED_UP, EXCESS, stock, CANCELLED, TOO_LATE)
    report = carried_out(everything, [a_plan(*everything)], decision(choice))
    assert [(one.reference, one.quantity, one.fate, one.value) for one in report] == [
        ("", Decimal(40), "consumed", Decimal(0)),
        ("4500000001/1", Decimal(30), "used_up", Decimal(0)),
        ("4500000001/1", Decimal(20), on_order, Decimal("36.80")),
        ("", Decimal(7), on_stock, Decimal("12.88")),
        ("4500000002/1", Decimal(200), "cancelled", Decimal("368.00")),
        ("4500000003/1", Decimal(5), "exception", Decimal("9.20")),
    ]
    assert all(type(one).model_validate_json(one.model_dump_json()) == one for one in report)
    assert not any(one.options or one.candidates for one in report)


def decision(choice: Choice, **changes: Any) -> Decision:
    fields: dict[str, Any] = {"event_id": "e", "digest": "d", "decided_by": "bea", "decided_at": NOW}
    return Decision(choice=choice, **fields | changes)


def test_a_lot_that_keeps_more_on_its_line_than_is_decided_is_used_up_and_not_called_cancelled() -> None:
    """Sold by the hundred: cutting 20 of 100 leaves 80 needed, which takes the hundred."""
    used = disposed("consumed", 80)
    plan = a_plan(used, EXCESS)._replace(lots={EXCESS.reference: LineLots(Decimal(100), Decimal(100), SAME)})
    report = carried_out((used, EXCESS), [plan], decision(Choice.CANCEL))
    assert [(int(one.quantity), one.fate) for one in report] == [(80, "consumed"), (20, "used_up")]


def test_what_could_be_cancelled_freely_stays_where_the_lot_of_what_is_kept_takes_it() -> None:
    """Sold by the hundred: once 60 are kept to be used up, the other 40 come all the same."""
    kept, free = disposed("excess", 60, candidates=ON_ORDER, number=1), disposed("cancelled", 40)
    plan = a_plan(kept, free)._replace(lots={kept.reference: LineLots(Decimal(100), Decimal(100), SAME)})
    report = carried_out((kept, free), [plan], decision(Choice.USE_UP))
    assert [(int(one.quantity), one.fate) for one in report] == [(60, "used_up"), (40, "used_up")]


def test_what_its_lot_keeps_is_reported_as_used_up_and_costs_nothing_though_its_cancellation_would_have() -> None:
    late = FateOption(choice="cancel", cost=Decimal("11.04"), late=True)
    used, excess = disposed("consumed", 80), EXCESS.model_copy(update={"options": (late,), "cost": late.cost})
    plan = a_plan(used, excess)._replace(lots={EXCESS.reference: LineLots(Decimal(100), Decimal(100), SAME)})
    _, kept = carried_out((used, excess), [plan], decision(Choice.CANCEL))
    assert (kept.fate, kept.proposed, kept.cost) == ("used_up", "use_up", Decimal(0))


def test_every_component_of_a_change_is_in_the_report_of_what_was_decided() -> None:
    crank = disposed("excess", 3, "30.00", component="CRANK-9", reference="", candidates=ON_STOCK, number=2)
    plans = a_plan(CONSUMED, EXCESS), a_plan(crank, component="CRANK-9")
    report = carried_out((CONSUMED, EXCESS, crank), plans, decision(Choice.SCRAP))
    assert [(one.component, int(one.quantity), one.fate) for one in report] == [
        ("BB-7421", 40, "consumed"),
        ("BB-7421", 20, "scrapped"),
        ("CRANK-9", 3, "scrapped"),
    ]


def test_a_change_in_effect_that_is_looked_into_the_next_day_is_the_same_proposal() -> None:
    """Else no decision on it could ever hold overnight."""
    put = asked(a_plan(EXCESS), today=dt.date(2026, 7, 3))
    next_day = asked(a_plan(EXCESS), today=dt.date(2026, 7, 4))
    assert next_day.digest != put.digest
    assert as_it_was_put(next_day, put) == put
    other = asked(a_plan(EXCESS, CANCELLED), today=dt.date(2026, 7, 4))
    assert as_it_was_put(other, put) == other
    assert as_it_was_put(other, None) == other


def test_what_was_declined_is_reported_as_left_with_its_value() -> None:
    assert left_as_it_is((CONSUMED, EXCESS)) == (disposed("left", 40, reference=""), disposed("left", 20, "36.80"))
