"""How the suppliers answer: rules that pick a behaviour, and what a behaviour makes of a line.

Decided here: which rule holds for an order and for a line (of each kind the first that matches), what a supplier
promises under it, and what it still promises when an order is changed. Not decided here: when and how it is sent.

Of a line:  accept, later_date (days: working days), split (share by the requested date, the rest `days` later),
            backorder_part (share backordered without a date), reject, price_change (percent)
Of an order: silent_until_reminded, answer_twice (the same bytes), unreadable (wrong counts, until fixed or reminded),
            accept_header_only (no lines), answer_old_revision (to a change: the former revision is answered first),
            own_line_numbers (LIN counts from 1, the item says which), acknowledge (a CONTRL goes before the answer),
            reject_syntax (CONTRL), reject_application (APERAK): the document is not taken, nothing else is answered;
            `times` is then how many documents of one order are rejected
Both kinds may hold at once. A rule is for first orders unless it says `document: ORDCHG` or `any`;
answer_old_revision is for changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from simulators.edi.documents import LinePromise, OrderLine, OrderText, ScheduleLine

LineBehaviour = Literal["accept", "later_date", "split", "backorder_part", "reject", "price_change"]
OrderBehaviour = Literal[
    "silent_until_reminded",
    "answer_twice",
    "unreadable",
    "accept_header_only",
    "answer_old_revision",
    "own_line_numbers",
    "acknowledge",
    "reject_syntax",
    "reject_application",
]
_OF_ORDERS = frozenset(get_args(OrderBehaviour))


class Match(BaseModel):
    """What a rule is for; what is left out matches all. A list matches each of its members."""

    model_config = ConfigDict(extra="forbid")

    supplier: str | list[str] | None = None
    plant: str | list[str] | None = None
    order: str | list[str] | None = None
    nth_order: int | list[int] | None = None
    """The place of the order among all that arrived, from 1."""
    item: str | list[str] | None = None
    line: int | list[int] | None = None
    document: Literal["ORDERS", "ORDCHG", "any"] | None = None
    least_lines: int = 1


class Rule(BaseModel):
    """A behaviour and what it is for; `times` limits how many answers it shapes."""

    model_config = ConfigDict(extra="forbid")

    match: Match = Field(default_factory=Match)
    behaviour: LineBehaviour | OrderBehaviour
    days: Annotated[int, Field(ge=1)] = 5
    share: Annotated[Decimal, Field(gt=0, lt=1)] = Decimal("0.5")
    percent: Decimal = Decimal(5)
    times: Annotated[int, Field(ge=1)] | None = None

    @property
    def of_order(self) -> bool:
        """The behaviour is of the whole order, not of a line."""
        return self.behaviour in _OF_ORDERS


@dataclass
class Rules:
    """The rules in force, with the answers that each has shaped."""

    rules: list[Rule] = field(default_factory=list)
    shaped: dict[int, set[tuple[str, int]]] = field(default_factory=dict)

    def replace(self, rules: Sequence[Rule]) -> None:
        """Put other rules in force."""
        self.rules, self.shaped = list(rules), {}

    def of_order(self, order: OrderText, nth: int) -> Rule | None:
        """Return the rule for how the whole order is answered."""
        return next((rule for rule in self._due(order, nth, None) if rule.of_order), None)

    def of_line(self, order: OrderText, nth: int, line: OrderLine) -> Rule | None:
        """Return the rule for what is promised of a line."""
        return next((rule for rule in self._due(order, nth, line) if not rule.of_order), None)

    def _due(self, order: OrderText, nth: int, line: OrderLine | None) -> "list[Rule]":
        answered = (order.order, order.revision)
        for number, rule in enumerate(self.rules):
            if rule.of_order != (line is None) or not _fits(rule, order, nth, line):
                continue
            shaped = self.shaped.setdefault(number, set())
            if rule.times is not None and answered not in shaped and len(shaped) >= rule.times:
                continue
            shaped.add(answered)
            return [rule]
        return []


def promise(line: OrderLine, rule: Rule | None) -> LinePromise:
    """Return what is promised of a line under a rule; without one, what was asked."""
    whole = LinePromise(line, (ScheduleLine(line.quantity, line.date),))
    match rule.behaviour if rule else "accept":
        case "later_date" if rule:
            return LinePromise(line, (ScheduleLine(line.quantity, later(line.date, rule.days)),))
        case "split" if rule:
            first = _part(line.quantity, rule.share)
            rest = ScheduleLine(line.quantity - first, later(line.date, rule.days))
            return LinePromise(line, (ScheduleLine(first, line.date), rest)) if 0 < first < line.quantity else whole
        case "backorder_part" if rule:
            short = _part(line.quantity, rule.share)
            sure = line.quantity - short
            return LinePromise(line, (ScheduleLine(sure, line.date), ScheduleLine(short, None))) if sure > 0 else whole
        case "reject":
            return LinePromise(line, rejected=True)
        case "price_change" if rule and line.price is not None:
            price = (line.price * (1 + rule.percent / 100)).quantize(Decimal("0.0001"))
            return LinePromise(line, whole.schedule_lines, price=price)
        case _:
            return whole


def promise_again(line: OrderLine, before: LinePromise, expedite: bool) -> LinePromise:
    """Return what is promised of a line after a change, by what was promised before it.

    Expedited: what was asked. Otherwise an unchanged line keeps its promise, and a supplier that was late stays at the
    day it named, unless a later one is asked now.
    """
    if line.deleted:
        return LinePromise(line)
    if before.rejected:
        return LinePromise(line, rejected=True)
    if expedite or before.line.deleted:
        return LinePromise(line, (ScheduleLine(line.quantity, line.date),))
    price = before.price if before.price is not None and line.price == before.line.price else None
    schedule_lines: list[ScheduleLine] = []
    left = line.quantity
    for part in before.schedule_lines:
        taken = min(left, part.quantity)
        if taken > 0:
            schedule_lines.append(ScheduleLine(taken, _day_again(part.date, before.line.date, line.date)))
        left -= taken
    if left > 0:
        schedule_lines.append(
            ScheduleLine(left, _day_again(before.schedule_lines[-1].date, before.line.date, line.date))
        )
    return LinePromise(line, _merged(schedule_lines), price=price)


def later(day: date, working_days: int) -> date:
    """Return the day so many working days (Monday to Friday) later."""
    while working_days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            working_days -= 1
    return day


def _day_again(promised: date | None, asked_before: date, asked: date) -> date | None:
    if promised is None or promised <= asked_before:
        return None if promised is None else asked
    return max(promised, asked)


def _merged(schedule_lines: Sequence[ScheduleLine]) -> tuple[ScheduleLine, ...]:
    by_day: dict[date | None, Decimal] = {}
    for part in schedule_lines:
        by_day[part.date] = by_day.get(part.date, Decimal(0)) + part.quantity
    return tuple(ScheduleLine(quantity, day) for day, quantity in by_day.items())


def _part(quantity: Decimal, share: Decimal) -> Decimal:
    """Return the share of a quantity, in whole units where the quantity is whole."""
    exact = quantity * share
    if quantity != quantity.to_integral_value():
        return exact
    return exact.to_integral_value(ROUND_FLOOR) or exact.to_integral_value(ROUND_CEILING)


def _fits(rule: Rule, order: OrderText, nth: int, line: OrderLine | None) -> bool:
    match = rule.match
    document = match.document or ("ORDCHG" if rule.behaviour == "answer_old_revision" else "ORDERS")
    received = "ORDCHG" if order.is_change else "ORDERS"
    return (
        document in (received, "any")
        and _among(order.supplier, match.supplier)
        and _among(order.plant, match.plant)
        and _among(order.order, match.order)
        and _among(nth, match.nth_order)
        and len(order.lines) >= match.least_lines
        and (line is None or (_among(line.item, match.item) and _among(line.line, match.line)))
    )


def _among(value: str | int, requested: "str | int | Sequence[str | int] | None") -> bool:
    if requested is None or isinstance(requested, str | int):
        return requested is None or value == requested
    return value in requested
