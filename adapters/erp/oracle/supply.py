"""Supply requests: Oracle's own way from a demand to a requisition and an order, or to a transfer order.

Decided here: the request is keyed by our reference, so that Oracle itself holds only one; it is processed later, and
until its documents show it waits; a line that ends in an error is a refusal in Oracle's words. Not decided here: which
documents go this way.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.erp.oracle.rest import Fusion, Row
from adapters.erp.oracle.units import OracleUnits
from adapters.erp.oracle.values import number
from canonical.order import DocumentLine, OrderDocument, Refused
from canonical.policy import RouteKind

_NOON = dt.time(12, tzinfo=dt.UTC)
_SOURCE = "EXT"


@dataclass(frozen=True)
class SupplyLine:
    """What became of a line."""

    line: int
    order: str = ""
    order_line: int | None = None
    requisition: str = ""
    transfer: str = ""


@dataclass(frozen=True)
class FusionSupplyRequest:
    """A request of ours as Oracle holds it."""

    reference: str
    status: str
    asked: Sequence[int]
    """Our lines."""
    lines: Sequence[SupplyLine]
    errors: Mapping[int, Sequence[tuple[str, str]]]
    """By line, name and text of messages."""

    @property
    def numbers(self) -> list[str]:
        """The orders or transfer orders of all lines, each once; empty while one is missing."""
        found = {one.line: one.order or one.transfer for one in self.lines}
        numbers = [found.get(line, "") for line in self.asked]
        return list(dict.fromkeys(numbers)) if all(numbers) else []

    @property
    def requisition(self) -> str:
        """The first requisition; empty: there is none yet."""
        return next((one.requisition for one in self.lines if one.requisition), "")


class SupplyRequests:
    """Reads and writes supply requests."""

    def __init__(self, fusion: Fusion, requester_email: str) -> None:
        self._fusion = fusion
        self._requester = requester_email

    async def read(self, reference: str) -> FusionSupplyRequest | None:
        """The request of this reference; None: there is none."""
        path = f"supplyRequests/{reference}"
        row = await self._fusion.item(path)
        if row is None:
            return None
        asked = await self._fusion.read(f"{path}/child/supplyRequestLines", expand="errorMessages")
        supply = await self._fusion.read(f"{path}/child/supplyOrderLines", expand="buySupply,transferSupply")
        return self._fusion.shaped(lambda rows: _request(rows[0], asked, supply), [row], "supplyRequests")

    def body(self, document: OrderDocument, supplier_id: int | None, units: OracleUnits) -> Mapping[str, Any]:
        """The POST of a request. Raises NotWritable."""
        return {
            "InterfaceSourceCode": _SOURCE,
            "InterfaceBatchNumber": document.reference,
            "SupplyRequestStatus": "NEW",
            "SupplyRequestDate": dt.datetime.combine(document.order_date, _NOON),
            "SupplyOrderSource": _SOURCE,
            "SupplyOrderReferenceNumber": document.reference,
            "SupplyOrderReferenceId": _reference_id(document.reference),
            "ProcessRequestFlag": "Y",
            "supplyRequestLines": [
                self._line(document, line, supplier_id, units) for line in document.lines if not line.cancelled
            ],
        }

    def _line(
        self, document: OrderDocument, line: DocumentLine, supplier_id: int | None, units: OracleUnits
    ) -> Mapping[str, Any]:
        transfer = document.route is RouteKind.TRANSFER
        return {
            "InterfaceBatchNumber": document.reference,
            "InterfaceSourceCode": _SOURCE,
            "SupplyOrderSource": _SOURCE,
            "SupplyOrderReferenceLineNumber": str(line.line),
            "SupplyOrderReferenceLineId": _reference_id(f"{document.reference}/{line.line}"),
            "DestinationOrganizationCode": document.plant,
            "ItemNumber": line.item,
            "NeedByDate": dt.datetime.combine(line.delivery_date, _NOON),
            "Quantity": line.quantity,
            "UOMCode": units.to_oracle(line.unit),
            "PreparerEmail": self._requester,
            "DeliverToRequesterEmail": self._requester,
            "SupplyType": "TRANSFER" if transfer else "BUY",
            **({"SourceOrganizationCode": document.supplier} if transfer else {"SuggestedVendorId": supplier_id}),
        }

    async def create(self, body: Mapping[str, Any], *, key: str) -> Refused | None:
        """Send a request."""
        created = await self._fusion.create("supplyRequests", body, key=f"{key}/supply-request")
        return created if isinstance(created, Refused) else None

    async def change_line(self, reference: str, line: DocumentLine, *, key: str) -> Refused | None:
        """Another quantity or day of a line."""
        path = f"supplyRequests/{reference}/child/supplyRequestLines/{line.line}"
        body = {"Quantity": line.quantity, "NeedByDate": dt.datetime.combine(line.delivery_date, _NOON)}
        changed = await self._fusion.change_at(path, body, key=f"{key}/line-{line.line}")
        return changed if isinstance(changed, Refused) else None

    async def asked_of(self, reference: str) -> Mapping[int, tuple[Any, dt.date]]:
        """Quantity and day of each line, as the request says it now."""

        def shape(rows: list[Row]) -> Mapping[int, tuple[Any, dt.date]]:
            return {
                int(row["SupplyOrderReferenceLineNumber"]): (
                    number(row["Quantity"]),
                    dt.datetime.fromisoformat(str(row["NeedByDate"])).astimezone(dt.UTC).date(),
                )
                for row in rows
            }

        return await self._fusion.read_as(shape, f"supplyRequests/{reference}/child/supplyRequestLines")

    async def cancel_requisition_lines(self, requisition: str, *, key: str) -> int | Refused:
        """Cancel the lines that are in no order; returns how many."""
        rows = await self._fusion.read(
            "purchaseRequisitions", where=f"Requisition='{requisition}'", expand="lines", links=True
        )
        cancelled = 0
        for row in rows:
            link = self._fusion.link(row)
            for line in await self._fusion.read(f"{link.path}/child/lines", links=True):
                if line.get("PurchaseOrder") or line.get("LineStatus") == "CANCELED":
                    continue
                at = self._fusion.link(line)
                refused = await self._fusion.act(
                    at, "cancel", {"reason": "Not needed any more"}, key=f"{key}/{at.path}"
                )
                if refused is not None:
                    return refused
                cancelled += 1
        return cancelled


def _reference_id(text: str) -> int:
    """A number of eighteen digits at most that stands for a text of ours, the same on every attempt."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


def _request(row: Row, requested: Sequence[Row], supply: Sequence[Row]) -> FusionSupplyRequest:
    asked: list[int] = []
    errors: dict[int, Sequence[tuple[str, str]]] = {}
    for line in requested:
        ours = int(line["SupplyOrderReferenceLineNumber"])
        asked.append(ours)
        messages = [
            (str(one.get("MessageName") or ""), str(one.get("MessageText") or ""))
            for one in _rows(line, "errorMessages")
        ]
        if messages:
            errors[ours] = messages
    lines = [
        _supply_line(one) for line in supply for one in (*_rows(line, "buySupply"), *_rows(line, "transferSupply"))
    ]
    return FusionSupplyRequest(
        str(row["SupplyOrderReferenceNumber"]), str(row.get("SupplyRequestStatus") or ""), asked, lines, errors
    )


def _supply_line(row: Row) -> SupplyLine:
    line = row.get("PurchaseOrderLineNumber")
    return SupplyLine(
        int(row["SupplyOrderReferenceLineNumber"]),
        str(row.get("PurchaseOrderNumber") or ""),
        int(line) if line not in (None, "") else None,
        str(row.get("RequisitionNumber") or ""),
        str(row.get("TransferOrderNumber") or ""),
    )


def _rows(row: Row, child: str) -> list[Row]:
    held = row.get(child)
    if held is None:
        return []
    items: list[Row] = held["items"] if isinstance(held, Mapping) else held
    if isinstance(held, Mapping) and held.get("hasMore"):
        raise ValueError(f"more {child} of a line than one answer holds")
    return items


__all__ = ["FusionSupplyRequest", "SupplyLine", "SupplyRequests"]
