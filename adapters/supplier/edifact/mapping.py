"""Our orders as EDIFACT: ORDERS, ORDCHG and OSTENQ (a reminder), in the directory that the supplier takes.

Decided here: which segments, in the order of the directory; that text is cut to its field while a code that does not
fit is refused; and that one idempotency key is one document, byte for byte: the references come from the key, the time
of preparation from the order's date. Not decided here: when to send what.
"""

import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal

from adapters.errors import PermanentError
from adapters.supplier.edifact.syntax import write_interchange
from canonical.identity import document_reference
from canonical.order import DocumentLine, OrderDocument

SYSTEM = "supplier"
CHARSET = "iso8859-1"
_Segment = tuple[str, *tuple[str | list[str], ...]]
_MESSAGE = "1"
_TEXT = 35
"""an..35: the longest single text of IMD and most references."""
_PARTY = 17
"""NAD 3039 in D.93A and D.96A; later directories take more."""
_SPELT_OUT = str.maketrans(
    {
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": ",",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u2026": "...",
        "\u20ac": "EUR",
        "\u2122": "TM",
        "\u0141": "L",
        "\u0142": "l",
        "\u0152": "OE",
        "\u0153": "oe",
        "\u0110": "D",
        "\u0111": "d",
        "\u0131": "i",
        "\u2033": '"',
        "\u2032": "'",
        "\u2300": "\u00d8",
        "\u2264": "<=",
        "\u2265": ">=",
        "\u03a9": "Ohm",
        "\u2126": "Ohm",
        "\u03bc": "\u00b5",
    }
)
"""Characters of item descriptions that ISO 8859-1 lacks, with equivalents."""


def control_reference(key: str) -> str:
    """The interchange's control reference (14 characters): the same for the same idempotency key."""
    return document_reference(key)


def write_order(document: OrderDocument, *, sender: str, key: str) -> bytes:
    """ORDERS with every line that is not cancelled; raises PermanentError for what EDIFACT can't carry."""
    lines = [line for line in document.lines if not line.cancelled]
    if not lines:
        raise PermanentError(SYSTEM, f"order {_order(document)}: every line is cancelled; there is nothing to send")
    body = _body(document, "220", "9", lines, lambda _: "")
    return _interchange("ORDERS", body, document, sender, key)


def write_change(document: OrderDocument, *, sender: str, key: str) -> bytes:
    """ORDCHG with every line, each saying whether it is deleted, changed or as before (LIN 1229)."""
    changed = frozenset(document.changed_lines)

    def action(line: DocumentLine) -> str:
        return "2" if line.cancelled else "3" if line.line in changed else "4"

    body = _body(document, "230", "4", document.lines, action)
    return _interchange("ORDCHG", body, document, sender, key)


def write_reminder(document: OrderDocument, *, sender: str, key: str) -> bytes:
    """OSTENQ: asks for the status of an order that was not answered, or not delivered by its date.

    The directory names the order in DOC, which has no place for its revision; gateways look for it in RFF+ON.
    """
    body: list[_Segment] = [
        ("BGM", "347", control_reference(key), "9"),
        ("DTM", ["137", f"{document.order_date:%Y%m%d}", "102"]),
        ("RFF", ["ON", _order(document), "", str(document.revision)]),
        *_parties(document),
        ("DOC", "220", _order(document)),
    ]
    return _interchange("OSTENQ", body, document, sender, key)


def transliterated(text: str) -> str:
    """The text in ISO 8859-1 with single blanks; characters without a counterpart lose their accents or become "?"."""
    spelt = unicodedata.normalize("NFC", " ".join(text.split())).translate(_SPELT_OUT)
    return " ".join("".join(map(_in_latin_1, spelt)).split())


def _in_latin_1(sign: str) -> str:
    if _printable_latin_1(sign):
        return sign
    if unicodedata.category(sign) in ("Cc", "Cf", "Mn", "Me"):
        return ""
    return "".join(part for part in unicodedata.normalize("NFKD", sign) if _printable_latin_1(part)) or "?"


def _printable_latin_1(sign: str) -> bool:
    return sign.isprintable() and sign <= "\xff"


def _body(
    document: OrderDocument,
    name: str,
    function: str,
    lines: Sequence[DocumentLine],
    action: Callable[[DocumentLine], str],
) -> list[_Segment]:
    expedite: list[_Segment] = [("FTX", "PUR", "1", "", "EXPEDITE")] if document.expedite else []
    return [
        ("BGM", name, _order(document), function),
        ("DTM", ["137", f"{document.order_date:%Y%m%d}", "102"]),
        *expedite,
        ("RFF", ["ON", _order(document), "", str(document.revision)]),
        *_parties(document),
        ("CUX", ["2", _code(document, "currency", document.currency, 3), "9"]),
        *(segment for line in lines for segment in _line(document, line, action(line))),
        ("UNS", "S"),
        ("CNT", ["2", str(len(lines))]),
    ]


def _parties(document: OrderDocument) -> list[_Segment]:
    """Buyer and supplier by our own codes (3055 = 92: assigned by the buyer)."""
    return [
        ("NAD", "BY", [_code(document, "plant", document.plant, _PARTY), "", "92"]),
        ("NAD", "SU", [_code(document, "supplier", document.supplier, _PARTY), "", "92"]),
    ]


def _line(document: OrderDocument, line: DocumentLine, action: str) -> list[_Segment]:
    statement = f"line {line.line}"
    description = transliterated(line.description)
    texts = [text for text in (description[:_TEXT], description[_TEXT : 2 * _TEXT]) if text]
    described: list[_Segment] = [("IMD", "F", "", ["", "", "", *texts])] if texts else []
    basis = _figure(document, f"{statement} price unit", line.price_unit, 9)
    return [
        (
            "LIN",
            _figure(document, "line", Decimal(line.line), 6),
            action,
            [_code(document, f"{statement} item", line.item, _TEXT), "BP"],
        ),
        *described,
        ("QTY", ["21", _figure(document, f"{statement} quantity", line.quantity, 15), line.unit]),
        ("DTM", ["2", f"{line.delivery_date:%Y%m%d}", "102"]),
        ("PRI", ["AAA", _figure(document, f"{statement} price", line.price, 15), "", "", basis, line.unit]),
    ]


def _order(document: OrderDocument) -> str:
    if document.order_number is None:
        raise PermanentError(SYSTEM, f"{document.order_id} has no order number yet; place it in the ERP before sending")
    return _code(document, "order number", document.order_number, _TEXT)


def _code(document: OrderDocument, what: str, code: str, longest: int) -> str:
    """The code unchanged: a code that is cut or respelt is another one."""
    if len(code) > longest:
        raise _refusal(document, what, code, f"longer than the {longest} characters that D.96A has for it")
    if not code or not all(map(_printable_latin_1, code)):
        raise _refusal(document, what, code, "not writable in ISO 8859-1 (UNOC)")
    return code


def _figure(document: OrderDocument, what: str, figure: Decimal, longest: int) -> str:
    text = f"{figure:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if len(text.replace(".", "")) > longest:
        raise _refusal(document, what, text, f"longer than the {longest} digits that D.96A has for it")
    return text


def _refusal(document: OrderDocument, what: str, value: str, why: str) -> PermanentError:
    statement = (
        f"order {document.order_number or document.order_id}: {what} {value!r} is {why}; correct it at its source"
    )
    return PermanentError(SYSTEM, statement)


def _interchange(kind: str, body: list[_Segment], document: OrderDocument, sender: str, key: str) -> bytes:
    reference = control_reference(key)
    prepared = [f"{document.order_date:%y%m%d}", "0000"]
    recipient = _code(document, "supplier's address", document.supplier_address or document.supplier, _TEXT)
    segments: list[_Segment] = [
        ("UNB", ["UNOC", "3"], _code(document, "sender", sender, _TEXT), recipient, prepared, reference),
        ("UNH", _MESSAGE, [kind, "D", document.directory, "UN"]),
        *body,
        ("UNT", str(len(body) + 2), _MESSAGE),
        ("UNZ", "1", reference),
    ]
    return write_interchange(segments).encode(CHARSET)
