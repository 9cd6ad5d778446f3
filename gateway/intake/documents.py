"""Suppliers' documents: read once on arrival, and stored message by message.

Decided here: which rows of the inbox a document becomes. A document of one message about one order is one row. Any
other is kept whole in a row of its own, and each message for each order in a further one, so that a message that can't
be read, or an order that nobody knows, holds nothing else back. Not here: what a document says (the channel's dialect),
and the delivery.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping

from pydantic import Field, TypeAdapter, ValidationError

from adapters.errors import UnreadableMessage
from adapters.ports import SupplierDialect
from canonical.base import Model
from canonical.order import DocumentAcknowledged, OrderAnswer, ShipmentAnnounced
from gateway.intake.counted import fractions
from gateway.intake.events import MESSAGE_BYTES_MAX
from gateway.problems import shown
from ledger.inbox.inbox import Arrival

logger = logging.getLogger(__name__)

SUPPLIER_DOCUMENT = "pegline.supplier.document.v1"
"""Not a CloudEvent: a supplier's document in its own format, read by its channel's dialect."""
SUPPLIER_REPLY = "pegline.supplier.reply.v1"
"""An acknowledgement of ours that a supplier's document asked for, to be sent."""
_COPIED_BYTES_MAX = 64 * 1024 * 1024
"""A message about several orders is stored with each of them; no document may grow beyond this by it."""

Statement = OrderAnswer | ShipmentAnnounced | DocumentAcknowledged


class UnreadableContent(Model):
    """Why a supplier's document, or a message of it, can't be read."""

    code: str
    detail: str
    next_step: str


class Divided(Model):
    """The document's messages are stored by themselves."""

    messages: int = Field(ge=0)


DocumentContent = tuple[Statement, ...] | UnreadableContent | Divided
"""The content of a stored row."""
_CONTENT: TypeAdapter[DocumentContent] = TypeAdapter(DocumentContent)


class ReadMessage(Model):
    """A message of a document and its content."""

    body: bytes
    content: tuple[Statement, ...] | UnreadableContent


class ReadDocument(Model):
    """A document as its dialect reads it."""

    messages: tuple[ReadMessage, ...]
    replies: tuple[bytes, ...] = ()


async def read_document(
    dialects: Mapping[str, SupplierDialect], channel: str, body: bytes, content_type: str
) -> ReadDocument:
    """The messages of a supplier's document; parsed off the event loop."""
    dialect = dialects.get(channel)
    if dialect is None:
        return _whole(
            body, "unknown_channel", f"there is no supplier channel {channel!r}", "set the channel up, replay"
        )
    return await asyncio.to_thread(_read, dialect, channel, body, content_type)


def _read(dialect: SupplierDialect, channel: str, body: bytes, content_type: str) -> ReadDocument:
    try:
        document = dialect.read(body, content_type)
        messages = (
            ReadMessage.model_construct(body=part.body, content=_content(part.content)) for part in document.parts
        )
        return ReadDocument.model_construct(messages=tuple(messages), replies=tuple(document.replies))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return _whole(
            body,
            "invalid_value",
            f"{where} {shown(first['input'])}: {first['msg']}"[:500],
            "have the supplier send the document again with the value corrected",
        )
    except Exception as error:
        logger.exception("the dialect of channel %s failed on a document", channel)
        detail = f"the {channel} reader failed: {type(error).__name__}: {error}"[:500]
        return _whole(body, "dialect_failed", detail, "have the reader fixed, then replay")


def _content(content: tuple[Statement, ...] | UnreadableMessage) -> tuple[Statement, ...] | UnreadableContent:
    if isinstance(content, UnreadableMessage):
        return UnreadableContent(code=content.code, detail=content.detail, next_step=content.next_step)
    for path, _, detail in (each for statement in content for each in fractions(statement)):
        step = "ask the supplier what was meant, and have the document sent again"
        return UnreadableContent(code="fraction_of_a_count", detail=f"{path}: {detail}", next_step=step)
    return content


def _whole(body: bytes, code: str, detail: str, next_step: str) -> ReadDocument:
    unreadable = UnreadableContent(code=code, detail=detail, next_step=next_step)
    return ReadDocument(messages=(ReadMessage(body=body, content=unreadable),))


def message_id(document_id: str, place: int) -> str:
    """The event id of a document's message, from 1; the blank keeps it apart from every key of a sender."""
    return f"{document_id} {place}"


def rows_of(document: ReadDocument, arrival: Arrival) -> list[Arrival]:
    """The rows to store, the document first; `arrival` is the document as it came, without content.

    An order's messages keep their sequence, hence each row names its order.
    """
    parts = [
        (message.body, order, content)
        for message in document.messages
        for order, content in _by_order(message.content).items()
    ]
    copied = sum(len(body) for body, _, _ in parts)
    if copied > _COPIED_BYTES_MAX:
        too_many = UnreadableContent(
            code="message_too_large",
            detail=f"its messages are about so many orders that they would take {copied} bytes",
            next_step="have the supplier send it in several documents",
        )
        parts = [(arrival.body, None, too_many)]
    replies = [
        arrival.model_copy(
            update={
                "event_id": f"{arrival.event_id} reply {place}",
                "type": SUPPLIER_REPLY,
                "body": reply,
                "received_at": arrival.received_at,
            }
        )
        for place, reply in enumerate(document.replies, 1)
    ]
    if len(parts) == 1:
        [(_, order, content)] = parts
        return [_row(arrival, order, content), *replies]
    messages = (
        _row(arrival.model_copy(update={"event_id": message_id(arrival.event_id, place), "body": body}), order, content)
        for place, (body, order, content) in enumerate(parts, 1)
    )
    return [_row(arrival, None, Divided(messages=len(parts))), *messages, *replies]


def _by_order(
    content: tuple[Statement, ...] | UnreadableContent,
) -> dict[str | None, tuple[Statement, ...] | UnreadableContent]:
    if isinstance(content, UnreadableContent):
        return {None: content}
    orders: dict[str | None, tuple[Statement, ...]] = {}
    for statement in content:
        orders[statement.order_number] = (*orders.get(statement.order_number, ()), statement)
    return dict(orders) or {None: ()}


def _row(arrival: Arrival, order: str | None, content: DocumentContent) -> Arrival:
    written = _CONTENT.dump_json(content)
    if len(written) > MESSAGE_BYTES_MAX:
        written = _CONTENT.dump_json(
            UnreadableContent(
                code="message_too_large",
                detail=f"what the document says has {len(written)} bytes; at most {MESSAGE_BYTES_MAX} are taken",
                next_step="have the supplier send it in several documents",
            )
        )
    return arrival.model_copy(update={"entity": order, "message": written.decode()})


def stored_content(message: str) -> DocumentContent:
    """The content as it was stored beside the document or message."""
    return _CONTENT.validate_json(message)


def content_again(document: ReadDocument, order: str | None) -> tuple[Statement, ...] | UnreadableContent:
    """What a stored row says once it is read again: of its order, where it names one."""
    statements: list[Statement] = []
    for message in document.messages:
        if isinstance(message.content, UnreadableContent):
            return message.content
        statements += message.content
    of_order = [each for each in statements if order is None or each.order_number == order]
    return tuple(of_order or statements)


def document_id(body: bytes, key: str | None) -> str:
    """What identifies a document of a channel: the sender's key, else its content."""
    return key or hashlib.sha256(body).hexdigest()


__all__ = [
    "SUPPLIER_DOCUMENT",
    "SUPPLIER_REPLY",
    "Divided",
    "DocumentContent",
    "ReadDocument",
    "Statement",
    "UnreadableContent",
    "content_again",
    "document_id",
    "message_id",
    "read_document",
    "rows_of",
    "stored_content",
]
