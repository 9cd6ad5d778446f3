"""Tries what the adapter needs of an Odoo: the log-on, models and fields, rights, a read of each, the clock, the key.

Decided here: which fields of which models the adapter can't do without. Names that differ between versions are looked
for under all of them.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial

import httpx

from adapters.checking import clock, tried
from adapters.dialects import CheckResult
from adapters.erp.odoo.api import OdooApi
from adapters.erp.odoo.documents import LINE, ORDER
from adapters.erp.odoo.master import PRICE_FIELDS, PRODUCT_FIELDS
from adapters.erp.odoo.remote import ORDER_FIELDS, read_moment
from adapters.erp.odoo.settings import OdooSettings
from adapters.erp.odoo.stock import QUANT, QUANT_FIELDS, WAREHOUSE_FIELDS
from adapters.errors import AdapterError, PermanentError

_UNIT = "product_uom_id|uom_id|product_uom"
USED: Mapping[str, Collection[str]] = {
    ORDER: (*ORDER_FIELDS, "date_order", "currency_id", "company_id", "picking_type_id", "order_line"),
    LINE: (
        *("order_id", "sequence", "display_type", "product_id", "product_qty", "qty_received", "price_unit"),
        *("discount", "date_planned", _UNIT),
    ),
    "stock.move": ("purchase_line_id", "product_uom_qty", "state", "location_dest_usage", "picking_id"),
    "product.product": PRODUCT_FIELDS,
    "product.supplierinfo": (*PRICE_FIELDS, _UNIT),
    "res.partner": ("name",),
    "uom.uom": ("name", "factor", "relative_uom_id"),
}
"""By model; a field of several names is one of them."""
_RIGHTS: Mapping[str, Collection[str]] = {
    ORDER: ("read", "write", "create"),
    LINE: ("write", "create"),
    "stock.move": ("write",),
}
_KEY_WARNING = dt.timedelta(days=14)


class OdooCheck:
    """Implements adapters.dialects.SystemCheckPort."""

    def __init__(
        self, http: httpx.AsyncClient, settings: OdooSettings, system: str, now: Callable[[], dt.datetime]
    ) -> None:
        self._odoo = OdooApi(http, system, database=settings.database, company=settings.company)
        self._settings, self._now = settings, now

    async def check(self) -> AsyncIterator[CheckResult]:
        """The clock first, since its answer also tells whether Odoo is reached and the key holds."""
        yield await tried("clock", self._clock)
        own = {"product.product": self._settings.item_field, "res.partner": self._settings.supplier_field}
        for model, names in USED.items():
            used = [*names, own[model]] if model in own else list(names)
            yield await tried(f"{model}: fields", partial(self._fields, model, used))
            yield await tried(f"{model}: read", partial(self._read, model))
        for model, operations in _RIGHTS.items():
            yield await tried(f"{model}: rights", partial(self._rights, model, operations))
        yield await tried("stock", self._stock)
        yield await tried("API key", self._key)

    async def _clock(self) -> CheckResult:
        return clock(await self._odoo.reached(), self._now())

    async def _fields(self, model: str, used: Collection[str]) -> str:
        known = await self._odoo.fields(model)
        absent = [names for names in used if not any(name in known for name in names.split("|"))]
        if absent:
            raise PermanentError(
                self._odoo.system, f"{model} lacks {', '.join(absent)}; is it Odoo 19 with purchase_stock?"
            )
        return f"{len(used)} fields"

    async def _read(self, model: str) -> str:
        return f"{await self._odoo.ask(model, 'search_count', domain=[], limit=1)} row read"

    async def _rights(self, model: str, operations: Collection[str]) -> str:
        refused = [one for one in operations if not await self._odoo.ask(model, "has_access", operation=one)]
        if refused:
            step = "give the API user the group Purchase: User"
            raise PermanentError(self._odoo.system, f"{model}: no right to {', '.join(refused)}; {step}")
        return ", ".join(operations)

    async def _stock(self) -> CheckResult:
        """A warning at most: where Odoo owns no stock, nobody reads it."""
        try:
            for model, names in ((QUANT, QUANT_FIELDS), ("stock.warehouse", WAREHOUSE_FIELDS)):
                await self._fields(model, names)
                await self._read(model)
        except AdapterError as error:
            step = "where it owns stock at a plant, give the API user the group Inventory: User"
            return CheckResult("stock", "warning", f"{error}; {step}")
        return CheckResult("stock", "ok", "quants can be read")

    async def _key(self) -> CheckResult:
        rows = await self._odoo.search("res.users.apikeys", [], ["id", "name", "expiration_date"])
        ends = [end for row in rows if (end := read_moment(row.get("expiration_date"))) is not None]
        if not ends:
            return CheckResult("API key", "warning", "Odoo does not say when it ends; renew it within three months")
        left = min(ends) - self._now()
        if left < _KEY_WARNING:
            step = "make a new one and put it into the secret that the landscape names"
            return CheckResult("API key", "warning", f"one ends in {max(0, left.days)} days; {step}")
        return CheckResult("API key", "ok", f"the first to end has {left.days} days left")
