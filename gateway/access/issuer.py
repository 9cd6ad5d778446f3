"""The OpenID Connect issuer: its addresses and keys, and whether a token is one of its own.

Decided here: which tokens are genuine (signature by a key of the issuer, algorithm, issuer, audience, times), and how
often the issuer's keys are read. Not here: what a token's claims mean (gateway.access.rules).
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import jwt
from pydantic import BaseModel, ValidationError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key that only the issuer has; never a shared secret, never none."""
LEEWAY_SECONDS = 30.0
_REQUIRED = ["exp", "iat", "iss", "sub"]
_REQUIRED_OF_LOGOUT = ["iat", "iss"]
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_SECONDS_MAX = 300.0
"""How old a logout token may be, whatever it says."""
_ANSWER_BYTES_MAX = 512 * 1024
_TOKEN_LENGTH_MAX = 16_000
_NOT_FOR_CALLS = frozenset({"ID", "Refresh", "Offline", "Logout"})
"""What Keycloak's `typ` claim says of a token that is not for calling an API."""
_HEADER_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})


class IssuerUnreachable(Exception):
    """The issuer does not answer, or not as one; the message says what is wrong."""


class TokenRefused(Exception):
    """The token is not a genuine one of the issuer for this purpose."""


class Metadata(BaseModel):
    """The issuer's addresses, as its discovery document states them."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]


class Issuer:
    """One issuer; metadata and keys are read when they are first needed and kept."""

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        kept_seconds: float = 600.0,
        refetch_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keys are read again after `kept_seconds`, and for a key that is not among them at most every
        `refetch_seconds`: tokens with invented keys must not become calls to the issuer. While the issuer does not
        answer, keys that were read are used on.
        """
        self._url = url
        self._http = http
        self._kept_seconds = kept_seconds
        self._refetch_seconds = refetch_seconds
        self._clock = clock
        self._metadata: Metadata | None = None
        self._keys: dict[str, dict[str, Any]] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._prepared: dict[tuple[str, str], jwt.PyJWK] = {}
        self._lock = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """The issuer's addresses. Raises IssuerUnreachable."""
        if self._metadata is None:
            address = self._url.rstrip("/") + "/.well-known/openid-configuration"
            try:
                found = Metadata.model_validate(await self._read(address))
            except ValidationError as error:
                raise IssuerUnreachable(f"{address} is no discovery document: {error.errors()[0]['loc']}") from error
            if found.issuer.rstrip("/") != self._url.rstrip("/"):
                raise IssuerUnreachable(f"{address} speaks of another issuer: {found.issuer}")
            self._metadata = found
        return self._metadata

    async def access_token(self, token: str, audience: str | None) -> dict[str, Any]:
        """The claims of an access token for this audience; None: whichever. Raises TokenRefused, IssuerUnreachable."""
        header, claims = await self._verified(token, audience)
        if str(header.get("typ", "")).lower() not in _HEADER_TYPES:
            raise TokenRefused("it is not an access token")
        if claims.get("typ") in _NOT_FOR_CALLS or "at_hash" in claims or "events" in claims:
            raise TokenRefused("it is not an access token")
        return claims

    async def id_token(self, token: str, client_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of an id token for this client. Raises TokenRefused, IssuerUnreachable."""
        return await self._verified(token, client_id)

    async def logout_token(self, token: str, client_id: str) -> tuple[str, str]:
        """Subject and issuer's session (`sid`) of a logout token; one of them may be empty, which stands for any.

        By OpenID Connect Back-Channel Logout 1.0, section 2.6. Raises TokenRefused, IssuerUnreachable.
        """
        _, claims = await self._verified(token, client_id, _REQUIRED_OF_LOGOUT)
        events = claims.get("events")
        if not isinstance(events, Mapping) or _LOGOUT_EVENT not in events or "nonce" in claims:
            raise TokenRefused("it is not a logout token")
        if time.time() - float(claims["iat"]) > _LOGOUT_SECONDS_MAX:
            raise TokenRefused("it is too old")
        subject, session = claims.get("sub", ""), claims.get("sid", "")
        if not isinstance(subject, str) or not isinstance(session, str) or not (subject or session):
            raise TokenRefused("it names nobody")
        return subject, session

    async def _verified(
        self, token: str, audience: str | None, required: Sequence[str] = _REQUIRED
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        if len(token) > _TOKEN_LENGTH_MAX:
            raise TokenRefused("it is too long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise TokenRefused("it is not a signed JSON Web Token") from error
        algorithm, key_id = str(header.get("alg", "")), str(header.get("kid", ""))
        if algorithm not in ALGORITHMS:
            raise TokenRefused(f"its algorithm {algorithm[:20]!r} is not taken")
        key = await self._key(key_id, algorithm)
        metadata = await self.metadata()
        stated = [*required, "aud"] if audience is not None else [*required]
        options: Any = {"require": stated, "verify_aud": audience is not None}
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=audience,
                issuer=metadata.issuer,
                leeway=LEEWAY_SECONDS,
                options=options,
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("it has expired") from error
        except jwt.InvalidAudienceError as error:
            raise TokenRefused(f"it is not meant for {audience} (aud)") from error
        except jwt.PyJWTError as error:
            raise TokenRefused(f"it is not valid: {error}") from error
        return header, claims

    async def _key(self, key_id: str, algorithm: str) -> jwt.PyJWK:
        now = self._clock()
        if self._read_at is None or now - self._read_at > self._kept_seconds or key_id not in self._keys:
            await self._refresh(key_id)
        data = self._keys.get(key_id)
        if data is None:
            raise TokenRefused("it is signed by a key that the issuer does not have")
        prepared = self._prepared.get((key_id, algorithm))
        if prepared is None:
            if data.get("alg", algorithm) != algorithm or data.get("use", "sig") != "sig" or data.get("kty") == "oct":
                raise TokenRefused(f"its key is not one for {algorithm} signatures")
            try:
                prepared = jwt.PyJWK(data, algorithm=algorithm)
            except jwt.PyJWTError as error:
                raise TokenRefused(f"its key can't be used: {error}") from error
            self._prepared[key_id, algorithm] = prepared
        return prepared

    async def _refresh(self, key_id: str) -> None:
        async with self._lock:
            now = self._clock()
            fresh = self._read_at is not None and now - self._read_at <= self._kept_seconds
            if fresh and key_id in self._keys:
                return  # somebody else has read them meanwhile
            if self._tried_at is not None and now - self._tried_at < self._refetch_seconds and self._keys:
                return
            self._tried_at = now
            try:
                found = await self._read((await self.metadata()).jwks_uri)
            except IssuerUnreachable:
                if not self._keys:
                    raise
                return
            listed = found.get("keys")
            rows = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
            self._keys = {str(row.get("kid", "")): row for row in rows}
            self._prepared = {}
            self._read_at = now

    async def _read(self, address: str) -> dict[str, Any]:
        try:
            answer = await self._http.get(address, headers={"Accept": "application/json"})
            answer.raise_for_status()
            if len(answer.content) > _ANSWER_BYTES_MAX:
                raise IssuerUnreachable(f"{address} answers {len(answer.content)} bytes")
            found = answer.json()
        except (httpx.HTTPError, ssl.SSLError, ValueError) as error:
            raise IssuerUnreachable(f"{address}: {error or type(error).__name__}") from error
        if not isinstance(found, Mapping):
            raise IssuerUnreachable(f"{address} answers no JSON object")
        return dict(found)


__all__ = ["ALGORITHMS", "LEEWAY_SECONDS", "Issuer", "IssuerUnreachable", "Metadata", "TokenRefused"]
