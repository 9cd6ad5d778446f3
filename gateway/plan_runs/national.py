"""Numbers and days as countries write them: 1.234,5 and 1,234.5; 31.12.2026, 12/31/2026 and 2026-12-31.

Decided here: which forms a file's values can have, and that one is found only where every other would fail. Where two
remain that differ, a person says which: nothing is guessed. Not here: how large a quantity or how far a day may be.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value", Decimal, dt.date)
Form = TypeVar("Form", bound=StrEnum)


class NumberForm(StrEnum):
    """What stands before the decimals."""

    POINT = "point"
    COMMA = "comma"


class DayForm(StrEnum):
    """The order of year, month and day."""

    YEAR_FIRST = "year_first"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


NUMBER_FORMS: Mapping[NumberForm, str] = {
    NumberForm.POINT: "1,234.5 – a point before the decimals",
    NumberForm.COMMA: "1.234,5 – a comma before the decimals",
}
DAY_FORMS: Mapping[DayForm, str] = {
    DayForm.YEAR_FIRST: "2026-12-31 – year, month, day",
    DayForm.DAY_FIRST: "31.12.2026 or 31/12/2026 – day, month, year",
    DayForm.MONTH_FIRST: "12/31/2026 – month, day, year",
}

_BETWEEN_THOUSANDS = re.compile(r"(?<=[0-9])[ \u00a0\u2009\u202f'’](?=[0-9]{3})")
_NUMBERS = {
    NumberForm.POINT: re.compile(r"([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?(-?)"),
    NumberForm.COMMA: re.compile(r"([+-]?)([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]+))?(-?)"),
}
_DAYS = {
    DayForm.YEAR_FIRST: re.compile(r"(?P<y>[0-9]{4})([-/.]?)(?P<m>[0-9]{1,2})\2(?P<d>[0-9]{1,2})"),
    DayForm.DAY_FIRST: re.compile(r"(?P<d>[0-9]{1,2})([-/.])(?P<m>[0-9]{1,2})\2(?P<y>[0-9]{4}|[0-9]{2})"),
    DayForm.MONTH_FIRST: re.compile(r"(?P<m>[0-9]{1,2})([-/])(?P<d>[0-9]{1,2})\2(?P<y>[0-9]{4}|[0-9]{2})"),
}
"""No country writes a month first with points."""
_MIDNIGHT = re.compile(r"[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$")
_LENGTH_MAX = 60


def number_of(text: str, form: NumberForm) -> Decimal | None:
    """The number in this form; None where it is none. A minus may stand behind it."""
    plain = _BETWEEN_THOUSANDS.sub("", text.strip())
    found = _NUMBERS[form].fullmatch(plain) if len(plain) <= _LENGTH_MAX else None
    if found is None:
        return None
    before, whole, decimals, behind = found.groups()
    digits = whole.replace(",", "").replace(".", "")
    sign = "-" if "-" in (before, behind) else ""
    return Decimal(f"{sign}{digits}.{decimals}" if decimals else f"{sign}{digits}")


def day_of(text: str, form: DayForm) -> dt.date | None:
    """The day in this form, without a time that stands behind it; None where it is none."""
    plain = _MIDNIGHT.sub("", text.strip())
    found = _DAYS[form].fullmatch(plain) if len(plain) <= _LENGTH_MAX else None
    if found is None:
        return None
    year, month, day = (int(found[name]) for name in "ymd")
    try:
        return dt.date(year if len(found["y"]) == 4 else 2000 + year, month, day)
    except ValueError:
        return None


class Found(NamedTuple, Generic[Form]):
    """What a file's values say of their form."""

    form: Form | None
    """None: two forms remain, and a person has to say which."""
    doubt: str = ""
    """A value that the remaining forms read differently."""


def number_form(samples: Iterable[str]) -> Found[NumberForm]:
    """The form of a file's numbers."""
    return _form(samples, list(NumberForm), number_of)


def day_form(samples: Iterable[str]) -> Found[DayForm]:
    """The form of a file's days."""
    return _form(samples, list(DayForm), day_of)


def _form(samples: Iterable[str], forms: list[Form], read: Callable[[str, Form], object]) -> Found[Form]:
    """A value that only some forms can read rules the others out; values that none can read are faults of their own."""
    remaining, doubts = forms, list[tuple[str, dict[Form, object]]]()
    for text in samples:
        said = {form: value for form in forms if (value := read(text, form)) is not None}
        if not said:
            continue
        if fewer := [form for form in remaining if form in said]:
            remaining = fewer
        if len(set(said.values())) > 1:
            doubts.append((text, said))
    for text, said in doubts:
        if len({said.get(form) for form in remaining}) > 1:
            return Found(None, text)
    return Found(remaining[0])


__all__ = [
    "DAY_FORMS",
    "NUMBER_FORMS",
    "DayForm",
    "Found",
    "NumberForm",
    "day_form",
    "day_of",
    "number_form",
    "number_of",
]
