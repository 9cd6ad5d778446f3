"""Tryton's ids for our codes, and its own defaults for a supplier and a product.

Decided here: a plant is a warehouse by its code, an item a product by its code, a supplier a party by its code; a unit
is Tryton's by its symbol. What was found is kept for two minutes; what was not found is asked for again.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from adapters.erp.tryton.rpc import DoesNotFit, TrytonRpc

_KEPT_SECONDS = 120.0
SYMBOLS: Mapping[str, str] = {
    **{"H87": "u", "C62": "u", "EA": "u", "HUR": "h", "DAY": "d"},
    **{"GRM": "g", "KGM": "kg", "TNE": "t", "LBR": "lb", "ONZ": "oz"},
    **{"MMT": "mm", "CMT": "cm", "MTR": "m", "INH": "in", "FOT": "ft", "CMK": "cm²", "MTK": "m²"},
    **{"MLT": "ml", "LTR": "l", "MTQ": "m³", "GLL": "gal"},
}
"""By UN/ECE code, the symbol of the unit that Tryton brings."""
CODES: Mapping[str, str] = {symbol: code for code, symbol in SYMBOLS.items() if code not in ("C62", "EA")}


class Codes:
    """Looks up ids; `company` is Tryton's id of the company."""

    def __init__(self, rpc: TrytonRpc, clock: Callable[[], float] = time.monotonic) -> None:
        self._rpc = rpc
        self._clock = clock
        self._held: dict[tuple[str, str], tuple[float, Any]] = {}

    async def company(self) -> int:
        """The company of the user."""
        found = await self._kept("company", "", lambda: self._rpc.read("model.res.user.get_preferences", True))
        if not isinstance(found, dict) or not isinstance(found.get("company"), int):
            raise DoesNotFit("the user has no company in Tryton; give it one")
        return int(found["company"])

    async def one(self, model: str, field: str, code: str, what: str, *also: Any) -> int:
        """The id of the one record with that code. Raises DoesNotFit."""
        where = [[field, "=", code], *also]
        search = self._rpc.read
        found = await self._kept(model, code, lambda: search(f"model.{model}.search", where, 0, 2, [["id", "ASC"]]))
        if not isinstance(found, list) or len(found) != 1:
            self._held.pop((model, code), None)
            raise DoesNotFit(f"Tryton has {'several' if found else 'no'} {what} {code!r}")
        return int(found[0])

    async def unit(self, code: str) -> int:
        """Tryton's unit for a UN/ECE code. Raises DoesNotFit."""
        if code not in SYMBOLS:
            raise DoesNotFit(f"unit {code} has no counterpart among Tryton's; order in another one")
        return await self.one("product.uom", "symbol", SYMBOLS[code], "unit")

    async def supplier(self, party: int) -> Mapping[str, Any]:
        """What Tryton would set on a purchase of this supplier: invoice address, payment term, invoicing."""
        values = {"company": await self.company(), "party": party, "lines": []}
        read = self._rpc.read
        return dict(
            await self._kept(
                "on_change_party", str(party), lambda: read("model.purchase.purchase.on_change_party", values)
            )
        )

    async def product(self, product: int, party: int) -> Mapping[str, Any]:
        """What Tryton would set on a line of this product from this supplier: taxes, the supplier's terms."""
        company = await self.company()
        values = {"type": "line", "product": product, "company": company, "quantity": 1.0}
        values |= {"purchase": {"party": party, "company": company}}
        read = self._rpc.read
        return dict(
            await self._kept(
                "on_change_product", f"{product}/{party}", lambda: read("model.purchase.line.on_change_product", values)
            )
        )

    async def _kept(self, kind: str, key: str, read: Callable[[], Any]) -> Any:
        held = self._held.get((kind, key))
        if held is not None and self._clock() < held[0]:
            return held[1]
        found = await read()
        self._held[kind, key] = (self._clock() + _KEPT_SECONDS, found)
        return found


__all__ = ["CODES", "SYMBOLS", "Codes"]
