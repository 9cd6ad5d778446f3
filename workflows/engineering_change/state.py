"""The state of an EngineeringChange: the revision as last published, its proposal, and the outcome."""

from decimal import Decimal

from canonical.bom import AffectedRequirement, BomRevised, ChangeCheck, ChangeDisposition, ChangeInstruction
from canonical.exception import Decision, Proposal
from canonical.identity import ChangeId, RequirementId
from canonical.messages import ChangeOpened
from canonical.policy import PlantPolicy
from canonical.reason import Reason
from canonical.records import ChangeStage
from workflows.event_log import EventLog
from workflows.memory import EntityState, OpenQuestion


class ChangeState(EntityState):
    """The state of an engineering change."""

    revised: BomRevised
    correlation_id: str
    stage: ChangeStage = ChangeStage.JUDGING
    unjudged: bool = True
    """Whether the newest message still has to be evaluated."""
    policy: PlantPolicy | None = None
    """As of the last evaluation."""
    proposal: Proposal | None = None
    question: OpenQuestion | None = None
    questions_raised: int
    decision: Decision | None = None
    superseded_by: ChangeId | None = None
    """The revision that replaces this one, by message or from the ledger; the change ends at its next evaluation."""
    dispositions: tuple[ChangeDisposition, ...] = ()
    reasons: tuple[Reason, ...] = ()
    changed_requirements: tuple[RequirementId, ...] = ()
    new_requirements: tuple[RequirementId, ...] = ()
    left_to_the_plan: tuple[str, ...] = ()
    affected: tuple[AffectedRequirement, ...] = ()
    instructions: tuple[ChangeInstruction, ...] = ()
    cost: Decimal = Decimal(0)
    check: ChangeCheck | None = None
    why: str = ""

    @classmethod
    def of(cls, opened: ChangeOpened) -> "ChangeState":
        """The state of a change that starts, or restarts after an earlier run ended."""
        event_log = EventLog(sequence=opened.first_sequence - 1)
        return cls(
            revised=opened.revised,
            correlation_id=opened.correlation_id,
            event_log=event_log,
            # Numbering continues from the earlier run, so that ids made from the numbers stay unique.
            questions_raised=opened.first_sequence - 1,
        )

    @property
    def ended(self) -> bool:
        """Nothing is left to wait for."""
        return self.stage in (ChangeStage.CARRIED_OUT, ChangeStage.DECLINED, ChangeStage.SUPERSEDED)
