"""Requisitions and orders by SAP's OData V4 services.

Decided here: how ours are looked for, created, changed and cancelled. A requisition can't be deleted, only its items
marked; a change carries the entity tag of what was read.
"""

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import httpx

from adapters.erp.remote import Items, RemoteDocument, RemoteItem
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.duplicates import OURS
from adapters.erp.sap.purchasing import OrderHead, Placement
from adapters.erp.sap_v4 import mapping
from adapters.erp.sap_v4.confirmations import V4Confirmations
from adapters.erp.sap_v4.mapping import COMPONENTS, ITEMS, SCHEDULE
from adapters.erp.sap_v4.odata import ORDERS, REQUISITIONS, Entity, V4Service, at, literal
from adapters.erp.sap_v4.remote import (
    etag,
    is_open,
    remote_item,
    remote_orders,
    remote_requisitions,
    unreleased,
)
from adapters.erp.sap_v4.values import read_moment
from adapters.erp.sap_v4.writing import V4Writing
from canonical.order import DuplicateDocuments, Refused

_HEAD = "PurchaseOrder,LastChangeDateTime,ReleaseIsNotCompleted,PurchasingProcessingStatus"
_REQUISITION_ITEM = "PurchaseRequisition,PurchaseRequisitionItem,IsDeleted,IsClosed,PurchasingDocument,OrderedQuantity"


@dataclass(frozen=True)
class V4Requisitions:
    """Implements adapters.erp.placing.RequisitionsOfOurs."""

    service: V4Service
    placement: Placement

    async def look(self) -> list[RemoteDocument]:
        """By the reference in their items."""
        field = self.placement.rules.requisition_reference_field
        return remote_requisitions(await _requisition_items(self.service, self.placement.document.reference, field))

    async def create(self) -> RemoteDocument | Refused:
        """A deep insert. Raises UnknownUnit or DoesNotFit before anything is written."""
        one = self.placement
        body = mapping.requisition_body(one.document, one.units, one.rules)
        created = await self.service.create(
            "PurchaseReqn", body, number="PurchaseRequisition", key=f"{one.key}/requisition"
        )
        if isinstance(created, Refused):
            return created
        return RemoteDocument(created["PurchaseRequisition"], tuple(line.line for line in one.document.lines))

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Mark its items as deleted."""
        operations = [_deletion(spare.number, item) for item in spare.live_items]
        return await self.service.change(operations, key=f"{self.placement.key}/cancel/{spare.number}")


@dataclass(frozen=True)
class V4Orders:
    """Implements adapters.erp.placing.OrdersOfOurs."""

    service: V4Service
    placement: Placement

    async def look(self) -> list[RemoteDocument]:
        """By the reference in their heads."""
        one = self.placement
        return await self.service.read_as(
            remote_orders, "PurchaseOrder", of=(one.rules.order_reference_field, one.document.reference), expand=ITEMS
        )

    async def create(self, requisition: str) -> RemoteDocument | Refused:
        """A deep insert. Raises UnknownUnit or DoesNotFit before anything is written."""
        one = self.placement
        body = mapping.order_body(one.document, requisition, one.units, one.rules)
        created = await self.service.create("PurchaseOrder", body, number="PurchaseOrder", key=f"{one.key}/order")
        if isinstance(created, Refused):
            return created
        lines = tuple(line.line for line in one.document.lines)
        return RemoteDocument(created["PurchaseOrder"], lines, requisition, unreleased=unreleased(created))

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Delete its items."""
        operations = [
            Operation("DELETE", at("PurchaseOrderItem", spare.number, str(item)), etag="*") for item in spare.live_items
        ]
        return await self.service.change(operations, key=f"{self.placement.key}/cancel/{spare.number}")


class V4Purchasing:
    """Implements adapters.erp.sap.purchasing.Purchasing."""

    repeatable = False
    """SAP's V4 services document no way to repeat a request, so every placing ends with a look."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self.system = system
        self.writing = V4Writing(system)
        self.confirming = V4Confirmations(http, system)
        self._orders = V4Service(http, system, ORDERS)
        self._requisitions = V4Service(http, system, REQUISITIONS)

    def check(self, placement: Placement) -> None:
        """Make both bodies."""
        mapping.requisition_body(placement.document, placement.units, placement.rules)
        mapping.order_body(placement.document, "", placement.units, placement.rules)

    def requisitions(self, placement: Placement) -> V4Requisitions:
        """Those of the document."""
        return V4Requisitions(self._requisitions, placement)

    def orders(self, placement: Placement) -> V4Orders:
        """Those of the document."""
        return V4Orders(self._orders, placement)

    async def items(self, order: str, *, components: bool = False) -> Items:
        """One read."""
        below = f"($expand={COMPONENTS})" if components else ""
        return await self._orders.read_as(
            lambda items: {item.number: item for item in map(remote_item, items)},
            "PurchaseOrderItem",
            of=("PurchaseOrder", order),
            expand=f"{SCHEDULE}{below}",
        )

    async def head(self, order: str) -> OrderHead:
        """One read."""
        heads = await self._orders.read_as(
            lambda orders: [OrderHead(read_moment(one.get("LastChangeDateTime")), unreleased(one)) for one in orders],
            "PurchaseOrder",
            of=("PurchaseOrder", order),
            select=_HEAD,
        )
        return heads[0] if heads else OrderHead(None, "")

    async def change(self, operations: Sequence[Operation], items: Items, *, key: str) -> Refused | None:
        """One changeset, each operation with the tag of what it changes."""
        tags = dict(pair for item in items.values() for pair in self._tags(item))
        tagged = [replace(one, etag=tags.get(one.path, "")) for one in operations]
        return await self._orders.change(tagged, key=key)

    def _tags(self, item: RemoteItem) -> Iterable[tuple[str, str]]:
        yield self.writing.item(item), item.etag
        for line in item.schedule:
            yield self.writing.schedule_line(item, line.number), line.etag
        for component in item.components:
            yield self.writing.component(item, component), component.etag

    async def open_requisitions(self, reference: str, field: str) -> list[Operation]:
        """One read."""
        items = await _requisition_items(self._requisitions, reference, field)
        return [
            _deletion(one["PurchaseRequisition"], int(one["PurchaseRequisitionItem"]), etag(one))
            for one in items
            if is_open(one)
        ]

    async def delete_requisitions(self, operations: Sequence[Operation], *, key: str) -> Refused | None:
        """One changeset."""
        return await self._requisitions.change(operations, key=key)

    async def duplicates(
        self, order_fields: Collection[str], requisition_fields: Collection[str], since: dt.date
    ) -> list[DuplicateDocuments]:
        """A read a field, and one for each reference that is there several times."""
        by_field = [
            *(self._duplicate_orders(field, since) for field in sorted(order_fields)),
            *(self._duplicate_requisitions(field, since) for field in sorted(requisition_fields)),
        ]
        return [duplicate for found in await asyncio.gather(*by_field) for duplicate in found]

    async def _duplicate_orders(self, field: str, since: dt.date) -> list[DuplicateDocuments]:
        heads = await self._orders.read_as(
            lambda rows: [(str(row["PurchaseOrder"]), str(row.get(field) or "")) for row in rows],
            "PurchaseOrder",
            where=f"CreationDate ge {since.isoformat()} and startswith({field},{literal(OURS)})",
            select=f"PurchaseOrder,{field}",
            pages_by="PurchaseOrder",
        )
        found = []
        for reference in _repeated(heads):
            orders = await self._orders.read_as(remote_orders, "PurchaseOrder", of=(field, reference), expand=ITEMS)
            living = tuple(order.number for order in orders if not order.deleted)
            if len(living) > 1:
                found.append(DuplicateDocuments(kind="order", reference=reference, numbers=living))
        return found

    async def _duplicate_requisitions(self, field: str, since: dt.date) -> list[DuplicateDocuments]:
        def alive(rows: Iterable[Entity]) -> list[tuple[str, str]]:
            living = (row for row in rows if not row.get("IsDeleted"))
            return [(str(row["PurchaseRequisition"]), str(row.get(field) or "")) for row in living]

        items = await self._requisitions.read_as(
            alive,
            "PurchaseReqnItem",
            where=f"PurReqCreationDate ge {since.isoformat()} and startswith({field},{literal(OURS)})",
            select=f"PurchaseRequisition,PurchaseRequisitionItem,IsDeleted,{field}",
            pages_by="PurchaseRequisition,PurchaseRequisitionItem",
        )
        return [
            DuplicateDocuments(kind="requisition", reference=reference, numbers=tuple(sorted(numbers)))
            for reference, numbers in _repeated(items).items()
        ]


async def _requisition_items(service: V4Service, reference: str, field: str) -> list[Entity]:
    def checked(items: list[Entity]) -> list[Entity]:
        remote_requisitions(items)  # raises where they are of another kind
        return items

    return await service.read_as(
        checked, "PurchaseReqnItem", of=(field, reference), select=f"{_REQUISITION_ITEM},{field}"
    )


def _deletion(requisition: str, item: int, tag: str = "*") -> Operation:
    """`tag`: without one that was read, any will do, since nobody else's requisition of ours is changed."""
    told = f"item {item} of requisition {requisition}: deletion wanted, not deleted found"
    path = at("PurchaseReqnItem", requisition, str(item))
    return Operation("PATCH", path, {"IsDeleted": True}, told, etag=tag)


def _repeated(documents: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The document numbers by reference, where there are several."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for number, reference in documents:
        if reference.startswith(OURS):
            found[reference].add(number)
    return {reference: numbers for reference, numbers in sorted(found.items()) if len(numbers) > 1}
