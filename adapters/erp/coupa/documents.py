"""What Coupa's documents say, and how ours are written as requisitions and changes.

Decided here: our reference is the requisition's title (`req-title`) and, with the line's number, the end of every
line's description: both go in and come out of a requisition, and an order made of it carries the descriptions. An
order line's own external reference can't be set by a requisition. Dates are written as noon UTC: whatever the zone of
the instance, that is the day that was meant. Coupa's price is for one unit.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.dialects import Connection, OptionError
from adapters.erp.coupa.api import Row
from adapters.erp.remote import (
    Items,
    NotWritable,
    RemoteItem,
    RemoteScheduleLine,
    day_within_calendar,
    quantity_or_price,
)
from adapters.exact_json import number
from canonical.order import DocumentLine, OrderDocument

OPTIONS: Mapping[str, str] = {
    "requester": "the login in whose name requisitions are made; the integration's own if left out",
    "department": "the name of the department; none if left out",
    "addresses": "names of ship-to addresses by plant where they differ, such as 1710=HQ,1720=Plant East",
    "units": "codes of units of measure where they differ, such as H87=EA,KGM=KG",
    "items": "catalogue (the items are kept in Coupa by our number, the default) or described (by their text alone)",
}
OURS = "Pegline "
"""What the justification of our changes begins with; the step's key follows."""
_DESCRIPTION_MAX = 255
_LINE = re.compile(r"\((PL[A-Z2-7]{10})/(\d{1,6})\)\s*\Z")
_FINEST = Decimal("0.000001")


class CoupaSettings(NamedTuple):
    """What a system's options say."""

    requester: str = ""
    department: str = ""
    addresses: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    catalogue: bool = True


def read_settings(connection: Connection) -> CoupaSettings:
    """The settings of a system. Raises OptionError."""
    options = connection.own_options(OPTIONS)
    items = options.get("items", "catalogue")
    if items not in ("catalogue", "described"):
        raise OptionError("items", items, OPTIONS["items"])
    return CoupaSettings(
        requester=options.get("requester", ""),
        department=options.get("department", ""),
        addresses=_pairs(options, "addresses"),
        units=_pairs(options, "units"),
        catalogue=items == "catalogue",
    )


def _pairs(options: Mapping[str, str], name: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in options.get(name, "").split(","))):
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise OptionError(name, options[name], OPTIONS[name])
        pairs[ours.strip()] = theirs.strip()
    return pairs


# -- writing


def requisition_body(document: OrderDocument, settings: CoupaSettings) -> dict[str, Any]:
    """The requisition of a document. Raises NotWritable."""
    lines = [line for line in document.lines if not line.cancelled]
    body: dict[str, Any] = {
        "req-title": document.reference,
        "justification": f"Planned demand of plant {document.plant}, by Pegline",
        "ship-to-address": {"name": settings.addresses.get(document.plant, document.plant)},
        "requisition-lines": [_requisition_line(document, line, settings) for line in lines],
    }
    if settings.requester:
        body["requested-by"] = {"login": settings.requester}
    if settings.department:
        body["department"] = {"name": settings.department}
    return body


def _requisition_line(document: OrderDocument, line: DocumentLine, settings: CoupaSettings) -> dict[str, Any]:
    reference = f" ({document.reference}/{line.line})"
    text = f"{line.item} {line.description}".strip()[: _DESCRIPTION_MAX - len(reference)]
    body: dict[str, Any] = {
        "line-num": line.line,
        "description": text + reference,
        "quantity": line.quantity,
        "unit-price": unit_price(line.price, line.price_unit),
        "currency": {"code": document.currency},
        "supplier": {"number": document.supplier},
        "uom": {"code": settings.units.get(line.unit, line.unit)},
        "need-by-date": write_day(line.delivery_date),
    }
    if settings.catalogue:
        body["item"] = {"item-number": line.item}
    return body


def unit_price(price: Decimal, price_unit: Decimal) -> Decimal:
    """The price of one unit. Raises NotWritable where six decimals can't hold it exactly."""
    each = price / price_unit
    if round(each, 6) * price_unit != price:
        raise NotWritable(f"a price of {price} for {price_unit} is not exact in six decimals per unit, as Coupa has it")
    return each.quantize(_FINEST)


def write_day(day: dt.date) -> str:
    """The day as Coupa takes moments."""
    return f"{day.isoformat()}T12:00:00+00:00"


def change_body(order: Row, lines: Sequence[DocumentLine], key: str) -> dict[str, Any]:
    """The change request that brings lines of an order to the document's state. Raises NotWritable."""
    ids = {ours: row["id"] for ours, row in numbered(order["order-lines"]).items()}
    return {
        "order-header-id": order["id"],
        "justification": f"{OURS}{key}",
        "order-line-changes": [
            {"order-line-id": ids[line.line], "pending-delete": True}
            if line.cancelled
            else {
                "order-line-id": ids[line.line],
                "quantity": line.quantity,
                "price": unit_price(line.price, line.price_unit),
                "need-by-date": write_day(line.delivery_date),
            }
            for line in lines
            if line.line in ids
        ],
    }


# -- reading


def numbered(rows: Sequence[Row]) -> dict[int, Row]:
    """Lines by our number: by the end of their description, else by their place among the others."""
    found: dict[int, Row] = {}
    for place, row in enumerate(sorted(rows, key=lambda each: int(each["id"])), 1):
        known = line_of(str(row.get("description") or ""))
        found[known if known is not None else 10 * place] = row
    return found


def line_of(description: str) -> int | None:
    """The number of our line that a description ends with; None: it does not."""
    match = _LINE.search(description)
    return int(match.group(2)) if match else None


def items_of(order: Row, lines: Sequence[DocumentLine]) -> Items:
    """The order's lines; one of ours that is not there any more is deleted. Raises ValueError or LookupError."""
    held = numbered(order["order-lines"])
    cancelled = order["status"] == "cancelled"
    items: dict[int, RemoteItem] = {}
    for line in lines:
        row = held.get(line.line)
        if row is None:
            items[line.line] = RemoteItem(order["po-number"], line.line, Decimal(0), True, False, "")
            continue
        quantity = quantity_or_price(number(row["quantity"]))
        day = day_within_calendar(read_day(row.get("need-by-date")))
        items[line.line] = RemoteItem(
            order=order["po-number"],
            number=line.line,
            quantity=quantity,
            deleted=cancelled or row.get("status") == "cancelled",
            completed=row.get("status") in ("soft_closed_for_receiving", "closed"),
            requisition="",
            schedule=(RemoteScheduleLine(1, day, quantity, Decimal(0)),),
            price=quantity_or_price(number(row["price"])),
        )
    return items


def read_day(moment: Any) -> dt.date | None:
    """The day of a moment, in the zone that it is written in."""
    return None if moment in (None, "") else dt.date.fromisoformat(str(moment)[:10])


def read_moment(moment: Any) -> dt.datetime | None:
    """A moment; None: there is none, or none that can be read."""
    try:
        read = dt.datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=dt.UTC)
