"""Observation: what Pegline would have ordered beside what people did, item by item, and in what the two differ.

Decided here: the causes. Quantities are compared as sums, by unit; suppliers and delivery dates as sets, since one line
in two is no other decision. Not here: where the lines come from.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from canonical.observing import LineCompared

AGREES = "agrees"
ONLY_PEGLINE = "only Pegline would have ordered"
ONLY_PEOPLE = "only people ordered"


class Comparison(NamedTuple):
    """One item of a plant on a day."""

    item: str
    causes: tuple[str, ...]
    """In what they differ; `agrees` alone: in nothing."""
    would: tuple[LineCompared, ...]
    did: tuple[LineCompared, ...]


def compare(would: Iterable[LineCompared], did: Iterable[LineCompared]) -> list[Comparison]:
    """Every item that one of the two ordered, by its number."""
    by_item: defaultdict[str, tuple[list[LineCompared], list[LineCompared]]] = defaultdict(lambda: ([], []))
    for place, lines in enumerate((would, did)):
        for line in lines:
            if line.quantity > 0:
                by_item[line.item][place].append(line)
    return [
        Comparison(item, _causes(ours, theirs), tuple(ours), tuple(theirs))
        for item, (ours, theirs) in sorted(by_item.items())
    ]


def _causes(would: Sequence[LineCompared], did: Sequence[LineCompared]) -> tuple[str, ...]:
    if not did:
        return (ONLY_PEGLINE,)
    if not would:
        return (ONLY_PEOPLE,)
    sides = (would, did)
    found = [
        cause
        for cause, seen in (
            ("supplier", [{line.supplier.lstrip("0") for line in side} for side in sides]),
            ("quantity", [_sums(side) for side in sides]),
            ("date", [{line.delivery_date for line in side} for side in sides]),
        )
        if seen[0] != seen[1]
    ]
    return tuple(found) or (AGREES,)


def _sums(lines: Sequence[LineCompared]) -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        found[line.unit] += line.quantity
    return dict(found)


__all__ = ["AGREES", "ONLY_PEGLINE", "ONLY_PEOPLE", "Comparison", "compare"]
