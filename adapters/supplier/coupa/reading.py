"""Reads what Coupa has of suppliers: order confirmations and advance ship notices, as its REST API writes them in JSON.

Decided here: a confirmation's line is ours by the reference at the end of its description, else by its item; what it
confirms is its schedule lines, else its quantity for the promised day, in the zone that it is written in; a line that
nobody acted on says nothing. Units that are not UN/ECE codes are left out: as ordered. Nothing is guessed.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from adapters import exact_json
from adapters.errors import UnreadableMessage
from adapters.ports import DocumentPart, SupplierDocument
from canonical.order import (
    AnswerOutcome,
    AnswerScheduleLine,
    DespatchFunction,
    LineAnswer,
    OrderAnswer,
    ShipmentAnnounced,
    ShippedLine,
)
from canonical.units import known_unit

Row = Mapping[str, Any]
_LINE = re.compile(r"\(PL[A-Z2-7]{10}/(\d{1,6})\)\s*\Z")
_OUTCOMES = {
    "accept": AnswerOutcome.CHANGED,
    "confirmed": AnswerOutcome.CHANGED,
    "propose_change": AnswerOutcome.CHANGED,
    "pending_buyer_action": AnswerOutcome.CHANGED,
    "reject": AnswerOutcome.REJECTED,
    "rejected": AnswerOutcome.REJECTED,
}
"""By a line's action, else its status. What is accepted is read by the values that it names."""
_SILENT = ("pending_supplier_action", "supplier_draft", "archived")
_VOID = ("cancelled", "voided")


class CoupaDocuments:
    """Implements adapters.ports.SupplierDialect."""

    def read(self, body: bytes, content_type: str) -> SupplierDocument:
        """One confirmation or ship notice, or a list of them."""
        try:
            read = exact_json.loads(body)
        except ValueError as error:
            why = UnreadableMessage(
                "malformed_json", f"not JSON: {error}"[:300], "send Coupa's row as its API gives it"
            )
            return SupplierDocument([DocumentPart(body, why)])
        rows = read if isinstance(read, list) else [read]
        return SupplierDocument([_part(row) for row in rows])


def _part(row: Any) -> DocumentPart:
    whole = json.dumps(row, default=str).encode()
    try:
        if "order-line-confirmations" in row:
            return DocumentPart(whole, (_answer(row),))
        if "asn-number" in row:
            return DocumentPart(whole, tuple(_shipments(row)))
    except UnreadableMessage as why:
        return DocumentPart(whole, why)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        detail = f"{type(error).__name__}: {error}"[:300]
        return DocumentPart(whole, UnreadableMessage("unreadable_row", detail, "see what Coupa's API gives; replay"))
    neither = UnreadableMessage("unknown_row", "neither a confirmation nor a ship notice", "send one of these two")
    return DocumentPart(whole, neither)


def _answer(row: Row) -> OrderAnswer:
    at = _moment(row["updated-at"])
    lines = tuple(line for each in row["order-line-confirmations"] if (line := _line_answer(each)) is not None)
    if not lines:
        raise UnreadableMessage("nothing_confirmed", "no line of it is answered yet", "nothing: the answer will come")
    return OrderAnswer(
        order_number=row["order-header"]["po-number"],
        answer_number=f"{row['id']}@{row['updated-at']}"[:70],
        lines=lines,
        effective_at=at,
        currency=_code(row["order-line-confirmations"][0].get("currency")),
    )


def _line_answer(row: Row) -> LineAnswer | None:
    action, status = row.get("action"), row.get("status")
    if status in _SILENT:
        return None
    outcome = _OUTCOMES.get(str(action)) or _OUTCOMES.get(str(status))
    if outcome is None:
        raise UnreadableMessage(
            "unknown_action", f"line {row.get('line-num')} has action {action!r}, status {status!r}", "ask the supplier"
        )
    number, ours, item = _which(row, row["order-line"])
    unit = _unit(row.get("uom"))
    parts = [(part["quantity"], part.get("delivery-date")) for part in row.get("schedule-lines") or ()]
    if not parts:
        parts = [(row.get("quantity"), row.get("promised-date"))]
    rejected = outcome is AnswerOutcome.REJECTED
    return LineAnswer(
        line=number,
        by_reference=ours,
        item=item,
        schedule_lines=tuple(
            AnswerScheduleLine(
                outcome=outcome,
                quantity=None if rejected or quantity is None else _number(quantity),
                unit=unit,
                date=None if rejected else _day(day),
            )
            for quantity, day in parts
        ),
        price=None if rejected or row.get("price") is None else _number(row["price"]),
        price_unit=None if rejected or row.get("price") is None else Decimal(1),
    )


def _shipments(row: Row) -> Iterator[ShipmentAnnounced]:
    by_order: dict[str, list[ShippedLine]] = {}
    for each in row["lines"]:
        number, ours, item = _which(each, each["order-line"])
        shipped = ShippedLine(
            line=number,
            by_reference=ours,
            item=item,
            quantity=_number(each["quantity"]),
            unit=_unit(each.get("uom")),
        )
        by_order.setdefault(str(each["order-line"]["order-header-number"]), []).append(shipped)
    function: DespatchFunction = "cancellation" if row.get("status") in _VOID else "original"
    for order, lines in by_order.items():
        yield ShipmentAnnounced(
            order_number=order,
            despatch_number=str(row["asn-number"]),
            function=function,
            arrives_on=_day(row.get("delivery-date")),
            lines=tuple(lines),
            effective_at=_moment(row["updated-at"]),
        )


def _which(row: Row, order_line: Row) -> tuple[int, bool, str | None]:
    """Our line: its number, whether that is ours, and the item."""
    known = _LINE.search(str(row.get("description") or order_line.get("description") or ""))
    item = (order_line.get("item") or row.get("item") or {}).get("item-number")
    if known:
        return int(known.group(1)), True, item
    return int(str(order_line["line-num"])), False, item


def _number(value: Any) -> Decimal:
    number = Decimal(str(value))
    return number.normalize() + 0 if number.is_finite() else number


def _day(moment: Any) -> dt.date | None:
    return None if moment in (None, "") else dt.date.fromisoformat(str(moment)[:10])


def _moment(text: Any) -> dt.datetime:
    moment = dt.datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _code(row: Any) -> str | None:
    return str(row["code"])[:10] if isinstance(row, Mapping) and row.get("code") else None


def _unit(row: Any) -> str | None:
    code = _code(row)
    return code if code is not None and known_unit(code) is not None else None
