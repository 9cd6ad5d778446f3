"""CloudEvents 1.0 over HTTP: the structured, binary and batch content modes, read without losing a byte.

Decided here: when an event is well formed. Not here: the types that Pegline knows and their data
(`gateway.intake.events`). Repetitions are recognized by canonical JSON, so that a sender that reorders keys on a retry
still sends the same event.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from gateway.problems import Refusal

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
BATCH_EVENTS_MAX = 1_000
_LENGTHS = {"id": 200, "source": 200, "type": 200, "subject": 400}
_DEPTH_MAX = 32
_EXPONENT_MAX = 400
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_OWN_ATTRIBUTE = re.compile(r"[a-z0-9]{1,40}")


class Mode(StrEnum):
    """How an event travels in a request."""

    STRUCTURED = "structured"
    BATCH = "batch"
    BINARY = "binary"


@dataclass(frozen=True)
class Event:
    """A well-formed CloudEvent."""

    id: str
    source: str
    type: str
    time: datetime | None
    subject: str | None
    data: dict[str, Any]
    correlation_id: str | None
    traceparent: str | None
    body: bytes
    """Its canonical JSON in structured mode, as the inbox keeps it."""


def mode_of(content_type: str, header_names: Iterable[str]) -> Mode | None:
    """The content mode of a request; None where it carries no CloudEvent."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == BATCH_TYPE:
        return Mode.BATCH
    if media_type == STRUCTURED_TYPE:
        return Mode.STRUCTURED
    if any(name.lower().startswith("ce-") for name in header_names):
        return Mode.BINARY
    return None


def once_each(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers by name; raises Refusal where an attribute of an event is stated twice."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in found and name.startswith("ce-"):
            raise _malformed(name, f"the header {name} is stated twice", value=f"{found[name]}, {value}")
        found[name] = value
    return found


def split_batch(body: bytes) -> list[tuple[bytes, object]]:
    """The events of a batch, each as received and as JSON; raises Refusal where the batch is no JSON array or holds too
    many (found without reading them all).
    """
    text = _decoded(body)
    events: list[tuple[bytes, object]] = []
    position = _blanks_from(text, 0)
    if text[position : position + 1] != "[":
        _parsed(text)
        raise _malformed("body", "a batch is a JSON array of events", value=text)
    position = _blanks_from(text, position + 1)
    separator = ","
    if text[position : position + 1] == "]":
        separator, position = "]", _blanks_from(text, position + 1)
    while separator == ",":
        if len(events) == BATCH_EVENTS_MAX:
            raise Refusal(
                413,
                "too_many_events",
                f"the batch holds more than {BATCH_EVENTS_MAX} events. Nothing of it was kept",
                f"send at most {BATCH_EVENTS_MAX} events in a batch; a whole plan goes to /v1/plan-runs",
                field="body",
                value=f"more than {BATCH_EVENTS_MAX} events",
            )
        document, end = _decode(text, position)
        events.append((text[position:end].encode(), document))
        position = _blanks_from(text, end)
        separator, position = text[position : position + 1], _blanks_from(text, position + 1)
    if separator != "]" or position != len(text):
        _parsed(text)
        raise _malformed("body", "the array of events has no end", value=text[-60:], code="malformed_json")
    return events


def read_structured(body: bytes) -> Event:
    """The event of a structured body; raises Refusal naming what is wrong in the envelope."""
    return read_document(_parsed(_decoded(body)))


def read_document(document: object) -> Event:
    """The event that a JSON document is; raises Refusal naming what is wrong in the envelope."""
    if not isinstance(document, dict):
        raise _malformed("body", "an event is a JSON object", value=document)
    return _event(document)


def read_binary(headers: Mapping[str, str], body: bytes) -> Event:
    """The event of `ce-` headers and a JSON body; raises Refusal naming what is wrong."""
    document: dict[str, Any] = {
        name[3:].lower(): unquote(value) for name, value in headers.items() if name.lower().startswith("ce-")
    }
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise _malformed(
            "content-type", "the data of a binary event must be JSON", value=content_type, step="send application/json"
        )
    document["data"] = _parsed(_decoded(body))
    return _event(document)


def _event(document: dict[str, Any]) -> Event:
    _require_storable(document)
    if document.get("specversion") != "1.0":
        raise _malformed("specversion", "specversion must be 1.0", value=document.get("specversion"))
    for name in document:
        if not _OWN_ATTRIBUTE.fullmatch(name) and name != "data_base64":
            raise _malformed(name, "CloudEvents attributes are lower-case letters and digits", value=name)
    if "data_base64" in document:
        raise _malformed("data_base64", "binary data is not read", step="send the data as a JSON object in data")
    data = document.get("data")
    if not isinstance(data, dict):
        raise _malformed("data", "data must be a JSON object", value=data)
    return Event(
        id=_text(document, "id", required=True),
        source=_text(document, "source", required=True),
        type=_text(document, "type", required=True),
        time=_time(document),
        subject=_text(document, "subject") or None,
        data=data,
        correlation_id=_text(document, "correlationid") or None,
        traceparent=_text(document, "traceparent") or None,
        body=json.dumps(document, sort_keys=True, separators=(",", ":"), default=str).encode(),
    )


def _text(document: dict[str, Any], name: str, *, required: bool = False) -> str:
    value = document.get(name)
    if value is None and not required:
        return ""
    longest = _LENGTHS.get(name, 120)
    if not isinstance(value, str) or not value.strip():
        raise _malformed(name, f"{name} must be a text that is not empty", value=value)
    if len(value) > longest or _CONTROL.search(value):
        raise _malformed(name, f"{name} must have at most {longest} characters, none of them a control", value=value)
    return value


def _time(document: dict[str, Any]) -> datetime | None:
    value = document.get("time")
    if value is None:
        return None
    example = "2026-06-15T08:00:00+02:00"
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value.upper() else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise _malformed("time", "time must be RFC 3339 with an offset", value=value, step=f"send it like {example}")
    if not 2000 <= time.year < 2200:
        raise _malformed("time", "time must lie between the years 2000 and 2199", value=value)
    return time


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed("body", f"the body is not UTF-8 at byte {error.start}", code="malformed_json") from error


def _parsed(text: str) -> Any:
    document, end = _decode(text, _blanks_from(text, 0))
    if _blanks_from(text, end) != len(text):
        raise _malformed(
            "body",
            f"the body is not JSON: something follows its end at character {end}",
            value=text[end : end + 30],
            code="malformed_json",
        )
    return document


def _decode(text: str, position: int) -> tuple[Any, int]:
    """The JSON value that begins at the position, and where it ends."""
    try:
        return DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(
            "body",
            f"the body is not JSON: {error.msg} at {where}",
            value=text[max(0, error.pos - 30) : error.pos + 30],
            code="malformed_json",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _malformed("body", f"the body is not JSON: {error}", code="malformed_json") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; raises ValueError on a repeated key, since readers differ in which value they take."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:60]!r} stands twice in one object")
            seen.add(key)
    return found


def _number(text: str) -> Decimal:
    """A number with a point or an exponent; raises ValueError where it is too large to write out."""
    number = Decimal(text)
    if not -_EXPONENT_MAX <= number.adjusted() <= _EXPONENT_MAX or len(text) > _EXPONENT_MAX:
        raise ValueError(f"the number {text[:30]} is out of all bounds")
    return number


DECODER = json.JSONDecoder(parse_float=_number, parse_constant=_no_constant, object_pairs_hook=each_once)
"""Reads JSON exactly: decimals as written, each key once. Raises ValueError."""
_BLANKS = re.compile(r"[ \t\r\n]*")


def _blanks_from(text: str, position: int) -> int:
    """Where the blanks that begin at the position end."""
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _require_storable(value: object, path: str = "", depth: int = 0) -> None:
    """Refuse text that no database can store, anywhere in the event, before accepting it."""
    if depth > _DEPTH_MAX:
        raise _malformed(path[:80], f"nested deeper than {_DEPTH_MAX} levels")
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise _malformed(path or "body", "text holds a NUL or half a surrogate pair", value=value)
    if isinstance(value, dict):
        for key, child in value.items():
            _require_storable(key, path, depth + 1)
            _require_storable(child, f"{path}.{key}" if path else key, depth + 1)
    if isinstance(value, list):
        for index, child in enumerate(value):
            _require_storable(child, f"{path}[{index}]", depth + 1)


def _malformed(
    field: str, detail: str, *, value: object = None, step: str = "", code: str = "malformed_event"
) -> Refusal:
    next_step = step or "correct the envelope and send the event again with the same id"
    return Refusal(400, code, detail, next_step, field=field, value=value)


__all__ = [
    "BATCH_EVENTS_MAX",
    "BATCH_TYPE",
    "DECODER",
    "STRUCTURED_TYPE",
    "Event",
    "Mode",
    "each_once",
    "mode_of",
    "once_each",
    "read_binary",
    "read_document",
    "read_structured",
    "split_batch",
]
