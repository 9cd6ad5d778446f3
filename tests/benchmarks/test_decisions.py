"""The benchmark measures the decisions it names; `make bench` reports how fast they are."""

import pytest

from benchmarks.decisions import TODAY, Case, cases, plan_run
from canonical.policy import RouteKind
from decisions.assess import SourcingDecision, decide_sourcing

CASES = {case.name: case for case in cases()}


def decisions_of(case: Case) -> list[SourcingDecision]:
    outcomes = [decide_sourcing(need, case.assessment, TODAY) for need in case.needs]
    assert all(isinstance(outcome, SourcingDecision) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, SourcingDecision)]


@pytest.mark.parametrize(
    ("name", "rule", "route"),
    [
        ("one source", "preference", RouteKind.DIRECT),
        ("two sources", "preference", RouteKind.DIRECT),
        ("quota between two", "R14", RouteKind.DIRECT),
        ("a transfer first", "preference", RouteKind.TRANSFER),
        ("a subcontract", "preference", RouteKind.SUBCONTRACT),
    ],
)
def test_each_kind_of_line_is_decided_as_named(name: str, rule: str, route: RouteKind) -> None:
    assert {(decision.choice.rule, decision.route) for decision in decisions_of(CASES[name])} == {(rule, route)}


def test_the_first_of_three_is_late_and_the_other_unit_is_another() -> None:
    late = decisions_of(CASES["three sources, the first is late"])
    assert sum(decision.source.supplier != "1580" for decision in late) > len(late) / 2
    assert {decision.source.unit for decision in decisions_of(CASES["another unit"])} == {"LBR"}


def test_a_plan_run_has_a_hundred_lines_in_their_shares() -> None:
    lines = plan_run(list(CASES.values()))
    assert len(lines) == 100
    assert all(sum(known is case.assessment for _, known in lines) == case.share for case in CASES.values())
