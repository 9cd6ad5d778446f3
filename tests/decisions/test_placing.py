"""Which line of our order a supplier's line is about, and how much of it in the order's unit."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from canonical.order import (
    AnswerOutcome,
    AnswerScheduleLine,
    LineAnswer,
    OrderAnswer,
    ShipmentAnnounced,
    ShippedLine,
)
from canonical.supply import OtherUnit
from decisions.placing import OrderedLine, foreign_party, place_answer, place_shipment
from decisions.units import in_order_unit

NOW = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
PIECES_PER_BOX = (OtherUnit(unit="EA", per_order_unit=(Decimal(12), Decimal(1))),)
BOXES = OrderedLine(10, "BOLT", "BX", PIECES_PER_BOX)
ORDER = (BOXES, OrderedLine(20, "NUT", "EA"), OrderedLine(30, "WASHER", "EA"), OrderedLine(40, "WASHER", "EA"))


def answer(*lines: LineAnswer) -> OrderAnswer:
    return OrderAnswer(order_number="45", answer_number="A1", lines=lines, effective_at=NOW)


def line(number: int, quantity: str = "5", unit: str | None = None, **stated: object) -> LineAnswer:
    part = AnswerScheduleLine(outcome=AnswerOutcome.CHANGED, quantity=Decimal(quantity), unit=unit)
    return LineAnswer.model_validate({"line": number, "schedule_lines": (part,), **stated})


def placed(*lines: LineAnswer) -> list[tuple[int, str]]:
    return [(each.line, each.objection) for each in place_answer(answer(*lines), ORDER).lines]


def test_r9_a_suppliers_line_1_of_the_item_of_line_20_answers_line_20() -> None:
    assert placed(line(1, item="NUT", by_reference=False), line(2, item="bolt", by_reference=False)) == [
        (20, ""),
        (10, ""),
    ]
    assert placed(line(10, item="NUT", by_reference=False)) == [(20, "")], "its 10 is not our 10"


def test_a_line_without_item_or_with_the_right_one_stays_where_its_number_says() -> None:
    for stated in (line(20), line(20, item="NUT"), line(20, item="nut", by_reference=False)):
        assert placed(stated) == [(20, "")]
    padded = place_answer(answer(line(5, item="00017", by_reference=False)), [OrderedLine(10, "17", "EA")])
    assert padded.lines[0].line == 10


@pytest.mark.parametrize(
    ("item", "ours", "why"),
    [
        (
            "NUT",
            True,
            "line 10 of the order is item BOLT; the document names item NUT for it",
        ),
        ("SCREW", False, "of which the order has no line"),
        ("WASHER", False, "of which the order has several lines"),
    ],
)
def test_what_can_t_be_placed_is_objected_to_and_says_why(item: str, ours: bool, why: str) -> None:
    [(number, objection)] = placed(line(10, item=item, by_reference=ours))
    assert number == 10
    assert why in objection


def test_a_despatch_of_what_can_t_be_placed_says_why_and_ships_the_rest() -> None:
    parts = (
        ShippedLine(line=7, quantity=Decimal(5)),
        ShippedLine(line=10, quantity=Decimal(5), item="NUT", by_reference=True),
        ShippedLine(line=20, quantity=Decimal(5)),
    )
    shipment = ShipmentAnnounced(order_number="45", despatch_number="D1", lines=parts, effective_at=NOW)
    found = place_shipment(shipment, ORDER)
    assert [(each.line, each.quantity) for each in found.shipment.lines] == [(20, Decimal(5))]
    assert found.unclear == {
        7: "the order has no line 7",
        10: "line 10 of the order is item BOLT; the document names item NUT for it",
    }


def test_two_lines_about_one_are_objected_to() -> None:
    [(number, objection)] = placed(line(1, item="NUT", by_reference=False), line(20))
    assert (number, "two lines" in objection) == (20, True)


def test_pieces_are_boxes_by_the_items_own_conversion() -> None:
    [boxes] = place_answer(answer(line(10, "60", "EA")), ORDER).lines
    assert (boxes.schedule_lines[0].quantity, boxes.schedule_lines[0].unit) == (Decimal(5), "BX")
    [(_, objection)] = placed(line(10, "65", "EA"))
    assert objection == "the answer is in EA (65), the order in BX"
    [(_, objection)] = placed(line(10, "2", "KGM"))
    assert "KGM" in objection


@pytest.mark.parametrize("unit", ["EA", "H87", "C62"])
def test_each_piece_and_one_are_one_thing(unit: str) -> None:
    [pieces] = place_answer(answer(line(20, "60", unit)), ORDER).lines
    assert pieces.schedule_lines[0].quantity == 60
    [boxes] = place_answer(answer(line(10, "60", unit)), ORDER).lines
    assert boxes.schedule_lines[0].quantity == 5


def test_r9_a_despatch_of_60_pieces_for_10_boxes_of_12_is_5_boxes() -> None:
    def shipped(quantity: str, unit: str | None, number: int = 10, **stated: object) -> ShipmentAnnounced:
        part = ShippedLine.model_validate({"line": number, "quantity": quantity, "unit": unit, **stated})
        return ShipmentAnnounced(order_number="45", despatch_number="D1", lines=(part,), effective_at=NOW)

    (boxes,) = place_shipment(shipped("60", "EA"), ORDER).shipment.lines
    assert (boxes.quantity, boxes.unit) == (Decimal(5), "BX")
    (same,) = place_shipment(shipped("60", None), ORDER).shipment.lines
    assert same.quantity == 60
    refused = place_shipment(shipped("60", "KGM"), ORDER)
    assert (refused.shipment.lines, refused.unclear) == ((), {10: "line 10 is in BX, the despatch of 60 in KGM"})
    (moved,) = place_shipment(shipped("60", "EA", 1, item="NUT", by_reference=False), ORDER).shipment.lines
    assert (moved.line, moved.quantity) == (20, Decimal(60))


@pytest.mark.parametrize(
    ("number", "measure", "basis", "price", "expected"),
    [
        (10, "EA", None, "2", ("24", "1")),
        (10, "DZN", "1", "24", ("24", "1")),
        (20, "BX", None, "24", None),
        (20, "H87", "100", "2.5", ("2.5", "100")),
        (20, "KGM", None, "3", None),
        (20, "STK", None, "3", None),
    ],
)
def test_r9_a_price_of_2_a_piece_is_24_a_box_of_12_or_is_asked_about(
    number: int, measure: str, basis: str | None, price: str, expected: tuple[str, str] | None
) -> None:
    stated = line(number, price=price, price_unit=basis, price_measure=measure)
    [found] = place_answer(answer(stated), ORDER).lines
    if expected is None:
        assert found.objection.startswith(f"its price is for {measure}")
    else:
        assert (found.price, found.price_unit) == tuple(map(Decimal, expected))


def test_a_document_of_another_party_is_named() -> None:
    assert foreign_party(None, None, "V7", ()) is None
    assert foreign_party("V7", "V7", "V7", ()) is None
    assert foreign_party("V7", "4012345500004", "V7", ("4012345500004",)) is None
    assert foreign_party("V9", "V7", "V7", ()) == "it names supplier V9, the order is with V7"
    assert foreign_party(None, "4012345500004", "V7", ()) is None, "its address is not known"
    for stated in (None, "V7"):
        assert "sent from V9" in (foreign_party(stated, "V9", "V7", ("4012345500004",)) or "")


@given(some.decimals(0, 10**6, places=3), some.sampled_from(["GRM", "KGM", "TNE", "LBR", "MTR", "EA", "DZN", "BX"]))
def test_a_conversion_keeps_the_quantity_or_is_not_made(quantity: Decimal, unit: str) -> None:
    ratios = {"GRM": Decimal(1000), "KGM": Decimal(1), "TNE": Decimal("0.001")}
    converted = in_order_unit(quantity, unit, "KGM", ())
    if unit in ratios:
        assert converted == round(quantity / ratios[unit], 6)
    elif unit != "LBR":
        assert converted is None
