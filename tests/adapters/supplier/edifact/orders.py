"""Orders to write, and a splitter of EDIFACT that shares nothing with the one under test."""

import datetime as dt
from decimal import Decimal

from canonical.identity import OrderId
from canonical.order import DocumentLine, OrderDocument


def line(number: int = 1, **differing: object) -> DocumentLine:
    """A line of 100 pieces for 15 June 2026 at 2.50."""
    usual: dict[str, object] = {
        "line": number,
        "item": f"BOLT-{number}",
        "description": "Bolt, M8",
        "quantity": Decimal(100),
        "unit": "EA",
        "delivery_date": dt.date(2026, 6, 15),
        "price": Decimal("2.50"),
        "requirement_reference": "REQUIREMEN",
    }
    return DocumentLine.model_validate(usual | differing)


def order(*lines: DocumentLine, **differing: object) -> OrderDocument:
    """An order of plant P1 to supplier V7."""
    usual: dict[str, object] = {
        "order_id": OrderId("order/P1/V7/abc"),
        "reference": "PLABCDEFGHIJ",
        "plant": "P1",
        "company_code": "1010",
        "purchasing_organization": "1010",
        "purchasing_group": "001",
        "supplier": "V7",
        "currency": "EUR",
        "order_date": dt.date(2026, 6, 1),
        "order_number": "4500000017",
        "lines": lines or (line(),),
    }
    return OrderDocument.model_validate(usual | differing)


def split(document: bytes) -> list[list[list[str]]]:
    """The segments after the UNA, each a list of elements, each a list of components; character by character."""
    text = document.decode("iso8859-1")
    assert text[:9] == "UNA:+.? '"
    segments: list[list[list[str]]] = [[[""]]]
    released = False
    for sign in text[9:]:
        if released or sign not in ":+?'":
            segments[-1][-1][-1] += sign
            released = False
        elif sign == "?":
            released = True
        elif sign == ":":
            segments[-1][-1].append("")
        elif sign == "+":
            segments[-1].append([""])
        else:
            segments.append([[""]])
    assert segments.pop() == [[""]], "something stands after the last segment"
    return segments


def tagged(document: bytes, tag: str) -> list[list[list[str]]]:
    """The elements of every segment of a tag."""
    return [elements[1:] for elements in split(document) if elements[0] == [tag]]
