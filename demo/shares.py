"""Order lines that several requirements share, read from the counterparts' books alone.

In the ERP, a shared line refers to one of its requirements; the planning system knows each order's coverage of every
requirement by day. So a requirement that is covered by an order without a line of its own shares a line of its item
which the ERP schedules, or the warehouse received, for such a day. Required dates don't help: around days off, several
have the same dock date. Ambiguities in the books are reported, never left out.

Pure: nothing here asks Pegline.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from demo.books import Books
from demo.erp_books import Line, items_by_line, quantity_of, reference_of_line, tracking_of_line
from demo.purchasing import purchasing_terms

_NOTHING = Decimal(0)
_COMING = ("ordered", "confirmed", "shipped", "received")


@dataclass(frozen=True)
class SharedLine:
    """A line that serves several requirements."""

    order: str
    line: int
    supplier: str
    item: str
    quantity: Decimal
    needs: Mapping[str, Decimal]
    """Each requirement's allocation, by demand reference, as reported to the planning system."""
    coverage: Mapping[str, Decimal]
    """The coming quantity for each, from all orders."""
    confirmed: bool
    """Whether its supplier has promised all of it for one day."""

    @property
    def name(self) -> str:
        """The line's name for a buyer."""
        return f"{self.order}/{self.line}"

    def without(self, references: set[str]) -> Decimal:
        """The line's quantity without these requirements: the needs of the others in whole lots (R5)."""
        left = [need for reference, need in self.needs.items() if reference not in references]
        return whole_lots(sum(left, _NOTHING), self.item, self.supplier)


@dataclass(frozen=True)
class Decrease:
    """A shared line after some of its requirements released their allocations."""

    line: SharedLine
    gone: frozenset[str]
    after: Decimal
    coverage: Mapping[str, Decimal]
    """The coming quantity for each of the others, by demand reference, according to the planning system."""

    @property
    def expected(self) -> Decimal:
        """The line's expected quantity (R12, R5)."""
        return self.line.without(set(self.gone))

    @property
    def faults(self) -> list[str]:
        """Deviations from the rule."""
        found = []
        if self.after != self.expected:
            found.append(f"line {self.line.name} is {self.after}, has to be {self.expected}")
        for reference, coming in self.coverage.items():
            theirs = min(self.line.needs[reference], self.line.coverage[reference])
            if coming < theirs:
                found.append(f"{reference} has {coming} left of its {theirs}")
        return found


@dataclass(frozen=True)
class Reading:
    """The requirements that each order line serves, by demand reference."""

    serves: Mapping[Line, Sequence[str]]
    """The requirements of a line, the one that the ERP refers to first; for an ambiguous line all that it may serve."""
    maybe_written: frozenset[Line] = frozenset()
    """Lines of one item and day in one order, between which the books don't distinguish the requirements."""
    unread: Sequence[str] = ()
    """Coverage that no line explains."""

    def lines_of(self, reference: str) -> list[Line]:
        """The lines that serve, or may serve, a requirement."""
        return [line for line, references in self.serves.items() if reference in references]


def whole_lots(needed: Decimal, item: str, supplier: str) -> Decimal:
    """R5 for one line, by the ERP's terms for the item from the supplier."""
    if needed <= 0:
        return _NOTHING
    terms = next(term for term in purchasing_terms() if (term.item, term.supplier) == (item, supplier))
    return (max(needed, terms.minimum) / terms.multiple).to_integral_value(ROUND_CEILING) * terms.multiple


def read_lines(books: Books) -> Reading:
    """Infer which line serves which requirement, from the ERP's lines and the coverage in the planning system."""
    plan = {key: row for version in books.aps["versions"].values() for key, row in version["requirements"].items()}
    erp = _Erp(books)
    serves = {line: [reference] for line, reference in erp.known_by.items()}
    maybe_written: set[Line] = set()
    unread: list[str] = []
    for reference, rows in sorted(books.aps["coverage_by_reference"].items()):
        for order, schedule_lines in _by_order(rows).items():
            if reference not in plan or not schedule_lines:
                continue
            reported = f"{reference}: {_sum(schedule_lines)} of order {order}"
            own = [line for line in erp.lines[order] if erp.known_by.get(line) == reference]
            if own:
                held = sum(map(erp.quantity, own), _NOTHING)
                if _sum(schedule_lines) > held:
                    unread.append(f"{reported}, where its own lines hold {held}")
                continue
            found = erp.lines_for(order, plan[reference], schedule_lines)
            if not found:
                unread.append(f"{reported}, which has no line of {plan[reference]['item']}")
            if len(found) > 1:
                maybe_written.update(found)
            for line in found:
                serves.setdefault(line, []).append(reference)
    return Reading(serves, frozenset(maybe_written), unread)


class _Erp:
    """The ERP's lines, indexed to match coverage to them."""

    def __init__(self, books: Books) -> None:
        self.books, self.items = books, items_by_line(books)
        self.known_by = reference_of_line(books)
        self.lines: dict[str, list[Line]] = defaultdict(list)
        """By order."""
        self.days: dict[Line, set[str]] = {}
        """The days on which each line is due or was received."""
        for line, item in self.items.items():
            self.lines[line[0]].append(line)
            self.days[line] = {row["ScheduleLineDeliveryDate"][:10] for row in item["schedule"]}
        for receipt in books.wms["receipts"].values():
            self.days.setdefault((receipt["order"], int(receipt["line"])), set()).add(receipt["date"][:10])

    def quantity(self, line: Line) -> Decimal:
        """The ordered quantity."""
        return Decimal(self.items[line]["OrderQuantity"])

    def lines_for(
        self, order: str, requirement: Mapping[str, Any], schedule_lines: Sequence[Mapping[str, Any]]
    ) -> list[Line]:
        """The lines of the order that may supply these quantities to the requirement: of its item, then of such a day,
        then with enough left by the requirement that the ERP refers to. Where none fits, all, so that nothing is lost.
        """
        requested = (requirement["plant"], requirement["item"])
        days = {part["date"] for part in schedule_lines if part["date"]}
        found = [
            line for line in self.lines[order] if (self.items[line]["Plant"], self.items[line]["Material"]) == requested
        ]
        found = [line for line in found if self.days[line] & days] or found
        return [line for line in found if _sum(schedule_lines) <= self._room(line)] or found

    def _room(self, line: Line) -> Decimal:
        first = self.known_by.get(line)
        return self.quantity(line) - (given_by(self.books, line[0], first) if first else _NOTHING)


def unknown_lines(books: Books, internal_needs: Iterable[str]) -> list[str]:
    """Lines for a requirement of no plan, without those for our own orders' needs (recognized by their tracking).

    A deleted line has released its requisition and supplies nothing.
    """
    known, own, tracking = reference_of_line(books), set(internal_needs), tracking_of_line(books)
    return [
        f"line {order}/{line} is tracked by {tracking.get((order, line), 'nothing')}, which no plan names"
        for order, line in items_by_line(books)
        if (order, line) not in known and tracking.get((order, line)) not in own and quantity_of(books, order, line)
    ]


def shared_lines(books: Books, reading: Reading) -> list[SharedLine]:
    """Lines that now serve more than one requirement, where the requirements are certain."""
    planned, items = books.planned["requirements"], items_by_line(books)
    supplier = {order["PurchaseOrder"]: order["Supplier"] for order in books.erp["orders"]}
    needs = {
        line: {reference: need for reference in references if (need := given_by(books, line[0], reference))}
        for line, references in sorted(reading.serves.items())
        if line not in reading.maybe_written
    }
    return [
        SharedLine(
            order=order,
            line=number,
            supplier=supplier[order],
            item=items[order, number]["Material"],
            quantity=quantity_of(books, order, number),
            needs=other_allocations,
            coverage={reference: coverage_of(books, reference) for reference in other_allocations},
            confirmed=_is_confirmed(items[order, number]),
        )
        for (order, number), other_allocations in needs.items()
        if len(other_allocations) > 1 and all(reference in planned for reference in other_allocations)
    ]


def given_by(books: Books, order: str, reference: str) -> Decimal:
    """An order's coverage of a requirement, including backordered quantities, as reported to the planning system."""
    return _sum(_by_order(books.aps["coverage_by_reference"].get(reference, [])).get(order, []))


def coverage_of(books: Books, reference: str) -> Decimal:
    """A requirement's coming and received quantity from all orders, as reported to the planning system."""
    rows = books.aps["coverage_by_reference"].get(reference, [])
    return _sum(part for row in rows for part in row["scheduleLines"] if part["state"] in _COMING)


def decrease_of(books: Books, line: SharedLine, gone: set[str]) -> Decrease:
    """A shared line's state after these requirements released their allocations."""
    others = [reference for reference in line.needs if reference not in gone]
    return Decrease(
        line=line,
        gone=frozenset(gone),
        after=quantity_of(books, line.order, line.line),
        coverage={reference: coverage_of(books, reference) for reference in others},
    )


def _by_order(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Each order's quantity, whatever its state: backordered quantities are on the line as well."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["order"]] += [part for part in row["scheduleLines"] if Decimal(part["quantity"])]
    return found


def _sum(schedule_lines: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((Decimal(part["quantity"]) for part in schedule_lines), _NOTHING)


def _is_confirmed(item: dict[str, Any]) -> bool:
    (first, *others) = item["schedule"]
    return not others and Decimal(first["ScheduleLineCommittedQuantity"]) == Decimal(item["OrderQuantity"])
