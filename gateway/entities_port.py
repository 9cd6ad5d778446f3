"""What the gateway knows of the entities: a typed handle to each, and how a decision is refused.

Not here: how a handle reaches Temporal (the composition root brings the directory). A call that Temporal itself
fails raises `temporalio.service.RPCError`.
"""

from typing import Any, Protocol

from canonical.exception import Decision, DecisionRefused
from canonical.messages import (
    ChangeOpened,
    ChangeSuperseded,
    DocumentEdited,
    GoodsReceived,
    RequirementOpened,
    RequirementWithdrawn,
    ShipmentsAnnounced,
    StockOpened,
    SupplierAnswered,
)
from canonical.plan import PlanRunStatus
from canonical.records import ExceptionSnapshot


class EntityDirectoryPort(Protocol):
    """Starts and messages entities. A message answered False found nobody: the entity has ended."""

    async def open_requirement(self, opened: RequirementOpened, reopen: bool = False) -> bool:
        """Start the requirement; where it runs already, tell it the plan changed. `reopen`: a former run has ended.

        False: it ended in this very moment and was told nothing; it must be judged anew.
        """
        ...

    async def change_plan(self, opened: RequirementOpened, /) -> bool:
        """Tell a requirement that runs, by all that is known, that the plan changed."""
        ...

    async def withdraw_requirement(self, requirement: str, withdrawn: RequirementWithdrawn, /) -> bool: ...

    async def answer_order(self, order: str, answered: SupplierAnswered, /) -> bool: ...

    async def announce_shipment(self, order: str, announced: ShipmentsAnnounced, /) -> bool: ...

    async def receive_goods(self, order: str, received: GoodsReceived, /) -> bool: ...

    async def edit_document(self, order: str, edited: DocumentEdited, /) -> bool: ...

    async def start_plan_run(self, run: PlanRunStatus, /) -> None:
        """Start the run of a plan that is staged; harmless where it runs or has run."""
        ...

    async def supersede_plan_run(self, run: PlanRunStatus, /) -> bool:
        """A newer plan has ended the run: it need not wait for a person any more."""
        ...

    async def open_change(self, opened: ChangeOpened, reopen: bool = False) -> bool:
        """Start the engineering change, or tell the one that runs; as `open_requirement`."""
        ...

    async def supersede_change(self, change: str, superseded: ChangeSuperseded, /) -> bool:
        """Another revision takes its place; False where it has ended or is not known."""
        ...

    async def open_stock(self, opened: StockOpened, reopen: bool = False) -> bool:
        """Start the balance of an item's available stock, or tell the one that runs; as `open_requirement`."""
        ...

    async def decide(self, exception: str, decision: Decision, /) -> ExceptionSnapshot:
        """Wait until the exception took it; a repeated event id gets the first answer. Raises DecisionRefused."""
        ...

    async def status(self, entity: str, /) -> dict[str, Any]: ...


__all__ = ["DecisionRefused", "EntityDirectoryPort"]
