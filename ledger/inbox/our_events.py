"""Events that Pegline itself puts into the inbox, where they take the same path as anybody's."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ledger.inbox.inbox import Arrival

_CONTENT_TYPE = "application/cloudevents+json"
"""The content type that the gateway reads (gateway.intake.cloudevents)."""


def event_arrival(
    source: str,
    event_id: str,
    event_type: str,
    time: dt.datetime,
    data: Mapping[str, Any],
    *,
    entity: str,
    correlation_id: str,
    received_at: dt.datetime,
    subject: str | None = None,
    message: BaseModel | None = None,
) -> Arrival:
    """The CloudEvent as it arrives; `message`: its content, where that need not be parsed again."""
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": event_type,
        **({} if subject is None else {"subject": subject}),
        "time": time.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Arrival(
        source=source,
        event_id=event_id,
        type=event_type,
        subject=subject,
        body=json.dumps(event, separators=(",", ":")).encode(),
        content_type=_CONTENT_TYPE,
        correlation_id=correlation_id,
        entity=entity,
        received_at=received_at,
        message=None if message is None else message.model_dump_json(),
    )


__all__ = ["event_arrival"]
