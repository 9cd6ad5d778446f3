"""Order lines that several requirements share, found in the counterparts' books alone.

The ERP knows a shared line by one of its requirements; the planning system knows of every requirement which orders
cover it. So a requirement that an order covers and that has no line of its own there shares the line of its item and
date. Pure: nothing here asks Pegline.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from demo.books import Books
from demo.erp_books import Line, items_by_line, quantity_of, reference_of_line
from demo.purchasing import purchasing_terms

_NOTHING = Decimal(0)
_COMING = ("ordered", "confirmed", "shipped", "received")


@dataclass(frozen=True)
class SharedLine:
    """A line as it served several requirements."""

    order: str
    line: int
    supplier: str
    item: str
    quantity: Decimal
    needs: Mapping[str, Decimal]
    """What each requirement needs, by demand reference."""
    coverage: Mapping[str, Decimal]
    """What was coming for each, by all orders."""
    confirmed: bool
    """Its supplier has promised all of it for one day."""

    @property
    def name(self) -> str:
        """As a buyer says it."""
        return f"{self.order}/{self.line}"

    def without(self, references: set[str]) -> Decimal:
        """What the line has to be for the others: their needs in whole lots (R5)."""
        left = [need for reference, need in self.needs.items() if reference not in references]
        return whole_lots(sum(left, _NOTHING), self.item, self.supplier)


@dataclass(frozen=True)
class Decrease:
    """What became of a shared line when some of those that it served let go."""

    line: SharedLine
    gone: frozenset[str]
    after: Decimal
    coverage: Mapping[str, Decimal]
    """What is coming for each of the others, by demand reference, as the planning system knows it."""

    @property
    def expected(self) -> Decimal:
        """What the line has to be now (R12, R5)."""
        return self.line.without(set(self.gone))

    @property
    def faults(self) -> list[str]:
        """What did not go by the rule."""
        found = []
        if self.after != self.expected:
            found.append(f"line {self.line.name} is {self.after}, has to be {self.expected}")
        for reference, coming in self.coverage.items():
            theirs = min(self.line.needs[reference], self.line.coverage[reference])
            if coming < theirs:
                found.append(f"{reference} has {coming} left of its {theirs}")
        return found


def whole_lots(needed: Decimal, item: str, supplier: str) -> Decimal:
    """R5 of one line, by what the ERP knows of buying the item from the supplier."""
    if needed <= 0:
        return _NOTHING
    terms = next(term for term in purchasing_terms() if (term.item, term.supplier) == (item, supplier))
    return (max(needed, terms.minimum) / terms.multiple).to_integral_value(ROUND_CEILING) * terms.multiple


def shared_lines(books: Books) -> list[SharedLine]:
    """Lines that serve more than one requirement now."""
    planned, items = books.planned["requirements"], items_by_line(books)
    supplier = {order["PurchaseOrder"]: order["Supplier"] for order in books.erp["orders"]}
    return [
        SharedLine(
            order=order,
            line=number,
            supplier=supplier[order],
            item=items[order, number]["Material"],
            quantity=quantity_of(books, order, number),
            needs={reference: Decimal(planned[reference]["quantity"]) for reference in other_allocations},
            coverage={reference: coverage_of(books, reference) for reference in other_allocations},
            confirmed=_is_confirmed(items[order, number]),
        )
        for (order, number), other_allocations in sorted(references_of_lines(books).items())
        if len(other_allocations) > 1 and all(reference in planned for reference in other_allocations)
    ]


def references_of_lines(books: Books) -> dict[Line, list[str]]:
    """All demand references that each line serves, the one that the ERP knows it by first."""
    known_by = reference_of_line(books)
    found = {line: [reference] for line, reference in known_by.items()}
    lines_of_order: dict[str, list[Line]] = defaultdict(list)
    for line in known_by:
        lines_of_order[line[0]].append(line)
    days = _days(books)
    for reference, rows in sorted(books.aps["coverage_by_reference"].items()):
        for order in {row["order"] for row in rows if _coming(row)}:
            lines = lines_of_order[order]
            if reference in (known_by[line] for line in lines):
                continue
            alike = [line for line in lines if days.get(known_by[line], set()) & days.get(reference, set())]
            for line in alike[:1]:
                found[line].append(reference)
    return found


def coverage_of(books: Books, reference: str) -> Decimal:
    """What is coming or has come for a requirement, by all orders, as the planning system was told."""
    return sum((_coming(row) for row in books.aps["coverage_by_reference"].get(reference, [])), _NOTHING)


def decrease_of(books: Books, line: SharedLine, gone: set[str]) -> Decrease:
    """What has become of a shared line of which these requirements let go."""
    others = [reference for reference in line.needs if reference not in gone]
    return Decrease(
        line=line,
        gone=frozenset(gone),
        after=quantity_of(books, line.order, line.line),
        coverage={reference: coverage_of(books, reference) for reference in others},
    )


def _days(books: Books) -> dict[str, set[tuple[str, str]]]:
    """Of each requirement its item with each day for which a plan version wanted it."""
    days: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for version in books.aps["versions"].values():
        for reference, row in version["requirements"].items():
            days[reference].add((row["item"], row["required_date"]))
    return days


def _coming(row: dict[str, Any]) -> Decimal:
    return sum((Decimal(part["quantity"]) for part in row["scheduleLines"] if part["state"] in _COMING), _NOTHING)


def _is_confirmed(item: dict[str, Any]) -> bool:
    (first, *others) = item["schedule"]
    return not others and Decimal(first["ScheduleLineCommittedQuantity"]) == Decimal(item["OrderQuantity"])
