"""ERPs in which the request and the order are one document: placing it, whatever happens to the calls.

Decided here: what was found is kept, the first living one of several (the dialect names confirmed ones first), the
others are cancelled and reported; releasing is repeated as often as it takes, since it changes nothing the second time.
How a document is ensured to exist once is in placing.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.erp.placing import Ensuring, alive
from adapters.erp.remote import RemoteDocument
from adapters.erp.settle_policy import SettlePolicy
from adapters.errors import PermanentError
from canonical.order import Placed, PlaceOutcome, Refused


class DocumentsOfOurs(Protocol):
    """The documents of one reference."""

    async def look(self) -> list[RemoteDocument]:
        """All of them, cancelled ones included: confirmed ones first, then the lowest number."""
        ...

    async def create(self) -> RemoteDocument | Refused:
        """One more, as a request."""
        ...

    async def release(self, document: RemoteDocument) -> RemoteDocument | Refused:
        """Make an order of it, if it is none; the document as it is then."""
        ...

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Cancel one that is there too often."""
        ...


@dataclass(frozen=True)
class SingleDocument:
    """One call of place_order."""

    system: str
    reference: str
    documents: DocumentsOfOurs
    settle_policy: SettlePolicy

    async def run(self, maybe_written: bool) -> PlaceOutcome:
        """Find or create the document, and release it."""
        deadline = self.settle_policy.deadline()
        found = await self.documents.look()
        ensuring = Ensuring(
            self.system, self.reference, "order", self.documents.look, self.documents.create, self.settle_policy
        )
        ensured = await ensuring.run(found, maybe_written, deadline)
        if isinstance(ensured.document, Refused):
            return ensured.document
        held = [ensured.document]
        if ensured.doubt or found:
            held = await self.documents.look() or held
        kept = alive(self.system, held)
        if isinstance(kept, Refused):
            return kept
        duplicates = await self._cancelled(held, kept)
        order = await self.documents.release(kept)
        if isinstance(order, Refused):
            return order
        return Placed(
            requisition_number=order.requisition or order.number,
            order_number=order.number,
            found_existing=ensured.was_there,
            duplicates=duplicates,
            unreleased=order.unreleased,
        )

    async def _cancelled(self, held: Sequence[RemoteDocument], kept: RemoteDocument) -> tuple[str, ...]:
        spares = [one for one in held if not one.deleted and one.number != kept.number]
        for spare in spares:
            if (refused := await self.documents.cancel(spare)) is not None:
                raise PermanentError(
                    self.system,
                    f"{spare.number} is a duplicate and can't be cancelled: {refused.reason}; cancel it in the ERP",
                )
        return tuple(one.number for one in spares)


__all__ = ["DocumentsOfOurs", "SingleDocument"]
