"""Business Central's purchase orders, as small models. Pure: no I/O.

Decided here: `sequence` (Line No., which can't be changed) says which line of ours a line belongs to: line 10 is 10000
and, where its delivery is split, 10001 and so on. Lines that people add in between belong to none of ours. An order of
ours carries our reference in `description2` of its lines, or in a field of the header.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapters.erp.business_central.api import Row
from adapters.erp.parts import LinePart, Parts
from adapters.erp.remote import RemoteDocument, age, day_within_calendar, quantity_or_price
from adapters.exact_json import number

DRAFT, IN_REVIEW, RELEASED = "Draft", "In Review", "Open"
"""`status` of the API; the page calls them Open, Pending Approval (or Prepayment), Released."""
PARTS_MAX = 1_000
_NO_DAY = "0001-01-01"


@dataclass(frozen=True)
class CentralOrder:
    """A purchase order with all its lines."""

    id: str
    number: str
    status: str
    etag: str
    parts: Parts
    strange: int
    """How many lines it has that are none of ours."""
    references: frozenset[str]
    """What stands in `description2` of its lines."""
    changed_at: dt.datetime | None = None

    @property
    def document(self) -> RemoteDocument:
        """The order among those of one reference."""
        waits = f"order {self.number} waits for its approval in Business Central" if self.status == IN_REVIEW else ""
        return RemoteDocument(
            self.number,
            tuple(sorted(self.parts)),
            requisition=self.number if self.status == RELEASED else "",
            unreleased=waits,
        )


def line_number(sequence: int) -> int | None:
    """The number of our line; None: it is none of ours."""
    return sequence // PARTS_MAX or None


def first_sequence(line: int) -> int:
    """The sequence of our line's first part."""
    return line * PARTS_MAX


def remote_orders(rows: Sequence[Row]) -> list[CentralOrder]:
    """These orders with their expanded lines, by number. Raises ValueError, KeyError or TypeError."""
    return sorted((_order(row) for row in rows), key=lambda one: age(one.number))


def _order(row: Row) -> CentralOrder:
    parts: dict[int, list[LinePart]] = {}
    strange, references = 0, set()
    for line in sorted(row["purchaseOrderLines"], key=lambda one: int(one["sequence"])):
        if line.get("lineType") != "Item":
            strange += line.get("lineType") not in ("Comment", " ", None)
            continue
        references.add(str(line.get("description2") or "").strip())
        own = line_number(int(line["sequence"]))
        if own is None or own % 10:
            strange += 1
        elif (part := _part(line)).quantity or part.received:
            parts.setdefault(own, []).append(part)
    return CentralOrder(
        id=_text(row["id"]),
        number=_text(row["number"]),
        status=_text(row["status"]).replace("_x0020_", " "),
        etag=_text(row["@odata.etag"]),
        parts=parts,
        strange=strange,
        references=frozenset(filter(None, references)),
        changed_at=_moment(row.get("lastModifiedDateTime")),
    )


def _part(line: Row) -> LinePart:
    return LinePart(
        key=_text(line["id"]),
        number=int(line["sequence"]),
        date=read_day(line.get("expectedReceiptDate")),
        quantity=quantity_or_price(number(line["quantity"])),
        received=quantity_or_price(number(line.get("receivedQuantity") or 0)),
        price=quantity_or_price(number(line.get("directUnitCost") or 0)),
        state=_text(line["@odata.etag"]),
        material=str(line.get("lineObjectNumber") or ""),
        unit=str(line.get("unitOfMeasureCode") or ""),
    )


def of_reference(orders: Iterable[CentralOrder], reference: str) -> list[CentralOrder]:
    """Those whose lines carry the reference."""
    return [one for one in orders if reference in one.references]


def read_day(value: object) -> dt.date | None:
    """A day; None for none, which Business Central writes as 0001-01-01. Raises ValueError."""
    if value in (None, "", _NO_DAY):
        return None
    if not isinstance(value, str):
        raise ValueError(f"not a day: {str(value)[:60]!r}")
    return day_within_calendar(dt.date.fromisoformat(value[:10]))


def _moment(value: object) -> dt.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"a text is expected, not {str(value)[:60]!r}")
    return value


def free_sequence(parts: Iterable[LinePart], line: int) -> int:
    """The next sequence for a further part of a line."""
    return max((part.number for part in parts), default=first_sequence(line) - 1) + 1


ZERO = Decimal(0)
