"""An order as its supplier holds it: what was asked, what was promised, what left."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from simulators.edi.documents import LinePromise, OrderLine, OrderText, ScheduleLine, plain


@dataclass
class Held:
    """An order as its supplier holds it."""

    nth: int
    first: OrderText
    """The ORDERS, as it came."""
    text: OrderText
    """The order as it stands now."""
    buyer: str
    revisions: list[int] = field(default_factory=list)
    promises: dict[int, LinePromise] = field(default_factory=dict)
    """What the supplier promised; empty until it answers."""
    promised_revision: int | None = None
    former: tuple[OrderText, list[LinePromise]] | None = None
    """The revision before, as it was answered."""
    shipped: dict[int, Decimal] = field(default_factory=dict)
    despatches: list[dict[str, Any]] = field(default_factory=list)
    reminders: int = 0
    stale_documents: int = 0
    waiting: str | None = None
    """Why no readable answer was sent yet: silent or unreadable."""
    sent: list[dict[str, Any]] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """Return the order as the books show it."""
        return {
            "supplier": self.text.supplier,
            "plant": self.text.plant,
            "currency": self.text.currency,
            "nth_order": self.nth,
            "revision": self.text.revision,
            "revisions_received": self.revisions,
            "promised_revision": self.promised_revision,
            "lines": {str(line.line): self._line(line) for line in self.text.lines},
            "despatches": self.despatches,
            "reminders": self.reminders,
            "stale_documents": self.stale_documents,
            "waiting": self.waiting,
            "sent": self.sent,
        }

    def _line(self, line: OrderLine) -> dict[str, Any]:
        promised = self.promises.get(line.line)
        return {
            "item": line.item,
            "quantity": plain(line.quantity),
            "unit": line.unit,
            "date": line.date.isoformat(),
            "price": None if line.price is None else plain(line.price),
            "price_unit": line.price_unit,
            "cancelled": line.deleted,
            "rejected": promised.rejected if promised else False,
            "confirmed_price": plain(promised.price) if promised and promised.price is not None else None,
            "confirmed": [
                {
                    "quantity": plain(part.quantity),
                    "date": part.date.isoformat() if part.date else None,
                    "state": "confirmed" if part.date else "backordered",
                }
                for part in (promised.schedule_lines if promised else ())
            ],
            "despatched": plain(self.shipped.get(line.line, Decimal(0))),
        }


def unsent(held: Held, backorders_on: date | None) -> dict[date, list[tuple[OrderLine, Decimal]]]:
    """Return what is promised and not shipped yet, by day of arrival; shipped is what was promised earliest."""
    by_day: dict[date, list[tuple[OrderLine, Decimal]]] = {}
    for promised in held.promises.values():
        shipped = held.shipped.get(promised.line.line, Decimal(0))
        dated = [ScheduleLine(part.quantity, part.date or backorders_on) for part in promised.schedule_lines]
        for part in sorted(dated, key=lambda each: each.date or date.max):
            gone = min(shipped, part.quantity)
            shipped -= gone
            if part.date and part.quantity > gone:
                by_day.setdefault(part.date, []).append((promised.line, part.quantity - gone))
    return by_day
