"""A small OpenID Connect issuer: whoever wants to log in picks a person.

GET  /.well-known/openid-configuration, /jwks
GET  /authorize       the page with the people; who is logged in goes back at once. Code flow with PKCE (S256) only
POST /token           for a code, for a refresh token (good for one use), or for a program's own log-on
                      (client_credentials)
GET  /logout          ends the log-in (id_token_hint, post_logout_redirect_uri)
POST /control/token   {subject, client?, changes?}: an access token without a browser, for tools and tests
POST /control/keys    {keep?}: sign with a new key from now on
PUT  /control/accounts  [{subject, name, roles, plants, email?}]: add or replace people
POST /control/log-out {subject}: end all log-ins of a person, and tell the clients (back-channel)

Decided here: what a code is good for: once, within a minute, for the same client, address and PKCE verifier. There are
no passwords: it is for demos and tests and listens on loopback.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import unquote_plus, urlencode

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.control import error_as_json, read
from simulators.faults import Simulator
from simulators.issuer.accounts import COUNTERPARTS, PEOPLE, Account, Program, gateway_client
from simulators.issuer.tokens import ACCESS_SECONDS, ALGORITHM, TokenMaker

_CODE_SECONDS = 60
_COOKIE = "issuer-login"
_ASKED = (
    *("client_id", "redirect_uri", "response_type", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "response_mode"),
)


class TokenBody(BaseModel):
    """Which token the control room is to make."""

    model_config = ConfigDict(extra="forbid")

    subject: str
    client: str = "pegline"
    changes: dict[str, Any] = {}


class LogOutBody(BaseModel):
    """Whose log-ins end."""

    model_config = ConfigDict(extra="forbid")

    subject: str


class KeysBody(BaseModel):
    """Whether former keys are still published."""

    model_config = ConfigDict(extra="forbid")

    keep: bool = True


@dataclass(frozen=True)
class _Code:
    """What a code was given for."""

    account: Account
    client: Program
    redirect_uri: str
    challenge: str
    nonce: str | None
    until: float


@dataclass(frozen=True)
class _LogIn:
    """What a refresh token is good for."""

    subject: str
    client: Program
    session: str


class Issuer:
    """Accounts, codes and log-ins."""

    def __init__(self, url: str, programs: Iterable[Program], people: Iterable[Account]) -> None:
        self.url = url.rstrip("/")
        self.tokens = TokenMaker(self.url)
        self.people = {account.subject: account for account in people}
        self.programs = {program.subject: program for program in programs}
        self._codes: dict[str, _Code] = {}
        self._logged_in: dict[str, str] = {}
        self._refreshing: dict[str, _LogIn] = {}
        self.granted: list[dict[str, str]] = []
        """Tokens given, for the books."""

    # -- the browser

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", "email"],
            "authorization_response_iss_parameter_supported": True,
        }

    async def authorize(self, request: Request) -> Response:
        """Show the people, or take the one who was picked."""
        stated = dict(request.query_params)
        picked = ""
        if request.method == "POST":
            form = await request.form()
            stated = {name: str(value) for name, value in form.items()}
            picked = stated.pop("subject", "")
        client, redirect_uri = self._client_of(stated)
        if (fault := _fault(stated)) is not None:
            return _back(redirect_uri, error="invalid_request", error_description=fault, state=stated.get("state"))
        subject = picked or self._logged_in.get(request.cookies.get(_COOKIE, ""), "")
        if subject not in self.people:
            return HTMLResponse(_page(self.people.values(), stated))
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            self.people[subject],
            client,
            redirect_uri,
            stated["code_challenge"],
            stated.get("nonce"),
            time.monotonic() + _CODE_SECONDS,
        )
        answer = _back(redirect_uri, code=code, state=stated.get("state"), iss=self.url)
        login = secrets.token_urlsafe(24)
        self._logged_in[login] = subject
        answer.set_cookie(_COOKIE, login, httponly=True, samesite="lax", path="/")
        return answer

    def _client_of(self, stated: dict[str, str]) -> tuple[Program, str]:
        client, redirect_uri = self.programs.get(stated.get("client_id", "")), stated.get("redirect_uri", "")
        if client is None or redirect_uri not in client.redirect_uris:
            raise HTTPException(400, f"no such client, or it has no address {redirect_uri!r}")
        return client, redirect_uri

    async def log_out(self, request: Request) -> Response:
        """End the log-in and go back, where the address is one of a client's."""
        stated = request.query_params
        subject = self.tokens.subject_of(stated.get("id_token_hint", ""))
        target = stated.get("post_logout_redirect_uri", "")
        known = any(target in program.redirect_uris for program in self.programs.values())
        login = request.cookies.get(_COOKIE, "")
        if subject and self._logged_in.get(login) == subject:
            del self._logged_in[login]
        answer: Response = RedirectResponse(target, 303) if known else HTMLResponse("<h1>Logged out</h1>")
        answer.delete_cookie(_COOKIE, path="/")
        return answer

    # -- tokens

    async def token(self, request: Request) -> Response:
        """Tokens for a code or a program."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        client = self._authenticated(request, form)
        if client is None:
            return JSONResponse({"error": "invalid_client"}, 401, {"WWW-Authenticate": "Basic"})
        match form.get("grant_type"):
            case "authorization_code":
                return self._for_code(client, form)
            case "refresh_token":
                return self._for_refresh_token(client, form)
            case "client_credentials":
                self.granted.append({"subject": client.subject, "grant": "client_credentials"})
                return _granted(self.tokens.access_token(client, client.subject))
            case _:
                return JSONResponse({"error": "unsupported_grant_type"}, 400)

    def _authenticated(self, request: Request, form: dict[str, str]) -> Program | None:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, secret = base64.b64decode(given).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
            client_id, secret = unquote_plus(client_id), unquote_plus(secret)
        client = self.programs.get(client_id)
        return client if client and hmac.compare_digest(client.secret.encode(), secret.encode()) else None

    def _for_code(self, client: Program, form: dict[str, str]) -> Response:
        code = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            code is None
            or code.until < time.monotonic()
            or code.client.subject != client.subject
            or code.redirect_uri != form.get("redirect_uri")
            or not hmac.compare_digest(code.challenge, challenge)
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.granted.append({"subject": code.account.subject, "grant": "authorization_code"})
        return self._logged_in_tokens(_LogIn(code.account.subject, client, secrets.token_hex(8)), code.nonce)

    def _for_refresh_token(self, client: Program, form: dict[str, str]) -> Response:
        """Tokens of what the person is now: roles are not those of the log-in."""
        log_in = self._refreshing.pop(form.get("refresh_token", ""), None)
        if log_in is None or log_in.client.subject != client.subject or log_in.subject not in self.people:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.granted.append({"subject": log_in.subject, "grant": "refresh_token"})
        return self._logged_in_tokens(log_in, None)

    def _logged_in_tokens(self, log_in: _LogIn, nonce: str | None) -> Response:
        account, refresh_token = self.people[log_in.subject], secrets.token_urlsafe(24)
        self._refreshing[refresh_token] = log_in
        access = self.tokens.access_token(account, log_in.client.subject)
        id_token = self.tokens.id_token(account, log_in.client, nonce, access, sid=log_in.session)
        return _granted(access, id_token=id_token, refresh_token=refresh_token)

    async def end_log_ins(self, request: Request) -> Response:
        """End a person's log-ins here, and tell the clients that want to know."""
        subject = (await read(request, LogOutBody)).subject
        self._logged_in = {login: who for login, who in self._logged_in.items() if who != subject}
        ended = {token: log_in for token, log_in in self._refreshing.items() if log_in.subject == subject}
        self._refreshing = {token: each for token, each in self._refreshing.items() if token not in ended}
        told = []
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            for log_in in ended.values():
                if log_in.client.logout_uri:
                    token = self.tokens.logout_token(log_in.client, subject, log_in.session)
                    answer = await http.post(log_in.client.logout_uri, data={"logout_token": token})
                    told.append(answer.status_code)
        return JSONResponse({"ended": len(ended), "told": told})

    # -- the control room

    async def make_token(self, request: Request) -> Response:
        """An access token without a browser."""
        body = await read(request, TokenBody)
        account = self.people.get(body.subject) or self.programs.get(body.subject)
        if account is None:
            raise HTTPException(404, f"there is no {body.subject!r}; there are {', '.join(sorted(self.people))}")
        return _granted(self.tokens.access_token(account, body.client, **body.changes))

    async def rotate(self, request: Request) -> Response:
        """Sign with a new key."""
        return JSONResponse({"kid": self.tokens.rotate(keep=(await read(request, KeysBody)).keep)})

    async def add_accounts(self, request: Request) -> Response:
        """Add or replace people."""
        added = TypeAdapter(list[Account]).validate_json(await request.body())
        self.people |= {account.subject: account for account in added}
        return JSONResponse({"people": sorted(self.people)})

    def books(self) -> dict[str, Any]:
        """Return whom it knows, and to whom it gave tokens."""
        return {"people": [each.model_dump() for each in self.people.values()], "granted": self.granted}


def _fault(stated: dict[str, str]) -> str | None:
    if stated.get("response_type") != "code":
        return "only response_type=code"
    if "openid" not in stated.get("scope", "").split():
        return "scope lacks openid"
    if stated.get("code_challenge_method") != "S256" or len(stated.get("code_challenge", "")) != 43:
        return "PKCE with S256 is asked for"
    return None


def _back(redirect_uri: str, **stated: str | None) -> RedirectResponse:
    query = urlencode({name: value for name, value in stated.items() if value is not None})
    return RedirectResponse(f"{redirect_uri}?{query}", 303)


def _granted(access_token: str, **more: str) -> JSONResponse:
    body = {"access_token": access_token, "token_type": "Bearer", "expires_in": ACCESS_SECONDS, **more}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _page(people: Iterable[Account], stated: dict[str, str]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(stated[name])}">' for name in _ASKED if name in stated
    )
    buttons = "".join(
        f'<li><button name="subject" value="{escape(each.subject)}">{escape(each.name)}<small>{escape(each.subject)}: '
        f"{escape(', '.join(each.roles))}, plants {escape(', '.join(each.plants))}</small></button></li>"
        for each in people
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Who are you?</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;color:#1c2733}"
        "ul{list-style:none;padding:0}button{font:inherit;width:100%;text-align:left;padding:.6rem 1rem;margin:.3rem 0;"
        "background:#fff;border:1px solid #8496a8;border-radius:.4rem;cursor:pointer}small{display:block;color:#4a5a6a}"
        "</style></head><body><main><h1>Who are you?</h1><p>A log-in service for demos: there are no passwords.</p>"
        f'<form method="post">{hidden}<ul>{buttons}</ul></form></main></body></html>'
    )


def create(
    url: str,
    gateway_url: str,
    *,
    programs: Iterable[Program] = (COUNTERPARTS,),
    people: Iterable[Account] = PEOPLE,
) -> Simulator:
    """Return the issuer as an ASGI app; `url` is where browsers and the gateway reach it."""
    return serve(Issuer(url, [gateway_client(gateway_url.rstrip("/")), *programs], people))


def serve(issuer: Issuer) -> Simulator:
    """Return this issuer as an ASGI app."""
    clock = Clock()

    async def discovery(_: Request) -> Response:
        return JSONResponse(issuer.discovery())

    async def keys(_: Request) -> Response:
        return JSONResponse(issuer.tokens.published())

    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/jwks", keys),
            Route("/authorize", issuer.authorize, methods=["GET", "POST"]),
            Route("/token", issuer.token, methods=["POST"]),
            Route("/logout", issuer.log_out),
            Route("/control/token", issuer.make_token, methods=["POST"]),
            Route("/control/keys", issuer.rotate, methods=["POST"]),
            Route("/control/log-out", issuer.end_log_ins, methods=["POST"]),
            Route("/control/accounts", issuer.add_accounts, methods=["PUT"]),
        ],
        exception_handlers={HTTPException: error_as_json},
    )
    return Simulator(app, name="issuer", books=issuer.books, clock=clock, log=WriteLog(clock))
