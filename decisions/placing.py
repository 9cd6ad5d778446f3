"""R9, placing: which line of our order each line of a supplier's document is about, in the order's own units.

Decided here: that the item decides where the number may be the supplier's own count; that quantities and prices are
converted by the item's own conversions, then by physics, exactly or not at all; and that a document of another party
speaks for nobody. What would have to be guessed is left out, with a reason for a person. Not here: what an answer
promises (answers).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from canonical.order import LineAnswer, OrderAnswer, ShipmentAnnounced, ShippedLine
from canonical.supply import OtherUnit
from decisions.units import in_order_unit, per_order_unit

_PRICE_BEYOND = Decimal(10) ** 12
_UNIT_BEYOND = Decimal(10) ** 9


class OrderedLine(NamedTuple):
    """A line of our order, as far as a supplier's line is compared with it."""

    number: int
    item: str
    unit: str
    other_units: tuple[OtherUnit, ...] = ()


class PlacedShipment(NamedTuple):
    """The shipment in the order's terms, and what of it can't be placed or converted, by the supplier's line number."""

    shipment: ShipmentAnnounced
    unclear: dict[int, str]


def foreign_party(stated: str | None, sender: str | None, supplier: str, addresses: Sequence[str]) -> str | None:
    """Why a document is not from the order's supplier; None where it is, or names nobody.

    `stated`: our number of the supplier in it. `sender`: its interchange address. `addresses`: those of the supplier,
    besides its number; where none is known, the sender is not compared.
    """
    if stated is not None and stated != supplier:
        return f"it names supplier {stated}, the order is with {supplier}"
    if addresses and sender is not None and sender not in (supplier, *addresses):
        known = ", ".join((supplier, *addresses))
        return f"it was sent from {sender}, which is no address of {supplier} ({known})"
    return None


def place_answer(answer: OrderAnswer, order: Sequence[OrderedLine]) -> OrderAnswer:
    """The answer with each line at the order's line that it is about, in that line's unit, or with an objection."""
    places = _places(answer.lines, order)
    lines = {line.number: line for line in order}
    placed: list[LineAnswer] = []
    for number, (stated, objection) in places.items():
        converted = _in_units(stated, lines[number]) if number in lines and not objection else objection or stated
        if isinstance(converted, str):
            converted = stated.model_copy(update={"objection": converted})
        placed.append(converted.model_copy(update={"line": number}))
    return answer.model_copy(update={"lines": tuple(placed)})


def place_shipment(shipment: ShipmentAnnounced, order: Sequence[OrderedLine]) -> PlacedShipment:
    """The shipment with each quantity at the order's line that it is about, in that line's unit."""
    lines = {line.number: line for line in order}
    placed: list[ShippedLine] = []
    unclear: dict[int, str] = {}
    for number, (stated, objection) in _places(shipment.lines, order).items():
        line = lines.get(number)
        if objection or line is None:
            unclear[number] = objection or f"the order has no line {number}"
            continue
        quantity = in_order_unit(stated.quantity, stated.unit, line.unit, line.other_units)
        if quantity is None:
            unclear[number] = f"line {number} is in {line.unit}, the despatch of {stated.quantity:f} in {stated.unit}"
        else:
            placed.append(stated.model_copy(update={"line": number, "quantity": quantity, "unit": line.unit}))
    return PlacedShipment(shipment.model_copy(update={"lines": tuple(placed)}), unclear)


_Stated = TypeVar("_Stated", LineAnswer, ShippedLine)


def _places(stated: Sequence[_Stated], order: Sequence[OrderedLine]) -> dict[int, tuple[_Stated, str]]:
    """Each line of the document by the order's line that it is about, with the objection to it, empty for none."""
    items = {line.number: line.item for line in order}
    places: dict[int, tuple[_Stated, str]] = {}
    for each in stated:
        number = _place(each, items)
        if isinstance(number, str):
            places[each.line] = (each, number)
        elif number in places:
            places[number] = (each, f"two lines of the document are about line {number} of the order")
        else:
            places[number] = (each, "")
    return places


def _place(stated: LineAnswer | ShippedLine, items: Mapping[int, str]) -> int | str:
    """The number of the order's line; a text: why there is none."""
    item, number = stated.item, stated.line
    if item is None or (number in items and _same_item(items[number], item)):
        return number
    there = (
        f"line {number} of the order is item {items[number]}" if number in items else f"the order has no line {number}"
    )
    if stated.by_reference:
        return f"{there}; the document names item {item} for it"
    found = [line for line, its_item in items.items() if _same_item(its_item, item)]
    if len(found) != 1:
        how_many = "no line" if not found else "several lines"
        return f"{there}; the document names item {item}, of which the order has {how_many}"
    return found[0]


def _same_item(ours: str, stated: str) -> bool:
    """Codes compare without leading zeros of numbers and without case: systems pad and capitalize them."""
    one, other = ours.casefold(), stated.casefold()
    return one == other or (one.isdecimal() and other.isdecimal() and one.lstrip("0") == other.lstrip("0"))


def _in_units(answer: LineAnswer, line: OrderedLine) -> LineAnswer | str:
    """The answer in the unit of the order line; a text: why it can't be."""
    pieces = []
    for piece in answer.schedule_lines:
        if piece.quantity is not None and piece.unit is not None:
            quantity = in_order_unit(piece.quantity, piece.unit, line.unit, line.other_units)
            if quantity is None:
                return f"the answer is in {piece.unit} ({piece.quantity:f}), the order in {line.unit}"
            piece = piece.model_copy(update={"quantity": quantity, "unit": line.unit})
        pieces.append(piece)
    answer = answer.model_copy(update={"schedule_lines": tuple(pieces)})
    if answer.price is None or answer.price_measure in (None, line.unit):
        return answer
    return _priced(answer, answer.price, answer.price_measure or "", line)


def _priced(answer: LineAnswer, price: Decimal, measure: str, line: OrderedLine) -> LineAnswer | str:
    """The price for a quantity of the order unit, exactly: so much more money, or so many more units for it."""
    ratio = per_order_unit(measure, line.unit, line.other_units)
    if ratio is None:
        return f"its price is for {measure}, the order's for {line.unit}, and nothing converts them"
    money, units = price * ratio[0], (answer.price_unit or Decimal(1)) * ratio[1]
    if money >= _PRICE_BEYOND or units >= _UNIT_BEYOND:
        return f"its price for {measure} can't be written for {line.unit}"
    return answer.model_copy(update={"price": money, "price_unit": units, "price_measure": line.unit})
