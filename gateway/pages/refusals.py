"""A refusal as a page: a person's browser gets what a program gets as problem+json, with the same status."""

import json
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.principal import Principal, default_of
from gateway.pages.shell import HEADERS, render
from gateway.problems import MEDIA_TYPE, Problem


class RefusalPages:
    """ASGI middleware: writes problems as HTML on every path outside the API where HTML is accepted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; a problem in its answer becomes a page."""
        if scope["type"] != "http" or scope["path"].startswith("/v1/") or not _reads_html(scope):
            await self._app(scope, receive, send)
            return
        started: Message | None = None
        body = b""

        async def rewriting(message: Message) -> None:
            nonlocal started, body
            if message["type"] == "http.response.start" and _is_problem(message):
                started = message
            elif started is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _page(scope, started, json.loads(body))(scope, receive, send)

        await self._app(scope, receive, rewriting)


def _reads_html(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _is_problem(start: Message) -> bool:
    return MutableHeaders(raw=start["headers"]).get("content-type", "").startswith(MEDIA_TYPE)


def _page(scope: Scope, start: Message, content: dict[str, Any]) -> ASGIApp:
    known = scope.get("state", {}).get("principal")
    principal = known if isinstance(known, Principal) else default_of(scope)
    kept = {
        name: value
        for name, value in MutableHeaders(raw=start["headers"]).items()
        if name not in ("content-type", "content-length")
    }
    problem = Problem.model_validate(content)
    return render(
        Request(scope), "refused.html", principal, {"problem": problem}, status=problem.status, headers=kept | HEADERS
    )


__all__ = ["RefusalPages"]
