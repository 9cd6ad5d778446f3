"""Effective values with their origin, as a table that a buyer can read.

Decided here: the wording of a value. Not here: which value holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from canonical.calendar import Calendar
from canonical.policy import ExchangeRate, PlantPolicy, RouteKind, RouteRule, SubstituteItem
from policies.layers import Layer, origin

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
BUILT_IN = "built in"
"""The origin of a value that no file sets: the model's own default."""
_NOTHING_SAID = {"supplier_calendar": "as master data says", "calendar": "the office's hours"}
"""The wording for a calendar that is not named: a supplier's, a role's."""


class Value(NamedTuple):
    """One effective value."""

    key: str
    value: str
    origin: str
    """File and rule, within the policy directory."""


class Explanation(NamedTuple):
    """The effective policy of a plant, or of an item and supplier there."""

    policy: PlantPolicy
    values: tuple[Value, ...]
    rules: tuple[str, ...]
    """The rules that apply there, the one that wins last."""

    def __str__(self) -> str:
        """As a table."""
        widths = [max(len(row[place]) for row in (*self.values, _HEAD)) for place in (0, 1)]
        widths[1] = min(widths[1], 60)
        lines = [f"{row.key:<{widths[0]}}  {row.value:<{widths[1]}}  {row.origin}" for row in (_HEAD, *self.values)]
        held = "; ".join(self.rules) or "none"
        return "\n".join([f"policy version {self.policy.version}; rules that apply: {held}", "", *lines])


_HEAD = Value("key", "value", "set by")


def explained(policy: PlantPolicy, layers: Sequence[Layer], directory: Path) -> Explanation:
    """Each value of the policy with the layer that sets it."""

    def said_by(path: tuple[str, ...]) -> str:
        layer = origin(layers, path)
        return layer.seen_from(directory) if layer else BUILT_IN

    values = tuple(
        Value(".".join(path), _NOTHING_SAID[path[-1]] if value is None else in_words(value), said_by(path))
        for path, value in _leaves(policy)
        if path not in (("plant",), ("version",))
    )
    rules = tuple(layer.seen_from(directory) for layer in layers if layer.rule)
    return Explanation(policy, values, rules)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, BaseModel) and not isinstance(value, Calendar | RouteRule):
        for name, inner in value:
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, value


def in_words(value: Any) -> str:
    """A value as a buyer reads it."""
    match value:
        case Calendar():
            return _calendar_in_words(value)
        case RouteRule():
            return _route_in_words(value)
        case SubstituteItem():
            return _substitute_in_words(value)
        case ExchangeRate():
            return f"{value.rate} since {value.since}" if value.since else str(value.rate)
        case Enum():
            return str(value.value)
        case BaseModel():
            return ", ".join(f"{name} {in_words(inner)}" for name, inner in value)
        case tuple():
            return ", ".join(in_words(each) for each in value) or "none"
        case Mapping() | "":
            return "none"
        case _:
            return str(value)


def _calendar_in_words(calendar: Calendar) -> str:
    days = " ".join(_DAYS[day] for day in calendar.weekdays)
    hours = f"{calendar.opens:%H:%M}–{calendar.closes:%H:%M}"
    return f"{calendar.name}: {days} {hours}, {len(calendar.holidays)} days off"


def _substitute_in_words(substitute: SubstituteItem) -> str:
    parts = [f"{substitute.item} ({substitute.quantity:f} {substitute.unit or ''}".rstrip(), f"for {substitute.per:f}"]
    if substitute.effective_from:
        parts.append(f"from {substitute.effective_from}")
    if substitute.effective_to:
        parts.append(f"until {substitute.effective_to}")
    if substitute.assemblies:
        parts.append(f"in {' or '.join(substitute.assemblies)}")
    return " ".join(parts) + ")"


def _route_in_words(route: RouteRule) -> str:
    if route.kind is RouteKind.TRANSFER:
        return f"transfer from {route.supplying_plant} ({route.transit_days} days)"
    if route.kind is RouteKind.SUBCONTRACT:
        return f"subcontract (components {route.components_lead_days} days before)"
    return route.kind.value
