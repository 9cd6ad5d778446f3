"""What a plan run may do by itself: how many lines may be refused, how many needs a whole plan may withdraw.

Decided here: go on, stop before anything is changed, or ask a person. Not here: which lines are refused and which
needs are withdrawn.
"""

from decimal import Decimal

from canonical.plan import PlanDryRun, PlanMatched, PlanRunStatus
from canonical.policy import PlanRules


def over_error_limit(run: PlanRunStatus, rules: PlanRules) -> str | None:
    """Why the run stops before it changes anything; None: its share of refused lines is within the limit."""
    if not run.lines:
        return None if run.partial else "the plan has no lines; to withdraw every need, state each withdrawal"
    share = Decimal(run.refused) / run.lines
    if share <= rules.error_share_max:
        return None
    return (
        f"{run.refused} of {run.lines} lines are refused, {share:.1%}, and {rules.error_share_max:.1%} may be; "
        "nothing was changed"
    )


def over_withdrawal_limit(matched: PlanMatched | PlanDryRun, rules: PlanRules) -> str | None:
    """Why a person decides on the run's withdrawals; None: they are within the limit.

    An unreadable line may belong to any need: while there is one, a need that seems missing may not be.
    """
    if not matched.withdrawals:
        return None
    run, share = matched.run, Decimal(matched.withdrawals) / max(matched.known, 1)
    would = f"version {run.version} of {run.source} would withdraw {matched.withdrawals} of {matched.known} open needs"
    if run.unreadable:
        return f"{would}, and {run.unreadable} of its lines could not be read: it may have them after all"
    if share <= rules.withdraw_share_max:
        return None
    return f"{would}, {share:.1%}, and {rules.withdraw_share_max:.1%} may be without a person"
