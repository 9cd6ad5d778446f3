"""Purchases as Tryton holds them: their lines, and the stock moves by which what is ordered comes.

Decided here: once a purchase is processed its lines are frozen, and its moves say what is still to come, and when; a
cancelled move that nobody has decided on yet (neither ignored nor recreated) is no longer to come. Our line number is
the line's `sequence`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.erp.remote import Items, RemoteDocument, RemoteItem, RemoteScheduleLine, day_within_calendar
from adapters.erp.remote import quantity_or_price as number
from adapters.erp.tryton.rpc import TrytonRpc
from adapters.errors import PermanentError

FIELDS = (
    *("number", "state", "reference", "create_date", "write_date"),
    *(
        "lines.type",
        "lines.sequence",
        "lines.quantity",
        "lines.unit_price",
        "lines.delivery_date",
        "lines.product.code",
    ),
    *("lines.unit", "lines.moves_ignored", "lines.moves_recreated", "lines.moves.state", "lines.moves.quantity"),
    *("lines.moves.planned_date", "lines.moves.unit", "lines.moves._timestamp", "lines.moves.write_date"),
)
_UNPROCESSED = ("draft", "quotation", "confirmed")


@dataclass(frozen=True)
class Move:
    """A stock move of a line."""

    id: int
    state: str
    quantity: Decimal
    date: dt.date | None
    timestamp: str

    @property
    def open(self) -> bool:
        """Whether it is still to come."""
        return self.state not in ("done", "cancelled")


@dataclass(frozen=True)
class Line:
    """A line of a purchase."""

    id: int
    number: int
    quantity: Decimal
    price: Decimal
    unit: int
    item: str
    date: dt.date | None
    moves: tuple[Move, ...]
    undecided: tuple[int, ...]
    """Cancelled moves that are neither ignored nor recreated."""

    @property
    def to_come(self) -> list[Move]:
        """The moves that are open and move something, the earliest first."""
        return sorted((one for one in self.moves if one.open and one.quantity), key=lambda one: (str(one.date), one.id))

    @property
    def received(self) -> Decimal:
        """What has come."""
        return sum((one.quantity for one in self.moves if one.state == "done"), Decimal(0))


@dataclass(frozen=True)
class Purchase:
    """A purchase."""

    id: int
    number: str
    state: str
    lines: tuple[Line, ...]
    changed_at: dt.datetime | None

    @property
    def processed(self) -> bool:
        """Whether its moves say what is to come."""
        return self.state not in (*_UNPROCESSED, "cancelled")

    @property
    def name(self) -> str:
        """Its number; a draft has none."""
        return self.number or f"draft {self.id}"

    def items(self) -> Items:
        """Its lines as every dialect shows them."""
        return {line.number: self._item(line) for line in self.lines}

    def document(self) -> RemoteDocument:
        """It, as what is there under a reference; its number is Tryton's id."""
        alive = () if self.state == "cancelled" else tuple(n for n, item in self.items().items() if not item.deleted)
        return RemoteDocument(self.name, alive, requisition=str(self.id))

    def _item(self, line: Line) -> RemoteItem:
        if not self.processed:
            parts = [(line.date, line.quantity)]
            gone = self.state == "cancelled"
            received = Decimal(0)
        else:
            parts = [(one.date, one.quantity) for one in line.moves if one.state != "cancelled" and one.quantity]
            received = line.received
            gone = bool(line.moves) and not line.to_come and not received
        schedule = tuple(
            RemoteScheduleLine(n, day_within_calendar(day), quantity, Decimal(0))
            for n, (day, quantity) in enumerate(sorted(parts, key=lambda part: str(part[0])), start=1)
        )
        return RemoteItem(
            order=self.name,
            number=line.number,
            quantity=sum((part.quantity for part in schedule), Decimal(0)),
            deleted=gone,
            completed=self.processed and received > 0 and not line.to_come,
            requisition="",
            schedule=schedule,
            price=line.price,
            material=line.item,
        )


async def purchases(rpc: TrytonRpc, where: Sequence[Any]) -> list[Purchase]:
    """The purchases that match, the oldest first. Raises PermanentError for rows of another shape."""
    method = "model.purchase.purchase.search_read"
    rows = await rpc.read(method, list(where), 0, None, [["id", "ASC"]], list(FIELDS))
    try:
        return [_purchase(row) for row in rows]
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        why = f"{type(error).__name__}: {str(error)[:120]}"
        raise PermanentError(rpc.system, f"{method} can't be read ({why}); it answered {str(rows)[:300]}") from error


def _purchase(row: Mapping[str, Any]) -> Purchase:
    lines = [_line(one) for one in row["lines."] if one["type"] == "line"]
    stamps = [row["write_date"] or row["create_date"], *(stamp for _, stamp in lines)]
    changed_at = max((stamp for stamp in stamps if stamp), default=None)
    return Purchase(row["id"], row["number"] or "", row["state"], tuple(line for line, _ in lines), changed_at)


def _line(row: Mapping[str, Any]) -> tuple[Line, dt.datetime | None]:
    unit = row["unit"]
    moves = []
    for one in row["moves."]:
        if one["unit"] != unit:
            raise ValueError(f"move {one['id']} is in another unit than its line")
        moves.append(
            Move(one["id"], one["state"], number(Decimal(one["quantity"])), one["planned_date"], one["_timestamp"])
        )
    decided = {*row["moves_ignored"], *row["moves_recreated"]}
    line = Line(
        id=row["id"],
        number=row["sequence"] or row["id"],
        quantity=number(Decimal(row["quantity"])),
        price=number(row["unit_price"] or Decimal(0)),
        unit=unit,
        item=(row["product."] or {}).get("code") or "",
        date=row["delivery_date"],
        moves=tuple(moves),
        undecided=tuple(one.id for one in moves if one.state == "cancelled" and one.id not in decided),
    )
    return line, max((one["write_date"] for one in row["moves."] if one["write_date"]), default=None)


__all__ = ["Line", "Move", "Purchase", "purchases"]
