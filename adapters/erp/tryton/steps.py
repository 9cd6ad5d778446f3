"""The next write that brings a processed purchase to the requested state. Pure: no I/O.

Decided here: Tryton has no call for all of it, so it is done in steps, each a transaction, and after each the purchase
is read again. The order of the steps is such that whatever is there between two of them is neither taken for a person's
edit nor undone by Tryton, which makes a new move where the moves of a line, cancelled ones included, are less than was
ordered:
- cancelled moves are ignored first (wizard purchase.handle.shipment.exception);
- more is wanted: the first open move grows;
- less is wanted: a move is split, and the part too much cancelled;
- the moves are split to the deliveries wanted;
- then all days and quantities are written in one call.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from adapters.erp.tryton.purchases import Line, Move, Purchase

Deliveries = Mapping[dt.date, Decimal]
"""By day, what is wanted in all, with what has come; empty: nothing more."""


class Ignore(NamedTuple):
    """Decide that cancelled moves are not made again."""

    moves: tuple[int, ...]
    told: str


class Cancel(NamedTuple):
    """Cancel moves."""

    moves: tuple[Move, ...]
    told: str


class Split(NamedTuple):
    """Split a move: so much stays, the rest becomes another one."""

    move: Move
    quantity: Decimal
    unit: int
    told: str


class Rewrite(NamedTuple):
    """Write days and quantities of moves, all at once."""

    moves: tuple[tuple[Move, dt.date | None, Decimal], ...]
    told: str


class Stuck(NamedTuple):
    """It can't be done."""

    line: int
    reason: str


Step = Ignore | Cancel | Split | Rewrite


def next_step(purchase: Purchase, wanted: Mapping[int, Deliveries]) -> Step | Stuck | None:
    """The next write for the lines that `wanted` names; None: the purchase holds it."""
    lines = [line for line in purchase.lines if line.number in wanted]
    undecided = tuple(move for line in lines for move in line.undecided)
    if undecided:
        return Ignore(undecided, f"cancelled moves of order {purchase.name} are undecided")
    idle = tuple(move for line in lines for move in line.moves if move.open and not move.quantity)
    if idle:
        return Cancel(idle, f"moves of order {purchase.name} move nothing")
    surplus = [move for line in lines for move in _surplus(line, wanted[line.number])]
    for line in lines:
        step = _prepared(line, wanted[line.number])
        if step is not None:
            return step
    if surplus:
        return Cancel(tuple(surplus), "; ".join(_told(line, wanted[line.number]) for line in lines))
    rewritten = [one for line in lines for one in _rewritten(line, wanted[line.number])]
    return (
        Rewrite(tuple(rewritten), "; ".join(_told(line, wanted[line.number]) for line in lines)) if rewritten else None
    )


def _open_parts(line: Line, wanted: Deliveries) -> list[tuple[dt.date, Decimal]]:
    """What is still to come of what is wanted: that which has come is taken off the earliest days."""
    received, parts = line.received, []
    for day in sorted(wanted):
        left = wanted[day] - min(wanted[day], received)
        received -= min(wanted[day], received)
        if left:
            parts.append((day, left))
    return parts


def _excess(line: Line, wanted: Deliveries) -> Decimal:
    there = sum((move.quantity for move in line.to_come), Decimal(0))
    return there - sum((quantity for _, quantity in _open_parts(line, wanted)), Decimal(0))


def _whole(line: Line, excess: Decimal) -> tuple[list[Move], Decimal]:
    """Moves to cancel as they are, the latest first, and what is then still too much."""
    taken = []
    for move in sorted(line.to_come, key=lambda one: (str(one.date), one.id), reverse=True):
        if move.quantity <= excess:
            taken.append(move)
            excess -= move.quantity
    return taken, excess


def _surplus(line: Line, wanted: Deliveries) -> list[Move]:
    return _whole(line, _excess(line, wanted))[0]


def _prepared(line: Line, wanted: Deliveries) -> Step | Stuck | None:
    """Bring the number of moves and their sum to what is wanted, apart from whole moves that are too much."""
    excess, told = _excess(line, wanted), _told(line, wanted)
    if excess < 0:
        if not line.to_come:
            return Stuck(line.number, f"line {line.number}: no move of it is open, so that nothing can be added")
        first = line.to_come[0]
        return Rewrite(((first, first.date, first.quantity - excess),), told)
    if excess > 0:
        taken, rest = _whole(line, excess)
        if not rest:
            return None
        move = next(one for one in reversed(line.to_come) if one not in taken and one.quantity > rest)
        return Split(move, move.quantity - rest, line.unit, told)
    missing = Counter(quantity for _, quantity in _open_parts(line, wanted))
    missing.subtract(move.quantity for move in line.to_come)
    for quantity in sorted(each for each, count in missing.items() if count > 0):
        larger = next((one for one in line.to_come if one.quantity > quantity and missing[one.quantity] < 0), None)
        if larger is not None:
            return Split(larger, quantity, line.unit, told)
    return None


def _rewritten(line: Line, wanted: Deliveries) -> Iterable[tuple[Move, dt.date | None, Decimal]]:
    free, parts = list(line.to_come), _open_parts(line, wanted)
    pairs: list[tuple[Move, dt.date, Decimal]] = []
    for fits in (lambda move, day, quantity: (move.date, move.quantity) == (day, quantity), _same_quantity, _any):
        for day, quantity in list(parts):
            move = next((one for one in free if fits(one, day, quantity)), None)
            if move is not None:
                pairs.append((move, day, quantity))
                free.remove(move)
                parts.remove((day, quantity))
    pairs += [(move, move.date or day, Decimal(0)) for move in free for day in list(wanted)[:1]]
    return [one for one in pairs if (one[0].date, one[0].quantity) != (one[1], one[2])]


def _same_quantity(move: Move, day: dt.date, quantity: Decimal) -> bool:
    return move.quantity == quantity


def _any(move: Move, day: dt.date, quantity: Decimal) -> bool:
    return True


def _told(line: Line, wanted: Deliveries) -> str:
    held = [(move.date, move.quantity) for move in line.to_come]
    return f"line {line.number}: {_days(sorted(wanted.items()))} wanted, {_days(held)} to come found"


def _days(parts: Sequence[tuple[dt.date | None, Decimal]]) -> str:
    return ", ".join(f"{quantity.normalize():f} on {day or 'no day'}" for day, quantity in parts) or "nothing"


__all__ = ["Cancel", "Deliveries", "Ignore", "Rewrite", "Split", "Step", "Stuck", "next_step"]
