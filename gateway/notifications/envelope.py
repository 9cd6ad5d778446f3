"""Notifications as CloudEvents, with a JSON Schema a type; and the pages that they lead to."""

import json
from typing import Any
from urllib.parse import quote

from canonical.notification import Notice, NotificationType
from ledger.notifications.deliveries import DueDelivery
from ledger.notifications.outbox import stored_notice

SOURCE = "/pegline"
_PAGES = {"exception": "questions", "requirement": "requirements", "order": "orders"}


def notice_of(delivery: DueDelivery, *, prices: bool, public_url: str) -> Notice:
    """What the subscriber is told."""
    notice = stored_notice(delivery.type, delivery.data)
    if not prices:
        notice = notice.without_prices()
    link = page_of(delivery.entity, public_url)
    return notice.model_copy(update={"link": link}) if link else notice


def page_of(entity: str, public_url: str) -> str:
    """The address of the page about an entity; empty where there is none, or nobody said where Pegline is found."""
    kind, _, rest = entity.partition("/")
    page = _PAGES.get(kind)
    return f"{public_url.rstrip('/')}/{page}/{quote(rest)}" if page and public_url else ""


def cloud_event(delivery: DueDelivery, notice: Notice, public_url: str) -> bytes:
    """The CloudEvent in structured mode. `sequence` counts the entity's events: a receiver can tell old from new."""
    event = {
        "specversion": "1.0",
        "id": delivery.event_id,
        "source": SOURCE,
        "type": delivery.type,
        "subject": delivery.entity,
        "time": delivery.occurred_at.isoformat(),
        "datacontenttype": "application/json",
        "dataschema": schema_address(delivery.type, public_url),
        "sequence": str(delivery.sequence),
        "data": notice.model_dump(mode="json", exclude_none=True),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def schema_address(type: NotificationType, public_url: str) -> str:
    """Where the type's JSON Schema is; without a public address a name for it."""
    return f"{public_url.rstrip('/')}/v1/event-schemas/{type}" if public_url else f"urn:pegline:event-schema:{type}"


def for_receivers(schema: Any) -> Any:
    """What is left out where it is empty is not required: nothing is sent as null."""
    if isinstance(schema, list):
        return [for_receivers(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: for_receivers(value) for key, value in schema.items()}
    properties = changed.get("properties")
    if isinstance(properties, dict) and isinstance(changed.get("required"), list):
        changed["required"] = [name for name in changed["required"] if not _may_be_null(properties.get(name))]
    return changed


def _may_be_null(property: Any) -> bool:
    return isinstance(property, dict) and {"type": "null"} in property.get("anyOf", ())
