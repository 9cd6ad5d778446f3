"""Units of measure: Odoo's records, by the external id that those it brings along have, else by name.

Names are translated and changed by users; external ids (`uom.product_uom_kgm`) are not. Units that an installation has
added are named in option `units`. Several of our codes for a piece are Odoo's one unit. Units are read once an hour.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from adapters.erp.odoo.api import OTHER_SHAPE, OdooApi, Row
from adapters.erp.odoo.remote import linked
from adapters.erp.remote import NotWritable
from adapters.errors import PermanentError
from adapters.exact_json import number

_SECONDS = 3_600.0
# Odoo's own external ids (addons/uom/data), and the codes that its module account_edi_ubl_cii gives them.
_BROUGHT: Mapping[str, tuple[str, ...]] = {
    "product_uom_unit": ("H87", "C62", "EA"),
    "product_uom_dozen": ("DZN",),
    "product_uom_kgm": ("KGM",),
    "product_uom_gram": ("GRM",),
    "product_uom_ton": ("TNE",),
    "product_uom_lb": ("LBR",),
    "product_uom_oz": ("ONZ",),
    "product_uom_meter": ("MTR",),
    "product_uom_cm": ("CMT",),
    "product_uom_millimeter": ("MMT",),
    "product_uom_inch": ("INH",),
    "product_uom_foot": ("FOT",),
    "uom_square_meter": ("MTK",),
    "product_uom_litre": ("LTR",),
    "product_uom_cubic_meter": ("MTQ",),
    "product_uom_gal": ("GLL",),
    "product_uom_hour": ("HUR",),
    "product_uom_day": ("DAY",),
}


class OdooUnitUnknown(NotWritable):
    """A unit that has no counterpart on the other side; the message names it and the next step."""

    code = "unknown_unit"


@dataclass(frozen=True)
class OdooUnitTable:
    """The two directions, and how large each unit is, by the root of those that convert into each other."""

    outgoing: Mapping[str, int]
    incoming: Mapping[int, str]
    names: Mapping[int, str]
    sizes: Mapping[int, tuple[int, Decimal]]

    def to_theirs(self, code: str) -> int:
        """The id for a UN/ECE code. Raises UnknownUnit."""
        if code not in self.outgoing:
            raise OdooUnitUnknown(f"unit {code} has no counterpart in Odoo; name one in option `units`")
        return self.outgoing[code]

    def to_ours(self, identity: int) -> str:
        """The UN/ECE code for an id. Raises UnknownUnit."""
        if identity not in self.incoming:
            name = self.names.get(identity, str(identity))
            raise OdooUnitUnknown(f"Odoo's unit {name!r} has no UN/ECE code; name it in option `units`")
        return self.incoming[identity]


class OdooUnits:
    """The units of a database, read when they are needed."""

    def __init__(self, odoo: OdooApi, named: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._odoo, self._named, self._clock = odoo, named, clock
        self._held: tuple[float, OdooUnitTable] | None = None

    async def table(self) -> OdooUnitTable:
        """The units as they are, at most an hour old."""
        if self._held is None or self._held[0] < self._clock():
            self._held = (self._clock() + _SECONDS, await self._read())
        return self._held[1]

    async def _read(self) -> OdooUnitTable:
        rows = await self._odoo.search("uom.uom", [], ["id", "name", "factor", "relative_uom_id"])
        try:
            return _table(rows, await self._external_ids(rows), self._named)
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {error}"[:200]
            raise PermanentError(self._odoo.system, f"units of measure can't be read ({why})") from error

    async def _external_ids(self, rows: list[Row]) -> Mapping[str, str]:
        """By id, `module.name`; where the method is not open to everybody, from the table behind it."""
        try:
            external = await self._odoo.ask("uom.uom", "get_external_id", [int(row["id"]) for row in rows])
        except PermanentError:
            domain = [["model", "=", "uom.uom"], ["module", "=", "uom"]]
            found = await self._odoo.search("ir.model.data", domain, ["id", "name", "res_id"])
            return {str(row["res_id"]): f"uom.{row['name']}" for row in found}
        if not isinstance(external, dict) or any(str(row.get("id")) not in external for row in rows):
            raise PermanentError(self._odoo.system, "uom.uom/get_external_id: not an entry for every unit")
        return external


def _table(rows: list[Row], external: Mapping[str, str], named: Mapping[str, str]) -> OdooUnitTable:
    names = {int(row["id"]): str(row["name"]) for row in rows}
    outgoing: dict[str, int] = {}
    incoming: dict[int, str] = {}
    for identity in sorted(names):
        module, _, name = str(external.get(str(identity)) or "").partition(".")
        for code in _BROUGHT.get(name, ()) if module == "uom" else ():
            outgoing[code] = identity
            incoming.setdefault(identity, code)
    by_name = {name: identity for identity, name in names.items()}
    for code, name in named.items():
        if name in by_name:
            outgoing[code] = by_name[name]
            incoming[by_name[name]] = code
    parents = {int(row["id"]): linked(row["relative_uom_id"]) if row.get("relative_uom_id") else None for row in rows}
    sizes = {int(row["id"]): (_root(int(row["id"]), parents), number(row["factor"])) for row in rows}
    return OdooUnitTable(outgoing, incoming, names, sizes)


def _root(identity: int, parents: Mapping[int, int | None]) -> int:
    """The unit that others are sized by."""
    seen: set[int] = set()
    while (above := parents.get(identity)) is not None and identity not in seen:
        seen.add(identity)
        identity = above
    return identity
