"""Every outcome has its reason: the rule, the figures, the policy values and version; it survives JSON."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from canonical.base import Criticality
from canonical.identity import RequirementId
from canonical.order import AnswerOutcome, AnswerScheduleLine, LineAnswer
from canonical.policy import Dampener
from canonical.reason import Reason, figure
from decisions.allocation import AllocationRequest, allocate
from decisions.answers import ReadAnswer, read_answer
from decisions.dampener import judge_change
from decisions.feasibility import judge_feasibility
from decisions.lots import size_lots
from tests.decisions.models import WEEKDAYS, a_need, a_peg, confirmed, june


def suppressed(version: str) -> Reason:
    return judge_change(a_need(), a_need(quantity=Decimal(1030)), Dampener(), WEEKDAYS).reason(version)


def met(version: str) -> Reason:
    return judge_feasibility([a_peg(100, june(15))], [confirmed(100, june(11))], 2, WEEKDAYS, june(1)).reason(version)


def short(version: str) -> Reason:
    return judge_feasibility([a_peg(100, june(15))], [confirmed(100, june(12))], 2, WEEKDAYS, june(1)).reason(version)


def never(version: str) -> Reason:
    return judge_feasibility([a_peg(100, june(15))], [], 2, WEEKDAYS, june(1)).reason(version)


def shared(version: str) -> Reason:
    requests = [
        AllocationRequest(RequirementId("r/a"), Decimal(250), june(12), Criticality.A),
        AllocationRequest(RequirementId("r/b"), Decimal(200), june(15), Criticality.B),
    ]
    return allocate([confirmed(300, june(10)), confirmed(200, june(20))], requests).reason(version)


def unserved(version: str) -> Reason:
    return allocate([], [AllocationRequest(RequirementId("r/a"), Decimal(1), june(12))]).reason(version)


def answered(version: str) -> Reason:
    answer = LineAnswer(
        line=10, schedule_lines=(AnswerScheduleLine(outcome=AnswerOutcome.BACKORDERED, quantity=Decimal(40)),)
    )
    read = read_answer(Decimal(100), "EA", june(11), answer, "per_line")
    assert isinstance(read, ReadAnswer)
    return read.reason(version)


def unlimited(version: str) -> Reason:
    return size_lots(Decimal(5), Decimal(10), Decimal(1), None).reason(version)


@pytest.mark.parametrize(
    ("outcome", "rule", "why", "inputs", "thresholds"),
    [
        (
            suppressed,
            "R4",
            "+30 and +0 working days are within the dampener",
            {"act": False, "quantity_delta": "30", "working_days_delta": 0, "quantity_limit": "50.00"},
            {
                "dampener.quantity": "10",
                "dampener.quantity_share_max": "0.2",
                "dampener.share": "0.05",
                "dampener.earlier_working_days": 1,
                "dampener.later_working_days": 5,
            },
        ),
        (met, "R7", "100 on stock by 2026-06-15", {"needed": "100", "available_on": "2026-06-15"}, {}),
        (
            short,
            "R7",
            "100 of 100 short from 2026-06-15; covered on 2026-06-16, 1 working days late",
            {
                "needed": "100",
                "short_quantity": "100",
                "short_at": "2026-06-15",
                "available_on": "2026-06-16",
                "working_days_late": 1,
            },
            {},
        ),
        (
            never,
            "R7",
            "100 of 100 short from 2026-06-15; no dated supply covers the whole need",
            {
                "needed": "100",
                "short_quantity": "100",
                "short_at": "2026-06-15",
                "available_on": None,
                "working_days_late": 0,
            },
            {},
        ),
        (
            shared,
            "R11",
            "r/a: 250 confirmed for 2026-06-10; r/b: 50 confirmed for 2026-06-10 + 150 confirmed for 2026-06-20; "
            "unclaimed: 50 confirmed for 2026-06-20",
            {
                "r/a": "250 confirmed for 2026-06-10",
                "r/b": "50 confirmed for 2026-06-10 + 150 confirmed for 2026-06-20",
            },
            {},
        ),
        (unserved, "R11", "r/a: nothing", {"r/a": "nothing"}, {}),
        (
            answered,
            "R9",
            "60 confirmed 2026-06-11, 40 backordered without date",
            {"confirmed": "60", "rejected": "0"},
            {},
        ),
        (
            unlimited,
            "R5",
            "5 needed, 10 ordered, 5 surplus (minimum 10, multiple 1)",
            {"needed": "5", "minimum_quantity": "10", "multiple": "1", "maximum_quantity": None},
            {},
        ),
    ],
)
def test_an_outcome_has_its_rule_its_figures_and_the_policy(
    outcome: Callable[[str], Reason], rule: str, why: str, inputs: dict[str, Any], thresholds: dict[str, Any]
) -> None:
    reason = outcome("v7")
    assert reason == Reason(rule=rule, why=why, inputs=inputs, thresholds=thresholds, policy_version="v7")
    assert Reason.model_validate_json(json.dumps(reason.model_dump(mode="json"))) == reason


def test_figures_are_written_as_people_write_them() -> None:
    assert [figure(Decimal(statement)) for statement in ("1E+3", "2.500", "0.00", "-3.10")] == [
        "1000",
        "2.5",
        "0",
        "-3.1",
    ]
