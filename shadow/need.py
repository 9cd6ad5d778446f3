"""Changes of needs judged again (R4) from what the facts `need.damped` and `need.changed` recorded."""

from canonical.base import Noun
from canonical.facts import Fact
from canonical.need import Need
from canonical.reason import Reason
from decisions.damping import judge_change
from shadow.verdict import Decided, NotComparable, Policies, Verdict

KINDS = ("need.damped", "need.changed")


class NeedJudged(Noun):
    """The data of the facts."""

    acted_on: Need
    proposed: Need
    act: bool
    reason: Reason
    policy_version: str
    item_class: str = ""
    supplier: str = ""
    """Who holds the cover: a supplier may have a damping of its own."""


def read(fact: Fact) -> list[Decided]:
    """The decision of a fact; none where there was no cover yet that a change could disturb."""
    if "acted_on" not in fact.data:
        return []
    data = NeedJudged.model_validate(fact.data)
    return [
        Decided(
            plant=data.proposed.plant,
            item=data.proposed.item,
            recorded=lambda policies: _verdict(data.act, data.reason.why, data.policy_version),
            again=lambda policies: _again(data, policies),
        )
    ]


def _again(data: NeedJudged, policies: Policies) -> Verdict | NotComparable:
    need = data.proposed
    policy = policies.effective(need.plant, item_class=data.item_class, item=need.item, supplier=data.supplier)
    if policy is None:
        return NotComparable(f"plant {need.plant} has no policy")
    verdict = judge_change(data.acted_on, need, policy.damping, policy.calendar)
    return _verdict(verdict.act, verdict.why, policy.version)


def _verdict(act: bool, why: str, version: str) -> Verdict:
    says = {("R4", "change"): "acted on" if act else "damped"}
    return Verdict(says, why, {("R4", "changes acted on"): int(act), ("R4", "changes damped"): int(not act)}, version)
