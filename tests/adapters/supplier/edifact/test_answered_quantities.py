"""What ORDRSP documents say of quantities, dates and prices, and which of them would have to be interpreted."""

from decimal import Decimal

import pytest

from tests.adapters.supplier.edifact.answers import ACCEPTED, BACKORDERED, CHANGED, REJECTED, part, schedule_lines
from tests.adapters.supplier.edifact.documents import HEADING, answer, interchange, message, ordrsp, refusal


def test_a_partial_answer_is_what_was_answered_and_no_more() -> None:
    assert schedule_lines("LIN+1+6", "QTY+21:100", "QTY+113:60", "DTM+67:20260610:102") == [part(CHANGED, "60", 10)]
    assert schedule_lines("LIN+1+6", "QTY+21:100", "QTY+83:40") == [part(BACKORDERED, "40")]
    assert schedule_lines("LIN+1+6", "QTY+21:100", "QTY+113:0", "QTY+83:100", "DTM+67:20260619:102") == [
        part(BACKORDERED, "100", 19)
    ]


def test_beside_a_backorder_the_date_is_that_of_what_comes() -> None:
    assert schedule_lines("LIN+1+6", "QTY+21:100", "QTY+113:60", "QTY+83:40", "DTM+67:20260610:102") == [
        part(CHANGED, "60", 10),
        part(BACKORDERED, "40"),
    ]
    assert schedule_lines("LIN+1+6", "QTY+113:60", "DTM+67:20260610:102", "QTY+83:40", "DTM+67:20260620:102") == [
        part(CHANGED, "60", 10),
        part(BACKORDERED, "40", 20),
    ]


def test_a_requested_date_is_no_promise_for_a_backorder() -> None:
    assert schedule_lines("LIN+1+6", "QTY+83:40", "DTM+2:20260610:102") == [part(BACKORDERED, "40")]


def test_several_lins_of_one_order_line_are_several_schedule_line() -> None:
    lines = ("LIN+1+5", "QTY+21:100", "QTY+113:60", "DTM+67:20260610:102")
    more = ("LIN+2+5", "RFF+ON:4500000017:1", "QTY+21:100", "QTY+113:40", "DTM+67:20260617:102")
    assert schedule_lines(*lines, *more) == [part(ACCEPTED, "60", 10), part(ACCEPTED, "40", 17)]
    assert schedule_lines("LIN+1+6", "QTY+113:60", "LIN+1+7", "QTY+21:40") == [
        part(CHANGED, "60"),
        part(REJECTED, "40"),
    ]


def test_several_items_under_one_line_number_are_not_schedule_line_of_it() -> None:
    lines = ("LIN+10+5+7301:EN", "QTY+21:1", "LIN+10+5+7302:EN", "QTY+21:1")
    assert refusal(ordrsp(*lines)).code == "contradiction"


def test_a_schedule_splits_the_line_and_must_come_to_its_total() -> None:
    lines = (
        "LIN+1+6",
        "QTY+21:100",
        "QTY+113:100",
        "SCC+1",
        "QTY+113:70",
        "DTM+67:20260610:102",
        "SCC+1",
        "QTY+113:30",
        "DTM+67:20260620:102",
    )
    assert schedule_lines(*lines) == [part(CHANGED, "70", 10), part(CHANGED, "30", 20)]
    assert refusal(ordrsp(*(segment.replace("113:30", "113:20") for segment in lines))).code == "contradiction"


@pytest.mark.parametrize("qualifier", ["55", "67", "69", "17", "2"])
def test_each_kind_of_delivery_date_is_read_where_it_stands_alone(qualifier: str) -> None:
    assert schedule_lines("LIN+1+6", "QTY+113:4", f"DTM+{qualifier}:20260612:102") == [part(CHANGED, "4", 12)]


def test_a_firm_date_goes_before_an_estimate_and_an_estimate_before_the_request() -> None:
    dates = ("DTM+2:20260610:102", "DTM+17:20260611:102", "DTM+67:20260612:102")
    assert schedule_lines("LIN+1+6", "QTY+113:4", *dates) == [part(CHANGED, "4", 12)]
    assert schedule_lines("LIN+1+6", "QTY+113:4", *dates[:2]) == [part(CHANGED, "4", 11)]


def test_two_firm_dates_that_differ_contradict() -> None:
    for other in ("DTM+69:20260613:102", "DTM+67:20260613:102"):
        assert refusal(ordrsp("LIN+1+6", "QTY+113:4", "DTM+67:20260612:102", other)).code == "contradiction"


def test_when_goods_leave_is_not_when_they_arrive() -> None:
    assert schedule_lines("LIN+1", "QTY+12:60.0:PCE", "DTM+11:20260612:102", bgm="BGM+231+OR-9+29") == [
        part(ACCEPTED, "60", unit="H87")
    ]
    assert refusal(ordrsp("LIN+1+6", "QTY+12:60", "DTM+11:20260612:102")).code == "missing_segment"


def test_a_delivery_in_words_that_are_not_in_the_table_is_unreadable() -> None:
    assert refusal(ordrsp("LIN+1+6", "QTY+113:4", "DTM+76:20260612:102")).code == "unknown_code"


@pytest.mark.parametrize(
    "dated",
    [
        "20260612:102",
        "260612:101",
        "202606120730:203",
        "20260612073059:204",
        "2606120730:201",
        "202606120730UTC:303",
        "20260612073000+02:304",
    ],
)
def test_a_day_is_read_in_every_format_that_gives_one(dated: str) -> None:
    released = dated.replace("+", "?+")
    [found] = schedule_lines("LIN+1+6", "QTY+113:4", f"DTM+67:{released}")
    assert found.model_copy(update={"at": None}) == part(CHANGED, "4", 12)


@pytest.mark.parametrize(
    ("dated", "code"),
    [
        ("202624:616", "unknown_code"),
        ("20260612", "unknown_code"),
        ("20260631:102", "bad_value"),
        ("2026612:102", "bad_value"),
        ("12.06.2026:102", "bad_value"),
        ("202606120730MEZ:303", "unknown_code"),
    ],
)
def test_what_is_no_day_is_unreadable(dated: str, code: str) -> None:
    assert refusal(ordrsp("LIN+1+6", "QTY+113:4", f"DTM+67:{dated}")).code == code


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        ("QTY+17:4", "unknown_code"),
        ("QTY+185:4", "unknown_code"),
        ("QTY+113:4:XYZ", "unknown_code"),
        ("QTY+113:-4", "bad_value"),
        ("QTY+113:four", "bad_value"),
        ("QTY+113:1,5", "bad_value"),
        ("QTY+113:1 000", "bad_value"),
        ("QTY+113:", "bad_value"),
        ("QTY+113:0.0000001", "bad_value"),
        ("QTY+113:3", "contradiction"),
        ("QTY+12:3", "contradiction"),
    ],
)
def test_a_quantity_that_would_have_to_be_interpreted_is_unreadable(quantity: str, code: str) -> None:
    lines = ("QTY+113:4", quantity) if code == "contradiction" else (quantity,)
    error = refusal(ordrsp("LIN+1+6", *lines))
    assert error.code == code


def test_quantities_of_no_concern_change_nothing() -> None:
    assert schedule_lines("LIN+1+5", "QTY+21:10", "QTY+12:10", "QTY+85:0", "QTY+47:10", "QTY+52:5") == [
        part(ACCEPTED, "10")
    ]


def test_without_a_una_point_and_comma_are_both_decimal_marks_but_never_part_thousands() -> None:
    body = message("ORDRSP", "BGM+231+OR-9+4", *HEADING, "LIN+1+6", "QTY+113:1,5", "UNS+S")
    without = interchange(body, una="")
    assert answer(without).lines[0].schedule_lines[0].quantity == Decimal("1.5")
    assert answer(without.replace("1,5", "1.5")) == answer(without)
    assert refusal(without.replace("1,5", "1,500")).code == "bad_value"


def test_the_currency_of_the_prices_is_one_wherever_it_stands() -> None:
    def currency(*lines: str, heading: tuple[str, ...] = HEADING) -> str | None:
        return answer(ordrsp("LIN+1+6", "QTY+113:4", *lines, heading=heading)).currency

    assert currency("PRI+AAA:3", "CUX+2:USD:9") == "USD"
    assert currency("PRI+AAB:3", "CUX+2:USD:9") is None, "not the net price's"
    assert currency("PRI+AAA:3", "CUX+2:SEK:9", heading=(*HEADING, "CUX+2:SEK:9")) == "SEK"
    mixed = ordrsp("LIN+1+6", "QTY+113:4", "PRI+AAA:3", "CUX+2:USD:9", heading=(*HEADING, "CUX+2:EUR:9"))
    assert refusal(mixed).code == "contradiction"


def test_the_net_price_is_read_with_its_basis_and_the_list_price_is_not() -> None:
    detail = answer(
        ordrsp("LIN+1+6", "QTY+113:4", "PRI+AAB:9", "PRI+AAA:306.00:::100:EA", heading=(*HEADING, "CUX+2:SEK:9"))
    )
    assert (detail.lines[0].price, detail.lines[0].price_unit, detail.currency) == (Decimal(306), Decimal(100), "SEK")
    assert answer(ordrsp("LIN+1+5", "QTY+21:4", "PRI+AAB:9")).lines[0].price is None
    assert refusal(ordrsp("LIN+1+6", "QTY+113:4", "PRI+AAA:3", "PRI+AAA:4")).code == "contradiction"
