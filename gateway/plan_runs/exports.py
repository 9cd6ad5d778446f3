"""The exports that are known, and which of a file's columns means what.

Decided here: a proposal that a person confirms or corrects. Not here: how a value is read (mapping).

Column names by the systems' public documentation: frePPLe (purchase orders), Odoo (replenishment; OCA mrp_multi_level),
Business Central (planning and requisition worksheets), ERPNext (production plan), SAP GUI lists MD04 and ME5A.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_APART = re.compile(r"[^a-z0-9äöüß]+")


class Export(NamedTuple):
    """A list that a known system writes."""

    name: str
    marks: tuple[str, ...]
    """Columns that together are of this list."""
    columns: Mapping[str, tuple[str, ...]]
    """Our fields, each with the columns that mean it, the best first; empty: none does, whatever its name."""
    only: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """Columns that say what a row is, and the values of rows that are still to be ordered."""
    note: str = ""


EXPORTS = (
    Export(
        "frePPLe, purchase orders",
        ("item", "location", "ordering date", "receipt date", "status"),
        {
            "demand_reference": (),
            "required_date": ("receipt date", "end date"),
            "plant": ("location",),
            "demand": ("demands",),
            "criticality": (),
        },
        (("status",), ("proposed",)),
        "Only proposed orders are still to be ordered; their references are new in each plan, so leave the reference "
        "out: Pegline then finds the known requirement by date and quantity.",
    ),
    Export(
        "Odoo, planned orders (MRP multi level)",
        ("mrp area id", "product id", "mrp qty", "due date"),
        {
            "item": ("product id", "product mrp area id"),
            "quantity": ("mrp qty",),
            "required_date": ("due date",),
            "plant": ("mrp area id",),
            "planner": ("mrp planner id",),
        },
        None,
        "Odoo makes planned orders anew in every run, so they have no lasting reference.",
    ),
    Export(
        "Odoo, MRP inventory",
        ("mrp area id", "product id", "to procure", "date"),
        {
            "item": ("product id",),
            "quantity": ("to procure",),
            "required_date": ("date",),
            "unit": ("uom id",),
            "plant": ("mrp area id",),
        },
    ),
    Export(
        "Odoo, replenishment",
        ("product", "to order", "location"),
        {"quantity": ("to order", "zu bestellen"), "required_date": ("deadline", "frist"), "plant": ("warehouse",)},
    ),
    Export(
        "Business Central, planning worksheet",
        ("action message", "no", "due date", "quantity", "location code"),
        {"item": ("no",), "plant": ("location code",), "demand_reference": ("ref order no",)},
        None,
        "Send only lines whose action message is New: the others are orders that exist.",
    ),
    Export(
        "Business Central, Planungsvorschlag",
        ("ereignismeldung", "nr", "fälligkeitsdatum", "menge"),
        {"item": ("nr",), "plant": ("lagerortcode",), "demand_reference": ("ref auftragsnr", "ref beleg nr")},
        (("ereignismeldung",), ("Neu",)),
    ),
    Export(
        "ERPNext, raw materials of a production plan",
        ("item code", "required qty", "required by", "for warehouse"),
        {"quantity": ("required qty",), "required_date": ("required by",), "demand": ("sales order",)},
        (("type",), ("Purchase",)),
    ),
    Export(
        "SAP MD04, stock/requirements list",
        ("mrp element data", "available qty"),
        {
            "quantity": ("receipt reqmt", "receipt reqmnt", "plus minus"),
            "required_date": ("date",),
            "demand_reference": ("mrp element data",),
        },
        (("mrp element", "mrp e"), ("PldOrd", "PlndOrder", "PL")),
        "The list is of one material: give its number as a fixed value, and the unit. Available quantity is a running "
        "total, not the quantity of a row.",
    ),
    Export(
        "SAP MD04, Bedarfs-/Bestandsliste",
        ("daten zum de", "zugang bedarf"),
        {
            "quantity": ("zugang bedarf",),
            "required_date": ("plantermine", "datum"),
            "demand_reference": ("daten zum de", "daten zum dispoel"),
        },
        (("dispoel", "dispoelement"), ("Pl-Auf", "PlAuf", "PL-AUF")),
        "Die Liste gilt für ein Material: its number and unit are fixed values.",
    ),
    Export(
        "SAP ME5A, purchase requisitions",
        ("purch req", "material", "deliv date", "un"),
        {
            "required_date": ("deliv date", "delivery date", "req date"),
            "demand_reference": ("purch req", "purchase requisition"),
            "planner": ("pgr", "purch group"),
        },
        None,
        "A requisition has several items: where the list names them, use only requisitions of one item each, or leave "
        "the reference out.",
    ),
    Export(
        "SAP ME5A, Bestellanforderungen",
        ("banf", "material", "lieferdat"),
        {
            "required_date": ("lieferdat", "lieferdatum"),
            "demand_reference": ("banf", "bestellanforderung"),
            "planner": ("ekg",),
        },
    ),
)

_ANY: Mapping[str, tuple[str, ...]] = {
    "item": (
        "item",
        "item number",
        "item no",
        "item code",
        "material",
        "material number",
        "materialnummer",
        "product",
        "product number",
        "product code",
        "part",
        "part number",
        "part no",
        "article",
        "article number",
        "artikel",
        "artikelnummer",
        "artikelnr",
        "artikel nr",
        "teil",
        "teilenummer",
        "teilenr",
        "sachnummer",
        "produkt",
        "sku",
    ),
    "quantity": (
        "quantity",
        "qty",
        "qty requested",
        "quantity requested",
        "order quantity",
        "planned quantity",
        "required quantity",
        "qty purchreq",
        "menge",
        "bedarfsmenge",
        "bestellmenge",
        "planmenge",
        "anzahl",
        "stückzahl",
    ),
    "unit": (
        "unit",
        "uom",
        "un",
        "bun",
        "unit of measure",
        "unit of measure code",
        "base unit",
        "einheit",
        "einheitencode",
        "mengeneinheit",
        "basismengeneinheit",
        "maßeinheit",
        "masseinheit",
        "me",
        "bme",
    ),
    "required_date": (
        "required date",
        "requirement date",
        "requirements date",
        "need date",
        "date needed",
        "needed by",
        "due date",
        "delivery date",
        "deliv date",
        "date",
        "termin",
        "bedarfstermin",
        "bedarfsdatum",
        "bedarf am",
        "liefertermin",
        "lieferdatum",
        "fälligkeitsdatum",
        "fällig",
        "datum",
        "wunschtermin",
    ),
    "demand_reference": (
        "demand reference",
        "demand ref",
        "requirement number",
        "requirement",
        "planned order",
        "planned order number",
        "plan order",
        "bedarfsnummer",
        "bedarfsnr",
        "bedarf",
        "planauftrag",
        "planauftragsnummer",
        "referenz",
    ),
    "plant": ("plant", "plnt", "site", "werk", "standort", "company", "location", "location code", "warehouse"),
    "planner": ("planner", "mrp controller", "planner code", "disponent", "planer", "dispo"),
    "sourcing_rule": ("sourcing rule", "bezugsregel"),
    "source_revision": ("source revision",),
    "demand": ("demand", "sales order", "customer order", "build order", "kundenauftrag", "auftrag"),
    "criticality": ("criticality", "priority class", "abc", "kritikalität"),
    "pegging": ("pegging",),
}
_NEVER = {"quantity": ("available qty", "verfügb menge", "verfügbare menge")}
_WRITTEN_UNITS: Mapping[str, str] = {
    "EA": "ea each st stk stck stück stueck pc pcs piece pieces unit units einheit einheiten pce nos",
    "KGM": "kg kilogram kilogramm",
    "GRM": "g gr gramm gram",
    "TNE": "t to tonne tonnen",
    "MTR": "m meter metre lfm",
    "CMT": "cm",
    "MMT": "mm",
    "LTR": "l liter litre",
    "MLT": "ml",
    "MTK": "m2 qm",
    "MTQ": "m3 cbm",
    "PR": "pr paar paa pair pairs",
    "DZN": "dz dzd dozen dutzend",
    "CT": "kar karton carton",
    "RO": "rol rolle roll",
    "PK": "pak paket pack packung",
    "BX": "ki kiste box",
    "SET": "satz set sets",
    "PF": "pal palette pallet",
    "HUR": "h std hour hours",
    "LBR": "lb lbs pound pounds",
    "ONZ": "oz",
    "INH": "in",
    "FOT": "ft",
    "GLL": "gal",
}
_UNITS = {written: code for code, words in _WRITTEN_UNITS.items() for written in words.split()}


class FileGuess(NamedTuple):
    """What a file seems to be."""

    export: str
    """Its name; empty: none that is known."""
    columns: dict[str, str]
    """Our fields, each with the file's column."""
    only_column: str
    only_values: tuple[str, ...]
    note: str


def plain_name(name: str) -> str:
    """A column's name without case and punctuation: `Deliv.Date` is `deliv date`."""
    return _APART.sub(" ", name.lower()).strip()


def recognized(names: Iterable[str]) -> int:
    """How many of the names are known columns; the row of a file with the most is its head."""
    return sum(plain_name(name) in _ALL for name in names)


def proposed(columns: Sequence[str]) -> FileGuess:
    """What the columns mean, as far as their names say it; each column means one thing."""
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(plain_name(column), column)
    export = max(EXPORTS, key=lambda each: _share(each, by_name))
    known = export if _share(export, by_name) == 1 else None
    found: dict[str, str] = {}
    for field, names in _ANY.items():
        own = (field.replace("_", " "), *names)
        for name in own if known is None else known.columns.get(field, own):
            meant = by_name.get(name)
            if meant is not None and meant not in found.values() and name not in _NEVER.get(field, ()):
                found[field] = meant
                break
    if known is None:
        return FileGuess("", found, "", (), "")
    only_column, only_values = "", tuple[str, ...]()
    if known.only is not None:
        only_column = next((by_name[name] for name in known.only[0] if name in by_name), "")
        only_values = known.only[1] if only_column else ()
    return FileGuess(known.name, found, only_column, only_values, known.note)


def proposed_unit(written: str) -> str:
    """The code of a unit as files write it; empty where it is not known."""
    return _UNITS.get(plain_name(written).replace(" ", ""), "")


def _share(export: Export, by_name: Mapping[str, str]) -> float:
    return sum(mark in by_name for mark in export.marks) / len(export.marks)


_ALL = frozenset(
    name
    for names in (*_ANY.values(), *(each.marks for each in EXPORTS), *(n for e in EXPORTS for n in e.columns.values()))
    for name in names
) | {field.replace("_", " ") for field in _ANY}

__all__ = ["EXPORTS", "Export", "FileGuess", "plain_name", "proposed", "proposed_unit", "recognized"]
