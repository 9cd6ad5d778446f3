"""Who may call: basic authentication, the session cookie and its CSRF token, as SAP Gateway asks for them."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "SAP_SESSIONID_S4H_100"
_KEPT = 1000


@dataclass
class Sessions:
    """The sessions that are open, each with its token."""

    user: str
    password: str
    tokens: dict[str, str] = field(default_factory=dict)

    def unauthorized(self, request: Request) -> Response | None:
        """Return the refusal where user or password are wrong, else None."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        if scheme.lower() == "basic" and secrets.compare_digest(
            given.encode(), f"{self.user}:{self.password}".encode()
        ):
            return None
        return Response(
            "Anmeldung fehlgeschlagen / Logon failed",
            401,
            {"WWW-Authenticate": 'Basic realm="SAP NetWeaver Application Server [S4H/100]"'},
            "text/plain",
        )

    def untrusted(self, request: Request) -> Response | None:
        """Return the refusal where a write does not bring its session's token, else None."""
        token = self.tokens.get(request.cookies.get(COOKIE, ""))
        given = request.headers.get("x-csrf-token", "")
        if token is not None and secrets.compare_digest(given.encode(), token.encode()):
            return None
        return Response("CSRF token validation failed", 403, {"x-csrf-token": "Required"}, "text/plain")

    def furnish(self, request: Request, response: Response) -> None:
        """Open a session where the caller has none, and hand out its token where it is asked for."""
        session = request.cookies.get(COOKIE, "")
        if session not in self.tokens:
            session = secrets.token_urlsafe(24)
            self.tokens[session] = secrets.token_urlsafe(16)
            if len(self.tokens) > _KEPT:
                del self.tokens[next(iter(self.tokens))]
            response.set_cookie(COOKIE, session, path="/", httponly=True)
        if request.headers.get("x-csrf-token", "").lower() == "fetch":
            response.headers["x-csrf-token"] = self.tokens[session]

    def expire(self) -> None:
        """Forget all sessions and tokens."""
        self.tokens.clear()
