"""Orders of ours in Oracle: found by our reference or their number, drafted, submitted, changed, cancelled.

Decided here: our reference is the order's Description, since Oracle gives every order a number of its own and no other
attribute for it; an order is read from draftPurchaseOrders (where it is drafted and changed) and from purchaseOrders
(what is approved) together. A change is one change order: PATCH of the draft, new schedules, submit. Not decided here:
what a change contains (change_orders.py) and when it is made (client.py).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from adapters.erp.oracle.change_orders import LineDifference
from adapters.erp.oracle.rest import Fusion, Row, RowLink
from adapters.erp.oracle.units import OracleUnits
from adapters.erp.oracle.values import code, equals, number, unit_price
from adapters.erp.oracle.versions import (
    INCOMPLETE,
    NOT_APPROVED,
    OURS,
    FusionOrder,
    LineNames,
    Loaded,
    order_of,
)
from adapters.errors import PermanentError
from canonical.order import DocumentLine, OrderDocument, Refused

_WITH_LINES = "lines,lines.schedules"
_DRAFTS, _APPROVED = "draftPurchaseOrders", "purchaseOrders"
NO_NAMES = LineNames()


@dataclass(frozen=True)
class OrderDefaults:
    """What an order needs that no document of ours says; the system's options."""

    buyer_email: str
    """Who buys; Oracle's approval rules go by it."""
    requisitioning_bu: str = ""
    """Empty: the procurement business unit requisitions for itself."""


class FusionOrders:
    """Reads and writes orders."""

    def __init__(self, fusion: Fusion, defaults: OrderDefaults) -> None:
        self._fusion = fusion
        self._defaults = defaults

    async def of_reference(self, reference: str, names: LineNames = NO_NAMES) -> list[FusionOrder]:
        """All orders of a reference of ours, the oldest first."""
        return await self._orders({"Description": reference}, names)

    async def of_number(self, number: str, reference: str, names: LineNames = NO_NAMES) -> FusionOrder | None:
        """The order of this number; of several (numbers are unique in a legal entity alone) that of our reference."""
        found = await self._orders({"OrderNumber": number}, names)
        found = [one for one in found if one.description == reference] or found
        if len(found) > 1:
            raise PermanentError(
                self._fusion.system,
                f"there are several orders {number}; none can be told to be ours by its description",
            )
        return found[0] if found else None

    async def since(self, first: str) -> dict[str, list[str]]:
        """By reference, the numbers of the orders created since that day that are not canceled."""

        def pairs(rows: list[Row]) -> list[tuple[int, str, str]]:
            return [
                (int(row["POHeaderId"]), str(row["OrderNumber"]), str(row.get("Description") or ""))
                for row in rows
                if row.get("StatusCode") != "CANCELED"
            ]

        where = f"CreationDate>='{first}T00:00:00+00:00' and Description like 'PL%'"
        both = [self._fusion.read_as(pairs, each, where=where, order="POHeaderId:asc") for each in (_DRAFTS, _APPROVED)]
        found: dict[str, list[str]] = {}
        for _, each, reference in sorted({one for rows in await asyncio.gather(*both) for one in rows}):
            found.setdefault(reference, []).append(each)
        return found

    async def _orders(self, of: Mapping[str, str], names: LineNames) -> list[FusionOrder]:
        drafts, approved = await asyncio.gather(self._loaded(_DRAFTS, of), self._loaded(_APPROVED, of))
        shape = self._fusion.shaped

        def read(_: list[Row]) -> list[FusionOrder]:
            by_id = {int(one.row["POHeaderId"]): one for one in approved}
            drafted = {int(one.row["POHeaderId"]): one for one in drafts}
            # One that is not among the drafts can be read, but not changed.
            drafted = {header: Loaded(one.row, RowLink("", ""), one.lines) for header, one in by_id.items()} | drafted
            return [order_of(draft, by_id.get(header), names) for header, draft in sorted(drafted.items())]

        return shape(read, [one.row for one in (*drafts, *approved)], _DRAFTS)

    async def _loaded(self, resource: str, of: Mapping[str, str]) -> list[Loaded]:
        rows = await self._fusion.read(resource, where=equals(**of), expand=_WITH_LINES, links=True)
        found = []
        for row in rows:
            if any(row.get(name, value) != value for name, value in of.items()):
                continue
            link = self._fusion.link(row)
            lines = []
            for line in await self._fusion.children(link, row, "lines", expand="schedules"):
                at = RowLink(f"{link.path}/child/lines/{line.get('POLineId')}", "")
                lines.append((line, await self._fusion.children(at, line, "schedules")))
            found.append(Loaded(row, link, lines))
        return found

    # -- writing

    def body(self, document: OrderDocument, supplier_id: int, site: str, units: OracleUnits) -> Mapping[str, Any]:
        """The POST of a draft. Raises NotWritable."""
        return {
            "Description": code(document.reference, 240, "Description"),
            "ProcurementBU": document.purchasing_organization,
            "RequisitioningBU": self._defaults.requisitioning_bu or document.purchasing_organization,
            "BuyerEmail": self._defaults.buyer_email,
            "CurrencyCode": document.currency,
            "SupplierId": supplier_id,
            "SupplierSite": site,
            "lines": [_line_body(document, line, units) for line in document.lines if not line.cancelled],
        }

    async def create(self, body: Mapping[str, Any], *, key: str) -> str | Refused:
        """Draft an order and submit it; returns its number."""
        created = await self._fusion.create(_DRAFTS, body, key=f"{key}/order")
        if isinstance(created, Refused):
            return created
        number = self._fusion.shaped(lambda rows: str(rows[0]["OrderNumber"]), [created], _DRAFTS)
        refused = await self._fusion.act(self._fusion.link(created), "submit", key=f"{key}/submit")
        return number if refused is None else refused

    async def submit(self, order: FusionOrder, *, key: str) -> Refused | None:
        """Submit what is drafted."""
        return await self._fusion.act(self._drafted(order), "submit", key=f"{key}/submit")

    async def change(
        self, order: FusionOrder, changes: Sequence[LineDifference], party: Literal["BUYER", "SUPPLIER"], *, key: str
    ) -> Refused | None:
        """One change order, submitted. One that Oracle refuses is not left behind."""
        link = self._drafted(order)
        lines = [one.body for one in changes if len(one.body) > 1]
        body = {
            "ChangeOrderDescription": f"{OURS}{order.description or order.number}",
            "ChangeOrderInitiatingParty": party,
            **({"lines": lines} if lines else {}),
        }
        changed = await self._fusion.change(link, body, key=f"{key}/draft")
        if isinstance(changed, Refused):
            return changed
        link = self._fusion.link(changed)
        for one in changes:
            for at, schedule in enumerate(one.added):
                path = f"{link.path}/child/lines/{one.body['POLineId']}/child/schedules"
                added = await self._fusion.create(path, schedule, key=f"{key}/line-{one.line}/schedule-{at}")
                if isinstance(added, Refused):
                    return await self._left(link, added, key)
        refused = await self._fusion.act(link, "submit", key=f"{key}/submit")
        return await self._left(link, refused, key) if refused is not None else None

    async def _left(self, link: RowLink, refused: Refused, key: str) -> Refused:
        await self._fusion.act(link, "deleteChangeOrder", key=f"{key}/delete")
        return refused

    async def drop_change(self, order: FusionOrder, *, key: str) -> Refused | None:
        """Take a change order back: cancelled where it waits, else deleted."""
        drafted = order.status in INCOMPLETE | NOT_APPROVED
        action = "deleteChangeOrder" if drafted else "cancelChangeOrder"
        return await self._fusion.act(self._drafted(order), action, key=f"{key}/{action}")

    async def remove(self, order: FusionOrder, *, key: str) -> Refused | None:
        """Delete an order that was never approved, or cancel one that is."""
        if order.approved_link is None:
            return await self._fusion.delete(self._drafted(order), key=f"{key}/delete/{order.number}")
        if order.draft is not None:
            refused = await self.drop_change(order, key=key)
            if refused is not None:
                return refused
        body = {"cancelReason": "Made twice", "cancelUnfulfilledDemandFlag": True}
        return await self._fusion.act(order.approved_link, "cancel", body, key=f"{key}/cancel/{order.number}")

    async def acknowledge(self, order: FusionOrder, note: str, *, key: str) -> Refused | None:
        """Accept the order in the supplier's name. Dates and quantities are a change order's."""
        link = RowLink(f"purchaseOrderAcknowledgments/{order.header_id}", "")
        body = {"AcknowledgmentResponse": "ACCEPT", "AcknowledgmentNote": note}
        accepted = await self._fusion.change(link, body, key=f"{key}/acknowledge")
        return accepted if isinstance(accepted, Refused) else None

    def _drafted(self, order: FusionOrder) -> RowLink:
        if not order.link.path:
            raise PermanentError(
                self._fusion.system,
                f"draftPurchaseOrders does not show order {order.number}; have the user's rights extended to change it",
            )
        return order.link

    # -- suppliers

    async def supplier_id(self, supplier: str) -> int | None:
        """Oracle's id of a supplier; None: it has none of that number."""

        def first(rows: list[Row]) -> int | None:
            return next((int(number(row["SupplierId"])) for row in rows), None)

        return await self._fusion.read_as(first, "suppliers", of={"SupplierNumber": supplier})


def _line_body(document: OrderDocument, line: DocumentLine, units: OracleUnits) -> Mapping[str, Any]:
    quantity = line.quantity
    return {
        "LineNumber": line.line,
        "Item": line.item,
        "Quantity": quantity,
        "UOMCode": units.to_oracle(line.unit),
        "Price": unit_price(line.price, line.price_unit),
        "schedules": [
            {
                "ScheduleNumber": 1,
                "Quantity": quantity,
                "ShipToOrganizationCode": document.plant,
                "RequestedDeliveryDate": line.delivery_date,
                "DestinationTypeCode": "INVENTORY",
                "distributions": [{"DistributionNumber": Decimal(1), "Quantity": quantity}],
            }
        ],
    }


__all__ = ["NO_NAMES", "FusionOrders", "OrderDefaults"]
