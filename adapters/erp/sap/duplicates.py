"""Documents of ours that SAP holds twice: several living ones of one reference.

A create that SAP finished only after everybody had stopped waiting for it leaves two. The sweep reports them and
cancels none: by now one may be at its supplier, or goods may have come for it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from adapters.erp.sap.odata import Entity, ODataService, literal
from adapters.erp.sap.remote import remote_orders
from canonical.order import DuplicateDocuments

OURS = "PL"
"""How every reference of ours begins (canonical.identity.external_reference)."""


async def duplicate_orders(service: ODataService, field: str, since: dt.date) -> list[DuplicateDocuments]:
    """The references in `field` with several orders that are not deleted, among those created since that day."""
    headers = await service.read_as(
        lambda rows: [(str(row["PurchaseOrder"]), str(row.get(field) or "")) for row in rows],
        "A_PurchaseOrder",
        where=_ours(field, since),
        select=f"PurchaseOrder,{field}",
        pages_by="PurchaseOrder",
    )
    found = []
    for reference in _repeated(headers):
        orders = await service.read_as(
            remote_orders,
            "A_PurchaseOrder",
            of=(field, reference),
            expand="to_PurchaseOrderItem",
        )
        living = tuple(order.number for order in orders if not order.deleted)
        if len(living) > 1:
            found.append(DuplicateDocuments(kind="order", reference=reference, numbers=living))
    return found


async def duplicate_requisitions(service: ODataService, field: str, since: dt.date) -> list[DuplicateDocuments]:
    """The references in `field` with several requisitions that are not deleted, among those created since that day."""

    def alive(rows: Iterable[Entity]) -> list[tuple[str, str]]:
        living = (row for row in rows if not row.get("IsDeleted"))
        return [(str(row["PurchaseRequisition"]), str(row.get(field) or "")) for row in living]

    items = await service.read_as(
        alive,
        "A_PurchaseRequisitionItem",
        where=_ours(field, since),
        select=f"PurchaseRequisition,PurchaseRequisitionItem,IsDeleted,{field}",
        pages_by="PurchaseRequisition,PurchaseRequisitionItem",
    )
    return [
        DuplicateDocuments(kind="requisition", reference=reference, numbers=tuple(sorted(numbers)))
        for reference, numbers in _repeated(items).items()
    ]


def _ours(field: str, since: dt.date) -> str:
    return f"CreationDate ge datetime'{since.isoformat()}T00:00:00' and startswith({field},{literal(OURS)})"


def _repeated(documents: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The document numbers by reference, where there are several."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for number, reference in documents:
        if reference.startswith(OURS):
            found[reference].add(number)
    return {reference: numbers for reference, numbers in sorted(found.items()) if len(numbers) > 1}
