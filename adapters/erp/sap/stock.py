"""What is in stock in SAP: unrestricted-use stock of a plant by API_MATERIAL_STOCK_SRV, for both dialects.

Decided here: only stock type 01 without a special stock counts, over all storage locations and batches. Stock in
quality inspection, in transfer or transit, returned, blocked and restricted-use stock is of other types; what is
consigned, or kept for an order or a project, is special stock. The service knows no reservations. Source: SAP's
$metadata of it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

import httpx

from adapters.dialects import OptionError
from adapters.erp.sap.check import CheckedService
from adapters.erp.sap.odata import ROOT, Entity, ODataService, literal
from adapters.erp.sap.units import Units, UnknownUnit
from adapters.erp.sap.values import read_decimal
from adapters.ports import AvailableStock, PolicyPort

SERVICE = "API_MATERIAL_STOCK_SRV"
STOCKS, MATERIALS = "A_MatlStkInAcctMod", "A_MaterialStock"
UNRESTRICTED = "01"
OPTION = (
    '"unrestricted": unrestricted-use stock is read where this system owns stock; SAP takes no reservation off it. '
    "Left out: it is not read"
)
_STOCK_FIELDS = (
    *("Material", "Plant", "InventoryStockType", "InventorySpecialStockType"),
    *("MaterialBaseUnit", "MatlWrhsStkQtyInMatlBaseUnit"),
)
USED: Mapping[str, Collection[str]] = {STOCKS: _STOCK_FIELDS, MATERIALS: ("Material", "MaterialBaseUnit")}
CHECKED = CheckedService(SERVICE, f"{ROOT}/{SERVICE}", USED)


def is_read(options: Mapping[str, str]) -> bool:
    """Whether the options have stock read. Raises OptionError."""
    chosen = options.get("stock")
    if chosen not in (None, "unrestricted"):
        raise OptionError("stock", chosen, OPTION)
    return chosen is not None


class SapStock:
    """Implements adapters.ports.StockPort."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        policies: PolicyPort,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._service = ODataService(http, SERVICE)
        self._policies, self._now = policies, now

    async def available(self, plant: str, items: Sequence[str]) -> list[AvailableStock]:
        """As the port has it; of a material without a row at the plant there is nothing, where SAP knows it at all."""
        at, units = self._now(), self._units(plant)
        where = f"Plant eq {literal(plant)} and InventoryStockType eq '{UNRESTRICTED}' and ({_one_of(items)})"
        select = ",".join(_STOCK_FIELDS)
        found = await self._service.read_as(lambda rows: _sums(rows, plant), STOCKS, where=where, select=select)
        missing = [item for item in items if _name(item) not in found]
        if missing:
            known = await self._service.read_as(_empty, MATERIALS, where=_one_of(missing))
            found = {**known, **found}
        stocks = []
        for item in items:
            quantity, unit = found.get(_name(item), (Decimal(0), ""))
            try:
                stocks.append(AvailableStock(item, quantity, units.from_sap(unit), at))
            except UnknownUnit:
                continue
        return stocks

    def _units(self, plant: str) -> Units:
        policy = self._policies.effective(plant)
        return Units().with_codes(policy.erp.units if policy else {})


_Sums = dict[str, tuple[Decimal, str]]


def _sums(rows: Sequence[Entity], plant: str) -> _Sums:
    """By material, the sum and its base unit. What the filter should have kept out is left out here again."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    units: dict[str, str] = {}
    for row in rows:
        if row["Plant"] != plant or row["InventoryStockType"] != UNRESTRICTED:
            continue
        material = _name(row["Material"])
        # Kept apart by its owner or its purpose: it is there, and is nobody else's to take.
        counts = not row["InventorySpecialStockType"].strip()
        sums[material] += read_decimal(row["MatlWrhsStkQtyInMatlBaseUnit"]) if counts else Decimal(0)
        units[material] = row["MaterialBaseUnit"]
    return {material: (quantity, units[material]) for material, quantity in sums.items()}


def _empty(rows: Sequence[Entity]) -> _Sums:
    return {_name(row["Material"]): (Decimal(0), row["MaterialBaseUnit"]) for row in rows}


def _one_of(items: Sequence[str]) -> str:
    return " or ".join(f"Material eq {literal(item)}" for item in items)


def _name(material: str) -> str:
    return material.strip().upper().lstrip("0")


__all__ = ["CHECKED", "OPTION", "USED", "SapStock", "is_read"]
