"""Shared lines are found in the counterparts' books, and what becomes of one that is cut is judged by them."""

from decimal import Decimal

from demo.reckoning import aps_mismatches
from demo.shares import SharedLine, decrease_of, references_of_lines, shared_lines
from tests.demo.books import ORDER, books, line, requirement

BOTH = {"A": requirement(3402), "B": requirement(3024, criticality="C")}
COVERAGE = {"A": 3402, "B": 3024}


def shared() -> SharedLine:
    (found,) = shared_lines(books(BOTH, lines=[line(10, 6440)], known_by={10: "A"}, coverage=COVERAGE))
    return found


def test_a_requirement_that_an_order_covers_without_a_line_of_its_own_shares_the_line_of_its_item_and_date() -> None:
    found = shared()
    assert (found.name, found.quantity, found.confirmed) == (f"{ORDER}/10", Decimal(6440), True)
    assert found.needs == {"A": Decimal(3402), "B": Decimal(3024)}


def test_requirements_with_lines_of_their_own_share_none() -> None:
    apart = books(BOTH, lines=[line(10, 3420), line(20, 3040)], known_by={10: "A", 20: "B"}, coverage=COVERAGE)
    assert shared_lines(apart) == []


def test_of_several_lines_of_an_item_the_one_of_the_same_day_is_shared() -> None:
    plan = {**BOTH, "C": requirement(2500, "2026-06-24")}
    found = books(
        plan, lines=[line(10, 2500), line(20, 6440)], known_by={10: "C", 20: "A"}, coverage={**COVERAGE, "C": 2500}
    )
    assert references_of_lines(found) == {(ORDER, 10): ["C"], (ORDER, 20): ["A", "B"]}


def test_what_nothing_comes_for_any_more_shares_no_line() -> None:
    assert shared_lines(books(BOTH, lines=[line(10, 3420)], known_by={10: "A"}, coverage={"A": 3402, "B": 0})) == []


def test_without_one_of_its_sharers_a_line_is_the_others_needs_in_whole_lots() -> None:
    assert shared().without({"B"}) == Decimal(3420), "3402 in twenties"
    assert shared().without({"A"}) == Decimal(3040)
    assert shared().without({"A", "B"}) == 0


def test_a_line_that_is_cut_to_what_is_left_is_without_fault() -> None:
    after = books(BOTH, {"A": BOTH["A"]}, lines=[line(10, 3420)], known_by={10: "A"}, coverage={"A": 3402})
    assert decrease_of(after, shared(), {"B"}).faults == []


def test_a_line_that_was_not_cut_is_a_fault() -> None:
    after = books(BOTH, {"A": BOTH["A"]}, lines=[line(10, 6440)], known_by={10: "A"}, coverage={"A": 3402})
    assert decrease_of(after, shared(), {"B"}).faults == [f"line {ORDER}/10 is 6440, has to be 3420"]


def test_another_sharer_that_lost_something_is_a_fault() -> None:
    after = books(BOTH, {"A": BOTH["A"]}, lines=[line(10, 3420)], known_by={10: "A"}, coverage={"A": 3400})
    assert decrease_of(after, shared(), {"B"}).faults == ["A has 3400 left of its 3402"]


def test_of_a_line_that_all_let_go_nothing_is_left() -> None:
    after = books(BOTH, {}, lines=[line(10, 6440, deleted=True)], known_by={10: "A"}, coverage={})
    decrease = decrease_of(after, shared(), {"A", "B"})
    assert (decrease.after, decrease.expected) == (Decimal(0), Decimal(0))
    assert decrease.faults == []


def test_receipts_of_a_shared_line_are_compared_for_all_that_share_it() -> None:
    def wrong(coverage: dict[str, int], posted: int) -> list[str]:
        reported = books(BOTH, lines=[line(10, 6440)], known_by={10: "A"}, coverage=coverage, received={10: posted})
        return aps_mismatches(reported, references_of_lines(reported))

    assert wrong(COVERAGE, 6440) == []
    assert wrong({"A": 3402, "B": 3000}, 6440) == ["A + B: APS 6402, warehouse 6440"]
    assert wrong(COVERAGE, 6400) == ["A + B: APS 6426, warehouse 6400"]


def test_what_a_withdrawn_sharer_no_longer_takes_of_a_receipt_is_nobodys() -> None:
    reported = books(
        BOTH, {"A": BOTH["A"]}, lines=[line(10, 3420)], known_by={10: "A"}, coverage={"A": 3402}, received={10: 3420}
    )
    assert aps_mismatches(reported, {(ORDER, 10): ["A", "B"]}) == []
