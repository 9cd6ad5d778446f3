"""Compares an engineering change with the ERP's books: every affected line, and its outcome.

Pure. Dispositions come from the change's report; lines and quantities from the ERP.
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
    """A change's subject and dispositions, with the ERP's lines before and after it."""

    change: str
    approvals: int
    """People's decisions on it: on the change, and on orders that asked again; 0: nobody decided."""
    dispositions: Sequence[Mapping[str, Any]]
    before: Mapping[Line, Decimal]
    after: Mapping[Line, Decimal]
    ended: Collection[str]
    """Demand references of requirements that the change ended, some of which may not be on order."""
    new_lines: Sequence[Line]
    """Lines ordered for the needs of the new components."""

    @property
    def without_disposition(self) -> list[str]:
        """Lines of the outgoing component, or quantities of them, without a disposition in the change."""
        statement = self._statement()
        return [
            f"{order}/{line}: {quantity} in the ERP, {statement[order, line]} disposed of"
            for (order, line), quantity in self.before.items()
            if statement[order, line] != quantity
        ]

    @property
    def mismatches(self) -> list[str]:
        """Lines whose ERP state differs from the decision: cancelled entirely, or no less than is still used."""
        cut, statement = self._statement(_CUT), self._statement()
        wrong = []
        for line, before in self.before.items():
            after, kept = self.after[line], statement[line] - cut[line]
            # A line that is reduced may stay at the supplier's minimum quantity, above what is still used.
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
    """The order lines of an item at a plant with their quantities in the ERP, without deleted ones."""
    return {
        line: quantity
        for line, held in items_by_line(books).items()
        if held["Plant"] == plant and held["Material"] == item and (quantity := quantity_of(books, *line))
    }


def quantities(books: Books, lines: Mapping[Line, Decimal]) -> dict[Line, Decimal]:
    """The same lines' present quantities in the ERP; 0 where deleted."""
    return {line: quantity_of(books, *line) for line in lines}
