"""Shared lines are found in the counterparts' books, and what becomes of one that is cut is judged by them."""

from decimal import Decimal

from demo.books import Books
from demo.reckoning import aps_mismatches
from demo.shares import SharedLine, decrease_of, read_lines, shared_lines, unknown_lines
from tests.demo.books import ORDER, books, line, requirement

BOTH = {"A": requirement(3402), "B": requirement(3024, criticality="C")}
COVERAGE = {"A": 3402, "B": 3024}


def shared() -> SharedLine:
    (found,) = shared_in(books(BOTH, lines=[line(10, 6440)], known_by={10: "A"}, coverage=COVERAGE))
    return found


def shared_in(found: Books) -> list[SharedLine]:
    return shared_lines(found, read_lines(found))


def test_a_requirement_that_an_order_covers_without_a_line_of_its_own_shares_the_line_of_its_item_and_day() -> None:
    found = shared()
    assert (found.name, found.quantity, found.confirmed) == (f"{ORDER}/10", Decimal(6440), True)
    assert found.needs == {"A": Decimal(3402), "B": Decimal(3024)}


def test_requirements_with_lines_of_their_own_share_none() -> None:
    apart = books(BOTH, lines=[line(10, 3420), line(20, 3040)], known_by={10: "A", 20: "B"}, coverage=COVERAGE)
    assert shared_in(apart) == []


def test_of_several_lines_of_an_item_the_one_of_the_same_day_is_shared() -> None:
    plan = {**BOTH, "C": requirement(2500, "2026-06-24")}
    lines = [line(10, 6500, day="2026-06-23"), line(20, 6440)]
    found = books(
        plan, lines=lines, known_by={10: "C", 20: "A"}, coverage={**COVERAGE, "C": 2500}, cover_on={"C": "2026-06-23"}
    )
    assert read_lines(found).serves == {(ORDER, 10): ["C"], (ORDER, 20): ["A", "B"]}


def test_requirements_of_several_days_share_the_line_of_their_one_dock_date() -> None:
    """Bothell is closed on the 24th and 25th of December: all of it is at the dock on the 23rd."""
    plan = {
        "261224.A": requirement(436, "2026-12-24"),
        "261224.C": requirement(1344, "2026-12-24", criticality="C"),
        "261225.A": requirement(3780, "2026-12-25"),
        "261225.C": requirement(3360, "2026-12-25", criticality="C"),
    }
    coverage = {reference: int(row["quantity"]) for reference, row in plan.items()}
    days = dict.fromkeys(plan, "2026-12-23")
    found = books(
        plan, lines=[line(10, 8920, day="2026-12-23")], known_by={10: "261224.A"}, coverage=coverage, cover_on=days
    )
    (one,) = shared_in(found)
    assert (set(one.needs), one.without({"261225.C"})) == (set(plan), Decimal(5560))


def test_a_line_that_has_no_room_for_it_is_not_the_one_that_a_requirement_shares() -> None:
    plan = {**BOTH, "C": requirement(3420)}
    found = books(
        plan, lines=[line(10, 3420), line(20, 6440)], known_by={10: "C", 20: "A"}, coverage={**COVERAGE, "C": 3420}
    )
    assert read_lines(found).serves == {(ORDER, 10): ["C"], (ORDER, 20): ["A", "B"]}


def test_of_lines_that_are_alike_the_books_leave_open_who_shares_which_and_they_are_compared_together() -> None:
    plan = {**BOTH, "C": requirement(3402), "D": requirement(3024)}
    found = books(
        plan,
        lines=[line(10, 6440), line(20, 6440)],
        known_by={10: "A", 20: "C"},
        coverage={**COVERAGE, "C": 3402, "D": 3024},
        received={10: 6440, 20: 6440},
    )
    reading = read_lines(found)
    assert reading.maybe_written == {(ORDER, 10), (ORDER, 20)}
    assert shared_lines(found, reading) == []
    assert aps_mismatches(found, reading.serves) == []


def test_coverage_that_no_line_explains_is_reported() -> None:
    other = books(BOTH, lines=[line(10, 3420, item="MS-2348")], known_by={}, coverage={"B": 3024})
    assert read_lines(other).unread == [f"B: 3024 of order {ORDER}, which has no line of MS-2341"]
    more = books(BOTH, lines=[line(10, 3000)], known_by={10: "B"}, coverage={"B": 3024})
    assert read_lines(more).unread == [f"B: 3024 of order {ORDER}, where its own lines hold 3000"]


def test_a_line_of_no_plan_is_reported_and_one_of_our_own_needs_is_not() -> None:
    found = books(BOTH, lines=[line(10, 3420), line(20, 3040)], known_by={10: "A", 20: "B"}, coverage=COVERAGE)
    assert unknown_lines(found, []) == []
    found.aps["versions"]["1"]["requirements"] = {"A": BOTH["A"]}
    (tracking,) = (
        item["RequirementTracking"]
        for item in found.erp["requisitions"][0]["items"]
        if item["PurchasingDocumentItem"] == "20"
    )
    assert unknown_lines(found, []) == [f"line {ORDER}/20 is tracked by {tracking}, which no plan names"]
    assert unknown_lines(found, [tracking]) == []
    found.erp["orders"][0]["items"][1] = line(20, 3040, deleted=True)
    assert unknown_lines(found, []) == []


def test_what_nothing_comes_for_any_more_shares_no_line() -> None:
    assert shared_in(books(BOTH, lines=[line(10, 3420)], known_by={10: "A"}, coverage={"A": 3402, "B": 0})) == []


def test_without_one_requirement_a_line_is_the_needs_of_the_others_in_whole_lots() -> None:
    assert shared().without({"B"}) == Decimal(3420), "3402 in twenties"
    assert shared().without({"A"}) == Decimal(3040)
    assert shared().without({"A", "B"}) == 0


def test_a_line_that_is_cut_to_what_is_left_is_without_fault() -> None:
    after = books(BOTH, {"A": BOTH["A"]}, lines=[line(10, 3420)], known_by={10: "A"}, coverage={"A": 3402})
    assert decrease_of(after, shared(), {"B"}).faults == []


def test_a_line_that_was_not_cut_is_a_fault() -> None:
    after = books(BOTH, {"A": BOTH["A"]}, lines=[line(10, 6440)], known_by={10: "A"}, coverage={"A": 3402})
    assert decrease_of(after, shared(), {"B"}).faults == [f"line {ORDER}/10 is 6440, has to be 3420"]


def test_another_requirement_that_lost_something_is_a_fault() -> None:
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
        return aps_mismatches(reported, read_lines(reported).serves)

    assert wrong(COVERAGE, 6440) == []
    assert wrong({"A": 3402, "B": 3000}, 6440) == ["A + B: APS 6402, warehouse 6440"]
    assert wrong(COVERAGE, 6400) == ["A + B: APS 6426, warehouse 6400"]


def test_what_a_withdrawn_requirement_no_longer_takes_of_a_receipt_is_nobodys() -> None:
    reported = books(
        BOTH, {"A": BOTH["A"]}, lines=[line(10, 3420)], known_by={10: "A"}, coverage={"A": 3402}, received={10: 3420}
    )
    assert aps_mismatches(reported, {(ORDER, 10): ["A", "B"]}) == []
