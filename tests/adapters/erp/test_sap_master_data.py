"""Items and their sources, read from SAP's master data."""

import asyncio
import datetime as dt
import json
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from adapters.erp.sap.client import SapErp
from adapters.erp.sap.master import SapMasterData
from adapters.errors import PermanentError, TransientError
from canonical.calendar import Calendar
from canonical.order import Placed
from canonical.policy import RouteKind
from canonical.sourcing import ItemAtPlant, PriceBreak, UnknownItem
from tests.adapters.erp.documents import document, line, policies
from tests.adapters.erp.sap import Sap

ITEM = "MZ-RM-R14-01"
PARTNERS = "API_BUSINESS_PARTNER"


@pytest.fixture(autouse=True)
def unhurried(sap: Sap) -> None:
    """None of these stories is about a time-out, and thirty items take longer on a busy machine."""
    sap.http.timeout = 10


@pytest.fixture
def master(sap: Sap) -> SapMasterData:
    return SapMasterData(sap.http, cache_seconds=60, calendar=Calendar(name="US", zone="America/Chicago"))


async def known(master: SapMasterData, plant: str = "1710", item: str = ITEM) -> ItemAtPlant:
    found = await master.item_at_plant(plant, item)
    assert isinstance(found, ItemAtPlant), found
    return found


async def test_an_item_is_read_with_its_sources_by_preference(master: SapMasterData) -> None:
    item = await known(master)
    assert (item.description, item.base_unit, item.material_group) == ("Frame-R14", "H87", "L002")
    assert item.goods_receipt_days == 2
    first, second, _ = item.sources
    assert (first.preference, first.supplier, first.supplier_name) == (1, "17300002", "Frames & Forks")
    assert (second.preference, second.supplier, second.info_record) == (2, "17300001", "5300000354")
    assert first.calendar.name == "US"


async def test_terms_are_the_info_records(master: SapMasterData) -> None:
    second = (await known(master)).sources[1]
    assert second.lead_time_days == 19
    assert (second.minimum_quantity, second.multiple, second.maximum_quantity) == (
        Decimal(20),
        Decimal(10),
        Decimal(500),
    )
    assert (second.price, second.price_unit, second.currency) == (Decimal("0.10"), Decimal(1), "USD")


async def test_without_an_own_multiple_the_plants_rounding_value_holds(master: SapMasterData) -> None:
    first = (await known(master)).sources[0]
    assert (first.minimum_quantity, first.multiple, first.maximum_quantity) == (Decimal(0), Decimal(5), None)
    assert (first.price, first.price_unit) == (Decimal(12), Decimal(100))


async def test_without_any_multiple_counted_goods_come_whole_and_others_by_the_gram(master: SapMasterData) -> None:
    steel = (await known(master, item="MZ-STEEL")).sources[0]
    assert (steel.unit, steel.multiple) == ("KGM", Decimal("0.001"))


async def test_a_supplier_that_purchasing_blocked_says_so(master: SapMasterData) -> None:
    blocked = {source.supplier: source.blocked for source in (await known(master)).sources}
    assert blocked == {"17300002": False, "17300001": False, "17300003": True}


async def frames_are_made_of_steel(sap: Sap) -> None:
    plant = {"Plant": "1710", "GoodsReceiptDuration": 2, "ABCIndicator": "A"}
    await sap.post(
        "/control/master-data",
        {
            "products": [
                {
                    "Product": ITEM,
                    "BaseUnit": "PC",
                    "plants": [plant],
                    "units": [{"AlternativeUnit": "BOX", "QuantityNumerator": 12}],
                }
            ],
            "info_records": [
                {
                    "PurchasingInfoRecord": "5300000354",
                    "PurchasingInfoRecordCategory": "3",
                    "Supplier": "17300001",
                    "Material": ITEM,
                    "PurchasingOrganization": "1710",
                    "Plant": "1710",
                    "MaterialPlannedDeliveryDurn": 10,
                    "NetPriceAmount": "0.04",
                    "Currency": "USD",
                }
            ],
            "boms": [
                {
                    "Material": ITEM,
                    "Plant": "1710",
                    "BOMHeaderQuantityInBaseUnit": 4,
                    "items": [{"BillOfMaterialComponent": "MZ-STEEL", "BillOfMaterialItemQuantity": "10"}],
                }
            ],
        },
    )


async def test_class_units_and_what_a_subcontractor_is_given_are_read_of_sap(master: SapMasterData, sap: Sap) -> None:
    await frames_are_made_of_steel(sap)
    item = await known(master)
    assert item.item_class == "A"
    assert [(one.unit, one.numerator, one.denominator) for one in item.conversions] == [("BX", Decimal(12), Decimal(1))]
    assert [(one.item, one.quantity, one.unit, one.per) for one in item.components] == [
        ("MZ-STEEL", Decimal(10), "KGM", Decimal(4))
    ]
    routes = [(source.supplier, source.route, source.lead_time_days) for source in item.sources]
    assert ("17300001", RouteKind.SUBCONTRACT, 10) in routes
    assert ("17300001", RouteKind.DIRECT, 19) in routes
    fetched = SapMasterData(sap.http, calendar=Calendar(name="US", zone="America/Chicago"))
    await fetched.prefetch(["1710"])
    assert await known(fetched) == item


async def test_a_block_is_asked_for_again_since_somebody_lifts_it(master: SapMasterData, sap: Sap) -> None:
    blocked = {"Plant": "1710", "ProfileCode": "01"}
    frame = {"Product": ITEM, "BaseUnit": "PC", "plants": [blocked]}
    await sap.post("/control/master-data", {"products": [frame]})
    assert (await known(master)).blocked.startswith("status 01")
    await sap.post("/control/master-data", {"products": [{**frame, "plants": [{"Plant": "1710"}]}]})
    assert (await known(master)).blocked == ""


async def test_an_item_without_terms_at_the_plant_has_no_source(master: SapMasterData) -> None:
    assert (await known(master, plant="1720")).sources == ()


@pytest.mark.parametrize(
    ("plant", "item", "detail"),
    [
        ("1710", "NO-SUCH-ITEM", "no product NO-SUCH-ITEM"),
        ("9999", ITEM, "not kept at plant 9999"),
        ("1710", "MZ-ODD", "'XYZ' has no UN/ECE code"),
    ],
)
async def test_what_can_not_be_ordered_from_is_unknown_and_says_why(
    master: SapMasterData, plant: str, item: str, detail: str
) -> None:
    found = await master.item_at_plant(plant, item)
    assert isinstance(found, UnknownItem)
    assert detail in found.detail


async def test_many_who_ask_at_the_same_time_ask_sap_once(master: SapMasterData, sap: Sap) -> None:
    sap.fault("slow", PARTNERS, method="GET", seconds=0.01, times=99)
    answers = await asyncio.gather(*(known(master) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert sap.simulator.plan.planned[0].hits == 1


async def test_items_that_are_asked_for_at_the_same_time_are_read_together(master: SapMasterData, sap: Sap) -> None:
    await frames_are_made_of_steel(sap)
    alone = [await known(SapMasterData(sap.http), item=item) for item in (ITEM, "MZ-STEEL")]
    sap.fault("slow", "API_INFORECORD", method="GET", seconds=0.01, times=99)
    asked = [ITEM, "MZ-STEEL", "NOBODY", "1' or Material eq '2"]
    first, *others = await asyncio.gather(*(master.item_at_plant("1710", item) for item in [ITEM, *asked]))
    assert sap.simulator.plan.planned[0].hits == 1
    assert first == others[0]
    calendar = {"sources"}
    assert isinstance(others[1], ItemAtPlant)
    assert [others[0].model_dump(exclude=calendar), others[1].model_dump(exclude=calendar)] == [
        each.model_dump(exclude=calendar) for each in alone
    ]
    assert [source.supplier for source in others[1].sources] == [source.supplier for source in alone[1].sources]
    assert [type(each) for each in others[2:]] == [UnknownItem, UnknownItem]


async def test_a_read_that_fails_fails_for_all_who_asked_and_is_made_again(master: SapMasterData, sap: Sap) -> None:
    sap.fault("status", "API_INFORECORD", method="GET", status=503)
    answers = await asyncio.gather(
        *(master.item_at_plant("1710", item) for item in (ITEM, "MZ-STEEL", "NOBODY")), return_exceptions=True
    )
    assert [type(each) for each in answers] == [TransientError] * 3
    assert (await known(master)).item == ITEM


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(master: SapMasterData) -> None:
    impatient = asyncio.create_task(known(master))
    patient = asyncio.create_task(known(master))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).item == ITEM


async def test_an_answer_holds_for_its_time_and_is_then_asked_again(sap: Sap) -> None:
    now = 0.0
    master = SapMasterData(sap.http, cache_seconds=60, clock=lambda: now)
    sap.fault("slow", PARTNERS, method="GET", seconds=0, times=99)
    await known(master)
    now = 59.0
    await known(master)
    assert sap.simulator.plan.planned[0].hits == 1
    now = 60.0
    await known(master)
    assert sap.simulator.plan.planned[0].hits == 2


async def test_outdated_master_data_is_read_again_along_with_the_requested(sap: Sap) -> None:
    await frames_are_made_of_steel(sap)
    now = 0.0
    master = SapMasterData(sap.http, cache_seconds=60, clock=lambda: now)
    await known(master)
    await known(master, item="MZ-STEEL")
    now = 60.0
    sap.fault("slow", "API_INFORECORD", method="GET", seconds=0, times=99)
    calls = sap.simulator.plan.planned[0]
    both = [await known(master), await known(master, item="MZ-STEEL")]
    assert calls.hits == 1
    alone = SapMasterData(sap.http)
    assert both == [await known(alone), await known(alone, item="MZ-STEEL")]


async def test_one_call_reads_twenty_items_at_most(sap: Sap) -> None:
    items = [f"BULK-{n:02d}" for n in range(30)]
    products = [{"Product": item, "BaseUnit": "EA", "plants": [{"Plant": "1710"}]} for item in items]
    terms = {"Supplier": "17300001", "PurchasingOrganization": "1710", "Plant": "1710"}
    terms |= {"NetPriceAmount": "1.00", "Currency": "USD"}
    records = [terms | {"PurchasingInfoRecord": f"54{item[-2:]}", "Material": item} for item in items]
    await sap.post("/control/master-data", {"products": products, "info_records": records})
    now = 0.0
    master = SapMasterData(sap.http, cache_seconds=60, clock=lambda: now)
    assert await master.prefetch(["1710"]) >= 30
    now = 60.0
    sap.fault("slow", "API_INFORECORD", method="GET", seconds=0, times=99)
    calls = sap.simulator.plan.planned[0]
    for item in items[:20]:
        await known(master, item=item)
    assert calls.hits == 1
    await known(master, item=items[20])
    assert calls.hits == 2


async def test_what_is_up_to_date_is_not_read_along(sap: Sap) -> None:
    await frames_are_made_of_steel(sap)
    now = 0.0
    master = SapMasterData(sap.http, cache_seconds=60, clock=lambda: now)
    await known(master)
    now = 30.0
    await known(master, item="MZ-STEEL")
    now = 60.0
    await known(master)
    sap.fault("slow", "API_INFORECORD", method="GET", seconds=0, times=99)
    now = 90.0
    await known(master, item="MZ-STEEL")
    assert sap.simulator.plan.planned[0].hits == 1, "what was read along at 60 would hold until 120"


@pytest.mark.parametrize("item", [ITEM, "MZ-STEEL"])
async def test_what_is_read_along_takes_nothing_from_what_is_asked_for_in_another_spelling(sap: Sap, item: str) -> None:
    await frames_are_made_of_steel(sap)
    now = 0.0
    master = SapMasterData(sap.http, cache_seconds=60, clock=lambda: now)
    await known(master, item="MZ-STEEL")
    now = 60.0
    found = await known(master, item=item.lower())
    assert found.sources == (await known(SapMasterData(sap.http), item=item)).sources


async def test_what_is_unknown_is_asked_again_since_somebody_fixes_it(master: SapMasterData, sap: Sap) -> None:
    assert isinstance(await master.item_at_plant("1710", "MZ-NEW"), UnknownItem)
    await sap.post(
        "/control/master-data",
        {"products": [{"Product": "MZ-NEW", "BaseUnit": "EA", "plants": [{"Plant": "1710"}]}]},
    )
    assert (await known(master, item="MZ-NEW")).base_unit == "EA"


async def test_a_failure_is_not_remembered(master: SapMasterData, sap: Sap) -> None:
    sap.fault("status", PARTNERS, method="GET", status=503)
    with pytest.raises(TransientError):
        await known(master)
    assert (await known(master)).item == ITEM


async def test_a_plant_is_fetched_ahead_in_a_handful_of_calls(master: SapMasterData, sap: Sap) -> None:
    sap.fault("slow", "", method="GET", seconds=0, times=999)
    assert await master.prefetch(["1710"]) == 2
    calls = sap.simulator.plan.planned[0].hits
    assert calls <= 5
    fetched = [await known(master), await known(master, item="MZ-STEEL")]
    assert sap.simulator.plan.planned[0].hits == calls
    singly = SapMasterData(sap.http, calendar=Calendar(name="US", zone="America/Chicago"))
    assert fetched == [await known(singly), await known(singly, item="MZ-STEEL")]


async def test_several_plants_are_fetched_together_and_only_what_they_keep(master: SapMasterData, sap: Sap) -> None:
    """What they share is read once; products and suppliers of other plants are not read."""
    elsewhere = {"Product": "MZ-OTHER", "BaseUnit": "EA", "plants": [{"Plant": "1720"}]}
    await sap.post("/control/master-data", {"products": [elsewhere]})
    seen: list[str] = []

    async def note(request: httpx.Request) -> None:
        seen.append(unquote(str(request.url)))

    sap.http.event_hooks["request"].append(note)
    assert await master.prefetch(["1710"]) == 2
    assert not any("MZ-OTHER" in query for query in seen)
    (info_records,) = (query for query in seen if "A_PurgInfoRecdOrgPlantData" in query)
    assert "Plant eq '' or Plant eq '1710'" in info_records
    seen.clear()
    assert await SapMasterData(sap.http).prefetch(["1710", "1720"]) == 2
    sets = [query.partition("?")[0].rpartition("/")[2] for query in seen]
    assert len(sets) == len(set(sets)), "each set once for both plants"


async def test_no_plant_is_no_call(master: SapMasterData, sap: Sap) -> None:
    sap.fault("slow", "", method="GET", seconds=0, times=9)
    assert await master.prefetch([]) == 0
    assert sap.simulator.plan.planned[0].hits == 0


TUBES = {
    "PurchasingInfoRecord": "5300000900",
    "Supplier": "17300001",
    "Material": "MZ-TUBE",
    "PurchasingOrganization": "1710",
    "Plant": "1710",
    "OrderUnit": "BOX",
    "MaterialPlannedDeliveryDurn": 9,
    "NetPriceAmount": "90.00",
    "Currency": "USD",
}


async def tubes(sap: Sap, **more: Any) -> None:
    """Tubes: a box is 12 pieces at the material."""
    units = [{"AlternativeUnit": "BOX", "QuantityNumerator": 12}]
    product = {"Product": "MZ-TUBE", "BaseUnit": "PC", "plants": [{"Plant": "1710"}], "units": units}
    await sap.post("/control/master-data", {"products": [product], **more})


async def read_both_ways(sap: Sap) -> ItemAtPlant:
    """By itself, and with the whole plant: the same."""
    ahead = SapMasterData(sap.http)
    await ahead.prefetch(["1710"])
    found = await known(ahead, item="MZ-TUBE")
    assert await known(SapMasterData(sap.http), item="MZ-TUBE") == found
    return found


async def test_prices_by_date_and_quantity_are_read_with_the_suppliers_own_box(sap: Sap) -> None:
    scale = [
        {"ConditionScaleQuantity": quantity, "ConditionRateValue": price}
        for quantity, price in (("1", "95.00"), ("10", "80.00"))
    ]
    prices = [
        {"ConditionRateValue": "90.00", "ConditionValidityEndDate": "2099-06-30"},
        {"ConditionRateValue": "95.00", "ConditionValidityStartDate": "2099-07-01", "scale": scale},
    ]
    terms = TUBES | {"OrderItemQtyToBaseQtyNmrtr": 10, "OrderItemQtyToBaseQtyDnmntr": 1}
    terms |= {"prices": prices, "PriceValidityEndDate": "2099-06-30", "AvailabilityEndDate": "2099-12-31"}
    await tubes(sap, info_records=[terms])
    first, second = (await read_both_ways(sap)).sources
    assert (first.unit, first.base_units, first.purchasing_organization) == ("BX", (Decimal(10), Decimal(1)), "1710")
    assert (first.price, first.price_to) == (Decimal("90.00"), dt.date(2099, 6, 30))
    assert (second.price, second.price_from) == (Decimal("95.00"), dt.date(2099, 7, 1))
    assert second.price_breaks == (PriceBreak(from_quantity=Decimal(10), price=Decimal("80.00")),)
    assert first.available_to == second.available_to == dt.date(2099, 12, 31)


async def test_an_outline_agreement_is_read_with_what_orders_have_left_of_it(erp: SapErp, sap: Sap) -> None:
    item = {
        "PurchaseContractItem": 10,
        "Material": "MZ-TUBE",
        "OrderQuantityUnit": "BOX",
        "ContractNetPriceAmount": "70.00",
        "TargetQuantity": 100,
    }
    contract = {
        "PurchaseContract": "4600000010",
        "Supplier": "17300001",
        "PurchasingOrganization": "1710",
        "DocumentCurrency": "USD",
        "PurchaseContractTargetAmount": "5000.00",
        "items": [item],
    }
    listed = {
        "Material": "MZ-TUBE",
        "Plant": "1710",
        "Supplier": "17300001",
        "PurchaseOutlineAgreement": "4600000010",
        "PurchaseOutlineAgreementItem": 10,
    }
    await tubes(sap, info_records=[TUBES], contracts=[contract], source_list=[listed])
    (source,) = (await read_both_ways(sap)).sources
    assert source.agreement is not None
    left = (source.price, source.agreement.quantity_left, source.agreement.value_left)
    assert left == (Decimal("70.00"), Decimal(100), Decimal(5000))
    agreed = source.agreement.reference
    tube = line(quantity="30", item="MZ-TUBE", unit="BX", price=Decimal(70), info_record="5300000900", agreement=agreed)
    placed = await erp.place_order(document(tube), key="order/1#place-1", maybe_written=False)
    assert isinstance(placed, Placed)
    assert sap.item(placed.order_number)["PurchaseContract"] == "4600000010"
    (source,) = (await read_both_ways(sap)).sources
    assert source.agreement is not None
    assert (source.agreement.quantity_left, source.agreement.value_left) == (Decimal(70), Decimal(2900))


async def test_a_large_plant_is_read_page_by_page(master: SapMasterData, sap: Sap) -> None:
    products = [{"Product": f"BULK-{n:04d}", "BaseUnit": "EA", "plants": [{"Plant": "1710"}]} for n in range(520)]
    records = [
        {
            "PurchasingInfoRecord": f"54{n:08d}",
            "Supplier": "17300001",
            "Material": f"BULK-{n:04d}",
            "PurchasingOrganization": "1710",
            "Plant": "1710",
            "NetPriceAmount": "1.00",
            "Currency": "USD",
        }
        for n in range(520)
    ]
    await sap.post("/control/master-data", {"products": products, "info_records": records})
    assert await master.prefetch(["1710"]) == 522


async def test_multiple_and_units_are_read_by_the_plants_own_customizing(sap: Sap) -> None:
    own = policies("1710", multiple_field="MaximumOrderQuantity", units={"TNE": ["KG"]})
    master = SapMasterData(sap.http, policies=own)
    frame, steel = await known(master), await known(master, item="MZ-STEEL")
    assert {source.supplier: source.multiple for source in frame.sources}["17300001"] == 500
    assert (steel.base_unit, steel.sources[0].unit) == ("TNE", "TNE")


@pytest.mark.parametrize(
    ("statuses", "blocked"),
    [
        ({"01": "blocked"}, ""),
        ({"Z9": "being phased out"}, "status Z9 at the plant: being phased out"),
        ({"Z9": ""}, ""),
    ],
)
async def test_which_status_blocks_is_the_plants_own(sap: Sap, statuses: dict[str, str], blocked: str) -> None:
    product = {"Product": ITEM, "BaseUnit": "PC", "plants": [{"Plant": "1710", "ProfileCode": "Z9"}]}
    await sap.post("/control/master-data", {"products": [product]})
    master = SapMasterData(sap.http, policies=policies("1710", blocking_status=statuses))
    assert (await known(master)).blocked == blocked


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("row", [{}, {"Plant": "1710"}])
async def test_rows_of_another_shape_are_an_error_of_the_erp(master: SapMasterData, sap: Sap, row: object) -> None:
    body = json.dumps({"d": {"results": [row]}})
    sap.fault("answer", r"A_ProductPlant\?", "GET", status=200, headers=JSON, body=body, times=2)
    with pytest.raises(PermanentError, match=r"can't be read .KeyError: 'Product'.; compare the \$metadata"):
        await master.item_at_plant("1710", ITEM)
    with pytest.raises(PermanentError, match="master data of plant 1710 can't be read"):
        await master.prefetch(["1710"])
    await known(master)


async def test_an_unreadable_record_makes_its_item_unknown_and_no_other(master: SapMasterData, sap: Sap) -> None:
    odd = {"Product": ITEM, "BaseUnit": "PC", "to_ProductUnitsOfMeasure": [{"QuantityNumerator": "1"}]}
    tube = {"Product": "MZ-TUBE", "BaseUnit": "PC"}
    body = json.dumps({"d": {"results": [odd, tube]}})
    sap.fault("answer", r"A_Product\?", "GET", status=200, headers=JSON, body=body)
    found, other = await asyncio.gather(master.item_at_plant("1710", ITEM), master.item_at_plant("1710", "MZ-TUBE"))
    assert isinstance(found, UnknownItem)
    assert "records of product MZ-RM-R14-01 can't be read (KeyError: 'AlternativeUnit')" in found.detail
    assert isinstance(other, ItemAtPlant)
