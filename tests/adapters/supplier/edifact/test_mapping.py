"""Our orders as suppliers get them."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.errors import PermanentError
from adapters.supplier.edifact.mapping import (
    control_reference,
    transliterated,
    write_change,
    write_order,
    write_reminder,
)
from canonical.order import DocumentLine, OrderDocument
from canonical.units import KNOWN_UNITS
from tests.adapters.supplier.edifact.orders import line, order, split, tagged

LATIN_1 = "".join(chr(code) for code in (*range(0x20, 0x7F), *range(0xA1, 0x100)) if code != 0xAD)


def written(document: OrderDocument, key: str = "order/P1/V7/abc send-1") -> bytes:
    return write_order(document, sender="PEGLINE", key=key)


def test_an_order_is_written_segment_by_segment_as_the_directory_has_it() -> None:
    reference = control_reference("k")
    assert write_order(order(line(10, price_unit=Decimal(100))), sender="PEGLINE", key="k").decode() == (
        "UNA:+.? '"
        f"UNB+UNOC:3+PEGLINE+V7+260601:0000+{reference}'"
        "UNH+1+ORDERS:D:96A:UN'"
        "BGM+220+4500000017+9'"
        "DTM+137:20260601:102'"
        "RFF+ON:4500000017::1'"
        "NAD+BY+P1::92'"
        "NAD+SU+V7::92'"
        "CUX+2:EUR:9'"
        "LIN+10++BOLT-10:BP'"
        "IMD+F++:::Bolt, M8'"
        "QTY+21:100:EA'"
        "DTM+2:20260615:102'"
        "PRI+AAA:2.5:::100:EA'"
        "UNS+S'"
        "CNT+2:1'"
        "UNT+15+1'"
        f"UNZ+1+{reference}'"
    )


def test_one_key_is_one_document_byte_for_byte_and_another_key_another() -> None:
    assert written(order()) == written(order())
    assert written(order(), "k1") != written(order(), "k2")
    assert len(control_reference("order/P1/V7/abc send-1")) == 14


def test_a_supplier_is_written_to_at_its_address_in_the_directory_that_it_takes() -> None:
    document = written(order(line(1), supplier_address="4012345500004", directory="01B"))
    assert tagged(document, "UNH") == [[["1"], ["ORDERS", "D", "01B", "UN"]]]
    assert tagged(document, "UNB")[0][2] == ["4012345500004"]
    assert ["SU"] in [elements[0] for elements in tagged(document, "NAD")]


def test_cancelled_lines_are_not_ordered() -> None:
    document = written(order(line(1), line(2, cancelled=True), line(3)))
    assert [elements[0] for elements in tagged(document, "LIN")] == [["1"], ["3"]]
    assert tagged(document, "CNT") == [[["2", "2"]]]
    with pytest.raises(PermanentError, match="every line is cancelled"):
        written(order(line(1, cancelled=True)))


def test_a_change_has_every_line_and_says_what_becomes_of_each() -> None:
    lines = (line(1), line(2, quantity=Decimal(60)), line(3, cancelled=True))
    document = write_change(order(*lines, revision=2, changed_lines=(2, 3)), sender="PEGLINE", key="k")
    assert [elements[:2] for elements in tagged(document, "LIN")] == [[["1"], ["4"]], [["2"], ["3"]], [["3"], ["2"]]]
    assert tagged(document, "BGM") == [[["230"], ["4500000017"], ["4"]]]
    assert tagged(document, "RFF") == [[["ON", "4500000017", "", "2"]]]
    assert tagged(document, "CNT") == [[["2", "3"]]]
    assert tagged(document, "FTX") == []


def test_an_expedited_change_asks_for_it_in_words_before_the_references() -> None:
    document = write_change(order(expedite=True, revision=2), sender="PEGLINE", key="k")
    assert tagged(document, "FTX") == [[["PUR"], ["1"], [""], ["EXPEDITE"]]]
    tags = [segment[0][0] for segment in split(document)]
    assert tags.index("DTM") < tags.index("FTX") < tags.index("RFF")


def test_a_reminder_names_order_and_revision_and_has_a_number_of_its_own() -> None:
    document = write_reminder(order(revision=3), sender="PEGLINE", key="remind-1")
    assert tagged(document, "UNH") == [[["1"], ["OSTENQ", "D", "96A", "UN"]]]
    assert tagged(document, "BGM") == [[["347"], [control_reference("remind-1")], ["9"]]]
    assert tagged(document, "RFF") == [[["ON", "4500000017", "", "3"]]]
    assert tagged(document, "DOC") == [[["220"], ["4500000017"]]]


def test_text_is_cut_to_its_fields_and_its_service_characters_are_released() -> None:
    (elements,) = tagged(written(order(line(description="It's 5:1 + ? " + "x" * 100))), "IMD")
    assert elements[2][:3] == ["", "", ""]
    assert [len(text) for text in elements[2][3:]] == [35, 35]
    assert elements[2][3].startswith("It's 5:1 + ? xxx")
    assert tagged(written(order(line(description=" "))), "IMD") == []


def test_what_latin_1_lacks_is_spelt_out() -> None:
    assert transliterated("Łożysko – 5\u00a0€, Ø 8 mm") == "Lozysko - 5 EUR, Ø 8 mm"
    assert transliterated("Große\nSchraube\u200b e\u0301") == "Große Schraube é"
    assert transliterated("轴承 M8") == "?? M8"


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (order(supplier="V" * 18), "supplier"),
        (order(supplier="Łódź"), "supplier"),
        (order(plant="P" * 18), "plant"),
        (order(line(item="B" * 36)), "line 1 item"),
        (order(line(item="軸-1")), "line 1 item"),
        (order(order_number="4" * 36), "order number"),
        (order(order_number=None), "no order number yet"),
        (order(currency="EURO"), "currency"),
        (order(line(quantity=Decimal("123456789012.123456"))), "line 1 quantity"),
        (order(line(price_unit=Decimal("1234567890"))), "line 1 price unit"),
        (order(line(1_000_000)), "line '1000000'"),
    ],
)
def test_a_code_or_figure_that_does_not_fit_is_refused_and_never_cut(document: OrderDocument, named: str) -> None:
    with pytest.raises(PermanentError, match=named):
        written(document)


@some.composite
def order_lines(draw: some.DrawFn) -> list[DocumentLine]:
    texts = some.text(LATIN_1, max_size=70).map(lambda text: " ".join(text.split()))
    codes = some.text(LATIN_1.replace("/", "").replace(" ", ""), min_size=1, max_size=35)
    items = codes.filter(lambda code: code not in (".", ".."))  # steps in an address, which no code is
    numbers = draw(some.lists(some.integers(1, 999_999), min_size=1, max_size=4, unique=True))
    return [
        line(
            number,
            item=draw(items),
            description=draw(texts),
            quantity=draw(some.decimals(0, 999_999_999, places=6)),
            price=draw(some.decimals(0, 9_999_999, places=4)),
            price_unit=draw(some.sampled_from([Decimal(1), Decimal("0.001"), Decimal("1E+2"), Decimal(1000)])),
            unit=draw(some.sampled_from(sorted(KNOWN_UNITS))),
            delivery_date=draw(some.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))),
        )
        for number in numbers
    ]


@given(order_lines())
def test_whatever_is_ordered_is_in_the_document(lines: list[DocumentLine]) -> None:
    document = written(order(*lines))
    read = split(document)
    starts = [index for index, segment in enumerate(read) if segment[0] == ["LIN"]]
    ends = [*starts[1:], next(index for index, segment in enumerate(read) if segment[0] == ["UNS"])]
    assert len(starts) == len(lines)
    for requested, start, end in zip(lines, starts, ends, strict=True):
        group = {segment[0][0]: segment[1:] for segment in read[start:end]}
        assert group["LIN"] == [[str(requested.line)], [""], [requested.item, "BP"]]
        assert "".join(group["IMD"][2][3:] if "IMD" in group else []) == requested.description
        assert (Decimal(group["QTY"][0][1]), group["QTY"][0][2]) == (requested.quantity, requested.unit)
        assert group["DTM"][0][1] == f"{requested.delivery_date:%Y%m%d}"
        assert (Decimal(group["PRI"][0][1]), Decimal(group["PRI"][0][4])) == (requested.price, requested.price_unit)
    (tail,) = tagged(document, "UNT")
    assert int(tail[0][0]) == len(read) - 2, "all but UNB and UNZ"
