"""The acquired units' orders, read in the books of each one's own ERP, and what is wrong with them. Nothing here asks
Pegline.
"""

import base64
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import httpx

from demo.acquired import ITEM, TRYTON_PASSWORD, TRYTON_USER, AcquiredUnit
from tools.tryton_server import DATABASE


class HeldLine(NamedTuple):
    """An order's line of which something is left."""

    order: str
    quantity: Decimal
    day: date


class PlannedNeed(NamedTuple):
    """A requirement, as the planning system published it."""

    reference: str
    plant: str
    quantity: Decimal
    day: date


class UnitsBooks(NamedTuple):
    """The books at one moment."""

    needs: Sequence[PlannedNeed]
    held: Mapping[str, Sequence[HeldLine]]
    """By plant: what its own ERP holds."""
    covered: Mapping[str, Mapping[str, Decimal]]
    """By demand reference and state: what the planning system was told."""

    def faults(self, units: Collection[AcquiredUnit], home: Collection[str]) -> list[str]:
        """What is not as it has to be: each need has one order, in its plant's own ERP, for its quantity and its day.

        `home`: plants for which the ERP at home holds orders.
        """
        found = [f"the ERP at home holds an order of plant {unit.plant}" for unit in units if unit.plant in home]
        for unit in units:
            wanted = Counter((need.quantity, need.day) for need in self.needs if need.plant == unit.plant)
            held = self.held.get(unit.plant, ())
            if Counter((line.quantity, line.day) for line in held) != wanted:
                found.append(f"{unit.called} of plant {unit.plant} holds {_said(held)}, planned is {_planned(wanted)}")
            if len({line.order for line in held}) != len(held):
                found.append(f"{unit.called} of plant {unit.plant} holds two lines in one order")
        return found

    def covered_in(self, need: PlannedNeed, *states: str) -> bool:
        """Whether the planning system was told that all of it is in these states."""
        told = self.covered.get(need.reference, {})
        return sum((told.get(state, Decimal(0)) for state in states), Decimal(0)) == need.quantity


def read_needs(aps: Mapping[str, Any]) -> list[PlannedNeed]:
    """The newest plan version's needs."""
    versions = aps["versions"]
    if not versions:
        return []
    rows = versions[max(versions, key=int)]["requirements"].items()
    return [
        PlannedNeed(reference, row["plant"], Decimal(row["quantity"]), date.fromisoformat(row["required_date"]))
        for reference, row in rows
    ]


def read_covered(aps: Mapping[str, Any]) -> dict[str, dict[str, Decimal]]:
    """What was told of each requirement, by state."""
    found: dict[str, dict[str, Decimal]] = {}
    for reference, rows in aps["coverage_by_reference"].items():
        states = found.setdefault(reference, {})
        for part in (part for row in rows for part in row["scheduleLines"]):
            states[part["state"]] = states.get(part["state"], Decimal(0)) + Decimal(part["quantity"])
    return found


def held_in(system: str, books: Mapping[str, Any]) -> list[HeldLine]:
    """The lines in the books of one ERP, each in its own terms."""
    match system:
        case "sap-east":
            return [
                _line(order["PurchaseOrder"], row["ScheduleLineOrderQuantity"], row["ScheduleLineDeliveryDate"])
                for order in books["orders"]
                for item in order["items"]
                if item["PurchasingDocumentDeletionCode"] != "L"
                for row in item["schedule"]
            ]
        case "fusion":
            versions = [order["approved"] or order["draft"] for order in books["orders"]]
            return [
                _line(order["OrderNumber"], row["Quantity"], row["RequestedDeliveryDate"])
                for order in versions
                for line in order["lines"]
                for row in line["schedules"]
                if row["StatusCode"] != "CANCELED"
            ]
        case "cloud":
            return [
                _line(order["po-number"], line["quantity"], line["need-by-date"])
                for order in books["orders"]
                if order["status"] != "cancelled"
                for line in order["order-lines"]
            ]
        case _:
            return [
                _line(order["number"], line["quantity"], line["expectedReceiptDate"])
                for order in books["orders"]
                for line in order["lines"]
            ]


class TrytonBooks:
    """A Tryton server's purchases, read as somebody else's program would."""

    def __init__(self, address: str) -> None:
        self._http = httpx.AsyncClient(base_url=f"{address}/{DATABASE}", timeout=20, trust_env=False)

    async def held(self) -> list[HeldLine]:
        """The lines of the item that are not cancelled."""
        if "Authorization" not in self._http.headers:
            login = await self._call("common.db.login", TRYTON_USER, {"password": TRYTON_PASSWORD}, "en")
            session = f"{TRYTON_USER}:{login[0]}:{login[1]}".encode()
            self._http.headers["Authorization"] = f"Session {base64.b64encode(session).decode()}"
        where = [["product.code", "=", ITEM], ["purchase.state", "!=", "cancelled"]]
        fields = ["purchase.number", "quantity", "delivery_date"]
        method = "model.purchase.line.search_read"
        rows = await self._call(method, where, 0, None, None, fields, {"company": 1})
        return [
            HeldLine(row["purchase."]["number"] or "", Decimal(row["quantity"]), _tryton_day(row["delivery_date"]))
            for row in rows
        ]

    async def _call(self, method: str, *params: Any) -> Any:
        answer = await self._http.post("/rpc/", json={"id": 1, "method": method, "params": params})
        answer.raise_for_status()
        content = json.loads(answer.content, parse_float=Decimal)
        if "error" in content:
            raise RuntimeError(f"Tryton answered {str(content['error'])[:300]}")
        return content["result"]

    async def close(self) -> None:
        """End the connection."""
        await self._http.aclose()


def _tryton_day(shown: Mapping[str, int]) -> date:
    return date(shown["year"], shown["month"], shown["day"])


def _line(order: str, quantity: Any, day: str) -> HeldLine:
    return HeldLine(order, Decimal(str(quantity)), date.fromisoformat(day[:10]))


def _said(held: Sequence[HeldLine]) -> str:
    return ", ".join(f"{line.quantity.normalize():f} for {line.day} ({line.order})" for line in held) or "nothing"


def _planned(wanted: Counter[tuple[Decimal, date]]) -> str:
    return ", ".join(f"{quantity.normalize():f} for {day}" for quantity, day in sorted(wanted.elements())) or "nothing"
