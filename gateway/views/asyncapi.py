"""The events that come in and go out, as an AsyncAPI 3 document made from the same schemas as the OpenAPI one."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gateway.access.principal import Right, needs
from gateway.event_schemas import SENT, components
from gateway.intake.cloudevents import BATCH_TYPE, STRUCTURED_TYPE
from gateway.intake.events import EVENT_TYPES, example_event

_FORMAT = "application/schema+json;version=draft-07"
"""The newest that AsyncAPI names; nothing in our schemas means something else in it."""

routes = APIRouter(prefix="/v1", tags=["API"])


@routes.get(
    "/asyncapi.json",
    summary="The events that come in and go out, as AsyncAPI 3",
    dependencies=[needs(Right.READ)],
)
async def read_asyncapi() -> JSONResponse:
    """Their schemas by type are the same as in the OpenAPI document."""
    return JSONResponse(document())


@cache
def document() -> dict[str, Any]:
    """The document."""
    taken, told = list(EVENT_TYPES), [str(type) for type in SENT]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pegline",
            "version": "1",
            "description": "Events are CloudEvents 1.0 over HTTP. Those that come in are posted to /v1/events, signed "
            "as Standard Webhooks say or with an access token; those that go out are posted to subscribers, signed.",
        },
        "defaultContentType": STRUCTURED_TYPE,
        "channels": {
            "in": _channel(
                "What other systems tell Pegline, structured; batches are arrays of it", "/v1/events", taken
            ),
            "out": _channel("What Pegline tells subscribers, at the address that each names", None, told),
        },
        "operations": {
            "take": _operation("receive", "in", taken, f"Also as a batch ({BATCH_TYPE}), or binary with ce- headers"),
            "tell": _operation("send", "out", told, "At least once, in order for each subject"),
        },
        "components": {
            "messages": {name: _message(name) for name in (*taken, *told)},
            "schemas": {name: {"schemaFormat": _FORMAT, "schema": schema} for name, schema in _schemas().items()},
        },
    }


def _schemas() -> dict[str, Any]:
    """Within a document of several formats, a reference leads into the part that is the schema."""
    return {name: _moved(schema) for name, schema in components().items() if name != "event"}


def _moved(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_moved(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: f"{value}/schema" if key == "$ref" else _moved(value) for key, value in schema.items()}


def _channel(description: str, address: str | None, names: list[str]) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"http": {}},
    }


def _operation(action: str, channel: str, names: list[str], description: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "description": description,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
        "bindings": {"http": {"method": "POST"}},
    }


def _message(name: str) -> dict[str, Any]:
    known = EVENT_TYPES.get(name)
    example = known.example if known is not None else {}
    shown = {"examples": [{"summary": example["summary"], "payload": example_event(name)}]} if example else {}
    return {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}, **shown}


__all__ = ["document", "routes"]
