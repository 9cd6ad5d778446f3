"""The words of the trace picture: each fact as a buyer would tell it, in its lane.

What is decided here: which facts the picture tells, and what an order is called. Not here: how a kind is told
(`trace_kinds`) and where it stands (`trace_layout`). Facts of unknown kinds are told by their name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from canonical.facts import Fact
from gateway.trace.kinds import KINDS, Lane, Telling, Tone
from gateway.trace.phrases import Data, as_date, day, join, number, slices_of


def tell(facts: Sequence[Fact]) -> list[tuple[Fact, Telling]]:
    """The facts that the picture shows, by business time; what another says better is left out."""
    said = {(fact.kind, _concerned(fact)) for fact in facts}
    orders = _order_names(facts)
    told = [
        (fact, _named(_telling(fact), fact, orders))
        for fact in facts
        if (_SAID_BETTER_BY.get(fact.kind), _concerned(fact)) not in said and fact.kind not in SILENT
    ]
    told = [
        (fact, replace(telling, lane=Lane.REQUIREMENT) if _own_incident(fact) else telling) for fact, telling in told
    ]
    return sorted(told, key=lambda each: (each[0].business_time, each[0].processing_time, each[0].sequence))


def _own_incident(fact: Fact) -> bool:
    return fact.kind == "incident.opened" and fact.entity_id.startswith("requirement/")


_OF_A_CHANGE = {
    "change.stated",
    "change.revised",
    "change.stale",
    "change.checked",
    "supersession.overtaken",
    "change.proposal_changed",
    "change.told",
    "change.needs_stated",
}
"""Of an engineering change, which is no part of a requirement's trace; that has `bom.changed`."""
_OF_A_STOCK = {
    "stock.stated",
    "stock.changed",
    "stock.judged",
    "stock.short",
    "stock.short_no_more",
    "stock.unheard",
    "stock.settled",
}
"""Of the balance of free stock, likewise; a requirement has `stock.allotted`."""
SILENT = frozenset({"sheet.closed", "incident.closed", *_OF_A_CHANGE, *_OF_A_STOCK})
"""Kinds that tell a reader nothing."""
_SAID_BETTER_BY = {
    "order.opened": "order.placed",
    "exception.raised": "exception.opened",
    "exception.closed": "exception.decided",
}


def _concerned(fact: Fact) -> str:
    """The exception that a fact is about, whoever tells it; else the entity itself."""
    return str(fact.data.get("exception_id") or fact.entity_id)


def _order_names(facts: Sequence[Fact]) -> dict[str, str]:
    """What to call each order where there are several; one alone needs no name."""
    orders = {fact.entity_id for fact in facts if fact.entity_id.startswith("order/")}
    placed = {fact.entity_id: fact.data for fact in facts if fact.kind == "order.placed"}
    return {each: str(placed.get(each, {}).get("order_number") or "") for each in orders} if len(orders) > 1 else {}


def _named(telling: Telling, fact: Fact, orders: Mapping[str, str]) -> Telling:
    name = orders.get(fact.entity_id)
    if not name or name in telling.title:
        return telling
    return replace(telling, detail=join(telling.detail, f"order {name}"))


def _telling(fact: Fact) -> Telling:
    teller = KINDS.get(fact.kind)
    if teller is not None:
        return teller(fact.data)
    words = fact.kind.replace(".", " ").replace("_", " ").capitalize()
    scalars = [f"{key.replace('_', ' ')} {value}" for key, value in fact.data.items() if isinstance(value, str | int)]
    by_entity = {"order": Lane.ORDER, "exception": Lane.EXCEPTION}
    return Telling(by_entity.get(fact.entity_id.partition("/")[0], Lane.REQUIREMENT), words, join(*scalars[:3]))


__all__ = ["SILENT", "Data", "Lane", "Telling", "Tone", "as_date", "day", "number", "slices_of", "tell"]
