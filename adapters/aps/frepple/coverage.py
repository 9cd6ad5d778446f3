"""Coverage in frePPLe: what suppliers confirmed and delivered, as purchase orders of the ERP's number.

Decided here: what is confirmed (or promised for a day) is a `confirmed` order of its own, what came is a `closed` one;
what nobody has confirmed stays in the order that the planner approved, so that frePPLe may still reschedule it and
Pegline follows. The quantities of a need's orders always add up to the need, however often a report is written: they
are computed from what is there, never by a difference. A substitute item that was approved has no place in
frePPLe: nothing of it is written. Not decided here: how a need's orders are told apart (needs).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from adapters.aps.frepple.needs import NeedOrders, by_need, need_source, own_reference, own_source, report_of
from adapters.aps.frepple.orders import FreppleOrders, PlanningOrder, is_changed, total
from adapters.aps.frepple.settings import FreppleSettings
from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import requirement_key, short_hash
from canonical.order import Refused, WriteOutcome, Written
from canonical.supply import ScheduleLine, ScheduleLineState

_COMPARISONS_MAX = 3
_PROMISED = (ScheduleLineState.CONFIRMED, ScheduleLineState.BACKORDERED, ScheduleLineState.SHIPPED)


class SupplyPart(NamedTuple):
    """What comes, or came, of an order on a day."""

    quantity: Decimal
    day: date
    status: str


class CoverageWriting(NamedTuple):
    """What has to be written so that frePPLe holds a report."""

    created: list[PlanningOrder]
    changed: list[PlanningOrder]
    removed: list[str]

    @property
    def orders(self) -> int:
        """How many orders are touched."""
        return len(self.created) + len(self.changed) + len(self.removed)


class FreppleCoverage:
    """Implements adapters.ports.ApsPort."""

    def __init__(
        self, orders: FreppleOrders, settings: FreppleSettings, day_at: Callable[[str, datetime], date]
    ) -> None:
        """`day_at`: the day at a plant of a moment."""
        self._orders, self._settings, self._day_at = orders, settings, day_at

    async def write_coverage(self, report: CoverageReport, *, key: str) -> WriteOutcome:
        """Have frePPLe hold what the order gives its requirements, and nothing else of it.

        Additions go first: for a moment there is too much supply, never too little.
        """
        held = await self._held(report)
        if any(report_of(each) > report.sequence for each in held):
            return Written(reference=report.order_number, writes=0)  # A newer report is there already.
        by_item: dict[str, list[RequirementCoverage]] = {each.item: [] for each in held}
        for entry in report.entries:
            by_item.setdefault(entry.requirement_id.split("/")[2], []).append(entry)
        writes = 0
        for item, entries in by_item.items():
            outcome = await self._write_item(report, item, entries, f"{key}#{short_hash(item)}")
            if isinstance(outcome, Refused):
                return outcome
            writes += outcome
        return Written(reference=report.order_number, writes=writes)

    async def _write_item(
        self, report: CoverageReport, item: str, entries: Sequence[RequirementCoverage], key: str
    ) -> int | Refused:
        """How many orders were touched. What is refused is compared again: a call whose answer was lost may have been
        carried out meanwhile.
        """
        refused: Refused | None = None
        for _ in range(_COMPARISONS_MAX):
            writing = self._writing(report, entries, await self._needs(report.plant, item))
            refused = await self._carry_out(writing, key)
            if refused is None:
                return writing.orders
        assert refused is not None
        return refused

    async def _held(self, report: CoverageReport) -> list[PlanningOrder]:
        """What frePPLe holds of the order, for whichever need."""
        found = await self._find(report.plant, reference__contains=f"{report.order_number}-")
        return [each for need in by_need(found).values() for each in need.of_order(report.order_number).values()]

    async def _needs(self, plant: str, item: str) -> dict[str, NeedOrders]:
        return by_need(await self._find(plant, item=item), self._settings.sources)

    async def _find(self, plant: str, **filters: str) -> list[PlanningOrder]:
        def day_of(moment: datetime) -> date:
            return self._day_at(plant, moment)

        where = {"location": self._settings.location(plant), "status__in": "approved,confirmed,completed,closed"}
        return await self._orders.find(day_of, **where, **filters)

    def _writing(
        self, report: CoverageReport, entries: Sequence[RequirementCoverage], needs: dict[str, NeedOrders]
    ) -> CoverageWriting:
        """Of the needs that the report names, and of those that it does not name any more."""
        writing = CoverageWriting([], [], [])
        named = [(_meant(entry, needs), entry.schedule_lines) for entry in entries]
        references = {need.reference for need, _ in named}
        gone = [need for need in needs.values() if need.reference not in references]
        for need, lines in [*named, *((each, ()) for each in gone if each.of_order(report.order_number))]:
            self._add(writing, report, need, lines)
        return writing

    def _add(
        self, writing: CoverageWriting, report: CoverageReport, need: NeedOrders, lines: Sequence[ScheduleLine]
    ) -> None:
        held = need.of_order(report.order_number)
        others = total(each for each in need.own if each.reference not in held)
        wanted = list(self._wanted(report, need, lines))
        for order in wanted:
            there = held.pop(order.reference, None)
            if there is None:
                writing.created.append(order)
            elif is_changed(there, order):
                writing.changed.append(order)
        writing.removed.extend(held)
        if need.base is not None and need.quantity:
            base = _left(need.base, need.quantity, need.quantity - others - total(wanted))
            if is_changed(need.base, base):
                writing.changed.append(base)

    def _wanted(
        self, report: CoverageReport, need: NeedOrders, lines: Sequence[ScheduleLine]
    ) -> Iterator[PlanningOrder]:
        supplier = self._settings.supplier(report.order_id.split("/")[2])
        for number, part in enumerate(parts_of(lines, self._day_at(report.plant, report.as_of)), start=1):
            yield PlanningOrder(
                reference=own_reference(report.order_number, number, need.reference),
                item=need.item,
                location=self._settings.location(report.plant),
                supplier=supplier,
                quantity=part.quantity,
                received_on=part.day,
                status=part.status,
                source=own_source(report.sequence),
            )

    async def _carry_out(self, writing: CoverageWriting, key: str) -> Refused | None:
        if writing.created and (refused := await self._orders.create(writing.created, f"{key}#new")) is not None:
            return refused
        if writing.changed and (refused := await self._orders.change(writing.changed, f"{key}#changed")) is not None:
            return refused
        for reference in writing.removed:
            if (refused := await self._orders.remove(reference, f"{key}#{short_hash(reference)}")) is not None:
                return refused
        return None


def parts_of(schedule_lines: Sequence[ScheduleLine], today: date) -> list[SupplyPart]:
    """What frePPLe is told of: what is promised for a day, and what came; a quantity for each day and status."""
    parts: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for line in schedule_lines:
        if line.state is ScheduleLineState.RECEIVED:
            parts[line.date or today, "closed"] += line.quantity
        elif line.state in _PROMISED and line.date is not None:
            parts[line.date, "confirmed"] += line.quantity
    return [SupplyPart(quantity, day, status) for (day, status), quantity in sorted(parts.items()) if quantity]


def _meant(entry: RequirementCoverage, needs: dict[str, NeedOrders]) -> NeedOrders:
    """The need of the requirement: its key is made of the source and the reference, and may be shortened.

    A need that frePPLe does not know any more is called as its key has it.
    """
    key = entry.requirement_id.split("/", 3)[3]
    source = key.partition("~")[0]
    for reference, need in needs.items():
        if requirement_key(source, reference) == key:
            return need
    return NeedOrders(key.partition("~")[2], entry.requirement_id.split("/")[2])


def _left(base: PlanningOrder, need: Decimal, left: Decimal) -> PlanningOrder:
    """The need's order with what is open of it; with nothing open it is closed, as it was."""
    quantity = left if left > 0 else base.quantity
    return PlanningOrder(
        reference=base.reference,
        item=base.item,
        location=base.location,
        supplier=base.supplier,
        quantity=quantity,
        received_on=base.received_on,
        status="approved" if left > 0 else "closed",
        source=need_source(need) if left != need else base.source,
    )


__all__ = ["FreppleCoverage", "SupplyPart", "parts_of"]
