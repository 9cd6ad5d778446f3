"""What a StockBalance remembers: what is free, what it said of it, and what of that stands."""

import datetime as dt
from decimal import Decimal

from canonical.identity import RequirementId
from canonical.messages import StockOpened
from canonical.reason import Reason
from canonical.records import StockStage
from canonical.stock import StockAllocation, StockFigure, StockUser
from workflows.event_log import EventLog
from workflows.memory import EntityState, RunInput


class StockState(EntityState):
    """The balance's memory; carried over continue-as-new."""

    figure: StockFigure
    correlation_id: str
    stage: StockStage = StockStage.JUDGING
    unjudged: bool = True
    """The newest message is not evaluated yet."""
    newcomers: tuple[StockUser, ...] = ()
    """Requirements that have just begun: the ledger may not know them yet."""
    shortfall: Decimal = Decimal(0)
    """As last stated as a need."""
    short_since: dt.date | None = None
    """The day by which the shortfall is needed, the same as long as there is one: a day later each day would be news
    every time (R4)."""
    allocations: dict[RequirementId, StockAllocation] = {}
    """By requirement, what is allocated to it; those that get nothing are left out."""
    suppressed: int = 0
    reasons: tuple[Reason, ...] = ()
    policy_version: str = ""
    why: str = ""

    @classmethod
    def of(cls, opened: StockOpened) -> "StockState":
        """The memory of a balance that starts, or starts again where a former run ended."""
        event_log = EventLog(sequence=opened.first_sequence - 1)
        return cls(
            figure=opened.figure,
            newcomers=opened.users,
            correlation_id=opened.correlation_id,
            event_log=event_log,
        )

    @property
    def ended(self) -> bool:
        """Nothing that it said stands, and nothing is left to say."""
        return self.stage is StockStage.SETTLED


StockInput = RunInput[StockOpened, StockState, StockOpened]
