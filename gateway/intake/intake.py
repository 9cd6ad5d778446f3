"""Intake: incoming messages are parsed once and stored; those that can't be are kept whole as dead letters.

Decided here: whether a message is stored or refused, and that a repetition gets the first answer. Not here: the
delivery of stored messages (`gateway.delivery.relay`).
"""

import asyncio
import datetime as dt
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, Field, JsonValue

from adapters.errors import AdapterError, UnreadableMessage
from adapters.ports import DocumentEvent, DocumentReader, LandscapePort, PolicyPort, SupplierDialect, SystemStatement
from canonical.records import DeadLetter
from gateway import tracing
from gateway.access.principal import Principal, Right
from gateway.access.senders import Senders
from gateway.delivery.addressing import SUPPLIER_CHANNEL, OrderAddresses
from gateway.intake import cloudevents
from gateway.intake.cloudevents import Event, Mode
from gateway.intake.documents import SUPPLIER_DOCUMENT, document_id, read_document, rows_of
from gateway.intake.events import (
    EVENT_TYPES,
    EVENTS_CHANNEL,
    Acceptance,
    Message,
    OrderMessage,
    Recipient,
    entity_of,
    message_to_store,
    read,
)
from gateway.intake.ownership import require_owner
from gateway.problems import Refusal
from ledger.inbox.inbox import Arrival, Stored
from ledger.inbox.registry import OrderRef
from ledger.ledger import Ledger

logger = logging.getLogger(__name__)

DOCUMENT_BYTES_MAX = 512 * 1024
"""For a supplier's document of this size its reader takes about a second."""
_LEFT_OUT_MAX = 100
_SMALL_BYTES = 64 * 1024
"""Larger bodies are parsed off the event loop."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,60}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class EventOutcome(BaseModel):
    """The outcome of one event of a request; the same for every repetition."""

    source: str | None
    id: str | None
    type: str | None
    outcome: Literal["stored", "refused"]
    entity: str | None = Field(None, description="The requirement's id or the order's number")
    link: str | None = Field(None, description="Where the requirement is read")
    ignored: list[str] | None = Field(None, description="Names in its data that mean nothing here and were left out")
    problem: dict[str, Any] | None = Field(None, description="Why it was refused, as RFC 9457")


class EventsTaken(BaseModel):
    """The answer to POST /v1/events."""

    stored: int
    refused: int
    events: list[EventOutcome]
    left_out: list[str] | None = Field(None, description="What a system's document says that is not used, and why")


class SystemReader(NamedTuple):
    """Who reads the documents of a system that sends no events."""

    source: str
    """As what it speaks."""
    reader: DocumentReader


SystemReaders = Callable[[str], SystemReader | None]
"""By the system's name in the landscape; None: it sends no documents. Raises AdapterError where its line is faulty."""
SYSTEM_CHANNEL = "system/"


@dataclass(frozen=True)
class _Incoming:
    """One event of a request as received: enough to read it again after a fix."""

    body: bytes
    content_type: str
    headers: Mapping[str, str]
    document: object = None
    """The body as JSON, where it was parsed as an element of a batch."""

    def read(self, received_at: dt.datetime) -> "_Read":
        """Parse event and message; `refusal` says why there is no message, or not even an event."""
        event: Event | None = None
        try:
            if self.headers:
                event = cloudevents.read_binary({**self.headers, "content-type": self.content_type}, self.body)
            elif self.document is not None:
                event = cloudevents.read_document(self.document)
            else:
                event = cloudevents.read_structured(self.body)
            content = read(event, received_at)
            return _Read(self, received_at, event, content.message, ignored=content.ignored)
        except Refusal as refusal:
            return _Read(self, received_at, event, None, refusal)


@dataclass(frozen=True)
class _Read:
    """An event of a request, as far as it could be parsed."""

    incoming: _Incoming
    received_at: dt.datetime
    event: Event | None
    message: Message | None
    refusal: Refusal | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Refused:
    """An event kept as a dead letter; with `event` where its envelope could be parsed."""

    event: Event | None
    refusal: Refusal

    @property
    def outcome(self) -> EventOutcome:
        return EventOutcome(
            source=self.event.source if self.event else None,
            id=self.event.id if self.event else None,
            type=self.event.type if self.event else None,
            outcome="refused",
            problem=self.refusal.content(),
        )


@dataclass(frozen=True)
class Sending:
    """Whoever sends, and in whose name they may."""

    principal: Principal
    senders: Senders

    def require(self, source: str, plant: str | None) -> None:
        """Raises Refusal where they may not speak for the source, or not at the plant; None: it is not known."""
        self.senders.require_source(self.principal, source)
        if plant is not None:
            self.principal.require(Right.SEND, plant)
        elif self.principal.plants is not None:
            raise Refusal(
                409,
                "unknown_order",
                "no order of this number is known, so that it can't be one of your plants'",
                "send it again in a minute: the order may not be recorded yet",
                field="data.order",
            )


class Intake:
    """Stores incoming messages; calls `wake` after storing something new."""

    def __init__(
        self,
        ledger: Ledger,
        dialects: Mapping[str, SupplierDialect],
        policies: PolicyPort,
        today: Callable[[str], dt.date],
        now: Callable[[], dt.datetime],
        wake: Callable[[], None],
        landscape: LandscapePort | None = None,
        systems: SystemReaders = lambda name: None,
    ) -> None:
        self._landscape = landscape
        self._systems = systems
        self._addresses = OrderAddresses(policies, landscape)
        self._ledger = ledger
        self._dialects = dialects
        self._policies = policies
        self._today = today
        self._now = now
        self._wake = wake

    async def events(self, body: bytes, content_type: str, headers: Mapping[str, str], sending: Sending) -> EventsTaken:
        """Store the events of a request; raises Refusal where none could be stored.

        What somebody sends in another's name is refused and not kept: a replay must not let it in.
        """
        mode = cloudevents.mode_of(content_type, headers)
        whole = _Incoming(body, content_type, {})
        if mode is Mode.BATCH:
            try:
                parts = await asyncio.to_thread(cloudevents.split_batch, body)
            except Refusal as refusal:
                raise (await self._kept(whole, None, refusal)).refusal from refusal
            return await self._batch(parts, sending)
        if mode is None:
            raise (await self._kept(whole, None, _no_event(content_type))).refusal
        own = {name.lower(): value for name, value in headers.items() if name.lower().startswith("ce-")}
        incoming = _Incoming(body, content_type, own) if mode is Mode.BINARY else whole
        [outcome] = await self._store([incoming], sending)
        if isinstance(outcome, _Refused):
            raise outcome.refusal
        return EventsTaken(stored=1, refused=0, events=[outcome])

    async def document(self, channel: str, body: bytes, content_type: str, key: str | None) -> Stored:
        """Store a supplier's document unchanged; repetitions are recognized by its content or the sender's key."""
        if len(body) > DOCUMENT_BYTES_MAX:
            raise Refusal(
                413,
                "body_too_large",
                f"the document has {len(body)} bytes; at most {DOCUMENT_BYTES_MAX} are taken. Nothing of it was kept",
                "send it in several documents",
                field="body",
                value=f"{len(body)} bytes",
            )
        if not body:
            raise Refusal(400, "empty_body", "the document is empty", "send the document as the body", field="body")
        if key is not None and not _KEY.fullmatch(key):
            raise Refusal(
                400,
                "invalid_field",
                "Idempotency-Key must be 1 to 200 printable characters",
                "send a shorter key, or none: the same content is then known as a repetition",
                field="Idempotency-Key",
                value=key,
            )
        name = f"{SUPPLIER_CHANNEL}{channel if _NAME.fullmatch(channel) else 'unnamed'}"
        letter_of = _letter(name, name, body, content_type, {"key": key} if key else {})
        if channel not in self._dialects:
            known = ", ".join(sorted(self._dialects)) or "none"
            refusal = Refusal(
                404,
                "unknown_channel",
                f"there is no supplier channel {channel!r}; there are: {known}",
                f"post to one of {known}, or have the channel set up and the dead letter replayed",
                field="channel",
                value=channel,
            )
            raise await self._keep(letter_of(refusal), refusal)
        stored = await self._store_document(channel, name, body, content_type, key)
        if stored.outcome == "conflict":
            refusal = _conflict(name, document_id(body, key), "Idempotency-Key")
            raise await self._keep(letter_of(refusal), refusal)
        self._wake()
        return stored

    async def system_document(self, name: str, body: bytes, content_type: str, sending: Sending) -> EventsTaken:
        """Store what a system's document says, as events of ours; a repetition gets the same answer.

        Raises Refusal where it can't be read, or none of the events could be stored.
        """
        system = self._system(name)
        sending.senders.require_source(sending.principal, system.source)
        try:
            statement = await _stated(system, body, content_type)
        except Refusal as refusal:
            letter_of = _letter(f"{SYSTEM_CHANNEL}{name}", system.source, body, content_type, {})
            raise await self._keep(letter_of(refusal), refusal) from refusal
        taken = await self._batch(_as_ours(system, statement), sending)
        return taken.model_copy(update={"left_out": list(statement.left_out[:_LEFT_OUT_MAX])})

    def _system(self, name: str) -> SystemReader:
        try:
            system = self._systems(name)
        except AdapterError as error:
            raise Refusal(
                503,
                "system_faulty",
                f"its documents can't be read now: {error}"[:500],
                "have the system's line in the landscape mended (cli.py landscape check), and send it again",
                field="name",
                value=name[:60],
                headers={"Retry-After": "60"},
            ) from error
        if system is None:
            raise Refusal(
                404,
                "unknown_system",
                f"the landscape has no system {name[:60]!r} whose documents are read",
                "give it a dialect in the landscape (docs/landscape.md), or send events to /v1/events",
                field="name",
                value=name[:60],
            )
        return system

    async def again(self, letter: DeadLetter) -> str:
        """Store a message that was refused on arrival; raises Refusal where it still can't be stored."""
        context = letter.context
        if letter.channel.startswith(SYSTEM_CHANNEL):
            system = self._system(letter.channel.removeprefix(SYSTEM_CHANNEL))
            statement = await _stated(system, letter.body, letter.content_type)
            taken = await self._batch(_as_ours(system, statement))
            return f"{taken.stored} stored, {taken.refused} refused"
        if letter.channel.startswith(SUPPLIER_CHANNEL):
            channel, key = letter.channel.removeprefix(SUPPLIER_CHANNEL), context.get("key")
            if channel not in self._dialects:
                raise Refusal(
                    422, "unknown_channel", f"there is still no channel {channel!r}", "set the channel up first"
                )
            key = key if isinstance(key, str) else None
            stored = await self._store_document(channel, letter.channel, letter.body, letter.content_type, key)
            source, event_id = letter.channel, document_id(letter.body, key)
        else:
            stated = context.get("headers")
            headers = {name: str(value) for name, value in stated.items()} if isinstance(stated, dict) else {}
            incoming = _Incoming(letter.body, letter.content_type, headers)
            if cloudevents.mode_of(letter.content_type, headers) is Mode.BATCH:
                taken = await self._batch(await asyncio.to_thread(cloudevents.split_batch, letter.body))
                return f"{taken.stored} stored, {taken.refused} refused"
            if cloudevents.mode_of(letter.content_type, headers) is None:
                raise _no_event(letter.content_type)
            [arrived] = await _read_all([incoming], self._now())
            arrival, _ = await self._accepted(arrived, await self._plant_of(arrived))
            [stored] = await self._ledger.inbox.store([arrival])
            source, event_id = arrival.source, arrival.event_id
        if stored.outcome == "conflict":
            raise _conflict(source, event_id, "id")
        self._wake()
        return stored.outcome

    async def _batch(self, parts: Sequence[tuple[bytes, object]], sending: Sending | None = None) -> EventsTaken:
        incoming = [_Incoming(body, cloudevents.STRUCTURED_TYPE, {}, document) for body, document in parts]
        results = await self._store(incoming, sending)
        outcomes = [each.outcome if isinstance(each, _Refused) else each for each in results]
        stored = sum(each.outcome == "stored" for each in outcomes)
        if outcomes and not stored:
            raise Refusal(
                422,
                "no_event_stored",
                f"none of the {len(outcomes)} events could be stored",
                "see the problem of each event",
                events=[each.model_dump(mode="json", exclude_none=True) for each in outcomes],
            )
        return EventsTaken(stored=stored, refused=len(outcomes) - stored, events=outcomes)

    async def _store(self, incoming: Sequence[_Incoming], sending: Sending | None) -> list[EventOutcome | _Refused]:
        outcomes: list[EventOutcome | _Refused | None] = [None] * len(incoming)
        arrivals: list[tuple[int, Arrival, EventOutcome]] = []
        received_at = self._now()
        events = await _read_all(incoming, received_at)
        for index, each in enumerate(events):
            plant = await self._plant_of(each)
            if sending is not None and (foreign := _foreign(each, plant, sending)) is not None:
                outcomes[index] = foreign
                continue
            try:
                arrivals.append((index, *await self._accepted(each, plant)))
            except Refusal as refusal:
                outcomes[index] = await self._kept(each.incoming, each.event, refusal, plant)
        stored = await self._ledger.inbox.store([arrival for _, arrival, _ in arrivals]) if arrivals else []
        for (index, arrival, outcome), row in zip(arrivals, stored, strict=True):
            outcomes[index] = outcome
            if row.outcome == "conflict":
                conflict = _conflict(arrival.source, arrival.event_id, "id")
                outcomes[index] = await self._kept(incoming[index], events[index].event, conflict)
        if stored:
            self._wake()
        return [each for each in outcomes if each is not None]

    async def _accepted(self, arrived: _Read, plant: str | None) -> tuple[Arrival, EventOutcome]:
        event, message = arrived.event, arrived.message
        if event is None or message is None:
            raise arrived.refusal or AssertionError("an event is read, or refused")
        entity, known = entity_of(message), EVENT_TYPES[event.type]
        try:
            known.require(message, Acceptance(plants=self._policies.plants, today=self._today))
            require_owner(event, message, plant, self._policies, self._landscape)
        except Refusal:
            if not await self._stored_before(event, entity):
                raise
        own_trace = tracing.usable_traceparent(event.traceparent)
        traceparent = own_trace or tracing.present_traceparent()
        correlation = tracing.correlation_id(event.correlation_id, traceparent, event.source, event.id)
        tracing.record_correlation(correlation)
        arrival = Arrival(
            source=event.source,
            event_id=event.id,
            type=event.type,
            subject=event.subject,
            body=event.body,
            content_type=cloudevents.STRUCTURED_TYPE,
            correlation_id=correlation,
            traceparent=traceparent,
            entity=entity,
            received_at=arrived.received_at,
            message=message_to_store(message),
        )
        return arrival, EventOutcome(
            source=event.source,
            id=event.id,
            type=event.type,
            outcome="stored",
            entity=entity,
            link=requirement_link(entity) if known.recipient is Recipient.REQUIREMENT else None,
            ignored=list(arrived.ignored) or None,
        )

    async def _plant_of(self, arrived: _Read) -> str | None:
        """The plant whose ownership counts; None where the event's order is not known yet, or it can't be read.

        Of several orders of the number, that of the plant where the source may speak; else the first one's.
        """
        event, message = arrived.event, arrived.message
        if event is None or message is None:
            return None
        if not isinstance(message, OrderMessage):
            return message.plant
        orders = await self._ledger.registry.orders_of(message.order_number)
        meant = self._addresses.meant(orders, event.source, event.type)
        return meant.plant if isinstance(meant, OrderRef) else orders[0].plant if orders else None

    async def _stored_before(self, event: Event, entity: str) -> bool:
        """Whether this same event was stored while it was still acceptable: a repetition gets the first answer."""
        return any(
            (each.source, each.event_id, each.body) == (event.source, event.id, event.body)
            for each in await self._ledger.reads.inbox_of(entity)
        )

    async def _store_document(self, channel: str, name: str, body: bytes, content_type: str, key: str | None) -> Stored:
        """Store the document and its messages; unreadable ones too: the relay makes each a dead letter.

        The document first: where its key was used for another one, none of its messages is stored.
        """
        event_id = document_id(body, key)
        traceparent = tracing.present_traceparent()
        correlation = tracing.correlation_id(None, traceparent, name, event_id)
        tracing.record_correlation(correlation)
        arrival = Arrival(
            source=name,
            event_id=event_id,
            type=SUPPLIER_DOCUMENT,
            subject=channel,
            body=body,
            content_type=content_type,
            correlation_id=correlation,
            traceparent=traceparent,
            received_at=self._now(),
        )
        document = await read_document(self._dialects, channel, body, content_type)
        first, *others = await asyncio.to_thread(rows_of, document, arrival)
        [stored] = await self._ledger.inbox.store([first])
        if others and stored.outcome != "conflict":
            await self._ledger.inbox.store(others)
        return stored

    async def _kept(
        self, incoming: _Incoming, event: Event | None, refusal: Refusal, plant: str | None = None
    ) -> _Refused:
        context: dict[str, JsonValue] = {"headers": dict(incoming.headers)} if incoming.headers else {}
        if event is not None:
            if plant is not None:
                context["plant"] = plant
            context |= {"event_id": event.id, "type": event.type}
        source = event.source if event is not None else ""
        letter_of = _letter(EVENTS_CHANNEL, source, incoming.body, incoming.content_type, context)
        return _Refused(event, await self._keep(letter_of(refusal), refusal))

    async def _keep(self, letter: DeadLetter, refusal: Refusal) -> Refusal:
        identity = await self._ledger.dead_letters.keep(letter, None)
        refusal.problem = refusal.problem.model_copy(update={"dead_letter": f"/v1/dead-letters/{identity}"})
        return refusal


def _foreign(arrived: _Read, plant: str | None, sending: Sending) -> _Refused | None:
    """The refusal of an event that is sent in another's name; an unreadable one has no name to be sent in."""
    if arrived.event is None:
        return None
    try:
        if arrived.message is None:
            sending.senders.require_source(sending.principal, arrived.event.source)
        else:
            sending.require(arrived.event.source, plant)
    except Refusal as refusal:
        return _Refused(arrived.event, refusal)
    return None


async def _stated(system: SystemReader, body: bytes, content_type: str) -> SystemStatement:
    """What a document says. Raises Refusal."""
    if len(body) > DOCUMENT_BYTES_MAX:
        raise Refusal(
            413,
            "body_too_large",
            f"the document has {len(body)} bytes; at most {DOCUMENT_BYTES_MAX} are taken",
            "send it in several documents",
            field="body",
            value=f"{len(body)} bytes",
        )
    try:
        statement = await asyncio.to_thread(system.reader.read, body, content_type)
    except UnreadableMessage as error:
        raise Refusal(422, error.code, error.detail, error.next_step, field="body") from error
    except Exception as error:
        logger.exception("the reader of %s failed on a document", system.source)
        detail = f"the reader of {system.source} failed: {type(error).__name__}: {error}"[:500]
        raise Refusal(422, "dialect_failed", detail, "have the reader fixed, then replay", field="body") from error
    if len(statement.events) > cloudevents.BATCH_EVENTS_MAX:
        many = f"it says {len(statement.events)} things; at most {cloudevents.BATCH_EVENTS_MAX} are taken at once"
        raise Refusal(413, "too_many_events", many, "send it in several documents", field="body")
    return statement


def _as_ours(system: SystemReader, statement: SystemStatement) -> list[tuple[bytes, object]]:
    """CloudEvents in the name of the system, each as bytes and as JSON."""
    return [(json.dumps(event).encode(), event) for event in (_event(system.source, each) for each in statement.events)]


def _event(source: str, said: DocumentEvent) -> dict[str, Any]:
    timed = {"time": said.time} if said.time else {}
    return {
        "specversion": "1.0",
        "id": said.id,
        "source": source,
        "type": said.type,
        **timed,
        "data": dict(said.data),
    }


async def _read_all(incoming: Sequence[_Incoming], received_at: dt.datetime) -> list[_Read]:
    def read_them() -> list[_Read]:
        return [each.read(received_at) for each in incoming]

    small = sum(len(each.body) for each in incoming) <= _SMALL_BYTES
    return read_them() if small else await asyncio.to_thread(read_them)


def requirement_link(requirement_id: str) -> str:
    """Where a requirement is read; plant and item may hold characters that an address can't."""
    return f"/v1/requirements/{quote(requirement_id.removeprefix('requirement/'), safe='/~')}"


def _letter(
    channel: str, source: str, body: bytes, content_type: str, context: Mapping[str, JsonValue]
) -> Callable[[Refusal], DeadLetter]:
    def of(refusal: Refusal) -> DeadLetter:
        problem = refusal.problem
        return DeadLetter(
            channel=channel,
            source=source,
            code=problem.code,
            detail=problem.detail,
            next_step=problem.next_step,
            body=body,
            content_type=content_type,
            context={**context, "field": problem.field, "value": problem.value},
        )

    return of


def _no_event(content_type: str) -> Refusal:
    return Refusal(
        415,
        "not_a_cloudevent",
        f"content type {content_type!r} carries no CloudEvent",
        f"send {cloudevents.STRUCTURED_TYPE}, {cloudevents.BATCH_TYPE}, or JSON with ce- headers",
        field="content-type",
        value=content_type,
    )


def _conflict(source: str, event_id: str, field: str) -> Refusal:
    return Refusal(
        409,
        "same_id_other_body",
        f"{source} has sent {event_id!r} before with another body; the first stands",
        "send what is new under an id of its own; a repetition carries the same body",
        field=field,
        value=event_id,
    )


__all__ = [
    "SUPPLIER_CHANNEL",
    "EventOutcome",
    "EventsTaken",
    "Intake",
    "Sending",
    "SystemReader",
    "SystemReaders",
    "requirement_link",
]
