"""The adapter's requests against SAP's own metadata, which SAP CAP serves: names, types, addresses and queries.

CAP has none of SAP's rules of purchasing: those are the simulator's (test_sap_v4). Which is refused here would be
refused by SAP.
"""

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.checking import fields_of, missing
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.units import Units
from adapters.erp.sap_v4 import mapping
from adapters.erp.sap_v4.fields import USED
from adapters.erp.sap_v4.odata import ORDERS, PRODUCTS, REQUISITIONS, ServiceName, V4Service
from adapters.erp.sap_v4.products import V4Products
from adapters.erp.sap_v4.purchasing import V4Purchasing
from adapters.http import make_client
from canonical.order import Edited, OrderDocument, Placed, Refused, Written
from canonical.policy import AccountAssignment, ErpDocuments
from canonical.sourcing import AgreementReference
from tests.adapters.erp.cap import Edmx, cap_server, edmx_directory
from tests.adapters.erp.documents import component, document, line, policies, subcontract, transfer, written

FILES: Mapping[ServiceName, str] = {
    ORDERS: "CE_PURCHASEORDER_0001",
    REQUISITIONS: "CE_PURCHASEREQUISITION_0001",
    PRODUCTS: "CE_PRODUCT_0002",
}
LATER = dt.date(2027, 3, 15)
FULL = ErpDocuments(
    order_number_prefix="7",
    storage_location="171C",
    confirmation_control="0001",
    tax_code="V1",
    account_assignment=AccountAssignment(
        category="K", gl_account="400000", cost_center="C1", internal_order="O1", wbs_element="W-1"
    ),
)
CALL_OFF = line(agreement=AgreementReference(number="4600000001", item=10), description="Frame")


@pytest.fixture(scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    async with cap_server(tmp_path_factory.mktemp("cap") / "project") as address, make_client(address) as client:
        yield client


@pytest.fixture
def erp(http: httpx.AsyncClient) -> SapErp:
    return SapErp(
        http,
        settle_seconds=0.5,
        look_every_seconds=0.05,
        purchasing=V4Purchasing(http, "erp"),
        policies=policies(transfers=True, **FULL.model_dump(exclude={"transfers", "order_number_prefix"})),
    )


def order_of(one: OrderDocument, rules: ErpDocuments) -> Mapping[str, Any]:
    return mapping.order_body(one, "10000001", Units(), rules)


def requisition_of(one: OrderDocument, rules: ErpDocuments) -> Mapping[str, Any]:
    return mapping.requisition_body(one, Units(), rules)


@pytest.mark.parametrize("service", FILES, ids=lambda service: service.name)
def test_every_field_that_is_used_is_in_saps_metadata(service: ServiceName) -> None:
    edmx = (edmx_directory() / f"{FILES[service]}.edmx").read_bytes()
    assert missing(fields_of(edmx), USED[service]) == []


@pytest.mark.parametrize(
    ("service", "entity_set", "body"),
    [
        *(
            (service, entity_set, make(one, rules))
            for one in (document(CALL_OFF, line(20)), transfer(), subcontract())
            for rules in (ErpDocuments(transfers=True), FULL)
            for service, entity_set, make in (
                (ORDERS, "PurchaseOrder", order_of),
                (REQUISITIONS, "PurchaseReqn", requisition_of),
            )
        ),
        (ORDERS, "PurchaseOrderItem", mapping.price_body(Decimal("0.1234"), Decimal(1))),
        (ORDERS, "PurchaseOrderItem", {"OrderQuantity": Decimal("1.5"), "IsCompletelyDelivered": True}),
        (ORDERS, "POSubcontractingComponent", {"Plant": "1710", **mapping.component_body(component(), Units())}),
        (REQUISITIONS, "PurchaseReqnItem", {"IsDeleted": True}),
    ],
)
def test_what_is_written_has_the_types_and_lengths_of_saps_metadata(
    service: ServiceName, entity_set: str, body: Mapping[str, Any]
) -> None:
    assert Edmx(edmx_directory() / f"{FILES[service]}.edmx").faults(entity_set, body) == []


async def test_an_order_is_placed_found_changed_and_cancelled(erp: SapErp) -> None:
    asked = document(line(10), line(20, "7"), reference="PLCAP0000001")
    placed = await erp.place_order(asked, key="k1", maybe_written=False)
    assert isinstance(placed, Placed), placed
    again = await erp.place_order(asked, key="k1", maybe_written=True)
    assert again == placed.model_copy(update={"found_existing": True})

    known = asked.model_copy(update={"order_number": placed.order_number})
    changed = known.model_copy(
        update={
            "lines": (line(10, "80.5", delivery_date=LATER, price=Decimal("0.12"), written=written()),),
            "changed_lines": (10,),
        }
    )
    outcome = await erp.change_order(changed, key="k2")
    assert isinstance(outcome, Written), outcome
    assert outcome.writes == 2
    assert await erp.change_order(changed, key="k2") == outcome.model_copy(update={"writes": 0})
    edited = await erp.change_order(
        known.model_copy(update={"lines": (line(10, "90", written=written()),), "changed_lines": (10,)}), key="k3"
    )
    assert isinstance(edited, Edited), edited


async def test_a_requisition_is_deleted_item_by_item_and_never_whole(erp: SapErp, http: httpx.AsyncClient) -> None:
    asked = document(reference="PLCAP0000002")
    service = V4Service(http, "erp", REQUISITIONS)
    body = mapping.requisition_body(asked, Units(), ErpDocuments())
    created = await service.create("PurchaseReqn", body, number="PurchaseRequisition", key="k")
    assert not isinstance(created, Refused)
    assert await erp.cancel_requisition(asked, key="c") == Written(reference=asked.reference, writes=1)
    assert await erp.cancel_requisition(asked, key="c") == Written(reference=asked.reference, writes=0)
    whole = await service.change([Operation("DELETE", f"PurchaseReqn/{created['PurchaseRequisition']}")], key="d")
    assert isinstance(whole, Refused), "the metadata allow no DELETE"


async def test_items_and_schedule_lines_go_in_by_their_parents_alone(http: httpx.AsyncClient) -> None:
    service = V4Service(http, "erp", ORDERS)
    body = mapping.order_body(document(reference="PLCAP0000003"), "10000001", Units(), ErpDocuments())
    created = await service.create("PurchaseOrder", body, number="PurchaseOrder", key="k")
    assert not isinstance(created, Refused)
    item = f"PurchaseOrderItem/{created['PurchaseOrder']}/10"
    slice_ = {"ScheduleLine": "2", "ScheduleLineDeliveryDate": "2027-04-01", "ScheduleLineOrderQuantity": Decimal(5)}
    refused = await service.change(
        [Operation("POST", "PurchaseOrderScheduleLine", {**slice_, "PurchaseOrder": created["PurchaseOrder"]})], key="a"
    )
    assert isinstance(refused, Refused), "the metadata allow no insert into the set itself"
    assert await service.change([Operation("POST", f"{item}/{mapping.SCHEDULE}", slice_)], key="b") is None
    lines = await service.read(f"{item}/{mapping.SCHEDULE}")
    assert [one["ScheduleLine"] for one in lines] == ["1", "2"]
    assert (
        await service.change(
            [Operation("DELETE", f"PurchaseOrderScheduleLine/{created['PurchaseOrder']}/10/2")], key="c"
        )
        is None
    )


async def test_the_sweep_and_products_ask_in_queries_that_the_services_take(
    erp: SapErp, http: httpx.AsyncClient
) -> None:
    twice = document(reference="PLCAP0000004")
    service = V4Service(http, "erp", ORDERS)
    for _ in range(2):
        made = await service.create(
            "PurchaseOrder", mapping.order_body(twice, "1", Units(), ErpDocuments()), number="PurchaseOrder", key="k"
        )
        assert not isinstance(made, Refused)
    await erp.duplicates(dt.date(2026, 1, 1))
    products = V4Products(http, "erp")
    assert await products.products("(Product eq 'A' or Product eq 'B')") == []
    assert await products.at_plants("(Product eq 'A' or Product eq 'B') and Plant eq '1710'") == []


async def test_numbers_are_exact(http: httpx.AsyncClient) -> None:
    service = V4Service(http, "erp", ORDERS)
    body = mapping.order_body(
        document(line(10, "1234567890.123"), reference="PLCAP0000005"), "1", Units(), ErpDocuments()
    )
    created = await service.create("PurchaseOrder", body, number="PurchaseOrder", key="k")
    assert not isinstance(created, Refused)
    (item,) = await service.read(f"PurchaseOrderItem/{created['PurchaseOrder']}/10")
    assert Decimal(item["OrderQuantity"]) == Decimal("1234567890.123")
