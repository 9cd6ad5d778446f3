"""What of the list of questions somebody looks at: filters, order and columns, as the page's address says it.

The address is the view: it can be kept, sent and opened by somebody else, who sees of it what they may see.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from canonical.exception import ExceptionKind
from canonical.records import ExceptionState
from gateway.access.principal import Principal, Right
from gateway.pages.work_columns import DEFAULT, Column
from ledger.work_list.work_list import WorkFilter, WorkOrder


class Scope(StrEnum):
    """Whose questions are listed."""

    MINE = "mine"
    """Put to one of the reader's roles, or to whoever stands in for one."""
    ALL = "all"


def _stated(value: object) -> object:
    """A field of a form that was left empty says nothing."""
    return (value.strip() or None) if isinstance(value, str) else value


def _open_is_usual(value: object) -> object:
    return None if value == "open" else _stated(value)


_SORT = f"^-?({'|'.join(WorkOrder)})$"
Filter = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(_stated)]


class WorkQuery(BaseModel):
    """The parameters of the page; others are left aside."""

    model_config = ConfigDict(frozen=True)

    scope: Annotated[Scope | None, BeforeValidator(_stated)] = None
    """None: the reader's own, for those who decide."""
    plant: Filter = None
    item: Filter = None
    supplier: Filter = None
    order: Filter = None
    demand: Filter = None
    planner: Filter = None
    kind: Annotated[ExceptionKind | None, BeforeValidator(_stated)] = None
    state: Annotated[Literal["decided", "overtaken", "any"] | None, BeforeValidator(_open_is_usual)] = None
    """None: the open ones."""
    sort: Annotated[Annotated[str, Field(pattern=_SORT)] | None, BeforeValidator(_stated)] = None
    column: tuple[Column, ...] = ()
    """Empty: the usual ones."""

    def pairs(self, **changes: object) -> list[tuple[str, str]]:
        """The parameters that say something, in their order."""
        found: list[tuple[str, str]] = []
        for name in WorkQuery.model_fields:
            value = changes[name] if name in changes else getattr(self, name)
            each = value if isinstance(value, tuple | list) else (value,)
            found += [(name, str(one)) for one in each if one is not None]
        return found

    def address(self, path: str = "/inbox", *, more: Sequence[tuple[str, str]] = (), **changes: object) -> str:
        """The address of this view, or of one that differs in the named parameters."""
        query = urlencode([*self.pairs(**changes), *more])
        return f"{path}?{query}" if query else path

    @property
    def ordered(self) -> tuple[WorkOrder, bool]:
        """What it is ordered by, and whether descending."""
        text = self.sort or WorkOrder.SAFE_DATE.value
        return WorkOrder(text.removeprefix("-")), text.startswith("-")

    def scope_of(self, principal: Principal) -> Scope:
        """Whose questions it lists for this reader."""
        return self.scope or (Scope.MINE if principal.may(Right.DECIDE) else Scope.ALL)

    def columns_for(self, principal: Principal) -> list[Column]:
        """The chosen columns, without prices where the reader may not see them; what is closed says why."""
        chosen = list(dict.fromkeys(self.column or DEFAULT))
        if self.state is not None and Column.STATE not in chosen:
            chosen.insert(0, Column.STATE)
        return [each for each in chosen if each is not Column.VALUE or principal.may(Right.SEE_PRICES)]

    def filter_for(self, principal: Principal, names: Sequence[str]) -> WorkFilter:
        """The filter for this reader, who is asked under these names."""
        state: Any = {None: ExceptionState.OPEN, "any": None}.get(self.state, self.state)
        texts = self.model_dump(include={"plant", "item", "supplier", "order", "demand", "planner", "kind"})
        asked = tuple(names) if self.scope_of(principal) is Scope.MINE else None
        return WorkFilter(plants=principal.plants, state=state, asked=asked, **texts)

    def sort_for(self, principal: Principal) -> tuple[WorkOrder, bool]:
        """The order for this reader: values order nothing for those who may not see them."""
        order, descending = self.ordered
        if order is WorkOrder.VALUE and not principal.may(Right.SEE_PRICES):
            return WorkOrder.SAFE_DATE, False
        return order, descending


__all__ = ["Filter", "Scope", "WorkQuery"]
