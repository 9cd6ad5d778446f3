"""The issuer's keys and tokens, signed RS256.

Decided here: what a token says. An access token is one by RFC 9068, with roles where Keycloak has them; an id token
says who somebody is, not what they may do.
"""

import base64
import hashlib
import secrets
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.issuer.accounts import Account, Program

ACCESS_SECONDS = 900
ALGORITHM = "RS256"
_LOGOUT_SECONDS = 120


class TokenMaker:
    """Signs with the newest key; a key that was replaced is still published."""

    def __init__(self, issuer: str, audience: str = "pegline") -> None:
        self.issuer = issuer
        self.audience = audience
        self._keys: list[tuple[str, rsa.RSAPrivateKey]] = []
        self.rotate()

    def rotate(self, *, keep: bool = True) -> str:
        """Sign with a new key from now on; without `keep` the former ones are no longer published."""
        key_id = secrets.token_hex(8)
        self._keys = [(key_id, rsa.generate_private_key(public_exponent=65537, key_size=2048)), *self._keys * keep]
        return key_id

    def published(self) -> dict[str, Any]:
        """The public keys, as a JSON Web Key Set."""
        rows = [
            (key_id, jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)) for key_id, key in self._keys
        ]
        return {"keys": [{**row, "kid": key_id, "use": "sig", "alg": ALGORITHM} for key_id, row in rows]}

    def access_token(self, account: Account, client_id: str, **changes: Any) -> str:
        """An access token; `changes` replace claims, None leaves one out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": [self.audience],
            "iat": now,
            "exp": now + ACCESS_SECONDS,
            "jti": secrets.token_hex(8),
            "azp": client_id,
            "client_id": client_id,
            "realm_access": {"roles": list(account.roles)},
            "plants": list(account.plants),
            **account.claims(),
        }
        return self.sign(claims | changes, "at+jwt")

    def id_token(self, account: Account, client: Program, nonce: str | None, access_token: str, **changes: Any) -> str:
        """An id token, bound to the access token that comes with it."""
        now = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": client.subject,
            "azp": client.subject,
            "iat": now,
            "exp": now + ACCESS_SECONDS,
            "nonce": nonce,
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **account.claims(),
        }
        return self.sign(claims | changes, "JWT")

    def logout_token(self, client: Program, subject: str, session: str, **changes: Any) -> str:
        """What tells a client that a log-in has ended (OpenID Connect Back-Channel Logout 1.0)."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": client.subject,
            "iat": now,
            "exp": now + _LOGOUT_SECONDS,
            "jti": secrets.token_hex(8),
            "sub": subject,
            "sid": session,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return self.sign(claims | changes, "logout+jwt")

    def sign(self, claims: dict[str, Any], kind: str) -> str:
        """A token of these claims, without those that are None."""
        key_id, key = self._keys[0]
        stated = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(stated, key, ALGORITHM, headers={"kid": key_id, "typ": kind})

    def subject_of(self, token: str) -> str:
        """The subject of a token of our own, expired or not; empty where it is none."""
        try:
            options: Any = {"verify_exp": False, "verify_aud": False}
            public = {key_id: key.public_key() for key_id, key in self._keys}
            key = public[str(jwt.get_unverified_header(token).get("kid"))]
            return str(jwt.decode(token, key, [ALGORITHM], issuer=self.issuer, options=options)["sub"])
        except (jwt.PyJWTError, KeyError):
            return ""
