"""The base of all models: frozen, tolerant of fields that a newer sender added, and bounded.

Whatever is accepted must be processable to the end: each number, date, text and list has a limit, here or at its field.
"""

import datetime as dt
import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from canonical.units import NEED_DECIMALS, SHARE_DECIMALS, known_unit, require_known_unit


class Model(BaseModel):
    """A frozen model; unknown fields are ignored so that older workers read newer messages."""

    model_config = ConfigDict(frozen=True, extra="ignore")


_BEYOND = Decimal(10**12)
"""No quantity reaches this: twelve digits and six decimals are what the ledger's columns hold."""
_SENT_BEYOND = Decimal(10**9)
"""The limit of a single message, so that a thousand of them still add up to a Quantity."""
_FINEST = Decimal(1).scaleb(-NEED_DECIMALS)
_FINEST_SHARE = Decimal(1).scaleb(-SHARE_DECIMALS)
_DIGITS_MAX = 40


def _written_out(number: Decimal) -> Decimal:
    """Refuse numbers that are short to write and slow to calculate with: 1E-1000027, or a million zeros behind the
    point.
    """
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or not -_DIGITS_MAX <= exponent <= _DIGITS_MAX or len(digits) > _DIGITS_MAX:
        raise PydanticCustomError(
            "decimal_max_digits", "Decimal input should have no more than {digits} digits", {"digits": _DIGITS_MAX}
        )
    return number


def _within_decimals(quantity: Decimal) -> Decimal:
    """By remainder: `decimal_places` takes a quantity's digits apart, which costs three times the rest of a check."""
    if _written_out(quantity) % _FINEST:
        raise PydanticCustomError(
            "decimal_max_places",
            "Decimal input should have no more than {places} decimal places",
            {"places": NEED_DECIMALS},
        )
    return quantity


def _within_share(quantity: Decimal) -> Decimal:
    if _written_out(quantity) % _FINEST_SHARE:
        raise PydanticCustomError(
            "decimal_max_places",
            "Decimal input should have no more than {places} decimal places",
            {"places": SHARE_DECIMALS},
        )
    return quantity


Quantity = Annotated[Decimal, Field(ge=0, lt=_BEYOND), AfterValidator(_within_decimals)]
"""A quantity in the unit given beside it; never negative."""

PositiveQuantity = Annotated[Decimal, Field(gt=0, lt=_BEYOND), AfterValidator(_within_decimals)]
SignedQuantity = Annotated[Decimal, Field(gt=-_BEYOND, lt=_BEYOND), AfterValidator(_within_decimals)]
"""A quantity in the unit given beside it; below zero: more is promised than there is."""

OrderQuantity = Annotated[Decimal, Field(ge=0, lt=_BEYOND), AfterValidator(_within_share)]
"""A quantity of an order line in the order unit, or a share of one: 1 piece is 0.083333333333 of a box of 12."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?|[+-]?(?:NaN|Infinity)")


def _plainly_written(value: object) -> object:
    """Refuse what Python would take for a number and people would not: 1_200, digits of other scripts, true."""
    if isinstance(value, bool) or (
        isinstance(value, str)
        and not (value.isdecimal() and value.isascii())  # most are plain digits, and this is quicker
        and _NUMBER.fullmatch(value) is None
    ):
        raise PydanticCustomError(
            "decimal_parsing",
            "Input should be a number such as 1200 or 12.5: digits and at most one point, nothing between thousands",
        )
    return value


SentQuantity = Annotated[
    Decimal, BeforeValidator(_plainly_written), Field(gt=0, lt=_SENT_BEYOND), AfterValidator(_within_decimals)
]
"""A quantity as somebody sends it."""
SentQuantityOrZero = Annotated[
    Decimal, BeforeValidator(_plainly_written), Field(ge=0, lt=_SENT_BEYOND), AfterValidator(_within_decimals)
]
SentSignedQuantity = Annotated[
    Decimal,
    BeforeValidator(_plainly_written),
    Field(gt=-_SENT_BEYOND, lt=_SENT_BEYOND),
    AfterValidator(_within_decimals),
]

Money = Annotated[Decimal, BeforeValidator(_plainly_written), Field(ge=0, lt=_BEYOND), AfterValidator(_written_out)]
Share = Annotated[Decimal, Field(ge=0, lt=_BEYOND), AfterValidator(_written_out)]
"""A ratio: 0.05 is five per cent."""

FIRST_DAY, LAST_DAY = dt.date(1990, 1, 1), dt.date(2199, 12, 31)
"""The range of valid days; later ones are how systems write that there is none (9999-12-31)."""


def _within_calendar(day: dt.date) -> dt.date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise PydanticCustomError(
            "date_out_of_range",
            "Date should lie between {first} and {last}",
            {"first": FIRST_DAY.isoformat(), "last": LAST_DAY.isoformat()},
        )
    return day


def _none_beyond(day: dt.date | None) -> dt.date | None:
    return None if day is None or day > LAST_DAY else _within_calendar(day)


_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _iso_day(value: object) -> object:
    """Only ISO: 06.07.2026 and 06/07/2026 are two days by the reader's country, and a number counts seconds or days."""
    if value is None or isinstance(value, dt.date) or (isinstance(value, str) and _ISO_DAY.fullmatch(value)):
        return value
    raise PydanticCustomError(
        "date_format", "Input should be a day written as year-month-day, such as 2026-06-15, without a time"
    )


Day = Annotated[dt.date, BeforeValidator(_iso_day), AfterValidator(_within_calendar)]
DayOrNone = Annotated[dt.date | None, BeforeValidator(_iso_day), AfterValidator(_none_beyond)]
"""A day that may be none, however a system writes that."""

UnitCode = Annotated[str, AfterValidator(require_known_unit)]
"""A UN/ECE Recommendation 20 (or 21) code that Pegline knows."""


def _current_code(code: str) -> str:
    return require_known_unit(known_unit(code) or code)


PartnerUnit = Annotated[str, AfterValidator(_current_code)]
"""A unit as suppliers and warehouses write it: codes that were replaced are read as what replaced them."""


_EPOCH = 1970
"""The year of the moment before all others."""


def _within_years(moment: dt.datetime) -> dt.datetime:
    if not _EPOCH <= moment.year <= LAST_DAY.year:
        raise PydanticCustomError(
            "date_out_of_range",
            "Time should lie between the years {first} and {last}",
            {"first": _EPOCH, "last": LAST_DAY.year},
        )
    return moment


Instant = Annotated[AwareDatetime, AfterValidator(_within_years)]


def _digits_alone(value: object) -> object:
    """Refuse what Python would take for a whole number and people would not: 1.000, 1_000, true."""
    if isinstance(value, bool) or (isinstance(value, str) and not (value.isdecimal() and value.isascii())):
        raise PydanticCustomError("int_parsing", "Input should be a whole number, written in digits alone")
    return value


Count = Annotated[int, BeforeValidator(_digits_alone), Field(ge=0, le=2**53 - 1)]
"""A version or revision; no more than JSON's readers can count."""
LineNumber = Annotated[int, BeforeValidator(_digits_alone), Field(gt=0, le=999_999)]


def _no_dots(code: str) -> str:
    if code in (".", ".."):
        raise PydanticCustomError("dots", "A code of dots alone is a step in an address")
    return code


Code = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        pattern=r"^[^\s/\p{Cc}\p{Cf}](?:[^/\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*[^\s/\p{Cc}\p{Cf}])?$",
    ),
    AfterValidator(_no_dots),
]
"""A business code (plant, item, supplier): no slash, since entity ids are paths; no invisible characters."""

_PRINTED = r"^[^\p{Cc}\p{Zl}\p{Zp}]*$"
Label = Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTED)]
"""A reference or name of another system's: a line of text."""
OrderNumber = Annotated[str, Field(min_length=1, max_length=35, pattern=_PRINTED)]
DocumentNumber = Annotated[str, Field(min_length=1, max_length=70, pattern=_PRINTED)]
_TEXT_KEPT = 500


def _shortened(text: object) -> object:
    return f"{text[: _TEXT_KEPT - 1]}…" if isinstance(text, str) and len(text) > _TEXT_KEPT else text


Text = Annotated[str, BeforeValidator(_shortened)]
"""A descriptive text of another system's: shortened rather than refused, for nothing depends on its end."""
PersonName = Annotated[str, Field(min_length=1, max_length=80, pattern=_PRINTED)]


class Criticality(StrEnum):
    """The demand's class; A is served first (R11)."""

    A = "A"
    B = "B"
    C = "C"


__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "Code",
    "Count",
    "Criticality",
    "Day",
    "DayOrNone",
    "DocumentNumber",
    "Instant",
    "Label",
    "LineNumber",
    "Model",
    "Money",
    "OrderNumber",
    "OrderQuantity",
    "PartnerUnit",
    "PersonName",
    "PositiveQuantity",
    "Quantity",
    "SentQuantity",
    "SentQuantityOrZero",
    "SentSignedQuantity",
    "Share",
    "SignedQuantity",
    "Text",
    "UnitCode",
]
