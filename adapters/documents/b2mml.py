"""The dialect `b2mml`: what an MES has consumed, as B2MML (ISA-95, MESA) says it, in V0401 as in V0700.

Read are the material actuals of production, operations and work performance. Decided here: what a material use means is
said by the mapping alone (`uses`): `unplanned` use lowers the stock that is available to promise; `planned` use does
not, since the plan that made the order has netted it already; `none` is no use. A document is read whole or not at
all. An actual is known by its own ID, where the schema has one; else by its place in the document, which is known by
its BODID, or by sender and moment of creation. What is wrong is named by the path of IDs that lead to it. Pure: no I/O.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from adapters.dialects import Connection, DocumentDialect, DocumentSystem
from adapters.documents.setup import DocumentCheck, checked_mapping, one_of, zone_of
from adapters.documents.values import Mapped, ZoneOf, code_of, event_id, moment_of, quantity_of, unit_of, unreadable
from adapters.documents.xml import children, local, parsed, text_of
from adapters.ports import DocumentEvent, SystemStatement
from canonical.event_data import CONSUMPTION_REPORTED

OPTIONS = {"plant": "the plant of documents that name none of mapping.plants"}
TABLES = {
    "plants": "their sites or other equipment, each with our plant",
    "items": "their material definitions, each with our item, where they differ",
    "units": "their units of measure, each with a UN/ECE code",
    "uses": "material uses (also an OtherValue), each unplanned, planned or none",
}
USES = ("unplanned", "planned", "none")
_PRODUCED = frozenset({"Produced", "Material Produced", "By-product Produced", "Co-product Produced", "Yield Produced"})
_DOCUMENTS = ("ProductionPerformance", "OperationsPerformance", "WorkPerformance")
_VERBS = ("", "Sync", "Process", "Notify")
_TIMES = ("ActualEndTime", "EndTime", "PublishedDate")


class _Actual(NamedTuple):
    """A material actual, with all elements that lead to it, the outermost first."""

    element: Element
    path: tuple[Element, ...]
    number: int
    """Its place in the document, from 1."""

    @property
    def where(self) -> str:
        """The IDs on the way to it, in words."""
        named = (f"{local(each)} {text_of(next(iter(children(each, 'ID')), None))}" for each in self.path[1:])
        return " / ".join([*(each for each in named if not each.endswith(" ")), f"MaterialActual {self.number}"])


class B2mmlReader:
    """Implements adapters.ports.DocumentReader."""

    def __init__(self, mapping: Mapped, plant: str, zone_of: ZoneOf) -> None:
        self._mapping, self._plant, self._zone_of = mapping, plant, zone_of

    def read(self, body: bytes, content_type: str) -> SystemStatement:
        """The unplanned uses that the document tells of. Raises UnreadableMessage."""
        root = parsed(body)
        self._require_known(root)
        document = _document_id(root, body)
        events, left_out = [], []
        for actual in _actuals(root):
            use = self._use(actual)
            if use == "unplanned" and (event := self._event(actual, root, document)) is not None:
                events.append(event)
            else:
                why = "its use is planned, and netted" if use == "planned" else "nothing was used"
                left_out.append(f"{actual.where}: {why}")
        return SystemStatement(tuple(events), tuple(left_out))

    def _require_known(self, root: Element) -> None:
        name = local(root)
        for document in _DOCUMENTS:
            if name.endswith(document):
                if (verb := name.removesuffix(document)) in _VERBS:
                    return
                raise unreadable(name, f"{verb} takes back or asks for something, which is not read")
        raise unreadable(name, f"this is none of {', '.join(_DOCUMENTS)}")

    def _use(self, actual: _Actual) -> str:
        element = next(iter(children(actual.element, "MaterialUse")), None)
        use = text_of(element)
        if element is not None and use == "Other":
            use = element.get("OtherValue", "") or use
        known = self._mapping.get("uses", {}).get(use)
        if known is None and use in _PRODUCED:
            return "none"
        if known is None:
            raise unreadable(
                f"{actual.where}, MaterialUse",
                f"{use[:60]!r} is not in the system's mapping.uses" if use else "no use is given",
                "say in mapping.uses whether it is unplanned, planned or none, and replay",
            )
        return known

    def _event(self, actual: _Actual, root: Element, document: str) -> DocumentEvent | None:
        """None: the quantity is 0."""
        plant = self._plant_of(actual)
        definition = self._only(actual, "MaterialDefinitionID")
        quantity = self._only_element(actual, "Quantity")
        text = text_of(next(iter(children(quantity, "QuantityString")), None))
        number = quantity_of(text, f"{actual.where}, QuantityString")
        if number == 0:
            return None
        code = text_of(next(iter(children(quantity, "UnitOfMeasure")), None))
        own = text_of(next(iter(children(actual.element, "ID")), None))
        named = (text_of(next(iter(children(each, "ID")), None)) for each in actual.path[1:])
        response = "/".join(filter(None, named))
        return DocumentEvent(
            type=CONSUMPTION_REPORTED,
            id=event_id(f"{response}/{own}" if own else f"{document}/{actual.number}"),
            time=self._time(actual, root, plant),
            data={
                "plant": plant,
                "item": code_of("items", definition, self._mapping),
                "quantity": f"{number:f}",
                "unit": unit_of(code, f"{actual.where}, UnitOfMeasure", self._mapping),
                "reason": actual.where[:200],
            },
        )

    def _plant_of(self, actual: _Actual) -> str:
        """By the innermost place that the mapping names; else the system's own."""
        plants = self._mapping.get("plants", {})
        for each in (actual.element, *reversed(actual.path)):
            for place in _places(each):
                if place in plants:
                    return plants[place]
        if not self._plant:
            step = "add the site to mapping.plants, or options.plant to the system, and replay"
            raise unreadable(actual.where, "it names no place that mapping.plants knows", step)
        return self._plant

    def _time(self, actual: _Actual, root: Element, plant: str) -> str:
        """When the innermost step that says so ended; else when the document was made."""
        zone = self._zone_of(plant)
        for each in (actual.element, *reversed(actual.path)):
            for name in _TIMES:
                if text := text_of(next(iter(children(each, name)), None)):
                    return moment_of(text, f"{actual.where}, {name}", zone).isoformat()
        created = next((each for each in root.iter() if local(each) == "CreationDateTime"), None)
        if not text_of(created):
            raise unreadable(actual.where, "neither a step nor the document says when it was")
        return moment_of(text_of(created), "CreationDateTime", zone).isoformat()

    def _only(self, actual: _Actual, name: str) -> str:
        text = text_of(self._only_element(actual, name))
        if not text:
            raise unreadable(f"{actual.where}, {name}", "it is empty")
        return text

    def _only_element(self, actual: _Actual, name: str) -> Element:
        found = children(actual.element, name)
        if len(found) != 1:
            raise unreadable(f"{actual.where}, {name}", f"there are {len(found)}, and exactly one is needed")
        return found[0]


class B2mmlMes:
    """Implements adapters.dialects.DocumentDialect."""

    def connect(self, connection: Connection) -> DocumentSystem:
        """One MES. Raises OptionError."""
        options = connection.own_options(OPTIONS)
        mapping = checked_mapping(connection, TABLES)
        one_of(mapping, "uses", USES)
        reader = B2mmlReader(mapping, options.get("plant", ""), zone_of(connection))
        return DocumentSystem(reader, DocumentCheck(connection))


def _actuals(root: Element) -> Iterator[_Actual]:
    """All material actuals but those of an assembly, which are parts of one."""
    number = 0
    waiting: list[tuple[Element, tuple[Element, ...]]] = [(root, ())]
    while waiting:
        element, path = waiting.pop()
        if local(element) in ("MaterialActual", "OpMaterialActual"):
            number += 1
            yield _Actual(element, path, number)
            continue
        waiting.extend((child, (*path, element)) for child in reversed(element))


def _places(element: Element) -> Iterator[str]:
    """The equipment that an element names as its place, the innermost first."""
    names: list[str] = []
    for scope in element:
        if local(scope) in ("HierarchyScope", "Location", "StorageLocation"):
            names += [text_of(each) for each in scope.iter() if local(each) in ("EquipmentID", "ID")]
    yield from reversed([name for name in names if name])


def _document_id(root: Element, body: bytes) -> str:
    found = {local(each): text_of(each) for each in root.iter() if local(each) in ("BODID", "LogicalID")}
    created = next((text_of(each) for each in root.iter() if local(each) == "CreationDateTime"), "")
    if bodid := found.get("BODID"):
        return bodid
    responses = (text_of(child) for each in root.iter() if local(each).endswith("Response") for child in _ids(each))
    if created:
        return "/".join(filter(None, [found.get("LogicalID", ""), created, next(responses, "")]))
    return hashlib.sha256(body).hexdigest()


def _ids(element: Element) -> Sequence[Element]:
    return children(element, "ID")


DIALECT: DocumentDialect = B2mmlMes()
