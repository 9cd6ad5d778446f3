"""Systems that send events and documents: each by its signature or its access token, and in which names it may speak.

Signatures are Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature: HMAC-SHA256 over the three parts id,
time and body), for bodies of any bytes. Decided here: whether a signature holds, and which sources and channels belong
to a sender. Not here: which source owns which data at a plant (gateway.intake.ownership). A repetition within the time
window needs no list of ids: the same event, or the same document, is stored once.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from starlette.datastructures import Headers
from starlette.types import Scope

from gateway.access.principal import CallerRole, Principal, PrincipalPart, Right
from gateway.problems import Refusal

TOLERANCE = dt.timedelta(minutes=5)
"""How far a signature's time may lie from ours, in both directions."""
_PREFIX = "whsec_"
_SECRET_BYTES_MIN = 24
_SIGNATURES_MAX = 10


class SendersError(Exception):
    """The file of senders can't be read; the message says what is wrong in it."""


class Sender(BaseModel):
    """One sending system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")]
    secrets: tuple[SecretStr, ...] = ()
    """Any of them signs: two while one is being replaced. None: it sends by access token alone."""
    clients: tuple[str, ...] = ()
    """Client ids at the issuer, whose access tokens are this sender's."""
    sources: tuple[str, ...] = ()
    """Sources of events in whose name it may speak; * stands for any characters."""
    channels: tuple[str, ...] = ()
    """Channels of suppliers' documents that it delivers."""
    plants: tuple[str, ...] | None = None
    """None: all."""

    @field_validator("secrets")
    @classmethod
    def _usable(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            if len(_key(secret)) < _SECRET_BYTES_MIN:
                raise ValueError(f"a secret is {_PREFIX} and base64 of at least {_SECRET_BYTES_MIN} bytes")
        return secrets

    def speaks_for(self, source: str) -> bool:
        """Whether the source is one of its own."""
        return any(fnmatchcase(source, each) for each in self.sources)


@dataclass(frozen=True)
class Senders:
    """The configured senders; without any, whoever may send may speak for every source."""

    each: Sequence[Sender] = ()
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)

    @classmethod
    def read(cls, path: Path) -> "Senders":
        """The senders of a TOML file: a [[sender]] each. Raises SendersError."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SendersError(f"the senders' file {path} can't be read: {error}") from None
        if unknown := sorted(set(content) - {"sender"}):
            raise SendersError(f"{path}: there is no {unknown[0]!r}; each sender is a [[sender]]")
        found: list[Sender] = []
        for number, row in enumerate(content.get("sender", []), start=1):
            try:
                found.append(Sender.model_validate(row))
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                where = ".".join(map(str, first["loc"]))
                raise SendersError(f"{path}: sender {number}, {where}: {first['msg']}") from None
        if len({sender.name for sender in found}) < len(found):
            raise SendersError(f"{path}: two senders have one name")
        return cls(found)

    def signed_by(self, headers: Mapping[str, str], body: bytes) -> Sender:
        """The sender whose signature the body carries. Raises Refusal (401)."""
        identity, stated = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not identity or not stated.isdecimal() or len(stated) > 12:
            raise _unsigned("webhook-id and webhook-timestamp (seconds since 1970) are missing or malformed")
        if abs(self.now().timestamp() - int(stated)) > TOLERANCE.total_seconds():
            raise _unsigned(f"the signature's time lies more than {TOLERANCE.seconds // 60} minutes from ours")
        given = [_bytes(each.removeprefix("v1,")) for each in _versions(headers.get("webhook-signature", ""))]
        content = f"{identity}.{stated}.".encode("latin-1", "replace") + body
        found = None
        for sender in self.each:
            for secret in sender.secrets:
                expected = hmac.new(_key(secret), content, hashlib.sha256).digest()
                if any(hmac.compare_digest(expected, signature) for signature in given):
                    found = sender
        if found is None:
            raise _unsigned("no signature is one of a sender that is set up here")
        return found

    def require_source(self, principal: Principal, source: str) -> None:
        """Raises Refusal where the caller may not speak for the source."""
        owners = [sender for sender in self.each if sender.speaks_for(source)]
        self._require(principal, owners, self._own(principal), "source", source)

    def require_channel(self, principal: Principal, channel: str) -> None:
        """Raises Refusal where the caller may not deliver documents of the channel."""
        owners = [sender for sender in self.each if channel in sender.channels]
        self._require(principal, owners, self._own(principal), "channel", channel)

    def _own(self, principal: Principal) -> list[Sender]:
        return [sender for sender in self.each if _is(principal, sender)]

    def _require(
        self, principal: Principal, owners: Sequence[Sender], own: Sequence[Sender], field: str, value: str
    ) -> None:
        if (not owners and not own) or any(sender in own for sender in owners):
            return
        if principal.named_by_body:
            raise _unsigned(f"{field} {value} is sent by {' or '.join(each.name for each in owners)}, signed")
        raise Refusal(
            403,
            "not_sender",
            f"{principal.name} may not send in the name of {field} {value}",
            "send it signed, or by the access token of the system that it belongs to; an administrator names it among "
            f"the sender's {field}s (docs/access.md)",
            field=field,
            value=value,
        )


def _is(principal: Principal, sender: Sender) -> bool:
    return principal.sender == sender.name or (bool(principal.client) and principal.client in sender.clients)


def is_signed(scope: Scope) -> bool:
    """Whether the request is one of those that may be signed, and carries a signature."""
    path = scope["path"]
    takes = path == "/v1/events" or any(
        path.startswith(before) and path.endswith(after)
        for before, after in (("/v1/suppliers/", "/messages"), ("/v1/systems/", "/documents"))
    )
    return takes and scope["method"] == "POST" and "webhook-signature" in Headers(scope=scope)


async def _sender(request: Request, principal: PrincipalPart) -> Principal:
    """Who sends: the one who signs, else the caller, who needs the right to."""
    if not is_signed(request.scope):
        principal.require(Right.SEND)
        return principal
    senders: Senders = request.app.state.senders
    sender = senders.signed_by(request.headers, await request.body())
    plants = None if sender.plants is None else frozenset(sender.plants)
    return Principal(f"sender/{sender.name}", sender.name, frozenset({CallerRole.SYSTEM}), plants, sender=sender.name)


SenderPart = Annotated[Principal, Depends(_sender)]


def _versions(signatures: str) -> list[str]:
    return [each for each in signatures.split(" ")[:_SIGNATURES_MAX] if each.startswith("v1,")]


def _key(secret: SecretStr) -> bytes:
    return _bytes(secret.get_secret_value().removeprefix(_PREFIX))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unsigned(detail: str) -> Refusal:
    return Refusal(
        401,
        "not_signed",
        detail,
        "sign the body as the sender's secret says (Standard Webhooks), at the time it is sent",
        field="webhook-signature",
        headers={"WWW-Authenticate": 'Webhook realm="pegline"'},
    )


__all__ = ["TOLERANCE", "Sender", "SenderPart", "Senders", "SendersError", "is_signed"]
