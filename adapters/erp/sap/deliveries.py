"""What was received of an order item and has not gone back, by SAP's material documents. Pure: no I/O.

The order service shows that nothing more is expected, not what has come. Its item numbers also stand on the issue of a
subcontractor's components and on the supplying plant's side of a transfer; neither is a receipt of the item.
"""

from collections.abc import Iterable
from decimal import Decimal

from adapters.erp.remote import RemoteItem
from adapters.erp.sap.odata import Entity
from adapters.erp.sap.values import read_decimal

FIELDS = "PurchaseOrder,PurchaseOrderItem,Material,Plant,GoodsMovementType,DebitCreditCode,QuantityInBaseUnit"

_OUT = "H"
_GOING_BACK = frozenset({"102", "104", "106", "108", "122", "124", "161"})
"""Reversals and returns, for releases without a debit/credit code."""


def received(movements: Iterable[Entity], item: RemoteItem) -> Decimal:
    """The quantity received of the item less what was reversed or returned, in the base unit. Raises ValueError."""
    return sum((_signed(one) for one in movements if _is_of(one, item)), Decimal(0))


def _is_of(movement: Entity, item: RemoteItem) -> bool:
    return (
        int(movement.get("PurchaseOrderItem") or 0) == item.number
        and (movement.get("Material") or item.material).upper() == item.material.upper()
        and (movement.get("Plant") or item.plant) == item.plant
    )


def _signed(movement: Entity) -> Decimal:
    quantity = read_decimal(movement.get("QuantityInBaseUnit"))
    side = movement.get("DebitCreditCode")
    back = side == _OUT if side else movement.get("GoodsMovementType") in _GOING_BACK
    return -quantity if back else quantity
