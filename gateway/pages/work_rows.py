"""A row of the list of questions: the same on the page and where it changes while somebody looks at it."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from gateway.access.prices import plain
from gateway.access.principal import Principal, Right
from gateway.pages.question_words import KINDS
from gateway.pages.shell import moment
from gateway.pages.work_columns import CHOICES, COLUMNS, Names, first_way, outcome, refusal
from gateway.pages.work_query import WorkQuery
from gateway.parts import Parts
from ledger.work_list.work_list import WorkItem


async def names_of(parts: Parts, items: Collection[WorkItem]) -> Names:
    """What these rows are written with: the plants' clocks, and who decided."""
    people = await parts.ledger.people.names([item.decided_by for item in items if item.decided_by])

    return Names(lambda at, plant: moment(at, parts.zone_of(plant)), lambda subject: people.get(subject, subject))


def row_values(view: WorkQuery, principal: Principal, names: Names) -> dict[str, Any]:
    """What the row's template needs besides the question."""
    return {
        "principal": principal,
        "view": view,
        "back": urlencode({"back": view.address()}),
        "sentence": lambda item: sentence(item, principal),
        "columns": [COLUMNS[each] for each in view.columns_for(principal)],
        "names": names,
        "first_way": first_way,
        "refusal": refusal,
        "outcome": outcome,
        "choice_names": CHOICES,
        "kind_names": KINDS,
        "like": lambda item: like(view, item),
    }


def sentence(item: WorkItem, principal: Principal) -> str:
    """The question in a sentence, without amounts for those who may not see prices."""
    return item.summary if principal.may(Right.SEE_PRICES) else plain(item.summary)


def like(view: WorkQuery, item: WorkItem) -> str:
    """The address of the questions like this one: of its kind, about its item and supplier; all of them selected."""
    return view.address(kind=item.kind, item=item.item, supplier=item.supplier, state=None, more=[("selected", "all")])


__all__ = ["like", "names_of", "row_values", "sentence"]
