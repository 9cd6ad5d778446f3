"""One document becomes one requisition and one order, whatever happens to the calls.

Decided here: SAP's references are not unique and it remembers request ids only for a short time or not at all, so: look
before creating; where an earlier create may have been lost, create again only once the document can't appear any more
(settle_policy.py); and sweep for duplicates after creating. If no call had an unknown outcome, no duplicate can appear
and the sweep is not needed, unless SAP is not asked to repeat requests at all. What appears even later is found by the
sweep over all orders (duplicates.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from adapters.erp.sap.batch import Operation
from adapters.erp.sap.mapping import first_sent, item_number, order_body, requisition_body
from adapters.erp.sap.odata import SYSTEM, ODataService, keyed
from adapters.erp.sap.remote import RemoteDocument, remote_orders, remote_requisitions
from adapters.erp.sap.settle_policy import NotFinal, SettlePolicy
from adapters.erp.sap.units import Units
from adapters.errors import PermanentError, TransientError
from canonical.order import OrderDocument, Placed, PlaceOutcome, Refused
from canonical.policy import ErpDocuments

Look = Callable[[], Awaitable[list[RemoteDocument]]]
Create = Callable[[], Awaitable[RemoteDocument | Refused]]


@dataclass(frozen=True)
class Placing:
    """One call of place_order."""

    requisition_service: ODataService
    order_service: ODataService
    units: Units
    rules: ErpDocuments
    settle_policy: SettlePolicy
    document: OrderDocument
    key: str

    async def run(self, maybe_written: bool) -> PlaceOutcome:
        """Find or create both documents. Raises UnknownUnit or DoesNotFit before anything is written."""
        deadline = self.settle_policy.deadline()
        requisition_body(self.document, self.units, self.rules)
        order_body(self.document, "", self.units, self.rules)
        requisitions, orders = await asyncio.gather(self._requisitions(), self._orders())
        if orders:
            return await self._swept(requisitions, orders, found_existing=True)
        requisition, was_there, requisition_doubt = await self._ensured(
            "requisition", requisitions, self._requisitions, self._create_requisition, maybe_written, deadline
        )
        if isinstance(requisition, Refused):
            return requisition

        async def convert() -> RemoteDocument | Refused:
            return await self._create_order(requisition.number)

        # An order can't be in progress before its requisition exists.
        order, order_was_there, order_doubt = await self._ensured(
            "order", [], self._orders, convert, maybe_written and was_there, deadline
        )
        if isinstance(order, Refused):
            return order
        doubt = maybe_written or requisitions or requisition_doubt or order_doubt
        if self.order_service.repeatable and not doubt:
            return Placed(requisition_number=requisition.number, order_number=order.number)
        requisitions, orders = await asyncio.gather(self._requisitions(), self._orders())
        return await self._swept(requisitions or [requisition], orders or [order], found_existing=order_was_there)

    async def _ensured(
        self, kind: str, remote: list[RemoteDocument], look: Look, create: Create, maybe_written: bool, deadline: float
    ) -> tuple[RemoteDocument | Refused, bool, bool]:
        """The document, whether it existed before this call tried to create it, and whether a duplicate may appear."""
        tried, doubt = False, maybe_written
        what = f"{self.document.reference}/{kind}"
        while True:
            if maybe_written and not remote:
                remote = await self._looked_for(what, kind, look)
            if remote:
                return _alive(remote), not tried, doubt
            try:
                tried = True
                self.settle_policy.sent(what)
                created = await create()
            except TransientError as error:
                if not error.maybe_written or not self.settle_policy.has_time_to_settle(deadline):
                    raise
                maybe_written = doubt = True
                continue
            # SAP may refuse because an earlier attempt has arrived meanwhile.
            if isinstance(created, Refused) and (remote := await look()):
                return _alive(remote), False, True
            return created, False, doubt

    async def _looked_for(self, what: str, kind: str, look: Look) -> list[RemoteDocument]:
        try:
            return await self.settle_policy.look_until_final(what, look)
        except NotFinal as missing:
            reason = f"the answer to the create of {kind} {self.document.reference} was lost, and {missing}"
            raise TransientError(
                SYSTEM,
                f"{reason}; it is looked for again then, and created only if it is still missing",
                maybe_written=True,
                retry_after_seconds=missing.seconds,
            ) from None

    async def _swept(
        self, requisitions: Sequence[RemoteDocument], orders: Sequence[RemoteDocument], *, found_existing: bool
    ) -> PlaceOutcome:
        """Keep the lowest order and its requisition; cancel and report the others."""
        order = _alive(orders)
        if isinstance(order, Refused):
            return order
        living = [one for one in requisitions if not one.deleted]
        origin = order.requisition or next((one.number for one in living), "")
        spare_orders = [one for one in orders if not one.deleted and one.number != order.number]
        spare_requisitions = [one for one in living if one.number != origin]
        for spare in spare_orders:
            await self._cancel(self.order_service, spare, _order_deletions(spare))
        for spare in spare_requisitions:
            await self._cancel(self.requisition_service, spare, requisition_deletions(spare.number, spare.live_items))
        return Placed(
            requisition_number=origin,
            order_number=order.number,
            found_existing=found_existing,
            duplicates=tuple(spare.number for spare in (*spare_orders, *spare_requisitions)),
        )

    async def _cancel(self, service: ODataService, spare: RemoteDocument, deletions: Sequence[Operation]) -> None:
        refused = await service.change(deletions, key=f"{self.key}/cancel/{spare.number}")
        if refused is not None:
            raise PermanentError(
                SYSTEM, f"{spare.number} is a duplicate and can't be cancelled: {refused.reason}; cancel it in the ERP"
            )

    async def _requisitions(self) -> list[RemoteDocument]:
        field = self.rules.requisition_reference_field
        return await requisitions_of(self.requisition_service, self.document.reference, field)

    async def _orders(self) -> list[RemoteDocument]:
        return await self.order_service.read_as(
            remote_orders,
            "A_PurchaseOrder",
            of=(self.rules.order_reference_field, self.document.reference),
            expand="to_PurchaseOrderItem",
        )

    async def _create_requisition(self) -> RemoteDocument | Refused:
        created = await self.requisition_service.create(
            "A_PurchaseRequisitionHeader",
            requisition_body(self.document, self.units, self.rules),
            number="PurchaseRequisition",
            key=f"{self.key}/requisition",
            first_sent=first_sent(self.document),
        )
        if isinstance(created, Refused):
            return created
        return RemoteDocument(created["PurchaseRequisition"], self._lines)

    async def _create_order(self, requisition: str) -> RemoteDocument | Refused:
        created = await self.order_service.create(
            "A_PurchaseOrder",
            order_body(self.document, requisition, self.units, self.rules),
            number="PurchaseOrder",
            key=f"{self.key}/order",
            first_sent=first_sent(self.document),
        )
        if isinstance(created, Refused):
            return created
        return RemoteDocument(created["PurchaseOrder"], self._lines, requisition)

    @property
    def _lines(self) -> tuple[int, ...]:
        return tuple(line.line for line in self.document.lines)


async def requisitions_of(service: ODataService, reference: str, field: str) -> list[RemoteDocument]:
    """The requisitions with items of our reference in `field`, the lowest number first."""
    return await service.read_as(
        remote_requisitions,
        "A_PurchaseRequisitionItem",
        of=(field, reference),
        select=f"PurchaseRequisition,PurchaseRequisitionItem,IsDeleted,PurchasingDocument,OrderedQuantity,{field}",
    )


def requisition_deletions(number: str, items: Iterable[int]) -> list[Operation]:
    """The writes that delete items of a requisition."""
    return [
        Operation(
            "MERGE",
            keyed("A_PurchaseRequisitionItem", PurchaseRequisition=number, PurchaseRequisitionItem=item_number(item)),
            {"IsDeleted": "X"},
            f"item {item} of requisition {number}: deletion wanted, not deleted found",
        )
        for item in items
    ]


def _alive(remote: Sequence[RemoteDocument]) -> RemoteDocument | Refused:
    """The lowest document that is not deleted; if all are, a person deleted them, and people have to decide."""
    for document in remote:
        if not document.deleted:
            return document
    number = remote[0].number
    return Refused(system=SYSTEM, code="deleted_in_erp", reason=f"document {number} was deleted in the ERP")


def _order_deletions(order: RemoteDocument) -> list[Operation]:
    return [
        Operation(
            "DELETE",
            keyed("A_PurchaseOrderItem", PurchaseOrder=order.number, PurchaseOrderItem=item_number(line)),
        )
        for line in order.live_items
    ]
