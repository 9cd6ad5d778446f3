"""$batch: multipart requests taken apart, their answers put together.

Decided here: the multipart form. Not decided here: what the requests do (service).
"""

import uuid
from email import message_from_bytes, policy
from email.message import Message
from http import HTTPStatus
from typing import Protocol

from simulators.erp.errors import malformed
from simulators.erp.service import Answer, Call


class Carries(Protocol):
    """A service that carries out calls: V2's Endpoint, or one of V4's."""

    def answer(self, call: Call) -> Answer: ...

    def changeset(self, calls: list[Call]) -> list[Answer]: ...


def answer_batch(endpoint: Carries, content_type: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Carry out a batch: reads and changesets in order. `headers`: of the batch, inherited by its requests' log."""
    envelope = message_from_bytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body, policy=policy.HTTP
    )
    if envelope.get_content_type() != "multipart/mixed" or not envelope.is_multipart():
        raise malformed("A batch request must be multipart/mixed with a boundary")
    boundary = f"batch_{uuid.uuid4().hex}"
    parts: list[bytes] = []
    for part in _parts(envelope):
        if part.get_content_type() == "multipart/mixed":
            parts.append(_answer_changeset(endpoint, part, headers))
            continue
        call = _call(part, headers)
        if call.verb != "GET":
            raise malformed("Writes in a batch must be in a changeset")
        parts.append(_http_part(endpoint.answer(call)))
    content = _join(parts, boundary)
    return Answer(202, content, {"content-type": f"multipart/mixed; boundary={boundary}", "dataserviceversion": "2.0"})


def _answer_changeset(endpoint: Carries, part: Message, headers: dict[str, str]) -> bytes:
    calls = [_call(each, headers) for each in _parts(part)]
    if any(call.verb == "GET" for call in calls):
        raise malformed("Reads are not allowed in a changeset")
    answers = endpoint.changeset(calls)
    if len(answers) == 1 and answers[0].status >= 400:
        return _http_part(answers[0])
    boundary = f"changeset_{uuid.uuid4().hex}"
    content = _join([_http_part(answer) for answer in answers], boundary)
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _parts(message: Message) -> list[Message]:
    payload = message.get_payload()
    if not isinstance(payload, list):
        raise malformed("A part of the batch has no parts of its own")
    return [part for part in payload if isinstance(part, Message)]


def _call(part: Message, inherited: dict[str, str]) -> Call:
    payload = part.get_payload(decode=True)
    if part.get_content_type() != "application/http" or not isinstance(payload, bytes):
        raise malformed("A part of the batch must be application/http or a changeset")
    head, _, body = payload.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    request_line, *lines = head.decode("latin-1").split("\n")
    words = request_line.split()
    if len(words) != 3:
        raise malformed(f"Malformed request line in a batch: {request_line}")
    own = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value}
    outer = {name: value for name, value in inherited.items() if name not in ("accept", "content-type")}
    target = words[1]
    if "://" in target or target.startswith("/"):
        _, _, target = target.partition("_SRV/")
    return Call(words[0], target, outer | own, body.strip())


def _http_part(answer: Answer) -> bytes:
    content = answer.content()
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
        f"Content-Length: {len(content)}",
    ]
    http = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
    head = f"Content-Type: application/http\r\nContent-Length: {len(http)}\r\ncontent-transfer-encoding: binary\r\n\r\n"
    return head.encode() + http


def _join(parts: list[bytes], boundary: str) -> bytes:
    edge = f"--{boundary}".encode()
    return b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts) + edge + b"--\r\n"
