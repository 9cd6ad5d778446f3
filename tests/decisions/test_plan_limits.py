"""What a plan run is stopped or put to a person for, in the words that are shown, on both sides of each limit."""

from decimal import Decimal
from typing import Any

import pytest

from canonical.identity import plan_run_id
from canonical.plan import PlanMatched, PlanRunStatus, PlanStage
from canonical.policy import PlanRules
from decisions.plan_limits import over_error_limit, over_withdrawal_limit
from tests.decisions.models import a_policy, a_revision

RULES = PlanRules(error_share_max=Decimal("0.02"), withdraw_share_max=Decimal("0.10"))


def a_run(**changes: Any) -> PlanRunStatus:
    fields: dict[str, Any] = {
        "id": plan_run_id("aps", "1710", 7),
        "number": 1,
        "source": "aps",
        "plant": "1710",
        "version": 7,
        "partial": False,
        "stage": PlanStage.MATCHED,
        "lines": 1000,
        "refused": 0,
        "received_at": a_revision(7).effective_at,
    }
    return PlanRunStatus(**fields | changes)


def withdrawing(withdrawals: int, known: int, unreadable: int = 0) -> PlanMatched:
    run = a_run(refused=unreadable, unreadable=unreadable)
    return PlanMatched(run=run, policy=a_policy(), withdrawals=withdrawals, known=known)


@pytest.mark.parametrize(
    ("refused", "stops"),
    [
        (0, None),
        (1, None),
        (20, None),
        (21, "21 of 1000 lines are refused, 2.1%, and 2.0% may be; nothing was changed"),
        (1000, "1000 of 1000 lines are refused, 100.0%, and 2.0% may be; nothing was changed"),
    ],
)
def test_a_run_goes_on_with_as_many_refused_lines_as_may_be_and_stops_at_one_more(
    refused: int, stops: str | None
) -> None:
    assert over_error_limit(a_run(refused=refused), RULES) == stops


def test_the_one_line_of_a_run_may_be_good_or_stops_it() -> None:
    assert over_error_limit(a_run(lines=1), RULES) is None
    stops = "1 of 1 lines are refused, 100.0%, and 2.0% may be; nothing was changed"
    assert over_error_limit(a_run(lines=1, refused=1), RULES) == stops


def test_a_plant_may_take_a_plan_with_any_share_of_refused_lines_or_with_none() -> None:
    every = RULES.model_copy(update={"error_share_max": Decimal(1)})
    assert over_error_limit(a_run(refused=1000), every) is None
    none = RULES.model_copy(update={"error_share_max": Decimal(0)})
    assert over_error_limit(a_run(), none) is None
    stops = "1 of 1000 lines are refused, 0.1%, and 0.0% may be; nothing was changed"
    assert over_error_limit(a_run(refused=1), none) == stops


def test_a_whole_plan_without_lines_stops_as_it_would_withdraw_every_need() -> None:
    stops = "the plan has no lines; to withdraw every need, state each withdrawal"
    assert over_error_limit(a_run(lines=0), RULES) == stops


def test_a_part_of_a_plan_may_be_empty_as_it_withdraws_nothing() -> None:
    assert over_error_limit(a_run(lines=0, partial=True), RULES) is None


@pytest.mark.parametrize(
    ("withdrawals", "known", "asks"),
    [
        (0, 0, None),
        (0, 500, None),
        (1, 500, None),
        (50, 500, None),
        (51, 500, "version 7 of aps would withdraw 51 of 500 open needs, 10.2%, and 10.0% may be without a person"),
        (1, 1, "version 7 of aps would withdraw 1 of 1 open needs, 100.0%, and 10.0% may be without a person"),
    ],
)
def test_a_run_withdraws_as_many_needs_as_may_be_by_itself_and_asks_a_person_for_one_more(
    withdrawals: int, known: int, asks: str | None
) -> None:
    assert over_withdrawal_limit(withdrawing(withdrawals, known), RULES) == asks


def test_a_need_that_became_known_after_they_were_counted_is_not_withdrawn_without_a_person() -> None:
    asks = "version 7 of aps would withdraw 1 of 0 open needs, 100.0%, and 10.0% may be without a person"
    assert over_withdrawal_limit(withdrawing(1, 0), RULES) == asks


@pytest.mark.parametrize("unreadable", [1, 3])
def test_a_line_that_nobody_can_read_asks_a_person_for_any_withdrawal(unreadable: int) -> None:
    asks = (
        f"version 7 of aps would withdraw 1 of 500 open needs, and {unreadable} of its lines could not be read: "
        "it may have them after all"
    )
    assert over_withdrawal_limit(withdrawing(1, 500, unreadable), RULES) == asks


def test_lines_that_nobody_can_read_ask_nobody_where_nothing_is_withdrawn() -> None:
    assert over_withdrawal_limit(withdrawing(0, 500, unreadable=3), RULES) is None
