"""What the issuer gives for a code or for a refresh token, and whom it speaks of.

Decided here: that an answer is the issuer's own, about one person, and complete. Not here: what a log-in has to prove
before (gateway.access.login), and how often roles are read again (gateway.access.access).
"""

import base64
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oidc.core import CodeIDToken
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ValidationError

from gateway.access.issuer import LEEWAY_SECONDS, Issuer, IssuerUnreachable, TokenRefused
from gateway.access.principal import Principal
from gateway.access.rules import AccessRules


class GrantRefused(Exception):
    """The issuer gives nothing for the code or refresh token; the message says why."""


class Tokens(BaseModel):
    """The issuer's answer."""

    access_token: str
    id_token: str = ""
    """Always there for a code; for a refresh token only where the issuer likes to."""
    refresh_token: str = ""
    """Empty: the issuer gives none, or the former one goes on."""


class Granted(BaseModel):
    """What is kept of an answer with the session."""

    id_token: str = ""
    refresh_token: str = ""
    issuer_session: str = ""
    """The issuer's id of its own session (`sid`), which it names when it ends that; empty: it states none."""


async def redeem(rules: AccessRules, issuer: Issuer, http: httpx.AsyncClient, grant: Mapping[str, str]) -> Tokens:
    """The tokens for a grant. Raises GrantRefused; IssuerUnreachable also where it faults the client, not the grant."""
    metadata = await issuer.metadata()
    body = urlencode({**grant, "client_id": rules.client_id})
    supported = metadata.token_endpoint_auth_methods_supported
    method = "client_secret_basic" if "client_secret_basic" in supported else "client_secret_post"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    client = ClientAuth(rules.client_id, rules.client_secret, method)
    address, headers, body = client.prepare("POST", metadata.token_endpoint, headers, body)
    try:
        answer = await http.post(address, content=body, headers=headers)
    except (httpx.HTTPError, ssl.SSLError) as error:
        raise IssuerUnreachable(f"{metadata.token_endpoint}: {error or type(error).__name__}") from error
    if answer.status_code == 400:
        raise GrantRefused(f"{answer.status_code} {answer.text[:200]}")
    if answer.status_code != 200:
        raise IssuerUnreachable(f"{metadata.token_endpoint}: {answer.status_code} {answer.text[:200]}")
    try:
        return Tokens.model_validate_json(answer.content)
    except ValidationError as error:
        raise GrantRefused("the issuer answers no access token") from error


async def described(
    rules: AccessRules, issuer: Issuer, tokens: Tokens, *, nonce: str | None = None
) -> tuple[Principal, Granted] | None:
    """Whom the tokens speak of: the id token says who, and it or the access token in which roles.

    None: neither says anything. `nonce`: of the log-in, which the id token has to carry. Raises TokenRefused,
    ClaimsRefused, IssuerUnreachable.
    """
    claims = await _id_claims(rules, issuer, tokens, nonce) if tokens.id_token or nonce is not None else {}
    # It came from the issuer itself just now: for whom else it is meant does not matter here.
    also = await _access_claims(issuer, tokens.access_token)
    if also and claims and also.get("sub") != claims["sub"]:
        raise TokenRefused("access token and id token are two persons'")
    if not also and not claims:
        return None
    principal = rules.principal({**also, **claims})
    if not principal.roles or principal.plants == frozenset():
        principal = rules.principal({**claims, **also})
    sid = claims.get("sid") or also.get("sid")
    issuer_session = sid if isinstance(sid, str) else ""
    kept = Granted(id_token=tokens.id_token, refresh_token=tokens.refresh_token, issuer_session=issuer_session)
    return principal, kept


async def _id_claims(rules: AccessRules, issuer: Issuer, tokens: Tokens, nonce: str | None) -> dict[str, Any]:
    header, claims = await issuer.id_token(tokens.id_token, rules.client_id)
    params: dict[str, Any] = {"client_id": rules.client_id, "access_token": tokens.access_token}
    if nonce is not None:
        params["nonce"] = nonce
    try:
        CodeIDToken(claims, header, params=params).validate(leeway=LEEWAY_SECONDS)
    except Exception as error:
        # Authlib's and joserfc's errors of claims have no common base of their own.
        raise TokenRefused(str(error)) from error
    return claims


async def _access_claims(issuer: Issuer, token: str) -> dict[str, Any]:
    """The claims of an access token that is a JSON Web Token; none of another."""
    try:
        return await issuer.access_token(token, None)
    except TokenRefused:
        return {}


def seal(rules: AccessRules, purpose: bytes) -> Fernet:
    """Seals what only gateways may read, by a key that all of them have: of the client's secret."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pegline " + purpose)
    return Fernet(base64.urlsafe_b64encode(derived.derive(rules.client_secret.encode())))


__all__ = ["GrantRefused", "Granted", "Tokens", "described", "redeem", "seal"]
