"""What other policies would have decided: each rule at work, and the control that vouches for it."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from backtest.decision import Change, Difference, Policies
from backtest.result import Backtest, BacktestResult
from canonical.audit_event import AuditEvent
from canonical.base import Criticality
from canonical.sourcing import Component
from policies.book import FixedPolicies, PolicyBook
from tests.backtest.conftest import Candidate, Compare
from tests.backtest.records import DAY, Book, subcontractor
from tests.decisions.models import a_need, a_policy, a_source, an_item

FAR, NEAR = dt.date(2026, 8, 3), dt.date(2026, 6, 10)


def statement(difference: Difference) -> list[tuple[str, str, str, str]]:
    return [(change.rule, change.aspect, change.decided, change.candidate) for change in difference.changes]


def measures(result: BacktestResult, rule: str) -> dict[str, tuple[int, int]]:
    return {
        each.name: (each.decided, each.candidate)
        for total in result.totals
        if total.rule == rule
        for each in total.measures
    }


def everything(book: Book) -> None:
    """One decision of each kind."""
    book.coverage()
    book.coverage(a_need(required_date=NEAR), an_item(a_source(), a_source(supplier="1590", preference=2)))
    book.coverage(item=an_item(a_source(lead_time_days=380)))
    book.change_of_need(a_need(), a_need(quantity=Decimal(1030)))
    book.change_of_need(a_need(), a_need(quantity=Decimal(1060)))
    book.change_of_line(1300, delivery=FAR)
    book.change_of_line(1100, delivery=FAR)
    book.change_of_line(1100, delivery=NEAR, edited_by_buyer=True)
    book.change_of_line(1300, delivery=dt.date(2026, 6, 3))
    book.change_of_line(300, delivery=FAR, in_transit=Decimal(400))
    book.change_of_line(1300, delivery=FAR, decided_by="anna.buyer")
    book.answer("980", "2.03")
    book.answer("980")


def test_the_same_policies_decide_the_same_of_everything(book: Book, compare: Compare, present: PolicyBook) -> None:
    everything(book)
    result, differences = compare(present)
    assert differences == []
    assert (result.audit_events, result.decisions, result.different) == (13, 12, 0)
    assert (result.control.same, result.control.unexplained) == (12, 0)
    assert result.control.policy_changed == result.not_comparable == result.caveats == {}
    assert {total.rule for total in result.totals} == {"R3", "R4", "R5", "R6", "R8", "R15"}
    for total in result.totals:
        assert all(measure.decided == measure.candidate for measure in total.measures), total


def test_an_untouched_copy_of_the_policies_decides_the_same(book: Book, compare: Compare) -> None:
    everything(book)
    assert compare()[0].different == 0


def test_a_tighter_dampener_would_have_acted_on_what_was_suppressed(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    everything(book)
    candidate.replace("defaults.toml", "share = 0.05", "share = 0.02")
    result, (difference,) = compare()
    assert statement(difference) == [("R4", "change", "suppressed", "acted on")]
    assert difference.candidate_why == "+30 is more than 20"
    assert measures(result, "R4") == {"acted on": (1, 2), "suppressed": (1, 0)}


def test_a_wider_dampener_of_a_class_concerns_its_items_only(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    book.change_of_need(a_need(), a_need(quantity=Decimal(1060)), item_class="C")
    book.change_of_need(a_need(), a_need(quantity=Decimal(1060)), item_class="A")
    candidate.rule('item_class = "C"\ndampener = { share = 0.1 }')
    result, (difference,) = compare()
    assert statement(difference) == [("R4", "change", "acted on", "suppressed")]
    assert result.decisions == 2


def test_more_processing_days_would_have_moved_the_source_and_counted_days_late(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    """Needed on Monday 29 June: at the dock on Thursday the 25th, sent by 4 June, requested by the 3rd."""
    need = a_need(required_date=dt.date(2026, 6, 29))
    book.coverage(need, an_item(a_source(), a_source(supplier="1590", preference=2, lead_time_days=14)))
    book.coverage(need, an_item(a_source()))
    candidate.replace("defaults.toml", "processing_days = 1", "processing_days = 4")
    result, (moved, late) = compare()
    assert ("R3", "supplier", "1580", "1590") in statement(moved)
    assert statement(late) == [("R6", "expedite", "no", "yes")]
    assert measures(result, "R6") == {"working days late": (0, 1), "expedited": (0, 1)}


def test_a_new_quota_would_have_shared_the_orders_from_its_base_on(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    item = an_item(a_source(), a_source(supplier="1590", preference=2))
    for number in range(5):
        book.coverage(a_need(required_date=FAR, demand_reference=f"SO-{number}"), item)
    candidate.rule('item = "BB-7421"\nquotas = { "1580" = { share = 60 }, "1590" = { share = 40 } }')
    result, differences = compare()
    # 1580 0.0, then 1590 0.0, 1580 16.7 < 25.0, 1590 25.0 < 33.3, 1580 33.3 < 50.0.
    assert [difference.entity_id[-4:] for difference in differences] == ["SO-1", "SO-3"]
    assert statement(differences[0])[0] == ("R14", "supplier", "1580", "1590")
    assert result.different == 2


def test_quotas_on_record_are_decided_from_what_was_allocated_then(candidate: Candidate) -> None:
    candidate.rule('item = "BB-7421"\nquotas = { "1580" = { share = 60 }, "1590" = { share = 40 } }')
    under = candidate.book()
    book = Book(under)
    item = an_item(a_source(), a_source(supplier="1590", preference=2))
    book.coverage(a_need(required_date=FAR), item, {"1580": Decimal(600), "1590": Decimal(380)})
    backtest_run = Backtest(Policies(under.effective), Policies(under.effective), lambda _: None)
    for audit_event in book.audit_events:
        assert audit_event.data["outcome"]["supplier"] == "1590"  # type: ignore[index,call-overload]
        backtest_run.take(audit_event)
    assert (backtest_run.result().different, backtest_run.result().control.same) == (0, 1)


def test_nothing_allocated_yet_is_on_record_too_whatever_was_decided_before(candidate: Candidate) -> None:
    candidate.rule('item = "BB-7421"\nquotas = { "1580" = { share = 60 }, "1590" = { share = 40 } }')
    under = candidate.book()
    book = Book(under)
    item = an_item(a_source(), a_source(supplier="1590", preference=2))
    for number in range(2):
        book.coverage(a_need(required_date=FAR, demand_reference=f"SO-{number}"), item, {})
    backtest_run = Backtest(Policies(under.effective), Policies(under.effective), lambda _: None)
    for audit_event in book.audit_events:
        backtest_run.take(audit_event)
    assert (backtest_run.result().different, backtest_run.result().control.same) == (0, 2)


def test_a_subcontract_first_would_have_gone_to_the_subcontractor_that_the_plant_left_out(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    component = Component(item="BB-7400", quantity=Decimal(1), unit="EA")
    book.coverage(item=an_item(a_source(), subcontractor()).model_copy(update={"components": (component,)}))
    candidate.rule('item = "BB-7421"\nroutes = [{ kind = "subcontract", components_lead_days = 2 }]')
    result, (difference,) = compare()
    assert statement(difference)[:2] == [("R3", "supplier", "1580", "1700"), ("R3", "route", "direct", "subcontract")]
    assert result.caveats == {}


def test_a_route_given_up_would_have_left_nobody_to_ask(book: Book, compare: Compare, candidate: Candidate) -> None:
    book.coverage()
    candidate.rule('item = "BB-7421"\nroutes = [{ kind = "subcontract", components_lead_days = 2 }]')
    result, (difference,) = compare()
    assert statement(difference) == [("R3", "coverage", "ordered", "none: sources")]
    assert measures(result, "R3") == {"master data exceptions": (0, 1)}


def test_a_transfer_that_was_open_counts_its_way_by_the_candidate(candidate: Candidate) -> None:
    way = 'item = "BB-7421"\nplant = "1710"\nroutes = [{{ kind = "transfer", supplying_plant = "1720", {} }}]'
    candidate.rule(way.format("transit_days = 2"))
    book = Book(candidate.book())
    audit_event = book.coverage(kept_at=("1720",))
    assert audit_event.data["kept_at"] == {"1720": True}
    recorded = Policies(candidate.book().effective)
    candidate.rule(way.format("transit_days = 9"))
    result, (difference,) = compared(audit_event, recorded, Policies(candidate.book().effective))
    assert [change[1] for change in statement(difference)] == ["send by"]
    assert (result.caveats, result.control.same) == ({}, 1)


def test_days_of_receipt_count_where_the_item_has_none_of_its_own(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    book.coverage(item=an_item(a_source(), goods_receipt_days=0))
    book.coverage(item=an_item(a_source(), goods_receipt_days=2))
    candidate.replace("defaults.toml", "goods_receipt_days = 2", "goods_receipt_days = 4")
    result, (difference,) = compare()
    assert [change[1] for change in statement(difference)] == ["dock date", "send by"]
    assert result.decisions == 2


def test_a_calendar_of_a_supplier_is_taken_away_again(candidate: Candidate) -> None:
    """Four days of lead time: of a week that has four of them, and of one that has five."""
    (candidate.path / "calendars.toml").open("a").write('\n[mondays-off]\nzone = "UTC"\nweekdays = [1, 2, 3, 4]\n')
    candidate.rule('supplier = "1580"\nsupplier_calendar = "mondays-off"')
    under = Policies(candidate.book().effective)
    source = a_source(lead_time_days=4, lead_time_in="working_days")
    audit_event = Book(candidate.book()).coverage(item=an_item(source))
    candidate.rule('supplier = "1581"\nsupplier_calendar = "mondays-off"')
    result, (difference,) = compared(audit_event, under, Policies(candidate.book().effective))
    assert [change[1] for change in statement(difference)] == ["send by"]
    assert result.control.same == 1


def test_a_longer_lead_time_limit_would_have_ordered_what_was_refused(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    audit_event = book.coverage(a_need(required_date=dt.date(2028, 8, 1)), an_item(a_source(lead_time_days=380)))
    assert (audit_event.kind, audit_event.data["defects"]) == ("sourcing.refused", ["lead_time_days"])
    candidate.replace("defaults.toml", "maximum_days = 365", "maximum_days = 400")
    result, (difference,) = compare()
    assert statement(difference) == [("R3", "coverage", "none: lead_time_days", "ordered")]
    assert measures(result, "R3") == {"master data exceptions": (1, 0)}
    assert result.control.same == 1


def test_a_supplying_plant_that_nobody_asked_is_named_and_not_guessed_at(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    book.coverage()
    candidate.replace(
        "plants/1710.toml",
        "frozen_zone_days = 5",
        'frozen_zone_days = 5\nroutes = [{ kind = "transfer", supplying_plant = "1730" }, { kind = "direct" }]',
    )
    result, differences = compare()
    assert differences == []
    assert result.caveats == {"without a transfer from 1730: whether it kept the item is not on record": 1}


def test_a_shorter_lead_time_limit_would_have_asked_for_better_master_data(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    book.coverage()
    candidate.replace("defaults.toml", "maximum_days = 365", "maximum_days = 20")
    result, (difference,) = compare()
    assert statement(difference) == [("R3", "coverage", "ordered", "none: lead_time_days")]
    assert measures(result, "R3") == {"master data exceptions": (0, 1)}


@pytest.mark.parametrize(
    ("key", "changes", "asked"),
    [
        (("B = 500", "B = 700"), [("approvers", "buyer", "nobody"), ("asks", "a person", "nobody")], 0),
        (("B = 500", "B = 100"), [("approvers", "nobody", "buyer"), ("asks", "nobody", "a person")], 2),
        (("manager_from = 25000", "manager_from = 600"), [("approvers", "buyer", "buyer, purchasing-manager")], 1),
    ],
)
def test_another_limit_would_have_asked_others(
    book: Book, compare: Compare, candidate: Candidate, key: tuple[str, str], changes: Any, asked: int
) -> None:
    book.change_of_line(1300, delivery=FAR)
    book.change_of_line(1100, delivery=FAR)
    candidate.replace("defaults.toml", *key)
    result, (difference,) = compare()
    assert statement(difference) == [("R15", *change) for change in changes]
    assert measures(result, "R15")["approvals asked"] == (1, asked)


def test_a_wider_fence_would_have_made_an_exception_of_a_proposal(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    book.change_of_line(1100, delivery=NEAR)
    candidate.replace("plants/1710.toml", "frozen_zone_days = 5", "frozen_zone_days = 8")
    _, (difference,) = compare()
    assert statement(difference) == [
        ("R3", "line 10", "proposal", "exception: inside the frozen zone"),
        ("R15", "asks", "nobody", "a person"),
    ]


def test_a_fence_for_one_supplier_concerns_its_orders_only(book: Book, compare: Compare, candidate: Candidate) -> None:
    book.change_of_line(1100, delivery=NEAR)
    candidate.rule('supplier = "1590"\nfrozen_zone_days = 8')
    assert compare()[0].different == 0
    candidate.rule('supplier = "1580"\nfrozen_zone_days = 8')
    assert compare()[0].different == 1


def test_a_rule_for_a_class_concerns_its_lines_only(book: Book, compare: Compare, candidate: Candidate) -> None:
    for item_class in ("A", "C"):
        book.change_of_line(1100, delivery=NEAR, item_class=item_class)
        book.answer("980", item_class=item_class)
    candidate.rule('item_class = "C"\nfrozen_zone_days = 8\ntolerance = { quantity_less = 0.01 }')
    result, (change, answer) = compare()
    assert statement(change)[0] == ("R3", "line 10", "proposal", "exception: inside the frozen zone")
    assert statement(answer) == [("R8", "answer to line 10", "accepted", "outside the tolerance")]
    assert result.decisions == 4


def test_a_narrower_tolerance_would_have_asked_about_an_answer(
    book: Book, compare: Compare, candidate: Candidate
) -> None:
    everything(book)
    candidate.replace("defaults.toml", "quantity_less = 0.03", "quantity_less = 0.01")
    result, (difference,) = compare()
    assert statement(difference) == [("R8", "answer to line 10", "accepted", "outside the tolerance")]
    assert measures(result, "R8") == {"answers accepted": (1, 0), "answers outside": (1, 2)}


def test_a_plant_that_the_candidate_has_no_policy_for_is_counted_apart(book: Book, compare: Compare) -> None:
    everything(book)
    result, differences = compare(FixedPolicies({"1720": a_policy(plant="1720")}))
    assert (result.decisions, differences) == (0, [])
    assert result.not_comparable == {"candidate: plant 1710 has no policy": 12}


def test_an_audit_event_without_what_it_was_decided_from_is_counted_apart_with_what_is_missing(
    book: Book, compare: Compare
) -> None:
    book.record("requirement/1710/BB-7421/aps~SO-1", "sourcing.decided", {"quantity": "100"})
    result, _ = compare()
    assert result.not_comparable == {
        "sourcing.decided was recorded without what it was decided from (need: Field required)": 1
    }


def test_a_changed_need_that_nothing_covered_yet_was_no_decision(book: Book, compare: Compare) -> None:
    book.record("requirement/1710/BB-7421/aps~SO-1", "requirement.changed", {"quantity": "100", "plan_version": 2})
    result, _ = compare()
    assert (result.audit_events, result.decisions, result.not_comparable) == (1, 0, {})


# -- the control


def compared(
    audit_event: AuditEvent, present: Policies, candidate: Policies | None = None
) -> tuple[BacktestResult, list[Difference]]:
    found: list[Difference] = []
    backtest_run = Backtest(present, candidate or present, found.append)
    backtest_run.take(audit_event)
    return backtest_run.result(), found


def test_a_policy_that_changed_since_explains_what_the_control_finds(
    book: Book, present: PolicyBook, candidate: Candidate
) -> None:
    audit_event = book.change_of_need(a_need(), a_need(quantity=Decimal(1030)))
    candidate.replace("defaults.toml", "share = 0.05", "share = 0.02")
    result, _ = compared(audit_event, Policies(candidate.book().effective), Policies(present.effective))
    now, then = candidate.book().effective("1710"), present.effective("1710")
    assert now is not None
    assert then is not None
    assert result.different == 0
    assert result.control.policy_changed == {f"1710: {then.version} → {now.version}": 1}
    assert result.control.unexplained == 0


def test_a_decision_that_its_own_policy_would_not_make_is_unexplained_and_shown(
    book: Book, present: PolicyBook
) -> None:
    audit_event = book.change_of_need(a_need(), a_need(quantity=Decimal(1030)))
    tampered = audit_event.model_copy(update={"data": {**audit_event.data, "act": True}})
    result, _ = compared(tampered, Policies(present.effective))
    assert result.control.unexplained == 1
    assert result.control.examples[0].changes == (
        Change(rule="R4", aspect="change", decided="acted on", candidate="suppressed"),
    )


def test_a_change_judged_in_other_words_than_todays_rule_has_is_unexplained(book: Book, present: PolicyBook) -> None:
    audit_event = book.change_of_line(1100, delivery=FAR)
    lines: Any = audit_event.data["lines"]
    lines[0]["reason"]["why"] = "a rule that is no more"
    result, (difference,) = compared(audit_event, Policies(present.effective))
    assert result.control.unexplained == 1
    assert statement(difference)[0] == ("R3", "line 10", "a rule that is no more", "proposal")


def test_a_critical_demand_stays_critical(book: Book, compare: Compare, candidate: Candidate) -> None:
    book.change_of_line(1001, delivery=FAR, criticality=Criticality.A)
    candidate.replace("defaults.toml", "A = 0", "A = 10")
    _, (difference,) = compare()
    assert statement(difference)[-1] == ("R15", "asks", "a person", "nobody")
    assert difference.decided_at.date() == DAY
