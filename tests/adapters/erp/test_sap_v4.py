"""What is particular to SAP's OData V4 services: confirmations of their own, entity tags, pages, numbers, release."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.dialects import Connection, ErpSystem, OptionError
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.client import SapErp
from adapters.erp.sap_v4.dialect import DIALECT
from adapters.erp.sap_v4.odata import CONFIRMATIONS, ORDERS, V4Service
from adapters.erp.sap_v4.values import dump
from adapters.errors import PermanentError
from adapters.http import make_client
from canonical.identity import external_reference
from canonical.order import (
    ChangeOutcome,
    DeliveryLine,
    Edited,
    LineSchedule,
    OrderDocument,
    OrderSchedule,
    Placed,
    Refused,
    Written,
)
from simulators.faults import Fault, Match
from tests.adapters.erp.documents import DOCK, ORDER_ID, document, line, policies, written
from tests.adapters.erp.sap import Sap

LATER = dt.date(2027, 3, 15)
NOW = dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC)


def connected(http: httpx.AsyncClient, **options: str) -> ErpSystem:
    return DIALECT.connect(
        Connection(
            system="sap-east",
            client=http,
            options=options,
            settle_seconds=0.3,
            second_create_seconds=0.3,
            policies=policies(),
            now=lambda: NOW,
        )
    )


@pytest.fixture
def east(sap: Sap) -> ErpSystem:
    return connected(sap.http, client="100")


async def placed(east: ErpSystem, *lines: Any) -> OrderDocument:
    asked = document(*lines)
    outcome = await east.orders.place_order(asked, key="place", maybe_written=False)
    assert isinstance(outcome, Placed), outcome
    numbers = {"order_number": outcome.order_number, "requisition_number": outcome.requisition_number}
    return asked.model_copy(update=numbers)


def promised(order: OrderDocument, *parts: tuple[str, dt.date], ordered: str = "100", **known: Any) -> OrderSchedule:
    """What the supplier committed; the rest of the line is owed without a day."""
    rows = [DeliveryLine(date=day, quantity=Decimal(q), committed=Decimal(q)) for q, day in parts]
    rest = Decimal(ordered) - sum((row.quantity for row in rows), Decimal(0))
    if rest > 0:
        rows.append(DeliveryLine(date=dt.date(2027, 9, 1), quantity=rest, committed=Decimal(0)))
    schedule = LineSchedule(line=10, schedule=tuple(rows), written=written(ordered, **known))
    return OrderSchedule(order_id=ORDER_ID, order_number=order.order_number or "", lines=(schedule,))


def confirmed(sap: Sap) -> list[tuple[str, str]]:
    """Day and quantity of the confirmation lines of order item 10."""
    return sorted(
        (part["DeliveryDate"], part["ConfirmedQuantity"])
        for head in sap.simulator.books()["confirmations"]
        for item in head["_SupplierConfirmationItemTP"]
        for part in item["_SupplierConfirmationLineTP"]
    )


async def confirm(east: ErpSystem, schedule: OrderSchedule) -> ChangeOutcome:
    return await east.orders.write_schedule(schedule, key="confirm")


# -- confirmations


async def test_a_confirmation_stands_beside_the_requested_schedule_which_stays(east: ErpSystem, sap: Sap) -> None:
    order = await placed(east)
    assert await confirm(east, promised(order, ("60", DOCK), ("30", LATER))) == Written(
        reference=order.order_number or "", writes=1
    )
    assert confirmed(sap) == [("2027-03-01", "60"), ("2027-03-15", "30")]
    assert sap.schedule(order.order_number or "") == [("2027-03-01", "100", "0")]
    (head,) = sap.simulator.books()["confirmations"]
    assert head["SuplrConfExternalReference"] == external_reference(ORDER_ID)


async def test_another_answer_changes_adds_and_removes_slices_and_a_repeat_writes_nothing(
    east: ErpSystem, sap: Sap
) -> None:
    order = await placed(east)
    await confirm(east, promised(order, ("60", DOCK), ("30", LATER)))
    second = promised(order, ("70", DOCK), ("20", dt.date(2027, 4, 1)))
    outcome = await confirm(east, second)
    assert isinstance(outcome, Written), outcome
    assert outcome.writes == 3, "one slice changed, one gone, one new"
    assert confirmed(sap) == [("2027-03-01", "70"), ("2027-04-01", "20")]
    assert await confirm(east, second) == outcome.model_copy(update={"writes": 0})
    nothing = promised(order)
    assert isinstance(await confirm(east, nothing), Written)
    assert confirmed(sap) == []


async def test_more_than_was_ordered_is_refused_counting_what_others_confirmed(east: ErpSystem, sap: Sap) -> None:
    order = await placed(east)
    number = order.order_number or ""
    by_hand = V4Service(sap.http, "sap", CONFIRMATIONS)
    body = {
        "SuplrConfRefPurchaseOrder": number,
        "_SupplierConfirmationItemTP": [
            {
                "SuplrConfRefPurchaseOrderItem": "10",
                "_SupplierConfirmationLineTP": [
                    {
                        "DeliveryDate": "2027-05-01",
                        "ConfirmedQuantity": Decimal(50),
                        "PurchaseOrderQuantityUnit": "PC",
                    }
                ],
            }
        ],
    }
    assert not isinstance(await by_hand.create("Confirmation", body, number="SupplierConfirmation", key="x"), Refused)
    outcome = await confirm(east, promised(order, ("60", DOCK)))
    assert isinstance(outcome, Refused), outcome
    assert (outcome.code, outcome.line) == ("confirmed_beyond_order", 10)
    assert "110 confirmed, 50 of it entered by others, 100 ordered" in outcome.reason
    assert isinstance(await confirm(east, promised(order, ("50", DOCK))), Written)
    assert confirmed(sap) == [("2027-03-01", "50"), ("2027-05-01", "50")]


async def test_what_the_supplier_refuses_is_marked_before_it_is_deleted(east: ErpSystem, sap: Sap) -> None:
    order = await placed(east, line(10), line(20))
    gone = line(20, cancelled=True, rejected=True, written=written())
    change = order.model_copy(update={"lines": (line(10), gone), "changed_lines": (20,)})
    assert isinstance(await east.orders.change_order(change, key="cut"), Written)
    (head,) = sap.simulator.books()["confirmations"]
    (item,) = head["_SupplierConfirmationItemTP"]
    assert (item["SuplrConfRefPurchaseOrderItem"], item["ItemIsRejectedBySupplier"]) == ("20", True)
    assert sap.item(order.order_number or "", 20)["PurchasingDocumentDeletionCode"] == "L"


# -- people


async def test_an_edit_between_reading_and_writing_is_found_by_its_tag_and_not_overwritten(
    sap: Sap,
) -> None:
    edits: list[str] = []

    class Meanwhile(httpx.AsyncBaseTransport):
        """A person is quicker than the first change."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if (request.method == "PATCH" or "$batch" in str(request.url)) and not edits:
                edits.append(number)
                await sap.edit(number, 10, quantity="130")
            response: httpx.Response = await sap.http._transport.handle_async_request(request)
            return response

    async with make_client("http://sap/erp", "PEGLINE", "pegline", 2.0, Meanwhile()) as http:
        east = connected(http)
        order = await placed(east)
        number = order.order_number or ""
        asked = line(10, "80", written=written())
        change = order.model_copy(update={"lines": (asked,), "changed_lines": (10,)})
        outcome = await east.orders.change_order(change, key="change")
    assert isinstance(outcome, Edited), outcome
    assert [(edit.field, edit.new) for edit in outcome.edits] == [("quantity", "130")]
    assert sap.item(number)["OrderQuantity"] == "130"


# -- release


async def test_whether_an_order_is_released_is_read_with_it(east: ErpSystem, erp: SapErp, sap: Sap) -> None:
    await sap.post("/control/releases", {"by_people": True})
    waiting = "its release in SAP is not completed"
    found = await east.orders.place_order(document(), key="k", maybe_written=False)
    assert isinstance(found, Placed)
    assert found.unreleased == f"{waiting} (processing status 03)"
    by_v2 = await erp.place_order(document(), key="k", maybe_written=False)
    assert isinstance(by_v2, Placed)
    assert by_v2.unreleased == waiting

    await sap.post("/control/releases", {"order": found.order_number})
    released = await east.orders.place_order(document(), key="k", maybe_written=False)
    assert isinstance(released, Placed)
    assert released.unreleased == ""

    known = document(line(10, "80", written=written()), order_number=found.order_number, changed_lines=(10,))
    changed = await east.orders.change_order(known, key="c")
    assert isinstance(changed, Written)
    assert changed.unreleased.startswith(waiting), "a change opens it again"
    await sap.post("/control/releases", {"order": found.order_number, "refused": True})
    again = await erp.change_order(known, key="c")
    assert isinstance(again, Written)
    assert again.unreleased != ""


# -- the protocol


async def test_every_call_names_the_client_of_the_system(sap: Sap) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["sap-client"])
        return httpx.Response(200, json={"value": []})

    async with make_client("http://sap", transport=httpx.MockTransport(answer)) as http:
        assert (sweep := connected(http, client="100").duplicates) is not None
        assert await sweep.duplicates(dt.date(2027, 1, 1)) == []
    assert set(seen) == {"100"}
    with pytest.raises(OptionError, match="three digits"):
        connected(sap.http, client="1")


async def answered(*answers: Callable[[httpx.Request], httpx.Response], path: str = "PurchaseOrder") -> list[Any]:
    """What is read of a service that gives these answers in turn."""
    left = list(answers)
    async with make_client("http://sap", transport=httpx.MockTransport(lambda asked: left.pop(0)(asked))) as http:
        return await V4Service(http, "sap-east", ORDERS).read(path)


def page(body: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, json=body)


@pytest.mark.parametrize(
    "link",
    [
        "PurchaseOrder?$skiptoken=2",
        "?$skiptoken=2",
        "http://sap/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001/PurchaseOrder?$skiptoken=2",
    ],
)
async def test_pages_of_the_server_are_followed_however_it_names_them(link: str) -> None:
    found = await answered(page({"value": [{"n": 1}], "@odata.nextLink": link}), page({"value": [{"n": 2}]}))
    assert [one["n"] for one in found] == [1, 2]


async def test_pages_of_what_was_expanded_are_followed() -> None:
    order = {
        "_PurchaseOrderItem": [{"n": 1}],
        "_PurchaseOrderItem@odata.nextLink": "PurchaseOrder/1/_PurchaseOrderItem",
    }
    (found,) = await answered(page({"value": [order]}), page({"value": [{"n": 2}]}))
    assert found == {"_PurchaseOrderItem": [{"n": 1}, {"n": 2}]}


@pytest.mark.parametrize("link", ["http://elsewhere.example/PurchaseOrder?x=1", "/other/PurchaseOrder?x=1", "../x", 7])
async def test_a_link_out_of_the_service_is_not_followed_with_our_token(link: Any) -> None:
    with pytest.raises(PermanentError, match="next page has no address of this service"):
        await answered(page({"value": [], "@odata.nextLink": link}))


async def test_pages_in_a_circle_end() -> None:
    with pytest.raises(PermanentError, match="without end"):
        await answered(*[page({"value": [], "@odata.nextLink": "PurchaseOrder"})] * 2)


async def test_a_service_that_gives_no_token_is_written_to_without_one() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    async with make_client("http://sap", transport=httpx.MockTransport(answer)) as http:
        service = V4Service(http, "sap-east", ORDERS)
        operation = Operation("PATCH", "PurchaseOrderItem/1/10", {"OrderQuantity": Decimal("0.1")}, etag='W/"7"')
        assert await service.change([operation], key="k") is None
    fetch, write = seen
    assert fetch.headers["x-csrf-token"] == "Fetch"
    assert "x-csrf-token" not in write.headers
    assert write.headers["if-match"] == 'W/"7"'


def test_numbers_go_out_digit_for_digit() -> None:
    body = {"a": Decimal("1234567890.123"), "b": [{"c": Decimal("1E+3"), "d": 'ä"\n'}], "e": None, "f": True}
    assert dump(body).decode() == '{"a":1234567890.123,"b":[{"c":1000,"d":"ä\\"\\n"}],"e":null,"f":true}'


# -- the check


async def test_the_check_finds_the_fields_used_and_names_one_that_is_missing(east: ErpSystem, sap: Sap) -> None:
    results = [result async for result in east.check.check()]
    assert [each for each in results if each.outcome == "fault"] == []
    other = '<Schema><EntityType Name="T"/><EntitySet Name="PurchaseOrder" EntityType="T"/></Schema>'
    fault = Fault(
        match=Match(method="GET", path_regex=r"purchaseorder/0001/\$metadata"), kind="answer", status=200, body=other
    )
    sap.simulator.plan.add(fault)
    found = [result async for result in east.check.check() if result.what == "API_PURCHASEORDER_2: fields"]
    assert [(each.outcome, "PurchaseOrder.CorrespncInternalReference" in each.detail) for each in found] == [
        ("fault", True)
    ]
