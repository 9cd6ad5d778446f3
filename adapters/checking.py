"""What checks of systems share: a step that fails is a result, the clock by the Date header, the fields in an EDMX.

An EDMX ($metadata) is the same for OData V2 and V4 as far as it is read here. Not here: which services and fields an
adapter needs; that is the adapter's own.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

import httpx

from adapters.dialects import CheckResult
from adapters.errors import AdapterError

SKEW_WARNING = dt.timedelta(seconds=30)
"""From here on, times of change and tokens of the two sides may contradict each other."""

Step = Callable[[], Awaitable[str | CheckResult]]
"""Tries one thing and says what it found, or gives a result of its own; raises AdapterError."""


async def tried(what: str, step: Step) -> CheckResult:
    """The result of a step; one that fails is a fault with the error's words, which say what to do."""
    try:
        found = await step()
    except AdapterError as error:
        return CheckResult(what, "fault", str(error))
    return found if isinstance(found, CheckResult) else CheckResult(what, "ok", found)


def clock(response: httpx.Response, now: dt.datetime) -> CheckResult:
    """How far the system's clock is from ours (`now`), by the Date header of an answer; exact to a second or two."""
    what, stamp = "clock", response.headers.get("date", "")
    try:
        theirs = parsedate_to_datetime(stamp)
    except ValueError:
        return CheckResult(what, "warning", "its answers have no Date that can be read; compare the clocks yourself")
    skew = (theirs if theirs.tzinfo else theirs.replace(tzinfo=dt.UTC)) - now
    seconds = round(skew.total_seconds())
    if abs(skew) < SKEW_WARNING:
        return CheckResult(what, "ok", f"{seconds:+} s")
    return CheckResult(what, "warning", f"it is {seconds:+} s from ours; set both by the same time server (NTP)")


def fields_of(edmx: bytes) -> dict[str, frozenset[str]]:
    """The properties and navigations of every entity set of an EDMX, those of base types included.

    Raises ValueError where it is none.
    """
    try:
        root = ElementTree.fromstring(edmx)
    except ElementTree.ParseError as error:
        raise ValueError(f"it is no XML: {error}") from error
    types: dict[str, tuple[frozenset[str], str]] = {}
    for schema in _named(root, "Schema"):
        names = [name for name in (schema.get("Namespace"), schema.get("Alias")) if name]
        for each in schema:
            if _local(each) in ("EntityType", "ComplexType"):
                fields = (one for one in each if _local(one) in ("Property", "NavigationProperty"))
                own = frozenset(one.get("Name", "") for one in fields), each.get("BaseType", "")
                types |= {f"{name}.{each.get('Name')}": own for name in names}
    sets = {each.get("Name", ""): each.get("EntityType", "") for each in _named(root, "EntitySet")}
    if not sets:
        raise ValueError("it names no entity set")
    return {name: _with_base(types, kind) for name, kind in sets.items()}


def missing(found: Mapping[str, frozenset[str]], used: Mapping[str, Collection[str]]) -> list[str]:
    """The sets and fields that are used and not there, as `Set` or `Set.Field`."""
    absent = [name for name in used if name not in found]
    fields = (f"{name}.{each}" for name in used if name in found for each in used[name] if each not in found[name])
    return [*absent, *fields]


def _with_base(types: Mapping[str, tuple[frozenset[str], str]], kind: str) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    seen: set[str] = set()
    while kind in types and kind not in seen:
        seen.add(kind)
        own, kind = types[kind]
        found |= own
    return found


def _named(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [each for each in root.iter() if _local(each) == name]


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


__all__ = ["SKEW_WARNING", "Step", "clock", "fields_of", "missing", "tried"]
