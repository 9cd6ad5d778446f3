"""Which keys a layer may set.

Decided here: that a misspelt key is refused, since its limit would be silently ignored, and that a rule sets nothing
that would have no effect in its place. Not here: which values are allowed (canonical.policy, policies.consistency).
"""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from canonical.policy import PlantPolicy
from policies.reading import Table, fault

SET_HERE = frozenset({"plant", "version"})
"""Not keys of the files: the plant is the file's name, the version a digest of the effective values."""
OF_THE_PLANT = frozenset({"company_code", "calendar", "erp", "office", "ownership", "plan", "roles"})
"""Keys for the plant as a whole: a rule for some of its items would have no effect."""
BEFORE_THE_SUPPLIER = frozenset({"routes", "quotas", "tie_break", "matching_days", "substitutes", "substitution"})
"""Keys that decide who supplies: a rule for one supplier would come too late."""
OF_AN_ITEM = frozenset({"substitutes"})
"""Keys that say something of one item: what holds for all items, or a class of them, would be wrong for most."""
CALENDARS = ("calendar", "office", "supplier_calendar")


def file_faults(where: object, table: Table, *, but: frozenset[str] = frozenset()) -> Iterator[str]:
    """The keys that a file of defaults, of a company or of a plant can't set."""
    for key in table:
        if key in OF_AN_ITEM and table[key]:
            yield fault(where, key, table[key], "is said of an item; set it in a [[rule]] that names the item")
    yield from _unknown(where, PlantPolicy, table, (), SET_HERE | but)


def rule_faults(where: object, table: Table, *, names_supplier: bool, names_item: bool) -> Iterator[str]:
    """The keys that a rule can't set."""
    for key in table:
        if key in OF_THE_PLANT:
            yield fault(where, key, table[key], "holds for a plant as a whole; set it in plants/<plant>.toml")
        elif key in BEFORE_THE_SUPPLIER and names_supplier:
            yield fault(where, key, table[key], "is decided before there is a supplier; set it in a rule without one")
        elif key in OF_AN_ITEM and not names_item:
            yield fault(where, key, table[key], "is said of an item; name the item in the rule")
    known = {key: value for key, value in table.items() if key not in OF_THE_PLANT}
    yield from _unknown(where, PlantPolicy, known, (), SET_HERE)


def _unknown(
    where: object, annotation: Any, value: Any, path: tuple[str, ...], but: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Keys of tables that their model does not have; the models themselves ignore them."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        annotation = next((each for each in get_args(annotation) if _is_model(each)), None)
    if _is_model(annotation) and isinstance(value, dict):
        allowed = [name for name in annotation.model_fields if name not in but]
        for key, inner in value.items():
            here = (*path, key)
            if key not in allowed:
                yield fault(where, ".".join(here), inner, "no such key; allowed are " + ", ".join(allowed))
            elif not (key in CALENDARS and _is_calendar(here)):
                yield from _unknown(where, annotation.model_fields[key].annotation, inner, here)
    elif get_origin(annotation) is dict and isinstance(value, dict):
        for key, inner in value.items():
            yield from _unknown(where, get_args(annotation)[1], inner, (*path, key))
    elif get_origin(annotation) is tuple and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unknown(where, get_args(annotation)[0], inner, (*path, str(index)))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _is_calendar(path: tuple[str, ...]) -> bool:
    """Calendars are given by name; a table in that place is refused as such."""
    return len(path) == 1 or (len(path) == 3 and path[0] == "roles")
