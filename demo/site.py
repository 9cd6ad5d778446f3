"""The demo's bicycle maker: three plants, what they build, and the master data of its ERP and its planning system.

Decided here: which plants there are and what each builds from when; how AdventureWorks' figures (demo/data/README.md)
become plant stock and purchasing terms; and the assumptions where AdventureWorks has no figure, each a named constant
below. Pure: the day the story starts is an argument. Not decided here: what must be bought (the planning simulator
explodes it) and from whom (the engine).
"""

import csv
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Plant:
    """A plant, what it assembles, and which of AdventureWorks' stock locations are taken as its own."""

    code: str
    name: str
    company_code: str
    purchasing_organization: str
    purchasing_group: str
    goods_receipt_days: int
    locations: frozenset[str]
    models: tuple[tuple[str, int, str], ...]
    """Finished bicycles, each with the quantity of one build order and the class of its demand."""


PLANTS = (
    Plant(
        "1710", "San Diego", "1710", "1710", "001", 1, frozenset({"1", "2", "3", "4", "7", "10"}),
        (("BK-R93R-62", 63, "A"), ("BK-R89B-52", 49, "B")),
    ),
    Plant(
        "1720", "Bothell", "1720", "1710", "002", 1, frozenset({"5", "6", "20", "30"}),
        (("BK-M82S-42", 63, "A"), ("BK-M68B-42", 56, "C")),
    ),
    Plant(
        "1730", "Monterrey", "1730", "1710", "003", 2, frozenset({"40", "45", "50", "60"}),
        (("BK-T79Y-54", 63, "B"), ("BK-T79U-54", 56, "C")),
    ),
)  # fmt: skip

FINISHES = (4, 5, 6, 7, 8, 9, 10, 11)
"""Working days, from the start of assembly, on which a build order of every model is complete."""

ASSEMBLY_STARTS_AFTER_DAYS = 20
"""Calendar days from the story's first day to the one from which `FINISHES` are counted: enough for most vendors' lead
times, but not all.
"""

BUCKET_DAYS = (0, 2, 4)
"""The plan has three buckets a week; they begin this many working days after the weekday on which assembly starts."""


@dataclass(frozen=True)
class Subcontract:
    """A part that a vendor makes from a plant's own components; the figures are assumptions."""

    plant: str
    item: str
    supplier: str
    price: Decimal
    """Per piece, without the components."""
    lead_time_days: int
    """Calendar days, from the arrival of the components."""


SUBCONTRACTS = (Subcontract("1730", "FD-2342", "COMPET0003", Decimal("6.50"), 2),)
"""Monterrey has its front derailleurs assembled; the bill of materials lists their components."""


INDIVIDUAL = {"1720": ("MS-0253", "MS-2341", "MS-2348")}
"""Sheet that Bothell plans for each finished bicycle of its own, and orders on shared lines (policies/rules)."""


@dataclass(frozen=True)
class Replacement:
    """A component that engineering replaces in an assembly of a plant."""

    plant: str
    assembly: str
    revision: str
    outgoing: str
    incoming: str
    unit: str = "EA"


REPLACEMENT = Replacement("1720", "BK-M82S-42", "B", "PD-M562", "PD-M340")
"""The silver mountain bicycle gets the cheaper pedal of the black one."""


@cache
def rows(name: str) -> tuple[Mapping[str, str], ...]:
    """Return the rows of one file of demo/data."""
    with (_DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def assembly_start(today: date) -> date:
    """Return the working day from which `FINISHES` are counted."""
    day = today + timedelta(days=ASSEMBLY_STARTS_AFTER_DAYS)
    return day + timedelta(days=7 - day.weekday() if day.weekday() > 4 else 0)


def build_schedule(today: date) -> list[dict[str, Any]]:
    """Return the build orders of the three plants, as the planning simulator takes them."""
    start = assembly_start(today)
    return [
        {
            "build": f"B{plant.code}-{number:02d}-{position}",
            "plant": plant.code,
            "item": item,
            "quantity": str(quantity),
            "date": _working_day(start, finish).isoformat(),
            "criticality": criticality,
        }
        for plant in PLANTS
        for number, finish in enumerate(FINISHES, start=1)
        for position, (item, quantity, criticality) in enumerate(plant.models, start=1)
    ]


def aps_plan(today: date, effective_at: str, version: int = 1) -> dict[str, Any]:
    """Return the body of the planning simulator's POST /control/plan; `effective_at` is RFC 3339."""
    return {
        "version": version,
        "today": today.isoformat(),
        "effective_at": effective_at,
        "bucket_weekdays": sorted((assembly_start(today).weekday() + day) % 5 for day in BUCKET_DAYS),
        "builds": build_schedule(today),
    }


def aps_model(days_off: Mapping[str, Collection[date]] = MappingProxyType({})) -> dict[str, Any]:
    """Return the body of the planning simulator's POST /control/model; `days_off` by plant, beside weekends."""
    return {
        "days_off": {plant: [day.isoformat() for day in days] for plant, days in days_off.items()},
        "plants": [plant.code for plant in PLANTS],
        "items": [
            {
                "item": row["item"],
                "description": row["name"],
                "unit": row["unit"],
                "make": row["make"] == "1",
                "days": int(row["days_to_manufacture"]),
                "bought_at": [part.plant for part in SUBCONTRACTS if part.item == row["item"]],
                "individual_at": [plant for plant, items in INDIVIDUAL.items() if row["item"] in items],
            }
            for row in rows("items")
        ],
        "bom": [dict(row) for row in rows("bom")],
        "stock": [
            {"plant": plant, "item": item, "quantity": str(quantity)}
            for (plant, item), quantity in sorted(plant_stock().items())
        ],
    }


def plant_stock() -> dict[tuple[str, str], Decimal]:
    """Return each plant's stock of each item, in the item's unit."""
    owner = {location: plant.code for plant in PLANTS for location in plant.locations}
    stock: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows("stock"):
        stock[owner[row["location"]], row["item"]] += Decimal(row["quantity"])
    return dict(stock)


def _working_day(start: date, number: int) -> date:
    """Return the day `number` working days after `start`, itself a working day."""
    weeks, days = divmod(start.weekday() + number, 5)
    return start + timedelta(days=weeks * 7 + days - start.weekday())
