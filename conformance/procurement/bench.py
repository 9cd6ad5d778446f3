"""What an adapter's project gives the procurement suite: the bench of the ERP suite, and the people who approve there.

A procurement system is one whose own people decide on what is submitted (canonical.order.AwaitingApproval): a
procurement cloud, or an ERP with approvals. It is driven through the same port as an ERP, so that it passes the ERP
suite as well, set up so that everything is approved at once. Where the system has no such thing, a method raises
CannotHappen with the reason, and the case is skipped.
"""

from collections.abc import Sequence
from typing import Protocol

from conformance.erp.bench import ErpBench


class ProcurementBench(ErpBench, Protocol):
    """A procurement system that the suite may write into."""

    async def let_people_approve(self) -> None:
        """From now on everything that is submitted waits until somebody approves or refuses it."""
        ...

    async def requests(self, reference: str) -> Sequence[str]:
        """What there is of a reference, by its own numbers: requests that wait and those that are ordered, not those
        that are refused, withdrawn or deleted.
        """
        ...

    async def approve(self, document: str) -> None:
        """Somebody approves what waits; `document` is AwaitingApproval.document."""
        ...

    async def refuse(self, document: str, reason: str) -> None:
        """Somebody refuses it, and says why."""
        ...

    async def withdraw(self, document: str) -> None:
        """Somebody takes a request back at the system's own screens."""
        ...


__all__ = ["ProcurementBench"]
