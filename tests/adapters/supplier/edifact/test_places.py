"""Which order line and item a supplier's line is about; and what has no place in the message."""

import pytest

from tests.adapters.supplier.edifact.documents import (
    HEADING,
    answer,
    desadv,
    interchange,
    message,
    ordrsp,
    refusal,
    shipments,
)


def test_a_number_from_a_reference_is_ours_and_the_lins_own_may_be_the_suppliers() -> None:
    [own] = answer(ordrsp("LIN+1+5+BOLT-7:BP", "QTY+21:4")).lines
    assert (own.line, own.by_reference, own.item) == (1, False, "BOLT-7")
    [referred] = answer(ordrsp("LIN+1+5+401234:EN", "PIA+1+BOLT-7:IN", "QTY+21:4", "RFF+ON:4500000017:10")).lines
    assert (referred.line, referred.by_reference, referred.item) == (10, True, "BOLT-7")


def test_only_our_own_number_of_the_item_is_compared() -> None:
    for lin in ("LIN+1+5+BOLT-7:SA", "LIN+1+5+401234:EN", "LIN+1+5"):
        assert answer(ordrsp(lin, "QTY+21:4")).lines[0].item is None
    two = ("LIN+1+5+BOLT-7:BP", "PIA+5+BOLT-8:BP", "QTY+21:4")
    assert refusal(ordrsp(*two)).code == "contradiction"


def test_lins_of_one_number_and_several_items_of_ours_are_answers_apart() -> None:
    lines = answer(ordrsp("LIN+1+5+BOLT-7:BP", "QTY+21:4", "LIN+1+5+BOLT-8:BP", "QTY+21:5")).lines
    assert [(line.line, line.item) for line in lines] == [(1, "BOLT-7"), (1, "BOLT-8")]


def test_the_number_of_a_substitute_is_not_that_of_the_ordered_item() -> None:
    [line] = answer(ordrsp("LIN+1+6+BOLT-9:BP", "PIA+3+BOLT-9:BP", "QTY+113:4")).lines
    assert line.item is None


def test_supplier_and_sender_are_told() -> None:
    detail = answer(ordrsp(bgm="BGM+231+OR-9+29", heading=(*HEADING, "NAD+SU+V7::92")))
    assert (detail.supplier, detail.sender) == ("V7", "SELLER")
    [shipment] = shipments(desadv("LIN+1++BOLT:BP", "QTY+12:4", heading=(*HEADING, "NAD+SU+V7::92")))
    assert (shipment.supplier, shipment.sender, shipment.lines[0].item) == ("V7", "SELLER", "BOLT")


@pytest.mark.parametrize(
    "late", ["LIN+2+5", "QTY+113:4", "DTM+67:20260612:102", "RFF+ON:4500000017:2", "NAD+SU+V9::92", "FTX+LIN+1"]
)
def test_what_stands_behind_uns_is_refused(late: str) -> None:
    error = refusal(ordrsp("LIN+1+5", "QTY+21:4", "UNS+S", late))
    assert (error.code, "behind UNS" in error.detail) == ("misplaced_segment", True)


def test_a_summary_is_read_where_it_belongs() -> None:
    body = ("BGM+231+OR-9+4", *HEADING, "LIN+1+5", "QTY+21:4", "UNS+S", "MOA+79:12", "CNT+2:1")
    assert answer(interchange(message("ORDRSP", *body))).lines


@pytest.mark.parametrize("segment", ["ZZZ+1", "UNB+1", "CPS+1", "IFD+1"])
def test_a_segment_that_the_directory_does_not_have_is_named(segment: str) -> None:
    error = refusal(ordrsp("LIN+1+5", "QTY+21:4", segment))
    assert error.code in ("misplaced_segment", "missing_segment")


def test_what_senders_add_to_a_despatch_advice_without_harm_is_borne() -> None:
    heading = (*HEADING, "FTX+DEL+++by the gate", "NAD+SU+V7::92")
    [shipment] = shipments(desadv("LIN+1++BOLT:BP", "QTY+12:4", "UNS+S", "CNT+2:1", heading=heading))
    assert (shipment.supplier, str(shipment.lines[0].quantity)) == ("V7", "4")
    assert refusal(desadv("LIN+1", "QTY+12:4", "UNS+S", "LIN+2", "QTY+12:4")).code == "misplaced_segment"


def test_a_party_of_the_heading_does_not_follow_the_lines() -> None:
    assert refusal(desadv("CPS+1", "LIN+1", "QTY+12:1", "TOD+3")).code == "misplaced_segment"


def test_an_order_named_behind_a_party_is_the_headings() -> None:
    assert answer(ordrsp(bgm="BGM+231+OR-9+29", heading=("NAD+SU+V7::92", HEADING[1]))).order_number == "4500000017"
