"""The names that a plan's lines may carry: columns of CSV, keys of JSON.

Decided here: that a name which Pegline does not know is refused, unless the sender has it ignored by name, since it may
say that a row is ordered already, of another plant, or its reference misspelt. Not here: the values.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from canonical.plan import PlanLine
from gateway.problems import FieldProblem

GIVEN_ONCE = ("plant", "plan_version", "source")
"""Given in the address; a line that repeats it must give the same value."""
KNOWN = frozenset((*PlanLine.model_fields, *GIVEN_ONCE))
_NAMED_MAX = 100
_REQUIRED = tuple(name for name, field in PlanLine.model_fields.items() if field.is_required())
_STATE = re.compile(r"\b(stat(us|e)|stage|type|action|deleted)\b|status", re.IGNORECASE)
_PLACE = re.compile(r"\b(plant|plnt|site|area|company|werk)\b|location|warehouse|storage|lager", re.IGNORECASE)


class HeadFault(NamedTuple):
    """One thing that is wrong with a head."""

    code: str
    problem: FieldProblem


def head_faults(names: Sequence[str], ignored: Collection[str], plant: str) -> list[HeadFault]:
    """All that is wrong with the column names, of names that are too many the first."""
    faults = []
    for name in _REQUIRED:
        if name not in names or name in ignored:
            step = "begin with a line of column names: " + ", ".join(PlanLine.model_fields)
            faults.append(_fault("no_head", name, f"the CSV's first line names no column {name!r}", step))
    for name in (name for name, times in Counter(names).items() if name and times > 1):
        faults.append(
            _fault("no_head", name, f"the CSV's first line names the column {name!r} twice", "name each column once")
        )
    for name in unknown(names, ignored):
        faults.append(_fault("unknown_column", name, f"{name!r} is no column of a plan", what_to_do(name, plant)))
    return faults


def unknown(names: Collection[str], ignored: Collection[str]) -> list[str]:
    """The names that mean nothing to Pegline and that nobody had ignored, each once; the first of very many."""
    found = (name for name in dict.fromkeys(names) if name and name not in KNOWN and name not in ignored)
    return list(islice(found, _NAMED_MAX))


def what_to_do(name: str, plant: str) -> str:
    """The next step for a name that is not known."""
    ignore = f"have it ignored: ignore={name} (in the console, --ignore {name!r})"
    if _PLACE.search(name.replace("_", " ")):
        return f"a plan is of one plant: send only the rows of {plant}; then leave it out, or {ignore}"
    if _STATE.search(name.replace("_", " ")):
        return f"send only the rows that are still to be ordered; then leave it out, or {ignore}"
    if meant := get_close_matches(name.lower(), PlanLine.model_fields, 1, 0.7):
        return f"if {meant[0]} is meant, name it so; else leave it out, or {ignore}"
    return f"leave it out, or {ignore}"


def _fault(code: str, name: str, detail: str, step: str) -> HeadFault:
    return HeadFault(code, FieldProblem(field=name[:80], detail=detail[:300], next_step=step[:500]))


__all__ = ["GIVEN_ONCE", "KNOWN", "HeadFault", "head_faults", "unknown", "what_to_do"]
