"""R4, dampener: whether a changed need is worth a change of orders.

Decided here: act or not. Changes are measured from the need last *acted on*, so that many small drifts add up.
Not here: what the action is (R3), and whether the coverage still suffices (R7, which is tested against the newest pegs
in any case).
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.need import Need
from canonical.policy import Dampener
from canonical.reason import Reason
from canonical.units import NEED_DECIMALS, UNITS, exactly, rescale
from decisions.calendars import working_days_between


class DampenerOutcome(NamedTuple):
    """Whether to act on a changed need, with what was measured and the limits."""

    act: bool
    quantity_delta: Decimal | None
    """None where the unit changed: the quantities can't be compared."""
    days_delta: int
    """Working days; positive: later."""
    quantity_limit: Decimal
    earlier_limit: int
    later_limit: int
    why: str
    dampener: Dampener
    rule: str = "R4"

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit."""
        dampener = self.dampener
        return Reason(
            rule=self.rule,
            why=self.why,
            inputs={
                "act": self.act,
                "quantity_delta": None if self.quantity_delta is None else str(self.quantity_delta),
                "working_days_delta": self.days_delta,
                "quantity_limit": str(self.quantity_limit),
            },
            thresholds={f"dampener.{key}": value for key, value in dampener.model_dump(mode="json").items()},
            policy_version=policy_version,
        )


def judge_change(acted_on: Need, proposed: Need, dampener: Dampener, calendar: Calendar) -> DampenerOutcome:
    """R4: act where quantity or date moved beyond the limits, or where something else of substance changed.

    Always acted on: another unit, another sourcing rule, a higher criticality. Pegs alone are acted on where the first
    pegged date moved earlier beyond the limit. Days are the calendar's (the plant's) working days.

    A date that had passed when the plan stated the need counts as that day: nothing can be there sooner, and a plan
    that moves its past-due lines to each new day changes nothing.
    """
    quantity_delta = proposed.quantity - acted_on.quantity if proposed.unit == acted_on.unit else None
    days_delta = _days_between(calendar, acted_on.required_date, proposed.required_date, proposed)
    limit = quantity_limit(acted_on.quantity, acted_on.unit, dampener)
    reasons = _reasons(acted_on, proposed, dampener, calendar, quantity_delta, days_delta, limit)
    if reasons:
        why = "; ".join(reasons)
    elif quantity_delta or days_delta:
        why = f"{_signed(quantity_delta or Decimal(0))} and {days_delta:+d} working days are within the dampener"
    else:
        why = "quantity and date are as acted on"
    return DampenerOutcome(
        act=bool(reasons),
        quantity_delta=quantity_delta,
        days_delta=days_delta,
        quantity_limit=limit,
        earlier_limit=dampener.earlier_working_days,
        later_limit=dampener.later_working_days,
        why=why,
        dampener=dampener,
    )


def quantity_limit(quantity: Decimal, unit: str, dampener: Dampener) -> Decimal:
    """By how much a quantity may move without action: a share of it or, in units that count pieces, a few pieces.

    The larger of the two; the pieces are at most `quantity_share_max` of the quantity, and counted by the unit's size:
    10 pieces are 5 pairs.
    """
    share, known = quantity * dampener.share, UNITS[unit]
    if known.dimension != "count":
        return share
    pieces = rescale(dampener.quantity, exactly(1 / known.size), NEED_DECIMALS, "down")
    return max(share, min(pieces, quantity * dampener.quantity_share_max))


def _reasons(
    acted_on: Need,
    proposed: Need,
    dampener: Dampener,
    calendar: Calendar,
    quantity_delta: Decimal | None,
    days_delta: int,
    limit: Decimal,
) -> list[str]:
    reasons = []
    if quantity_delta is None:
        reasons.append(f"the unit changed from {acted_on.unit} to {proposed.unit}")
    elif abs(quantity_delta) > limit:
        reasons.append(f"{_signed(quantity_delta)} is more than {limit.normalize():f}")
    if days_delta > dampener.later_working_days:
        reasons.append(f"later by {days_delta} working days, more than {dampener.later_working_days}")
    elif -days_delta > dampener.earlier_working_days:
        reasons.append(f"earlier by {-days_delta} working days, more than {dampener.earlier_working_days}")
    if proposed.sourcing_rule != acted_on.sourcing_rule:
        reasons.append(f"the sourcing rule changed from {acted_on.sourcing_rule} to {proposed.sourcing_rule}")
    if proposed.pegging != acted_on.pegging:
        reasons.extend(_pegging_reasons(acted_on, proposed, dampener, calendar))
    return reasons


def _days_between(calendar: Calendar, before: dt.date, now: dt.date, stated: Need) -> int:
    """Working days from one date to the other, neither before the plant's day on which the need was stated."""
    day = calendar.day_of(stated.revision.effective_at)
    return working_days_between(calendar, max(before, day), max(now, day))


def _pegging_reasons(acted_on: Need, proposed: Need, dampener: Dampener, calendar: Calendar) -> list[str]:
    reasons = []
    old_pegs, new_pegs = acted_on.pegs, proposed.pegs
    old_class = min(peg.criticality for peg in old_pegs)
    new_class = min(peg.criticality for peg in new_pegs)
    if new_class < old_class:
        reasons.append(f"the criticality rose from {old_class} to {new_class}")
    first_earlier = -_days_between(calendar, old_pegs[0].date, new_pegs[0].date, proposed)
    if first_earlier > dampener.earlier_working_days:
        reasons.append(
            f"the first pegged demand is earlier by {first_earlier} working days, "
            f"more than {dampener.earlier_working_days}"
        )
    return reasons


def _signed(quantity: Decimal) -> str:
    return f"{quantity.normalize():+f}"
