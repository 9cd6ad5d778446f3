"""The planning simulator's own arithmetic: explosion, netting, buckets, and how versions differ."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from simulators.aps.explosion import Build, Item, Model, Peg, Requirement, explode, top_down
from simulators.aps.versions import PlanVersion, requirement_data, revise

TODAY = date(2026, 6, 1)
EFFECTIVE = "2026-06-01T05:00:00+00:00"


def bicycle(stock: dict[tuple[str, str], Decimal]) -> Model:
    return Model(
        items={
            "BIKE": Item("BIKE", "EA", True, 4),
            "WHEEL": Item("WHEEL", "EA", True, 1),
            "SPOKE": Item("SPOKE", "EA", False, 0),
        },
        components={"BIKE": [("WHEEL", Decimal(2))], "WHEEL": [("SPOKE", Decimal(36))]},
        stock=stock,
        plants=("P1", "P2"),
    )


def test_a_build_is_exploded_level_by_level_and_offset_by_working_days() -> None:
    builds = [Build("B1", "P1", "BIKE", Decimal(10), date(2026, 6, 19), "A")]
    (spokes,) = explode(bicycle({}), builds, TODAY)
    assert (spokes.quantity, spokes.required_date) == (Decimal(720), date(2026, 6, 12))
    assert [(peg.demand, peg.quantity, peg.criticality) for peg in spokes.pegs] == [("B1", Decimal(720), "A")]


def test_stock_is_netted_at_each_level_for_the_earliest_demand_of_its_own_plant() -> None:
    builds = [
        Build("LATE", "P1", "BIKE", Decimal(10), date(2026, 6, 26)),
        Build("SOON", "P1", "BIKE", Decimal(10), date(2026, 6, 19)),
    ]
    stock = {("P1", "BIKE"): Decimal(4), ("P1", "WHEEL"): Decimal(12), ("P1", "SPOKE"): Decimal(100)}
    (spokes,) = explode(bicycle(stock), builds, TODAY)
    assert [(peg.demand, peg.quantity) for peg in spokes.pegs] == [("LATE", Decimal(620))]
    elsewhere = {("P2", item): quantity for (_, item), quantity in stock.items()}
    assert sum(row.quantity for row in explode(bicycle(elsewhere), builds, TODAY)) == 1440


def test_a_date_that_has_passed_is_needed_today() -> None:
    (spokes,) = explode(bicycle({}), [Build("B1", "P1", "BIKE", Decimal(1), TODAY)], TODAY)
    assert spokes.required_date == TODAY


def test_a_loop_in_the_bill_of_materials_is_named() -> None:
    with pytest.raises(ValueError, match="A > B > A"):
        top_down({"A": [("B", Decimal(1))], "B": [("A", Decimal(1))]}, ["A"])


def test_the_same_seed_makes_the_same_revision_and_another_seed_another() -> None:
    builds = [Build(f"B{n}", "P1", "BIKE", Decimal(10), date(2026, 7, 1) + timedelta(days=n)) for n in range(60)]
    found = {row.reference: row for row in explode(bicycle({}), builds, TODAY, (0, 1, 2, 3, 4))}
    now = datetime.fromisoformat(EFFECTIVE)
    plan = PlanVersion(version=1, today=TODAY, effective_at=now, requirements=found, gone={})

    def revised(seed: str) -> PlanVersion:
        shares: dict[str, Any] = {
            "share_changed": Decimal("0.3"),
            "share_gone": Decimal("0.1"),
            "share_new": Decimal("0.1"),
        }
        return revise(plan, seed=seed, effective_at=now, today=TODAY, **shares)

    assert revised("1") == revised("1")
    assert revised("1").changed != revised("2").changed


def test_pegs_of_one_build_at_several_levels_are_kept_apart_by_day() -> None:
    plain = bicycle({})
    model = replace(plain, components={**plain.components, "BIKE": [("WHEEL", Decimal(2)), ("SPOKE", Decimal(1))]})
    requirements = explode(model, [Build("B1", "P1", "BIKE", Decimal(1), date(2026, 6, 19))], TODAY, (0, 1, 2, 3, 4))
    found: dict[date, Decimal] = defaultdict(Decimal)
    for requirement in requirements:
        found[requirement.required_date] += requirement.quantity
    assert found == {date(2026, 6, 15): Decimal(1), date(2026, 6, 12): Decimal(72)}


def test_lines_that_change_slightly_change_by_one_unit_and_no_other_line_is_drawn_otherwise() -> None:
    now = datetime(2026, 6, 2, tzinfo=UTC)
    shares: dict[str, Any] = {
        "share_changed": Decimal("0.3"),
        "share_gone": Decimal("0.1"),
        "share_new": Decimal("0.1"),
    }
    plan = PlanVersion(1, TODAY, now, {f"R{number}": _line(f"R{number}") for number in range(20)}, {})
    without = revise(plan, seed="1", effective_at=now, today=TODAY, **shares)
    slightly = revise(plan, seed="1", effective_at=now, today=TODAY, share_slightly=Decimal("0.2"), **shares)
    assert (slightly.changed, slightly.new, set(slightly.gone)) == (without.changed, without.new, set(without.gone))
    assert len(slightly.slightly) == 4
    for reference in slightly.slightly:
        assert slightly.requirements[reference].quantity - plan.requirements[reference].quantity == 1


def _line(reference: str) -> Requirement:
    return Requirement(reference, "1710", "CH-0234", Decimal(100), "EA", TODAY, (Peg("B-1", Decimal(100), TODAY, "B"),))


def test_what_is_planned_individually_is_a_requirement_of_its_own_for_each_finished_good() -> None:
    plain = bicycle({("P1", "SPOKE"): Decimal(100)})
    both = {**plain.components, "TANDEM": [("WHEEL", Decimal(2))]}
    items = {
        **plain.items,
        "TANDEM": Item("TANDEM", "EA", True, 4),
        "SPOKE": replace(plain.items["SPOKE"], individual_at=frozenset({"P1"})),
    }
    model = replace(plain, components=both, items=items)
    day = date(2026, 6, 19)
    builds = [
        Build(f"{plant}-{item}", plant, item, Decimal(10), day) for plant in ("P1", "P2") for item in ("BIKE", "TANDEM")
    ]
    found = explode(model, builds, TODAY)
    assert {row.reference: row.quantity for row in found} == {
        "P1.SPOKE.260608.BIKE": Decimal(620),
        "P1.SPOKE.260608.TANDEM": Decimal(720),
        "P2.SPOKE.260608": Decimal(1440),
    }


def test_a_peg_names_the_assembly_that_uses_the_item() -> None:
    plain = bicycle({})
    model = replace(plain, components={**plain.components, "BIKE": [("WHEEL", Decimal(2)), ("SPOKE", Decimal(3))]})
    model = replace(model, items={**model.items, "WHEEL": replace(model.items["WHEEL"], days=0)})
    (spokes,) = explode(model, [Build("B1", "P1", "BIKE", Decimal(1), date(2026, 6, 19))], TODAY)
    assert {peg.assembly: peg.quantity for peg in spokes.pegs} == {"BIKE": Decimal(3), "WHEEL": Decimal(72)}
    reported = requirement_data(spokes)["pegging"]
    assert [peg["assembly"] for peg in reported] == ["BIKE", "WHEEL"]
