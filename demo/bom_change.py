"""An engineering change compared with the ERP's book: every line that it touches, and what became of it.

Pure. The dispositions are what the change reports; lines and quantities are the ERP's own.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from demo.books import Books
from demo.erp_books import Line, items_by_line, quantity_of

_NOTHING = Decimal(0)
_CUT = ("cancelled",)


@dataclass(frozen=True)
class ChangeReported:
    """What a change was about, what it decided, and what the ERP held before and holds after it."""

    change: str
    approvals: int
    """Decisions that people took on it: of the change, and of orders that asked once more; 0: nobody decided."""
    dispositions: Sequence[Mapping[str, Any]]
    before: Mapping[Line, Decimal]
    after: Mapping[Line, Decimal]
    ended: Collection[str]
    """Demand references of requirements that were told to need nothing any more, some of them perhaps not on order."""
    new_lines: Sequence[Line]
    """Lines on order for the needs of the new components."""

    @property
    def without_disposition(self) -> list[str]:
        """Lines, or parts of lines, of the outgoing component of which the change does not say what becomes of them."""
        statement = self._statement()
        return [
            f"{order}/{line}: {quantity} in the ERP, {statement[order, line]} disposed of"
            for (order, line), quantity in self.before.items()
            if statement[order, line] != quantity
        ]

    @property
    def mismatches(self) -> list[str]:
        """Lines that the ERP does not hold as they were decided: cancelled whole, or no less than is still used."""
        cut, statement = self._statement(_CUT), self._statement()
        wrong = []
        for line, before in self.before.items():
            after, kept = self.after[line], statement[line] - cut[line]
            # A line that is cut in part may stand at the supplier's least quantity, above what is still used.
            held = after == 0 if not kept else after == before if not cut[line] else kept <= after < before
            if not held:
                wrong.append(f"{line[0]}/{line[1]}: {before} before, {cut[line]} cancelled, {after} in the ERP")
        return wrong

    def _statement(self, fates: Sequence[str] = ()) -> dict[Line, Decimal]:
        statement: dict[Line, Decimal] = defaultdict(Decimal)
        for one in self.dispositions:
            if one["reference"] and (not fates or one["fate"] in fates):
                order, _, line = str(one["reference"]).rpartition("/")
                statement[order, int(line)] += Decimal(one["quantity"])
        return statement


def lines_of_item(books: Books, plant: str, item: str) -> dict[Line, Decimal]:
    """Lines with which a plant buys an item, and what the ERP holds for them; deleted ones left out."""
    return {
        line: quantity
        for line, held in items_by_line(books).items()
        if held["Plant"] == plant and held["Material"] == item and (quantity := quantity_of(books, *line))
    }


def quantities(books: Books, lines: Mapping[Line, Decimal]) -> dict[Line, Decimal]:
    """What the ERP holds for the same lines now; 0 where they are deleted."""
    return {line: quantity_of(books, *line) for line in lines}
