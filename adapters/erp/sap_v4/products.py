"""Products by OData V4, in the fields that adapters.erp.sap.sources reads: those of V2.

What stays with V2, since SAP has no V4 service of it: info records, the source list, suppliers, bills of materials,
outline agreements, material documents and stock. V4 publishes no ABC indicator, so items have no class by it.
"""

import httpx

from adapters.erp.sap.odata import Entity as V2Entity
from adapters.erp.sap.values import write_date
from adapters.erp.sap_v4.odata import PRODUCTS, Entity, V4Service, rows, to_one
from adapters.erp.sap_v4.values import read_date

_TEXTS, _UNITS = "_ProductDescription", "_ProductUnitOfMeasure"
_SUPPLY, _PROCUREMENT = "_ProductPlantSupplyPlanning", "_ProductPlantProcurement"


class V4Products:
    """Implements adapters.erp.sap.master.Products."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self._service = V4Service(http, system, PRODUCTS)

    async def products(self, where: str) -> list[V2Entity]:
        """One read."""
        return await self._service.read_as(
            lambda found: [_product(row) for row in found],
            "Product",
            where=where,
            expand=f"{_TEXTS},{_UNITS}",
            pages_by="Product",
        )

    async def at_plants(self, where: str) -> list[V2Entity]:
        """One read."""
        return await self._service.read_as(
            lambda found: [_at_plant(row) for row in found],
            "ProductPlant",
            where=where,
            expand=f"{_SUPPLY},{_PROCUREMENT}",
            pages_by="Product,Plant",
        )


def _product(row: Entity) -> V2Entity:
    return {
        **{name: row.get(name) for name in ("IsMarkedForDeletion", "CrossPlantStatus", "BaseUnit", "ProductGroup")},
        "Product": row["Product"],
        "CrossPlantStatusValidityDate": _date(row, "CrossPlantStatusValidityDate"),
        "to_Description": rows(row, _TEXTS),
        "to_ProductUnitsOfMeasure": rows(row, _UNITS),
    }


def _at_plant(row: Entity) -> V2Entity:
    supply = to_one(row, _SUPPLY)
    return {
        **{name: row.get(name) for name in ("IsMarkedForDeletion", "ProfileCode")},
        "Product": row["Product"],
        "Plant": row["Plant"],
        "ProfileValidityStartDate": _date(row, "ProfileValidityStartDate"),
        "GoodsReceiptDuration": supply.get("GoodsReceiptDuration"),
        "to_ProductSupplyPlanning": supply,
        "to_ProductPlantProcurement": to_one(row, _PROCUREMENT),
    }


def _date(row: Entity, field: str) -> str | None:
    day = read_date(row.get(field))
    return write_date(day) if day else None
