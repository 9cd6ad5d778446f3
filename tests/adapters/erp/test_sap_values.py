"""SAP's way to write values; the figures are those of SAP's public sandbox."""

import datetime as dt
from decimal import Decimal

import pytest

from adapters.erp.sap.units import Units, UnknownUnit
from adapters.erp.sap.values import (
    DoesNotFit,
    read_date,
    read_decimal,
    write_code,
    write_date,
    write_number,
    write_price,
    write_quantity,
    write_text,
)
from canonical.units import KNOWN_UNITS


def test_a_date_is_midnight_utc_in_milliseconds() -> None:
    assert write_date(dt.date(2016, 8, 4)) == "/Date(1470268800000)/"
    assert read_date("/Date(1470268800000)/") == dt.date(2016, 8, 4)


def test_dates_before_1970_and_with_an_offset_are_read() -> None:
    assert read_date(write_date(dt.date(1969, 12, 31))) == dt.date(1969, 12, 31)
    assert read_date("/Date(1470268800000+0000)/") == dt.date(2016, 8, 4)
    assert read_date(None) is None


def test_a_text_that_is_no_date_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="2016-08-04"):
        read_date("2016-08-04")


def test_a_quantity_keeps_three_decimals_and_is_never_rounded() -> None:
    assert write_quantity(Decimal(100), "OrderQuantity") == "100.000"
    assert write_quantity(Decimal("2.5000"), "OrderQuantity") == "2.500"
    with pytest.raises(DoesNotFit, match=r"OrderQuantity: 0\.0005 has more than 3 decimals"):
        write_quantity(Decimal("0.0005"), "OrderQuantity")
    with pytest.raises(DoesNotFit, match="more than 10 digits"):
        write_quantity(Decimal(10) ** 10, "OrderQuantity")


def test_decimals_are_read_from_strings_without_a_detour_over_floats() -> None:
    assert read_decimal("0.10") == Decimal("0.10")
    assert read_decimal("") == 0


@pytest.mark.parametrize(
    "text", ["1E+999999999", "1e-1000027", "NaN", "Infinity", "12,50", "1.200,50", "27.000-", "9" * 40]
)
def test_a_number_that_no_field_of_saps_holds_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"beyond SAP's digits|not a decimal"):
        read_decimal(text)


@pytest.mark.parametrize("milliseconds", ["9" * 18, "-" + "9" * 17, "9" * 5000])
def test_a_day_of_no_calendar_is_a_value_error(milliseconds: str) -> None:
    with pytest.raises(ValueError, match=r"beyond the calendar|limit"):
        read_date(f"/Date({milliseconds})/")


@pytest.mark.parametrize(
    ("price", "per", "written"),
    [
        ("0.10", "1", ("0.10", "1")),
        ("39.2700", "1", ("39.27", "1")),
        ("0.1234", "1", ("12.34", "100")),
        ("1.005", "10", ("10.05", "100")),
        ("7", "0.5", ("70.00", "5")),
    ],
)
def test_a_price_finer_than_a_cent_is_stated_for_more_pieces(price: str, per: str, written: tuple[str, str]) -> None:
    assert write_price(Decimal(price), Decimal(per), "NetPriceAmount") == written


def test_a_price_too_fine_for_any_price_unit_is_refused() -> None:
    with pytest.raises(DoesNotFit, match="NetPriceAmount"):
        write_price(Decimal("0.00000001"), Decimal(1), "NetPriceAmount")


def test_item_numbers_are_padded_and_codes_are_never_cut() -> None:
    assert write_number(10, 5, "PurchaseOrderItem") == "00010"
    assert write_code("1710", 4, "Plant") == "1710"
    with pytest.raises(DoesNotFit, match="Plant: 'HAMBURG' has more than 4 characters"):
        write_code("HAMBURG", 4, "Plant")
    assert write_text("Explorer MTX Rear Rack, black, with a very long text", 40) == (
        "Explorer MTX Rear Rack, black, with a ve"
    )


def test_every_unit_we_know_has_a_code_in_sap_and_comes_back_as_the_same_measure() -> None:
    units = Units()
    there_and_back = {code: units.from_sap(units.to_sap(code)) for code in KNOWN_UNITS}
    assert {code: back for code, back in there_and_back.items() if back != code} == {"C62": "H87"}
    assert all(len(units.to_sap(code)) <= 3 for code in KNOWN_UNITS)


def test_an_unknown_unit_is_named_with_what_to_do() -> None:
    with pytest.raises(UnknownUnit, match="'XYZ' has no UN/ECE code; add it"):
        Units().from_sap("XYZ")
    with pytest.raises(UnknownUnit, match="FTQ has no SAP code"):
        Units().to_sap("FTQ")


def test_an_installation_brings_its_own_unit_codes() -> None:
    own = Units(outgoing={"H87": "ST"}, incoming={"ST": "H87"})
    assert own.to_sap("H87") == "ST"
    assert own.from_sap("ST") == "H87"
