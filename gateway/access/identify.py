"""The first check on every request: who calls. Sets `request.state.principal`.

Decided here: which paths are open to everybody, and what happens to a caller who is nobody: a person's browser goes to
the log-in and comes back, a program gets a 401. Not here: what a caller may do (each route).
"""

import hmac
import re
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.access import Access, issuer_unreachable, unidentified
from gateway.access.issuer import IssuerUnreachable
from gateway.access.principal import NOBODY, Principal
from gateway.access.senders import is_signed
from gateway.problems import Refusal

_PROBES = ("/healthz", "/readyz")
"""Asked by the machine: nobody's session, and not counted."""
OPEN_PATHS = (*_PROBES, "/login", "/login/start", "/login/callback", "/login/ended", "/login/back-channel")
OPEN_PREFIX = "/static/"
_OPEN_CALLS = re.compile(r"OPTIONS /v1/(events|sap/[^/]+/events)|POST /v1/systems/[^/]+/notifications")
"""Handshakes, which reveal nothing, and notices that carry the secret of their subscription."""
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Identify:
    """ASGI middleware. Without `access` nobody is asked: the gateway then listens on loopback only."""

    def __init__(self, app: ASGIApp, access: Access | None) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or refuse it."""
        if scope["type"] != "http" or self._access is None or scope["path"].startswith(OPEN_PREFIX):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        try:
            answer = await self._identify(self._access, request)
        except Refusal as refusal:
            answer = refusal.response()
        await (answer or self._app)(scope, receive, send)

    async def _identify(self, access: Access, request: HTTPConnection) -> ASGIApp | None:
        """None: the request goes on; else the answer to it. Raises Refusal."""
        scope = request.scope
        address = request.client.host if request.client else ""
        if scope["path"] in _PROBES:
            request.state.principal = NOBODY
            return None
        is_open = scope["path"] in OPEN_PATHS or is_open_call(scope["method"], scope["path"])
        signed = is_signed(scope)
        principal = None
        try:
            principal = await access.caller(request)
        except Refusal:
            access.admit(None, address)
            if not is_open:
                raise
        request.state.principal = principal or NOBODY
        access.admit(principal, address, signed=signed)
        if principal is None:
            return None if is_open or signed else _nobody(request)
        if principal.csrf_token and scope["method"] in _CHANGING:
            _require_own_page(request, principal)
            _require_known_roles(request, principal)
        return None


def is_open_call(method: str, path: str) -> bool:
    """Whether a system may make the call without showing who it is."""
    return _OPEN_CALLS.fullmatch(f"{method} {path}") is not None


def _nobody(request: HTTPConnection) -> ASGIApp:
    """The answer to a caller who is nobody. Raises Refusal."""
    path, scope = request.url.path, request.scope
    page = not path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")
    if page and request.headers.get("hx-request"):
        refusal = unidentified("your session has ended")
        refusal.headers["HX-Refresh"] = "true"
        raise refusal
    if page and scope["method"] in ("GET", "HEAD"):
        query = scope["query_string"].decode("latin-1")
        following = quote(path + (f"?{query}" if query else ""), safe="")
        return RedirectResponse(f"/login?next={following}", 303, headers={"Cache-Control": "no-store"})
    if page:
        raise Refusal(
            401,
            "session_ended",
            "your session has ended; nothing was sent",
            "log in on another tab (/login), then go back here and send it again: what you wrote is still in the form",
        )
    raise unidentified("nobody is logged in, and no access token was sent")


def _require_own_page(request: HTTPConnection, principal: Principal) -> None:
    """A session's cookie comes along whoever makes the browser call: under /v1 a header must say that it was our page.

    A page's form carries the same token as a field (gateway.pages.shell.form_of).
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, "foreign_origin", "a page of another site may not change anything here", "use our own pages")
    given = request.headers.get("x-csrf-token", "")
    if request.url.path.startswith("/v1/") and not hmac.compare_digest(given.encode(), principal.csrf_token.encode()):
        raise Refusal(
            403,
            "stale_form",
            "a call with a session's cookie must carry the session's token",
            "send the page's csrf_token as X-CSRF-Token, or an access token instead of the cookie",
            field="X-CSRF-Token",
        )


def _require_known_roles(request: HTTPConnection, principal: Principal) -> None:
    """Who can't be shown to have their roles still may look, and log out, but change nothing."""
    if principal.roles_unconfirmed and request.url.path != "/logout":
        raise issuer_unreachable(IssuerUnreachable("it has not confirmed your roles for a while"))


__all__ = ["OPEN_PATHS", "OPEN_PREFIX", "Identify", "is_open_call"]
