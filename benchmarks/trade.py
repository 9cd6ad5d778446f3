"""The trade data of both sides: one plant's items and suppliers, needs as the planning system states them, the demo's
mix.

An item is sold by one supplier, and its name contains the supplier. Pegline reads it from the ERP's master data; the
bare workflow, which has no rules, takes it from the name.
"""

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

WINDOW_PLANT, AT_ONCE_PLANT = "1710", "1720"
"""By the benchmark's policies the first consolidates lines for `WINDOW_SECONDS`, the second orders each need by itself.
"""
PLANTS = (WINDOW_PLANT, AT_ONCE_PLANT)
WINDOW_SECONDS = 60
SUPPLIERS, ITEMS_EACH = 200, 10
DAYS_AHEAD = 60
QUANTITY, PRICE = 40, "2.50"
CURRENCY = "USD"
GROUP = "L001"
DEMO_MIX: Mapping[int, int] = {1: 12, 2: 4, 3: 7, 4: 4, 6: 4, 8: 2, 9: 1, 10: 1, 30: 1}
"""Orders by their number of lines: 36 orders, 146 lines, a third of what the demo's story makes (107 and 428).

Counted in the demo's ledger: {1: 37, 2: 11, 3: 22, 4: 12, 5: 1, 6: 11, 7: 1, 8: 5, 9: 2, 10: 2, 12: 1, 24: 1, 30: 1,
33: 1}."""

_PLANNED = "pegline.requirement.planned.v1"


class Part(NamedTuple):
    """An item, and who sells it."""

    supplier: int
    number: int

    @property
    def item(self) -> str:
        """Its name: the supplier's code and the number."""
        return f"{supplier_code(self.supplier)}-{self.number:02}"


def supplier_code(number: int) -> str:
    """Eight digits, as in SAP's examples."""
    return f"173{number:05}"


def master_data(plants: Sequence[str] = PLANTS) -> dict[str, Any]:
    """The body of the ERP simulator's POST /erp/control/master-data."""
    parts = [Part(supplier, number) for supplier in range(SUPPLIERS) for number in range(ITEMS_EACH)]
    return {
        "plants": [{"Plant": plant, "CompanyCode": plant, "PurchasingOrganization": "1710"} for plant in plants],
        "suppliers": [
            {"Supplier": supplier_code(number), "SupplierName": f"Supplier {number}"} for number in range(SUPPLIERS)
        ],
        "products": [
            {
                "Product": part.item,
                "Description": f"Part {part.item}",
                "BaseUnit": "EA",
                "ProductGroup": GROUP,
                "plants": [{"Plant": plant, "GoodsReceiptDuration": 1, "PurchasingGroup": "001"} for plant in plants],
            }
            for part in parts
        ],
        "info_records": [
            {
                "PurchasingInfoRecord": f"53{number:08d}",
                "Supplier": supplier_code(part.supplier),
                "Material": part.item,
                "PurchasingOrganization": "1710",
                "Plant": plant,
                "MinimumPurchaseOrderQuantity": "10",
                "OrderQuantityRounding": "10",
                "MaximumOrderQuantity": "100000",
                "MaterialPlannedDeliveryDurn": 14,
                "NetPriceAmount": PRICE,
                "Currency": CURRENCY,
                "preference": 1,
            }
            for number, (part, plant) in enumerate(itertools.product(parts, plants), start=1)
        ],
    }


class Needs:
    """Needs that were never sent before; `run` distinguishes the runs on a server that keeps them."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._number = itertools.count(1)
        self._supplier = itertools.cycle(range(SUPPLIERS))
        self._day = required_date(dt.datetime.now(dt.UTC).date())

    def single(self, count: int, plant: str = AT_ONCE_PLANT) -> list[dict[str, Any]]:
        """`count` needs, each from another supplier than the one before."""
        return [self._event(Part(next(self._supplier), 0), plant) for _ in range(count)]

    def mixed(self, times: int, mix: Mapping[int, int] = DEMO_MIX) -> list[dict[str, Any]]:
        """Needs that make the orders of the mix `times` times, with large and small ones spread."""
        sizes = sorted(size for size, count in mix.items() for _ in range(count * times))
        if len(sizes) > SUPPLIERS:
            raise ValueError(f"{len(sizes)} orders at once need as many suppliers; there are {SUPPLIERS}")
        spread = [size for offset in range(7) for size in sizes[offset::7]]
        return [self._event(part, WINDOW_PLANT) for size in spread for part in self._parts(size)]

    def _parts(self, size: int) -> Iterator[Part]:
        supplier = next(self._supplier)
        return (Part(supplier, number % ITEMS_EACH) for number in range(size))

    def _event(self, part: Part, plant: str) -> dict[str, Any]:
        reference = f"{self._run}-{next(self._number):06}"
        return {
            "specversion": "1.0",
            "id": f"{reference}@1",
            "source": "aps-bench",
            "type": _PLANNED,
            "time": dt.datetime.now(dt.UTC).isoformat(),
            "data": {
                "plant": plant,
                "item": part.item,
                "quantity": str(QUANTITY),
                "unit": "EA",
                "required_date": self._day.isoformat(),
                "demand_reference": reference,
                "plan_version": 1,
            },
        }


def required_date(today: dt.date) -> dt.date:
    """A Wednesday far enough ahead for every supplier."""
    day = today + dt.timedelta(days=DAYS_AHEAD)
    return day + dt.timedelta(days=(2 - day.weekday()) % 7)
