"""Changes of needs judged again (R4) from what the audit events `requirement.change_suppressed` and
`requirement.changed` recorded."""

from backtest.decision import DecisionOutcome, NotComparable, Policies, RecordedDecision
from canonical.audit_event import AuditEvent
from canonical.base import Model
from canonical.need import Need
from canonical.reason import Reason
from decisions.dampener import judge_change

KINDS = ("requirement.change_suppressed", "requirement.changed")


class NeedJudged(Model):
    """The data of the audit events."""

    acted_on: Need
    proposed: Need
    act: bool
    reason: Reason
    policy_version: str
    item_class: str = ""
    supplier: str = ""
    """The supplier of the coverage: it may have a dampener of its own."""


def read(audit_event: AuditEvent) -> list[RecordedDecision]:
    """The decision of an audit event; none where there was no coverage yet that a change could disturb."""
    if "acted_on" not in audit_event.data:
        return []
    data = NeedJudged.model_validate(audit_event.data)
    return [
        RecordedDecision(
            plant=data.proposed.plant,
            item=data.proposed.item,
            recorded=lambda policies: _outcome(data.act, data.reason.why, data.policy_version),
            again=lambda policies: _again(data, policies),
        )
    ]


def _again(data: NeedJudged, policies: Policies) -> DecisionOutcome | NotComparable:
    need = data.proposed
    policy = policies.effective(need.plant, item_class=data.item_class, item=need.item, supplier=data.supplier)
    if policy is None:
        return NotComparable(f"plant {need.plant} has no policy")
    outcome = judge_change(data.acted_on, need, policy.dampener, policy.calendar)
    return _outcome(outcome.act, outcome.why, policy.version)


def _outcome(act: bool, why: str, version: str) -> DecisionOutcome:
    aspects = {("R4", "change"): "acted on" if act else "suppressed"}
    return DecisionOutcome(aspects, why, {("R4", "acted on"): int(act), ("R4", "suppressed"): int(not act)}, version)
