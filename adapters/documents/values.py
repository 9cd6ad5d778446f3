"""Values of documents of the shop floor: quantities, moments, codes by the mapping of a system. Pure: no I/O.

Decided here: that nothing is guessed. A code that the mapping does not name stands for itself only where Pegline knows
it; a comma in a number, or a moment without an offset at a plant that is not known, is refused with where and why.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from adapters.errors import UnreadableMessage
from canonical.units import known_unit

Mapped = Mapping[str, Mapping[str, str]]
"""The tables of a system's mapping: their codes, each with ours."""
ZoneOf = Callable[[str], dt.tzinfo | None]
"""The zone of a plant; None: the plant is not known."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")


def unreadable(where: str, why: str, step: str = "have the sender correct it, and send it again") -> UnreadableMessage:
    """That something can't be understood, with its place in the document."""
    return UnreadableMessage("unreadable_document", f"{where}: {why}"[:500], step)


def quantity_of(text: str, where: str) -> Decimal:
    """A number in digits with at most one point. Raises UnreadableMessage."""
    if not _NUMBER.fullmatch(text):
        raise unreadable(where, f"{text[:40]!r} is no number such as 12.5")
    return Decimal(text)


def moment_of(text: str, where: str, zone: dt.tzinfo | None) -> dt.datetime:
    """A moment; without an offset it is the plant's local time. Raises UnreadableMessage."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise unreadable(where, f"{text[:40]!r} is no moment such as 2026-06-15T08:00:00+02:00") from None
    if not 1990 <= moment.year < 2200:
        raise unreadable(where, f"{text[:40]!r} lies outside of 1990 to 2199")
    if moment.tzinfo is None:
        if zone is None:
            raise unreadable(where, f"{text[:40]!r} has no offset, and the plant is not known")
        moment = moment.replace(tzinfo=zone)
    return moment


def day_of(text: str, where: str, zone: dt.tzinfo | None) -> dt.date:
    """A day, or the day at the plant of a moment. Raises UnreadableMessage."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            raise unreadable(where, f"{text!r} is no day") from None
    moment = moment_of(text, where, zone)
    if zone is None:
        raise unreadable(where, f"{text[:40]!r} is a moment, and the plant whose day counts is not known")
    return moment.astimezone(zone).date()


def unit_of(code: str, where: str, mapping: Mapped) -> str:
    """The UN/ECE code of a unit. Raises UnreadableMessage for one that neither the mapping nor Pegline knows."""
    unit = mapping.get("units", {}).get(code) or known_unit(code)
    if unit is None:
        raise unreadable(
            where,
            f"unit {code[:20]!r} is not known" if code else "no unit is given",
            f"add it to the system's mapping.units, or have the sender give one: {code[:20]!r} = a UN/ECE code",
        )
    return unit


def event_id(identity: str) -> str:
    """An event's id: 200 printable characters at most; of another one, its digest."""
    if len(identity) <= 200 and identity.isprintable():
        return identity
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()


def code_of(table: str, code: str, mapping: Mapped) -> str:
    """Our code for theirs; one that the table does not name stands for itself."""
    return mapping.get(table, {}).get(code, code)


__all__ = ["Mapped", "ZoneOf", "code_of", "day_of", "event_id", "moment_of", "quantity_of", "unit_of", "unreadable"]
