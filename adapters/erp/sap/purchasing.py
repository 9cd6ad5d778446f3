"""What SAP's purchasing services offer the client, whatever the protocol; and how OData V2 offers it."""

import asyncio
import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import httpx

from adapters.erp.placing import OrdersOfOurs, RequisitionsOfOurs
from adapters.erp.remote import Items, RemoteItem
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.difference import Writing
from adapters.erp.sap.documents import OurOrders, OurRequisitions, requisition_deletions, requisitions_of
from adapters.erp.sap.duplicates import duplicate_orders, duplicate_requisitions
from adapters.erp.sap.mapping import order_body, requisition_body
from adapters.erp.sap.odata import SYSTEM, ODataService
from adapters.erp.sap.remote import remote_item, unreleased
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import read_moment
from adapters.erp.sap.writing import V2Writing
from adapters.erp.settle_policy import SettlePolicy
from canonical.order import DuplicateDocuments, OrderDocument, OrderSchedule, Refused, WriteOutcome
from canonical.policy import ErpDocuments


@dataclass(frozen=True)
class Placement:
    """What is written for one document, and by which customizing; `key` is the step's idempotency key."""

    document: OrderDocument
    units: Units
    rules: ErpDocuments
    key: str


class OrderHead(NamedTuple):
    """Of an order as a whole: when it was changed last, and why it may not go to its supplier yet."""

    changed_at: dt.datetime | None
    unreleased: str


class Confirming(Protocol):
    """Keeps the supplier's confirmations apart from what was ordered."""

    async def write(
        self, schedule: OrderSchedule, items: Items, *, key: str, settle_policy: SettlePolicy
    ) -> WriteOutcome:
        """Bring the confirmations of these lines to what was promised. Raises DoesNotFit."""
        ...

    async def reject(
        self, order: str, reference: str, items: Sequence[RemoteItem], *, key: str, settle_policy: SettlePolicy
    ) -> WriteOutcome:
        """Mark these items as rejected by the supplier; `reference`: the order's of ours."""
        ...


class Purchasing(Protocol):
    """SAP's services for requisitions and orders."""

    @property
    def system(self) -> str:
        """The system's name in messages."""
        ...

    @property
    def writing(self) -> Writing:
        """How changes are spelled."""
        ...

    @property
    def repeatable(self) -> bool:
        """Whether SAP is asked to answer a repeated request as it did the first."""
        ...

    @property
    def confirming(self) -> Confirming | None:
        """None: confirmed quantities stand in the order's own schedule lines."""
        ...

    def check(self, placement: Placement) -> None:
        """Raise NotWritable where a value does not fit, before anything is written."""
        ...

    def requisitions(self, placement: Placement) -> RequisitionsOfOurs:
        """The requisitions of the document."""
        ...

    def orders(self, placement: Placement) -> OrdersOfOurs:
        """The orders of the document."""
        ...

    async def items(self, order: str, *, components: bool = False) -> Items:
        """The order's items with their schedules."""
        ...

    async def head(self, order: str) -> OrderHead:
        """The order's head."""
        ...

    async def change(self, operations: Sequence[Operation], items: Items, *, key: str) -> Refused | None:
        """Change the order whose `items` were read; all operations or none. Raises ChangedMeanwhile."""
        ...

    async def open_requisitions(self, reference: str, field: str) -> list[Operation]:
        """The writes that delete the requisition items of the reference that are in no order."""
        ...

    async def delete_requisitions(self, operations: Sequence[Operation], *, key: str) -> Refused | None:
        """Carry them out."""
        ...

    async def duplicates(
        self, order_fields: Collection[str], requisition_fields: Collection[str], since: dt.date
    ) -> list[DuplicateDocuments]:
        """Our references, by field, that stand in several living documents created since that day."""
        ...


class V2Purchasing:
    """Implements Purchasing by API_PURCHASEREQ_PROCESS_SRV and API_PURCHASEORDER_PROCESS_SRV."""

    system = SYSTEM
    confirming = None

    def __init__(self, http: httpx.AsyncClient, *, repeatable: bool = True) -> None:
        """`repeatable`: see ODataService."""
        self._requisitions = ODataService(http, "API_PURCHASEREQ_PROCESS_SRV", repeatable=repeatable)
        self._orders = ODataService(http, "API_PURCHASEORDER_PROCESS_SRV", repeatable=repeatable)
        self.writing = V2Writing()
        self.repeatable = repeatable

    def check(self, placement: Placement) -> None:
        """Make both bodies."""
        requisition_body(placement.document, placement.units, placement.rules)
        order_body(placement.document, "", placement.units, placement.rules)

    def requisitions(self, placement: Placement) -> OurRequisitions:
        """Found by the reference in their items."""
        one = placement
        return OurRequisitions(self._requisitions, one.document, one.units, one.rules, one.key)

    def orders(self, placement: Placement) -> OurOrders:
        """Found by the reference in their heads."""
        one = placement
        return OurOrders(self._orders, one.document, one.units, one.rules, one.key)

    async def items(self, order: str, *, components: bool = False) -> Items:
        """One read."""
        below = "/to_SubcontractingComponent" if components else ""
        return await self._orders.read_as(
            lambda items: {item.number: item for item in map(remote_item, items)},
            "A_PurchaseOrderItem",
            of=("PurchaseOrder", order),
            expand=f"to_ScheduleLine{below}",
        )

    async def head(self, order: str) -> OrderHead:
        """One read."""
        heads = await self._orders.read_as(
            lambda orders: [OrderHead(read_moment(one.get("LastChangeDateTime")), unreleased(one)) for one in orders],
            "A_PurchaseOrder",
            of=("PurchaseOrder", order),
            select="PurchaseOrder,LastChangeDateTime,ReleaseIsNotCompleted",
        )
        return heads[0] if heads else OrderHead(None, "")

    async def change(self, operations: Sequence[Operation], items: Items, *, key: str) -> Refused | None:
        """One changeset."""
        return await self._orders.change(operations, key=key)

    async def open_requisitions(self, reference: str, field: str) -> list[Operation]:
        """One read."""
        held = await requisitions_of(self._requisitions, reference, field)
        return [one for each in held for one in requisition_deletions(each.number, each.open_items)]

    async def delete_requisitions(self, operations: Sequence[Operation], *, key: str) -> Refused | None:
        """One changeset."""
        return await self._requisitions.change(operations, key=key)

    async def duplicates(
        self, order_fields: Collection[str], requisition_fields: Collection[str], since: dt.date
    ) -> list[DuplicateDocuments]:
        """A read a field, and one for each reference that is there several times."""
        by_field = [
            *(duplicate_orders(self._orders, field, since) for field in sorted(order_fields)),
            *(duplicate_requisitions(self._requisitions, field, since) for field in sorted(requisition_fields)),
        ]
        return [duplicate for found in await asyncio.gather(*by_field) for duplicate in found]
