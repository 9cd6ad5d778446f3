"""Supplier confirmations, as SAP's own OData V4 service has them: Confirmation, ConfirmationItem, ConfirmationLine.

Source: the fields and calls of clients that were generated from the service's metadata, which are not public. They are
kept beside the order: its requested schedule stays, and nothing checks that they exceed it. An item without a control
key takes none. Every entity has a tag; a change must name it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

from simulators.erp.books import Books
from simulators.erp.errors import SapError, malformed, not_found, refuse
from simulators.erp.service import Answer, Call
from simulators.erp.v4 import Number, dump, refused

_HEAD = ("SuplrConfRefPurchaseOrder", "SuplrConfExternalReference")
_ITEM = (
    "SuplrConfRefPurchaseOrder",
    "SuplrConfRefPurchaseOrderItem",
    "SuplrConfItemExternalReference",
    "ItemIsRejectedBySupplier",
)
_LINE = (
    "DeliveryDate",
    "DeliveryTime",
    "ConfirmedQuantity",
    "PurchaseOrderQuantityUnit",
    "SupplierConfirmationExtNumber",
)
_ITEMS, _LINES, _PARENT = "_SupplierConfirmationItemTP", "_SupplierConfirmationLineTP", "_SupplierConfirmationTP"
_BY_ORDER = re.compile(r"^SuplrConfRefPurchaseOrder eq '(\d+)'$")

Row = dict[str, Any]


class Confirmations:
    """The service; confirmations are kept in the books by number: the head, with items, with lines."""

    def __init__(self, books: Books) -> None:
        self._books = books

    @property
    def _held(self) -> dict[str, Row]:
        return self._books.confirmations

    def answer(self, call: Call) -> Answer:
        """Carry out a request that stands alone."""
        if call.method in ("GET", "HEAD"):
            try:
                return self._read(call)
            except SapError as error:
                return refused(error)
        return self.changeset([call])[0]

    def changeset(self, calls: list[Call]) -> list[Answer]:
        """Carry out writes, all or none; where one fails there is a single answer, its error."""
        before = json.dumps(self._held, default=str)
        try:
            answers = [self._write(call) for call in calls]
        except SapError as error:
            self._held.clear()
            self._held.update(json.loads(before))
            return [refused(error)]
        for call in calls:
            self._books.log.record(
                method=call.method,
                path=call.target,
                headers=call.headers,
                summary="supplier confirmation",
                document="",
                line=None,
            )
        return answers

    def _read(self, call: Call) -> Answer:
        path, options = _split(call)
        if not path:
            return _answer(200, {"value": [{"name": name} for name in ("Confirmation", "ConfirmationItem")]})
        segments = path.split("/")
        match segments:
            case ["$metadata"]:
                return Answer(200, _edmx(), {"content-type": "application/xml"})
            case ["ConfirmationItem"]:
                found = self._of_order(options.get("$filter", ""))
                shown = [_shown_item(head, item) for head, item in found]
                return _answer(200, {"@odata.context": "$metadata#ConfirmationItem", "value": shown})
            case ["Confirmation"]:
                heads = [_shown(head, _HEAD) for head in self._held.values()]
                return _answer(200, {"@odata.context": "$metadata#Confirmation", "value": heads})
            case _:
                raise not_found(segments[0], path)

    def _of_order(self, text: str) -> Iterable[tuple[Row, Row]]:
        found = _BY_ORDER.match(text)
        if text and not found:
            raise malformed(f"the filter {text} is not simulated")
        for head in self._held.values():
            if found is None or head["SuplrConfRefPurchaseOrder"] == found[1]:
                yield from ((head, item) for item in head[_ITEMS])

    def _write(self, call: Call) -> Answer:
        path, _ = _split(call)
        body = json.loads(call.body, parse_float=Decimal) if call.body else {}
        match call.method, path.split("/"):
            case "POST", ["Confirmation"]:
                return _answer(201, self._create(body))
            case "POST", ["Confirmation", number, nav] if nav == _ITEMS:
                head = self._head(number)
                return _answer(201, _shown_item(head, self._add_item(head, body)))
            case "POST", ["ConfirmationItem", number, item, nav] if nav == _LINES:
                head, held = self._item(number, item)
                return _answer(201, _shown(self._add_line(head, held, body), _LINE))
            case "PATCH", ["ConfirmationItem", number, item]:
                _, held = self._item(number, item)
                _insist_on_tag(call, held)
                held.update(_checked(body, _ITEM, held))
            case "PATCH", ["ConfirmationLine", number, item, line]:
                _, held = self._item(number, item)
                found = _line(held, line)
                _insist_on_tag(call, found)
                found.update(_checked(body, _LINE, found))
            case "DELETE", ["ConfirmationLine", number, item, line]:
                _, held = self._item(number, item)
                _insist_on_tag(call, _line(held, line))
                held[_LINES] = [one for one in held[_LINES] if one["SupplierConfirmationLine"] != line]
            case method, _:
                raise malformed(f"{method} is not allowed for {path}", status=405)
        return Answer(204, None, {"odata-version": "4.0"})

    def _create(self, body: Row) -> Row:
        number = str(10_000 + len(self._held) + 1)
        head: Row = {"SupplierConfirmation": number, _ITEMS: []}
        head |= _checked({name: value for name, value in body.items() if name != _ITEMS}, _HEAD, {})
        head.setdefault("SuplrConfExternalReference", "")
        if head.get("SuplrConfRefPurchaseOrder") not in self._books.documents["order"]:
            raise refuse("MMPUR_SUPLRCONF/001", "The purchase order does not exist")
        for item in body.get(_ITEMS, []):
            self._add_item(head, item)
        self._held[number] = head
        return _shown(head, _HEAD)

    def _add_item(self, head: Row, body: Row) -> Row:
        item: Row = {
            "SupplierConfirmation": head["SupplierConfirmation"],
            "SupplierConfirmationItem": str(len(head[_ITEMS]) + 1),
            "SuplrConfRefPurchaseOrder": head["SuplrConfRefPurchaseOrder"],
            "ItemIsRejectedBySupplier": False,
            _LINES: [],
        }
        item |= _checked({name: value for name, value in body.items() if name != _LINES}, _ITEM, {})
        order = self._books.documents["order"][head["SuplrConfRefPurchaseOrder"]]
        ordered = order.items.get(int(item["SuplrConfRefPurchaseOrderItem"]))
        if ordered is None or ordered.row["PurchasingDocumentDeletionCode"]:
            raise refuse("MMPUR_SUPLRCONF/002", f"Item {item['SuplrConfRefPurchaseOrderItem']} is not there any more")
        for line in body.get(_LINES, []):
            self._add_line(head, item, line)
        head[_ITEMS].append(item)
        return item

    def _add_line(self, head: Row, item: Row, body: Row) -> Row:
        order = self._books.documents["order"][head["SuplrConfRefPurchaseOrder"]]
        unit = order.items[int(item["SuplrConfRefPurchaseOrderItem"])].row["PurchaseOrderQuantityUnit"]
        highest = max((int(one["SupplierConfirmationLine"]) for one in item[_LINES]), default=0)
        line: Row = {
            "SupplierConfirmation": head["SupplierConfirmation"],
            "SupplierConfirmationItem": item["SupplierConfirmationItem"],
            "SupplierConfirmationLine": str(highest + 1),
        }
        line |= _checked(body, _LINE, {})
        if line.get("PurchaseOrderQuantityUnit") != unit:
            raise refuse("MMPUR_SUPLRCONF/003", f"The order unit is {unit}")
        item[_LINES].append(line)
        return line

    def _head(self, number: str) -> Row:
        if number not in self._held:
            raise not_found("Confirmation", number)
        return self._held[number]

    def _item(self, number: str, item: str) -> tuple[Row, Row]:
        head = self._head(number)
        for one in head[_ITEMS]:
            if one["SupplierConfirmationItem"] == item:
                return head, one
        raise not_found("ConfirmationItem", f"{number}/{item}")


def _line(item: Row, number: str) -> Row:
    for one in item[_LINES]:
        if one["SupplierConfirmationLine"] == number:
            found: Row = one
            return found
    raise not_found("ConfirmationLine", number)


def _checked(body: Row, allowed: Iterable[str], held: Row) -> Row:
    strange = sorted(set(body) - set(allowed))
    if strange:
        raise malformed(f"Property '{strange[0]}' does not exist")
    row = {**body}
    if "ConfirmedQuantity" in row:
        quantity = row["ConfirmedQuantity"]
        if isinstance(quantity, bool) or not isinstance(quantity, int | Decimal) or quantity <= 0:
            raise malformed(f"Property 'ConfirmedQuantity' has the invalid value {quantity!r}")
        row["ConfirmedQuantity"] = f"{Decimal(quantity).normalize():f}"
    return row


def _insist_on_tag(call: Call, row: Row) -> None:
    given = call.headers.get("if-match", "")
    if not given:
        raise refuse("/IWBEP/CM_V4_COS/110", "Header If-Match is required", status=428)
    if given not in ("*", _tag(row)):
        raise refuse("/IWBEP/CM_V4_COS/111", "The entity was changed meanwhile", status=412)


def _tag(row: Row) -> str:
    own = {name: value for name, value in row.items() if not name.startswith("_")}
    return f'W/"{hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]}"'


def _shown(row: Row, fields: Iterable[str]) -> Row:
    keys = ("SupplierConfirmation", "SupplierConfirmationItem", "SupplierConfirmationLine")
    own = {name: row[name] for name in (*keys, *fields) if name in row}
    if "ConfirmedQuantity" in own:
        own["ConfirmedQuantity"] = Number(own["ConfirmedQuantity"])
    return {"@odata.etag": _tag(row), **own, "SAP__Messages": []}


def _shown_item(head: Row, item: Row) -> Row:
    lines = [_shown(line, _LINE) for line in item[_LINES]]
    return {**_shown(item, _ITEM), _LINES: lines, _PARENT: _shown(head, _HEAD)}


def _split(call: Call) -> tuple[str, Mapping[str, str]]:
    path, _, query = call.target.partition("?")
    return unquote(path.strip("/")), dict(parse_qsl(query, keep_blank_values=True))


def _answer(status: int, body: Row) -> Answer:
    return Answer(status, dump(body).encode(), {"content-type": "application/json", "odata-version": "4.0"})


def _edmx() -> bytes:
    key = "SupplierConfirmation"
    sets = {
        "Confirmation": (key, *_HEAD, _ITEMS),
        "ConfirmationItem": (key, f"{key}Item", *_ITEM, _LINES, _PARENT),
        "ConfirmationLine": (key, f"{key}Item", f"{key}Line", *_LINE),
    }
    types = "".join(
        f'<EntityType Name="{name}">' + "".join(f'<Property Name="{one}"/>' for one in fields) + "</EntityType>"
        for name, fields in sets.items()
    )
    names = "".join(f'<EntitySet Name="{name}" EntityType="self.{name}"/>' for name in sets)
    return (
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="self" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}'
        f'<EntityContainer Name="Container">{names}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    ).encode()
