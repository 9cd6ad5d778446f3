"""Log-in by OpenID Connect: authorization code with PKCE, state and nonce; log-out at the issuer too, and by it.

Decided here: what a log-in has to prove, and where it returns to. What belongs to one attempt is sealed in a cookie of
the browser that began it; nothing is kept before somebody has logged in.

`/login` and the log-out are pages that go on by themselves instead of redirects: a browser lets a form's answer lead to
no other site (`form-action 'self'`), and a form may have led here.
"""

import json
import re
import secrets
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from cryptography.fernet import Fernet, InvalidToken
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ValidationError

from gateway.access.access import Access, issuer_unreachable
from gateway.access.grants import Granted, GrantRefused, Tokens, described, redeem, seal
from gateway.access.issuer import IssuerUnreachable, TokenRefused
from gateway.access.principal import NOBODY, Principal, PrincipalPart
from gateway.access.rules import ClaimsRefused
from gateway.pages.shell import HEADERS, form_of, render, see, text_of
from gateway.problems import Refusal
from ledger.ledger import Ledger

_ATTEMPT_SECONDS = 600
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path of ours: no other host, no backslash (which browsers read as a slash), no control characters."""

routes = APIRouter(include_in_schema=False)


class _Attempt(BaseModel):
    """What one log-in began with."""

    state: str
    nonce: str
    verifier: str
    following: str


@routes.get("/login")
async def read_login(
    request: Request, following: Annotated[str, Query(alias="next", max_length=4_000)] = "/"
) -> Response:
    """The page that goes on to the issuer; who is logged in already goes on at once."""
    access, target = _access(request), local_path(following)
    if request.state.principal is not NOBODY:
        return see(target)
    start = f"/login/start?{urlencode({'next': target})}"
    values = {"title": "Log in", "link": start, "label": f"Log in with {urlsplit(access.rules.issuer).netloc}"}
    return render(request, "login.html", NOBODY, values, headers={"Refresh": f"0; url={start}"})


@routes.get("/login/start")
async def start_login(
    request: Request, following: Annotated[str, Query(alias="next", max_length=4_000)] = "/"
) -> RedirectResponse:
    """To the issuer, with what the answer will be held against."""
    access = _access(request)
    attempt = _Attempt(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        following=local_path(following),
    )
    metadata = await _metadata(access)
    address = prepare_grant_uri(
        metadata.authorization_endpoint,
        client_id=access.rules.client_id,
        response_type="code",
        redirect_uri=_callback(access),
        scope=access.rules.scopes,
        state=attempt.state,
        nonce=attempt.nonce,
        code_challenge=create_s256_code_challenge(attempt.verifier),
        code_challenge_method="S256",
    )
    answer = RedirectResponse(address, 303, headers=HEADERS)
    sealed = _seal(access).encrypt(attempt.model_dump_json().encode()).decode()
    answer.set_cookie(_attempt_cookie(access, attempt.state), sealed, max_age=_ATTEMPT_SECONDS, **_flags(access))
    return answer


@routes.get("/login/callback")
async def finish_login(request: Request) -> RedirectResponse:
    """The issuer's answer: a code, or why there is none."""
    access = _access(request)
    stated = request.query_params
    attempt = _attempt_of(access, request, stated.get("state", ""))
    metadata = await _metadata(access)
    if stated.get("iss", metadata.issuer) != metadata.issuer:
        raise _failed("the answer is another issuer's")
    if "error" in stated or not stated.get("code"):
        said = stated.get("error_description") or stated.get("error") or "no code"
        raise _failed(f"{urlsplit(metadata.issuer).netloc} has not let you in: {said[:200]}")
    tokens = await _tokens(access, stated["code"], attempt.verifier)
    principal, granted = await _identified(access, tokens, attempt.nonce)
    if not principal.roles:
        raise Refusal(
            403,
            "no_role",
            f"{principal.name} has no role in Pegline",
            "have an administrator give your account one: docs/access.md says which",
            field="role",
        )
    ledger: Ledger = request.app.state.parts.ledger
    if former := request.cookies.get(access.session_cookie):
        await ledger.sessions.end(former)
    session_id = secrets.token_urlsafe(32)
    await access.open_session(session_id, principal, granted)
    answer = see(attempt.following)
    lasting = int(access.rules.limits.longest.total_seconds())
    answer.set_cookie(access.session_cookie, session_id, max_age=lasting, **_flags(access))
    answer.delete_cookie(_attempt_cookie(access, attempt.state), **_flags(access))
    return answer


@routes.post("/logout")
async def log_out(request: Request, principal: PrincipalPart) -> Response:
    """End the session here, then at the issuer."""
    access = _access(request)
    await form_of(request, principal)
    ledger: Ledger = request.app.state.parts.ledger
    id_token = await ledger.sessions.end(request.cookies.get(access.session_cookie, ""))
    end = (await _metadata(access)).end_session_endpoint
    ended = f"{access.rules.gateway_url}/login/ended"
    hint = {"id_token_hint": id_token} if id_token else {}
    link = (
        end and f"{end}?{urlencode({**hint, 'client_id': access.rules.client_id, 'post_logout_redirect_uri': ended})}"
    )
    target = link or "/login/ended"
    values = {"title": "You are logged out of Pegline", "link": target, "label": "Go on"}
    answer = render(request, "login.html", NOBODY, values, headers={"Refresh": f"0; url={target}"})
    answer.delete_cookie(access.session_cookie, **_flags(access))
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@routes.post("/login/back-channel")
async def end_sessions(request: Request) -> Response:
    """The issuer says that somebody is logged out (OpenID Connect Back-Channel Logout 1.0): their sessions end.

    400 where the logout token is not the issuer's for this gateway. Once more says the same.
    """
    access = _access(request)
    token = text_of(await request.form(max_files=0, max_fields=5), "logout_token")
    try:
        subject, issuer_session = await access.issuer.logout_token(token, access.rules.client_id)
    except IssuerUnreachable as unreachable:
        raise issuer_unreachable(unreachable) from unreachable
    except TokenRefused as refused:
        raise Refusal(
            400,
            "invalid_logout_token",
            f"the logout token is refused: {refused}",
            "send the issuer's own, for this client",
            field="logout_token",
        ) from refused
    ledger: Ledger = request.app.state.parts.ledger
    await ledger.sessions.end_of(subject, issuer_session)
    return Response(headers={"Cache-Control": "no-store"})


@routes.get("/login/ended")
async def read_ended(request: Request) -> Response:
    """Where the issuer sends a browser after the log-out."""
    _access(request)
    return render(
        request, "login.html", NOBODY, {"title": "You are logged out", "link": "/login", "label": "Log in again"}
    )


def local_path(given: str) -> str:
    """The path to return to; the first page where it is not one of ours, or one of the log-in itself."""
    path = given if _LOCAL.fullmatch(given) else "/"
    return "/" if path.startswith(("/login", "/logout")) else path


async def _tokens(access: Access, code: str, verifier: str) -> Tokens:
    """The tokens for a code. Raises Refusal."""
    grant = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _callback(access),
        "code_verifier": verifier,
    }
    try:
        return await redeem(access.rules, access.issuer, access.http, grant)
    except IssuerUnreachable as unreachable:
        raise issuer_unreachable(unreachable) from unreachable
    except GrantRefused as refused:
        raise _failed(f"the issuer does not take the code: {refused}") from refused


async def _identified(access: Access, tokens: Tokens, nonce: str) -> tuple[Principal, Granted]:
    """Who has logged in, and what is kept of it. Raises Refusal."""
    try:
        found = await described(access.rules, access.issuer, tokens, nonce=nonce)
    except IssuerUnreachable as unreachable:
        raise issuer_unreachable(unreachable) from unreachable
    except (TokenRefused, ClaimsRefused) as refused:
        raise _failed(f"the issuer's token is refused: {refused}") from refused
    if found is None:
        raise _failed("the issuer's tokens name nobody")
    return found


def _access(request: Request) -> Access:
    access = request.app.state.access
    if not isinstance(access, Access):
        raise Refusal(
            404,
            "no_issuer",
            "nobody logs in here: no issuer is set",
            "go to the first page; an administrator sets an issuer with PEGLINE_OIDC_ISSUER (docs/access.md)",
        )
    return access


async def _metadata(access: Access) -> Any:
    try:
        return await access.issuer.metadata()
    except IssuerUnreachable as unreachable:
        raise issuer_unreachable(unreachable) from unreachable


def _attempt_of(access: Access, request: Request, state: str) -> _Attempt:
    """What this browser began with this state. Raises Refusal."""
    sealed = request.cookies.get(_attempt_cookie(access, state), "")
    try:
        attempt = _Attempt.model_validate_json(_seal(access).decrypt(sealed, ttl=_ATTEMPT_SECONDS))
    except (InvalidToken, ValidationError, json.JSONDecodeError) as error:
        raise _failed("this browser has begun no log-in that this answers, or more than ten minutes ago") from error
    if not secrets.compare_digest(attempt.state.encode(), state.encode()):
        raise _failed("this browser has begun no log-in that this answers")
    return attempt


def _seal(access: Access) -> Fernet:
    return seal(access.rules, b"log-in attempt")


def _attempt_cookie(access: Access, state: str) -> str:
    """One for each attempt: people log in on two tabs at once."""
    prefix = "__Host-" if access.rules.secure else ""
    return f"{prefix}pegline-login-{re.sub('[^A-Za-z0-9]', '', state)[:12]}"


def _flags(access: Access) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "lax", "secure": access.rules.secure}


def _callback(access: Access) -> str:
    return f"{access.rules.gateway_url}/login/callback"


def _failed(detail: str) -> Refusal:
    return Refusal(400, "log_in_failed", detail, "begin again: /login")


__all__ = ["local_path", "routes"]
