"""What SAP's refusals mean: a lock passes, a person or an administrator settles the rest.

Only goods that really came make a cancelled line "delivery completed".
"""

import datetime as dt
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.erp.remote import RemoteItem
from adapters.erp.sap.batch import BatchResponse
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.deliveries import received
from adapters.erp.sap.sap_error import Meaning, SapError
from adapters.errors import PermanentError, TransientError
from canonical.order import ChangeOutcome, OrderDocument, Placed, Refused, Written
from tests.adapters.erp.documents import DOCK, document, line
from tests.adapters.erp.sap import Sap

LATER = DOCK + dt.timedelta(days=14)
CANCELLED = line(10, cancelled=True)


@pytest.fixture
async def number(erp: SapErp) -> str:
    """An order of two lines, 100 each."""
    outcome = await erp.place_order(document(line(10), line(20)), key="place", maybe_written=False)
    assert isinstance(outcome, Placed)
    return outcome.order_number


def revised(number: str, *lines: Any) -> OrderDocument:
    return document(*lines, order_number=number, revision=2, changed_lines=tuple(one.line for one in lines))


async def cancelled(erp: SapErp, number: str, *more: Any) -> ChangeOutcome:
    return await erp.change_order(revised(number, CANCELLED, *more), key="change-2")


async def held(sap: Sap, number: str, code: str, text: str, status: int = 400, times: int | None = None) -> None:
    lock = {"document": number, "status": status, "code": code, "text": text, "times": times}
    await sap.post("/control/locks", lock)


# Cancelling


NO_LOCK_BUT_NO_DELIVERY = [
    ("MEPO/822", "Purchase order is in approval and can't be changed"),
    ("ME/039", "Invoice received for item 10: deletion not possible"),
    ("06/661", "Item 10: a confirmation exists"),
    ("MEPO/000", "Purchase order 4500000000 is subject to release strategy R1"),
    ("06/115", "Item 10 can't be deleted: a down payment was made"),
    ("SY/530", "Eine Ausnahme ist aufgetreten"),
]


@pytest.mark.parametrize(("code", "text"), NO_LOCK_BUT_NO_DELIVERY)
async def test_a_refused_cancellation_of_which_nothing_came_is_a_refusal(
    erp: SapErp, sap: Sap, number: str, code: str, text: str
) -> None:
    await held(sap, number, code, text)
    refused = await cancelled(erp, number)
    assert isinstance(refused, Refused), refused
    assert refused.code == code
    assert refused.reason == f"{text} (line 10: deletion wanted, 100 on 2027-03-01 found); no goods were received"
    item = sap.item(number)
    assert (item["IsCompletelyDelivered"], item["PurchasingDocumentDeletionCode"]) == (False, "")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("06/001", "Table EKKO record 4500000000 blocked by another user"),
        ("06/006", "Bestellung 4500000000 wird gerade von MILLER bearbeitet"),
        ("ME/006", "User MILLER already processing Purchase order 4500000000"),
        ("MMPUR_INTEGRATION_PO/002", "Purchase Order 4500000000 is locked in another session"),
        ("MC/601", "Object requested is currently locked by user MILLER"),
    ],
)
async def test_a_lock_on_a_cancellation_is_a_matter_of_time(
    erp: SapErp, sap: Sap, number: str, code: str, text: str
) -> None:
    await held(sap, number, code, text, times=1)
    with pytest.raises(TransientError, match=text) as caught:
        await cancelled(erp, number)
    assert not caught.value.maybe_written
    assert sap.item(number)["IsCompletelyDelivered"] is False
    assert isinstance(await cancelled(erp, number), Written)
    assert sap.item(number)["PurchasingDocumentDeletionCode"] == "L"


async def test_a_missing_right_to_cancel_is_for_the_administrator(erp: SapErp, sap: Sap, number: str) -> None:
    await held(sap, number, "06/319", "No authorization for activity 06 in purchasing organization 1710")
    with pytest.raises(PermanentError, match=r"rights of the communication user .*No authorization for activity 06"):
        await cancelled(erp, number)
    assert sap.item(number)["IsCompletelyDelivered"] is False


async def test_of_two_cancelled_lines_only_the_delivered_one_is_completed(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.receive(number, 20, "30")
    assert isinstance(await cancelled(erp, number, line(20, cancelled=True)), Written)
    assert sap.item(number, 20)["IsCompletelyDelivered"] is True
    assert (sap.item(number)["IsCompletelyDelivered"], sap.item(number)["PurchasingDocumentDeletionCode"]) == (
        False,
        "L",
    )


async def test_a_refused_change_of_another_line_completes_no_cancelled_one(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.receive(number, 20, "30")
    refused = await cancelled(erp, number, line(20, "20"))
    assert isinstance(refused, Refused)
    assert refused.line == 20
    assert (sap.item(number)["IsCompletelyDelivered"], sap.item(number)["PurchasingDocumentDeletionCode"]) == (
        False,
        "",
    )


@pytest.mark.parametrize(("status", "says"), [(403, "No service found"), (404, "nothing here"), (200, "a page")])
async def test_where_receipts_can_not_be_read_the_refusal_stands(
    erp: SapErp, sap: Sap, number: str, status: int, says: str
) -> None:
    await sap.receive(number, 10, "30")
    headers = {"content-type": "text/html" if status == 200 else "text/plain"}
    sap.fault("answer", "API_MATERIAL_DOCUMENT_SRV", "GET", status=status, body=says, headers=headers, times=9)
    refused = await cancelled(erp, number)
    assert isinstance(refused, Refused)
    assert "30 were delivered" in refused.reason
    assert "whether goods were received can't be read" in refused.reason
    assert says in refused.reason
    assert sap.item(number)["IsCompletelyDelivered"] is False


def movement(kind: str, quantity: str, **other: str) -> dict[str, str]:
    known = {"PurchaseOrderItem": "10", "Material": "mz-rm-r14-01", "Plant": "1710", "QuantityInBaseUnit": quantity}
    return known | {"GoodsMovementType": kind} | other


@pytest.mark.parametrize(
    ("movements", "quantity"),
    [
        ([movement("101", "30", DebitCreditCode="S")], "30"),
        ([movement("101", "30", DebitCreditCode="S"), movement("102", "30", DebitCreditCode="H")], "0"),
        ([movement("101", "30"), movement("122", "10")], "20"),
        ([movement("Z01", "30", DebitCreditCode="S"), movement("Z02", "5", DebitCreditCode="H")], "25"),
        ([movement("543", "500", DebitCreditCode="H", Material="MZ-STEEL")], "0"),
        ([movement("641", "30", DebitCreditCode="H", Plant="1720")], "0"),
        ([movement("101", "30", PurchaseOrderItem="00020")], "0"),
    ],
)
def test_what_was_received_is_what_came_less_what_went_back(movements: list[dict[str, str]], quantity: str) -> None:
    item = RemoteItem("4500000011", 10, Decimal(100), False, False, "", material="MZ-RM-R14-01", plant="1710")
    assert received(movements, item) == Decimal(quantity)


# What an error means


def v2(code: Any, text: Any, *details: dict[str, Any]) -> dict[str, Any]:
    return {
        "error": {"code": code, "message": {"lang": "en", "value": text}, "innererror": {"errordetails": [*details]}}
    }


def read(body: Any, kind: str = "application/json") -> SapError:
    content = httpx.Response(400, json=body).content if not isinstance(body, str) else body.encode()
    found = SapError.read(BatchResponse(400, {"content-type": kind}, content))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "User MILLER is already processing purchase order 4500000011",
        "Purchase order 4500000011 is currently being processed by user MILLER",
        "Purchase order 4500000011 is being edited by MILLER",
        "Purchase order is locked in another session",
        "Object requested is currently locked by user MILLER",
        "Table EKKO record is blocked by another user",
        "The document could not be locked",
        "Cannot lock purchase order 4500000011",
        "Lock could not be set for EKKO",
        "Document is currently in use",
        "Another user is editing this document",
        "Benutzer MILLER bearbeitet bereits Bestellung 4500000011",
        "Bestellung 4500000011 wird gerade von Benutzer MILLER bearbeitet",
        "Beleg ist durch den Benutzer MILLER gesperrt",
    ],
)
def test_a_lock_is_known_by_its_wording_under_any_code(text: str) -> None:
    assert read(v2("ZMM/999", text)).meaning(400) is Meaning.LOCKED
    assert read(v2("/IWBEP/CM_MGW_RT/022", "An exception occurred", {"code": "X/1", "message": text})).meaning(400) is (
        Meaning.LOCKED
    )


@pytest.mark.parametrize(
    "text",
    [
        "Supplier 17300003 is blocked",
        "Supplier 17300003 is locked for purchasing organization 1710",
        "Material MZ-RM-R14-01 is blocked for procurement",
        "Purchase requisition 10000007 item 10 already processed",
        "Purchase order 4500000011 is currently processed in approval workflow",
        "Purchase order is locked for changes: awaiting approval",
        "Item 10 is blocked",
        "Posting period 001 2027 is not open",
        "Bestellung ist zur Freigabe gesperrt durch Strategie R1",
        "Material ist durch Status 01 gesperrt",
    ],
)
@pytest.mark.parametrize("status", [400, 409])
def test_what_lasts_until_a_person_acts_is_no_lock(text: str, status: int) -> None:
    assert read(v2("ZMM/999", text)).meaning(status) is Meaning.REFUSED


@pytest.mark.parametrize(
    "code", ["06/001", "06001", "06 001", "06-001", "06/1", "ME006", "me/006", "MMPUR_INTEGRATION_PO002"]
)
def test_class_and_number_are_read_in_every_spelling(code: str) -> None:
    assert read(v2(code, "Sperre")).meaning(400) is Meaning.LOCKED


def test_a_number_that_was_another_message_in_older_releases_is_told_by_its_text() -> None:
    assert read(v2("06/006", "This function not defined")).meaning(400) is Meaning.REFUSED
    assert read(v2("06/006", "")).meaning(400) is Meaning.LOCKED


def test_the_lock_may_stand_in_the_details_only() -> None:
    detail = {"code": "ME/006", "message": "Benutzer", "severity": "error"}
    found = read(v2("SY/530", "An exception was raised", detail))
    assert found.meaning(400) is Meaning.LOCKED
    assert found.code == "ME/006"
    info = {"code": "ME/006", "message": "Benutzer", "severity": "info"}
    assert read(v2("06/115", "Item 10 was delivered", info)).meaning(400) is Meaning.REFUSED


@pytest.mark.parametrize(
    ("body", "code", "message", "line_number"),
    [
        (
            v2("06/115", "No", {"code": "06/116", "message": "Nor that", "target": "x(PurchaseOrderItem='00020')"}),
            "06/115",
            "No; Nor that",
            20,
        ),
        (
            v2("005056A509B11EE1B9A8FEC11C21578E", "Oh", {"code": "ME083", "message": "Enter tax code"}),
            "ME/083",
            "Oh; Enter tax code",
            None,
        ),
        (
            {
                "error": {
                    "code": "ME/083",
                    "message": "V4 text",
                    "details": [{"code": "06/017", "message": "more", "@Common.numericSeverity": 4}],
                }
            },
            "ME/083",
            "V4 text; more",
            None,
        ),
        ({"error": {"code": None, "message": None}}, "unknown", "", None),
        ({"error": {"message": {"value": ["odd"]}, "innererror": "odd"}}, "unknown", "", None),
        (
            {"error": {"code": 500, "message": {}, "details": {"errordetail": [{"code": "06/017", "message": "m"}]}}},
            "500",
            "m",
            None,
        ),
        (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><code>06/115</code>'
            '<message xml:lang="en">Item 10 &amp; more</message><innererror><errordetails><errordetail>'
            "<code>06/116</code><message>Again</message><target>to_PurchaseOrderItem(PurchaseOrderItem='10')</target>"
            "</errordetail></errordetails></innererror></error>",
            "06/115",
            "Item 10 & more; Again",
            10,
        ),
    ],
)
def test_an_error_is_read_in_every_dialect_of_sap(body: Any, code: str, message: str, line_number: int | None) -> None:
    found = read(body)
    assert (found.code, found.message, found.line) == (code, message, line_number)


@pytest.mark.parametrize(
    "body", ["", "null", "[]", '{"error": "no"}', '{"d": {}}', "<html><body>x</body></html>", "[" * 100_000]
)
def test_no_error_is_read_where_there_is_none(body: str) -> None:
    assert SapError.read(BatchResponse(400, {}, body.encode())) is None
