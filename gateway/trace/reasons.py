"""The reasons for the decisions on a requirement, its orders and its exceptions, from their audit events.

Decided here: where an audit event keeps its reasons and how they are worded. Not here: the rules.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, JsonValue, ValidationError

from canonical.audit_event import AuditEvent
from canonical.base import Instant
from canonical.reason import Reason
from gateway.trace.words import number


class TracedReason(Reason):
    """One rule's outcome, with the audit event that holds it."""

    at: Instant
    entity_id: str
    audit_event: str = Field(description="The kind of the audit event that holds it")


def reasons_of(audit_events: Sequence[AuditEvent]) -> list[TracedReason]:
    """The rules' outcomes in the audit events' order; of an audit event that names lines also those of each line."""
    return [
        TracedReason(
            **dict(reason), at=audit_event.business_time, entity_id=audit_event.entity_id, audit_event=audit_event.kind
        )
        for audit_event in audit_events
        for reason in _kept_in(audit_event.data)
    ]


def _kept_in(data: Mapping[str, Any]) -> Iterator[Reason]:
    """Each once: an outcome that decides for all lines is also found on each of them."""
    seen: set[str] = set()
    for given in _candidates(data):
        try:
            reason = Reason.model_validate(given)
        except ValidationError:
            continue  # written by another version: the audit event itself shows it
        mark = reason.model_dump_json()
        if mark not in seen:
            seen.add(mark)
            yield reason


def _candidates(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed, lines = data.get("reasons"), data.get("lines")
    for given in [data.get("reason"), data.get("approval"), *(listed if isinstance(listed, list) else [])]:
        if isinstance(given, Mapping):
            yield given
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, Mapping):
            yield from _candidates(line)


class ReasonRow(BaseModel):
    """A reason as the page shows it."""

    when: str
    rule: str
    why: str
    compared: str
    limits: str
    policy: str


def reason_rows(reasons: Sequence[TracedReason]) -> list[ReasonRow]:
    """The reasons in a reader's words."""
    return [
        ReasonRow(
            when=f"{reason.at:%Y-%m-%d %H:%M}",
            rule=reason.rule,
            why=reason.why,
            compared=in_words(reason.inputs),
            limits=in_words(reason.thresholds),
            policy=reason.policy_version,
        )
        for reason in reasons
    ]


def in_words(values: Mapping[str, JsonValue]) -> str:
    """`name value, name value`; what nests keeps the path to it."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in _flat("", values))


def _flat(path: str, value: JsonValue | Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        yield path, "–" if not value else " + ".join(_plain(each) for each in value)
    else:
        yield path, _plain(value)


def _plain(value: JsonValue) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, str | int | float) else str(value)


__all__ = ["ReasonRow", "TracedReason", "in_words", "reason_rows", "reasons_of"]
