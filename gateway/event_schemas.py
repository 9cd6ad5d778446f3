"""JSON Schemas (2020-12) of the events that come in and go out, by type: their data, and the CloudEvents around it.

Decided here: what a schema says. What it accepts is what the intake accepts but for rules that a schema can't state
(known plants, ownership, orders of days), which are refused with their reason.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from canonical.notification import NOTICES, NotificationType
from gateway.intake.events import EVENT_TYPES, example_event
from gateway.notifications.envelope import SOURCE, for_receivers

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SENT = tuple(type for type in NotificationType if type is not NotificationType.DIGEST)
"""The types of events that go out."""
_REF = "#/components/schemas/"
_CLASSES = {
    r"\p{Cc}": r"\u0000-\u001f\u007f-\u009f",
    r"\p{Cf}": "",
    r"\p{Zl}": r"\u2028",
    r"\p{Zp}": r"\u2029",
}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}


def portable(schema: Any) -> Any:
    """Patterns without classes of Unicode characters, which few validators know; they accept a little more then."""
    if isinstance(schema, list):
        return [portable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_classes(value) if key == "pattern" and isinstance(value, str) else portable(value)
        for key, value in schema.items()
    }


def _without_classes(pattern: str) -> str:
    return re.sub(r"\\p\{\w\w\}", lambda found: _CLASSES[found[0]], pattern)


@cache
def components() -> Mapping[str, Any]:
    """All schemas by name, as parts of one document: data by `{type}.data`, whole events by `{type}`."""
    taken = {name: known.data for name, known in EVENT_TYPES.items()}
    told = {str(type): NOTICES[type] for type in SENT}
    found: dict[str, Any] = {
        **_models(taken, "validation", "in."),
        **for_receivers(_models(told, "serialization", "out.")),
    }
    for name, known in EVENT_TYPES.items():
        found[name] = _event_taken(name, timed=known.timed)
    for name in told:
        found[name] = _event_sent(name)
    found["event"] = _one_of(taken)
    return portable(found)  # type: ignore[no-any-return]


def data_schema(type: str) -> dict[str, Any]:
    """The schema of one type's data, a document by itself. Raises KeyError for a type that is none."""
    model, mode = (EVENT_TYPES[type].data, "validation") if type in EVENT_TYPES else (_notice(type), "serialization")
    schema = model.model_json_schema(mode="validation" if mode == "validation" else "serialization")
    written = schema if mode == "validation" else for_receivers(schema)
    return {"$schema": DIALECT, "$id": f"urn:pegline:event-schema:{type}", **portable(written)}


def _notice(type: str) -> type[BaseModel]:
    if type not in SENT:
        raise KeyError(type)
    return NOTICES[NotificationType(type)]


def _models(by_type: Mapping[str, type[BaseModel]], mode: Any, prefix: str) -> dict[str, Any]:
    """The models' schemas, each type's data as `{type}.data`."""
    models = list(dict.fromkeys(by_type.values()))
    references, defined = models_json_schema(
        [(model, mode) for model in models], ref_template=f"{_REF}{prefix}{{model}}"
    )
    shared = {f"{prefix}{name}": schema for name, schema in defined.get("$defs", {}).items()}
    return shared | {f"{name}.data": references[model, mode] for name, model in by_type.items()}


def _event_taken(name: str, *, timed: bool) -> dict[str, Any]:
    required = ["specversion", "id", "source", "type", "data", *(["time"] if timed else [])]
    return {
        "type": "object",
        "title": name,
        "required": required,
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**_TEXT, "description": "With the source: what is sent again has the same"},
            "source": {**_TEXT, "format": "uri-reference"},
            "type": {"const": name},
            "time": {
                "type": "string",
                "format": "date-time",
                "description": "When it took effect" + ("; it orders the events of its kind" if timed else ""),
            },
            "subject": {"type": "string", "maxLength": 400},
            "datacontenttype": {"type": "string"},
            "dataschema": {"type": "string", "format": "uri"},
            "data": {"$ref": f"{_REF}{name}.data"},
        },
        **({"examples": [example_event(name)]} if EVENT_TYPES[name].example else {}),
    }


def _event_sent(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "title": name,
        "required": [
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
            "sequence",
            "data",
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "The same however often it is sent"},
            "source": {"const": SOURCE},
            "type": {"const": name},
            "subject": {"type": "string", "description": "The requirement, order or question"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string"},
            "sequence": {"type": "string", "pattern": "^[0-9]+$", "description": "Rises within a subject, with gaps"},
            "data": {"$ref": f"{_REF}{name}.data"},
        },
    }


def _one_of(types: Mapping[str, object]) -> dict[str, Any]:
    return {
        "oneOf": [{"$ref": f"{_REF}{name}"} for name in types],
        "discriminator": {"propertyName": "type", "mapping": {name: f"{_REF}{name}" for name in types}},
    }


__all__ = ["DIALECT", "SENT", "components", "data_schema", "portable"]
