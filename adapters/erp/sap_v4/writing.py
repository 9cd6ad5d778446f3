"""How OData V4 addresses and spells what is written: keys as path segments, PATCH, JSON numbers, ISO dates."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.erp.remote import RemoteComponent, RemoteItem
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.units import Units
from adapters.erp.sap_v4 import mapping
from adapters.erp.sap_v4.odata import at
from adapters.erp.sap_v4.values import number
from canonical.order import ComponentLine


class V4Writing:
    """Implements adapters.erp.sap.difference.Writing."""

    def __init__(self, system: str) -> None:
        self.system = system

    def merge(self, path: str, body: Mapping[str, Any], told: str) -> Operation:
        """PATCH."""
        return Operation("PATCH", path, body, told)

    def item(self, item: RemoteItem) -> str:
        """PurchaseOrderItem/4500000001/10."""
        return at("PurchaseOrderItem", item.order, str(item.number))

    def schedule_line(self, item: RemoteItem, number: int) -> str:
        """PurchaseOrderScheduleLine/4500000001/10/1."""
        return at("PurchaseOrderScheduleLine", item.order, str(item.number), str(number))

    def component(self, item: RemoteItem, component: RemoteComponent) -> str:
        """With its reservation item and record type, which is mostly empty: an empty segment can't be a key."""
        keys = (item.order, str(item.number), str(component.schedule_line), str(component.reservation))
        if component.record_type:
            return at("POSubcontractingComponent", *keys, component.record_type)
        names = ("PurchaseOrder", "PurchaseOrderItem", "ScheduleLine", "ReservationItem")
        pairs = ",".join(f"{name}='{key}'" for name, key in zip(names, keys, strict=True))
        return f"POSubcontractingComponent({pairs},RecordType='')"

    def new_schedule_line(self, item: RemoteItem, number: int, body: Mapping[str, Any], told: str) -> Operation:
        """Through the item's navigation, with its number, so that a repeated write fails instead of doubling it."""
        path = f"{self.item(item)}/{mapping.SCHEDULE}"
        return Operation("POST", path, {"ScheduleLine": str(number), **body}, told)

    def new_component(self, item: RemoteItem, body: Mapping[str, Any], told: str) -> Operation:
        """Through the first schedule line's navigation."""
        path = f"{self.schedule_line(item, item.schedule[0].number)}/{mapping.COMPONENTS}"
        return Operation("POST", path, {"Plant": item.plant, **body}, told)

    def quantity(self, quantity: Decimal, field: str) -> Decimal:
        """A JSON number of at most three decimals."""
        return number(quantity, field)

    def date(self, day: dt.date) -> str:
        """ISO."""
        return day.isoformat()

    def price(self, price: Decimal, price_unit: Decimal) -> Mapping[str, Any]:
        """Amount and quantity."""
        return mapping.price_body(price, price_unit)

    def component_body(self, component: ComponentLine, units: Units) -> Mapping[str, Any]:
        """As in a deep insert."""
        return mapping.component_body(component, units)
