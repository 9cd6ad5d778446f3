"""People in audit events: events name them by the issuer's identifiers, pages by their names."""

from collections.abc import Iterable, Mapping
from typing import Any

from canonical.audit_event import AuditEvent

_FIELDS = ("decided_by", "asked_by", "assigned_by", "taken_back_by", "edited_by", "to", "by")
"""Fields that may hold an identifier; also roles and names."""


def subjects_in(audit_events: Iterable[AuditEvent]) -> set[str]:
    """The identifiers that the events hold."""
    return {value for event in audit_events for value in _in(event.data).values()}


def with_names(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """An event's data with people's names; who has none stays as they are."""
    return {**data, **{field: names.get(subject, subject) for field, subject in _in(data).items()}}


def _in(data: Mapping[str, Any]) -> dict[str, str]:
    return {field: value for field in _FIELDS if isinstance(value := data.get(field), str) and value}


__all__ = ["subjects_in", "with_names"]
