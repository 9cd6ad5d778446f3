"""What the rerun wrote, and for whom: what shares a line is written for the sake of any. And what counts as a fault."""

from collections import defaultdict
from typing import Any

from demo.account import for_unchanged, suppressed
from demo.reckoning import HAS_TO_BE_NONE, TIME_LIMIT_SECONDS, judge
from demo.shares import Reading

ONE, TWO, OWN = ("4500000001", 10), ("4500000001", 20), ("4500000002", 10)
READ = Reading({ONE: ["A", "B", "C"], TWO: ["D"]})


def revision(**lines: list[str]) -> dict[str, Any]:
    return {"changed": [], "gone": [], "new": [], "slightly": [], **lines}


def test_a_write_to_a_shared_line_is_for_any_that_shares_it_whatever_their_dates() -> None:
    assert for_unchanged({ONE: 1}, revision(changed=["C"]), READ, READ) == []
    assert for_unchanged({ONE: 1}, revision(gone=["B"]), READ, Reading({ONE: ["A", "C"]})) == []
    assert for_unchanged({ONE: 2, TWO: 1}, revision(changed=["D"]), READ, READ) == [ONE, ONE]


def test_a_line_of_our_own_needs_follows_what_it_is_for() -> None:
    assert for_unchanged({OWN: 1}, revision(), READ, READ) == []


def test_a_requirement_on_a_shared_line_counts_as_suppressed_while_nobody_writes_to_it() -> None:
    assert suppressed({TWO: 1}, revision(slightly=["B", "D", "not on order"]), READ) == ["B"]
    assert suppressed({ONE: 1}, revision(slightly=["B"]), READ) == []


def test_how_long_the_story_took_is_a_figure_and_no_fault_and_a_line_that_nobody_can_read_is_one() -> None:
    figures: dict[str, Any] = defaultdict(lambda: 1000, dict.fromkeys(HAS_TO_BE_NONE, 0))
    figures["rerun"] = {"erp_writes_for_unchanged": 0}
    figures["seconds"] = 3 * TIME_LIMIT_SECONDS
    assert judge(figures, {}) == []
    figures["unread_lines"] = 1
    assert judge(figures, {"unread_lines": ["line 45/10 is strange"]}) == [
        "unread_lines is 1, has to be 0 (line 45/10 is strange)"
    ]
