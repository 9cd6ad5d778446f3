"""What systems that only say that something happened want of their address: handshakes, and whether a notice is theirs.
Pure: no I/O.

Decided here: that Microsoft's `validationToken` and CloudEvents' WebHook-Request-Origin are answered as they want it,
and that a notice without the subscription's secret is nobody's. Not here: what changed (runtime.order_changes asks).
Source: Microsoft Graph-style subscriptions (Business Central webhooks); CloudEvents, HTTP 1.1 Web Hooks 1.0, section 4.
"""

import hmac
import json
from collections.abc import Mapping

from gateway.problems import Refusal

CALLS_A_MINUTE = 600
"""What a sender is told that it may call; nothing counts on it."""
_NOTICES_MAX = 10_000


def allowed_origin(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that answer a CloudEvents handshake; empty where the call is none."""
    origin = headers.get("webhook-request-origin", "")
    if not origin:
        return {}
    return {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": str(CALLS_A_MINUTE), "Allow": "POST"}


def kinds_of(body: bytes, client_state: str | None) -> set[str]:
    """The `changeType`s of the notices. Raises Refusal where they can't be read, or one does not carry its secret."""
    try:
        rows = [dict(row) for row in json.loads(body.removeprefix(b"\xef\xbb\xbf"))["value"][:_NOTICES_MAX]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        step = "send what the subscription's system sends"
        raise Refusal(400, "invalid_notice", "there is no list of notices", step, field="value") from error
    own = (client_state or "").encode()
    if not own or any(not hmac.compare_digest(str(row.get("clientState") or "").encode(), own) for row in rows):
        step = "compare the subscription in the system with the landscape: a worker renews it within a minute"
        raise Refusal(403, "not_subscribed", "clientState is not that of a subscription", step, field="clientState")
    return {str(row.get("changeType")) for row in rows}


__all__ = ["allowed_origin", "kinds_of"]
