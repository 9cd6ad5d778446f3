"""Early warnings (R17): finds confirmed lines that are likely to miss a demand, and tells their orders.

Decided here: which lines are looked at, and how many orders are told at a time. Not here: the chance
(decisions.promises), the limit (decisions.early_warning), and the question itself, which the order asks.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from temporalio.service import RPCError

from adapters.ports import PolicyPort
from canonical.messages import PromisesRated, RatedPromise
from canonical.records import OrderLineSnapshot, OrderSnapshot
from canonical.supply import ScheduleLineState
from decisions.early_warning import NEVER, warns
from gateway.parts import PromiseRater
from gateway.risks import CoveredRequirement, RiskWatch
from ledger.ledger import Ledger

TOLD_MAX = 50
"""Orders of a plant that are told at a time: those that are riskier come first, the rest with the next look."""
_AT_ONCE = 100
_PROMISED = frozenset({ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED})


class _Found(NamedTuple):
    """An order whose lines at risk are others than it knows."""

    order: OrderSnapshot
    promises: Sequence[RatedPromise]

    @property
    def pressing(self) -> Decimal:
        """The greatest chance that it does not know of; 0: risks have gone."""
        known = self.order.at_risk
        return max((each.missing for each in self.promises if each.line not in known), default=Decimal(0))


class PromiseWarnings:
    """Looks through the open promises of the plants that want to be warned."""

    def __init__(
        self,
        ledger: Ledger,
        risks: RiskWatch,
        policies: PolicyPort,
        orders: PromiseRater,
        today: Callable[[str], dt.date],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._ledger, self._risks, self._policies, self._orders = ledger, risks, policies, orders
        self._today, self._now = today, now

    async def look(self) -> int:
        """Tell orders what has changed; how many were told."""
        plants = [plant for plant in self._policies.plants if self._limit(plant) < NEVER]
        warned = await self._ledger.promises.warned_orders()
        found: dict[str, list[_Found]] = {}
        after: str | None = ""
        while after is not None:
            page = await self._ledger.promises.open_orders(plants, warned, after, _AT_ONCE)
            for each in await self._differing(page):
                found.setdefault(each.order.plant, []).append(each)
            after = page[-1].id if len(page) == _AT_ONCE else None
        told = [
            each
            for of_plant in found.values()
            for each in sorted(of_plant, key=lambda one: one.pressing, reverse=True)[:TOLD_MAX]
        ]
        for each in told:
            rated = PromisesRated(promises=tuple(each.promises), rated_at=self._now())
            try:
                await self._orders.rate_promises(each.order.id, rated)
            except RPCError:
                break  # Temporal is away: the next look finds the same
        return len(told)

    async def _differing(self, orders: Sequence[OrderSnapshot]) -> list[_Found]:
        served = {each for order in orders for line in order.lines for each in _served_by(line)}
        covered = await self._risks.covered(served)
        found = [_Found(order, [*self._risky(order, covered)]) for order in orders]
        return [each for each in found if {one.line for one in each.promises} != set(each.order.at_risk)]

    def _risky(self, order: OrderSnapshot, covered: Mapping[str, CoveredRequirement]) -> Iterable[RatedPromise]:
        """The riskiest promise of each line that is above its limit."""
        today = self._today(order.plant)
        for line in order.lines:
            limit = self._limit(order.plant, line, order.supplier)
            if line.cancelled or limit >= NEVER:
                continue
            rated = [each for each in _rated(order, line, covered) if each.promised_on >= today]
            worst = max(rated, key=lambda each: each.missing, default=None)
            if worst is not None and warns(worst.missing, limit, asked=line.line in order.at_risk):
                yield worst

    def _limit(self, plant: str, line: OrderLineSnapshot | None = None, supplier: str = "") -> Decimal:
        of_line = {} if line is None else {"item": line.item, "item_class": line.item_class, "supplier": supplier}
        policy = self._policies.effective(plant, **of_line)
        return NEVER if policy is None else policy.promises.warn_above


def _served_by(line: OrderLineSnapshot) -> list[str]:
    return [share.requirement_id for share in line.shares] or [line.requirement_id]


def _rated(
    order: OrderSnapshot, line: OrderLineSnapshot, covered: Mapping[str, CoveredRequirement]
) -> Iterable[RatedPromise]:
    """The line's promises that are in time, with the chance that they are not kept."""
    days = {part.date for part in line.schedule_lines if part.state in _PROMISED and part.quantity}
    for identity in _served_by(line):
        requirement = covered.get(identity)
        for demand, portion in requirement.coverage.portions_of(order.id, line.line) if requirement else ():
            day = portion.supply.dock_date
            if day is None or day not in days or portion.late or portion.supply.state not in _PROMISED:
                continue
            chance = requirement.chance_of(portion) if requirement else None
            if chance is not None:
                yield RatedPromise(
                    line=line.line, promised_on=day, demand=demand.peg.demand, missing=chance.missing, why=chance.why
                )


__all__ = ["TOLD_MAX", "PromiseWarnings"]
