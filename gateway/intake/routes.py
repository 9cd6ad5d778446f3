"""POST /v1/events, ERPs' own notices, and the suppliers' channels."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field

from canonical.base import Instant
from canonical.event_data import GOODS_RECEIVED, REQUIREMENT_PLANNED
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.access.senders import SenderPart, Senders
from gateway.intake.cloudevents import BATCH_TYPE, STRUCTURED_TYPE, once_each
from gateway.intake.documents import SUPPLIER_DOCUMENT, Divided, message_id, stored_content
from gateway.intake.events import EVENT_TYPES, example_event
from gateway.intake.intake import EventsTaken, Sending
from gateway.intake.notices import allowed_origin, kinds_of
from gateway.intake.sap_events import read_sap_event
from gateway.parts import LedgerPart, PartsPart
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute
from ledger.inbox.dead_letters import LetterState
from ledger.inbox.inbox import UNDELIVERED, InboxMessage
from ledger.landscape.feeds import deletions
from ledger.ledger import Ledger

LETTER_STATUS = "dead_letter"
_EDIFACT_EXAMPLE = "UNA:+.? 'UNB+UNOC:3+1580:91+PEGLINE:91+260602:1402+77'UNH+1+ORDRSP:D:96A:UN'…"
_EVENTS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED_TYPE: {
                "schema": {"$ref": "#/components/schemas/event"},
                "examples": {
                    name.split(".")[-2]: {"summary": known.example["summary"], "value": example_event(name)}
                    for name, known in EVENT_TYPES.items()
                    if known.example
                },
            },
            BATCH_TYPE: {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/event"}, "maxItems": 1000},
                "examples": {"batch": {"value": [example_event(REQUIREMENT_PLANNED), example_event(GOODS_RECEIVED)]}},
            },
            "application/json": {
                "schema": {"anyOf": [{"$ref": f"#/components/schemas/{name}.data"} for name in EVENT_TYPES]},
                "examples": {
                    "binary": {
                        "summary": "Binary: the attributes travel as ce- headers",
                        "value": example_event(REQUIREMENT_PLANNED)["data"],
                    }
                },
            },
        },
    }
}
_DOCUMENT_BODY: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The key that identifies the document; its content where left out",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/edifact": {
                "schema": {"type": "string", "format": "binary"},
                "examples": {"ordrsp": {"summary": "EDIFACT ORDRSP", "value": _EDIFACT_EXAMPLE}},
            }
        },
    },
}


_SYSTEM_DOCUMENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/xml": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


class MessageTaken(BaseModel):
    """A supplier's document is stored."""

    id: int
    channel: str
    status_link: str = Field(description="Where to read its status")


class MessageStatus(BaseModel):
    """The status of a supplier's document."""

    id: int
    channel: str
    status: str = Field(
        description="`stored` until it is delivered; `delivered`, `ignored: …` or `dead_letter` then; `divided` "
        "where its messages are delivered each by itself"
    )
    detail: str
    order: str | None = Field(description="The number of the order it names, where it names one")
    attempts: int
    last_error: str | None
    received_at: Instant
    settled_at: Instant | None
    correlation_id: str
    dead_letter: str | None = None
    messages: list[str] = Field(default=[], description="Where to read the status of each message of a divided one")


routes = APIRouter(prefix="/v1", tags=["Intake"], route_class=PlainRoute)


@routes.post(
    "/events",
    status_code=202,
    response_model_exclude_none=True,
    summary="Take in CloudEvents: structured, binary or a batch",
    responses=problem_responses(400, 403, 409, 413, 415, 422),
    openapi_extra=_EVENTS_BODY,
)
async def take_events(request: Request, parts: PartsPart, sender: SenderPart) -> EventsTaken:
    """202 once stored. The same (source, id) with the same body gets the same answer and nothing happens twice;
    with another body it is a 409. What can't be taken in is kept whole as a dead letter. Of a batch, the good
    events are stored and the others refused one by one.
    """
    body = await request.body()
    headers = once_each(request.headers.items())
    may_send = Sending(sender, request.app.state.senders)
    return await parts.intake.events(body, headers.get("content-type", ""), headers, may_send)


class SapEventTaken(BaseModel):
    """What became of a business event of SAP's."""

    outcome: str = Field(description="`stored`; `ignored` where it is not about an order of ours")


@routes.post(
    "/sap/{source}/events",
    status_code=202,
    summary="Take in a business event of SAP S/4HANA",
    responses=problem_responses(400, 403, 409, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {STRUCTURED_TYPE: {"schema": {"type": "object"}}}}},
)
async def take_sap_event(
    source: str, request: Request, parts: PartsPart, ledger: LedgerPart, sender: SenderPart
) -> SapEventTaken:
    """SAP says that a purchase order changed, not what: an order of ours is read in SAP, and what a person changed or
    deleted there is put to a person. `source` names the system, as for its other events: SAP's own is often empty.
    """
    may_send = Sending(sender, request.app.state.senders)
    may_send.senders.require_source(sender, source)
    event = read_sap_event(await request.body(), once_each(request.headers.items()))
    if event is None or not await ledger.registry.orders_of(event.order):
        return SapEventTaken(outcome="ignored")
    await parts.intake.events(event.as_ours(source), STRUCTURED_TYPE, {}, may_send)
    return SapEventTaken(outcome="stored")


@routes.options("/events", include_in_schema=False)
@routes.options("/sap/{source}/events", include_in_schema=False)
async def shake_hands(request: Request) -> Response:
    """CloudEvents' handshake, as SAP Event Mesh makes it before it sends: whoever asks may send here, if they show who
    they are.
    """
    return Response(headers={"Allow": "POST", **allowed_origin(request.headers)})


@routes.post(
    "/systems/{system}/notifications",
    summary="Take in an ERP's notice that something changed",
    responses=problem_responses(400, 403, 413),
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def take_notice(
    system: str,
    request: Request,
    ledger: LedgerPart,
    token: Annotated[str | None, Query(alias="validationToken", max_length=2000)] = None,
) -> Response:
    """Business Central's webhooks: the handshake's `validationToken` is answered as it is; a notice has what changed
    asked for at once. The subscription's secret, `clientState`, says who notifies.
    """
    if token is not None:
        return PlainTextResponse(token)
    kinds = kinds_of(await request.body(), await ledger.feeds.client_state(system))
    await ledger.feeds.notified(system)
    if "deleted" in kinds:
        await ledger.feeds.notified(deletions(system))
    return Response(status_code=202)


@routes.post(
    "/systems/{name}/documents",
    status_code=202,
    response_model_exclude_none=True,
    summary="Take in a document of an MES, a WMS or a PLM system as it is",
    responses=problem_responses(400, 403, 404, 409, 413, 422, 503),
    openapi_extra=_SYSTEM_DOCUMENT_BODY,
)
async def take_system_document(name: str, request: Request, parts: PartsPart, sender: SenderPart) -> EventsTaken:
    """202 once stored; its dialect in the landscape reads it, and what it says becomes events of the system, known by
    the document's own id. A document that can't be read is kept whole as a dead letter, with where and why; so is each
    of its events that is refused.
    """
    content_type = request.headers.get("content-type", "application/octet-stream")
    may_send = Sending(sender, request.app.state.senders)
    return await parts.intake.system_document(name, await request.body(), content_type, may_send)


@routes.post(
    "/suppliers/{channel}/messages",
    status_code=202,
    response_model=MessageTaken,
    summary="Take in a supplier's document as it is",
    responses=problem_responses(400, 404, 409, 413),
    openapi_extra=_DOCUMENT_BODY,
)
async def take_document(channel: str, request: Request, parts: PartsPart, sender: SenderPart) -> JSONResponse:
    """202 once stored, with the Location of its status. A document that can't be read, or names an unknown order,
    becomes a dead letter.
    """
    senders: Senders = request.app.state.senders
    senders.require_channel(sender, channel)
    body = await request.body()
    content_type = request.headers.get("content-type", "application/octet-stream")
    stored = await parts.intake.document(channel, body, content_type, request.headers.get("idempotency-key"))
    location = f"/v1/suppliers/messages/{stored.id}"
    taken = MessageTaken(id=stored.id, channel=channel, status_link=location)
    return JSONResponse(taken.model_dump(), status_code=202, headers={"Location": location})


@routes.get(
    "/suppliers/messages/{id}",
    summary="What became of a supplier's document",
    responses=problem_responses(404),
    dependencies=[needs(Right.READ)],
)
async def read_supplier_message(ledger: LedgerPart, principal: PrincipalPart, id: str) -> MessageStatus:
    known = id.isascii() and id.isdecimal() and len(id) < 19
    message = await ledger.inbox.find(int(id)) if known else None
    if message is None or message.type != SUPPLIER_DOCUMENT or not await _is_own(ledger, principal, message):
        raise not_found("supplier message", id, "take the Location of the 202 answer")
    dead = message.status == LETTER_STATUS
    return MessageStatus(
        id=message.id,
        channel=message.subject or "",
        status=message.status,
        detail=await _reason(ledger, message.detail) if dead else message.detail,
        order=message.entity,
        attempts=message.attempts,
        last_error=message.error if message.status == UNDELIVERED else None,
        received_at=message.received_at,
        settled_at=message.settled_at,
        correlation_id=message.correlation_id,
        dead_letter=f"/v1/dead-letters/{message.detail}" if dead else None,
        messages=await _messages(ledger, message),
    )


async def _is_own(ledger: Ledger, principal: Principal, document: InboxMessage) -> bool:
    """Whether its order is one of the caller's plants'; of a document without a known order only who has all sees."""
    if principal.plants is None:
        return True
    orders = await ledger.registry.orders_of(document.entity) if document.entity else []
    return bool(orders) and all(principal.sees(order.plant) for order in orders)


async def _messages(ledger: Ledger, document: InboxMessage) -> list[str]:
    content = stored_content(document.message) if document.message else None
    if not isinstance(content, Divided):
        return []
    ids = [message_id(document.event_id, place) for place in range(1, content.messages + 1)]
    return [f"/v1/suppliers/messages/{each}" for each in await ledger.inbox.ids_of(document.source, ids)]


async def _reason(ledger: Ledger, letter_id: str) -> str:
    kept = await ledger.dead_letters.find(letter_id)
    if kept is None:
        return ""
    replay = f" ({kept.state})" if kept.state is not LetterState.OPEN else ""
    return f"{kept.letter.detail}{replay}"


__all__ = ["LETTER_STATUS", "MessageStatus", "MessageTaken", "routes"]
