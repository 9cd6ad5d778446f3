"""Purchase orders: approved versions, drafts and change orders, approval, acknowledgment, receipts.

Decided here: what a change order may change and when it takes effect. See the package for what is promised.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from simulators.books import WriteLog
from simulators.keeping import Shelf
from simulators.oracle.master import MasterData
from simulators.oracle.wire import Row, not_found, refuse, taken

OVER = ("CANCELED", "CLOSED", "FINALLY CLOSED", "CLOSED FOR RECEIVING")
_CHANGEABLE = ("INCOMPLETE", "REJECTED")
_SUBMITTABLE = ("INCOMPLETE", "REJECTED")
_AHEAD = 441_000
"""Between the number of an order and its header id."""
_FLAGS = ("CancelFlag", "CancelReason", "CancelUnfulfilledDemandFlag")


@dataclass
class Order:
    """An order: its approved version, and what is drafted."""

    approved: Row | None = None
    draft: Row | None = None
    """The new order itself, or a change order."""
    changes: int = 0
    """How many change orders it has had."""
    version: int = 1
    """Counts every write: the ETag."""
    requisition: str = ""
    deleted: bool = False

    @property
    def shown(self) -> Row:
        """What draftPurchaseOrders shows of it."""
        row = self.draft or self.approved
        assert row is not None
        return row

    @property
    def number(self) -> str:
        """Its number."""
        return str(self.shown["OrderNumber"])


@dataclass
class Orders:
    """All orders, by header id."""

    master: MasterData
    log: WriteLog
    user: str
    held: dict[int, Order] = field(default_factory=dict)
    approve_orders: bool = False
    approve_changes: bool = False
    receipts: dict[str, str] = field(default_factory=dict)
    """The order of each receipt that was counted."""
    shelf: Shelf = field(default_factory=Shelf)
    _numbers: int = 559_000

    def keep_on(self, shelf: Shelf) -> None:
        """Keep the books on the shelf."""
        self.shelf = shelf
        shelf.entries("orders", self.held)
        shelf.entries("receipts", self.receipts)
        for part in ("approve_orders", "approve_changes", "_numbers"):
            shelf.whole(part, lambda part=part: getattr(self, part), self._restore(part))  # type: ignore[misc]

    def _restore(self, part: str) -> Any:
        return lambda kept: setattr(self, part, kept)

    # -- writes of callers

    def create(self, body: Row) -> Order:
        """A new draft."""
        given = taken("draftPurchaseOrders", body)
        for name in ("ProcurementBU", "SupplierId", "SupplierSite", "CurrencyCode", "BuyerEmail"):
            if not given.get(name):
                raise refuse("PO-2055001", f"A value is required for {name}", f"/{name}")
        supplier = self.master.supplier(given["SupplierId"])
        if supplier is None or given["SupplierSite"] not in supplier["sites"]:
            raise refuse(
                "PO-2055010", f"Supplier site {given['SupplierSite']} is not one of the supplier", "/SupplierSite"
            )
        if supplier["InactiveDate"] and supplier["InactiveDate"] <= self.log.clock.today():
            raise refuse("PO-2055011", f"Supplier {supplier['Supplier']} is inactive", "/SupplierId")
        header = self._next()
        row: Row = {
            **given,
            "POHeaderId": header,
            "OrderNumber": str(header + _AHEAD),
            "Supplier": supplier["Supplier"],
            "SoldToLegalEntity": given.get("RequisitioningBU") or given["ProcurementBU"],
            "lines": [],
            **self._stamp(),
        }
        order = Order(draft=row)
        for line in given.get("lines") or []:
            row["lines"].append(self._new_line(row, line))
        self._status(row, "INCOMPLETE")
        self.held[header] = order
        return order

    def _new_line(self, header: Row, given: Row) -> Row:
        item = given.get("Item")
        where = f"/lines/{given.get('LineNumber')}"
        schedules = given.get("schedules") or []
        if not given.get("LineNumber") or any(one["LineNumber"] == given["LineNumber"] for one in header["lines"]):
            raise refuse("PO-2055020", "A line needs a line number of its own", f"{where}/LineNumber")
        if not schedules:
            raise refuse("PO-2055021", f"Line {given['LineNumber']} has no schedule", f"{where}/schedules")
        for one in schedules:
            known = self.master.items.get((one.get("ShipToOrganizationCode") or "", item or ""))
            if known is None or not known["PurchasableFlag"] or known["ItemStatusValue"] != "Active":
                detail = f"Item {item} can't be purchased for organization {one.get('ShipToOrganizationCode')}"
                raise refuse("PO-2055022", detail, f"{where}/Item")
        line: Row = {**given, "POLineId": self._next(), "StatusCode": "OPEN", "schedules": []}
        line["schedules"] = [self._new_schedule(line, one) for one in schedules]
        self._add_up(line, given.get("Quantity"), where)
        return line

    def _new_schedule(self, line: Row, given: Row) -> Row:
        number = given.get("ScheduleNumber") or Decimal(len(line["schedules"]) + 1)
        if any(one["ScheduleNumber"] == number for one in line["schedules"]):
            raise refuse(
                "PO-2055030", f"Schedule {number} of line {line['LineNumber']} exists already", "/ScheduleNumber"
            )
        schedule = {
            **given,
            "ScheduleNumber": number,
            "LineLocationId": self._next(),
            "ReceivedQuantity": Decimal(0),
            "StatusCode": "OPEN",
        }
        self._check(line, schedule)
        return schedule

    def _check(self, line: Row, schedule: Row) -> None:
        quantity = schedule.get("Quantity")
        where = f"line {line['LineNumber']} schedule {schedule['ScheduleNumber']}"
        if quantity is None or quantity <= 0:
            raise refuse("PO-2055031", f"The quantity of {where} must be above zero", "/Quantity")
        if quantity < schedule["ReceivedQuantity"]:
            received = schedule["ReceivedQuantity"]
            raise refuse(
                "PO-2055032", f"The quantity of {where} is below the {received} that were received", "/Quantity"
            )
        if not isinstance(schedule.get("RequestedDeliveryDate") or schedule.get("PromisedDeliveryDate"), date):
            raise refuse("PO-2055033", f"A delivery date is required for {where}", "/RequestedDeliveryDate")

    def _add_up(self, line: Row, given: Decimal | None, where: str) -> None:
        total = sum((one["Quantity"] for one in line["schedules"] if one["StatusCode"] != "CANCELED"), Decimal(0))
        if given is not None and given != total:
            raise refuse("PO-2055034", f"The schedules make {total}, the line says {given}", f"{where}/Quantity")
        line["Quantity"] = total

    def change(self, order: Order, body: Row) -> None:
        """PATCH: change the draft, or begin a change order."""
        keys = frozenset({"POLineId", "LineLocationId"})
        given = taken("draftPurchaseOrders", body, keys=keys)
        row = self._drafted(order, given)
        lines = given.pop("lines", [])
        row.update(given)
        for one in lines:
            line = self._child(row["lines"], "POLineId", one) if one.get("POLineId") else None
            if line is None:
                row["lines"].append(self._new_line(row, one))
            else:
                self._change_line(line, one)
        self._status(row, "INCOMPLETE")
        order.draft = row
        self._changed(order)

    def add_schedule(self, order: Order, line_id: int, body: Row) -> Row:
        """POST of a schedule to a draft's line."""
        given = taken("draftPurchaseOrders.lines.schedules", body)
        row = self._drafted(order, {})
        line = self._child(row["lines"], "POLineId", {"POLineId": line_id})
        schedule = self._new_schedule(line, given)
        line["schedules"].append(schedule)
        self._add_up(line, None, "")
        self._status(row, "INCOMPLETE")
        order.draft = row
        self._changed(order)
        return schedule

    def _drafted(self, order: Order, given: Mapping[str, Any]) -> Row:
        """A copy of what may be changed. Raises OracleError where nothing may."""
        if order.draft is not None:
            if order.draft["StatusCode"] not in _CHANGEABLE:
                raise refuse(
                    "PO-2055040", f"Order {order.number} is in status {order.draft['Status']} and can't be changed"
                )
            return copy.deepcopy(order.draft)
        assert order.approved is not None
        if order.approved["StatusCode"] in OVER:
            status = order.approved["Status"]
            raise refuse("PO-2055041", f"Order {order.number} is in status {status} and can't be changed")
        row = copy.deepcopy(order.approved)
        order.changes += 1
        row["ChangeOrderNumber"] = str(order.changes)
        row["ChangeOrderInitiatingParty"] = "BUYER"
        return row | self._stamp()

    def _change_line(self, line: Row, given: Row) -> None:
        where = f"/lines/{line['LineNumber']}"
        schedules = given.pop("schedules", [])
        quantity = given.pop("Quantity", None)
        if given.get("CancelFlag") and not given.get("CancelReason"):
            raise refuse("PO-2055050", f"A reason is required to cancel line {line['LineNumber']}", where)
        if given.get("CancelFlag"):
            self._may_cancel(line["schedules"], f"line {line['LineNumber']}")
        line.update({name: value for name, value in given.items() if name != "POLineId"})
        for one in schedules:
            if not one.get("LineLocationId"):
                line["schedules"].append(self._new_schedule(line, one))
                continue
            schedule = self._child(line["schedules"], "LineLocationId", one)
            if one.get("CancelFlag"):
                self._may_cancel([schedule], f"line {line['LineNumber']} schedule {schedule['ScheduleNumber']}")
            schedule.update({name: value for name, value in one.items() if name != "LineLocationId"})
            if not one.get("CancelFlag"):
                self._check(line, schedule)
        if not line.get("CancelFlag"):
            left = [one for one in line["schedules"] if not one.get("CancelFlag") and one["StatusCode"] != "CANCELED"]
            total = sum((one["Quantity"] for one in left), Decimal(0))
            if quantity is not None and quantity != total:
                raise refuse("PO-2055034", f"The schedules make {total}, the line says {quantity}", f"{where}/Quantity")
            line["Quantity"] = total

    def _may_cancel(self, schedules: list[Row], what: str) -> None:
        open_ones = [one for one in schedules if one["StatusCode"] != "CANCELED"]
        if not open_ones or all(one["ReceivedQuantity"] >= one["Quantity"] for one in open_ones):
            raise refuse("PO-2055051", f"There is nothing to cancel of {what}: it was received or canceled")

    def submit(self, order: Order) -> None:
        """Submit the draft; without a need for approval it is approved at once."""
        if order.draft is None or order.draft["StatusCode"] not in _SUBMITTABLE:
            raise refuse("PO-2055060", f"Order {order.number} has nothing to be submitted")
        if not order.draft["lines"]:
            raise refuse("PO-2055061", f"Order {order.number} has no lines")
        self._changed(order)
        is_change = order.approved is not None
        if self.approve_changes if is_change else self.approve_orders:
            self._status(order.draft, "PENDING APPROVAL")
        else:
            self.approve(order)

    def approve(self, order: Order) -> None:
        """The draft becomes the approved version."""
        row = order.draft
        assert row is not None
        first = order.approved is None
        for line in row["lines"]:
            self._settle(line)
        for name in ("ChangeOrderDescription", "ChangeOrderInitiatingParty", "ChangeOrderNumber", "RejectionReason"):
            row.pop(name, None)
        row["Revision"] = Decimal(0) if first else row["Revision"] + 1
        supplier = self.master.supplier(row["SupplierId"]) or {}
        waits = first and supplier.get("acknowledges")
        held = order.approved["StatusCode"] if order.approved else "OPEN"
        status = "PENDING SUPPLIER ACKNOWLEDGMENT" if waits else held
        if all(line["StatusCode"] in OVER for line in row["lines"]):
            canceled = all(line["StatusCode"] == "CANCELED" for line in row["lines"])
            status = "CANCELED" if canceled else "CLOSED FOR RECEIVING"
        self._status(row, status)
        order.approved, order.draft = row | self._stamp(), None
        self._changed(order)

    def _settle(self, line: Row) -> None:
        """Carry out cancellations, and say what is over."""
        for schedule in line["schedules"]:
            if (line.get("CancelFlag") or schedule.get("CancelFlag")) and schedule["StatusCode"] != "CANCELED":
                if schedule["ReceivedQuantity"] == 0:
                    schedule["StatusCode"] = "CANCELED"
                else:
                    schedule["Quantity"] = schedule["ReceivedQuantity"]
            if schedule["StatusCode"] == "OPEN" and schedule["ReceivedQuantity"] >= schedule["Quantity"]:
                schedule["StatusCode"] = "CLOSED FOR RECEIVING"
            elif (
                schedule["StatusCode"] == "CLOSED FOR RECEIVING" and schedule["ReceivedQuantity"] < schedule["Quantity"]
            ):
                schedule["StatusCode"] = "OPEN"
            for name in _FLAGS:
                schedule.pop(name, None)
        statuses = {one["StatusCode"] for one in line["schedules"]}
        line["StatusCode"] = "OPEN" if "OPEN" in statuses else next(iter(sorted(statuses, reverse=True)))
        alive = [one for one in line["schedules"] if one["StatusCode"] != "CANCELED"]
        line["Quantity"] = sum((one["Quantity"] for one in alive), Decimal(0)) if alive else line["Quantity"]
        for name in _FLAGS:
            line.pop(name, None)

    def reject(self, order: Order, note: str) -> None:
        """An approver rejects what was submitted."""
        assert order.draft is not None
        self._status(order.draft, "REJECTED")
        order.draft["RejectionReason"] = note
        self._changed(order)

    def drop_change(self, order: Order, *, pending: bool) -> None:
        """cancelChangeOrder (pending) or deleteChangeOrder (not submitted)."""
        status = order.draft["StatusCode"] if order.draft else ""
        if order.approved is None or (status != "PENDING APPROVAL" if pending else status not in _CHANGEABLE):
            raise refuse("PO-2055070", f"Order {order.number} has no such change order")
        order.draft = None
        self._changed(order)

    def delete(self, order: Order) -> None:
        """DELETE of a draft that was never approved."""
        if order.approved is not None or order.shown["StatusCode"] not in _CHANGEABLE:
            raise refuse("PO-2055071", f"Order {order.number} is no draft that can be deleted")
        order.deleted = True
        self._changed(order)

    def cancel(self, order: Order, reason: str) -> None:
        """The action cancel of an approved order."""
        if order.approved is None or order.draft is not None or order.approved["StatusCode"] in OVER:
            raise refuse("PO-2055072", f"Order {order.number} can't be canceled now")
        if not reason:
            raise refuse("PO-2055073", "A cancelReason is required")
        order.draft = copy.deepcopy(order.approved)
        for line in order.draft["lines"]:
            line["CancelFlag"] = True
        self.approve(order)

    def acknowledge(self, order: Order, body: Row) -> None:
        """PATCH of an acknowledgment."""
        given = taken("purchaseOrderAcknowledgments", body)
        if order.approved is None or order.approved["StatusCode"] != "PENDING SUPPLIER ACKNOWLEDGMENT":
            raise refuse("PO-2055080", f"Order {order.number} does not wait for an acknowledgment")
        match given.get("AcknowledgmentResponse"):
            case "ACCEPT":
                self._status(order.approved, "OPEN")
            case "REJECT" if given.get("AcknowledgmentNote"):
                self._status(order.approved, "REJECTED")
            case _:
                raise refuse("PO-2055081", "AcknowledgmentResponse is ACCEPT, or REJECT with a note")
        self._changed(order)

    # -- others

    def receive(
        self, receipt: str, number: str, line: Decimal, quantity: Decimal, schedule: Decimal | None = None
    ) -> str:
        """Count a receipt once; returns why it can't be, or an empty text."""
        order = self.numbered(number)
        row = order.approved if order else None
        found = next((one for one in row["lines"] if one["LineNumber"] == line), None) if row else None
        if order is None or found is None:
            return f"Purchase order {number} has no line {line} that can be received"
        if receipt in self.receipts:
            return ""
        left = quantity
        able = [one for one in found["schedules"] if one["StatusCode"] != "CANCELED"]
        able = [one for one in able if schedule in (None, one["ScheduleNumber"])]
        if not able or (row and row["StatusCode"] in ("CANCELED", "FINALLY CLOSED", "PENDING SUPPLIER ACKNOWLEDGMENT")):
            return f"Purchase order {number} line {line} isn't open for receiving"
        for one in able:
            room = max(Decimal(0), one["Quantity"] - one["ReceivedQuantity"]) if left > 0 else -one["ReceivedQuantity"]
            taken_here = min(left, room) if left > 0 else max(left, room)
            one["ReceivedQuantity"] += taken_here
            left -= taken_here
        able[-1]["ReceivedQuantity"] += left  # over-receipt stays with the last schedule
        self._settle(found)
        self.receipts[receipt] = number
        self._changed(order)
        return ""

    def edit(self, number: str, line: Decimal, changes: Mapping[str, Any], *, draft: bool) -> None:
        """A buyer's own change order."""
        order = self.numbered(number)
        if order is None or order.approved is None:
            raise not_found(f"order {number}")
        before, row = order.draft, self._drafted(order, {})
        found = next((one for one in row["lines"] if one["LineNumber"] == line), None)
        if found is None:
            raise not_found(f"line {line} of order {number}")
        if changes.get("cancel"):
            found["CancelFlag"] = True
        if (price := changes.get("price")) is not None:
            found["Price"] = price
        alive = [one for one in found["schedules"] if one["StatusCode"] != "CANCELED"]
        if (quantity := changes.get("quantity")) is not None:
            alive[0]["Quantity"] += quantity - found["Quantity"]
            found["Quantity"] = quantity
        if (day := changes.get("delivery_date")) is not None:
            held = "PromisedDeliveryDate" if alive[0].get("PromisedDeliveryDate") else "RequestedDeliveryDate"
            alive[0][held] = day
        row["ChangeOrderDescription"] = "Changed by a buyer"
        self._status(row, "INCOMPLETE")
        order.draft = row
        self._changed(order)
        if before is None and not draft:
            self.approve(order)

    # -- reading

    def numbered(self, number: str) -> Order | None:
        """The order of this number."""
        order = self.held.get(int(number) - _AHEAD) if number.isdigit() else None
        return order if order is not None and not order.deleted else None

    def all(self) -> list[Order]:
        """All orders that are there."""
        return [one for one in self.held.values() if not one.deleted]

    def waiting(self) -> Iterator[Order]:
        """The orders whose draft waits for approval."""
        return (one for one in self.all() if one.draft and one.draft["StatusCode"] == "PENDING APPROVAL")

    def _child(self, rows: list[Row], key: str, given: Row) -> Row:
        found = next((one for one in rows if one[key] == given[key]), None)
        if found is None:
            raise refuse("JBO-25020", f"{key} {given[key]} is not of this order")
        return found

    def _status(self, row: Row, code: str) -> None:
        row["StatusCode"], row["Status"] = code, code.capitalize()

    def _changed(self, order: Order) -> None:
        order.version += 1
        self.shelf.touch("orders", order.shown["POHeaderId"])

    def _stamp(self) -> Row:
        now = self.log.clock.now()
        return {"LastUpdateDate": now, "CreationDate": now, "LastUpdatedBy": self.user}

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers


__all__ = ["Order", "Orders"]
