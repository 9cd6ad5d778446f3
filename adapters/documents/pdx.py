"""The dialect `pdx`: engineering changes of a PLM system, as an IPC-2571 package (PDX) says them.

Decided here: each affected item of a change with markups of its bill of material becomes a revision of that bill; a row
that gives way to another component is that one removed and the other added in its place. Only changes of the statuses
that count are taken (`Released`, `Implemented`, `Completed` where nothing is set up); the others are left out and said
to be. A quantity that is not per assembly is refused, and so is a component whose unit nobody says. A package is read
whole or not at all; its revisions are known by its identifier, so that a later package of the same change is newer, by
its time. Pure: no I/O.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from adapters.dialects import Connection, DocumentDialect, DocumentSystem, OptionError
from adapters.documents.setup import DocumentCheck, checked_mapping, zone_of
from adapters.documents.values import (
    Mapped,
    ZoneOf,
    code_of,
    day_of,
    event_id,
    moment_of,
    quantity_of,
    unit_of,
    unreadable,
)
from adapters.documents.xml import children, local, parsed
from adapters.ports import DocumentEvent, SystemStatement
from canonical.event_data import BOM_REVISED
from canonical.units import known_unit

OPTIONS = {
    "plant": "the plant of affected items without a manufacturingSite",
    "unit": "the UN/ECE code of items without a unit of measure",
    "statuses": "engineering change statuses that count, with commas; Released,Implemented,Completed if left out",
}
TABLES = {
    "plants": "their manufacturing sites, each with our plant",
    "items": "their item identifiers, each with our item, where they differ",
    "units": "their units of measure, each with a UN/ECE code",
}
_STATUSES = "Released,Implemented,Completed"
_PER_ASSEMBLY = ("", "PerAssembly")


class PdxReader:
    """Implements adapters.ports.DocumentReader."""

    def __init__(self, mapping: Mapped, options: Mapping[str, str], zone_of: ZoneOf) -> None:
        self._mapping, self._zone_of = mapping, zone_of
        self._plant, self._unit = options.get("plant", ""), options.get("unit", "")
        self._statuses = frozenset(each.strip() for each in options.get("statuses", _STATUSES).split(","))

    def read(self, body: bytes, content_type: str) -> SystemStatement:
        """The revisions that the package tells of. Raises UnreadableMessage."""
        root = parsed(body, doctype=True)
        if local(root) != "ProductDataeXchangePackage":
            raise unreadable(local(root)[:60], "this is no ProductDataeXchangePackage")
        units = self._units(root)
        events: list[DocumentEvent] = []
        left_out: list[str] = []
        for change in _below(root, "Changes", "Change"):
            where, status = f"Change {change.get('changeNumber', '?')[:60]}", _status(change)
            if status not in self._statuses:
                left_out.append(f"{where}: its status is {status or 'not said'}")
                continue
            for item in _below(change, "AffectedItems", "AffectedItem"):
                event = self._event(root, change, item, units)
                events += [event] if event is not None else []
        return SystemStatement(tuple(events), tuple(left_out))

    def _event(self, root: Element, change: Element, item: Element, units: Mapping[str, str]) -> DocumentEvent | None:
        """None: its bill of material is not changed."""
        number, assembly = _needed(change, "changeNumber", "Change"), _needed(item, "itemIdentifier", "AffectedItem")
        where = f"Change {number} / AffectedItem {assembly}"
        markups = list(_below(item, "BillOfMaterialMarkups", "BillOfMaterialMarkup"))
        lines = [
            line for place, each in enumerate(markups, 1) for line in self._lines(each, units, f"{where} / {place}")
        ]
        if not lines:
            return None
        site = item.get("manufacturingSite", "").strip()
        plant = code_of("plants", site, self._mapping) if site else self._plant
        if not plant:
            step = "add options.plant to the system, or have the manufacturingSite given, and replay"
            raise unreadable(where, "it names no manufacturingSite", step)
        zone, package = self._zone_of(plant), _needed(root, "thisDocumentIdentifier", local(root))
        stamp = change.get("changeStatusDate", "").strip() or _needed(
            root, "thisDocumentModificationDateTime", local(root)
        )
        data: dict[str, Any] = {
            "plant": plant,
            "assembly": code_of("items", assembly, self._mapping),
            "revision": _needed(item, "newRevision", where),
            "effective_from": day_of(
                _needed(item, "effectiveDate", where), f"{where}, effectiveDate", zone
            ).isoformat(),
            "lines": lines,
        }
        time = moment_of(stamp, f"{where}, changeStatusDate", zone).isoformat()
        return DocumentEvent(BOM_REVISED, event_id(f"{package}/{number}/{assembly}/{site}"), time, data)

    def _lines(self, markup: Element, units: Mapping[str, str], where: str) -> Iterator[dict[str, str]]:
        kind = markup.get("globalMarkupTypeCode", "")
        if kind == "NoChange":
            return
        old, new = (self._row(markup, name, units, where) for name in ("Old", "New"))
        match kind, old, new:
            case "Delete", dict(), None:
                yield {**old, "change": "removed"}
            case "Add", None, dict():
                yield {**new, "change": "added"}
            case "Modify", dict(), dict() if old["component"] != new["component"]:
                yield {**old, "change": "removed"}
                yield {**new, "change": "added", "replaces": old["component"]}
            case "Modify", dict(), dict() if old["unit"] == new["unit"]:
                if old["quantity"] != new["quantity"]:
                    yield {**new, "change": "changed", "quantity_before": old["quantity"]}
            case _:
                raise unreadable(where, f"{kind[:20]!r} with {_rows_in_words(old, new)} can't be understood")

    def _row(self, markup: Element, which: str, units: Mapping[str, str], where: str) -> dict[str, str] | None:
        found = list(_below(markup, f"BillOfMaterialMarkupRow{which}", "BillOfMaterialItem"))
        if not found:
            return None
        row, component = found[0], _needed(found[0], "billOfMaterialItemIdentifier", where)
        if row.get("globalProductQuantityTypeCode", "") not in _PER_ASSEMBLY:
            raise unreadable(f"{where}, {component}", "its quantity is not one per assembly")
        quantity = quantity_of(_needed(row, "itemQuantity", where), f"{where}, {component}, itemQuantity")
        unit = units.get(component) or units.get(row.get("billOfMaterialItemUniqueIdentifier", "")) or self._unit
        if not unit:
            step = "have the item sent along with its unit, or add options.unit to the system, and replay"
            raise unreadable(f"{where}, {component}", "nobody says its unit of measure", step)
        ours = code_of("items", component, self._mapping)
        return {"component": ours, "quantity": f"{quantity.normalize() + 0:f}", "unit": unit}

    def _units(self, root: Element) -> dict[str, str]:
        """The units of the items that the package brings along, by identifier and by its own id."""
        units: dict[str, str] = {}
        for item in _below(root, "Items", "Item"):
            code = item.get("globalProductUnitOfMeasureCode", "").strip()
            if code:
                name = item.get("itemIdentifier", "").strip()
                unit = unit_of(code, f"Item {name[:60]}, globalProductUnitOfMeasureCode", self._mapping)
                units |= {name: unit, item.get("itemUniqueIdentifier", ""): unit}
        units.pop("", None)
        return units


class PdxPlm:
    """Implements adapters.dialects.DocumentDialect."""

    def connect(self, connection: Connection) -> DocumentSystem:
        """One PLM system. Raises OptionError."""
        options = connection.own_options(OPTIONS)
        if options.get("unit") and known_unit(options["unit"]) is None:
            raise OptionError("unit", options["unit"], OPTIONS["unit"])
        reader = PdxReader(checked_mapping(connection, TABLES), options, zone_of(connection))
        return DocumentSystem(reader, DocumentCheck(connection))


def _below(element: Element, group: str, name: str) -> Iterator[Element]:
    for each in children(element, group):
        yield from children(each, name)


def _status(change: Element) -> str:
    status = change.get("globalEngineeringChangeStatusCode", "").strip()
    return change.get("globalEngineeringChangeStatusCodeOther", "").strip() if status == "Other" else status


def _needed(element: Element, name: str, where: str) -> str:
    text = element.get(name, "").strip()
    if not text:
        raise unreadable(where, f"it has no {name}")
    return text


def _rows_in_words(old: object, new: object) -> str:
    there = [name for name, row in (("old", old), ("new", new)) if row is not None]
    return f"{' and '.join(there) or 'no'} row"


DIALECT: DocumentDialect = PdxPlm()
