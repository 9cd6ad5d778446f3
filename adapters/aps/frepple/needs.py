"""Which of frePPLe's purchase orders are needs of Pegline's, and which are Pegline's own supply for them.

frePPLe replaces its proposed orders with each plan; an approved one keeps its reference, and so is a need of that name.
Once Pegline's order is confirmed, the supply stands in orders of its own, `{order}-{n}:{need}`, and the need's order
keeps only what is still open. What the need was is kept in its `source` (`Pegline need 100`), since its quantity then
is the open one; with nothing open it is `closed`, which frePPLe leaves alone. Pure: no I/O.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from adapters.aps.frepple.orders import PlanningOrder, total

_NEED = re.compile(r"Pegline need (\d{1,12}(?:\.\d{1,8})?)")
_OWN = re.compile(r"Pegline (\d{1,12})")
_REFERENCE = re.compile(r"(?P<order>[^:]+)-(?P<number>\d{1,4}):(?P<need>.+)", re.DOTALL)


def need_source(quantity: Decimal) -> str:
    """The source of a need's order, which keeps the whole need."""
    return f"Pegline need {quantity.normalize() + 0:f}"


def own_source(sequence: int) -> str:
    """The source of an order of ours: the report that wrote it."""
    return f"Pegline {sequence}"


def own_reference(order: str, number: int, need: str) -> str:
    """The reference of the n-th part of what an order gives a need."""
    return f"{order}-{number}:{need}"


@dataclass
class NeedOrders:
    """The orders of one need."""

    reference: str
    item: str
    base: PlanningOrder | None = None
    """The order that a planner approved; None: it is gone."""
    own: list[PlanningOrder] = field(default_factory=list)
    """What Pegline's orders bring."""

    @property
    def quantity(self) -> Decimal:
        """What is needed in all; 0: nothing, or nothing that a planner has approved."""
        if self.base is None:
            return Decimal(0)
        kept = _NEED.fullmatch(self.base.source)
        if kept:
            return Decimal(kept.group(1))
        return self.base.quantity if self.base.status == "approved" else Decimal(0)

    @property
    def received(self) -> Decimal:
        """What has come of it."""
        return total(each for each in self.own if each.status == "closed")

    def of_order(self, order: str) -> dict[str, PlanningOrder]:
        """What one order of ours brings, by reference."""
        return {each.reference: each for each in self.own if _matched(each.reference)[:2] == (order, self.reference)}


def report_of(order: PlanningOrder) -> int:
    """The report by which an order of ours was written."""
    found = _OWN.fullmatch(order.source)
    return int(found.group(1)) if found else 0


def by_need(orders: Iterable[PlanningOrder], sources: frozenset[str] = frozenset()) -> dict[str, NeedOrders]:
    """The orders, need by need.

    What came from other systems is no need (they imported it from an ERP); `sources` names those that are.
    """
    found: dict[str, NeedOrders] = {}

    def of(reference: str, item: str) -> NeedOrders:
        return found.setdefault(reference, NeedOrders(reference, item))

    for each in orders:
        if _OWN.fullmatch(each.source):
            if (need := _matched(each.reference)[1]) is not None:
                of(need, each.item).own.append(each)
        elif not each.source or each.source in sources or _NEED.fullmatch(each.source):
            of(each.reference, each.item).base = each
    return found


def _matched(reference: str) -> tuple[str | None, str | None]:
    found = _REFERENCE.fullmatch(reference)
    return (found["order"], found["need"]) if found else (None, None)


__all__ = ["NeedOrders", "by_need", "need_source", "own_reference", "own_source", "report_of"]
