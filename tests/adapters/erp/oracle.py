"""What the tests see of the simulated Oracle: its books and its control room."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from adapters.erp.oracle.client import OracleErp, OracleOptions
from adapters.errors import TransientError
from canonical.order import (
    AwaitingApproval,
    DeliveryLine,
    DocumentLine,
    LineSchedule,
    OrderDocument,
    OrderSchedule,
    Placed,
    PlaceOutcome,
    WrittenLine,
)
from simulators.faults import Fault, InProcessTransport, Match, Simulator
from tests.adapters.erp.documents import DOCK, ORDER_ID
from tests.adapters.erp.documents import document as any_document
from tests.adapters.erp.documents import line as any_line

KEY = "order/M1/4711/k3jd9#place-1"
SITE = "FRESNO"


class MountedOracle(InProcessTransport):
    """The simulator as it is mounted at /oracle."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(app=simulator, root_path="/oracle")


@dataclass
class Oracle:
    simulator: Simulator
    control: httpx.AsyncClient
    http: httpx.AsyncClient

    def erp(self, purchases: Any = "orders", **more: Any) -> OracleErp:
        options = OracleOptions(buyer_email="buyer@example.com", purchases=purchases)
        times = {"settle_seconds": 0.3, "look_every_seconds": 0.05, "budget_seconds": 3.0}
        return OracleErp(self.http, options, **{**times, **more})

    async def post(self, path: str, body: Any = None) -> Any:
        response = await self.control.post(path, json=body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    async def decide(self, number: str, decision: str, note: str = "") -> None:
        await self.post(f"/control/approvals/{number}", {"decision": decision, "note": note})

    async def receive(self, order: str, item: int, quantity: str) -> None:
        await self.post(
            "/control/goods-receipts",
            {"order": order, "item": item, "quantity": quantity, "receipt": f"{order}/{item}/{quantity}"},
        )

    def fault(self, kind: str, on: str, method: str = "POST", **more: Any) -> None:
        match = Match(method=method, path_regex=on)
        self.simulator.plan.add(Fault.model_validate({"kind": kind, "match": match.model_dump(), **more}))

    @property
    def all_faults_struck(self) -> bool:
        return all(planned.hits for planned in self.simulator.plan.planned)

    @property
    def books(self) -> dict[str, Any]:
        found: dict[str, Any] = self.simulator.books()
        return found

    @property
    def orders(self) -> list[dict[str, Any]]:
        """The orders of which something is left, as they are approved or drafted."""
        shown = [one["approved"] or one["draft"] for one in self.books["orders"]]
        return [one for one in shown if one["StatusCode"] != "CANCELED"]

    def schedules(
        self, number: str, line: int = 10, version: str = "approved"
    ) -> list[tuple[str, str | None, Decimal]]:
        """Requested and promised day and quantity of a line's schedules that are not cancelled."""
        (order,) = (one for one in self.books["orders"] if (one["approved"] or one["draft"])["OrderNumber"] == number)
        (found,) = (one for one in order[version]["lines"] if one["LineNumber"] == line)
        return [
            (one["RequestedDeliveryDate"], one.get("PromisedDeliveryDate"), Decimal(str(one["Quantity"])))
            for one in found["schedules"]
            if one["StatusCode"] != "CANCELED"
        ]

    @property
    def writes(self) -> int:
        return len(self.simulator.log.writes)


def line(number: int = 10, quantity: str = "100", **other: Any) -> DocumentLine:
    known: dict[str, Any] = {"item": "CM-FRAME", "info_record": SITE, "price": Decimal("12.50")}
    return any_line(number, quantity, **{**known, **other})


def document(*lines: DocumentLine, **other: Any) -> OrderDocument:
    known: dict[str, Any] = {
        "plant": "M1",
        "company_code": "US1",
        "purchasing_organization": "US1 Business Unit",
        "supplier": "4711",
    }
    return any_document(*(lines or (line(),)), **{**known, **other})


def written(quantity: str = "100", price: str = "12.50", **other: Any) -> WrittenLine:
    return WrittenLine(quantity=Decimal(quantity), delivery_date=DOCK, price=Decimal(price), **other)


def schedule(number: str, *deliveries: tuple[str, str, bool], line: int = 10, **other: Any) -> OrderSchedule:
    """Day, quantity and whether the supplier confirmed it, of each delivery of a line."""
    parts = tuple(
        DeliveryLine.model_validate({"date": day, "quantity": quantity, "committed": quantity if confirmed else "0"})
        for day, quantity, confirmed in deliveries
    )
    return OrderSchedule(
        order_id=ORDER_ID, order_number=number, lines=(LineSchedule(line=line, schedule=parts, **other),)
    )


def placed(outcome: PlaceOutcome) -> Placed:
    assert isinstance(outcome, Placed), outcome
    return outcome


def awaiting(outcome: Any) -> AwaitingApproval:
    assert isinstance(outcome, AwaitingApproval), outcome
    return outcome


async def place(erp: OracleErp, what: OrderDocument | None = None, *, maybe_written: bool = False) -> PlaceOutcome:
    return await erp.place_order(what or document(), key=KEY, maybe_written=maybe_written)


async def placed_at_last(erp: OracleErp, attempts: int = 4) -> Placed:
    """As the activity does it: after an ambiguous failure, unsure."""
    maybe_written = False
    for _ in range(attempts):
        try:
            return placed(await place(erp, maybe_written=maybe_written))
        except TransientError as error:
            maybe_written = maybe_written or error.maybe_written
    raise AssertionError("not placed")


MASTER_DATA: dict[str, Any] = {
    "organizations": {"M1": "Seattle Manufacturing", "M2": "Fresno Manufacturing"},
    "suppliers": [
        {"SupplierNumber": "4711", "Supplier": "Frames & Forks", "sites": [SITE, "AUSTIN"]},
        {"SupplierNumber": "4712", "Supplier": "Old Tubes", "sites": ["MAIN"], "InactiveDate": "2026-12-31"},
        {"SupplierNumber": "4713", "Supplier": "Answering Ltd", "sites": ["MAIN"], "acknowledges": True},
    ],
    "items": [
        {
            "ItemNumber": "CM-FRAME",
            "organizations": ["M1", "M2"],
            "ItemDescription": "Frame",
            "ItemClass": "Parts",
            "PostProcessingDays": 2,
            "ProcessingDays": 15,
        },
        {"ItemNumber": "CM-TUBE", "organizations": ["M1"], "PrimaryUOMValue": "Kilogram"},
        {"ItemNumber": "CM-OLD", "organizations": ["M1"], "ItemStatusValue": "Inactive"},
    ],
    "approved_suppliers": [
        {
            "Item": "CM-FRAME",
            "SupplierNumber": "4711",
            "SupplierSite": SITE,
            "ProcurementBU": "US1 Business Unit",
            "MinimumOrderQuantity": 20,
            "FixedLotMultiple": 10,
        },
        {
            "Item": "CM-FRAME",
            "SupplierNumber": "4713",
            "SupplierSite": "MAIN",
            "ProcurementBU": "US1 Business Unit",
            "ShipToOrganization": "Seattle Manufacturing",
        },
        {
            "Item": "CM-FRAME",
            "SupplierNumber": "4712",
            "SupplierSite": "MAIN",
            "ProcurementBU": "US1 Business Unit",
        },
    ],
    "agreement_lines": [
        {
            "AgreementNumber": "52001",
            "Item": "CM-FRAME",
            "SupplierNumber": number,
            "SupplierSite": site,
            "ProcurementBU": "US1 Business Unit",
            "Price": price,
        }
        for number, site, price in (("4711", SITE, "12.50"), ("4713", "MAIN", "11.00"), ("4712", "MAIN", "1.00"))
    ],
}
