"""The effect of available stock on the needs of its item: a shortfall is a need of its own, and available stock reduces
needs.

Decided here: who gets how much of the available stock, in R11's order, and whether a changed share is worth a change of
orders (R4). Not here: how much is available (the ledger, R10), and what a requirement then requests from orders (R2,
R3).
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from canonical.base import Criticality
from canonical.event_data import OUR_SOURCE
from canonical.identity import RequirementId
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.policy import Dampener
from canonical.reason import Reason, figure
from canonical.sourcing import ItemAtPlant
from canonical.stock import StockFigure, StockUser
from canonical.units import UNITS, PerUnit, exactly, rescale
from decisions.dampener import quantity_limit
from decisions.units import per_unit

STOCK_REFERENCE = "stock"
"""The demand reference of the need for a shortfall."""
_NOTHING = Decimal(0)


class StockShare(NamedTuple):
    """The share of one requirement in the stock, in its own unit."""

    user: StockUser
    before: Decimal
    """The share reported last."""
    target: Decimal
    """The share that the stock allows now."""
    limit: Decimal
    """R4: the largest rise of the quantity that is not reported."""
    act: bool

    @property
    def quantity(self) -> Decimal:
        """The share that it counts on from now on."""
        return self.target if self.act else self.before

    @property
    def suppressed(self) -> bool:
        """It differs from the share reported last, and is not reported."""
        return not self.act and self.target != self.before


class StockOutcome(NamedTuple):
    """The outcome of a figure of available stock."""

    stock: StockFigure
    shortfall: Decimal
    """The quantity that is promised but not there, in the stock's unit."""
    shares: tuple[StockShare, ...]
    """One for each requirement that gets or got something, in the order in which they are served."""
    dampener: Dampener
    rule: str = "R11"

    @property
    def why(self) -> str:
        """The available stock and who gets it, in one line."""
        unit = self.stock.unit
        if self.shortfall:
            return f"{figure(self.shortfall)} {unit} more are promised than available"
        served = [
            f"{share.user.requirement_id} {figure(share.quantity)} {share.user.unit}"
            for share in self.shares
            if share.quantity
        ]
        to = "; ".join(served) or "no need is reduced by it"
        return f"{figure(self.stock.available_to_promise)} {unit} are free: {to}"

    @property
    def suppressed(self) -> int:
        """How many changes are too small to report."""
        return sum(share.suppressed for share in self.shares)

    def reasons(self, policy_version: str) -> tuple[Reason, ...]:
        """The application of R11's order and R4's limits, for trace and audit."""
        spread = Reason(
            rule=self.rule,
            why=self.why,
            inputs={
                "available_to_promise": str(self.stock.available_to_promise),
                **{str(share.user.requirement_id): str(share.target) for share in self.shares},
            },
            policy_version=policy_version,
        )
        changes = [share for share in self.shares if share.target != share.before]
        if not changes:
            return (spread,)
        statement = [
            f"{share.user.requirement_id} {_signed(share.target - share.before)}"
            f"{'' if share.act else f', within {figure(share.limit)}'}"
            for share in changes
        ]
        dampener = Reason(
            rule="R4",
            why="; ".join(statement),
            inputs={str(share.user.requirement_id): share.act for share in changes},
            thresholds={
                "dampener.quantity": str(self.dampener.quantity),
                "dampener.quantity_share_max": str(self.dampener.quantity_share_max),
                "dampener.share": str(self.dampener.share),
            },
            policy_version=policy_version,
        )
        return (spread, dampener)


def judge_stock(
    stock: StockFigure,
    users: Iterable[StockUser],
    reported: Mapping[RequirementId, Decimal],
    item: ItemAtPlant | None,
    dampener: Dampener,
) -> StockOutcome:
    """Allocate the available stock to the needs that have not netted it, and find the changes that are worth a change
    of orders.

    Served by criticality, required date and id (R11), each up to what is neither received nor on the way. A need that
    the plan stated after the stock was reported stays as it is: the plan has netted the stock (R10). `reported`: each
    requirement's share reported last, in its unit, unless a later plan has overruled it. A rise within R4's quantity
    limits is not reported. Every fall is, so that nobody counts on more stock than is available; whether its orders are
    changed for it is for the requirement to decide (R4). Needs whose unit does not convert get nothing.
    """
    shares = []
    left = Fraction(max(_NOTHING, stock.available_to_promise))
    for user in sorted(users, key=_first_served):
        factor = per_unit(user.unit, stock.unit, item)
        target = _NOTHING
        if factor is not None and user.reported_at < stock.reported_at and not user.answers_order:
            room = max(_NOTHING, user.quantity - user.secured)
            most = rescale(Decimal(1), exactly(left * _ratio(factor)), UNITS[user.unit].decimals, "down")
            target = min(room, most)
            left = max(Fraction(0), left - Fraction(target) / _ratio(factor))
        before = reported.get(user.requirement_id, _NOTHING)
        limit = quantity_limit(user.quantity, user.unit, dampener)
        act = target < before or target - before > limit
        if target or before:
            shares.append(StockShare(user, before, target, limit, act))
    return StockOutcome(stock, max(_NOTHING, -stock.available_to_promise), tuple(shares), dampener)


def _first_served(user: StockUser) -> tuple[Criticality, dt.date, RequirementId]:
    return (user.criticality, user.required_date, user.requirement_id)


def _ratio(factor: PerUnit) -> Fraction:
    """How many of the need's units are one of the stock's. Exact: twelve single pieces are one box of twelve."""
    return Fraction(factor[0]) / Fraction(factor[1])


def shortfall_need(stock: StockFigure, quantity: Decimal, required_date: dt.date, revision: Revision) -> Need:
    """The need for the quantity that is promised but not there, pegged to the stock."""
    peg = Peg(demand=f"stock of {stock.item} at {stock.plant}", quantity=quantity, date=required_date)
    return Need(
        plant=stock.plant,
        item=stock.item,
        quantity=quantity,
        unit=stock.unit,
        required_date=required_date,
        source=OUR_SOURCE,
        demand_reference=STOCK_REFERENCE,
        revision=revision,
        pegging=(peg,),
    )


def shortfall_gone(stock: StockFigure, revision: Revision) -> Withdrawal:
    """Nothing is short any more."""
    return Withdrawal(
        plant=stock.plant,
        item=stock.item,
        source=OUR_SOURCE,
        demand_reference=STOCK_REFERENCE,
        revision=revision,
    )


def _signed(quantity: Decimal) -> str:
    return f"{quantity.normalize():+f}"


__all__ = [
    "STOCK_REFERENCE",
    "StockOutcome",
    "StockShare",
    "judge_stock",
    "shortfall_gone",
    "shortfall_need",
]
