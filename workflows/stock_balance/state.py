"""The state of a StockBalance: the available stock, and the shortfall and allocations reported so far."""

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
    """The state of a stock balance; carried over continue-as-new."""

    figure: StockFigure
    correlation_id: str
    stage: StockStage = StockStage.JUDGING
    unjudged: bool = True
    """Whether the newest message still has to be evaluated."""
    newcomers: tuple[StockUser, ...] = ()
    """Requirements that have just opened: the ledger may not have them yet."""
    shortfall: Decimal = Decimal(0)
    """As last published as a need."""
    short_since: dt.date | None = None
    """The required date of the shortfall. It stays the same while the shortfall lasts: a date that moved daily would be
    a change every day (R4)."""
    allocations: dict[RequirementId, StockAllocation] = {}
    """Allocations by requirement; requirements that get nothing are left out."""
    suppressed: int = 0
    reasons: tuple[Reason, ...] = ()
    policy_version: str = ""
    why: str = ""

    @classmethod
    def of(cls, opened: StockOpened) -> "StockState":
        """The state of a balance that starts, or restarts after an earlier run ended."""
        event_log = EventLog(sequence=opened.first_sequence - 1)
        return cls(
            figure=opened.figure,
            newcomers=opened.users,
            correlation_id=opened.correlation_id,
            event_log=event_log,
        )

    @property
    def ended(self) -> bool:
        """No shortfall or allocation is in effect, and nothing is left to report."""
        return self.stage is StockStage.SETTLED


StockInput = RunInput[StockOpened, StockState, StockOpened]
