"""Stock in Odoo: the quants of the plant's warehouse that are ours and not reserved."""

from decimal import Decimal
from typing import Any

import pytest

from adapters.dialects import ErpSystem
from adapters.errors import PermanentError
from adapters.ports import AvailableStock
from tests.adapters.erp.odoo import ITEM, NOW, PLANT, STEEL, OdooBench, connected

LOCATIONS = [
    {"id": 1, "name": "WH", "usage": "view"},
    {"id": 2, "name": "Stock", "location_id": 1},
    {"id": 3, "name": "Shelf", "location_id": 2},
    {"id": 4, "name": "Quality Control", "location_id": 1},
    {"id": 5, "name": "Scrap", "location_id": 2, "usage": "inventory"},
    {"id": 12, "name": "East Stock"},
]


def quant(product: int, location: int, quantity: float, reserved: float = 0, **more: Any) -> dict[str, Any]:
    return {"product_id": product, "location_id": location, "quantity": quantity, "reserved_quantity": reserved, **more}


async def started(*quants: dict[str, Any], **options: str) -> OdooBench:
    odoo = await OdooBench.start()
    odoo.options |= options
    warehouses = [{"id": 1, "lot_stock_id": 2}, {"id": 2, "name": "East", "code": "EAST", "lot_stock_id": 12}]
    await odoo.control("records", {"stock.location": LOCATIONS})
    await odoo.control("records", {"stock.warehouse": warehouses, "stock.quant": list(quants)})
    return odoo


async def available(system: ErpSystem, *items: str) -> list[AvailableStock]:
    assert system.stock is not None
    return list(await system.stock.available(PLANT, items))


async def test_it_is_what_lies_in_the_stock_location_less_what_is_reserved() -> None:
    odoo = await started(
        quant(11, 2, 10),
        quant(11, 3, 30, 12),
        quant(11, 4, 100),
        quant(11, 5, 200),
        quant(11, 12, 400),
        quant(11, 3, 800, owner_id=7),
        quant(12, 3, 0.1),
        quant(12, 2, 0.2, 0.05),
    )
    async with connected(odoo) as system:
        assert await available(system, ITEM, STEEL, "UNKNOWN") == [
            AvailableStock(ITEM, Decimal(28), "H87", NOW),
            AvailableStock(STEEL, Decimal("0.25"), "KGM", NOW),
        ]


async def test_a_number_that_two_products_have_is_left_out_and_what_never_lay_there_is_nothing() -> None:
    odoo = await started()
    await odoo.control("records", {"product.product": [{"id": 13, "default_code": STEEL, "uom_id": 2}]})
    async with connected(odoo) as system:
        assert await available(system, ITEM, STEEL) == [AvailableStock(ITEM, Decimal(0), "H87", NOW)]


async def test_a_plant_without_a_warehouse_of_its_own_is_not_guessed_among_several() -> None:
    odoo = await started(quant(11, 2, 10), warehouses="1720=WH")
    async with connected(odoo) as system:
        with pytest.raises(PermanentError, match="plant 1710: Odoo has several warehouses; name the plant's in option"):
            await available(system, ITEM)
    odoo.options["warehouses"] = f"{PLANT}=NORTH"
    async with connected(odoo) as system:
        with pytest.raises(PermanentError, match="no warehouse 'NORTH'"):
            await available(system, ITEM)
