"""R17, early warning: whether a person is asked about a promise that is likely to be missed, before it is late.

Decided here: the limit, and that a question is not withdrawn for a small change of the chance. Not here: the chance
(decisions.promises), and that a promise which has passed is overdue (R16).
"""

import datetime as dt
from decimal import Decimal

from canonical.reason import Reason, figure

NEVER = Decimal(1)
"""With this limit nobody is warned."""
WITHDRAWN_BELOW = Decimal("0.8")
"""A question is withdrawn once the chance is down to this share of the limit."""


def warns(missing: Decimal, warn_above: Decimal, *, asked: bool) -> bool:
    """Whether the question should be open; `missing`: the chance, 0 to 1; `asked`: it is open, or was decided."""
    if warn_above >= NEVER:
        return False
    return missing > (warn_above * WITHDRAWN_BELOW if asked else warn_above)


def warning_reason(
    missing: Decimal, demand: str, promised_on: dt.date, why: str, warn_above: Decimal, policy_version: str
) -> Reason:
    """The reason as trace and inbox show it."""
    return Reason(
        rule="R17",
        why=why,
        inputs={"chance": figure(missing), "demand": demand, "promised": promised_on.isoformat()},
        thresholds={"promises.warn_above": figure(warn_above)},
        policy_version=policy_version,
    )


__all__ = ["NEVER", "WITHDRAWN_BELOW", "warning_reason", "warns"]
