"""One document becomes one requisition and one order, whatever happens to the calls.

Decided here: an ERP's references are not unique and it remembers request ids only for a short time or not at all, so:
look before creating; where an earlier create may have been lost, create again only once the document can't appear any
more (settle_policy.py); and sweep for duplicates after creating. If no call had an unknown outcome, no duplicate can
appear and the sweep is not needed, unless the ERP is not asked to repeat requests at all. What appears even later is
found by the sweep over all orders. Not decided here: how a dialect looks, creates and cancels.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from adapters.erp.remote import RemoteDocument
from adapters.erp.settle_policy import NotFinal, SettlePolicy
from adapters.errors import PermanentError, TransientError
from canonical.order import Placed, PlaceOutcome, Refused

Look = Callable[[], Awaitable[list[RemoteDocument]]]
Create = Callable[[], Awaitable[RemoteDocument | Refused]]


class RequisitionsOfOurs(Protocol):
    """The requisitions of one reference."""

    async def look(self) -> list[RemoteDocument]:
        """All of them, deleted ones included, the lowest number first."""
        ...

    async def create(self) -> RemoteDocument | Refused:
        """One more."""
        ...

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Delete one that is there too often."""
        ...


class OrdersOfOurs(Protocol):
    """The orders of one reference."""

    async def look(self) -> list[RemoteDocument]:
        """All of them, deleted ones included, the lowest number first."""
        ...

    async def create(self, requisition: str) -> RemoteDocument | Refused:
        """The one that this requisition becomes."""
        ...

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Delete one that is there too often."""
        ...


class Ensured(NamedTuple):
    """The document, whether it was there before this call tried to create it, and whether a duplicate may appear."""

    document: RemoteDocument | Refused
    was_there: bool
    doubt: bool


@dataclass(frozen=True)
class Ensuring:
    """Has a document of a reference exist, once. `kind` names it in messages, such as `order`."""

    system: str
    reference: str
    kind: str
    look: Look
    create: Create
    settle_policy: SettlePolicy

    async def run(self, remote: list[RemoteDocument], maybe_written: bool, deadline: float) -> Ensured:
        """Find or create it; `remote`: what a look has found already, `deadline`: of SettlePolicy."""
        tried, doubt = False, maybe_written
        what = f"{self.reference}/{self.kind}"
        while True:
            if maybe_written and not remote:
                remote = await self._looked_for(what)
            if remote:
                return Ensured(alive(self.system, remote), not tried, doubt)
            try:
                tried = True
                self.settle_policy.sent(what)
                created = await self.create()
            except TransientError as error:
                if not error.maybe_written or not self.settle_policy.has_time_to_settle(deadline):
                    raise
                maybe_written = doubt = True
                continue
            # The ERP may refuse because an earlier attempt has arrived meanwhile.
            if isinstance(created, Refused) and (remote := await self.look()):
                return Ensured(alive(self.system, remote), False, True)
            return Ensured(created, False, doubt)

    async def _looked_for(self, what: str) -> list[RemoteDocument]:
        try:
            return await self.settle_policy.look_until_final(what, self.look)
        except NotFinal as missing:
            reason = f"the answer to the create of {self.kind} {self.reference} was lost, and {missing}"
            raise TransientError(
                self.system,
                f"{reason}; it is looked for again then, and created only if it is still missing",
                maybe_written=True,
                retry_after_seconds=missing.seconds,
            ) from None


@dataclass(frozen=True)
class Placing:
    """One call of place_order; `repeatable`: the ERP is asked to answer a repeated request as it did the first."""

    system: str
    reference: str
    requisitions: RequisitionsOfOurs
    orders: OrdersOfOurs
    settle_policy: SettlePolicy
    repeatable: bool = True

    async def run(self, maybe_written: bool) -> PlaceOutcome:
        """Find or create both documents."""
        deadline = self.settle_policy.deadline()
        requisitions, orders = await asyncio.gather(self.requisitions.look(), self.orders.look())
        if orders:
            return await self._swept(requisitions, orders, found_existing=True)
        requisition, was_there, requisition_doubt = await self._ensuring(
            "requisition", self.requisitions.look, self.requisitions.create
        ).run(requisitions, maybe_written, deadline)
        if isinstance(requisition, Refused):
            return requisition

        async def convert() -> RemoteDocument | Refused:
            return await self.orders.create(requisition.number)

        # An order can't be in progress before its requisition exists.
        order, order_was_there, order_doubt = await self._ensuring("order", self.orders.look, convert).run(
            [], maybe_written and was_there, deadline
        )
        if isinstance(order, Refused):
            return order
        doubt = maybe_written or requisitions or requisition_doubt or order_doubt
        if self.repeatable and not doubt:
            return Placed(requisition_number=requisition.number, order_number=order.number, unreleased=order.unreleased)
        requisitions, orders = await asyncio.gather(self.requisitions.look(), self.orders.look())
        return await self._swept(requisitions or [requisition], orders or [order], found_existing=order_was_there)

    def _ensuring(self, kind: str, look: Look, create: Create) -> Ensuring:
        return Ensuring(self.system, self.reference, kind, look, create, self.settle_policy)

    async def _swept(
        self, requisitions: Sequence[RemoteDocument], orders: Sequence[RemoteDocument], *, found_existing: bool
    ) -> PlaceOutcome:
        """Keep the lowest order and its requisition; cancel and report the others."""
        order = alive(self.system, orders)
        if isinstance(order, Refused):
            return order
        living = [one for one in requisitions if not one.deleted]
        origin = order.requisition or next((one.number for one in living), "")
        spare_orders = [one for one in orders if not one.deleted and one.number != order.number]
        spare_requisitions = [one for one in living if one.number != origin]
        for spare in spare_orders:
            self._must_be_gone(spare, await self.orders.cancel(spare))
        for spare in spare_requisitions:
            self._must_be_gone(spare, await self.requisitions.cancel(spare))
        return Placed(
            requisition_number=origin,
            order_number=order.number,
            found_existing=found_existing,
            duplicates=tuple(spare.number for spare in (*spare_orders, *spare_requisitions)),
            unreleased=order.unreleased,
        )

    def _must_be_gone(self, spare: RemoteDocument, refused: Refused | None) -> None:
        if refused is not None:
            raise PermanentError(
                self.system,
                f"{spare.number} is a duplicate and can't be cancelled: {refused.reason}; cancel it in the ERP",
            )


def alive(system: str, remote: Sequence[RemoteDocument]) -> RemoteDocument | Refused:
    """The lowest document that is not deleted; if all are, a person deleted them, and people have to decide."""
    for document in remote:
        if not document.deleted:
            return document
    number = remote[0].number
    return Refused(system=system, code="deleted_in_erp", reason=f"document {number} was deleted in the ERP")
