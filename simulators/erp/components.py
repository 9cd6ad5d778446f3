"""Components of subcontracted order items: what the supplier is given for each schedule line.

Decided here: which components are allowed, that an item without any gets those of its bill of materials, and that they
move along with the quantity of their schedule line unless they are written themselves; the ratio stays, rounded up.
"""

from collections.abc import Iterable
from decimal import ROUND_UP, Decimal
from fractions import Fraction
from typing import Any

from simulators.erp import checks
from simulators.erp.books import Component, Document, Item, Work
from simulators.erp.errors import Problem, not_found, refuse
from simulators.erp.master import MasterData
from simulators.erp.tables import ORDERS
from simulators.erp.wire import Row, blank, document_number, item_target, key_text, read_entity

COMPONENT = ORDERS.sets["A_POSubcontractingComponent"]
_ITEM = ORDERS.sets["A_PurchaseOrderItem"]
_KEYS = tuple(field.name for field in COMPONENT.keys)
_FINEST = Decimal("0.001")


def add_all(work: Work, item: Item, line: Row, bodies: Iterable[Any], target: str) -> list[Problem]:
    """Take over the components that were inserted with a schedule line."""
    problems: list[Problem] = []
    for body in bodies:
        sent, _ = read_entity(COMPONENT, body, "create")
        problems += _add(work, item, line, sent, target)
    return problems


def provide(work: Work, item: Item, subcontracted: bool, target: str) -> list[Problem]:
    """See that a subcontracted item has components, if need be those of its bill of materials, and no other has any."""
    if not subcontracted:
        if item.components:
            text = "Components are only allowed with item category 3"
            return [Problem("06/230", text, "PurchaseOrderItemCategory", target)]
        return []
    if item.components:
        return []
    bom = work.books.master.boms.get((item.row["Material"], item.row["Plant"]))
    problems: list[Problem] = []
    for line in item.schedule.values():
        ordered = line["ScheduleLineOrderQuantity"]
        for part, quantity in bom.given(ordered, work.today) if bom else ():
            sent = {
                "Material": part.BillOfMaterialComponent.upper(),
                "EntryUnit": part.BillOfMaterialItemUnit,
                "QuantityInEntryUnit": _up(quantity),
            }
            problems += _add(work, item, line, sent, target)
    if not item.components:
        text = f"Material {item.row['Material']} has no bill of materials: enter components"
        problems.append(Problem("ME/101", text, "Material", target))
    return problems


def create_component(work: Work, path: str, body: Any, parent: Row) -> Row:
    """Add a component to a schedule line; returns it."""
    sent, _ = read_entity(COMPONENT, body, "create")
    document, item = _find(work, {**sent, **parent})
    line = item.schedule.get(parent.get("ScheduleLine") or sent.get("ScheduleLine", 0))
    if line is None:
        raise not_found("A_PurchaseOrderScheduleLine", str(sent.get("ScheduleLine", "")))
    target = _target(item)
    if item.row["PurchaseOrderItemCategory"] != "3":
        raise refuse("06/230", "Components are only allowed with item category 3", target=target)
    checks.insist(_add(work, item, line, sent, target))
    row = item.components[-1].row
    work.wrote("POST", path, document, item, f"component {row['Material']}: {row['QuantityInEntryUnit']:f}")
    return row


def merge_component(work: Work, path: str, key: Row, body: Any) -> None:
    """Change a component."""
    sent, _ = read_entity(COMPONENT, body, "merge")
    document, item = _find(work, key)
    component = _component(item, key)
    changes = {name: value for name, value in sent.items() if name not in _KEYS}
    row = {**component.row, **changes}
    target = _target(item)
    checks.insist([*checks.unchanged(component.row, sent, ["Material"], target), *_check(work, item, row, target)])
    component.row.update(row)
    component.per_unit = None
    _convert(work.books.master, component.row)
    work.wrote("MERGE", path, document, item, ", ".join(f"{name}={changes[name]}" for name in changes))


def delete_component(work: Work, path: str, key: Row) -> None:
    """Take a component away; one at least stays."""
    document, item = _find(work, key)
    component = _component(item, key)
    if len(item.components) == 1:
        raise refuse("ME/101", "A subcontracted item needs a component", target=_target(item))
    item.components.remove(component)
    work.wrote("DELETE", path, document, item, f"component {component.row['Material']} deleted")


def follow(item: Item) -> None:
    """Bring the components to the item's schedule: the ratio of each stays, new lines get those of the first."""
    if not item.components:
        return
    pattern = [one for one in item.components if one.row["ScheduleLine"] == item.components[0].row["ScheduleLine"]]
    for component in item.components:
        line = item.schedule.get(component.row["ScheduleLine"])
        if component.per_unit is None and line is not None and line["ScheduleLineOrderQuantity"]:
            quantity = Fraction(component.row["QuantityInEntryUnit"])
            component.per_unit = quantity / Fraction(line["ScheduleLineOrderQuantity"])
    kept = [one for one in item.components if one.row["ScheduleLine"] in item.schedule]
    served = {one.row["ScheduleLine"] for one in kept}
    highest = max(one.row["ReservationItem"] for one in item.components)
    for number in item.schedule.keys() - served:
        for one in pattern:
            highest += 1
            row = {**one.row, "ScheduleLine": number, "ReservationItem": highest, "WithdrawnQuantity": Decimal(0)}
            kept.append(Component(row, one.per_unit))
    for one in kept:
        _scale(one, item.schedule[one.row["ScheduleLine"]]["ScheduleLineOrderQuantity"])
    item.components = sorted(kept, key=lambda one: (one.row["ScheduleLine"], one.row["ReservationItem"]))


def _scale(component: Component, quantity: Decimal) -> None:
    row = component.row
    before = row["QuantityInEntryUnit"]
    after = _up((component.per_unit or Fraction(0)) * Fraction(quantity))
    if after != before:
        row["RequiredQuantity"] = _up(Fraction(row["RequiredQuantity"]) * Fraction(after) / Fraction(before))
        row["QuantityInEntryUnit"] = after


def _add(work: Work, item: Item, line: Row, sent: Row, target: str) -> list[Problem]:
    product = work.books.master.products.get(sent.get("Material", ""))
    given = {name: value for name, value in sent.items() if value not in ("", None)}
    row = {
        **blank(COMPONENT),
        "EntryUnit": product.BaseUnit if product else "",
        "RequirementDate": line["ScheduleLineDeliveryDate"],
        "Plant": item.row["Plant"],
        **given,
        "PurchaseOrder": item.row["PurchaseOrder"],
        "PurchaseOrderItem": item.row["PurchaseOrderItem"],
        "ScheduleLine": line["ScheduleLine"],
        "ReservationItem": 1 + max((one.row["ReservationItem"] for one in item.components), default=0),
        "BOMItemDescription": product.Description[:40] if product else "",
        "BaseUnit": product.BaseUnit if product else "",
    }
    problems = _check(work, item, row, target)
    if not problems:
        _convert(work.books.master, row)
    item.components.append(Component(row))
    return problems


def _check(work: Work, item: Item, row: Row, target: str) -> list[Problem]:
    master = work.books.master
    problems = [
        *checks.mandatory(row, ["Material", "RequirementDate"], target),
        *checks.material_at_plant(master, row, target),
        *checks.unit(master, row["EntryUnit"], "EntryUnit", target),
        *checks.above_zero(row, "QuantityInEntryUnit", target),
    ]
    if row["Material"] == item.row["Material"]:
        problems.append(Problem("06/231", "A material can't be a component of itself", "Material", target))
    if not problems and _factor(master, row) is None:
        text = f"{row['EntryUnit']} of material {row['Material']} can't be converted to {row['BaseUnit']}"
        problems.append(Problem("BM/304", text, "EntryUnit", target))
    return problems


def _convert(master: MasterData, row: Row) -> None:
    factor = _factor(master, row)
    assert factor is not None
    row["RequiredQuantity"] = _up(Fraction(row["QuantityInEntryUnit"]) * factor)


def _factor(master: MasterData, row: Row) -> Fraction | None:
    """Base units to one entry unit; None where nothing converts them."""
    if row["EntryUnit"] == row["BaseUnit"]:
        return Fraction(1)
    for unit in master.products[row["Material"]].units:
        if unit.AlternativeUnit == row["EntryUnit"]:
            return Fraction(unit.QuantityNumerator) / Fraction(unit.QuantityDenominator)
    return None


def _up(quantity: Fraction) -> Decimal:
    thousandths = -(-quantity.numerator * 1000 // quantity.denominator)
    return (Decimal(thousandths) * _FINEST).quantize(_FINEST, ROUND_UP)


def _find(work: Work, key: Row) -> tuple[Document, Item]:
    number = document_number(key.get("PurchaseOrder", ""))
    document = work.find("order", number)
    item = document.items.get(key.get("PurchaseOrderItem", 0)) if document else None
    if document is None or item is None:
        raise not_found(_ITEM.name, f"{number}/{key.get('PurchaseOrderItem', '')}")
    if item.row["PurchasingDocumentDeletionCode"]:
        raise refuse("06/019", f"Item {item.row['PurchaseOrderItem']} is deleted", target=_target(item))
    return document, item


def _component(item: Item, key: Row) -> Component:
    requested = (key["ScheduleLine"], key["ReservationItem"])
    for component in item.components:
        if (component.row["ScheduleLine"], component.row["ReservationItem"]) == requested:
            return component
    raise not_found(COMPONENT.name, key_text(COMPONENT, key))


def _target(item: Item) -> str:
    return item_target(_ITEM.name, key_text(_ITEM, item.row))
