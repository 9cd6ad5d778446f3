"""Checkpoints: a signed file with the newest event of each entity, kept outside the ledger.

A chain alone proves nothing against a person who can write to the table, who could rehash it to its end. A checkpoint
can't be forged without the key. The file is lines of JSON: a heading, `[entity, position, hash]` for each entity, and
the signature (Ed25519) over the SHA-256 of all lines before it.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_FORMAT = 1
_SIGNED = b"pegline audit checkpoint 1\n"
"""A prefix of the signed content, so that no other signature by the key can pass as one of a checkpoint."""


class CheckpointError(Exception):
    """A key or a checkpoint that can't be used; the message says why and what to do."""


class Head(NamedTuple):
    """The newest event of an entity."""

    entity_id: str
    position: int
    hash: str


class Checkpoint(NamedTuple):
    """The content of a file with a valid signature."""

    taken_at: datetime
    heads: Mapping[str, Head]


def private_key(pem: str) -> Ed25519PrivateKey:
    """The signing key."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CheckpointError(f"the audit key is no private key in PEM without a password: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CheckpointError("the audit key is of another kind; make one with openssl genpkey -algorithm ed25519")
    return key


def public_key(pem: str) -> Ed25519PublicKey:
    """The key that verifies signatures."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CheckpointError(f"the audit's public key is no public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CheckpointError("the audit's public key is of another kind than Ed25519")
    return key


class CheckpointWriter:
    """Writes a checkpoint, head by head; it is valid only once signed."""

    def __init__(self, file: IO[bytes], taken_at: datetime) -> None:
        self._file, self._digest, self.heads = file, hashlib.sha256(), 0
        self._write({"pegline_checkpoint": _FORMAT, "taken_at": taken_at.isoformat()})

    def add(self, head: Head) -> None:
        """Write the newest event of the next entity."""
        self.heads += 1
        self._write(list(head))

    def sign(self, key: Ed25519PrivateKey) -> None:
        """Write the signature, the last line."""
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        signature = key.sign(_SIGNED + self._digest.digest())
        self._write({"heads": self.heads, "public_key": _text(raw), "signature": _text(signature)})

    def _write(self, content: Any) -> None:
        line = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self._digest.update(line)
        self._file.write(line)


def read_checkpoint(path: Path, key: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint in a file. CheckpointError where it is none, or where its signature by this key is not valid."""
    digest = hashlib.sha256()
    heads: dict[str, Head] = {}
    taken_at: datetime | None = None
    try:
        for line, last in _lines(path):
            content = json.loads(line)
            if last:
                _require_signature(path, key, digest.digest(), content)
                break
            digest.update(line)
            if taken_at is None:
                if content["pegline_checkpoint"] != _FORMAT:
                    raise CheckpointError(f"{path} is of a version of checkpoints that is not known here")
                taken_at = datetime.fromisoformat(content["taken_at"])
            else:
                head = Head(*content)
                heads[head.entity_id] = head
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is no checkpoint, or is damaged") from error
    if taken_at is None:
        raise CheckpointError(f"{path} is no checkpoint, or is damaged")
    return Checkpoint(taken_at, heads)


def _require_signature(path: Path, key: Ed25519PublicKey, digest: bytes, content: Mapping[str, str]) -> None:
    try:
        key.verify(base64.b64decode(content["signature"], validate=True), _SIGNED + digest)
    except InvalidSignature as error:
        ours = _text(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
        if content["public_key"] != ours:
            raise CheckpointError(f"{path} was signed by another key: {content['public_key']}, not {ours}") from error
        raise CheckpointError(f"{path} was changed after it was signed") from error


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """The lines, each with whether it is the last."""
    with path.open("rb") as file:
        before: bytes | None = None
        for line in file:
            if before is not None:
                yield before, False
            before = line
        if before is not None:
            yield before, True


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
