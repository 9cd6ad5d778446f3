"""What is available in Tryton: a product's quantity in the storage zone of a warehouse, less what is assigned.

Decided here: what lies in the input, output, picking or lost-and-found zones doesn't count; a move that is assigned has
its goods reserved, as Tryton itself has it when it assigns the next one. Drafts of moves reserve nothing.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.erp.tryton.codes import CODES, Codes
from adapters.erp.tryton.rpc import NotInTryton, TrytonRpc
from adapters.errors import PermanentError
from adapters.ports import AvailableStock

FIELDS = ("code", "quantity", "default_uom.symbol")


class TrytonStock:
    """Implements adapters.ports.StockPort."""

    def __init__(self, rpc: TrytonRpc, now: Callable[[], dt.datetime]) -> None:
        self._rpc, self._now = rpc, now
        self._codes = Codes(rpc)

    async def available(self, plant: str, items: Sequence[str]) -> list[AvailableStock]:
        """As the port has it; a code that several products have is left out."""
        try:
            company = await self._codes.company()
            warehouse = await self._codes.one("stock.location", "code", plant, "warehouse", ["type", "=", "warehouse"])
        except NotInTryton as error:
            raise PermanentError(self._rpc.system, str(error)) from error
        context = {"company": company, "locations": [warehouse], "stock_skip_warehouse": True, "stock_assign": True}
        method, where = "model.product.product.search_read", [["code", "in", list(items)]]
        at = self._now()
        rows = await self._rpc.read(method, where, 0, None, [["id", "ASC"]], list(FIELDS), context=context)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise PermanentError(self._rpc.system, f"{method} can't be read; it answered {str(rows)[:200]}")
        codes = [row.get("code") for row in rows]
        return [self._figure(row, at) for row in rows if codes.count(row.get("code")) == 1 and _unit(row)]

    def _figure(self, row: Mapping[str, Any], at: dt.datetime) -> AvailableStock:
        try:
            quantity = Decimal(str(row["quantity"])).normalize() + 0
        except (KeyError, InvalidOperation) as error:
            step = f"product {row.get('code')} has no quantity that can be read; it answered {str(row)[:200]}"
            raise PermanentError(self._rpc.system, step) from error
        return AvailableStock(str(row["code"]), quantity, _unit(row), at)


def _unit(row: Mapping[str, Any]) -> str:
    uom = row.get("default_uom.")
    return CODES.get(uom.get("symbol", ""), "") if isinstance(uom, dict) else ""


__all__ = ["FIELDS", "TrytonStock"]
