"""The order lines that people created in SAP on a day: those of orders without a reference of ours."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence

import httpx

from adapters.erp.sap.duplicates import OURS
from adapters.erp.sap.odata import Entity, ODataService, literal, rows
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import read_date, read_decimal
from adapters.ports import PolicyPort
from canonical.observing import LineCompared
from canonical.policy import ErpDocuments


class SapPeople:
    """Implements adapters.ports.PeopleOrdersPort."""

    def __init__(self, http: httpx.AsyncClient, policies: PolicyPort) -> None:
        self._orders = ODataService(http, "API_PURCHASEORDER_PROCESS_SRV")
        self._policies = policies

    async def created(self, plant: str, day: dt.date) -> Sequence[LineCompared]:
        """As the port has it."""
        return await self._orders.read_as(
            shape_of(self._policies, plant, _lines),
            "A_PurchaseOrder",
            where=f"CreationDate eq datetime{literal(f'{day.isoformat()}T00:00:00')}",
            expand="to_PurchaseOrderItem/to_ScheduleLine",
            pages_by="PurchaseOrder",
        )


def shape_of(
    policies: PolicyPort, plant: str, lines: Callable[[Entity, str, Units], Iterator[LineCompared]]
) -> Callable[[Sequence[Entity]], list[LineCompared]]:
    """Shapes orders into the lines of those without a reference of ours; `lines`: those of an order at a plant."""
    policy = policies.effective(plant)
    rules = policy.erp if policy else ErpDocuments()
    units = Units().with_codes(rules.units)

    def shape(orders: Sequence[Entity]) -> list[LineCompared]:
        theirs = (one for one in orders if not str(one.get(rules.order_reference_field) or "").startswith(OURS))
        return [line for order in theirs for line in lines(order, plant, units)]

    return shape


def _lines(order: Entity, plant: str, units: Units) -> Iterator[LineCompared]:
    for item in rows(order, "to_PurchaseOrderItem"):
        if item.get("Plant") != plant or item.get("PurchasingDocumentDeletionCode") or not item.get("Material"):
            continue
        due = _due(rows(item, "to_ScheduleLine"))
        if due is not None:
            yield LineCompared(
                order=order["PurchaseOrder"],
                line=int(item["PurchaseOrderItem"]),
                item=item["Material"],
                supplier=order.get("Supplier") or order.get("SupplyingPlant") or "-",
                quantity=read_decimal(item.get("OrderQuantity")),
                unit=units.from_sap(item["PurchaseOrderQuantityUnit"]),
                delivery_date=due,
                by=order.get("CreatedByUser") or "",
            )


def _due(schedule: Iterable[Entity]) -> dt.date | None:
    dates = [day for one in schedule if (day := read_date(one.get("ScheduleLineDeliveryDate"))) is not None]
    return min(dates, default=None)


__all__ = ["SapPeople", "shape_of"]
