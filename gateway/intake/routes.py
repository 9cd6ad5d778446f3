"""POST /v1/events and the suppliers' channels: what comes in from outside."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from canonical.base import Instant
from gateway.bodies import read_body
from gateway.intake.cloudevents import BATCH_TYPE, STRUCTURED_TYPE
from gateway.intake.events import SUPPLIER_DOCUMENT
from gateway.intake.intake import EventsTaken, Intake
from gateway.problems import MEDIA_TYPE, Problem, not_found
from ledger.inbox.dead_letters import LetterState
from ledger.ledger import Ledger

PLANNED_EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "plan-7-0001",
    "source": "aps-main",
    "type": "pegline.requirement.planned.v1",
    "time": "2026-06-01T06:00:00+02:00",
    "data": {
        "plant": "P1",
        "item": "FR-R92B-58",
        "quantity": "500",
        "unit": "EA",
        "required_date": "2026-06-15",
        "demand_reference": "PLO-10001",
        "plan_version": 7,
        "pegging": [{"demand": "BUILD-4711", "quantity": "500", "date": "2026-06-15", "criticality": "A"}],
        "planner": "plan.p1",
    },
}
_RECEIVED_EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "gr-5000000101-10",
    "source": "wms-p1",
    "type": "pegline.goods.received.v1",
    "time": "2026-06-10T10:00:00+02:00",
    "data": {
        "order": "4500000017",
        "line": 10,
        "quantity": "300",
        "unit": "EA",
        "date": "2026-06-10",
        "receipt_number": "5000000101",
    },
}
_EDITED_EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "edit-00000001",
    "source": "erp-main",
    "type": "pegline.order.edited.v1",
    "time": "2026-06-05T09:12:00+02:00",
    "data": {
        "order": "4500000017",
        "line": 10,
        "field": "quantity",
        "old": "300",
        "new": "320",
        "edited_by": "MILLER",
    },
}
_STOCK_EXAMPLE = {
    "specversion": "1.0",
    "id": "stock-2026-06-01-0800-CH-0234",
    "source": "wms-1710",
    "type": "pegline.stock.changed.v1",
    "time": "2026-06-01T08:00:00-07:00",
    "data": {"plant": "1710", "item": "CH-0234", "quantity": "120", "unit": "EA", "reason": "cycle count"},
}
_EDIFACT_EXAMPLE = "UNA:+.? 'UNB+UNOC:3+1580:91+PEGLINE:91+260602:1402+77'UNH+1+ORDRSP:D:96A:UN'…"
_UNDELIVERED = "stored"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem+json answers of a route, for OpenAPI; any field may be wrong (422)."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"model": Problem, "content": {MEDIA_TYPE: {"schema": schema}}} for status in sorted({*statuses, 422})
    }


class MessageTaken(BaseModel):
    """A supplier's document is stored."""

    id: int
    channel: str
    status_link: str = Field(description="Where to read what became of it")


class MessageStatus(BaseModel):
    """What became of a supplier's document."""

    id: int
    channel: str
    status: str = Field(description="`stored` until it is delivered; `delivered`, `ignored: …` or `dead_letter` then")
    detail: str
    order: str | None = Field(description="The number of the order it speaks of, where it speaks of one")
    attempts: int
    last_error: str | None
    received_at: Instant
    settled_at: Instant | None
    correlation_id: str
    dead_letter: str | None = None


def intake_routes(intake: Intake, ledger: Ledger, body_limit: int) -> APIRouter:
    """The routes by which messages arrive."""
    routes = APIRouter(prefix="/v1")

    @routes.post(
        "/events",
        status_code=202,
        response_model=EventsTaken,
        response_model_exclude_none=True,
        tags=["Intake"],
        summary="Take in CloudEvents: structured, binary or a batch",
        responses=problems(400, 403, 409, 413, 415, 422),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    STRUCTURED_TYPE: {
                        "schema": {"type": "object"},
                        "examples": {
                            "planned": {"summary": "A plan wants an item", "value": PLANNED_EXAMPLE},
                            "received": {"summary": "Goods are on stock", "value": _RECEIVED_EXAMPLE},
                            "stock": {
                                "summary": "What is available to promise of an item, whole; below zero: overcommitted",
                                "value": _STOCK_EXAMPLE,
                            },
                            "edited": {
                                "summary": "A person changed a line of our order in the ERP: its quantity, "
                                "delivery_date or price, or it was deleted (false → true)",
                                "value": _EDITED_EXAMPLE,
                            },
                        },
                    },
                    BATCH_TYPE: {
                        "schema": {"type": "array", "items": {"type": "object"}},
                        "examples": {"batch": {"value": [PLANNED_EXAMPLE, _RECEIVED_EXAMPLE]}},
                    },
                    "application/json": {
                        "schema": {"type": "object"},
                        "examples": {
                            "binary": {
                                "summary": "Binary: the attributes travel as ce- headers",
                                "value": PLANNED_EXAMPLE["data"],
                            }
                        },
                    },
                },
            }
        },
    )
    async def take_events(request: Request) -> EventsTaken:
        """202 once stored. The same (source, id) with the same body gets the same answer and nothing happens twice;
        with another body it is a 409. What can't be taken in is kept whole as a dead letter. Of a batch, the good
        events are stored and the others refused one by one.
        """
        body = await read_body(request, body_limit)
        return await intake.events(body, request.headers.get("content-type", ""), dict(request.headers))

    @routes.post(
        "/suppliers/{channel}/messages",
        status_code=202,
        response_model=MessageTaken,
        tags=["Intake"],
        summary="Take in a supplier's document as it is",
        responses=problems(400, 404, 409, 413),
        openapi_extra={
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "schema": {"type": "string"},
                    "description": "What makes the document one; its content where left out",
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
        },
    )
    async def take_document(channel: str, request: Request) -> JSONResponse:
        """202 once stored, with the Location where to read what became of it. It is read after that: a document that
        can't be read, or speaks of an unknown order, becomes a dead letter.
        """
        body = await read_body(request, body_limit)
        content_type = request.headers.get("content-type", "application/octet-stream")
        stored = await intake.document(channel, body, content_type, request.headers.get("idempotency-key"))
        location = f"/v1/suppliers/messages/{stored.id}"
        taken = MessageTaken(id=stored.id, channel=channel, status_link=location)
        return JSONResponse(taken.model_dump(), status_code=202, headers={"Location": location})

    @routes.get(
        "/suppliers/messages/{id}",
        response_model=MessageStatus,
        tags=["Intake"],
        summary="What became of a supplier's document",
        responses=problems(404),
    )
    async def read_document(id: str) -> MessageStatus:
        known = id.isascii() and id.isdecimal() and len(id) < 19
        message = await ledger.inbox.find(int(id)) if known else None
        if message is None or message.type != SUPPLIER_DOCUMENT:
            raise not_found("supplier message", id, "take the Location of the 202 answer")
        letter = None
        if message.status == LETTER_STATUS:
            letter = f"/v1/dead-letters/{message.detail}"
        return MessageStatus(
            id=message.id,
            channel=message.subject or "",
            status=message.status,
            detail=await _reason(ledger, message.detail) if letter else message.detail,
            order=message.entity,
            attempts=message.attempts,
            last_error=message.error if message.status == _UNDELIVERED else None,
            received_at=message.received_at,
            settled_at=message.settled_at,
            correlation_id=message.correlation_id,
            dead_letter=letter,
        )

    return routes


LETTER_STATUS = "dead_letter"


async def _reason(ledger: Ledger, letter_id: str) -> str:
    kept = await ledger.dead_letters.find(letter_id)
    if kept is None:
        return ""
    replay = f" ({kept.state})" if kept.state is not LetterState.OPEN else ""
    return f"{kept.letter.detail}{replay}"


__all__ = ["LETTER_STATUS", "PLANNED_EXAMPLE", "MessageStatus", "MessageTaken", "intake_routes", "problems"]
