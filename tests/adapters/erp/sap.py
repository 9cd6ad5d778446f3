"""What the tests see of the simulated SAP: its books and its control room."""

from dataclasses import dataclass
from typing import Any

import httpx

from simulators.faults import Fault, InProcessTransport, Match, Simulator

REQUISITIONS = "A_PurchaseRequisitionHeader"
ORDERS = "A_PurchaseOrder$"


class Mounted(InProcessTransport):
    """The simulator as it is mounted at /erp."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(app=simulator, root_path="/erp")


@dataclass
class Sap:
    simulator: Simulator
    control: httpx.AsyncClient
    http: httpx.AsyncClient

    async def post(self, path: str, body: Any = None) -> None:
        response = await self.control.post(path, json=body)
        assert response.status_code < 300, response.text

    async def put_clock(self, now: str) -> None:
        assert (await self.control.put("/control/clock", json={"now": now})).status_code == 200

    async def receive(self, order: str, item: int, quantity: str) -> None:
        await self.post(
            "/control/goods-receipts",
            {"order": order, "item": item, "quantity": quantity, "receipt": f"{order}/{item}"},
        )

    async def edit(self, order: str, item: int = 10, **changes: Any) -> None:
        """A person edits a line at the ERP's own screens."""
        await self.post("/control/edits", {"order": order, "item": item, "user": "MILLER", **changes})

    def components(self, order: str, number: int = 10) -> list[tuple[str, str, str, str]]:
        """Material, quantity, unit and day of what a subcontractor is given for an item."""
        return [
            (one["Material"], one["QuantityInEntryUnit"], one["EntryUnit"], one["RequirementDate"][:10])
            for one in self.item(order, number)["components"]
        ]

    def fault(self, kind: str, on: str, method: str = "POST", **more: Any) -> None:
        """Misbehave at the next call of this method whose path matches."""
        match = Match(method=method, path_regex=on)
        self.simulator.plan.add(Fault.model_validate({"kind": kind, "match": match.model_dump(), **more}))

    @property
    def all_faults_struck(self) -> bool:
        return all(planned.hits for planned in self.simulator.plan.planned)

    @property
    def requisitions(self) -> list[dict[str, Any]]:
        """Requisitions with an item that is not deleted."""
        held = self.simulator.books()["requisitions"]
        return [one for one in held if any(not item["IsDeleted"] for item in one["items"])]

    @property
    def orders(self) -> list[dict[str, Any]]:
        """Orders with an item that is not deleted."""
        held = self.simulator.books()["orders"]
        return [one for one in held if any(not item["PurchasingDocumentDeletionCode"] for item in one["items"])]

    def item(self, order: str, number: int = 10) -> dict[str, Any]:
        (found,) = (one for one in self.simulator.books()["orders"] if one["PurchaseOrder"] == order)
        (item,) = (one for one in found["items"] if int(one["PurchaseOrderItem"]) == number)
        return dict(item)

    def schedule(self, order: str, number: int = 10) -> list[tuple[str, str, str]]:
        """Day, quantity and committed quantity of an item's schedule lines."""
        return [
            (
                line["ScheduleLineDeliveryDate"][:10],
                line["ScheduleLineOrderQuantity"],
                line["ScheduleLineCommittedQuantity"],
            )
            for line in self.item(order, number)["schedule"]
        ]

    @property
    def writes(self) -> int:
        return len(self.simulator.log.writes)


MASTER_DATA: dict[str, Any] = {
    "plants": [
        {"Plant": "1710", "CompanyCode": "1710", "PurchasingOrganization": "1710"},
        {"Plant": "1720", "CompanyCode": "1710", "PurchasingOrganization": "1710"},
    ],
    "suppliers": [
        {"Supplier": "17300001", "SupplierName": "Domestic US Supplier 1"},
        {"Supplier": "17300002", "SupplierName": "Frames & Forks"},
        {"Supplier": "17300003", "SupplierName": "Blocked Bros", "PurchasingIsBlocked": True},
    ],
    "products": [
        {
            "Product": "MZ-RM-R14-01",
            "Description": "Frame-R14",
            "BaseUnit": "PC",
            "ProductGroup": "L002",
            "plants": [
                {"Plant": "1710", "GoodsReceiptDuration": 2, "LotSizeRoundingQuantity": 5},
                {"Plant": "1720", "GoodsReceiptDuration": 1},
            ],
        },
        {"Product": "MZ-STEEL", "BaseUnit": "KG", "ProductGroup": "L001", "plants": [{"Plant": "1710"}]},
        {"Product": "MZ-TUBE", "BaseUnit": "PC", "ProductGroup": "L001", "plants": [{"Plant": "1710"}]},
        {"Product": "MZ-ODD", "BaseUnit": "XYZ", "ProductGroup": "L001", "plants": [{"Plant": "1710"}]},
    ],
    "info_records": [
        {
            "PurchasingInfoRecord": "5300000354",
            "Supplier": "17300001",
            "Material": "MZ-RM-R14-01",
            "PurchasingOrganization": "1710",
            "Plant": "1710",
            "MinimumPurchaseOrderQuantity": 20,
            "OrderQuantityRounding": 10,
            "MaximumOrderQuantity": 500,
            "MaterialPlannedDeliveryDurn": 19,
            "NetPriceAmount": "0.10",
            "Currency": "USD",
            "preference": 2,
        },
        {
            "PurchasingInfoRecord": "5300000355",
            "Supplier": "17300002",
            "Material": "MZ-RM-R14-01",
            "PurchasingOrganization": "1710",
            "Plant": "1710",
            "MaterialPlannedDeliveryDurn": 12,
            "NetPriceAmount": "12.00",
            "MaterialPriceUnitQty": 100,
            "Currency": "USD",
            "preference": 1,
        },
        {
            "PurchasingInfoRecord": "5300000356",
            "Supplier": "17300003",
            "Material": "MZ-RM-R14-01",
            "PurchasingOrganization": "1710",
            "Plant": "1710",
            "NetPriceAmount": "0.01",
            "Currency": "USD",
            "preference": 3,
        },
        {
            "PurchasingInfoRecord": "5300000357",
            "Supplier": "17300001",
            "Material": "MZ-STEEL",
            "PurchasingOrganization": "1710",
            "Plant": "1710",
            "MaterialPlannedDeliveryDurn": 7,
            "NetPriceAmount": "3.20",
            "Currency": "USD",
        },
    ],
}
