"""What changes in a question while somebody has its page open: said above it, with what was written left in place.

Decided here: that another proposal and the end of the question are said. Not here: how a stream is kept open
(`gateway.pages.inbox_events`).
"""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from canonical.records import ExceptionState
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.decisions_taken import question
from gateway.pages.inbox_events import event_of, follow
from gateway.pages.shell import fragment
from gateway.pages.work_columns import outcome
from gateway.pages.work_rows import names_of
from gateway.parts import Parts, PartsPart
from ledger.work_list.work_list import WorkItem

routes = APIRouter(include_in_schema=False, dependencies=[needs(Right.READ)])


@routes.get("/questions/{id}/events")
async def read_events(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    id: str,
    digest: Annotated[str, Query(max_length=100)] = "",
    last_event_id: Annotated[str, Header(max_length=40)] = "",
) -> StreamingResponse:
    """The stream of one question; it begins with what differs from the proposal with the digest that the page shows."""
    asked = (await question(parts.ledger, principal, id)).snapshot
    return await follow(request, _Stream(parts, principal, asked.id, digest), last_event_id)


class _Stream:
    """What one reader hears of one question."""

    def __init__(self, parts: Parts, principal: Principal, id: str, digest: str) -> None:
        self.parts = parts
        self.principal = principal
        self._id = id
        self._shown = (digest, ExceptionState.OPEN)

    async def missed(self, since: dt.datetime | None) -> list[str]:
        """What has changed since the page was read."""
        item = await self.parts.ledger.work_list.item(self._id)
        return await self.events(item) if item is not None else []

    async def events(self, item: WorkItem) -> list[str]:
        """A sentence above the question; nothing where what the page shows still holds."""
        if item.id != self._id or (item.digest, item.state) == self._shown:
            return []
        self._shown = (item.digest, item.state)
        if item.state is ExceptionState.OPEN:
            text = "The question has changed since you opened it; what you write stays in the form."
        else:
            text = f"No longer open: {outcome(item, await names_of(self.parts, [item]))}."
        inner = fragment("inbox_news.html", "overtaken", {}, text, f"/questions/{item.name}")
        partial = f'<hx-partial hx-target="#now" hx-swap="innerHTML">{inner}</hx-partial>'
        return [event_of(partial, at=item.recorded_at)]


__all__ = ["routes"]
