"""Our requisitions and orders in SAP's OData V2 services: how they are looked for, created and cancelled."""

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.erp.remote import RemoteDocument
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.mapping import first_sent, item_number, order_body, requisition_body
from adapters.erp.sap.odata import ODataService, keyed
from adapters.erp.sap.remote import remote_orders, remote_requisitions, unreleased
from adapters.erp.sap.units import Units
from canonical.order import OrderDocument, Refused
from canonical.policy import ErpDocuments


@dataclass(frozen=True)
class OurRequisitions:
    """Implements adapters.erp.placing.RequisitionsOfOurs."""

    service: ODataService
    document: OrderDocument
    units: Units
    rules: ErpDocuments
    key: str

    async def look(self) -> list[RemoteDocument]:
        """Those with items of our reference, the lowest number first."""
        return await requisitions_of(self.service, self.document.reference, self.rules.requisition_reference_field)

    async def create(self) -> RemoteDocument | Refused:
        """A deep insert. Raises UnknownUnit or DoesNotFit before anything is written."""
        created = await self.service.create(
            "A_PurchaseRequisitionHeader",
            requisition_body(self.document, self.units, self.rules),
            number="PurchaseRequisition",
            key=f"{self.key}/requisition",
            first_sent=first_sent(self.document),
        )
        if isinstance(created, Refused):
            return created
        return RemoteDocument(created["PurchaseRequisition"], _lines(self.document))

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Mark its items as deleted."""
        deletions = requisition_deletions(spare.number, spare.live_items)
        return await self.service.change(deletions, key=f"{self.key}/cancel/{spare.number}")


@dataclass(frozen=True)
class OurOrders:
    """Implements adapters.erp.placing.OrdersOfOurs."""

    service: ODataService
    document: OrderDocument
    units: Units
    rules: ErpDocuments
    key: str

    async def look(self) -> list[RemoteDocument]:
        """Those of our reference, the lowest number first."""
        return await self.service.read_as(
            remote_orders,
            "A_PurchaseOrder",
            of=(self.rules.order_reference_field, self.document.reference),
            expand="to_PurchaseOrderItem",
        )

    async def create(self, requisition: str) -> RemoteDocument | Refused:
        """A deep insert. Raises UnknownUnit or DoesNotFit before anything is written."""
        created = await self.service.create(
            "A_PurchaseOrder",
            order_body(self.document, requisition, self.units, self.rules),
            number="PurchaseOrder",
            key=f"{self.key}/order",
            first_sent=first_sent(self.document),
        )
        if isinstance(created, Refused):
            return created
        lines = _lines(self.document)
        return RemoteDocument(created["PurchaseOrder"], lines, requisition, unreleased=unreleased(created))

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Delete its items."""
        return await self.service.change(_order_deletions(spare), key=f"{self.key}/cancel/{spare.number}")


def _lines(document: OrderDocument) -> tuple[int, ...]:
    return tuple(line.line for line in document.lines)


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


def _order_deletions(order: RemoteDocument) -> list[Operation]:
    return [
        Operation(
            "DELETE",
            keyed("A_PurchaseOrderItem", PurchaseOrder=order.number, PurchaseOrderItem=item_number(line)),
        )
        for line in order.live_items
    ]
