"""The sourcing decision for a requirement: a source with dates and lots, or the defects that prevent ordering.

Decided here: the order in which the rules apply: master data first (R3), then the source (R14, preference, R6) with its
dates (R6) and lots (R5). Not here: the rules themselves, and what a supply request contains (supply_requests).
"""

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from canonical.need import Need
from canonical.policy import PlantPolicy, RouteKind
from canonical.reason import Reason
from canonical.sourcing import Assessment, MasterDataDefect, Source
from decisions.lots import LotSizing
from decisions.master_data import item_defects, none_left
from decisions.schedule import BackwardSchedule
from decisions.sourcing import SourceChoice, choose, defects_of


class SourcingDecision(NamedTuple):
    """The need can be ordered: from whom, by when, in which lots."""

    choice: SourceChoice
    policy: PlantPolicy
    """What holds for the item when the chosen supplier brings it."""

    @property
    def source(self) -> Source:
        """From whom."""
        return self.choice.source

    @property
    def route(self) -> RouteKind:
        """How the plant gets it."""
        return self.choice.source.route

    @property
    def schedule(self) -> BackwardSchedule:
        """R6: by when."""
        return self.choice.schedule

    @property
    def lots(self) -> LotSizing:
        """R5: in which lots, in the order unit."""
        return self.choice.lots

    def reasons(self) -> tuple[Reason, ...]:
        """Each rule's outcome, in the order in which they applied."""
        version, choice = self.policy.version, self.choice
        outcomes = [choice.reason(version)]
        if choice.quota is not None and choice.rule != choice.quota.rule:
            outcomes.append(choice.quota.reason(version))
        return (*outcomes, choice.schedule.reason(version), choice.lots.reason(version))


class NotOrderable(NamedTuple):
    """Master data keeps the need from being ordered; each defect names its owner and the next step."""

    defects: tuple[MasterDataDefect, ...]
    policy: PlantPolicy
    rule: str = "R3"

    @property
    def why(self) -> str:
        """The first defect, and how many more there are."""
        more = f" (and {len(self.defects) - 1} more)" if len(self.defects) > 1 else ""
        return f"{self.defects[0].detail}{more}"

    def reasons(self) -> tuple[Reason, ...]:
        """The outcome for trace and audit."""
        inputs = {f"{defect.field}#{number}": defect.value for number, defect in enumerate(self.defects, 1)}
        return (Reason(rule=self.rule, why=self.why, inputs={**inputs}, policy_version=self.policy.version),)


def decide_sourcing(
    need: Need,
    assessment: Assessment,
    today: dt.date,
    *,
    quantity: Decimal | None = None,
    exclude: Collection[str] = (),
    holding: Collection[str] = (),
    agreed: bool = False,
) -> SourcingDecision | NotOrderable:
    """R3, R14, R6, R5: what to order from whom, or the defects that prevent it.

    `quantity`: what is left to order (R2), in the need's unit; None: the whole need. `exclude`: suppliers not to be
    asked. `holding`: suppliers that already cover part of the need; their master data must be sound, since they receive
    the change. `agreed`: an order exists and is changed, at the price and under the agreement of its own date.
    """
    if holding:
        defects = defects_of(need, assessment, today, holding, quantity=quantity, agreed=agreed)
    else:
        defects = item_defects(need, assessment)
    if not defects:
        choice = choose(need, assessment, today, exclude, quantity, agreed=agreed)
        if choice is not None:
            return SourcingDecision(choice, assessment.policy_for(choice.source.supplier))
        defects = defects_of(need, assessment, today, quantity=quantity, agreed=agreed)
        defects = defects or (none_left(need, assessment, sorted(exclude)),)
    return NotOrderable(defects, assessment.policy)
