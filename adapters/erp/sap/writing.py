"""How OData V2 addresses and spells what is written: keys in brackets, padded; MERGE; decimals as strings."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.erp.remote import RemoteComponent, RemoteItem
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.mapping import component_body, item_number, price_body, schedule_number
from adapters.erp.sap.odata import SYSTEM, keyed
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import write_date, write_quantity
from canonical.order import ComponentLine

_UNCOMMITTED = "0.000"


class V2Writing:
    """Implements adapters.erp.sap.difference.Writing."""

    system = SYSTEM

    def merge(self, path: str, body: Mapping[str, Any], told: str) -> Operation:
        """MERGE, which SAP's V2 services take before PATCH."""
        return Operation("MERGE", path, body, told)

    def item(self, item: RemoteItem) -> str:
        """With the item in five digits."""
        return keyed("A_PurchaseOrderItem", PurchaseOrder=item.order, PurchaseOrderItem=item_number(item.number))

    def schedule_line(self, item: RemoteItem, number: int) -> str:
        """With the schedule line in four digits."""
        return keyed(
            "A_PurchaseOrderScheduleLine",
            PurchasingDocument=item.order,
            PurchasingDocumentItem=item_number(item.number),
            ScheduleLine=schedule_number(number),
        )

    def component(self, item: RemoteItem, component: RemoteComponent) -> str:
        """With its reservation item in four digits."""
        return keyed(
            "A_POSubcontractingComponent",
            PurchaseOrder=item.order,
            PurchaseOrderItem=item_number(item.number),
            ScheduleLine=schedule_number(component.schedule_line),
            ReservationItem=schedule_number(component.reservation),
            RecordType=component.record_type,
        )

    def new_schedule_line(self, item: RemoteItem, number: int, body: Mapping[str, Any], told: str) -> Operation:
        """By its own set, with its number, so that a repeated write fails instead of doubling it."""
        key = {"PurchasingDocument": item.order, "PurchasingDocumentItem": item_number(item.number)}
        key |= {"ScheduleLine": schedule_number(number)}
        committed = {"ScheduleLineCommittedQuantity": _UNCOMMITTED}
        return Operation("POST", "A_PurchaseOrderScheduleLine", {**key, **committed, **body}, told)

    def new_component(self, item: RemoteItem, body: Mapping[str, Any], told: str) -> Operation:
        """By its own set."""
        key = {"PurchaseOrder": item.order, "PurchaseOrderItem": item_number(item.number)}
        key |= {"ScheduleLine": schedule_number(item.schedule[0].number)}
        return Operation("POST", "A_POSubcontractingComponent", {**key, **body}, told)

    def quantity(self, quantity: Decimal, field: str) -> str:
        """Three decimals."""
        return write_quantity(quantity, field)

    def date(self, day: dt.date) -> str:
        """/Date(ms)/."""
        return write_date(day)

    def price(self, price: Decimal, price_unit: Decimal) -> Mapping[str, Any]:
        """Amount and quantity."""
        return price_body(price, price_unit)

    def component_body(self, component: ComponentLine, units: Units) -> Mapping[str, Any]:
        """As in a deep insert."""
        return component_body(component, units)
