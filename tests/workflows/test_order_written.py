"""What the ERP holds of an order's line after people edited it, and which edits are no news; without a server."""

import datetime as dt
from decimal import Decimal

import pytest

from canonical.identity import RequirementId
from canonical.order import DeliveryLine, DocumentEdit, EditedField
from tests.decisions.models import june
from tests.workflows.arrivals import NOW, a_request
from workflows.purchase_order.edits import in_erp, is_known, remote_value
from workflows.purchase_order.line import Line, LineEdit

Days = list[tuple[int, int]]


def rows(*parts: tuple[int, int]) -> tuple[DeliveryLine, ...]:
    return tuple(DeliveryLine(date=june(day), quantity=Decimal(q), committed=Decimal(q)) for q, day in parts)


def a_line(*confirmed: tuple[int, int]) -> Line:
    """100 chains ordered for the 20th, as the ERP holds them: with what was confirmed, quantity and day."""
    request = a_request(RequirementId("requirement/1710/CHAIN/1"), 1, 100)
    line = Line(
        number=10,
        request=request,
        quantity=Decimal(100),
        allocated=Decimal(100),
        delivery_date=june(20),
        price=Decimal(2),
    )
    line.mark_in_erp()
    if confirmed:
        line.mark_scheduled(rows(*confirmed), completed=False)
    return line


def an_edit(field: EditedField, old: str, new: str, hour: int = 1, found: tuple[DeliveryLine, ...] = ()) -> LineEdit:
    at = NOW + dt.timedelta(hours=hour)
    return LineEdit(field=field, old=old, new=new, edited_by="ben", effective_at=at, deliveries=found)


def a_move(old: int, new: int) -> LineEdit:
    return an_edit("delivery_date", june(old).isoformat(), june(new).isoformat())


def reported(edit: LineEdit) -> DocumentEdit:
    known = edit.model_dump(exclude={"deliveries"})
    return DocumentEdit(order_number="45", line=10, **known)


@pytest.mark.parametrize(
    ("confirmed", "edit", "left"),
    [
        ([(60, 20), (40, 24)], an_edit("quantity", "100", "120"), [(60, 20), (60, 24)]),
        ([(60, 20), (40, 24)], an_edit("quantity", "100", "70"), [(60, 20), (10, 24)]),
        ([(60, 20), (40, 24)], an_edit("quantity", "100", "50"), [(50, 20)]),
        ([(60, 20), (40, 24)], a_move(24, 30), [(60, 20), (40, 30)]),
        ([(100, 24)], a_move(24, 20), [(100, 20)]),
        ([(60, 20), (40, 24)], a_move(27, 30), []),
        ([], an_edit("quantity", "100", "120"), []),
        ([], a_move(20, 30), []),
        ([(60, 20), (40, 24)], an_edit("quantity", "100", "120", found=rows((80, 20), (40, 26))), [(80, 20), (40, 26)]),
    ],
)
def test_the_deliveries_after_an_edit_are_those_that_the_erp_then_holds(
    confirmed: Days, edit: LineEdit, left: Days
) -> None:
    after = in_erp(a_line(*confirmed), [edit]).schedule
    assert [(int(row.quantity), row.date.day) for row in after] == left


def test_edits_of_a_line_are_applied_as_they_were_made() -> None:
    later = an_edit("quantity", "100", "120", hour=2)
    earlier = an_edit("price", "2", "3", hour=1, found=rows((100, 26)))
    after = in_erp(a_line((60, 20), (40, 24)), [later, earlier])
    assert after.quantity == 120
    assert after.price == 3
    assert [(int(row.quantity), row.date.day) for row in after.schedule] == [(120, 26)]


@pytest.mark.parametrize(
    ("confirmed", "edit", "known"),
    [
        ([], a_move(30, 20), True),
        ([], a_move(20, 30), False),
        ([(100, 24)], a_move(30, 24), True),
        ([(100, 24)], a_move(24, 20), False),
        ([(60, 20), (40, 24)], a_move(24, 20), False),
        ([(60, 20), (40, 24)], a_move(30, 24), True),
        ([(100, 24)], an_edit("quantity", "120", "100"), True),
        ([(100, 24)], an_edit("price", "2", "2.50"), False),
        ([(100, 24)], an_edit("price", "2.50", "2.00"), True),
    ],
)
def test_an_edit_back_to_what_the_erp_was_brought_to_is_no_news(confirmed: Days, edit: LineEdit, known: bool) -> None:
    assert is_known(a_line(*confirmed), reported(edit)) is known


def test_neither_the_written_nor_the_requested_value_of_a_changed_line_is_an_edit() -> None:
    line = a_line((100, 24))
    line.revise(2, Decimal(150), june(30))
    edits = [
        an_edit("quantity", "120", "150"),
        an_edit("quantity", "120", "100"),
        an_edit("quantity", "100", "120"),
        a_move(24, 30),
        a_move(26, 24),
        a_move(24, 20),
    ]
    assert [is_known(line, reported(edit)) for edit in edits] == [True, True, False, True, True, False]


def test_a_person_sees_all_days_that_were_confirmed() -> None:
    assert remote_value(a_line((60, 20), (40, 24)), "delivery_date") == "2026-06-20 and 2026-06-24"
    assert remote_value(a_line(), "delivery_date") == "2026-06-20"
