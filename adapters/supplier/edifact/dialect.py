"""The EDIFACT dialect: what a supplier's document says, message by message, as canonical models.

Decided here: which message types and directories are read (ORDRSP and DESADV of D.93A to D.23A, UN's or a subset of it;
CONTRL and APERAK), and that each message is read or refused by itself. What can't be read without guessing is an
UnreadableMessage.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from pydantic import ValidationError

from adapters.errors import UnreadableMessage
from adapters.ports import DocumentContent, DocumentPart, SupplierDocument
from adapters.supplier.edifact.acknowledgements import read_application_error, read_control, write_control
from adapters.supplier.edifact.answers import read_answer
from adapters.supplier.edifact.despatch import read_despatch
from adapters.supplier.edifact.syntax import (
    Header,
    Interchange,
    Message,
    Part,
    RefusedMessage,
    read_interchanges,
    unreadable,
)
from adapters.supplier.edifact.tables import FIRST_DIRECTORY, LAST_DIRECTORY, segment_groups

_READ = "ORDRSP, DESADV, CONTRL and APERAK"
_SYNTAX = frozenset({"misplaced_segment", "message_version"})
"""Refusals of content that a CONTRL reports as well."""
_AGREE = f"Agree on a directory from D.{FIRST_DIRECTORY} to D.{LAST_DIRECTORY} with the supplier."


class EdifactDialect:
    """Reads ORDRSP, DESADV, CONTRL and APERAK; satisfies adapters.ports.SupplierDialect.

    `addresses`: our interchange addresses; a document for another recipient is refused. None: all are taken.
    """

    def __init__(self, addresses: Collection[str] | None = None) -> None:
        self._addresses = addresses

    def read(self, body: bytes, content_type: str) -> SupplierDocument:
        """The content of each message, in order, or why it can't be read; and the CONTRL that its sender asks for."""
        try:
            interchanges = [self._for_us(interchange) for interchange in read_interchanges(body, content_type)]
        except UnreadableMessage as error:
            return SupplierDocument(parts=(DocumentPart(body=body, content=error),))
        numbers = Counter(
            part.message.segments[0].value(1)
            for interchange in interchanges
            for part in interchange.parts
            if isinstance(part.message, Message) and part.message.segments
        )
        shared = [number for number, times in numbers.items() if times > 1]
        found: list[DocumentPart] = []
        replies: list[bytes] = []
        for interchange in interchanges:
            parts = [_read(part, shared) for part in interchange.parts]
            if interchange.refused is not None:
                found.append(DocumentPart(body=interchange.body, content=interchange.refused))
            found += [DocumentPart(body=part.body, content=content) for part, content in parts]
            # A CONTRL is never acknowledged: two systems would go on for ever.
            if not all(part.message.kind == "CONTRL" for part, _ in parts) or interchange.refused is not None:
                replies += [reply] if (reply := write_control(interchange, [part for part, _ in parts])) else []
        return SupplierDocument(parts=tuple(found), replies=tuple(replies))

    def _for_us(self, interchange: Interchange) -> Interchange:
        header = interchange.header
        if self._addresses is None or header is None or interchange.refused is not None:
            return interchange
        return interchange if header.recipient in self._addresses else _misdirected(interchange, header)


def _misdirected(interchange: Interchange, header: Header) -> Interchange:
    refused = unreadable(
        "wrong_recipient",
        header.segment,
        f"it is addressed to {header.recipient!r} (S003), which is none of our addresses",
        "Return it to its sender, or add the address to PEGLINE_EDI_ADDRESSES and replay it.",
    )
    return replace(interchange, parts=(), refused=refused)


def _read(part: Part, shared_numbers: list[str]) -> tuple[Part, DocumentContent | UnreadableMessage]:
    """The content of a message; where its syntax is wrong, the part says so as well."""
    message = part.message
    if isinstance(message, RefusedMessage):
        return part, message.why
    try:
        return part, _read_message(message, shared_numbers)
    except UnreadableMessage as error:
        if error.code not in _SYNTAX:
            return part, error
        refused = RefusedMessage(message.kind, message.reference, message.version, error)
        return replace(part, message=refused), error


def _read_message(message: Message, shared_numbers: list[str]) -> DocumentContent:
    try:
        match message.kind:
            case "CONTRL":
                return read_control(message)
            case "APERAK":
                return read_application_error(message)
            case "ORDRSP":
                _require_directory(message)
                return (read_answer(message, shared_numbers),)
            case "DESADV":
                _require_directory(message)
                return read_despatch(message, shared_numbers)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        detail = (
            f"message {message.reference}: {'.'.join(map(str, first['loc']))} is {first['input']!r}: {first['msg']}"
        )
        raise unreadable("bad_value", None, detail[:500]) from error
    detail = f"message {message.reference} is {message.kind or 'of no type'}; {_READ} are read"
    raise unreadable("message_type", None, detail, "Ask the supplier why it was sent here; drop it if by mistake.")


def _require_directory(message: Message) -> None:
    version, release, agency = message.version
    if version == "D" and agency == "UN" and segment_groups(message.kind, release) is not None:
        return
    named = ":".join(message.version)
    if version == "0":
        why = "it begins with the digit 0 where the directory's letter D is due"
    else:
        why = f"D:{FIRST_DIRECTORY} to D:{LAST_DIRECTORY} of UN are read"
    raise unreadable("message_version", None, f"message {message.reference} is {message.kind} {named}; {why}", _AGREE)
