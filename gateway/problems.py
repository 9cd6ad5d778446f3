"""RFC 9457 problem details: every error names the field, the value and the next step.

Decided here: the form of an error, and the status of a failure of ours or of Temporal. Not here: when a request is
refused (each route and `gateway.intake.intake`).
"""

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from temporalio.client import RPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from adapters.errors import TransientError
from ledger.paging import BadCursor

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_VALUE_LENGTH_MAX = 200


class FieldProblem(BaseModel):
    """One field that is wrong."""

    field: str
    value: str | None = None
    detail: str
    next_step: str


class Problem(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:pegline:problem:unknown_plant",
                    "title": "Unknown plant",
                    "status": 422,
                    "detail": "plant 'P9' is not one of Pegline's plants: P1, P2, P3",
                    "code": "unknown_plant",
                    "field": "data.plant",
                    "value": "P9",
                    "next_step": "send one of P1, P2, P3, or have the plant's policy added",
                    "dead_letter": "/v1/dead-letters/7f3k2m5q",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = Field(None, description="Path of the field that is wrong")
    value: str | None = Field(None, description="What was sent there, shortened")
    next_step: str = Field(description="What the sender can do about it")
    dead_letter: str | None = Field(None, description="Where the whole body is kept for a replay after a fix")
    errors: list[FieldProblem] = Field([], description="All fields that are wrong, where there are several")
    digest: str | None = Field(None, description="The current digest of an exception's proposal")
    events: list[dict[str, Any]] = Field([], description="The outcome of each event of a refused batch")


class Refusal(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        next_step: str,
        *,
        field: str | None = None,
        value: object = None,
        errors: Sequence[FieldProblem] = (),
        dead_letter: str | None = None,
        digest: str | None = None,
        events: Sequence[dict[str, Any]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = headers or {}
        self.problem = Problem(
            type=f"urn:pegline:problem:{code}",
            title=code.replace("_", " ").capitalize(),
            status=status,
            detail=detail,
            code=code,
            field=field,
            value=shown(value),
            next_step=next_step,
            dead_letter=dead_letter,
            errors=list(errors),
            digest=digest,
            events=list(events),
        )

    def content(self) -> dict[str, Any]:
        """The problem as JSON, without empty fields."""
        return self.problem.model_dump(mode="json", exclude_none=True, exclude_defaults=True)

    def response(self) -> Response:
        """The answer, as problem+json."""
        body = json.dumps(self.content())
        return Response(body, status_code=self.problem.status, media_type=MEDIA_TYPE, headers=self.headers)


def shown(value: object) -> str | None:
    """A value as an error quotes it: as text, shortened; None stays None."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _VALUE_LENGTH_MAX else text[: _VALUE_LENGTH_MAX - 1] + "…"


def not_found(what: str, identity: str, next_step: str) -> Refusal:
    """404 for something that the ledger does not know."""
    return Refusal(404, "not_found", f"there is no {what} {identity!r}", next_step, field="path", value=identity)


def field_path(location: Sequence[int | str]) -> str:
    """`("data", "pegging", 0, "date")` as a reader writes it: `data.pegging[0].date`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def in_words(error: Any) -> str:
    """Pydantic's message about a field, with patterns explained in words."""
    if error["type"] == "string_pattern_mismatch":
        return "should be one line that can be seen whole; a code has no slash and no blank at its ends"
    return str(error["msg"]).removeprefix("Value error, ")


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refusal.response()


async def _invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where, location = str(first["loc"][0]), first["loc"][1:]
    if first["type"] == "json_invalid":
        return Refusal(
            400,
            "malformed_json",
            f"the body is not JSON: {first.get('ctx', {}).get('error', first['msg'])}",
            "send a JSON object as in the examples of /openapi.json",
            field="body",
        ).response()
    problems = [
        FieldProblem(
            field=field_path(each["loc"][1:]) or str(each["loc"][0]),
            value=shown(each.get("input")) if each["type"] != "missing" else None,
            detail=in_words(each),
            next_step="correct the field and send the request again",
        )
        for each in error.errors()
    ]
    name = field_path(location) or where
    return Refusal(
        422,
        "invalid_field",
        f"{name} in the {where}: {in_words(first)}",
        problems[0].next_step,
        field=name,
        value=problems[0].value,
        errors=problems if len(problems) > 1 else (),
    ).response()


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    title = HTTPStatus(error.status_code).phrase
    return Refusal(
        error.status_code,
        title.lower().replace(" ", "_").replace("-", "_"),
        str(error.detail),
        "see /openapi.json for the paths and methods there are",
        headers=dict(error.headers or {}),
    ).response()


_NOT_THERE = frozenset(
    {
        RPCStatusCode.CANCELLED,
        RPCStatusCode.UNKNOWN,  # a broken transport
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
    }
)
_OURS = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE, RPCStatusCode.UNIMPLEMENTED})
"""Temporal's answers to calls that fail however often they are repeated."""


def is_engine_down(error: BaseException) -> bool:
    """Whether Temporal can't be reached or accepts no calls from us: the next call would fail as well."""
    if isinstance(error, RPCTimeoutOrCancelledError):
        return True
    return isinstance(error, RPCError) and error.status in _NOT_THERE


async def _temporal_unavailable(request: Request, error: Exception) -> Response:
    if isinstance(error, RPCError) and error.status in _OURS:
        return await _failed(request, error)
    logger.warning("Temporal did not take a call: %s", error)
    return Refusal(
        503,
        "engine_unavailable",
        "the workflow engine can't be reached now; nothing was changed",
        "send the same request again in a few seconds; it is safe to repeat",
        headers={"Retry-After": "5"},
    ).response()


async def _ledger_unavailable(_: Request, error: Exception) -> Response:
    logger.warning("the ledger did not take a call: %s", error)
    return Refusal(
        503,
        "ledger_unavailable",
        "the ledger can't be reached now; nothing was stored",
        "send the same request again in a few seconds; it is safe to repeat",
        headers={"Retry-After": "5"},
    ).response()


async def _gone(_: Request, error: Exception) -> Response:
    """The client has disconnected while sending its body: nobody reads this."""
    return Response(status_code=499)


async def _bad_cursor(_: Request, error: Exception) -> Response:
    return Refusal(
        400,
        "invalid_cursor",
        str(error),
        "take `next` of the page before, or leave `after` out to start at the first page",
        field="after",
    ).response()


async def _failed(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Refusal(
        500,
        "internal_error",
        "Pegline failed to handle the request",
        "send the same request again; it is safe to repeat. Operators find the cause in the gateway's log",
    ).response()


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem+json answers of a route, for OpenAPI; any field may be wrong (422)."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"model": Problem, "content": {MEDIA_TYPE: {"schema": schema}}} for status in sorted({*statuses, 422})
    }


def install(app: FastAPI) -> None:
    """Turn every error of the app into a problem."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(RPCError, _temporal_unavailable)
    app.add_exception_handler(RPCTimeoutOrCancelledError, _temporal_unavailable)
    app.add_exception_handler(TransientError, _ledger_unavailable)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(BadCursor, _bad_cursor)
    app.add_exception_handler(Exception, _failed)


__all__ = [
    "MEDIA_TYPE",
    "FieldProblem",
    "Problem",
    "Refusal",
    "field_path",
    "in_words",
    "install",
    "is_engine_down",
    "not_found",
    "problem_responses",
    "shown",
]
