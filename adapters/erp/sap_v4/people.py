"""The order lines that people created in SAP on a day, by V4: those of orders without a reference of ours."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from adapters.erp.sap.people import shape_of
from adapters.erp.sap.units import Units
from adapters.erp.sap_v4.mapping import ITEMS, SCHEDULE
from adapters.erp.sap_v4.odata import ORDERS, V4Service
from adapters.erp.sap_v4.values import read_date
from adapters.ports import PolicyPort
from canonical.observing import LineCompared


class V4People:
    """Implements adapters.ports.PeopleOrdersPort."""

    def __init__(self, http: httpx.AsyncClient, system: str, policies: PolicyPort) -> None:
        self._orders = V4Service(http, system, ORDERS)
        self._policies = policies

    async def created(self, plant: str, day: dt.date) -> Sequence[LineCompared]:
        """As the port has it."""
        return await self._orders.read_as(
            shape_of(self._policies, plant, _lines),
            "PurchaseOrder",
            where=f"CreationDate eq {day.isoformat()}",
            expand=f"{ITEMS}($expand={SCHEDULE})",
            pages_by="PurchaseOrder",
        )


def _lines(order: Mapping[str, Any], plant: str, units: Units) -> Iterator[LineCompared]:
    for item in order[ITEMS]:
        if item.get("Plant") != plant or item.get("PurchasingDocumentDeletionCode") or not item.get("Material"):
            continue
        days = [day for one in item[SCHEDULE] if (day := read_date(one.get("ScheduleLineDeliveryDate"))) is not None]
        if days:
            yield LineCompared(
                order=order["PurchaseOrder"],
                line=int(item["PurchaseOrderItem"]),
                item=item["Material"],
                supplier=order.get("Supplier") or order.get("SupplyingPlant") or "-",
                quantity=Decimal(item["OrderQuantity"]),
                unit=units.from_sap(item["PurchaseOrderQuantityUnit"]),
                delivery_date=min(days),
                by=order.get("CreatedByUser") or "",
            )


__all__ = ["V4People"]
