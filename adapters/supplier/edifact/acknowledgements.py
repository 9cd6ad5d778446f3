"""CONTRL and APERAK as the canonical acknowledgement of one of our documents; and our CONTRL for what we received.

Decided here: which document is meant (a CONTRL names it by our interchange's control reference, an APERAK by that, or
by the order), and whether it is taken, rejected or only received. Not decided here: what becomes of the order.
"""

from collections.abc import Sequence

from adapters.supplier.edifact.syntax import (
    Interchange,
    Message,
    Part,
    RefusedMessage,
    Segment,
    unreadable,
    write_interchange,
)
from adapters.supplier.edifact.values import document_number, effective_at, kept_texts, prepared_at
from canonical.identity import short_hash
from canonical.order import AcknowledgementOutcome, DocumentAcknowledged

_ASK = "Ask the supplier which of our documents is meant; then fix the message and replay it."
_ACTIONS = {  # 0083
    "4": AcknowledgementOutcome.REJECTED,
    "7": AcknowledgementOutcome.TAKEN,
    "8": AcknowledgementOutcome.RECEIVED,
}
_FUNCTIONS = {  # 1225
    **dict.fromkeys(("27", "10", "3", "1"), AcknowledgementOutcome.REJECTED),
    **dict.fromkeys(("29", "44", "6"), AcknowledgementOutcome.TAKEN),
    "12": AcknowledgementOutcome.RECEIVED,
}
_SAYS_NOTHING = frozenset({"", "9", "11"})
_OUR_REFERENCES = ("ACW", "ON", "AAN", "AGO", "TN")
"""1153: previous message, order, and what senders write for our document."""
_SYNTAX_ERRORS = {  # our refusals as 0085
    "control_count": "29",
    "control_reference": "28",
    "missing_segment": "13",
    "misplaced_segment": "15",
    "message_version": "3",
    "syntax": "6",
    "wrong_recipient": "7",
    "test_interchange": "25",
    "service_characters": "20",
    "charset": "21",
    "unknown_code": "2",
}


def read_control(message: Message) -> tuple[DocumentAcknowledged, ...]:
    """The acknowledgement in a CONTRL."""
    uci = next((segment for segment in message.segments if segment.tag == "UCI"), None)
    if uci is None:
        raise unreadable("missing_segment", None, f"CONTRL {message.reference} names no interchange (UCI)", _ASK)
    levels = [segment for segment in message.segments if segment.tag in ("UCI", "UCF", "UCM")]
    actions = {segment: segment.value(_action_place(segment)) for segment in levels}
    unknown = next((segment for segment, action in actions.items() if action not in _ACTIONS), None)
    if not uci.value(0) or unknown is not None:
        detail = "it names no interchange, or no action (0083) that we know"
        raise unreadable("unknown_code", unknown or uci, detail, _ASK)
    rejecting = [segment for segment, action in actions.items() if _ACTIONS[action] is AcknowledgementOutcome.REJECTED]
    outcome = AcknowledgementOutcome.REJECTED if rejecting else _ACTIONS[actions[uci]]
    errors = [segment for segment in message.segments if segment.tag in ("UCS", "UCD")]
    return (
        DocumentAcknowledged(
            reference=uci.value(0)[:35],
            acknowledgement_number=f"CONTRL/{message.header.reference[:14]}/{message.reference[:14]}",
            outcome=outcome,
            effective_at=effective_at(message),
            sender=message.header.sender[:35] or None,
            remarks=kept_texts([*(_syntax_error(segment) for segment in rejecting), *map(_place_of, errors)]),
        ),
    )


def read_application_error(message: Message) -> tuple[DocumentAcknowledged, ...]:
    """The acknowledgement in an APERAK: an error that it names (ERC) rejects the document."""
    beginning = message.segments[0] if message.segments else None
    if beginning is None or beginning.tag != "BGM":
        raise unreadable("missing_segment", beginning, f"message {message.reference} does not begin with BGM", _ASK)
    function = beginning.value(2)
    errors = [segment for segment in message.segments if segment.tag == "ERC"]
    outcome = AcknowledgementOutcome.REJECTED if errors else _FUNCTIONS.get(function)
    if function not in _FUNCTIONS and function not in _SAYS_NOTHING:
        raise unreadable("unknown_code", beginning, f"message function {function!r} (1225) is not in our table", _ASK)
    if outcome is None:
        outcome = AcknowledgementOutcome.RECEIVED
    elif errors and _FUNCTIONS.get(function) is AcknowledgementOutcome.TAKEN:
        raise unreadable("contradiction", beginning, f"{function} (1225) accepts, but there is an error (ERC)", _ASK)
    references = _our_references(message)
    if not references:
        raise unreadable("unknown_order", beginning, "no RFF or DOC says which document is meant", _ASK)
    texts = [
        " ".join(segment.elements[3])
        for segment in message.segments
        if segment.tag == "FTX" and len(segment.elements) > 3
    ]
    return (
        DocumentAcknowledged(
            order_number=references.get("ON"),
            reference=next(iter(references.values())),
            acknowledgement_number=f"APERAK/{document_number(message, beginning, ())}"[:70],
            outcome=outcome,
            effective_at=effective_at(message),
            sender=message.header.sender[:35] or None,
            remarks=kept_texts([*(f"error {segment.value(0)}" for segment in errors if segment.value(0)), *texts]),
        ),
    )


def _our_references(message: Message) -> dict[str, str]:
    found: dict[str, str] = {}
    for segment in message.segments:
        value = segment.value(0, 1)[:35] if segment.tag == "RFF" else segment.value(1)[:35]
        kind = segment.value(0) if segment.tag == "RFF" else "ON" if segment.value(0) in ("220", "230", "105") else ""
        if segment.tag in ("RFF", "DOC") and kind in _OUR_REFERENCES and value and value.isprintable():
            found.setdefault(kind, value)
    return {kind: found[kind] for kind in _OUR_REFERENCES if kind in found}


def _action_place(segment: Segment) -> int:
    return {"UCI": 3, "UCF": 3, "UCM": 2}[segment.tag]


def _syntax_error(segment: Segment) -> str:
    code = segment.value(_action_place(segment) + 1)
    return f"{segment.tag} rejected" + (f", syntax error {code} (0085)" if code else "")


def _place_of(segment: Segment) -> str:
    where = f"segment {segment.value(0)}" if segment.tag == "UCS" else f"element {segment.value(1)}"
    error = segment.value(1) if segment.tag == "UCS" else segment.value(0)
    return f"{where}: syntax error {error} (0085)" if error else where


def write_control(interchange: Interchange, parts: Sequence[Part]) -> bytes | None:
    """Our CONTRL on an interchange; None where its sender did not ask for one (0031), or the UNB can't be read.

    It speaks of syntax only: a message whose content a person has to look at is acknowledged.
    """
    header = interchange.header
    if header is None or not header.wants_acknowledgement:
        return None
    reference = short_hash(f"{header.sender}/{header.reference}", length=14).upper()
    refused = interchange.refused
    action = "4" if refused else "7"
    error = _SYNTAX_ERRORS.get(refused.code, "18") if refused else ""
    rejected = [
        ("UCM", part.message.reference, [part.message.kind, *part.message.version], "4", _code_of(part.message))
        for part in parts
        if isinstance(part.message, RefusedMessage) and part.message.why.code in _SYNTAX_ERRORS
    ]
    prepared = prepared_at(header)
    body: list[tuple[str, *tuple[str | list[str], ...]]] = [
        ("UCI", header.reference, [*header.segment.elements[1]], [*header.segment.elements[2]], action, error),
        *rejected,
    ]
    return write_interchange(
        [
            (
                "UNB",
                ["UNOC", "3"],
                [*header.segment.elements[2]],
                [*header.segment.elements[1]],
                [f"{prepared:%y%m%d}", f"{prepared:%H%M}"],
                reference,
            ),
            ("UNH", "1", ["CONTRL", "D", "3", "UN"]),
            *body,
            ("UNT", str(len(body) + 2), "1"),
            ("UNZ", "1", reference),
        ]
    ).encode("iso8859-1", "replace")


def _code_of(message: RefusedMessage) -> str:
    return _SYNTAX_ERRORS[message.why.code]
