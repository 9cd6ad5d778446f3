"""An engineering change is compared with the ERP's lines, and the reports on plan runs with the plan."""

from decimal import Decimal
from typing import Any

from demo.bom_change import ChangeReported, lines_of_item, quantities
from demo.reckoning import plan_run_faults
from tests.demo.books import ORDER, books, line, requirement

PEDAL = "PD-M562"
PLAN = {"EARLY": requirement(73, item=PEDAL), "LATE": requirement(126, item=PEDAL)}
CONSUMED, EXCESS, CANCELLED = (10, 73, "consumed"), (10, 27, "excess"), (20, 126, "cancelled")


def reported(*dispositions: tuple[int, int, str], after: tuple[int, int] = (100, 0)) -> ChangeReported:
    def held(early: int, late: int) -> Any:
        both = [line(10, early, PEDAL), line(20, late or 126, PEDAL, deleted=not late)]
        return books(PLAN, lines=both, known_by={10: "EARLY", 20: "LATE"}, coverage={})

    before = lines_of_item(held(100, 126), "1720", PEDAL)
    return ChangeReported(
        change="change/1720/BK-M82S-42/B",
        approvals=1,
        dispositions=[
            {
                "reference": f"{ORDER}/{number}",
                "quantity": str(quantity),
                "fate": fate,
            }
            for number, quantity, fate in dispositions
        ],
        before=before,
        after=quantities(held(*after), before),
        ended={"LATE"},
        new_lines=[],
    )


def test_a_change_that_says_of_every_line_what_becomes_of_it_agrees_with_the_erp() -> None:
    change = reported(CONSUMED, EXCESS, CANCELLED)
    assert change.before == {(ORDER, 10): Decimal(100), (ORDER, 20): Decimal(126)}
    assert (change.without_disposition, change.mismatches) == ([], [])


def test_a_line_or_part_of_a_line_without_a_disposition_is_found() -> None:
    assert reported(CONSUMED, EXCESS).without_disposition == [f"{ORDER}/20: 126 in the ERP, 0 disposed of"]
    assert reported(CONSUMED, CANCELLED).without_disposition == [f"{ORDER}/10: 100 in the ERP, 73 disposed of"]


def test_a_line_that_was_to_be_cancelled_and_stands_is_found() -> None:
    left = reported(CONSUMED, EXCESS, CANCELLED, after=(100, 126))
    assert left.mismatches == [f"{ORDER}/20: 126 before, 126 cancelled, 126 in the ERP"]


def test_a_line_that_was_to_stay_and_is_cut_is_found() -> None:
    assert reported(CONSUMED, EXCESS, CANCELLED, after=(80, 0)).mismatches == [
        f"{ORDER}/10: 100 before, 0 cancelled, 80 in the ERP"
    ]


def test_a_line_that_is_cut_in_part_may_not_fall_below_what_is_used() -> None:
    in_part = ((20, 63, "consumed"), (20, 63, "cancelled"))
    assert reported(CONSUMED, EXCESS, *in_part, after=(100, 100)).mismatches == [], (
        "the supplier sells no less than 100"
    )
    assert reported(CONSUMED, EXCESS, *in_part, after=(100, 62)).mismatches


def test_reports_on_plan_runs_that_say_what_the_plan_says_have_no_fault() -> None:
    revision = {"requirements": 100, "new": ["N"], "changed": ["C1", "C2"], "slightly": ["S"], "gone": ["G1", "G2"]}
    runs: list[dict[str, Any]] = [
        {"outcomes": {"unchanged": 50, "changed": 1, "withdrawn": 2}},
        {"outcomes": {"unchanged": 46, "changed": 2, "new": 1}},
    ]
    assert plan_run_faults(runs, revision) == []
    runs[1]["outcomes"] |= {"unchanged": 45, "refused": 1}
    assert plan_run_faults(runs, revision) == ["refused: 1 reported, 0 planned", "unchanged: 95 reported, 96 planned"]
