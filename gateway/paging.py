"""Pages of a list, by keyset: each carries the address of the next."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, Field

Limit = Annotated[int, Query(ge=1, le=200, description="Rows on a page")]
After = Annotated[str | None, Query(max_length=600, description="Taken from `next` of the previous page")]
Item = TypeVar("Item")


class Listed(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next: str | None = Field(description="The next page's address; null on the last page")


def listed(path: str, query: Mapping[str, object], items: Sequence[Item], after: str | None) -> Listed[Item]:
    """A page with the address of the next one."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    following = f"{path}?{urlencode({**given, 'after': after})}" if after is not None else None
    return Listed(items=list(items), next=following)


__all__ = ["After", "Limit", "Listed", "listed"]
