"""How the console calls the gateway: a response, or a message for the user."""

from collections.abc import Mapping
from typing import Any

import httpx

from settings import access_token

DEFAULT_GATEWAY = "http://127.0.0.1:8080"


class GatewayRefusal(Exception):
    """The gateway refused the request or does not answer; the message is for the user."""


def authorization() -> dict[str, str]:
    """Who calls, as a header: by the access token of PEGLINE_TOKEN; none where it is not set."""
    token = access_token()
    return {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}


def ask(method: str, url: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
    """The gateway's JSON response. Raises GatewayRefusal."""
    try:
        sent = {**authorization(), **(headers or {})}
        answer = httpx.request(method, url, timeout=15, trust_env=False, headers=sent, **more)
    except httpx.HTTPError as error:
        raise unreachable(url, error) from error
    if answer.status_code >= 400:
        raise refusal(answer)
    return answer.json()


def unreachable(url: str, error: httpx.HTTPError) -> GatewayRefusal:
    """The error for a gateway that does not answer."""
    return GatewayRefusal(f"no gateway answers at {url}: {error or type(error).__name__}; start one with `make up`")


def refusal(answer: httpx.Response) -> GatewayRefusal:
    """An error response in one line; one without problem+json (from a proxy) is described by its status."""
    try:
        statement = answer.json()
        words = [str(statement.get(name) or "") for name in ("title", "detail", "next_step")]
        each = [f"\n- {one['detail']}: {one['next_step']}" for one in statement.get("errors") or ()]
    except (ValueError, AttributeError, TypeError, KeyError):
        return GatewayRefusal(f"{answer.url} answered {answer.status_code} {answer.reason_phrase}")
    title, detail, next_step = words
    if each:
        return GatewayRefusal(f"{title or answer.status_code}: {len(each)} faults{''.join(each)}")
    return GatewayRefusal(f"{title or answer.status_code}: {detail} {next_step}".strip())


__all__ = ["DEFAULT_GATEWAY", "GatewayRefusal", "ask", "authorization", "refusal", "unreachable"]
