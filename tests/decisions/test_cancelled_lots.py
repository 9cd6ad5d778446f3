"""R5 within R13: what a lot keeps on a line is not called cancelled, and nothing is lost where it is divided."""

from decimal import Decimal
from typing import Any

import pytest

from canonical.bom import ChangeDisposition
from canonical.identity import RequirementId
from canonical.units import SAME
from decisions.engineering_change.cancelled_lots import LineLots, keep_whole_lots, split, total

PIECES_IN_CARTONS_OF_12 = (Decimal(1), Decimal(12))


def fate(quantity: int, fate: str = "cancelled", line: str = "PO-1/10", **changes: Any) -> ChangeDisposition:
    fields: dict[str, Any] = {
        "component": "BRACKET",
        "reference": line,
        "requirement_id": RequirementId("R"),
        "quantity": Decimal(quantity),
        "unit": "EA",
        "fate": fate,
    }
    return ChangeDisposition(**fields | changes)


@pytest.mark.parametrize(
    ("minimum", "multiple", "units", "quantity", "kept"),
    [
        (100, 25, SAME, 110, 125),
        (100, 25, SAME, 30, 100),
        (100, 25, SAME, 0, 0),
        (1, 1, PIECES_IN_CARTONS_OF_12, 30, 36),
        (2, 1, PIECES_IN_CARTONS_OF_12, 5, 24),
    ],
)
def test_what_stays_on_a_line_is_a_whole_lot_of_its_supplier(
    minimum: int, multiple: int, units: tuple[Decimal, Decimal], quantity: int, kept: int
) -> None:
    assert LineLots(Decimal(minimum), Decimal(multiple), units).to_keep(Decimal(quantity)) == kept


def test_a_part_takes_its_share_of_value_and_cost_to_the_cent_and_the_rest_takes_what_is_left() -> None:
    one = fate(3, value=Decimal("10.00"), cost=Decimal("1.00"))
    part, rest = split(one, Decimal(1))
    assert part == fate(1, value=Decimal("3.33"), cost=Decimal("0.33"))
    assert rest == fate(2, value=Decimal("6.67"), cost=Decimal("0.67"))
    half, other = split(fate(2, value=Decimal("10.01"), cost=Decimal("0.05")), Decimal(1))
    assert (half.value, other.value, half.cost, other.cost) == (
        Decimal("5.01"),
        Decimal("5.00"),
        Decimal("0.03"),
        Decimal("0.02"),
    )
    assert total([part, rest]) == 3


def test_a_lots_own_surplus_stays_first_then_what_is_used_last_and_other_lines_are_left_alone() -> None:
    """Sold by 100: 60 are used, 30 and 40 cancelled, 20 nobody's; a lot of 100 keeps those 20 and 20 of the last."""
    used, first, last = fate(60, "consumed"), fate(30), fate(40)
    nobodys = fate(20, requirement_id=None)
    in_stock, other = fate(50, on_stock=True), fate(7, line="PO-2/10")
    found = keep_whole_lots(
        [other, used, nobodys, first, last, in_stock],
        {"PO-1/10": LineLots(Decimal(100), Decimal(100), SAME)},
        lambda one: one.reference,
        lambda one: one.fate == "cancelled",
        lambda one: one.model_copy(update={"fate": "excess"}),
    )
    assert found == [
        other,
        used,
        fate(20, "excess", requirement_id=None),
        first,
        fate(20),
        fate(20, "excess"),
        in_stock,
    ]


def test_a_single_piece_that_the_lot_keeps_is_not_called_cancelled() -> None:
    found = keep_whole_lots(
        [fate(99, "consumed"), fate(10)],
        {"PO-1/10": LineLots(Decimal(100), Decimal(100), SAME)},
        lambda one: one.reference,
        lambda one: one.fate == "cancelled",
        lambda one: one.model_copy(update={"fate": "excess"}),
    )
    assert found == [fate(99, "consumed"), fate(9), fate(1, "excess")]
