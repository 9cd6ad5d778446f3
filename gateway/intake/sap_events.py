"""SAP S/4HANA's business events of purchase orders, as Pegline's own event of a change. Pure: no I/O.

They carry keys alone: which order, not what changed. Decided here: which of them matter, and that what SAP leaves empty
or writes otherwise than the standard (a source, a time) is not held against them. Not here: who may send them.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from canonical.event_data import ORDER_CHANGED
from gateway.problems import Refusal

_OF_ORDERS = re.compile(r"sap\.s4\.beh\.purchaseorder\.v\d+\.PurchaseOrder\.\w+\.v\d+")
_ORDER = re.compile(r"[0-9A-Za-z]{1,10}")
_ID_MAX = 200


class SapEvent(NamedTuple):
    """What an event of an order says."""

    id: str
    order: str
    time: str | None
    """RFC 3339; None: it has none that could be read."""

    def as_ours(self, source: str) -> bytes:
        """The CloudEvent, in the name of the system that owns the order."""
        timed = {"time": self.time} if self.time else {}
        event = {"specversion": "1.0", "id": self.id, "source": source, "type": ORDER_CHANGED, **timed}
        return json.dumps({**event, "data": {"order": self.order}}).encode()


def read_sap_event(body: bytes, headers: Mapping[str, str]) -> SapEvent | None:
    """The event of a purchase order, structured or binary; None: it is of something else. Raises Refusal."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _unreadable("body", "an event is a JSON object")
    if "specversion" not in document:
        attributes = {name[3:].lower(): value for name, value in headers.items() if name.lower().startswith("ce-")}
        document = {**attributes, "data": document}
    kind, data = document.get("type"), document.get("data")
    if not isinstance(kind, str) or not kind:
        raise _unreadable("type", "the event has no type")
    if not _OF_ORDERS.fullmatch(kind):
        return None
    order = data.get("PurchaseOrder") if isinstance(data, dict) else None
    if not isinstance(order, str) or not _ORDER.fullmatch(order):
        raise _unreadable("data.PurchaseOrder", "the event names no purchase order")
    given = document.get("id")
    usable = isinstance(given, str) and 0 < len(given) <= _ID_MAX and given.isprintable()
    return SapEvent(str(given) if usable else hashlib.sha256(body).hexdigest(), order, _time(document.get("time")))


def _time(given: Any) -> str | None:
    try:
        moment = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        return None
    return moment.isoformat() if moment.tzinfo else None


def _unreadable(field: str, why: str) -> Refusal:
    return Refusal(400, "invalid_event", why, "send SAP's business events as CloudEvents", field=field)
