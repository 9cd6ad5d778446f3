"""What a field table is made of, and how one is read.

A line reads: name, type, flags. Types: S text of that length, N digits of that length (kept as a number; `padded`
where the service shows leading zeros), D decimal (digits.decimals), Q the same for a quantity, A for an amount,
Boolean, DateTime (a day), DateTimeOffset, Time. Flags: key, upper (stored in upper case), ro (not creatable, not
updatable), unit=Field, extension.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["", "quantity", "amount"]
Kind = Literal["String", "Numc", "Decimal", "Boolean", "DateTime", "DateTimeOffset", "Time"]


@dataclass(frozen=True)
class Field:
    """One property of an entity type."""

    name: str
    kind: Kind
    length: int = 0
    scale: int = 0
    role: Role = ""
    key: bool = False
    upper: bool = False
    read_only: bool = False
    padded: bool = False
    unit: str = ""
    extension: bool = False


@dataclass(frozen=True)
class Navigation:
    """A way from one set to another: rows of `target` whose fields equal ours."""

    name: str
    target: str
    many: bool
    on: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class EntitySet:
    """A set with its type (named like the set, with Type behind)."""

    name: str
    fields: dict[str, Field]
    navigations: dict[str, Navigation]
    writable: bool = False
    deletable: bool = False

    @property
    def keys(self) -> list[Field]:
        """The key fields in order."""
        return [field for field in self.fields.values() if field.key]


@dataclass(frozen=True)
class Service:
    """An OData service with its sets."""

    name: str
    sets: dict[str, EntitySet]


_SHORT: dict[str, tuple[Kind, Role]] = {
    "S": ("String", ""),
    "N": ("Numc", ""),
    "D": ("Decimal", ""),
    "Q": ("Decimal", "quantity"),
    "A": ("Decimal", "amount"),
}
_PLAIN: Role = ""
_LONG: dict[str, Kind] = {
    "Boolean": "Boolean",
    "DateTime": "DateTime",
    "DateTimeOffset": "DateTimeOffset",
    "Time": "Time",
}


def _field(line: str) -> Field:
    name, type_, *flags = line.split()
    digits, _, decimals = ("0", "", "") if type_ in _LONG else type_[1:].partition(".")
    kind, role = (_LONG[type_], _PLAIN) if type_ in _LONG else _SHORT[type_[0]]
    unit = next((flag.removeprefix("unit=") for flag in flags if flag.startswith("unit=")), "")
    return Field(
        name,
        kind,
        int(digits),
        int(decimals or 0),
        role,
        key="key" in flags,
        upper="upper" in flags,
        read_only="ro" in flags,
        padded="padded" in flags,
        unit=unit,
        extension="extension" in flags,
    )


def table(
    name: str, lines: str, *navigations: Navigation, writable: bool = False, deletable: bool = False
) -> EntitySet:
    """Return the set that the lines describe."""
    fields = [_field(line) for line in lines.strip().splitlines()]
    return EntitySet(
        name,
        {field.name: field for field in fields},
        {navigation.name: navigation for navigation in navigations},
        writable,
        deletable,
    )


def many(name: str, target: str, *on: str) -> Navigation:
    """Return a navigation to many: `on` names the fields that must be equal, ours=theirs."""
    return Navigation(name, target, True, tuple(_pair(each) for each in on))


def one(name: str, target: str, *on: str) -> Navigation:
    """Return a navigation to one at most."""
    return Navigation(name, target, False, tuple(_pair(each) for each in on))


def _pair(each: str) -> tuple[str, str]:
    ours, _, theirs = each.partition("=")
    return ours, theirs or ours


def service(name: str, *sets: EntitySet) -> Service:
    """Return the service of these sets."""
    return Service(name, {each.name: each for each in sets})
