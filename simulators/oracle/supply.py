"""Supply requests: taken over, processed later, and turned into requisitions and orders or transfer orders."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from simulators.keeping import Shelf
from simulators.oracle.orders import Orders
from simulators.oracle.wire import OracleError, Row, not_found, refuse, taken

_REQUIRED = ("SupplyOrderReferenceLineNumber", "DestinationOrganizationCode", "ItemNumber", "NeedByDate", "Quantity")


@dataclass
class Supply:
    """Supply requests by the caller's reference, and what they became."""

    orders: Orders
    held: dict[str, Row] = field(default_factory=dict)
    requisitions: dict[str, Row] = field(default_factory=dict)
    transfers: dict[str, Row] = field(default_factory=dict)
    seconds: float = 0.0
    """How long a request stays NEW."""
    shelf: Shelf = field(default_factory=Shelf)
    _due: dict[str, datetime] = field(default_factory=dict)
    _numbers: int = 7_000

    def keep_on(self, shelf: Shelf) -> None:
        """Keep the books on the shelf."""
        self.shelf = shelf
        shelf.entries("supply", self.held)
        shelf.entries("requisitions", self.requisitions)
        shelf.entries("transfers", self.transfers)
        for part in ("seconds", "_due", "_numbers"):
            shelf.whole(f"supply.{part}", lambda part=part: getattr(self, part), self._restore(part))  # type: ignore[misc]

    def _restore(self, part: str) -> Any:
        return lambda kept: setattr(self, part, kept)

    def create(self, body: Row) -> Row:
        """Take a request over."""
        given = taken("supplyRequests", body)
        reference = given.get("SupplyOrderReferenceNumber")
        if not reference or not given.get("supplyRequestLines"):
            raise refuse("DOS-2685001", "A supply request needs SupplyOrderReferenceNumber and supplyRequestLines")
        if reference in self.held:
            raise refuse("DOS-2685002", f"Supply request {reference} exists already", "/SupplyOrderReferenceNumber")
        for line in given["supplyRequestLines"]:
            if missing := [name for name in _REQUIRED if line.get(name) in (None, "")]:
                raise refuse(
                    "DOS-2685003", f"A value is required for {missing[0]}", f"/supplyRequestLines/{missing[0]}"
                )
        request = {**given, "SupplyRequestStatus": "NEW", "supplyOrderLines": []}
        self.held[reference] = request
        self._due[reference] = self._now() + timedelta(seconds=self.seconds)
        return request

    def change(self, reference: str, line_number: str, body: Row) -> Row:
        """PATCH of a line: quantity or date."""
        request = self.read(reference)
        given = taken("supplyRequests.supplyRequestLines", body)
        line = next(
            (one for one in request["supplyRequestLines"] if one["SupplyOrderReferenceLineNumber"] == line_number), None
        )
        if line is None:
            raise not_found(f"line {line_number} of supply request {reference}")
        if given.get("Quantity") is not None and given["Quantity"] <= 0:
            raise refuse("DOS-2685004", "The quantity must be above zero", "/Quantity")
        line.update(given)
        self.shelf.touch("supply", reference)
        changed: Row = line
        for one in self._tracked(request):
            if one["SupplyOrderReferenceLineNumber"] == line_number:
                one["Quantity"] = line["Quantity"]
        return changed

    def read(self, reference: str) -> Row:
        """The request, processed where that is due."""
        self._process()
        if reference not in self.held:
            raise not_found(f"supply request {reference}")
        request = self.held[reference]
        self._follow(request)
        return request

    def _process(self) -> None:
        for reference in [reference for reference, due in self._due.items() if due <= self._now()]:
            del self._due[reference]
            request = self.held[reference]
            buying = [line for line in request["supplyRequestLines"] if line.get("SupplyType") != "TRANSFER"]
            moving = [line for line in request["supplyRequestLines"] if line.get("SupplyType") == "TRANSFER"]
            for line in request["supplyRequestLines"]:
                line["errorMessages"] = list(self._errors(line))
            good = [line for line in buying if not line["errorMessages"]]
            if good:
                self._buy(request, good)
            good = [line for line in moving if not line["errorMessages"]]
            if good:
                self._move(request, good)
            failed = any(line["errorMessages"] for line in request["supplyRequestLines"])
            self.shelf.touch("supply", reference)
            request["SupplyRequestStatus"] = "ERROR" if failed else "PROCESSED"

    def _errors(self, line: Row) -> Iterator[Row]:
        item, organization = line["ItemNumber"], line["DestinationOrganizationCode"]
        master = self.orders.master
        if (organization, item) not in master.items:
            yield _message("DOS_ITEM_INVALID", f"Item {item} isn't defined in organization {organization}.")
        elif line.get("SupplyType") == "TRANSFER":
            if (line.get("SourceOrganizationCode"), item) not in master.items:
                source = line.get("SourceOrganizationCode")
                yield _message("DOS_SOURCE_INVALID", f"Item {item} isn't defined in organization {source}.")
        elif master.agreement_of(item, line.get("SuggestedVendorId")) is None:
            yield _message("POR_NO_SOURCE", f"No source agreement was found for item {item}.")

    def _buy(self, request: Row, lines: list[Row]) -> None:
        """One requisition, and one order of it; Oracle groups the lines of one supplier."""
        number = self._next("RQ")
        requisition: Row = {"RequisitionHeaderId": self._numbers, "Requisition": number, "DocumentStatus": "APPROVED"}
        agreements = [self.orders.master.agreement_of(one["ItemNumber"], one.get("SuggestedVendorId")) for one in lines]
        first = agreements[0]
        assert first is not None
        requisition["lines"] = [
            {
                "RequisitionLineId": self._numbers * 100 + place,
                "LineNumber": Decimal(place),
                "LineStatus": "APPROVED",
                "PurchaseOrder": None,
                "reference": request["SupplyOrderReferenceNumber"],
            }
            for place, _ in enumerate(lines, start=1)
        ]
        self.requisitions[number] = requisition
        body = {
            "ProcurementBU": first["ProcurementBU"],
            "SupplierId": Decimal(first["SupplierId"]),
            "SupplierSite": first["SupplierSite"],
            "CurrencyCode": first["CurrencyCode"],
            "BuyerEmail": lines[0].get("PreparerEmail") or "buyer@example.com",
            "lines": [_order_line(place, line, first) for place, line in enumerate(lines, start=1)],
        }
        order = self.orders.create(body)
        order.requisition = number
        self.orders.submit(order)
        for place, line in enumerate(lines, start=1):
            supply = {
                "SupplyTrackingLineId": self._numbers * 10 + place,
                "SupplyTrackingLineStatus": "REQUISITION",
                "Quantity": line["Quantity"],
                "SupplyOrderReferenceLineNumber": line["SupplyOrderReferenceLineNumber"],
                "SupplyChangePendingFlag": False,
                "RequisitionNumber": number,
                "RequisitionLineNumber": str(place),
                "PurchaseOrderNumber": None,
                "PurchaseOrderLineNumber": None,
                "order": order.number,
            }
            request["supplyOrderLines"].append({"SupplyLineId": self._numbers * 10 + place, "buySupply": [supply]})

    def _move(self, request: Row, lines: list[Row]) -> None:
        number = self._next("")
        self.transfers[number] = {"TransferOrderNumber": number, "lines": lines}
        for place, line in enumerate(lines, start=1):
            supply = {
                "SupplyTrackingLineId": self._numbers * 10 + place,
                "SupplyTrackingLineStatus": "AWAITING_SHIPMENT",
                "Quantity": line["Quantity"],
                "SupplyOrderReferenceLineNumber": line["SupplyOrderReferenceLineNumber"],
                "TransferOrderNumber": number,
                "TransferOrderLineNumber": str(place),
            }
            request["supplyOrderLines"].append({"SupplyLineId": self._numbers * 10 + place, "transferSupply": [supply]})

    def _follow(self, request: Row) -> None:
        """The order's number shows once the order is approved."""
        for one in self._tracked(request):
            order = self.orders.numbered(one.get("order") or "")
            if order is not None and order.approved is not None and not one["PurchaseOrderNumber"]:
                one["PurchaseOrderNumber"] = order.number
                self.shelf.touch("supply", request["SupplyOrderReferenceNumber"])
                self.shelf.touch("requisitions", one["RequisitionNumber"])
                one["PurchaseOrderLineNumber"] = one["RequisitionLineNumber"]
                one["SupplyTrackingLineStatus"] = "PURCHASE_ORDER"
                for line in self.requisitions[one["RequisitionNumber"]]["lines"]:
                    line["PurchaseOrder"] = order.number

    def _tracked(self, request: Row) -> Iterator[Row]:
        for line in request["supplyOrderLines"]:
            yield from (*line.get("buySupply", ()), *line.get("transferSupply", ()))

    def cancel_requisition_line(self, line_id: int) -> None:
        """The action cancel of a requisition's line that is not in an order."""
        for requisition in self.requisitions.values():
            for line in requisition["lines"]:
                if line["RequisitionLineId"] == line_id:
                    if line["PurchaseOrder"]:
                        raise refuse("POR-2010100", f"Requisition line {line['LineNumber']} is on an order")
                    line["LineStatus"] = "CANCELED"
                    self.shelf.touch("requisitions", requisition["Requisition"])
                    return
        raise not_found("the requisition line")

    def _next(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}{self._numbers}"

    def _now(self) -> datetime:
        return self.orders.log.clock.now()


def _order_line(place: int, line: Row, agreement: Row) -> Row:
    quantity = line["Quantity"]
    schedule = {
        "ScheduleNumber": Decimal(1),
        "Quantity": quantity,
        "ShipToOrganizationCode": line["DestinationOrganizationCode"],
        "RequestedDeliveryDate": line["NeedByDate"].date().isoformat(),
    }
    return {
        "LineNumber": Decimal(place),
        "Item": line["ItemNumber"],
        "Quantity": quantity,
        "UOMCode": line.get("UOMCode") or agreement["UOMCode"],
        "Price": agreement["Price"],
        "schedules": [schedule],
    }


def _message(name: str, text: str) -> Row:
    return {"MessageName": name, "MessageText": text}


@dataclass
class Receiving:
    """Receipt requests: those that were carried out are gone; lines that failed stay with their errors."""

    orders: Orders
    held: dict[int, Row] = field(default_factory=dict)
    _numbers: int = 40_000

    def keep_on(self, shelf: Shelf) -> None:
        """Keep the books on the shelf."""
        for part in ("held", "_numbers"):
            shelf.whole(f"receiving.{part}", lambda part=part: getattr(self, part), self._restore(part))  # type: ignore[misc]

    def _restore(self, part: str) -> Any:
        return lambda kept: setattr(self, part, kept)

    def create(self, body: Row) -> Row:
        """Process a request at once."""
        given = taken("receivingReceiptRequests", body)
        if not given.get("lines") or not given.get("OrganizationCode"):
            raise refuse("RCV-2000001", "A receipt request needs OrganizationCode and lines")
        self._numbers += 1
        request: Row = {**given, "HeaderInterfaceId": self._numbers, "lines": []}
        for place, line in enumerate(given["lines"]):
            receipt = f"{given.get('ReceiptNumber') or self._numbers}/{place}"
            why = self.orders.receive(
                receipt,
                line.get("DocumentNumber") or "",
                line.get("DocumentLineNumber") or Decimal(0),
                line.get("Quantity") or Decimal(0),
                line.get("DocumentScheduleNumber"),
            )
            row = {**line, "InterfaceTransactionId": self._numbers * 10 + place}
            row["processingErrors"] = [{"ErrorMessageName": "RCV_INVALID", "ErrorMessage": why}] if why else []
            request["lines"].append(row)
        failed = [line for line in request["lines"] if line["processingErrors"]]
        if failed:
            self.held[self._numbers] = {**request, "lines": failed}
        return request

    def delete(self, header: int) -> None:
        """Delete what failed."""
        if self.held.pop(header, None) is None:
            raise not_found(f"receipt request {header}")


__all__ = ["OracleError", "Receiving", "Supply"]
