"""Values of EDIFACT elements as Python values: numbers, dates, units, order references.

Decided here: which formats are read without guessing. A number with a decimal mark that the UNA did not announce, a
week where a day is required, an unknown unit: all are unreadable rather than interpreted.
"""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from adapters.supplier.edifact.syntax import Header, Message, Segment, unreadable
from canonical.base import LAST_DAY
from canonical.order import REMARK_LENGTH, REMARKS_MAX
from canonical.units import known_unit

_NUMBER = re.compile(r"\d{1,15}(?:([.,])\d{1,15})?", re.ASCII)
_LINE = re.compile(r"\d{1,6}", re.ASCII)
_FORMATS = {
    "101": "%y%m%d",
    "102": "%Y%m%d",
    "201": "%y%m%d%H%M",
    "203": "%Y%m%d%H%M",
    "204": "%Y%m%d%H%M%S",
    "303": "%Y%m%d%H%M",
    "304": "%Y%m%d%H%M%S",
}
"""DTM 2379; 303 and 304 end with a zone."""
_WITH_ZONE = {"303": 12, "304": 14}
_ZONE = re.compile(r"(?:UTC|GMT|Z)|([+-])(\d{1,2})", re.ASCII)
_FIX_VALUE = "Ask the supplier to correct the value; or fix the document and replay it."


@dataclass(frozen=True)
class OrderReference:
    """RFF+ON: the order and, where given, its line and revision."""

    order: str
    line: int | None
    revision: int | None


def number(segment: Segment, element: int, component: int, header: Header) -> Decimal:
    """The number, not negative, with the decimal mark of the UNA.

    Without a UNA point and comma are both in use; a comma before exactly three digits may separate thousands:
    unreadable.
    """
    text = segment.value(element, component)
    found = _NUMBER.fullmatch(text)
    if not found:
        raise unreadable("bad_value", segment, f"{text!r} is not a number, or negative", _FIX_VALUE)
    mark = found.group(1)
    thousands = mark == "," and len(text.partition(",")[2]) == 3
    if mark and (mark != header.decimal_mark if header.decimal_mark else thousands):
        raise unreadable("bad_value", segment, f"{text!r}: the mark is not the announced decimal mark", _FIX_VALUE)
    exact = Decimal(text.replace(",", "."))
    return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact.normalize()


def unit(segment: Segment, element: int, component: int) -> str | None:
    """The unit of measure (6411), None where the segment has none."""
    code = segment.value(element, component)
    if not code:
        return None
    known = known_unit(code)
    if known is None:
        raise unreadable("unknown_code", segment, f"unit {code!r} (6411) is not one we know", _FIX_VALUE)
    return known


def moment(segment: Segment) -> dt.datetime:
    """The time of a DTM; UTC where it names no zone, midnight where it names no hour."""
    text, code = segment.value(0, 1), segment.value(0, 2)
    layout = _FORMATS.get(code)
    if layout is None:
        raise unreadable("unknown_code", segment, f"date format {code!r} (2379) does not give a day", _FIX_VALUE)
    digits, zone = text, dt.UTC
    if code in _WITH_ZONE:
        digits, zone = text[: _WITH_ZONE[code]], _zone(segment, text[_WITH_ZONE[code] :])
    return _parsed(segment, digits, layout).replace(tzinfo=zone)


def day(segment: Segment) -> dt.date:
    """The day of a DTM, as the sender wrote it."""
    return moment(segment).date()


def moment_with_zone(segment: Segment) -> dt.datetime | None:
    """The moment of a DTM that names its zone: the plant's clocks may show another day than the sender wrote."""
    found = moment(segment) if segment.value(0, 2) in _WITH_ZONE else None
    return found if found is not None and found.year <= LAST_DAY.year else None


def prepared_at(header: Header) -> dt.datetime:
    """When the interchange was prepared (UNB S004), read as UTC since a UNB has no zone."""
    date, time = header.segment.value(3), header.segment.value(3, 1)
    layout = "%Y%m%d%H%M" if len(date) == 8 else "%y%m%d%H%M"
    return _parsed(header.segment, date + time, layout).replace(tzinfo=dt.UTC)


def effective_at(message: Message) -> dt.datetime:
    """When the message took effect: DTM+137, else the UNB's time.

    A day without an hour takes the interchange's time, unless the interchange claims to be older than the day: an
    answer of the same day that comes later must not be the older one. Messages of one interchange follow each other.
    Where no zone is named, UTC is assumed.
    """
    taken = prepared_at(message.header)
    for segment in message.segments:
        if segment.tag == "DTM" and segment.value(0) == "137":
            written = moment(segment)
            if segment.value(0, 2) not in ("101", "102"):
                taken = written
            elif taken.date() < written.date():
                taken = dt.datetime.combine(written.date(), taken.time(), dt.UTC)
            break
        if segment.tag == "LIN":
            break
    return taken + dt.timedelta(microseconds=message.place)


def line_number(segment: Segment, text: str) -> int:
    """The number of an order line; leading zeros do not count."""
    if not _LINE.fullmatch(text) or int(text) == 0:
        raise unreadable("bad_value", segment, f"{text!r} is not the number of an order line", _FIX_VALUE)
    return int(text)


def order_reference(segment: Segment) -> OrderReference:
    """RFF+ON:order:line:revision (C506: 1154, 1156, 4000)."""
    order, line, revision = segment.value(0, 1), segment.value(0, 2), segment.value(0, 3)
    if not order or len(order) > 35 or not order.isprintable():
        raise unreadable("bad_value", segment, f"{order!r} is not an order number", _FIX_VALUE)
    if revision and not _LINE.fullmatch(revision):
        raise unreadable("bad_value", segment, f"{revision!r} is not the revision of an order", _FIX_VALUE)
    return OrderReference(order, line_number(segment, line) if line else None, int(revision) if revision else None)


def require_line_count(message: Message, counted: int) -> None:
    """CNT+2, where the message has one, must be the number of its LIN segments."""
    for segment in message.segments:
        if segment.tag == "CNT" and segment.value(0) == "2" and number(segment, 0, 1, message.header) != counted:
            raise unreadable("control_count", segment, f"but there are {counted} LIN segments")


def document_number(message: Message, beginning: Segment, named_alike: Iterable[str]) -> str:
    """The number that distinguishes this document from the sender's others, at most 70 characters.

    BGM 1004; with the control references where there is none or where it is one of `named_alike` (some suppliers put
    our order number there, so that each of their answers would have the same).
    """
    detail = beginning.value(1)
    if len(detail) > 35 or not detail.isprintable():
        raise unreadable("bad_value", beginning, f"{detail[:40]!r} is not a document number (1004)", _FIX_VALUE)
    if detail and detail not in named_alike:
        return detail
    return "/".join(
        part[:16] if part != detail else part for part in (detail, message.header.reference, message.reference) if part
    )


def kept_texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts of a supplier as remarks: printable, each once, no more and no longer than are kept."""
    printable = ("".join(sign if sign.isprintable() else " " for sign in text) for text in texts)
    cut = (" ".join(text.split())[:REMARK_LENGTH].strip() for text in printable)
    return tuple(dict.fromkeys(text for text in cut if text))[:REMARKS_MAX]


def _zone(segment: Segment, text: str) -> dt.timezone:
    found = _ZONE.fullmatch(text)
    if not found or (found.group(2) and int(found.group(2)) > 14):
        raise unreadable("unknown_code", segment, f"time zone {text!r} is not one we know", _FIX_VALUE)
    if not found.group(2):
        return dt.UTC
    hours = int(found.group(2))
    return dt.timezone(dt.timedelta(hours=-hours if found.group(1) == "-" else hours))


def _parsed(segment: Segment, digits: str, layout: str) -> dt.datetime:
    written = _read_digits(digits, layout)
    if written is None:
        raise unreadable("bad_value", segment, f"{digits!r} is not a date of its format", _FIX_VALUE)
    return written


@lru_cache(maxsize=4096)
def _read_digits(digits: str, layout: str) -> dt.datetime | None:
    """The moment in UTC; None where the digits are none. Documents repeat few dates many times."""
    width = sum(4 if directive == "Y" else 2 for directive in layout.split("%")[1:])
    if len(digits) != width or not (digits.isascii() and digits.isdigit()):
        return None
    year = "20" + digits if layout.startswith("%y") else digits
    try:
        return dt.datetime.strptime(year, layout.replace("%y", "%Y")).replace(tzinfo=dt.UTC)
    except ValueError:
        return None
