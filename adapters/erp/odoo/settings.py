"""The options of an Odoo system, validated."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from adapters.dialects import Connection, OptionError
from canonical.units import known_unit

OPTIONS: Mapping[str, str] = {
    "database": "the database, where one server has several",
    "company": "the company's id (a number), where the database has several",
    "supplier_field": "the contact's field with the supplier number; ref (Reference) if left out",
    "item_field": "the product's field with the item number; default_code (Internal Reference) if left out",
    "warehouses": "short names of warehouses by plant, such as 1710=WH,1720=EAST; a plant without one uses the default",
    "units": "names of units that Odoo did not bring along, such as PK=Pack of 6,RO=Roll",
    "locked_orders": "unlock: unlock, change and lock again; refuse: leave locked orders alone (the default)",
}


class OdooSettings(NamedTuple):
    """What a system's options say."""

    database: str = ""
    company: int | None = None
    supplier_field: str = "ref"
    item_field: str = "default_code"
    warehouses: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    """Names in Odoo by UN/ECE code."""
    locked_orders: Literal["unlock", "refuse"] = "refuse"


def read_settings(connection: Connection) -> OdooSettings:
    """The settings of a system. Raises OptionError."""
    options = connection.own_options(OPTIONS)

    def wrong(name: str) -> OptionError:
        return OptionError(name, options.get(name, ""), OPTIONS[name])

    company = options.get("company", "")
    if company and not (company.isascii() and company.isdigit()):
        raise wrong("company")
    for name in ("supplier_field", "item_field"):
        if not options.get(name, "ref").isidentifier():
            raise wrong(name)
    units = _pairs(options, "units", wrong("units"))
    if any(known_unit(code) is None for code in units):
        raise wrong("units")
    locked = options.get("locked_orders", "refuse")
    if locked not in ("unlock", "refuse"):
        raise wrong("locked_orders")
    return OdooSettings(
        database=options.get("database", ""),
        company=int(company) if company else None,
        supplier_field=options.get("supplier_field", "ref"),
        item_field=options.get("item_field", "default_code"),
        warehouses=_pairs(options, "warehouses", wrong("warehouses")),
        units=units,
        locked_orders="unlock" if locked == "unlock" else "refuse",
    )


def _pairs(options: Mapping[str, str], name: str, wrong: OptionError) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in options.get(name, "").split(","))):
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise wrong
        pairs[ours.strip()] = theirs.strip()
    return pairs
