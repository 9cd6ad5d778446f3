"""The demo's data: real figures in, and a plan of the size that the story needs out."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pytest

from demo import purchasing, site
from simulators.aps.bodies import BomBody, ItemBody, ModelBody, PlanBody, StockBody
from simulators.aps.explosion import Requirement, working_days_before
from simulators.aps.planning import Planning
from simulators.books import Clock
from simulators.erp.master import MasterData, MasterDataLoad
from simulators.outbox import Outbox

WEEK = [date(2026, 6, 1) + timedelta(days=day) for day in range(7)]


def requirements(today: date) -> list[Requirement]:
    planning = Planning("test", Outbox("http://nowhere"), Clock())
    planning.learn(ModelBody.model_validate(site.aps_model()))
    plan = planning.plan(PlanBody.model_validate(site.aps_plan(today, "2026-06-01T05:00:00+00:00")))
    return list(plan.requirements.values())


def test_every_number_refers_to_an_item_and_none_holds_a_slash() -> None:
    items = {row["item"] for row in site.rows("items")}
    assert not [item for item in items if "/" in item or len(item) > 40]
    assert {row["assembly"] for row in site.rows("bom")} | {row["component"] for row in site.rows("bom")} == items
    assert {row["item"] for row in site.rows("sources")} <= items
    assert {row["item"] for row in site.rows("stock")} <= items


def test_files_are_small_and_codes_fit_the_erp() -> None:
    for file in (Path(site.__file__).parent / "data").iterdir():
        assert file.stat().st_size < 250_000
    suppliers = [row["supplier"] for row in site.rows("vendors")]
    assert len(set(suppliers)) == len(suppliers)
    assert all(len(supplier) <= 10 for supplier in suppliers)
    assert all(len(plant.code) == 4 for plant in site.PLANTS)


def test_every_stock_location_belongs_to_one_plant_and_no_stock_is_lost() -> None:
    locations = [location for plant in site.PLANTS for location in plant.locations]
    assert len(locations) == len(set(locations))
    assert sum(site.plant_stock().values()) == sum(Decimal(row["quantity"]) for row in site.rows("stock"))


@pytest.mark.parametrize("today", WEEK, ids=lambda day: f"{day:%A}")
def test_the_plan_has_some_four_hundred_requirements_whatever_the_day(today: date) -> None:
    found = requirements(today)
    assert 380 <= len(found) <= 430
    assert {row.plant for row in found} == {plant.code for plant in site.PLANTS}
    assert min(row.required_date for row in found) > today


@pytest.mark.parametrize("today", WEEK, ids=lambda day: f"{day:%A}")
def test_most_needs_fit_the_vendors_lead_time_and_some_do_not(today: date) -> None:
    first = {term.item: term for term in purchasing.purchasing_terms() if term.preference == 1}
    receipt = {plant.code: plant.goods_receipt_days for plant in site.PLANTS}
    planned = [row for row in requirements(today) if row.item in first]
    late = [
        row
        for row in planned
        if _request_by(row.required_date, receipt[row.plant], first[row.item].lead_time_days) < today
    ]
    assert 5 <= len(late) <= len(planned) * 0.15


def test_lines_share_orders_of_a_plant_and_a_supplier() -> None:
    first = {term.item: term for term in purchasing.purchasing_terms() if term.preference == 1}
    receipt = {plant.code: plant.goods_receipt_days for plant in site.PLANTS}
    lines: dict[tuple[str, str], list[date]] = defaultdict(list)
    for row in requirements(WEEK[0]):
        if term := first.get(row.item):
            requested = (max(row.quantity, term.minimum) / term.multiple).to_integral_value(
                ROUND_CEILING
            ) * term.multiple
            lots = int((requested / term.maximum).to_integral_value(ROUND_CEILING))
            lines[row.plant, term.supplier] += [working_days_before(row.required_date, receipt[row.plant])] * lots
    orders = sum(_windows(docks) for docks in lines.values())
    assert 45 <= orders <= 85
    assert sum(map(len, lines.values())) / orders >= 3


def test_only_the_items_named_have_no_source_and_they_are_needed() -> None:
    bought = {row["item"] for row in site.rows("items") if row["make"] == "0"}
    sourced = {term.item for term in purchasing.purchasing_terms()}
    assert bought - sourced == set(purchasing.WITHOUT_SOURCE)
    assert set(purchasing.WITHOUT_SOURCE) <= {row.item for row in requirements(WEEK[0])}


def test_terms_leave_out_vendors_that_are_not_active_and_rank_the_rest() -> None:
    inactive = {row["supplier"] for row in site.rows("vendors") if row["active"] == "0"}
    by_item: dict[str, list[int]] = defaultdict(list)
    for term in purchasing.purchasing_terms():
        assert term.supplier not in inactive
        assert 0 < term.minimum <= term.maximum
        assert term.minimum % term.multiple == 0
        by_item[term.item].append(term.preference)
    assert all(ranks == list(range(1, len(ranks) + 1)) for ranks in by_item.values())
    assert sum(len(ranks) > 1 for ranks in by_item.values()) > 20


def test_a_price_is_for_what_the_vendor_sells_and_stands_for_as_many_base_units() -> None:
    chain = next(term for term in purchasing.purchasing_terms() if term.item == "CH-0234")
    assert (chain.price, chain.price_unit, chain.lead_time_days) == (Decimal("14.99"), Decimal(12), 19)
    assert (chain.minimum, chain.maximum) == (Decimal(240), Decimal(1200))


def test_master_data_names_every_plant_product_supplier_and_info_record_it_refers_to() -> None:
    data = purchasing.erp_master_data()
    plants = {row["Plant"] for row in data["plants"]}
    products = {row["Product"] for row in data["products"]}
    suppliers = {row["Supplier"] for row in data["suppliers"]}
    numbers = [row["PurchasingInfoRecord"] for row in data["info_records"]]
    bought = len(purchasing.purchasing_terms()) * len(plants)
    assert len(numbers) == len(set(numbers)) == bought + len(site.SUBCONTRACTS)
    assert {len(number) for number in numbers} == {10}
    for row in data["info_records"]:
        assert row["Plant"] in plants
        assert row["Material"] in products
        assert row["Supplier"] in suppliers


def test_the_erp_takes_the_master_data_as_it_is() -> None:
    data = purchasing.erp_master_data()
    loaded = MasterData().load(MasterDataLoad.model_validate(data))
    assert {kind: loaded[kind] for kind in data} == {kind: len(rows) for kind, rows in data.items()}


def test_the_model_is_what_the_planning_system_takes() -> None:
    model = site.aps_model()
    assert [ItemBody.model_validate(row) for row in model["items"]]
    assert [BomBody.model_validate(row) for row in model["bom"]]
    assert [StockBody.model_validate(row) for row in model["stock"]]


def _request_by(required: date, receipt_days: int, lead_time_days: int) -> date:
    dock = working_days_before(required, receipt_days)
    return working_days_before(dock - timedelta(days=lead_time_days), 1)


def _windows(docks: list[date]) -> int:
    """How many orders the dock dates make when an order spans at most ten days."""
    count, start = 0, date.min
    for dock in sorted(docks):
        if (dock - start).days > 10:
            count, start = count + 1, dock
    return count


def test_what_is_made_for_a_plant_is_planned_there_itself_and_its_components_are_provided() -> None:
    data = purchasing.erp_master_data()
    [bom] = data["boms"]
    assert (bom["Plant"], bom["Material"]) == ("1730", "FD-2342")
    components = {row["BillOfMaterialComponent"] for row in bom["items"]}
    at_plant = {row.item for row in requirements(WEEK[0]) if row.plant == "1730"}
    assert "FD-2342" in at_plant
    assert components == {"FC-3982", "FL-2301"}
    assert not components & at_plant
