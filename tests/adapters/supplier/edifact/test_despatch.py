"""What suppliers' despatch advices announce."""

from datetime import date
from decimal import Decimal

import pytest

from canonical.order import ShippedLine
from tests.adapters.supplier.edifact.documents import HEADING, desadv, interchange, message, refusal, shipments


def test_an_advice_announces_what_of_which_line_arrives_when() -> None:
    document = desadv(
        "CPS+1",
        "LIN+1++BOLT:BP",
        "QTY+12:600:PCE",
        "LIN+2++NUT:BP",
        "QTY+12:20.5:KGM",
        heading=(*HEADING, "DTM+17:20260618:102"),
    )
    (shipment,) = shipments(document)
    assert (shipment.order_number, shipment.despatch_number) == ("4500000017", "DA-5")
    assert shipment.arrives_on == date(2026, 6, 18)
    assert shipment.lines == (
        ShippedLine(line=1, by_reference=False, item="BOLT", quantity=Decimal(600), unit="H87"),
        ShippedLine(line=2, by_reference=False, item="NUT", quantity=Decimal("20.5"), unit="KGM"),
    )


def test_packages_of_one_order_line_are_added_up() -> None:
    lines = ("CPS+1++3", "PAC+2", "QTY+52:294:PCE", "LIN+++7.5:IN", "QTY+12:600:PCE", "RFF+ON:4500000017:00010")
    (shipment,) = shipments(desadv(*lines, "CPS+2++1", "PAC+1", "QTY+52:5", *lines[3:], heading=()))
    assert shipment.lines == (ShippedLine(line=10, item="7.5", quantity=Decimal(1200), unit="H87"),)
    mixed = desadv(*lines, "LIN+++7.5:IN", "QTY+12:2:BX", "RFF+ON:4500000017:00010", heading=())
    assert refusal(mixed).code == "contradiction"


def test_an_advice_over_several_orders_is_a_shipment_for_each() -> None:
    document = desadv("LIN+1", "QTY+12:1", "RFF+ON:4500000017", "LIN+1", "QTY+12:2", "RFF+ON:4500000018", heading=())
    announced = [(one.order_number, str(one.lines[0].quantity)) for one in shipments(document)]
    assert announced == [("4500000017", "1"), ("4500000018", "2")]


@pytest.mark.parametrize(
    ("dates", "arrives"),
    [
        (("DTM+132:20260619:102", "DTM+17:20260618:102"), 18),
        (("DTM+2:20260620:102", "DTM+132:20260619:102", "DTM+11:20260601:102"), 19),
        (("DTM+2:20260620:102",), 20),
    ],
)
def test_the_arrival_is_the_best_date_there_is(dates: tuple[str, ...], arrives: int) -> None:
    (shipment,) = shipments(desadv("LIN+1", "QTY+12:1", heading=(*HEADING, *dates)))
    assert shipment.arrives_on == date(2026, 6, arrives)


def test_without_an_arrival_there_is_none() -> None:
    (shipment,) = shipments(desadv("LIN+1", "QTY+12:1", heading=(*HEADING, "DTM+11:20260601:102")))
    assert shipment.arrives_on is None


def test_a_cancellation_takes_back_the_advice_of_its_number_with_or_without_lines() -> None:
    for lines in ((), ("LIN+1", "QTY+12:600:PCE")):
        (cancelled,) = shipments(desadv(*lines, bgm="BGM+351+DA-5+1"))
        assert (cancelled.function, cancelled.despatch_number, cancelled.takes_back) == ("cancellation", "DA-5", None)
        assert cancelled.order_number == "4500000017"


def test_a_replacement_may_have_a_number_of_its_own_and_name_the_one_it_replaces() -> None:
    lines = ("LIN+1", "QTY+12:500:PCE")
    (same,) = shipments(desadv(*lines, bgm="BGM+351+DA-5+5"))
    assert (same.function, same.despatch_number, same.takes_back) == ("replacement", "DA-5", None)
    (other,) = shipments(desadv(*lines, bgm="BGM+351+DA-6+5", heading=(*HEADING, "RFF+AAK:DA-5")))
    assert (other.function, other.despatch_number, other.takes_back) == ("replacement", "DA-6", "DA-5")
    assert [int(line.quantity) for line in other.lines] == [500]


ON_18, ON_19 = "DTM+17:20260618:102", "DTM+17:20260619:102"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (desadv("LIN+1", "QTY+21:4"), "missing_segment"),
        (desadv("LIN+1", "QTY+12:0"), "missing_segment"),
        (desadv("LIN+1", "QTY+12:1", "QTY+12:2"), "missing_segment"),
        (desadv("CPS+1"), "missing_segment"),
        (desadv("LIN+1", "QTY+12:1", bgm="BGM+220+B1"), "unknown_code"),
        (desadv("LIN+1", "QTY+12:1", bgm="BGM+351+DA-5+4"), "unknown_code"),
        (
            desadv("LIN+1", "QTY+12:1", bgm="BGM+351+DA-5+5", heading=(*HEADING, "RFF+AAK:DA-1", "RFF+ACW:DA-2")),
            "contradiction",
        ),
        (desadv("LIN+1", "QTY+12:1", heading=()), "unknown_order"),
        (desadv("LIN", "QTY+12:1"), "unknown_line"),
        (
            desadv("LIN+1", "QTY+12:1", ON_18, "LIN+2", "QTY+12:1", ON_19),
            "contradiction",
        ),
        (desadv("LIN+1", "QTY+12:1", "CNT+2:2"), "control_count"),
        (
            interchange(message("DESADV", "BGM+351+1", "LIN+1", "QTY+12:1", version="D:92A:UN")),
            "message_version",
        ),
    ],
)
def test_an_advice_that_would_have_to_be_guessed_at_is_unreadable(document: str, code: str) -> None:
    assert refusal(document).code == code
