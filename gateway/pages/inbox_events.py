"""What changes in the list of questions while somebody looks at it, as server-sent events that htmx puts in place.

A question that was decided or overtaken stays in its row, crossed out, and says why; one that changed is written anew;
new ones are counted above the list. One task of this process asks the ledger, whatever the number of readers.

Decided here: who hears of what, and when a stream ends. Not here: how a row looks (`gateway.pages.work_rows`).
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from canonical.records import ExceptionState
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.pages.inbox import asked_names
from gateway.pages.shell import HEADERS, fragment
from gateway.pages.work_columns import outcome
from gateway.pages.work_query import WorkQuery
from gateway.pages.work_rows import names_of, row_values, sentence
from gateway.parts import Parts, PartsPart
from gateway.problems import Refusal
from gateway.work_feed import AT_ONCE, OVERLAP
from ledger.work_list.work_list import WorkFilter, WorkItem

BEAT_SECONDS = 15.0
"""How often a silent stream says that it is alive, and looks whether its session is."""
STREAM_SECONDS_MAX = 900.0
"""Then it ends, and the browser comes again: nobody is listened to for ever on one check."""

_FRESH, _CLOCKS_DIFFER = dt.timedelta(minutes=2), dt.timedelta(seconds=5)

routes = APIRouter(include_in_schema=False, dependencies=[needs(Right.READ)])


@routes.get("/inbox/events")
async def read_events(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    view: Annotated[WorkQuery, Query()],
    since: Annotated[str, Query(max_length=40)] = "",
    last_event_id: Annotated[str, Header(max_length=40)] = "",
) -> StreamingResponse:
    """The stream for one list; it begins with what has changed since the page was read, or since the last event."""
    return await follow(request, _Stream(parts, principal, view), last_event_id or since)


class Stream(Protocol):
    """What one reader hears of questions that change."""

    @property
    def parts(self) -> Parts: ...
    @property
    def principal(self) -> Principal: ...

    async def missed(self, since: dt.datetime | None) -> list[str]:
        """The events since a moment."""
        ...

    async def events(self, item: WorkItem) -> list[str]:
        """The events that a change of a question makes for this reader."""
        ...


async def follow(request: Request, stream: Stream, since: str) -> StreamingResponse:
    """A stream's answer. Raises Refusal (429, 503) where too many listen."""
    feed = stream.parts.work_feed
    queue = await feed.listen(stream.principal.subject)
    try:
        missed = await stream.missed(_moment(since))
    except BaseException:
        feed.leave(queue)
        raise
    return StreamingResponse(
        _following(request, stream, queue, missed),
        media_type="text/event-stream",
        headers={**HEADERS, "X-Accel-Buffering": "no"},
    )


async def _following(
    request: Request, stream: Stream, queue: asyncio.Queue[WorkItem], missed: list[str]
) -> AsyncIterator[str]:
    feed = stream.parts.work_feed
    until = asyncio.get_running_loop().time() + STREAM_SECONDS_MAX
    try:
        yield "retry: 2000\n\n"
        for event in missed:
            yield event
        while feed.hears(queue) and (left := until - asyncio.get_running_loop().time()) > 0:
            try:
                # Not wait_for: Python 3.11's drops a cancellation that arrives together with the result.
                async with asyncio.timeout(min(BEAT_SECONDS, left)):
                    item = await queue.get()
            except TimeoutError:
                if not await _goes_on(request, stream.principal):
                    yield event_of(_ended())
                    return
                yield ": still here\n\n"
                continue
            for event in await stream.events(item):
                yield event
    finally:
        feed.leave(queue)


async def _goes_on(request: Request, principal: Principal) -> bool:
    """Whether the reader's session still lasts; a page that is only open keeps none open."""
    access = getattr(request.app.state, "access", None)
    if access is None:
        return True
    try:
        found = await access.caller(request, used=False)
    except Refusal:
        return False
    return isinstance(found, Principal) and found.subject == principal.subject


class _Stream:
    """What one reader hears."""

    def __init__(self, parts: Parts, principal: Principal, view: WorkQuery) -> None:
        self.parts = parts
        self.principal = principal
        self._view = view
        self._filter: WorkFilter = view.filter_for(principal, asked_names(parts, principal))
        self._new: set[str] = set()
        self._opened_before = parts.now()
        self._shown: set[tuple[str, int]] = set()
        """What the reader's page has already: the feed tells of the last seconds once more."""

    async def missed(self, since: dt.datetime | None) -> list[str]:
        """The events since a moment, for a reader who was away; of too long ago only that the list is out of date."""
        if since is None:
            return []
        self._opened_before = since
        items = await self.parts.ledger.work_list.recorded_since(since - OVERLAP, AT_ONCE)
        if len(items) >= AT_ONCE:
            return [event_of(_news("Much has changed meanwhile.", self._view.address()), at=items[-1].recorded_at)]
        self._shown = {(item.id, item.position) for item in items if item.recorded_at <= since}
        return [event for item in items for event in await self.events(item)]

    async def events(self, item: WorkItem) -> list[str]:
        """What this reader hears of the question: nothing of other plants."""
        if not self.principal.sees(item.plant):
            return []
        if item.state is not ExceptionState.OPEN:
            self._new.discard(item.id)
            return [event_of(await self._row(item) + await self._announced(item), at=item.recorded_at)]
        if (item.id, item.position) in self._shown:
            return []
        row = await self._row(item, "Changed just now.")
        if self._is_new(item):
            self._new.add(item.id)
            number = len(self._new)
            text = "One new question waits." if number == 1 else f"{number} new questions wait."
            row += _news(text, self._view.address())
        return [event_of(row, at=item.recorded_at)]

    async def _row(self, item: WorkItem, changed: str = "") -> str:
        names = await names_of(self.parts, [item])
        values = row_values(self._view, self.principal, names)
        written = fragment("inbox_row.html", "row", values, item, changed=changed)
        return f'<hx-partial hx-target="#q-{item.name}" hx-swap="outerHTML">{written}</hx-partial>'

    def _is_new(self, item: WorkItem) -> bool:
        """Whether it came after the list was read; the entities' clocks and the ledger's differ a little."""
        fresh = item.recorded_at - item.opened_at < _FRESH and item.opened_at > self._opened_before - _CLOCKS_DIFFER
        return fresh and not item.reminders and self._filter.holds(item)

    async def _announced(self, item: WorkItem) -> str:
        """What a screen reader says of a question that is no longer open."""
        if not self._filter.model_copy(update={"state": None}).holds(item):
            return ""
        said = outcome(item, await names_of(self.parts, [item]))
        inner = fragment("inbox_news.html", "gone", {}, f"No longer open: {sentence(item, self.principal)}: {said}.")
        return f'<hx-partial hx-target="#gone" hx-swap="innerHTML">{inner}</hx-partial>'


def _news(text: str, address: str) -> str:
    inner = fragment("inbox_news.html", "news", {}, text, address)
    return f'<hx-partial hx-target="#news" hx-swap="innerHTML">{inner}</hx-partial>'


def _ended() -> str:
    """What the page shows once its session has ended; it asks no more."""
    inner = fragment("inbox_news.html", "ended", {})
    said = f'<hx-partial hx-target="#news" hx-swap="innerHTML">{inner}</hx-partial>'
    return f'{said}<hx-partial hx-target="#live" hx-swap="delete"></hx-partial>'


def event_of(html: str, *, at: dt.datetime | None = None) -> str:
    """A server-sent event that puts HTML in its place; by `at` a reader goes on later."""
    lines = [f"data: {line}" for line in html.splitlines() if line.strip()]
    head = [f"id: {at.isoformat()}"] if at is not None else []
    return "\n".join((*head, *lines)) + "\n\n"


def _moment(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


__all__ = ["Stream", "event_of", "follow", "routes"]
