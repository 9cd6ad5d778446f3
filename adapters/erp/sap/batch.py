"""$batch of OData, as multipart: one changeset out, its answers in. Pure: no I/O."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from typing import Any, Literal

import httpx

from adapters.erp.sap.values import read_json

_CHANGESET = "changeset_pegline"
_BATCH = "batch_pegline"


@dataclass(frozen=True)
class Operation:
    """One write within a service; `path` is relative to the service's root."""

    method: Literal["POST", "MERGE", "PATCH", "DELETE"]
    path: str
    body: Mapping[str, Any] | None = None
    told: str = field(default="", compare=False)
    """What is wanted and what was found, in words: `line 10: quantity 80 wanted, 100 found`."""
    etag: str = field(default="", compare=False)
    """The entity's tag as it was read (V4); empty: it has none."""


@dataclass(frozen=True)
class BatchResponse:
    """The response to a single call, or to one operation within a $batch."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @classmethod
    def of(cls, response: httpx.Response) -> "BatchResponse":
        """The response to a single call."""
        return cls(response.status_code, response.headers, response.content)

    def body(self) -> Any:
        """The response's JSON. Raises ValueError where it is none."""
        return read_json(self.content)


def _compact(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def changeset(
    operations: Sequence[Operation], dump: Callable[[Mapping[str, Any]], bytes] = _compact
) -> tuple[str, bytes]:
    """The content type and body of a $batch with one changeset: carried out whole or not at all."""
    lines = [f"--{_BATCH}", f"Content-Type: multipart/mixed; boundary={_CHANGESET}", ""]
    for number, operation in enumerate(operations, start=1):
        body = "" if operation.body is None else dump(operation.body).decode()
        lines += [
            f"--{_CHANGESET}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            f"Content-ID: {number}",
            "",
            f"{operation.method} {operation.path} HTTP/1.1",
            "Accept: application/json",
            *(["Content-Type: application/json"] if body else []),
            *([f"If-Match: {operation.etag}"] if operation.etag else []),
            f"Content-Length: {len(body.encode())}",
            "",
            body,
        ]
    lines += [f"--{_CHANGESET}--", "", f"--{_BATCH}--", ""]
    return f"multipart/mixed; boundary={_BATCH}", "\r\n".join(lines).encode()


def parts(content_type: str, content: bytes) -> list[BatchResponse]:
    """The answers of a $batch in order; of a changeset that failed there is a single one.

    Raises ValueError if the content is no such answer, or was cut off.
    """
    if not content_type.lower().lstrip().startswith("multipart/mixed"):
        raise ValueError("the $batch answer is not multipart/mixed")
    whole = message_from_bytes(
        f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace") + content, policy=policy.HTTP
    )
    found = [_part(leaf) for leaf in whole.walk() if leaf.get_content_type() == "application/http"]
    if not found:
        raise ValueError("the $batch answer has no part")
    return found


def _part(leaf: Message) -> BatchResponse:
    payload = leaf.get_payload(decode=True)
    if not isinstance(payload, bytes):
        raise ValueError("a part of the $batch answer has no content")
    head, _, body = payload.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    status_line, *header_lines = head.decode("latin-1").split("\n")
    version, _, rest = status_line.strip().partition(" ")
    status = rest[:3]
    if not version.upper().startswith("HTTP/") or not (status.isascii() and status.isdigit() and len(status) == 3):
        raise ValueError(f"a part of the $batch answer has no status: {status_line[:60]!r}")
    headers = dict(line.split(":", 1) for line in header_lines if ":" in line)
    return BatchResponse(
        int(status),
        {name.strip().lower(): value.strip() for name, value in headers.items()},
        body.strip(),
    )
