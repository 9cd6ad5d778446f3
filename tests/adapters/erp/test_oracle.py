"""Orders in Oracle: placed once, changed by change orders, waited for while people there approve."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.erp.oracle.check import USED, OracleCheck
from adapters.erp.oracle.master import OracleMasterData
from adapters.errors import PermanentError, TransientError
from adapters.http import make_client
from canonical.order import Edited, OrderDocument, Refused, Written
from canonical.policy import RouteKind
from canonical.sourcing import ItemAtPlant, UnknownItem
from simulators.faults import Simulator
from simulators.oracle.app import create
from simulators.oracle.attributes import ATTRIBUTES, PAGES
from tests.adapters.erp.oracle import (
    KEY,
    MASTER_DATA,
    SITE,
    MountedOracle,
    Oracle,
    awaiting,
    document,
    line,
    place,
    placed,
    placed_at_last,
    schedule,
    written,
)

DRAFTS = "/draftPurchaseOrders$"
SUPPLY = "/supplyRequests$"


@pytest.fixture
async def oracle() -> AsyncIterator[Oracle]:
    simulator: Simulator = create()
    control = httpx.AsyncClient(base_url="http://oracle", transport=httpx.ASGITransport(simulator))
    transport = MountedOracle(simulator)
    async with control, make_client("http://oracle/oracle", "PEGLINE", "pegline", 0.25, transport) as http:
        found = Oracle(simulator, control, http)
        await found.post("/control/master-data", MASTER_DATA)
        await control.put("/control/clock", json={"now": "2027-01-04T08:00:00+00:00"})
        yield found
        await simulator.settled()


def change(number: str, *lines: Any, **other: Any) -> OrderDocument:
    changed = tuple(one.line for one in lines)
    return document(*lines, order_number=number, changed_lines=changed, **other)


# Placing


async def test_an_order_is_drafted_submitted_and_approved(oracle: Oracle) -> None:
    found = placed(await place(oracle.erp(), document(line(10), line(20, "30.5", price=Decimal("1.25")))))
    assert (found.requisition_number, found.found_existing) == (found.order_number, False)
    (order,) = oracle.orders
    assert order["Description"] == document().reference
    assert (order["StatusCode"], order["SupplierSite"], order["Supplier"]) == ("OPEN", SITE, "Frames & Forks")
    assert [(one["LineNumber"], one["Quantity"], one["Price"]) for one in order["lines"]] == [
        (10, 100, 12.5),
        (20, 30.5, 1.25),
    ]
    assert oracle.schedules(found.order_number, 20) == [("2027-03-01", None, Decimal("30.5"))]
    again = placed(await place(oracle.erp(), maybe_written=True))
    assert (again.order_number, again.found_existing) == (found.order_number, True)
    assert len(oracle.orders) == 1


async def test_a_second_order_of_the_reference_is_reported_and_cancelled_when_it_is_met(oracle: Oracle) -> None:
    erp = oracle.erp()
    number = placed(await place(erp)).order_number
    second = await drafted_by_hand(oracle)
    (double,) = await erp.duplicates(dt.date(2027, 1, 1))
    assert (double.reference, double.numbers) == (document().reference, (number, second))
    kept = placed(await place(erp, maybe_written=True))
    assert (kept.order_number, kept.duplicates) == (number, (second,))
    assert await erp.duplicates(dt.date(2027, 1, 1)) == []


async def drafted_by_hand(oracle: Oracle) -> str:
    """An order of the same reference that somebody made."""
    (first,) = oracle.orders
    names = ("Description", "ProcurementBU", "BuyerEmail", "CurrencyCode", "SupplierId", "SupplierSite")
    day = {"RequestedDeliveryDate": "2027-03-01", "ShipToOrganizationCode": "M1", "Quantity": 5}
    body = {name: first[name] for name in names} | {
        "lines": [{"LineNumber": 10, "Item": "CM-FRAME", "schedules": [day]}]
    }
    made = await oracle.http.post("/fscmRestApi/resources/11.13.18.05/draftPurchaseOrders", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["OrderNumber"])


async def test_an_order_waits_until_people_in_oracle_approve_it(oracle: Oracle) -> None:
    await oracle.post("/control/approvals", {"orders": True})
    erp = oracle.erp()
    waiting = awaiting(await place(erp))
    writes = oracle.writes
    assert awaiting(await place(erp, document(awaiting=waiting.document))) == waiting
    await oracle.decide(waiting.document, "approve")
    found = placed(await place(erp, document(awaiting=waiting.document)))
    assert found.order_number == waiting.document
    assert oracle.writes == writes


async def test_an_order_that_is_not_approved_is_refused_in_the_approvers_words_and_can_be_submitted_again(
    oracle: Oracle,
) -> None:
    await oracle.post("/control/approvals", {"orders": True})
    erp = oracle.erp()
    waiting = awaiting(await place(erp))
    kept = await erp.cancel_requisition(document(), key="cancel")
    assert isinstance(kept, Refused)
    assert kept.code == "waits_for_approval"
    await oracle.decide(waiting.document, "reject", "Too dear")
    for asked in (document(awaiting=waiting.document), document()):
        refused = await place(erp, asked, maybe_written=True)
        assert isinstance(refused, Refused)
        assert refused.code == "not_approved"
        assert "Too dear" in refused.reason
    assert awaiting(await place(erp)) == waiting
    await oracle.decide(waiting.document, "reject", "No")
    assert await erp.cancel_requisition(document(), key="cancel") == Written(reference=document().reference, writes=1)
    assert oracle.orders == []
    gone = await place(erp, document(awaiting=waiting.document))
    assert isinstance(gone, Refused)
    assert gone.code == "deleted_in_erp"


async def test_a_draft_that_was_refused_is_made_anew_where_something_else_is_asked_for(oracle: Oracle) -> None:
    await oracle.post("/control/approvals", {"orders": True})
    erp = oracle.erp()
    first = awaiting(await place(erp)).document
    await oracle.decide(first, "reject", "Too many")
    second = awaiting(await place(erp, document(line(10, "60")))).document
    assert second != first
    (order,) = oracle.orders
    assert (order["OrderNumber"], order["lines"][0]["Quantity"]) == (second, 60)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (document(line(item="NO-SUCH")), "PO-2055022"),
        (document(supplier="9999"), "unknown_supplier"),
        (document(line(info_record=None)), "no_site"),
        (document(line(10), line(20, info_record="AUSTIN")), "no_site"),
        (document(line(unit="TNE")), "unknown_unit"),
        (document(line(price=Decimal(1), price_unit=Decimal(3))), "does_not_fit"),
        (document(supplier="4712"), "PO-2055010"),
        (document(route=RouteKind.SUBCONTRACT), "subcontract"),
    ],
)
async def test_what_oracle_does_not_take_is_a_refusal_and_leaves_nothing(
    oracle: Oracle, wrong: OrderDocument, code: str
) -> None:
    refused = await place(oracle.erp(), wrong)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert oracle.orders == []


async def test_failures_are_told_apart(oracle: Oracle) -> None:
    erp = oracle.erp()
    oracle.fault("status", DRAFTS, status=429, retry_after=9)
    with pytest.raises(TransientError) as busy:
        await place(erp)
    assert (busy.value.retry_after_seconds, busy.value.maybe_written) == (9, False)
    oracle.fault("answer", "/draftPurchaseOrders", method="GET", status=200, body="<html>Sign in</html>")
    with pytest.raises(PermanentError, match="page for people"):
        await place(erp)
    oracle.fault("answer", "/draftPurchaseOrders", method="GET", status=200, body='{"items": [{"links": []}]}')
    with pytest.raises(PermanentError, match=r"landscape check|without a link"):
        await place(erp)
    async with make_client("http://oracle/oracle", "PEGLINE", "wrong", 0.25, MountedOracle(oracle.simulator)) as http:
        with pytest.raises(PermanentError, match="check"):
            await place(Oracle(oracle.simulator, oracle.control, http).erp())


# Changing


async def test_a_change_is_one_change_order_in_the_buyers_name(oracle: Oracle) -> None:
    erp = oracle.erp()
    number = placed(await place(erp, document(line(10), line(20)))).order_number
    asked = change(
        number,
        line(10, "80", delivery_date=dt.date(2027, 3, 8), price=Decimal("12.00"), written=written()),
        line(20, cancelled=True, written=written()),
    )
    assert await erp.change_order(asked, key="change-2") == Written(reference=number, writes=2)
    assert oracle.schedules(number) == [("2027-03-08", None, Decimal(80))]
    (order,) = oracle.orders
    assert (order["Revision"], order["lines"][0]["Price"], order["lines"][1]["StatusCode"]) == (1, 12, "CANCELED")
    assert await erp.change_order(asked, key="change-2") == Written(reference=number, writes=0)


async def test_a_confirmation_is_a_change_order_in_the_suppliers_name_and_keeps_what_was_requested(
    oracle: Oracle,
) -> None:
    erp = oracle.erp()
    number = placed(await place(erp)).order_number
    confirmed = schedule(number, ("2027-03-03", "60", True), ("2027-03-10", "40", True), written=written())
    assert await erp.write_schedule(confirmed, key="schedule-1") == Written(reference=number, writes=1)
    assert oracle.schedules(number) == [
        ("2027-03-01", "2027-03-03", Decimal(60)),
        ("2027-03-01", "2027-03-10", Decimal(40)),
    ]
    await oracle.receive(number, 10, "60")
    confirmed_state = written(schedule=confirmed.lines[0].schedule)
    later = schedule(number, ("2027-03-03", "60", True), ("2027-03-17", "40", True), written=confirmed_state)
    assert await erp.write_schedule(later, key="schedule-2") == Written(reference=number, writes=1)
    rest_off = change(number, line(10, cancelled=True, written=written(schedule=later.lines[0].schedule)))
    assert await erp.change_order(rest_off, key="change-3") == Written(reference=number, writes=1)
    assert oracle.schedules(number) == [("2027-03-01", "2027-03-03", Decimal(60))]


async def test_an_order_that_waits_for_an_acknowledgment_gets_it_with_the_confirmation(oracle: Oracle) -> None:
    erp = oracle.erp()
    number = placed(await place(erp, document(line(info_record="MAIN"), supplier="4713"))).order_number
    assert oracle.orders[0]["StatusCode"] == "PENDING SUPPLIER ACKNOWLEDGMENT"
    as_ordered = schedule(number, ("2027-03-01", "100", True), written=written())
    assert await erp.write_schedule(as_ordered, key="schedule-1") == Written(reference=number, writes=1)
    assert oracle.orders[0]["StatusCode"] == "OPEN"
    assert oracle.schedules(number) == [("2027-03-01", "2027-03-01", Decimal(100))]


async def test_a_change_order_waits_for_approval_and_is_made_again_with_what_comes_later(oracle: Oracle) -> None:
    await oracle.post("/control/approvals", {"changes": True})
    erp = oracle.erp()
    number = placed(await place(erp, document(line(10), line(20)))).order_number
    first = change(number, line(10, "80", written=written()))
    waiting = awaiting(await erp.change_order(first, key="change-2"))
    assert waiting.document == f"{number}/1"
    reading = first.model_copy(update={"awaiting": waiting.document})
    assert awaiting(await erp.change_order(reading, key="change-2")) == waiting
    assert oracle.schedules(number) == [("2027-03-01", None, Decimal(100))]
    second = change(number, line(20, "70", written=written()))
    again = awaiting(await erp.change_order(second, key="change-3"))
    assert again.document == f"{number}/2"
    await oracle.decide(number, "approve")
    assert [oracle.schedules(number, at)[0][2] for at in (10, 20)] == [80, 70]
    done = await erp.change_order(second.model_copy(update={"awaiting": again.document}), key="change-3")
    assert done == Written(reference=number, writes=1)


async def test_a_change_order_that_is_not_approved_or_taken_back_is_refused(oracle: Oracle) -> None:
    await oracle.post("/control/approvals", {"changes": True})
    erp = oracle.erp()
    number = placed(await place(erp)).order_number
    asked = change(number, line(10, "80", written=written()))
    waiting = awaiting(await erp.change_order(asked, key="change-2"))
    reading = asked.model_copy(update={"awaiting": waiting.document})
    await oracle.decide(number, "reject", "Keep the quantity")
    refused = await erp.change_order(reading, key="change-2")
    assert isinstance(refused, Refused)
    assert "Keep the quantity" in refused.reason
    assert awaiting(await erp.change_order(asked, key="change-3")).document == f"{number}/2"
    assert await erp.cancel_requisition(reading, key="back") == Written(reference=document().reference, writes=1)
    withdrawn = await erp.change_order(reading, key="change-3")
    assert isinstance(withdrawn, Refused)
    assert withdrawn.code == "withdrawn"


async def test_nothing_is_written_over_a_persons_edit(oracle: Oracle) -> None:
    erp = oracle.erp()
    number = placed(await place(erp)).order_number
    await oracle.post("/control/edits", {"order": number, "line": 10, "quantity": "90", "delivery_date": "2027-03-05"})
    before = oracle.writes
    asked = change(number, line(10, "80", written=written()))
    edited = await erp.change_order(asked, key="change-2")
    assert isinstance(edited, Edited)
    assert [(one.field, one.old, one.new) for one in edited.edits] == [
        ("quantity", "100", "90"),
        ("delivery_date", "2027-03-01", "2027-03-05"),
    ]
    assert oracle.writes == before


async def test_somebody_elses_change_order_is_waited_for_and_left_alone(oracle: Oracle) -> None:
    erp = oracle.erp()
    number = placed(await place(erp)).order_number
    await oracle.post("/control/edits", {"order": number, "line": 10, "price": "13", "draft": True})
    with pytest.raises(TransientError, match="somebody else") as busy:
        await erp.change_order(change(number, line(10, "80", written=written())), key="change-2")
    assert not busy.value.maybe_written
    assert oracle.books["orders"][0]["draft"]["ChangeOrderDescription"] == "Changed by a buyer"


async def test_a_row_that_changed_meanwhile_is_read_again(oracle: Oracle) -> None:
    erp = oracle.erp()
    number = placed(await place(erp)).order_number
    oracle.fault("status", "/draftPurchaseOrders/", "PATCH", status=412)
    with pytest.raises(TransientError, match="read again") as stale:
        await erp.change_order(change(number, line(10, "80", written=written())), key="change-2")
    assert not stale.value.maybe_written


async def test_an_order_of_many_lines_is_read_whole(oracle: Oracle) -> None:
    erp = oracle.erp()
    lines = [line(10 * at) for at in range(1, 31)]
    number = placed(await place(erp, document(*lines))).order_number
    asked = change(number, line(300, "80", written=written()))
    assert await erp.change_order(asked, key="change-2") == Written(reference=number, writes=1)
    assert oracle.schedules(number, 300)[0][2] == 80


# Supply requests


async def test_a_purchase_by_supply_request_becomes_a_requisition_and_an_order(oracle: Oracle) -> None:
    await oracle.post("/control/approvals", {"orders": True})
    await oracle.post("/control/supply", {"seconds": 3600})
    erp = oracle.erp("supply-requests")
    whole = document(line(10), line(20, "40"))
    waiting = awaiting(await place(erp, whole))
    assert (waiting.document, waiting.requisition_number) == (whole.reference, None)
    await oracle.control.put("/control/clock", json={"now": "2027-01-04T10:00:00+00:00"})
    reading = whole.model_copy(update={"awaiting": waiting.document})
    requisition = awaiting(await place(erp, reading)).requisition_number
    (number,) = (await oracle.control.get("/control/approvals")).json()["waiting"]
    await oracle.decide(number, "approve")
    found = placed(await place(erp, reading))
    assert (found.order_number, found.requisition_number) == (number, requisition)
    asked = whole.model_copy(
        update={
            "lines": (line(10), line(20, "30", written=written("40"))),
            "order_number": number,
            "changed_lines": (20,),
        }
    )
    assert await erp.change_order(asked, key="change-2") == Written(reference=number, writes=1)
    assert oracle.schedules(number, 2)[0][2] == 30, "our line 20 is Oracle's line 2"


@pytest.mark.parametrize("kind", ["timeout_after_write", "write_late", "cut"])
async def test_a_supply_request_is_there_once(oracle: Oracle, kind: str) -> None:
    oracle.fault(kind, SUPPLY, seconds=0.4 if kind != "write_late" else 0.3)
    await placed_at_last(oracle.erp("supply-requests", settle_seconds=0.5))
    await oracle.simulator.settled()
    assert (len(oracle.books["supply_requests"]), len(oracle.orders)) == (1, 1)


async def test_a_supply_request_that_ends_in_an_error_is_refused_in_oracles_words(oracle: Oracle) -> None:
    refused = await place(oracle.erp("supply-requests"), document(line(10), line(20, item="CM-TUBE", unit="KGM")))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.line) == ("POR_NO_SOURCE", 20)
    assert refused.reason == "line 20: No source agreement was found for item CM-TUBE."


async def test_a_transfer_is_a_supply_request_that_changes_and_is_not_cancelled(oracle: Oracle) -> None:
    erp = oracle.erp()
    moved = document(line(price=Decimal(0), info_record=None), route=RouteKind.TRANSFER, supplier="M2")
    number = placed(await place(erp, moved)).order_number
    assert number in {one["TransferOrderNumber"] for one in oracle.books["transfers"]}
    fields = {"route": RouteKind.TRANSFER, "supplier": "M2"}
    assert await erp.change_order(change(number, line(10, "80"), **fields), key="c") == Written(
        reference=moved.reference, writes=1
    )
    (request,) = oracle.books["supply_requests"]
    assert request["supplyRequestLines"][0]["Quantity"] == 80
    cancelled = await erp.change_order(change(number, line(10, cancelled=True), **fields), key="d")
    assert isinstance(cancelled, Refused)
    assert cancelled.code == "no_cancellation"
    promised = schedule(number, ("2027-03-03", "80", True))
    assert await erp.write_schedule(promised, key="e") == Written(reference=number)


async def test_the_requisition_of_an_order_that_will_not_be_is_cancelled(oracle: Oracle) -> None:
    await oracle.post("/control/approvals", {"orders": True})
    erp = oracle.erp("supply-requests")
    awaiting(await place(erp))
    assert await erp.cancel_requisition(document(), key="cancel") == Written(reference=document().reference, writes=1)
    assert oracle.books["requisitions"][0]["lines"][0]["LineStatus"] == "CANCELED"
    assert await erp.cancel_requisition(document(), key="cancel") == Written(reference=document().reference, writes=0)


# Receipts


async def test_a_receipt_that_fails_stays_as_a_record_until_it_is_deleted(oracle: Oracle) -> None:
    """What the warehouse meets; the adapter only reads what was received."""
    number = placed(await place(oracle.erp())).order_number
    address = "/fscmRestApi/resources/11.13.18.05/receivingReceiptRequests"
    line_of = {"SourceDocumentCode": "PO", "TransactionType": "RECEIVE", "DocumentNumber": number, "Quantity": 40}
    lines = [line_of | {"DocumentLineNumber": 10}, line_of | {"DocumentLineNumber": 99}]
    body = {"ReceiptSourceCode": "VENDOR", "OrganizationCode": "M1", "ReceiptNumber": "R-1", "lines": lines}
    assert (await oracle.http.post(address, json=body)).status_code == 201
    (failed,) = oracle.books["receipt_requests"]
    assert "no line 99" in failed["lines"][0]["processingErrors"][0]["ErrorMessage"]
    below = change(number, line(10, "30", written=written()))
    refused = await oracle.erp().change_order(below, key="change-2")
    assert isinstance(refused, Refused)
    assert "below the 40 that were received" in refused.reason
    assert (await oracle.http.delete(f"{address}/{failed['HeaderInterfaceId']}")).status_code == 204
    assert oracle.books["receipt_requests"] == []


# Master data


def master_of(oracle: Oracle) -> OracleMasterData:
    return OracleMasterData(oracle.http, today=lambda _: dt.date(2027, 1, 4))


async def test_an_approved_supplier_with_an_agreement_is_a_source(oracle: Oracle) -> None:
    master = master_of(oracle)
    frame = await master.item_at_plant("M1", "CM-FRAME")
    assert isinstance(frame, ItemAtPlant)
    assert (frame.base_unit, frame.goods_receipt_days, frame.material_group) == ("H87", 2, "Parts")
    assert [(one.supplier, one.preference, one.blocked) for one in frame.sources] == [
        ("4711", 2, False),
        ("4713", 1, False),
        ("4712", 2, True),
    ]
    source = frame.sources[0]
    assert [source.minimum_quantity, source.multiple, source.price] == [20, 10, Decimal("12.5")]
    assert source.info_record == SITE
    assert (source.lead_time_days, source.lead_time_in, source.terms) == (15, "working_days", f"site {SITE}")
    elsewhere = await master.item_at_plant("M2", "CM-FRAME")
    assert isinstance(elsewhere, ItemAtPlant)
    assert [one.supplier for one in elsewhere.sources] == ["4711", "4712"]
    assert isinstance(await master.item_at_plant("M2", "CM-TUBE"), UnknownItem)
    old = await master.item_at_plant("M1", "CM-OLD")
    assert isinstance(old, ItemAtPlant)
    assert old.blocked == "item status Inactive"


async def test_whole_plants_are_read_ahead_in_pages(oracle: Oracle) -> None:
    many = [{"ItemNumber": f"P-{at:04}", "organizations": ["M2"]} for at in range(450)]
    await oracle.post("/control/master-data", {"items": many})
    master = master_of(oracle)
    assert await master.prefetch(["M1", "M2"]) == 2
    oracle.fault("status", "/itemsV2", "GET", status=500)
    assert isinstance(await master.item_at_plant("M1", "CM-FRAME"), ItemAtPlant)
    assert not oracle.all_faults_struck


# What it is built from


async def test_every_attribute_that_is_used_stands_in_the_documents_table(oracle: Oracle) -> None:
    for path, names in USED.items():
        assert set(names.split()) <= ATTRIBUTES[path].keys(), path
    for attributes in ATTRIBUTES.values():
        for attribute in attributes.values():
            assert attribute.page in PAGES
    check = OracleCheck(oracle.http, "oracle-m1", lambda: dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC))
    results = [one async for one in check.check()]
    assert {one.outcome for one in results if one.what != "clock"} == {"ok"}
    assert len(results) == 2 * len([name for name in USED if "." not in name]) + 1


async def test_requests_say_which_framework_they_speak(oracle: Oracle) -> None:
    seen: list[httpx.Request] = []

    class Seeing(MountedOracle):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return await super().handle_async_request(request)

    async with make_client("http://oracle/oracle", "PEGLINE", "pegline", 1, Seeing(oracle.simulator)) as http:
        erp = Oracle(oracle.simulator, oracle.control, http).erp()
        number = placed(await place(erp)).order_number
        await erp.change_order(change(number, line(10, "80", written=written())), key="change-2")
    assert {one.headers["rest-framework-version"] for one in seen} == {"4"}
    (patch,) = (one for one in seen if one.method == "PATCH")
    assert patch.headers["content-type"] == "application/vnd.oracle.adf.resourceitem+json"
    assert patch.headers["if-match"].startswith('"ACED')
    assert {one.headers["content-type"] for one in seen if "/action/" in one.url.path} == {
        "application/vnd.oracle.adf.action+json"
    }
    assert {one.key for one in oracle.simulator.log.writes} >= {f"{KEY}/order", f"{KEY}/submit", "change-2/draft"}
