"""R15, approvals that another system's own people give: when to look what has become of one, and when to ask the buyer.

Decided here: the moments. Not here: what is submitted where, and what follows from the outcome.
"""

import datetime as dt
from decimal import Decimal

from canonical.policy import OutsideApproval, PlantPolicy
from decisions.calendars import add_business_hours
from decisions.delegation import calendar_of

_DOUBLED_MAX = 20


def look_after(looks: int, now: dt.datetime, rules: OutsideApproval) -> dt.datetime:
    """When to look next, after so many looks in vain: each pause is twice the one before, up to the longest."""
    minutes = rules.first_look_minutes * 2 ** min(looks, _DOUBLED_MAX)
    return now + dt.timedelta(minutes=min(minutes, max(rules.longest_pause_minutes, rules.first_look_minutes)))


def ask_buyer_at(since: dt.datetime, policy: PlantPolicy) -> dt.datetime:
    """When the buyer is asked about an approval that has been waited for since then: in their business hours."""
    return add_business_hours(calendar_of(policy.buyer, policy), since, Decimal(policy.outside_approval.question_hours))
