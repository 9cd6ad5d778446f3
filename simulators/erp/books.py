"""The ERP's books: requisitions, orders, goods receipts, locks; and the unit of work that changes them all or not.

Decided here: how documents are held, found, rolled back, counted. Not decided here: which change is allowed.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from simulators.erp.errors import refuse
from simulators.erp.fields import EntitySet
from simulators.erp.master import MasterData, MasterDataLoad
from simulators.erp.tables import SETS
from simulators.erp.wire import Row, blank, document_number, show_value
from simulators.faults import Clock, WriteLog
from simulators.keeping import Shelf

DocumentKind = Literal["requisition", "order"]

_HEADER = {"requisition": "A_PurchaseRequisitionHeader", "order": "A_PurchaseOrder"}
_ITEM = {"requisition": "A_PurchaseRequisitionItem", "order": "A_PurchaseOrderItem"}
_NUMBER = {"requisition": "PurchaseRequisition", "order": "PurchaseOrder"}


@dataclass
class Component:
    """What a subcontractor is given for a schedule line; None: the ratio is to be taken from the quantities."""

    row: Row
    per_unit: Fraction | None = None


@dataclass
class Item:
    """A line of a document; what follows `changed_by` is an order's."""

    row: Row
    writes: int = 0
    changed_by: str = ""
    """The user who changed it last."""
    delivered: Decimal = Decimal(0)
    schedule: dict[int, Row] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)


@dataclass
class Document:
    """A requisition or an order."""

    kind: DocumentKind
    number: str
    header: Row
    items: dict[int, Item] = field(default_factory=dict)
    writes: int = 0
    """OData writes to the header alone, its creation included."""
    changed_by: str = ""


@dataclass
class Lock:
    """Who holds a document, the status that others get, for how many of their writes (None: until it is released).

    `code` and `text`: what SAP says, where it is not that a user is processing the document.
    """

    user: str
    status: int
    times: int | None
    code: str = "ME/006"
    text: str = ""


@dataclass
class Receipt:
    """Goods posted against an order item."""

    receipt: str
    order: str
    item: int
    quantity: Decimal
    at: str


class Books:
    """Everything the ERP remembers."""

    def __init__(self, clock: Clock, log: WriteLog, shelf: Shelf | None = None) -> None:
        self.clock = clock
        self.shelf = shelf or Shelf()
        self.log = log
        self.master = MasterData()
        self.documents: dict[DocumentKind, dict[str, Document]] = {"requisition": {}, "order": {}}
        self.numbers: dict[DocumentKind, int] = {"requisition": 10_000_000, "order": 4_500_000_000}
        """The next of each range."""
        self.referring: dict[DocumentKind, dict[str, dict[str, None]]] = {"requisition": {}, "order": {}}
        """Document numbers by a reference that they bear or bore: where to look, in a system with many documents."""
        self.receipts: dict[str, Receipt] = {}
        self.locks: dict[str, Lock] = {}
        self.confirmations: dict[str, dict[str, Any]] = {}
        """What suppliers confirmed, as OData V4 keeps it (confirmations)."""
        self.released_by_people = False
        """Whether new orders, and changed ones, have to be released by a person."""
        self.edits: list[dict[str, Any]] = []
        """What people changed in orders, field by field."""
        self._keep()

    def _keep(self) -> None:
        shelf = self.shelf
        shelf.whole("master", lambda: self.master, lambda kept: setattr(self, "master", kept), only_touched=True)
        shelf.whole("numbers", lambda: self.numbers, self.numbers.update)
        shelf.whole("locks", lambda: self.locks, self.locks.update)
        shelf.whole("confirmations", lambda: self.confirmations, self.confirmations.update)
        for kind, documents in self.documents.items():
            shelf.entries(kind, documents)
            for number in documents:
                self.refer(kind, number)
        shelf.entries("receipts", self.receipts)
        shelf.entries("edits", self.edits)

    def load_master_data(self, load: MasterDataLoad) -> dict[str, int]:
        """Take master data over; how much there is of each kind."""
        self.shelf.touch("master")
        return self.master.load(load)

    def rows(self, entity_set: EntitySet, equal: Mapping[str, Any]) -> Iterable[Row]:
        """Return the rows of a set; where `equal` names a document, of that one only."""
        match entity_set.name:
            case "A_PurchaseRequisitionHeader":
                return [each.header for each in self._documents("requisition", equal.get("PurchaseRequisition"))]
            case "A_PurchaseRequisitionItem" if "PurReqnExternalReference" in equal:
                numbers = self.referring["requisition"].get(equal["PurReqnExternalReference"], ())
                return [row for number in numbers for row in self._items("requisition", number)]
            case "A_PurchaseRequisitionItem":
                return self._items("requisition", equal.get("PurchaseRequisition"))
            case "A_PurchaseOrder" if "CorrespncExternalReference" in equal:
                numbers = self.referring["order"].get(equal["CorrespncExternalReference"], ())
                return [each.header for number in numbers for each in self._documents("order", number)]
            case "A_PurchaseOrder":
                return [each.header for each in self._documents("order", equal.get("PurchaseOrder"))]
            case "A_PurchaseOrderItem":
                return self._items("order", equal.get("PurchaseOrder"))
            case "A_PurchaseOrderScheduleLine":
                documents = self._documents("order", equal.get("PurchasingDocument"))
                return [line for each in documents for item in each.items.values() for line in item.schedule.values()]
            case "A_MaterialDocumentItem":
                return self._material_documents(equal.get("PurchaseOrder"))
            case "A_POSubcontractingComponent":
                documents = self._documents("order", equal.get("PurchaseOrder"))
                return [one.row for each in documents for item in each.items.values() for one in item.components]
            case name:
                return self.master.find(name, equal)

    def _documents(self, kind: DocumentKind, number: str | None) -> Iterable[Document]:
        held = self.documents[kind]
        if number is None:
            return list(held.values())
        return [held[number]] if number in held else []

    def _items(self, kind: DocumentKind, number: str | None) -> list[Row]:
        return [item.row for document in self._documents(kind, number) for item in document.items.values()]

    def _material_documents(self, order: str | None) -> list[Row]:
        """Goods receipts as items of material documents: 101, or 102 where one was taken back."""
        fields = SETS["A_MaterialDocumentItem"]
        found = []
        for number, receipt in enumerate(self.receipts.values(), start=5_000_000_000):
            if order not in (None, document_number(receipt.order)):
                continue
            item = self.documents["order"][document_number(receipt.order)].items[receipt.item].row
            back = receipt.quantity < 0
            values = {
                "MaterialDocumentYear": receipt.at[:4],
                "MaterialDocument": str(number),
                "MaterialDocumentItem": 1,
                "Material": item["Material"],
                "Plant": item["Plant"],
                "StorageLocation": item["StorageLocation"],
                "GoodsMovementType": "102" if back else "101",
                "PurchaseOrder": item["PurchaseOrder"],
                "PurchaseOrderItem": item["PurchaseOrderItem"],
                "GoodsMovementRefDocType": "B",
                "MaterialBaseUnit": item["PurchaseOrderQuantityUnit"],
                "QuantityInBaseUnit": abs(receipt.quantity),
                "EntryUnit": item["PurchaseOrderQuantityUnit"],
                "QuantityInEntryUnit": abs(receipt.quantity),
                "DebitCreditCode": "H" if back else "S",
            }
            found.append(blank(fields) | values)
        return found

    def refer(self, kind: DocumentKind, number: str) -> None:
        """Let the document be found by the references that it bears now."""
        document = self.documents[kind].get(number)
        if document is None:
            return
        borne = [document.header["CorrespncExternalReference"]] if kind == "order" else []
        if kind == "requisition":
            borne = [item.row["PurReqnExternalReference"] for item in document.items.values()]
        for reference in borne:
            self.referring[kind].setdefault(reference, {})[number] = None

    def post_receipt(self, receipt: str, order: str, item_number: int, quantity: Decimal) -> Item:
        """Raise the delivered quantity, or lower it by what is taken back; repeats count once.

        Raises KeyError (unknown) or ValueError (deleted or blocked item).
        """
        item = self.documents["order"][document_number(order)].items[item_number]
        if item.row["PurchasingDocumentDeletionCode"]:
            raise ValueError(f"item {item_number} of order {order} is deleted or blocked")
        if receipt not in self.receipts:
            self.receipts[receipt] = Receipt(receipt, order, item_number, quantity, self.clock.now().isoformat())
            self.shelf.touch("order", document_number(order))
            item.delivered += quantity
            if item.delivered >= item.row["OrderQuantity"]:
                item.row["IsCompletelyDelivered"] = True
            elif quantity < 0:
                item.row["IsCompletelyDelivered"] = False
        return item

    def view(self) -> dict[str, Any]:
        """Return the whole books as JSON."""
        return {
            "requisitions": [_view(each) for each in self.documents["requisition"].values()],
            "orders": [_view(each) for each in self.documents["order"].values()],
            "goods_receipts": [{**vars(each), "quantity": str(each.quantity)} for each in self.receipts.values()],
            "edits": self.edits,
            "confirmations": list(self.confirmations.values()),
        }


class Work:
    """A request or a changeset: what it touched, so that it can be undone; what it wrote, to be logged at its end."""

    def __init__(self, books: Books, headers: Mapping[str, str], user: str) -> None:
        self.books = books
        self.headers = headers
        self.user = user
        self._before: dict[tuple[DocumentKind, str], Document | None] = {}
        self._written: list[tuple[str, str, Document, Item | None, str]] = []
        self._locked: set[str] = set()
        self.changed_lines: set[tuple[str, int, int]] = set()
        """Schedule lines that were written: order, item, line."""
        self.requantified: set[tuple[str, int]] = set()
        """Order items whose schedule lines were told their quantities, came or went."""

    @property
    def today(self) -> date:
        """The day by the ERP's clock."""
        return self.books.clock.today()

    @property
    def earliest_day(self) -> date:
        """The day by the clock where it is earliest: delivery dates are days at the plants."""
        return self.books.clock.earliest_day()

    def new(self, kind: DocumentKind, number: str = "") -> Document:
        """Return a new document with this number, else with the next one of its range."""
        if not number:
            number = str(self.books.numbers[kind])
            self.books.numbers[kind] += 1
        document = Document(kind, number, {})
        self._before[kind, number] = None
        self.books.documents[kind][number] = document
        return document

    def find(self, kind: DocumentKind, number: str) -> Document | None:
        """Return the document to be changed, None where there is none. Raises SapError where another user holds it."""
        document = self.books.documents[kind].get(number)
        if document is None:
            return None
        if (kind, number) not in self._before:
            self._refuse_locked(kind, number)
            self._before[kind, number] = copy.deepcopy(document)
            self.books.shelf.touch(kind, number)
        return document

    def _refuse_locked(self, kind: DocumentKind, number: str) -> None:
        lock = self.books.locks.get(number)
        if lock is None or lock.times == 0:
            return
        if lock.times is not None and number not in self._locked:
            lock.times -= 1
            self._locked.add(number)
        text = lock.text or f"Purchase {kind} {number} is currently being processed by user {lock.user}"
        raise refuse(lock.code, text, status=lock.status)

    def wrote(self, method: str, path: str, document: Document, item: Item | None, summary: str) -> None:
        """Note a write to a line (or to the header), to be logged when the work is done."""
        self._written.append((method, path, document, item, summary))

    def touched(self, kind: DocumentKind) -> list[Document]:
        """Return the documents that may have been changed."""
        held = self.books.documents[kind]
        return [held[number] for each, number in self._before if each == kind and number in held]

    def sign(self) -> None:
        """Note who changed what; a person's work at the ERP's own screens is no write of its services."""
        for _, _, document, item, _ in self._written:
            document.changed_by = self.user
            if item is not None:
                item.changed_by = self.user

    def commit(self) -> None:
        """Log the writes, count them by line and sign them."""
        self.sign()
        if self.books.released_by_people:
            for order in self.touched("order"):
                order.header |= {"ReleaseIsNotCompleted": True, "PurchasingProcessingStatus": "03"}
        for kind, number in self._before:
            self.books.refer(kind, number)
        for method, path, document, item, summary in self._written:
            line = None
            if item is None:
                document.writes += 1
            else:
                item.writes += 1
                line = str(item.row[f"{_NUMBER[document.kind]}Item"])
            self.books.log.record(
                method=method,
                path=path,
                headers=self.headers,
                summary=summary,
                document=document.number,
                line=line,
            )

    def roll_back(self) -> None:
        """Put every document back as it was; numbers that were drawn stay drawn, as in SAP."""
        for (kind, number), before in self._before.items():
            if before is None:
                self.books.documents[kind].pop(number, None)
            else:
                self.books.documents[kind][number] = before


def _view(document: Document) -> dict[str, Any]:
    kind = document.kind
    shown = _plain(SETS[_HEADER[kind]], document.header)
    shown |= {"writes": document.writes, "changed_by": document.changed_by}
    shown["items"] = [_view_item(kind, item) for item in document.items.values()]
    return shown


def _view_item(kind: DocumentKind, item: Item) -> dict[str, Any]:
    shown = _plain(SETS[_ITEM[kind]], item.row)
    shown |= {"writes": item.writes, "changed_by": item.changed_by}
    if kind == "order":
        shown["delivered"] = f"{item.delivered.normalize():f}"
        schedule_line = SETS["A_PurchaseOrderScheduleLine"]
        shown["schedule"] = [_plain(schedule_line, line) for line in item.schedule.values()]
        component = SETS["A_POSubcontractingComponent"]
        shown["components"] = [_plain(component, each.row) for each in item.components]
    return shown


def _plain(entity_set: EntitySet, row: Row) -> dict[str, Any]:
    """The row in SAP's names; dates as ISO for those who check the books."""
    return {
        field.name: row[field.name].isoformat()
        if hasattr(row[field.name], "isoformat")
        else show_value(field, row[field.name])
        for field in entity_set.fields.values()
    }
