"""Schedule lines of order items, and what must add up when a changeset ends.

Decided here: which schedules are allowed. A line in the past is allowed only for what was delivered. Not decided here:
what a subcontractor is given for a line (components).
"""

from decimal import Decimal
from typing import Any

from simulators.erp import checks, components
from simulators.erp.books import Document, Item, Work
from simulators.erp.errors import Problem, not_found, refuse
from simulators.erp.tables import ORDERS
from simulators.erp.wire import Row, blank, document_number, item_target, key_text, read_entity

LINE = ORDERS.sets["A_PurchaseOrderScheduleLine"]
_ITEM = ORDERS.sets["A_PurchaseOrderItem"]
_KEYS = ("PurchasingDocument", "PurchasingDocumentItem", "ScheduleLine")


def new_lines(work: Work, item: Item, bodies: list[Any], target: str) -> list[Problem]:
    """Give a new item its lines; where none are sent, one for the requisition's date."""
    problems: list[Problem] = []
    if not bodies:
        requisition = work.books.documents["requisition"].get(item.row["PurchaseRequisition"])
        made_of = requisition.items.get(item.row["PurchaseRequisitionItem"]) if requisition else None
        if made_of is None:
            return [Problem("ME/083", "Enter ScheduleLineDeliveryDate", "ScheduleLineDeliveryDate", target)]
        sent: Row = {"ScheduleLineDeliveryDate": made_of.row["DeliveryDate"]}
        _add(work, item, sent | {"ScheduleLineOrderQuantity": item.row["OrderQuantity"]})
    for body in bodies:
        sent, nested = read_entity(LINE, body, "create")
        if len(bodies) == 1 and "ScheduleLineOrderQuantity" not in sent:
            sent["ScheduleLineOrderQuantity"] = item.row["OrderQuantity"]
        if sent.get("ScheduleLine") in item.schedule:
            problems.append(Problem("06/056", f"Schedule line {sent['ScheduleLine']} is there already", "", target))
        line = _add(work, item, sent)
        problems += checks.mandatory(line, ["ScheduleLineDeliveryDate"], target)
        problems += components.add_all(work, item, line, nested.get("to_SubcontractingComponent", []), target)
    return problems


def create_line(work: Work, path: str, body: Any, parent: Row) -> Row:
    """Add a schedule line to an item; returns it."""
    sent, nested = read_entity(LINE, body, "create")
    number = parent.get("PurchasingDocument") or sent.get("PurchasingDocument", "")
    item_number = parent.get("PurchasingDocumentItem") or sent.get("PurchasingDocumentItem", 0)
    document, item = _find(work, number, item_number)
    if sent.get("ScheduleLine") in item.schedule:
        raise refuse("06/056", f"Schedule line {sent['ScheduleLine']} is there already", target=_target(item))
    line = _add(work, item, sent)
    problems = checks.mandatory(line, ["ScheduleLineDeliveryDate"], _target(item))
    problems += components.add_all(work, item, line, nested.get("to_SubcontractingComponent", []), _target(item))
    checks.insist(problems)
    _note(work, "POST", path, document, item, line)
    return line


def merge_line(work: Work, path: str, key: Row, body: Any) -> None:
    """Change a schedule line."""
    sent, _ = read_entity(LINE, body, "merge")
    document, item = _find(work, key["PurchasingDocument"], key["PurchasingDocumentItem"])
    line = item.schedule.get(key["ScheduleLine"])
    if line is None:
        raise not_found(LINE.name, key_text(LINE, key))
    line.update({name: value for name, value in sent.items() if name not in _KEYS})
    checks.insist(checks.mandatory(line, ["ScheduleLineDeliveryDate"], _target(item)))
    _mark(work, line, quantity="ScheduleLineOrderQuantity" in sent)
    _note(work, "MERGE", path, document, item, line)


def delete_line(work: Work, path: str, key: Row) -> None:
    """Take a schedule line away."""
    document, item = _find(work, key["PurchasingDocument"], key["PurchasingDocumentItem"])
    line = item.schedule.pop(key["ScheduleLine"], None)
    if line is None:
        raise not_found(LINE.name, key_text(LINE, key))
    _mark(work, line)
    document.header["LastChangeDateTime"] = work.books.clock.now()
    work.wrote("DELETE", path, document, item, f"schedule line {key['ScheduleLine']} deleted")


def settle(work: Work) -> None:
    """Let single lines follow their items, then check all orders that were touched. Raises SapError."""
    problems: list[Problem] = []
    for document in work.touched("order"):
        for number, item in document.items.items():
            if item.row["PurchasingDocumentDeletionCode"]:
                continue
            written = {line for order, each, line in work.changed_lines if (order, each) == (document.number, number)}
            if (document.number, number) not in work.requantified:
                _follow(item)
            components.follow(item)
            problems += _check(work, item, written)
    checks.insist(problems)


def _follow(item: Item) -> None:
    if len(item.schedule) != 1:
        return
    [line] = item.schedule.values()
    if line["ScheduleLineOrderQuantity"] != item.row["OrderQuantity"]:
        line["ScheduleLineOrderQuantity"] = item.row["OrderQuantity"]
        line["ScheduleLineCommittedQuantity"] = min(line["ScheduleLineCommittedQuantity"], item.row["OrderQuantity"])


def _check(work: Work, item: Item, written: set[int]) -> list[Problem]:
    row, target = item.row, _target(item)
    problems: list[Problem] = []
    total = sum((line["ScheduleLineOrderQuantity"] for line in item.schedule.values()), Decimal(0))
    if total != row["OrderQuantity"]:
        text = (
            f"Item {row['PurchaseOrderItem']}: schedule lines hold {total.normalize():f}, "
            f"the item {row['OrderQuantity'].normalize():f}; "
            "change both in one changeset"
        )
        problems.append(Problem("06/054", text, "ScheduleLineOrderQuantity", target))
    for number in sorted(written & item.schedule.keys()):
        problems += checks.above_zero(item.schedule[number], "ScheduleLineOrderQuantity", target)
        if item.schedule[number]["ScheduleLineCommittedQuantity"] > item.schedule[number]["ScheduleLineOrderQuantity"]:
            text = f"Schedule line {number}: more committed than scheduled"
            problems.append(Problem("06/055", text, "ScheduleLineCommittedQuantity", target))
    past = {
        number: line
        for number, line in item.schedule.items()
        if line["ScheduleLineDeliveryDate"] and line["ScheduleLineDeliveryDate"] < work.earliest_day
    }
    if written & past.keys() and sum(line["ScheduleLineOrderQuantity"] for line in past.values()) > item.delivered:
        day = past[min(written & past.keys())]["ScheduleLineDeliveryDate"]
        problems += checks.not_past(day, work.earliest_day, "ScheduleLineDeliveryDate", target)
    return problems


def _add(work: Work, item: Item, sent: Row) -> Row:
    number = sent.get("ScheduleLine") or 1 + max(item.schedule, default=0)
    line = {**blank(LINE), "DelivDateCategory": "1", **sent}
    line |= {
        "PurchasingDocument": item.row["PurchaseOrder"],
        "PurchasingDocumentItem": item.row["PurchaseOrderItem"],
        "ScheduleLine": number,
        "PurchaseOrderQuantityUnit": item.row["PurchaseOrderQuantityUnit"],
        "PurchaseRequisition": item.row["PurchaseRequisition"],
        "PurchaseRequisitionItem": item.row["PurchaseRequisitionItem"],
        "SchedLineStscDeliveryDate": line["SchedLineStscDeliveryDate"] or line["ScheduleLineDeliveryDate"],
    }
    item.schedule[number] = line
    _mark(work, line)
    return line


def _mark(work: Work, line: Row, *, quantity: bool = True) -> None:
    item = (line["PurchasingDocument"], line["PurchasingDocumentItem"])
    work.changed_lines.add((*item, line["ScheduleLine"]))
    if quantity:
        work.requantified.add(item)


def _note(work: Work, method: str, path: str, document: Document, item: Item, line: Row) -> None:
    document.header["LastChangeDateTime"] = work.books.clock.now()
    summary = (
        f"schedule line {line['ScheduleLine']}: {line['ScheduleLineOrderQuantity'].normalize():f} on "
        f"{line['ScheduleLineDeliveryDate'].isoformat()}, "
        f"{line['ScheduleLineCommittedQuantity'].normalize():f} committed"
    )
    work.wrote(method, path, document, item, summary)


def _find(work: Work, number: str, item_number: int) -> tuple[Document, Item]:
    document = work.find("order", document_number(number))
    if document is None or item_number not in document.items:
        raise not_found(_ITEM.name, f"{number}/{item_number}")
    item = document.items[item_number]
    if item.row["PurchasingDocumentDeletionCode"]:
        raise refuse("06/019", f"Item {item_number} of purchase order {number} is deleted", target=_target(item))
    return document, item


def _target(item: Item) -> str:
    return item_target(_ITEM.name, key_text(_ITEM, item.row))
