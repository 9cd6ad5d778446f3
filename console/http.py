"""How the console asks the gateway: an answer, or words for the person who asked."""

from typing import Any

import httpx

DEFAULT_GATEWAY = "http://127.0.0.1:8080"


class GatewayRefusal(Exception):
    """The gateway said no, or does not answer; the message is for the person."""


def ask(method: str, url: str, **more: Any) -> Any:
    """The gateway's JSON answer. Raises Refused."""
    try:
        answer = httpx.request(method, url, timeout=15, trust_env=False, **more)
    except httpx.HTTPError as error:
        raise unreachable(url, error) from error
    if answer.status_code >= 400:
        raise refusal(answer)
    return answer.json()


def unreachable(url: str, error: httpx.HTTPError) -> GatewayRefusal:
    """Nobody answers there."""
    return GatewayRefusal(f"no gateway answers at {url}: {error or type(error).__name__}; start one with `make up`")


def refusal(answer: httpx.Response) -> GatewayRefusal:
    """What a refusing answer says, in a line; what speaks no problem+json (a proxy) is named by its status."""
    try:
        statement = answer.json()
        words = [str(statement.get(name) or "") for name in ("title", "detail", "next_step")]
    except (ValueError, AttributeError):
        return GatewayRefusal(f"{answer.url} answered {answer.status_code} {answer.reason_phrase}")
    title, detail, next_step = words
    return GatewayRefusal(f"{title or answer.status_code}: {detail} {next_step}".strip())


__all__ = ["DEFAULT_GATEWAY", "GatewayRefusal", "ask", "refusal", "unreachable"]
