"""The checks that requisitions and orders share: does it exist, is it filled in, is the day still to come.

Each returns the problems it found, so that one answer tells all of them, as SAP's does. Codes: see the package.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from simulators.erp.errors import Problem, SapError
from simulators.erp.master import MasterData
from simulators.erp.wire import Row


def insist(problems: list[Problem]) -> None:
    """Raise what was found, if anything."""
    if problems:
        raise SapError(problems)


def mandatory(row: Row, names: Iterable[str], target: str) -> list[Problem]:
    """Find the fields that must be filled in and are not."""
    return [Problem("ME/083", f"Enter {name}", name, target) for name in names if row[name] is None or row[name] == ""]


def material_at_plant(master: MasterData, row: Row, target: str) -> list[Problem]:
    """Find an unknown plant, an unknown material, or a material that the plant does not keep."""
    plant, material = row["Plant"], row["Material"]
    problems = []
    if plant and plant not in master.plants:
        problems.append(Problem("06/024", f"Plant {plant} does not exist", "Plant", target))
    if material and material not in master.products:
        text = f"Material {material} does not exist or is not activated"
        problems.append(Problem("M3/305", text, "Material", target))
    if plant and material and not problems and (material, plant) not in master.at_plant:
        text = f"Material {material} is not maintained in plant {plant}"
        problems.append(Problem("M3/351", text, "Material", target))
    return problems


def not_blocked(master: MasterData, row: Row, today: date, target: str) -> list[Problem]:
    """Find a material whose status at the plant lets nobody procure it."""
    at_plant = master.at_plant.get((row["Material"], row["Plant"]))
    if at_plant is None or not at_plant.blocked_on(today):
        return []
    text = (
        f"Material {row['Material']} has status {at_plant.ProfileCode} in plant {row['Plant']}: blocked for purchasing"
    )
    return [Problem("ME/052", text, "Material", target)]


def supplying_plant(master: MasterData, row: Row, code: str, target: str) -> list[Problem]:
    """Find what keeps a plant from supplying the row's: unknown, the same, or without the material."""
    if not code:
        return [Problem("ME/083", "Enter SupplyingPlant", "SupplyingPlant", target)]
    if code not in master.plants:
        return [Problem("06/024", f"Plant {code} does not exist", "SupplyingPlant", target)]
    if code == row["Plant"]:
        return [Problem("06/229", f"Plant {code} can't supply itself", "SupplyingPlant", target)]
    if row["Material"] in master.products and (row["Material"], code) not in master.at_plant:
        text = f"Material {row['Material']} is not maintained in plant {code}"
        return [Problem("M3/351", text, "SupplyingPlant", target)]
    return []


def left_empty(row: Row, names: Iterable[str], why: str, target: str) -> list[Problem]:
    """Find fields that make no sense in this kind of document and are filled."""
    return [Problem("06/227", f"{name} must be empty: {why}", name, target) for name in names if row[name]]


def unit(master: MasterData, code: str, name: str, target: str) -> list[Problem]:
    """Find a unit of measure that is not set up."""
    if code and code not in master.units:
        return [Problem("BM/302", f"Unit of measure {code} is not defined", name, target)]
    return []


def supplier(master: MasterData, number: str, name: str, target: str) -> list[Problem]:
    """Find an unknown supplier, or one that is blocked for purchasing."""
    if not number:
        return []
    if number not in master.suppliers:
        return [Problem("F2/163", f"Supplier {number} has not been created", name, target)]
    if master.suppliers[number].PurchasingIsBlocked:
        return [Problem("06/322", f"Supplier {number} is blocked for purchasing", name, target)]
    return []


def purchasing_organization(master: MasterData, code: str, target: str) -> list[Problem]:
    """Find a purchasing organization that no plant belongs to."""
    if code and code not in master.purchasing_organizations:
        text = f"Purchasing organization {code} does not exist"
        return [Problem("06/025", text, "PurchasingOrganization", target)]
    return []


def company_code(master: MasterData, row: Row, code: str, target: str) -> list[Problem]:
    """Find a plant that belongs to another company code."""
    plant = master.plants.get(row["Plant"])
    if code and plant and plant.CompanyCode != code:
        text = f"Plant {row['Plant']} belongs to company code {plant.CompanyCode}, not {code}"
        return [Problem("06/026", text, "CompanyCode", target)]
    return []


def info_record(master: MasterData, number: str, target: str) -> list[Problem]:
    """Find an info record that is not there."""
    if number and number not in master.info_record_numbers:
        return [Problem("06/027", f"Purchasing info record {number} does not exist", "PurchasingInfoRecord", target)]
    return []


def contract(master: MasterData, row: Row, ordered_on: date | None, target: str) -> list[Problem]:
    """Find an outline agreement that is not there, has no such item of the material, or does not hold on the day."""
    number = row["PurchaseContract"]
    if not number:
        return []
    found = master.contracts.get(number)
    items = [each for each in found.items if each.PurchaseContractItem == row["PurchaseContractItem"]] if found else []
    if found is None or not items or items[0].Material.upper() != row["Material"]:
        text = f"Contract {number} has no item {row['PurchaseContractItem']} of material {row['Material']}"
        return [Problem("06/030", text, "PurchaseContract", target)]
    if ordered_on is not None and not found.ValidityStartDate <= ordered_on <= found.ValidityEndDate:
        text = f"Contract {number} is not valid on {ordered_on.isoformat()}"
        return [Problem("06/042", text, "PurchaseContract", target)]
    return []


def above_zero(row: Row, name: str, target: str) -> list[Problem]:
    """Find a quantity that orders nothing."""
    return [] if row[name] > 0 else [Problem("06/028", f"Enter a quantity above zero in {name}", name, target)]


def not_past(day: date | None, today: date, name: str, target: str) -> list[Problem]:
    """Find a delivery date before today."""
    if day is not None and day < today:
        return [Problem("06/038", f"Delivery date {day.isoformat()} is in the past", name, target)]
    return []


def unchanged(held: Row, sent: Mapping[str, Any], names: Iterable[str], target: str) -> list[Problem]:
    """Find fields that can't be changed any more and would be."""
    return [
        Problem("06/017", f"{name} can't be changed", name, target)
        for name in names
        if name in sent and sent[name] != held[name]
    ]
