"""The dialect `mapped`: documents of an MES, a WMS or a PLM system whose form the landscape's mapping describes.

A document is JSON or XML (names without namespace, attributes as `@name`). `mapping.document` says how it is taken
apart, `mapping.types` which of its types is what here, and a table for each of these where its fields stand: a path
such as `header.number` from the row on, `/header.number` from the document on, or `=1710`, which is always the same.
Decided here: that a document is read whole or not at all; that rows are known by the document's id and their own or
their place; and that what is reserved or blocked lowers the stock figure, since what Pegline counts is available to
promise. Not decided here: what Pegline does with it. Pure: no I/O.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from adapters.dialects import Connection, DocumentDialect, DocumentSystem, OptionError
from adapters.documents.setup import DocumentCheck, checked_mapping, one_of, zone_of
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
from adapters.documents.xml import local, parsed, text_of
from adapters.errors import UnreadableMessage
from adapters.ports import DocumentEvent, SystemStatement
from canonical.event_data import BOM_REVISED, CONSUMPTION_REPORTED, GOODS_RECEIVED, STOCK_CHANGED


class Fields(NamedTuple):
    """The fields of a table of the mapping."""

    needed: frozenset[str]
    others: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.needed | self.others


KINDS: Mapping[str, tuple[str, Fields]] = {
    "receipt": (
        GOODS_RECEIVED,
        Fields(
            frozenset({"order", "line", "quantity", "unit", "date", "receipt_number"}),
            frozenset({"reverses", "final", "plant", "time"}),
        ),
    ),
    "stock": (
        STOCK_CHANGED,
        Fields(
            frozenset({"plant", "item", "unit", "quantity"}),
            frozenset({"reserved", "blocked", "reason", "sequence", "time"}),
        ),
    ),
    "consumption": (
        CONSUMPTION_REPORTED,
        Fields(frozenset({"plant", "item", "quantity", "unit"}), frozenset({"reason", "time"})),
    ),
    "bom": (
        BOM_REVISED,
        Fields(
            frozenset({"plant", "assembly", "revision", "effective_from"}),
            frozenset({"supersedes", "source_revision", "time"}),
        ),
    ),
}
"""What a document can be: the event that it becomes, and its fields."""
_BOM_LINE = Fields(frozenset({"component", "quantity", "unit", "change"}), frozenset({"replaces", "quantity_before"}))
_DOCUMENT = Fields(frozenset({"id"}), frozenset({"type", "time", "rows", "row_id"}))
_CHANGES = ("added", "removed", "changed")
_NONE = "none"
TABLES = {
    "document": "where its id, type, time, rows and row_id stand",
    "types": f"their types (* where they name none), each {', '.join(KINDS)} or none",
    "receipt": "fields of a goods receipt",
    "stock": "fields of a stock figure: quantity, less reserved and blocked where these are given",
    "consumption": "fields of an unplanned use",
    "bom": "fields of a bill of material's revision, from the document on",
    "bom_line": "fields of its rows",
    "plants": "their plants or sites, each with ours",
    "items": "their items, each with ours, where they differ",
    "units": "their units of measure, each with a UN/ECE code",
    "changes": "what their revision does to a component, each added, removed or changed",
}
_CODES = {"plant": "plants", "item": "items", "assembly": "items", "component": "items", "replaces": "items"}
_ROWS_MAX = 1_000


class _Row(NamedTuple):
    """A row of a document, which may be all of it."""

    value: Any
    whole: Any
    where: str

    def text(self, path: str) -> str:
        """What stands there; empty where nothing does. Raises UnreadableMessage where it is no single value."""
        if path.startswith("="):
            return path[1:]
        found = _at(self.whole if path.startswith("/") else self.value, path.removeprefix("/"))
        if isinstance(found, dict) and set(found) > {"#text"}:
            found = found["#text"]  # an element of text with attributes
        if isinstance(found, dict | list):
            raise unreadable(f"{self.where}{path}", "there is no single value")
        return _text(found).strip()


class MappedReader:
    """Implements adapters.ports.DocumentReader."""

    def __init__(self, mapping: Mapped, zone_of: ZoneOf) -> None:
        self._mapping, self._zone_of = mapping, zone_of

    def read(self, body: bytes, content_type: str) -> SystemStatement:
        """What the document says. Raises UnreadableMessage."""
        whole = _taken_apart(body)
        document, described = _Row(whole, whole, ""), self._mapping["document"]
        identity = document.text(described["id"])
        if not identity:
            raise unreadable(described["id"], "the document has no id")
        kind = self._kind(document)
        if kind == _NONE:
            return SystemStatement((), ("documents of this type are not used",))
        rows = list(self._rows(document, described.get("rows", "")))
        if kind == "bom":
            return SystemStatement((self._bom(document, rows, identity),))
        return SystemStatement(tuple(self._event(kind, row, identity, len(rows)) for row in rows))

    def _kind(self, document: _Row) -> str:
        path = self._mapping["document"].get("type", "")
        theirs = (document.text(path) if path else "") or "*"
        kind = self._mapping["types"].get(theirs)
        if kind is None:
            step = f"say in mapping.types what it is: {', '.join(KINDS)} or none; and replay"
            raise unreadable(path or "type", f"{theirs[:60]!r} is not in the system's mapping.types", step)
        return kind

    def _rows(self, document: _Row, path: str) -> Iterator[_Row]:
        found = _at(document.whole, path.removeprefix("/")) if path else document.whole
        rows = found if isinstance(found, list) else [found]
        if found is None or not 0 < len(rows) <= _ROWS_MAX:
            raise unreadable(path, f"there are {0 if found is None else len(rows)} rows; 1 to {_ROWS_MAX} are read")
        for number, row in enumerate(rows):
            yield _Row(row, document.whole, f"{path}[{number}]." if path else "")

    def _event(self, kind: str, row: _Row, identity: str, rows: int) -> DocumentEvent:
        name, _ = KINDS[kind]
        data: dict[str, Any] = self._texts(kind, row)
        zone = self._zone_of(data.get("plant", ""))
        time = self._time(kind, row, zone)
        if kind == "stock":
            self._available(data, row)
        if kind == "receipt":
            data["date"] = day_of(data["date"], f"{row.where}date", zone).isoformat()
            data.pop("plant", None)
            if "final" in data:
                data["final"] = _truth(data["final"], f"{row.where}final")
        return DocumentEvent(name, self._id(row, identity, rows), time, data)

    def _available(self, data: dict[str, Any], row: _Row) -> None:
        """What is reserved or blocked is not available; what is said for people says so."""
        taken = [
            (name, quantity_of(data.pop(name), f"{row.where}{name}"))
            for name in ("reserved", "blocked")
            if name in data
        ]
        if any(quantity < 0 for _, quantity in taken):
            raise unreadable(row.where or "document", "less than nothing is reserved or blocked")
        left = Decimal(data["quantity"]) - sum((quantity for _, quantity in taken), Decimal(0))
        if taken and not data.get("reason"):
            data["reason"] = ", ".join([f"on hand {data['quantity']}", *(f"{name} {each:f}" for name, each in taken)])
        data["quantity"] = f"{left:f}"

    def _bom(self, document: _Row, rows: list[_Row], identity: str) -> DocumentEvent:
        data: dict[str, Any] = self._texts("bom", document)
        zone = self._zone_of(data["plant"])
        data["effective_from"] = day_of(data["effective_from"], "effective_from", zone).isoformat()
        lines = [self._texts("bom_line", row) for row in rows]
        for row, line in zip(rows, lines, strict=True):
            change = self._mapping.get("changes", {}).get(line["change"], line["change"])
            if change not in _CHANGES:
                step = f"say in mapping.changes whether it is {', '.join(_CHANGES)}; and replay"
                raise unreadable(f"{row.where}change", f"{change[:40]!r} is no change that is known", step)
            line["change"] = change
        return DocumentEvent(
            BOM_REVISED, event_id(identity), self._time("bom", document, zone), {**data, "lines": lines}
        )

    def _texts(self, table: str, row: _Row) -> dict[str, str]:
        """The fields of a row by our names, with our codes; those that are not there are left out."""
        fields = _BOM_LINE if table == "bom_line" else KINDS[table][1]
        found: dict[str, str] = {}
        for name, path in self._mapping[table].items():
            if name == "time":
                continue
            where = f"{row.where}{path.removeprefix('/')}"
            text = row.text(path)
            if not text and name in fields.needed and name != "unit":
                raise unreadable(where, f"{name} is missing")
            if not text and name != "unit":
                continue
            if name == "unit":
                text = unit_of(text, where, self._mapping)
            elif name in ("quantity", "quantity_before"):
                text = f"{quantity_of(text, where):f}"
            elif name in _CODES:
                text = code_of(_CODES[name], text, self._mapping)
            found[name] = text
        return found

    def _time(self, table: str, row: _Row, zone: dt.tzinfo | None) -> str | None:
        path = self._mapping[table].get("time") or self._mapping["document"].get("time", "")
        own = path == self._mapping[table].get("time")
        text = (row if own else _Row(row.whole, row.whole, "")).text(path) if path else ""
        return moment_of(text, path, zone).isoformat() if text else None

    def _id(self, row: _Row, identity: str, rows: int) -> str:
        path = self._mapping["document"].get("row_id", "")
        own = row.text(path) if path else ""
        if own or rows > 1 or row.where:
            place = row.where.partition("[")[2].partition("]")[0]
            return event_id(f"{identity}/{own or int(place or 0) + 1}")
        return event_id(identity)


class MappedSystem:
    """Implements adapters.dialects.DocumentDialect."""

    def connect(self, connection: Connection) -> DocumentSystem:
        """One system. Raises OptionError."""
        connection.own_options({})
        mapping = checked_mapping(connection, TABLES)
        for table in ("document", "types"):
            if not mapping.get(table):
                raise OptionError(f"mapping.{table}", "", f"is needed: {TABLES[table]}")
        _require_fields("document", mapping["document"], _DOCUMENT)
        one_of(mapping, "types", (*KINDS, _NONE))
        one_of(mapping, "changes", _CHANGES)
        for kind in sorted(set(mapping["types"].values()) - {_NONE}):
            _require_fields(kind, mapping.get(kind, {}), KINDS[kind][1])
            if kind == "bom":
                _require_fields("bom_line", mapping.get("bom_line", {}), _BOM_LINE)
        return DocumentSystem(MappedReader(mapping, zone_of(connection)), DocumentCheck(connection))


def _require_fields(table: str, written: Mapping[str, str], fields: Fields) -> None:
    """Raises OptionError for a field that there is not, or one that is needed and not there."""
    for name, path in written.items():
        if name not in fields.all:
            known = f"there is no such field; there are {', '.join(sorted(fields.all))}"
            raise OptionError(f"mapping.{table}.{name}", path, known)
        if not path or path.startswith("/ "):
            raise OptionError(f"mapping.{table}.{name}", path, "must be a path such as header.number, or =1710")
    if absent := sorted(fields.needed - written.keys()):
        raise OptionError(f"mapping.{table}.{absent[0]}", "", f"is needed: {TABLES[table]}")


def _taken_apart(body: bytes) -> Any:
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        root = parsed(body)
        return {local(root): _of_element(root), **_children(root)}
    try:
        found = json.loads(
            text.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_each_once
        )
    except (ValueError, RecursionError) as error:
        raise _malformed(str(error)) from None
    if not isinstance(found, dict):
        raise _malformed("a document is one JSON object")
    return found


def _of_element(element: Element) -> Any:
    """An element as JSON would have it: its text, or its attributes and children by name."""
    named = _children(element)
    if not named:
        return text_of(element)
    return {**named, **({"#text": text_of(element)} if text_of(element) else {})}


def _children(element: Element) -> dict[str, Any]:
    found: dict[str, Any] = {f"@{name.rpartition('}')[2]}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = local(child), _of_element(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _at(value: Any, path: str) -> Any:
    """What stands at a path; None: nothing does."""
    for step in path.split("."):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}" if -40 < value.adjusted() < 40 else str(value)
    return str(value)


def _truth(text: str, where: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise unreadable(where, f"{text[:20]!r} is neither true nor false")
    return text in ("true", "1")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return found


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _malformed(why: str) -> UnreadableMessage:
    return UnreadableMessage("malformed_document", f"it is neither XML nor JSON: {why}"[:300], "have it sent again")


DIALECT: DocumentDialect = MappedSystem()
