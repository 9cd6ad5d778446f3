"""What an EngineeringChange remembers: the revision as last published, its proposal, and what became of it."""

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
    """The change's memory."""

    revised: BomRevised
    correlation_id: str
    stage: ChangeStage = ChangeStage.JUDGING
    unjudged: bool = True
    """The newest message is not evaluated yet."""
    policy: PlantPolicy | None = None
    """As it was when it was last looked into."""
    proposal: Proposal | None = None
    question: OpenQuestion | None = None
    questions_raised: int
    decision: Decision | None = None
    superseded_by: ChangeId | None = None
    """Another revision takes its place, by message or as found in the ledger; it ends when it is evaluated."""
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
        """The memory of a change that starts, or starts again where a former run ended."""
        event_log = EventLog(sequence=opened.first_sequence - 1)
        return cls(
            revised=opened.revised,
            correlation_id=opened.correlation_id,
            event_log=event_log,
            # Numbers go on where a former run ended: ids made of them must not meet the former ones.
            questions_raised=opened.first_sequence - 1,
        )

    @property
    def ended(self) -> bool:
        """Nothing is left to wait for."""
        return self.stage in (ChangeStage.CARRIED_OUT, ChangeStage.DECLINED, ChangeStage.SUPERSEDED)
