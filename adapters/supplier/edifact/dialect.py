"""The EDIFACT D.96A dialect: an interchange from a supplier as canonical models.

Decided here: which message types are read (ORDRSP, DESADV, both D.96A of UN or a subset of it), and that an interchange
is read as a whole or not at all. What can't be read without guessing is an UnreadableMessage.
"""

from collections import Counter

from pydantic import ValidationError

from adapters.supplier.edifact.answers import read_answer
from adapters.supplier.edifact.despatch import read_despatch
from adapters.supplier.edifact.syntax import Message, read_interchange, unreadable
from canonical.order import OrderAnswer, ShipmentAnnounced

_D96A = ("D", "96A", "UN")


class EdifactDialect:
    """Reads ORDRSP and DESADV; satisfies adapters.ports.SupplierDialect."""

    def read(self, body: bytes, content_type: str) -> tuple[OrderAnswer | ShipmentAnnounced, ...]:
        """The content of each message, in order; raises UnreadableMessage for the whole interchange."""
        messages = read_interchange(body, content_type)
        numbers = Counter(message.segments[0].value(1) for message in messages if message.segments)
        shared = [number for number, times in numbers.items() if times > 1]
        return tuple(detail for message in messages for detail in _read_message(message, shared))


def _read_message(message: Message, shared_numbers: list[str]) -> tuple[OrderAnswer | ShipmentAnnounced, ...]:
    if message.kind not in ("ORDRSP", "DESADV"):
        detail = f"message {message.reference} is {message.kind or 'of no type'}; ORDRSP and DESADV are read"
        raise unreadable("message_type", None, detail, "Ask the supplier why it was sent here; drop it if by mistake.")
    if message.version != _D96A:
        detail = f"message {message.reference} is {message.kind} {':'.join(message.version)}; D:96A:UN is read"
        raise unreadable(
            "message_version", None, detail, "Agree on D.96A with the supplier, or connect another dialect."
        )
    try:
        if message.kind == "ORDRSP":
            return (read_answer(message, shared_numbers),)
        return read_despatch(message, shared_numbers)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        detail = (
            f"message {message.reference}: {'.'.join(map(str, first['loc']))} is {first['input']!r}: {first['msg']}"
        )
        raise unreadable("bad_value", None, detail) from error
