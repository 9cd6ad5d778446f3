"""Answers that can't be read: adapter errors of the right kind, which quote what SAP said."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.erp.sap.batch import parts
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.odata import ODataService
from adapters.erp.sap.values import read_date, read_decimal, read_json
from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.http import make_client
from canonical.order import Placed
from tests.adapters.erp.documents import document, line
from tests.adapters.erp.sap import ORDERS, REQUISITIONS, Sap

PAGE = "<!DOCTYPE html><html><head><title>Log On</title><script>var a;</script></head><body>Client 100</body></html>"
HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json;charset=utf-8"}
XML = {"content-type": "application/xml;charset=utf-8"}
XML_ERROR = (
    '<?xml version="1.0" encoding="utf-8"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
    "<code>SY/530</code><message>Raised without a handler</message></error>"
)
DUMP = json.dumps({"error": {"code": "SY/530", "message": {"value": "Short dump TIME_OUT"}}})
READ = r"A_PurchaseOrder\?"


async def refused_to_read(erp: SapErp) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        await erp.place_order(document(), key="place", maybe_written=False)
    return caught.value


# Reading


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "says"),
    [
        (200, HTML, PAGE, PermanentError, "how the erp user logs on; it answered text/html: Log On Client 100"),
        (200, {}, PAGE, PermanentError, "it answered without a content type: Log On Client 100"),
        (200, JSON, '{"d": {"results": [', TransientError, 'it answered application/json: {"d": {"results": ['),
        (200, JSON, "", TransientError, "it answered application/json: nothing"),
        (200, JSON, '{"d": {"results": [{"PurchaseOrder": NaN}]}}', TransientError, "no JSON that can be read"),
        (200, JSON, '{"value": []}', PermanentError, "no rows of OData V2 under `d`"),
        (200, JSON, '{"d": null}', PermanentError, "no rows"),
        (200, JSON, '{"d": {"results": ["one"]}}', PermanentError, "no rows"),
        (200, JSON, "[]", PermanentError, "no rows"),
        (302, {"location": "https://idp.example/sso?x"}, "", PermanentError, "redirected to https://idp.example/sso,"),
        (401, HTML, PAGE, PermanentError, "how erp is logged on to in the settings; it answered text/html: Log On"),
        (403, JSON, DUMP, PermanentError, "rights of the communication user"),
        (404, HTML, PAGE, PermanentError, "check the base URL, and that API_PURCHASEORDER_PROCESS_SRV is active"),
        (
            500,
            JSON,
            DUMP,
            TransientError,
            "Internal Server Error; it answered application/json: SY/530 Short dump TIME_OUT",
        ),
        (500, XML, XML_ERROR, TransientError, "it answered application/xml: SY/530 Raised without a handler"),
        (502, HTML, PAGE, TransientError, "502 Bad Gateway; it answered text/html: Log On Client 100"),
        (503, {}, "", TransientError, "it answered without a content type: nothing"),
        (423, {}, "", TransientError, "423 Locked"),
    ],
)
async def test_a_read_that_is_not_answered_in_odata_says_what_was_answered(
    erp: SapErp, sap: Sap, status: int, headers: dict[str, str], body: str, kind: type[AdapterError], says: str
) -> None:
    sap.fault("answer", READ, "GET", status=status, headers=headers, body=body)
    found = await refused_to_read(erp)
    assert isinstance(found, kind), found
    assert f": {status}" in str(found) or status == 200
    assert says in str(found)
    assert len(str(found)) < 800
    assert not (isinstance(found, TransientError) and found.maybe_written)
    assert sap.writes == 0


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"PurchaseOrder": None},
        {"PurchaseOrder": "4500000011", "to_PurchaseOrderItem": {"results": [{"PurchaseOrder": "4500000011"}]}},
        {
            "PurchaseOrder": "4500000011",
            "to_PurchaseOrderItem": {"results": [{"PurchaseOrder": "1", "PurchaseOrderItem": "ten"}]},
        },
        {
            "PurchaseOrder": "4500000011",
            "to_PurchaseOrderItem": {
                "results": [{"PurchaseOrder": "1", "PurchaseOrderItem": "1", "OrderQuantity": "many"}]
            },
        },
        {"PurchaseOrder": "4500000011", "to_PurchaseOrderItem": "deferred"},
        {"PurchaseOrder": "4500000011", "to_PurchaseOrderItem": {"results": ["one"]}},
    ],
)
async def test_rows_of_another_shape_are_quoted(erp: SapErp, sap: Sap, row: dict[str, Any]) -> None:
    sap.fault("answer", READ, "GET", status=200, headers=JSON, body=json.dumps({"d": {"results": [row]}}))
    found = await refused_to_read(erp)
    assert isinstance(found, PermanentError)
    assert "API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrder can't be read" in str(found)
    assert json.dumps([row])[:100] in str(found)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("OrderQuantity", "1000000000000"),
        ("OrderQuantity", "-5"),
        ("OrderQuantity", "0.0000001"),
        ("NetPriceAmount", "1e30"),
        (
            "to_ScheduleLine",
            {"results": [{"ScheduleLine": "1", "ScheduleLineDeliveryDate": "/Date(253402214400000)/"}]},
        ),
    ],
)
async def test_what_no_order_can_hold_is_not_let_in(erp: SapErp, sap: Sap, number: str, field: str, value: Any) -> None:
    row = {"PurchaseOrder": number, "PurchaseOrderItem": "10", "OrderQuantity": "100", field: value}
    body = json.dumps({"d": {"results": [row]}})
    sap.fault("answer", r"A_PurchaseOrderItem\?", "GET", status=200, headers=JSON, body=body)
    change = document(line(10, "80"), order_number=number, changed_lines=(10,))
    with pytest.raises(PermanentError, match="A_PurchaseOrderItem can't be read"):
        await erp.change_order(change, key="change-2")


def answering(*pages: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    left = list(pages)
    return lambda request: httpx.Response(200, json=left.pop(0) if len(left) > 1 else left[0])


async def all_of(*pages: dict[str, Any]) -> list[Any]:
    transport = httpx.MockTransport(answering(*pages))
    async with make_client("http://sap/erp", "PEGLINE", "pegline", 1.0, transport) as http:
        return await ODataService(http, "API_X").read("A_Set")


@pytest.mark.parametrize("following", ["A_Set", "http://[", "A_Set?$skiptoken=7"])
async def test_pages_that_lead_nowhere_or_in_a_circle_are_an_error(following: str) -> None:
    with pytest.raises(PermanentError, match="page"):
        await all_of({"d": {"results": [{}], "__next": following}})


async def test_a_list_without_results_is_a_page_too() -> None:
    assert await all_of({"d": [{"a": 1}]}) == [{"a": 1}]


@pytest.mark.parametrize("text", ["1e-1000027", "1e400", "NaN", "Infinity", "ten", "1" * 40])
def test_numbers_beyond_any_field_of_sap_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        read_decimal(text)


@pytest.mark.parametrize("value", [True, [], {}])
def test_what_is_no_number_is_none(value: Any) -> None:
    with pytest.raises(ValueError, match="not a decimal"):
        read_decimal(value)


def test_json_numbers_stay_exact() -> None:
    assert str(read_decimal(read_json(b'{"q": 0.1000000000000000055}')["q"])) == "0.1000000000000000055"


def test_a_date_beyond_the_calendar_is_an_error_of_the_answer() -> None:
    with pytest.raises(ValueError, match="beyond the calendar"):
        read_date("/Date(99999999999999999)/")


# Writing


BOTH = pytest.mark.parametrize("step", [REQUISITIONS, ORDERS], ids=["requisition", "order"])
UNREADABLE = [
    (201, JSON, '{"d": {"PurchaseO'),
    (201, JSON, "{}"),
    (201, JSON, '{"d": {}}'),
    (201, JSON, '{"d": {"PurchaseOrder": "", "PurchaseRequisition": ""}}'),
    (201, XML, "<entry/>"),
    (204, {}, ""),
    (500, JSON, DUMP),
    (502, HTML, PAGE),
]


@BOTH
@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize(("status", "headers", "body"), UNREADABLE)
async def test_a_create_whose_answer_can_not_be_read_is_looked_for_and_made_once(
    erp: SapErp, sap: Sap, step: str, status: int, headers: dict[str, str], body: str, carried_out: bool
) -> None:
    sap.fault("answer", step, status=status, headers=headers, body=body, carried_out=carried_out)
    outcome = await erp.place_order(document(), key="place", maybe_written=False)
    assert isinstance(outcome, Placed)
    (requisition,), (order,) = sap.requisitions, sap.orders
    assert (requisition["PurchaseRequisition"], order["PurchaseOrder"]) == (
        outcome.requisition_number,
        outcome.order_number,
    )


@BOTH
async def test_a_log_on_page_for_a_create_is_for_the_administrator(erp: SapErp, sap: Sap, step: str) -> None:
    sap.fault("answer", step, status=200, headers=HTML, body=PAGE)
    with pytest.raises(PermanentError, match="how the erp user logs on; it answered text/html: Log On"):
        await erp.place_order(document(), key="place", maybe_written=False)
    assert isinstance(await erp.place_order(document(), key="place", maybe_written=True), Placed)
    assert len(sap.orders) == 1


@pytest.fixture
async def number(erp: SapErp) -> str:
    outcome = await erp.place_order(document(line(10), line(20)), key="place", maybe_written=False)
    assert isinstance(outcome, Placed)
    return outcome.order_number


OK_PART = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--b--"
MIXED = {"content-type": "multipart/mixed; boundary=b"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "says"),
    [
        (202, JSON, '{"d": {}}', TransientError, "is not multipart/mixed; it answered application/json"),
        (202, {}, "", TransientError, "the $batch answer is not multipart/mixed"),
        (202, MIXED, "", TransientError, "the $batch answer has no part"),
        (202, MIXED, "--b\r\nContent-Type: application/http\r\n\r\n\r\n--b--", TransientError, "has no status"),
        (
            202,
            MIXED,
            "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 OK\r\n\r\n--b--",
            TransientError,
            "has no status",
        ),
        (202, MIXED, OK_PART, TransientError, "answered 1 of 2 operations"),
        (202, MIXED, OK_PART.replace("204 No Content", "500 Error"), TransientError, "500 Internal Server Error"),
        (200, HTML, PAGE, PermanentError, "a page for people"),
        (302, {"location": "/sap/public/logon"}, "", PermanentError, "redirected to /sap/public/logon"),
        (500, HTML, PAGE, TransientError, "500 Internal Server Error; it answered text/html: Log On"),
        (400, MIXED, "--b--", PermanentError, "compare the $metadata"),
    ],
)
async def test_a_broken_batch_is_an_error_and_the_change_is_made_all_the_same(
    erp: SapErp,
    sap: Sap,
    number: str,
    status: int,
    headers: dict[str, str],
    body: str,
    kind: type[AdapterError],
    says: str,
) -> None:
    change = document(line(10, "80"), order_number=number, changed_lines=(10,))
    sap.fault("answer", r"\$batch$", status=status, headers=headers, body=body)
    with pytest.raises(kind) as caught:
        await erp.change_order(change, key="change-2")
    assert says in str(caught.value)
    if isinstance(caught.value, TransientError):
        assert caught.value.maybe_written
    await erp.change_order(change, key="change-2")
    assert sap.item(number)["OrderQuantity"] == "80"


async def test_a_session_that_gives_no_token_is_quoted(erp: SapErp, sap: Sap) -> None:
    sap.fault("answer", "API_PURCHASEREQ_PROCESS_SRV/$", "GET", status=200, headers=JSON, body='{"portal": 1}')
    with pytest.raises(PermanentError, match=r"gave no X-CSRF-Token.*it answered application/json: {.portal.: 1}"):
        await erp.place_order(document(), key="place", maybe_written=False)


async def test_a_log_on_page_instead_of_a_session_is_quoted(erp: SapErp, sap: Sap) -> None:
    sap.fault("answer", "API_PURCHASEREQ_PROCESS_SRV/$", "GET", status=200, headers=HTML, body=PAGE)
    with pytest.raises(PermanentError, match=r"a page for people.*it answered text/html: Log On"):
        await erp.place_order(document(), key="place", maybe_written=False)


@pytest.mark.parametrize("damage", range(0, 400, 7))
def test_a_batch_answer_cut_anywhere_is_read_or_refused(damage: int) -> None:
    whole = (
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\n\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 201 Created\r\n"
        b'Content-Type: application/json\r\n\r\n{"d": {"PurchaseOrder": "1"}}\r\n--c--\r\n--b--\r\n'
    )
    try:
        found = parts("multipart/mixed; boundary=b", whole[:damage])
    except ValueError:
        return
    assert all(part.status in (204, 201) for part in found)
