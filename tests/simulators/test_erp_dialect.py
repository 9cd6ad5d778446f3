"""The ERP speaks OData V2 as SAP Gateway does: sessions, tokens, keys, types, queries, errors."""

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from simulators.erp import create
from tests.simulators.erp_client import PO, PR, Caller, caller, error_of, in_days, order, requisition


async def test_without_the_right_password_nothing_is_disclosed() -> None:
    call = Caller(create())
    answer = await call.http.get(f"{PO}/A_PurchaseOrder", auth=("PEGLINE", "wrong"))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_token_is_fetched_by_reading_and_opens_the_session_for_writing(method: str) -> None:
    call = await caller()
    call.http.cookies.clear()
    fetched = await call.http.request(method, f"{PR}/", headers={"X-CSRF-Token": "Fetch"})
    call.token = fetched.headers["x-csrf-token"]
    assert await call.requisition() == "10000000"


async def test_a_write_without_a_token_is_refused_and_nothing_is_written() -> None:
    call = await caller()
    answer = await call.http.post(f"{PR}/A_PurchaseRequisitionHeader", json=requisition())
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")
    assert answer.text == "CSRF token validation failed"
    assert (await call.books())["requisitions"] == []


async def test_a_token_is_worth_nothing_without_its_session_or_after_the_session_expired() -> None:
    call = await caller()
    cookies = dict(call.http.cookies)
    call.http.cookies.clear()
    assert (await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition())).status_code == 403
    call.http.cookies.clear()
    call.http.cookies.update(cookies)
    assert (await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition())).status_code == 201
    await call.http.post("/control/sessions/expire")
    assert (await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition())).status_code == 403
    await call.log_on()
    assert (await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition())).status_code == 201


async def test_a_deep_insert_answers_what_it_inserted_with_keys_and_types_as_sap_writes_them() -> None:
    call = await caller()
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder", order(quantity="12.500"))
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/A_PurchaseOrder('4500000000')")
    header = answer.json()["d"]
    [item] = header["to_PurchaseOrderItem"]["results"]
    [line] = item["to_ScheduleLine"]["results"]
    assert (item["PurchaseOrderItem"], line["ScheduleLine"], item["PurchaseRequisitionItem"]) == ("10", "1", "0")
    assert (item["OrderQuantity"], item["NetPriceAmount"], item["NetPriceQuantity"]) == ("12.5", "1.50", "1")
    assert line["ScheduleLineDeliveryDate"] == in_days(30)
    assert item["__metadata"]["type"] == "API_PURCHASEORDER_PROCESS_SRV.A_PurchaseOrderItemType"
    assert item["to_PurchaseOrder"]["__deferred"]["uri"].endswith("to_PurchaseOrder")


@pytest.mark.parametrize("spelling", ["10", "00010"])
@pytest.mark.parametrize("number", ["4500000000", "004500000000"])
async def test_keys_are_accepted_padded_or_not(spelling: str, number: str) -> None:
    call = await caller()
    await call.order()
    found = await call.get(f"{PO}/A_PurchaseOrderItem(PurchaseOrder='{number}',PurchaseOrderItem='{spelling}')")
    assert (found["PurchaseOrder"], found["PurchaseOrderItem"]) == ("4500000000", "10")


async def test_requisition_items_are_padded_to_five_digits() -> None:
    call = await caller()
    await call.requisition()
    [item] = (await call.get(f"{PR}/A_PurchaseRequisitionHeader('10000000')/to_PurchaseReqnItem"))["results"]
    assert (item["PurchaseRequisitionItem"], item["PurchasingDocumentItem"]) == ("00010", "00000")


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("PurReqnExternalReference eq 'PEG-1'", ["10000000", "10000002"]),
        ("PurReqnExternalReference eq 'peg-1'", ["10000000", "10000002"]),
        ("PurReqnExternalReference eq 'PEG-1' and RequestedQuantity gt 10m", ["10000000"]),
        ("RequestedQuantity le 7 or PurReqnExternalReference eq 'PEG-2'", ["10000001", "10000002"]),
        ("(PurReqnExternalReference eq 'peg-2' or PurReqnExternalReference eq 'NONE')", ["10000001"]),
        (
            "(PurReqnExternalReference eq 'PEG-1' or RequestedQuantity eq 50) and RequestedQuantity gt 7",
            ["10000000", "10000001"],
        ),
        ("not (substringof('EG-1',PurReqnExternalReference))", ["10000001"]),
        (
            "startswith(PurReqnExternalReference,'PEG') eq true and PurchaseRequisition ne '10000000'",
            ["10000001", "10000002"],
        ),
        ("PurchaseRequisition eq '0010000001' and PurchaseRequisitionItem eq '10'", ["10000001"]),
        ("DeliveryDate ge datetime'2099-01-01T00:00:00'", []),
        ("PurReqnExternalReference eq 'O''Neill'", []),
    ],
)
async def test_filters_find_what_they_name(where: str, numbers: list[str]) -> None:
    call = await caller()
    await call.requisition("100", "PEG-1")
    await call.requisition("50", "PEG-2")
    await call.requisition("7", "PEG-1")
    found = await call.get(f"{PR}/A_PurchaseRequisitionItem", filter=where)
    assert [row["PurchaseRequisition"] for row in found["results"]] == numbers


async def test_pages_counts_orders_and_selections() -> None:
    call = await caller()
    for quantity in ("3", "1", "2"):
        await call.requisition(quantity)
    page = await call.get(
        f"{PR}/A_PurchaseRequisitionItem",
        orderby="RequestedQuantity desc",
        top="1",
        skip="1",
        inlinecount="allpages",
        select="RequestedQuantity",
    )
    assert page["__count"] == "3"
    [row] = page["results"]
    assert {name for name in row if name != "__metadata"} == {"RequestedQuantity"}
    assert row["RequestedQuantity"] == "2"
    counted = await call.http.get(
        f"{PR}/A_PurchaseRequisitionItem/$count", params={"$filter": "RequestedQuantity gt 1"}
    )
    assert counted.text == "2"


async def test_expansions_may_be_nested_and_selected() -> None:
    call = await caller()
    number = await call.order()
    found = await call.get(
        f"{PO}/A_PurchaseOrder('{number}')",
        expand="to_PurchaseOrderItem/to_ScheduleLine",
        select="PurchaseOrder,to_PurchaseOrderItem/OrderQuantity,to_PurchaseOrderItem/to_ScheduleLine",
    )
    [item] = found["to_PurchaseOrderItem"]["results"]
    assert set(item) == {"__metadata", "OrderQuantity", "to_ScheduleLine"}
    assert item["to_ScheduleLine"]["results"][0]["ScheduleLineOrderQuantity"] == "100"


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ({"RequestedQuantity": 100}, "RequestedQuantity"),
        ({"RequestedQuantity": "1.2345"}, "3 decimals"),
        ({"RequestedQuantity": "NaN"}, "out of range"),
        ({"PurReqnExternalReference": "R" * 36}, "maximum length 35"),
        ({"DeliveryDate": "tomorrow"}, "DeliveryDate"),
        ({"Wish": "x"}, "'Wish' is invalid"),
        ({"CreatedByUser": "ME"}, "CreatedByUser"),
    ],
)
async def test_a_value_that_sap_could_not_hold_is_refused(change: dict[str, Any], reported: str) -> None:
    call = await caller()
    answer = await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition(**change))
    status, _, text = error_of(answer)
    assert status == 400
    assert reported in text
    assert (await call.books())["requisitions"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{PO}/A_PurchaseOrder('4599999999')", 404),
        (f"{PO}/A_Nonsense", 404),
        (f"{PO}/A_PurchaseOrder?$filter=Supplier like 'x'", 400),
        (f"{PO}/A_PurchaseOrder?$filter=Nothing eq 'x'", 400),
        (f"{PO}/A_PurchaseOrder?$expand=to_Nothing", 400),
        (f"{PO}/A_PurchaseOrderItem('4500000000')", 400),
        (f"{PO}/A_PurchaseOrder?$search=x", 400),
        ("/sap/opu/odata/sap/API_NOTHING_SRV/A_Nothing", 403),
    ],
)
async def test_what_is_not_there_or_not_understood_gets_saps_error_body(path: str, status: int) -> None:
    call = await caller()
    answer = await call.http.get(path)
    assert error_of(answer)[0] == status
    assert answer.json()["error"]["innererror"]["errordetails"][0]["severity"] == "error"


async def test_json_must_be_asked_for() -> None:
    call = await caller()
    atom = {"Accept": "application/atom+xml"}
    assert (await call.http.get(f"{PO}/A_PurchaseOrder", headers=atom)).status_code == 406
    assert (await call.http.get(f"{PO}/A_PurchaseOrder?$format=json", headers=atom)).status_code == 200
    wrong = await call.http.post(
        f"{PO}/A_PurchaseOrder", content="<entry/>", headers={"X-CSRF-Token": call.token, "Content-Type": "text/xml"}
    )
    assert wrong.status_code == 415


@pytest.mark.parametrize("how", ["MERGE", "PATCH", "tunnelled"])
async def test_a_merge_is_taken_in_each_of_its_forms(how: str) -> None:
    call = await caller()
    number = await call.order()
    path = f"{PO}/A_PurchaseOrder('{number}')"
    body = {"CorrespncInternalReference": "MINE"}
    headers = {"X-HTTP-Method": "MERGE"} if how == "tunnelled" else {}
    answer = await call.write("POST" if how == "tunnelled" else how, path, body, **headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await call.get(path))["CorrespncInternalReference"] == "MINE"
    assert (await call.write("PUT", path, body)).status_code == 405


async def test_metadata_describes_the_tables() -> None:
    call = await caller()
    root = ElementTree.fromstring((await call.http.get(f"{PO}/$metadata")).content)
    properties = {each.get("Name"): each for each in root.iter() if each.tag.endswith("}Property")}
    reference = properties["CorrespncExternalReference"]
    assert (reference.get("Type"), reference.get("MaxLength")) == ("Edm.String", "12")
    quantity = properties["ScheduleLineCommittedQuantity"]
    assert (quantity.get("Precision"), quantity.get("Scale")) == ("13", "3")
    assert (
        properties["PurchasingDocumentDeletionCode"].get("{http://www.sap.com/Protocols/SAPData}updatable") == "false"
    )


async def test_a_simulated_failure_wears_saps_error_body_and_writes_nothing() -> None:
    call = await caller()
    await call.http.post(
        "/control/faults", json={"kind": "status", "status": 503, "retry_after": 3, "match": {"method": "POST"}}
    )
    answer = await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert "503" in answer.json()["error"]["message"]["value"]
    assert (await call.books())["requisitions"] == []


async def test_an_order_appears_after_the_client_gave_up() -> None:
    call = await caller()
    call.http.timeout = httpx.Timeout(0.05)
    await call.http.post("/control/faults", json={"kind": "write_late", "seconds": 0.15, "match": {"method": "POST"}})
    with pytest.raises(httpx.ReadTimeout):
        await call.order()
    assert (await call.books())["orders"] == []
    await call.simulator.settled()
    assert [each["PurchaseOrder"] for each in (await call.books())["orders"]] == ["4500000000"]
