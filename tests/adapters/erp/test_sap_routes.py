"""Transfers and subcontracts are placed once, whatever happens to the calls, and requisitions are given up."""

import datetime as dt
from decimal import Decimal

import pytest

from adapters.erp.sap.client import SapErp
from adapters.errors import TransientError
from canonical.order import OrderDocument, Placed, PlaceOutcome, Refused, Written
from tests.adapters.erp.documents import component, document, line, policies, subcontract, transfer, written
from tests.adapters.erp.sap import ORDERS, REQUISITIONS, Sap

LOST = pytest.mark.parametrize("kind", ["slow", "timeout_after_write", "write_late", "cut"])
STEP = pytest.mark.parametrize("step", [REQUISITIONS, ORDERS], ids=["requisition", "order"])
LATER = dt.date(2027, 3, 15)


def placed(outcome: PlaceOutcome) -> Placed:
    assert isinstance(outcome, Placed), outcome
    return outcome


async def placed_at_last(erp: SapErp, what: OrderDocument) -> Placed:
    """As the activity does it: after an ambiguous failure, unsure."""
    maybe_written = False
    for _ in range(3):
        try:
            return placed(await erp.place_order(what, key="place", maybe_written=maybe_written))
        except TransientError as error:
            maybe_written = maybe_written or error.maybe_written
    raise AssertionError("not placed")


# Transfers


async def test_a_transfer_is_a_stock_transport_order_of_the_supplying_plant(erp: SapErp, sap: Sap) -> None:
    found = placed(await erp.place_order(transfer(), key="place", maybe_written=False))
    (requisition,), (order,) = sap.requisitions, sap.orders
    assert (order["PurchaseOrderType"], order["SupplyingPlant"], order["Supplier"]) == ("UB", "1720", "")
    assert (order["items"][0]["PurchaseOrderItemCategory"], order["items"][0]["NetPriceAmount"]) == ("7", "0.00")
    (item,) = requisition["items"]
    assert (item["PurchasingDocumentItemCategory"], item["SupplyingPlant"], item["FixedSupplier"]) == ("7", "1720", "")
    assert item["PurchasingDocument"] == found.order_number
    assert item["PurReqnExternalReference"] == transfer().reference


async def test_a_transfer_is_refused_where_the_plant_has_not_switched_them_on(sap: Sap) -> None:
    refused = await SapErp(sap.http).place_order(transfer(), key="place", maybe_written=False)
    assert isinstance(refused, Refused)
    assert refused.code == "transfers_off"
    assert "erp.transfers" in refused.reason
    assert sap.writes == 0


async def test_documents_are_found_again_in_the_plants_own_fields(sap: Sap) -> None:
    own = policies(
        order_reference_field="CorrespncInternalReference", requisition_reference_field="PurReqnExternalSystemId"
    )
    erp = SapErp(sap.http, policies=own)
    first, again = [placed(await erp.place_order(document(), key="place", maybe_written=False)) for _ in range(2)]
    assert again.found_existing
    assert first.order_number == again.order_number
    assert (len(sap.orders), len(sap.requisitions)) == (1, 1)


async def test_an_order_that_pegline_numbers_can_not_be_there_twice(sap: Sap) -> None:
    erp = SapErp(sap.http, settle_seconds=0.1, policies=policies(order_number_prefix="P"))
    first = placed(await erp.place_order(document(), key="place", maybe_written=False))
    assert first.order_number == f"P{document().reference[-9:]}"
    # As another worker that does not find the first one.
    nothing = {"status": 200, "headers": {"content-type": "application/json"}, "body": '{"d": {"results": []}}'}
    sap.fault("answer", r"A_Purchase(Order|RequisitionItem)\?", "GET", times=2, **nothing)
    found = await erp.place_order(document(), key="place again", maybe_written=False)
    assert placed(found).order_number == first.order_number
    assert len(sap.orders) == 1


@LOST
@STEP
async def test_a_transfer_whose_answer_was_lost_stays_the_only_one(erp: SapErp, sap: Sap, step: str, kind: str) -> None:
    sap.fault(kind, step, seconds=0.4)
    found = await placed_at_last(erp, transfer())
    await sap.simulator.settled()
    assert sap.all_faults_struck
    (requisition,), (order,) = sap.requisitions, sap.orders
    assert (requisition["PurchaseRequisition"], order["PurchaseOrder"]) == (
        found.requisition_number,
        found.order_number,
    )
    again = placed(await erp.place_order(transfer(), key="place", maybe_written=False))
    assert again == found.model_copy(update={"found_existing": True, "duplicates": ()})


async def test_what_the_plant_can_not_supply_is_refused_in_saps_words(erp: SapErp, sap: Sap) -> None:
    steel = line(item="MZ-STEEL", unit="KGM", price=Decimal(0), info_record=None)
    refused = await erp.place_order(transfer(steel), key="place", maybe_written=False)
    assert isinstance(refused, Refused)
    assert "not maintained in plant 1720" in refused.reason
    assert sap.orders == []


async def test_a_transfer_is_changed_and_scheduled_like_any_order(erp: SapErp, sap: Sap) -> None:
    number = placed(await erp.place_order(transfer(), key="place", maybe_written=False)).order_number
    moved = line(10, "80", delivery_date=LATER, info_record=None, written=written(price="0"))
    changed = transfer(moved, order_number=number, changed_lines=(10,))
    assert isinstance(await erp.change_order(changed, key="change-2"), Written)
    assert sap.schedule(number) == [("2027-03-15", "80", "0")]


# Subcontracts


async def test_a_subcontract_carries_what_the_supplier_is_given(erp: SapErp, sap: Sap) -> None:
    two = line(components=(component(), component("MZ-TUBE", "33.3333", "H87", date=dt.date(2027, 2, 3))))
    found = placed(await erp.place_order(subcontract(two), key="place", maybe_written=False))
    item = sap.item(found.order_number)
    assert (item["PurchaseOrderItemCategory"], item["NetPriceAmount"]) == ("3", "0.10")
    assert sap.components(found.order_number) == [
        ("MZ-STEEL", "250", "KG", "2027-02-01"),
        ("MZ-TUBE", "33.334", "PC", "2027-02-03"),
    ]
    assert sap.orders[0]["Supplier"] == "17300001"
    assert sap.requisitions[0]["items"][0]["PurchasingDocumentItemCategory"] == "3"


@LOST
async def test_a_subcontract_whose_answer_was_lost_stays_the_only_one(erp: SapErp, sap: Sap, kind: str) -> None:
    sap.fault(kind, ORDERS, seconds=0.4)
    found = await placed_at_last(erp, subcontract())
    await sap.simulator.settled()
    assert sap.all_faults_struck
    (order,) = sap.orders
    assert order["PurchaseOrder"] == found.order_number
    assert sap.components(found.order_number) == [("MZ-STEEL", "250", "KG", "2027-02-01")]


async def test_components_follow_a_changed_line_and_a_lost_answer_doubles_none(erp: SapErp, sap: Sap) -> None:
    number = placed(await erp.place_order(subcontract(), key="place", maybe_written=False)).order_number
    given = (component(quantity="201", date=dt.date(2027, 2, 8)), component("MZ-TUBE", "80", "H87"))
    change = subcontract(
        line(10, "80", delivery_date=LATER, components=given, written=written()),
        order_number=number,
        changed_lines=(10,),
    )
    sap.fault("timeout_after_write", r"\$batch$", after=1, seconds=0.4)
    with pytest.raises(TransientError):
        await erp.change_order(change, key="change-2")
    assert isinstance(await erp.change_order(change, key="change-2"), Written)
    assert sap.all_faults_struck
    assert sap.schedule(number) == [("2027-03-15", "80", "0")]
    assert sorted(sap.components(number)) == [
        ("MZ-STEEL", "201", "KG", "2027-02-08"),
        ("MZ-TUBE", "80", "PC", "2027-02-01"),
    ]
    assert await erp.change_order(change, key="change-2") == Written(reference=number, writes=0)


async def test_a_component_that_is_double_or_no_longer_given_is_taken_away(erp: SapErp, sap: Sap) -> None:
    three = (component(), component("MZ-TUBE", "80", "H87"), component("MZ-TUBE", "80", "H87"))
    number = placed(
        await erp.place_order(subcontract(line(components=three)), key="place", maybe_written=False)
    ).order_number
    only = line(components=(component("MZ-TUBE", "80", "H87"),), written=written())
    change = subcontract(only, order_number=number, changed_lines=(10,))
    assert await erp.change_order(change, key="change-2") == Written(reference=number, writes=2)
    assert sap.components(number) == [("MZ-TUBE", "80", "PC", "2027-02-01")]


async def test_a_component_in_a_unit_that_sap_does_not_know_is_refused_before_anything_is_written(
    erp: SapErp, sap: Sap
) -> None:
    odd = subcontract(line(components=(component(unit="MTQ").model_copy(update={"unit": "XXX"}),)))
    refused = await erp.place_order(odd, key="place", maybe_written=False)
    assert isinstance(refused, Refused)
    assert (refused.code, sap.writes) == ("unknown_unit", 0)


# Requisitions that are given up


async def refused_after_requisition(erp: SapErp) -> OrderDocument:
    """SAP takes a requisition without a currency, but no order."""
    requested = document(line(10), line(20), currency="")
    refused = await erp.place_order(requested, key="place", maybe_written=False)
    assert isinstance(refused, Refused), refused
    return requested


async def test_the_requisition_of_an_order_that_will_not_be_is_deleted_once(erp: SapErp, sap: Sap) -> None:
    requested = await refused_after_requisition(erp)
    assert len(sap.requisitions) == 1
    outcome = await erp.cancel_requisition(requested, key="give-up")
    assert isinstance(outcome, Written)
    assert (outcome.writes, sap.requisitions) == (2, [])
    again = await erp.cancel_requisition(requested, key="give-up")
    assert isinstance(again, Written)
    assert again.writes == 0


@LOST
async def test_a_lost_answer_gives_the_requisition_up_all_the_same(erp: SapErp, sap: Sap, kind: str) -> None:
    requested = await refused_after_requisition(erp)
    sap.fault(kind, r"\$batch$", seconds=0.4)
    with pytest.raises(TransientError) as caught:
        await erp.cancel_requisition(requested, key="give-up")
    assert caught.value.maybe_written
    outcome = await erp.cancel_requisition(requested, key="give-up")
    await sap.simulator.settled()
    assert isinstance(outcome, Written), outcome
    assert sap.requisitions == []


async def test_items_that_an_order_took_stay(erp: SapErp, sap: Sap) -> None:
    placed(await erp.place_order(document(), key="place", maybe_written=False))
    outcome = await erp.cancel_requisition(document(), key="give-up")
    assert isinstance(outcome, Written)
    assert (outcome.writes, len(sap.requisitions)) == (0, 1)


async def test_where_there_is_no_requisition_there_is_nothing_to_give_up(erp: SapErp, sap: Sap) -> None:
    assert isinstance(await erp.cancel_requisition(document(), key="give-up"), Written)
    assert sap.writes == 0
