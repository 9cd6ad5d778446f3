"""One change order: what is missing, nothing over a person's edit, one that waits made again, and what became of it.

Decided here: compared is what we wrote last, which may be a change order of ours that waits for approval. One that
waits is taken back, and what it was to change is made again together with what is to change now. A change order of
somebody else's is waited for. Not decided here: what a change order contains (change_orders.py).
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.erp import edits
from adapters.erp.oracle import change_orders
from adapters.erp.oracle.change_orders import LineDifference, WantedLine, differences
from adapters.erp.oracle.orders import FusionOrders
from adapters.erp.oracle.values import moment
from adapters.erp.oracle.versions import FusionOrder, LineNames, OrderVersion
from adapters.erp.reconcile import reconcile
from adapters.erp.remote import Items
from adapters.erp.settle_policy import SettlePolicy
from adapters.errors import PermanentError, TransientError
from canonical.order import AwaitingApproval, Edited, OrderChangeOutcome, Refused, Written

SYSTEM_NAME = "Oracle"
_LOOK_AGAIN_SECONDS = 60


@dataclass
class ChangeOrder:
    """One change of an order, from what is wanted to its approval; `party`: in whose name."""

    system: str
    orders: FusionOrders
    names: Callable[[], Awaitable[LineNames]]
    settle_policy: SettlePolicy
    now: Callable[[], dt.datetime]
    number: str
    reference: str
    party: Literal["BUYER", "SUPPLIER"]
    key: str
    _names: LineNames | None = None
    _order: FusionOrder | None = None

    async def found(self) -> FusionOrder | None:
        """The order, with its lines under our numbers."""
        if self._names is None:
            self._names = await self.names()
        self._order = await self.orders.of_number(self.number, self.reference, self._names)
        return self._order

    async def read(self) -> FusionOrder:
        """The order. Raises PermanentError where it is not there."""
        order = await self.found()
        if order is None:
            raise PermanentError(self.system, f"order {self.number} is not in Oracle (any more)")
        return order

    async def run(
        self,
        wanted_of: Callable[[OrderVersion], Sequence[WantedLine]],
        edits_in: Callable[[Items], list[edits.FieldEdit]],
    ) -> OrderChangeOutcome:
        """Write the difference if nobody edited the lines; otherwise report the edits and write nothing."""
        edited: list[edits.FieldEdit] | None = None

        async def missing() -> list[LineDifference] | Refused:
            nonlocal edited
            order = await self.read()
            version = order.effective
            if version is None:
                return self._refused("not_approved", f"order {self.number} is not approved in Oracle yet")
            if edited is None:  # anything found later may be our own write
                edited = edits_in(version.items)
            if edited:
                return self._refused("edited", f"a person edited order {self.number}")
            return differences(self.system, version, wanted_of(version))

        async def change(changes: Sequence[LineDifference]) -> Refused | None:
            return await self._change(changes, wanted_of)

        outcome = await reconcile(self.system, self.number, missing, change, settle_policy=self.settle_policy)
        order = self._order
        if edited and order is not None:
            at = moment(order.changed_at) or self.now()
            return Edited(edits=tuple(edit.in_document(self.number, at) for edit in edited))
        if isinstance(outcome, Written) and order is not None and order.waits:
            return waiting(order)
        return outcome

    async def _change(
        self, changes: Sequence[LineDifference], wanted_of: Callable[[OrderVersion], Sequence[WantedLine]]
    ) -> Refused | None:
        order = self._order
        assert order is not None
        if order.draft is not None and order.approved is not None:
            if not order.draft_is_ours:
                raise TransientError(
                    self.system,
                    f"order {self.number} has a change order of somebody else "
                    f"({order.change_description[:80] or order.status}); it is tried again later",
                    retry_after_seconds=_LOOK_AGAIN_SECONDS,
                )
            taken_back = order.draft if order.waits else None
            refused = await self.orders.drop_change(order, key=self.key)
            if refused is not None:
                return refused
            order = await self.read()
            assert order.approved is not None
            wanted = wanted_of(taken_back or order.approved)
            # What the change order that was taken back had for other lines is made again with it.
            others = change_orders.as_held(taken_back, [one.line for one in wanted]) if taken_back else []
            found = differences(self.system, order.approved, [*wanted, *others])
            if isinstance(found, Refused):
                return found
            changes = found
        if not changes:
            return None
        return await self.orders.change(order, changes, self.party, key=self.key)

    def _refused(self, code: str, reason: str) -> Refused:
        return Refused(system=self.system, code=code, reason=reason)


def waiting(order: FusionOrder) -> AwaitingApproval:
    """The order, or its change order, waits for approval."""
    document = f"{order.number}/{order.change_number}" if order.change_number else order.number
    return AwaitingApproval(system=SYSTEM_NAME, document=document)


__all__ = ["SYSTEM_NAME", "ChangeOrder", "waiting"]
