"""One document becomes one requisition and one order in SAP, whatever happens to the calls."""

import asyncio
from decimal import Decimal

import httpx
import pytest

from adapters.erp.sap.client import SapErp
from adapters.erp.sap.mapping import order_body
from adapters.erp.sap.odata import ODataService
from adapters.erp.sap.units import Units
from adapters.errors import PermanentError, TransientError
from adapters.http import correlation, make_client
from canonical.order import OrderDocument, Placed, PlaceOutcome, Refused
from simulators.faults import Fault
from tests.adapters.erp.documents import document, line
from tests.adapters.erp.sap import ORDERS, REQUISITIONS, Mounted, Sap

KEY = "order/1710/17300001/k3jd9#place-1"
BOTH = pytest.mark.parametrize("step", [REQUISITIONS, ORDERS], ids=["requisition", "order"])


def placed(outcome: PlaceOutcome) -> Placed:
    assert isinstance(outcome, Placed), outcome
    return outcome


async def place(erp: SapErp, what: OrderDocument | None = None, *, maybe_written: bool = False) -> PlaceOutcome:
    return await erp.place_order(what or document(), key=KEY, maybe_written=maybe_written)


async def placed_at_last(erp: SapErp, attempts: int = 3) -> Placed:
    """As the activity does it: after an ambiguous failure, unsure."""
    maybe_written = False
    for _ in range(attempts):
        try:
            return placed(await place(erp, maybe_written=maybe_written))
        except TransientError as error:
            maybe_written = maybe_written or error.maybe_written
    raise AssertionError("not placed")


def one_of_each(sap: Sap, found: Placed) -> None:
    assert sap.all_faults_struck
    (requisition,), (order,) = sap.requisitions, sap.orders
    assert requisition["PurchaseRequisition"] == found.requisition_number
    assert order["PurchaseOrder"] == found.order_number
    assert order["CorrespncExternalReference"] == document().reference
    assert {item["PurchaseRequisition"] for item in order["items"]} == {found.requisition_number}


async def test_every_line_becomes_a_requisition_item_and_an_order_item_made_of_it(erp: SapErp, sap: Sap) -> None:
    whole = document(line(10), line(20, "250.5", item="MZ-STEEL", unit="KGM", info_record="5300000357"))
    found = placed(await place(erp, whole))
    assert not found.found_existing
    assert found.duplicates == ()
    (requisition,), (order,) = sap.requisitions, sap.orders
    assert [(item["Material"], item["RequestedQuantity"]) for item in requisition["items"]] == [
        ("MZ-RM-R14-01", "100"),
        ("MZ-STEEL", "250.5"),
    ]
    assert {item["PurchasingDocument"] for item in requisition["items"]} == {found.order_number}
    assert [item["PurchaseOrderQuantityUnit"] for item in order["items"]] == ["PC", "KG"]
    assert sap.schedule(found.order_number, 20) == [("2027-03-01", "250.5", "0")]


async def test_placing_again_finds_what_is_there_and_writes_nothing(erp: SapErp, sap: Sap) -> None:
    first = placed(await place(erp))
    before = sap.writes
    second = placed(await place(erp))
    assert second == first.model_copy(update={"found_existing": True})
    assert sap.writes == before
    one_of_each(sap, first)


async def test_six_callers_at_the_same_moment_make_one_order(erp: SapErp, sap: Sap) -> None:
    outcomes = [placed(one) for one in await asyncio.gather(*(place(erp) for _ in range(6)))]
    assert len({one.order_number for one in outcomes}) == 1
    assert sorted(one.found_existing for one in outcomes) == [False, True, True, True, True, True]
    one_of_each(sap, outcomes[0])


async def test_key_and_correlation_reach_the_erp(erp: SapErp, sap: Sap) -> None:
    token = correlation.set("corr-11")
    try:
        await place(erp)
    finally:
        correlation.reset(token)
    assert {write.correlation for write in sap.simulator.log.writes} == {"corr-11"}
    assert {write.key for write in sap.simulator.log.writes} == {f"{KEY}/requisition", f"{KEY}/order"}


# The counterpart misbehaves


@BOTH
@pytest.mark.parametrize("kind", ["slow", "timeout_after_write", "write_late"])
async def test_a_write_that_appears_after_the_time_out_stays_the_only_one(
    erp: SapErp, sap: Sap, step: str, kind: str
) -> None:
    sap.fault(kind, step, seconds=0.4)
    found = await placed_at_last(erp)
    await sap.simulator.settled()
    one_of_each(sap, found)
    assert found.duplicates == ()


@BOTH
async def test_a_write_of_a_killed_worker_is_waited_for(erp: SapErp, sap: Sap, step: str) -> None:
    sap.fault("write_late", step, seconds=0.3)
    killed = asyncio.create_task(place(erp))
    await asyncio.sleep(0.1)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    found = placed(await place(erp, maybe_written=True))
    await sap.simulator.settled()
    one_of_each(sap, found)


async def test_an_order_that_arrives_while_another_is_written_is_taken_over(erp: SapErp, sap: Sap) -> None:
    sap.fault("write_late", ORDERS, seconds=0.25)
    sap.fault("slow", ORDERS, seconds=0.2)
    killed = asyncio.create_task(place(erp))
    await asyncio.sleep(0.1)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    one_of_each(sap, placed(await place(erp)))


@BOTH
@pytest.mark.parametrize("kind", ["cut", "status"])
async def test_a_lost_connection_or_an_error_is_looked_into_before_writing_again(
    erp: SapErp, sap: Sap, step: str, kind: str
) -> None:
    sap.fault(kind, step, status=500)
    found = placed(await place(erp))
    one_of_each(sap, found)


async def test_later_than_the_settle_time_makes_a_duplicate_that_is_swept_and_reported(erp: SapErp, sap: Sap) -> None:
    sap.fault("write_late", REQUISITIONS, seconds=0.8)
    await placed_at_last(erp)
    await sap.simulator.settled()
    assert len(sap.requisitions) == 2
    found = placed(await place(erp, maybe_written=True))
    one_of_each(sap, found)
    assert len(found.duplicates) == 1
    assert found.duplicates[0] != found.requisition_number


async def test_a_second_order_of_the_reference_is_cancelled_and_reported(erp: SapErp, sap: Sap) -> None:
    first = placed(await place(erp))
    second = await second_order(sap, document(line(10), line(20)))
    found = placed(await place(erp))
    assert found.order_number == first.order_number
    assert found.duplicates == (second,)
    one_of_each(sap, found)


async def test_a_duplicate_that_sap_will_not_cancel_is_for_a_person(erp: SapErp, sap: Sap) -> None:
    placed(await place(erp))
    second = await second_order(sap, document())
    await sap.receive(second, 10, "5")
    with pytest.raises(PermanentError, match=f"{second} is a duplicate and can't be cancelled"):
        await place(erp)


async def second_order(sap: Sap, like: OrderDocument) -> str:
    """An order of the same reference that somebody made without a requisition."""
    body = order_body(like, "", Units())
    for item in body["to_PurchaseOrderItem"]["results"]:
        for part in (item, *item["to_ScheduleLine"]["results"]):
            part.pop("PurchaseRequisition", None)
            part.pop("PurchaseRequisitionItem")
    service = ODataService(sap.http, "API_PURCHASEORDER_PROCESS_SRV")
    made = await service.create(
        "A_PurchaseOrder", body, number="PurchaseOrder", key="by hand", first_sent="2027-01-04T00:00:00"
    )
    assert not isinstance(made, Refused), made
    return str(made["PurchaseOrder"])


async def test_of_two_orders_the_lowest_is_kept_with_the_requisition_it_was_made_of(sap: Sap) -> None:
    two_workers = [SapErp(sap.http), SapErp(sap.http)]
    await asyncio.gather(*(place(erp) for erp in two_workers), return_exceptions=True)
    found = placed(await place(two_workers[0], maybe_written=True))
    one_of_each(sap, found)
    assert found.order_number == min(one["PurchaseOrder"] for one in sap.simulator.books()["orders"])


async def test_a_busy_erp_states_when_to_retry_and_nothing_was_written(erp: SapErp, sap: Sap) -> None:
    sap.fault("status", REQUISITIONS, status=429, retry_after=9)
    with pytest.raises(TransientError) as caught:
        await place(erp)
    assert caught.value.retry_after_seconds == 9
    assert not caught.value.maybe_written
    assert sap.writes == 0


async def test_when_the_budget_is_spent_the_outcome_is_maybe_written(sap: Sap) -> None:
    sap.fault("cut", ORDERS, times=5)
    hasty = SapErp(sap.http, settle_seconds=0.2, look_every_seconds=0.05, budget_seconds=0.1)
    with pytest.raises(TransientError) as caught:
        await place(hasty)
    assert caught.value.maybe_written
    assert len(sap.requisitions) == 1


async def test_reads_that_fail_after_the_order_was_made_cost_no_second_order(erp: SapErp, sap: Sap) -> None:
    sap.fault("timeout_after_write", ORDERS, seconds=0.4)
    sap.fault("status", ORDERS.replace("$", r"\?"), method="GET", after=2)
    found = await placed_at_last(erp)
    assert found.found_existing
    one_of_each(sap, found)


async def test_what_was_created_without_a_doubt_is_not_looked_for_again(erp: SapErp, sap: Sap) -> None:
    sap.fault("status", ORDERS.replace("$", r"\?"), method="GET", after=1)
    placed(await place(erp))
    assert not sap.all_faults_struck
    assert (len(sap.requisitions), len(sap.orders)) == (1, 1)


class Unfiltered(Mounted):
    """A SAP that ignores filters, as for a field that it can't filter by."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        kept = [part for part in request.url.query.split(b"&") if not part.startswith((b"$filter", b"%24filter"))]
        request.url = request.url.copy_with(query=b"&".join(kept))
        return await super().handle_async_request(request)


async def test_where_filters_are_ignored_other_documents_do_not_become_ours(sap: Sap) -> None:
    async with make_client("http://sap/erp", "PEGLINE", "pegline", 1, Unfiltered(sap.simulator)) as http:
        erp = SapErp(http, settle_seconds=0.1)
        first = placed(await place(erp))
        second = placed(await place(erp, document(reference="PLOTHER00001")))
        assert (first.found_existing, second.found_existing) == (False, False)
        assert first.order_number != second.order_number
        again = placed(await place(erp, document(reference="PLOTHER00001")))
        assert (again.order_number, again.found_existing) == (second.order_number, True)
        change = document(line(10, "80"), order_number=first.order_number, changed_lines=(10,))
        await erp.change_order(change, key="change-2")
        assert [sap.item(one.order_number)["OrderQuantity"] for one in (first, second)] == ["80", "100"]


# Sessions


async def test_an_expired_session_is_renewed_once_and_the_write_repeated(erp: SapErp, sap: Sap) -> None:
    placed(await place(erp))
    await sap.post("/control/sessions/expire")
    other = document(reference="PLOTHER00001")
    found = placed(await place(erp, other))
    assert found.order_number in {one["PurchaseOrder"] for one in sap.orders}
    assert len(sap.orders) == 2


async def test_an_expired_session_is_renewed_where_a_gateway_drops_saps_header(erp: SapErp, sap: Sap) -> None:
    text = "CSRF token validation failed"
    sap.fault("answer", REQUISITIONS, status=403, headers={"content-type": "text/plain"}, body=text)
    one_of_each(sap, placed(await place(erp)))
    assert sap.simulator.plan.planned[0].hits == 1, "the write after the refused one was taken"


async def test_many_writers_share_an_expired_session(erp: SapErp, sap: Sap) -> None:
    placed(await place(erp))
    await sap.post("/control/sessions/expire")
    match = {"header": {"x-csrf-token": "(?i)fetch"}}
    sap.simulator.plan.add(Fault.model_validate({"kind": "slow", "seconds": 0.02, "times": 99, "match": match}))
    others = [document(reference=f"PLOTHER0000{n}") for n in range(5)]
    await asyncio.gather(*(place(erp, other) for other in others))
    assert len(sap.orders) == 6
    assert sap.simulator.plan.planned[0].hits == 2, "one renewal for each of the two services"


async def test_wrong_credentials_are_for_a_person(sap: Sap) -> None:
    async with make_client("http://sap/erp", "PEGLINE", "wrong", 0.25, Mounted(sap.simulator)) as http:
        with pytest.raises(PermanentError, match="is logged on to"):
            await place(SapErp(http))


async def test_a_wrong_base_url_is_for_a_person(sap: Sap) -> None:
    async with make_client("http://sap/erp/v9", "PEGLINE", "pegline", 0.25, Mounted(sap.simulator)) as http:
        with pytest.raises(PermanentError, match="check the base URL"):
            await place(SapErp(http))


async def test_an_erp_that_is_down_is_not_ambiguous() -> None:
    async with make_client("http://127.0.0.1:9/erp", "PEGLINE", "pegline", 0.25) as http:
        with pytest.raises(TransientError) as caught:
            await place(SapErp(http))
    assert not caught.value.maybe_written


# SAP says no


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        (document(plant="9999"), "9999"),
        (document(supplier="17300003"), "17300003"),
        (document(line(10), line(20, item="NO-SUCH-ITEM", info_record=None)), "NO-SUCH-ITEM"),
    ],
)
async def test_a_business_check_of_sap_is_a_refusal_in_saps_words(
    erp: SapErp, sap: Sap, wrong: OrderDocument, detail: str
) -> None:
    refused = await place(erp, wrong)
    assert isinstance(refused, Refused)
    assert refused.system == "erp"
    assert detail in refused.reason
    assert "/" in refused.code
    assert len(refused.reason) <= 300
    assert sap.orders == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (document(supplier="SUPPLIER-OF-BOLTS"), "does_not_fit"),
        (document(line(quantity="1.0005")), "does_not_fit"),
        (document(line(price=Decimal("0.0000001"))), "does_not_fit"),
    ],
)
async def test_what_sap_can_not_hold_is_refused_before_anything_is_written(
    erp: SapErp, sap: Sap, wrong: OrderDocument, code: str
) -> None:
    refused = await place(erp, wrong)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert sap.writes == 0


async def test_a_document_that_a_person_deleted_is_not_made_again(erp: SapErp, sap: Sap) -> None:
    found = placed(await place(erp))
    token = await sap.http.get("/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV/", headers={"X-CSRF-Token": "Fetch"})
    gone = await sap.http.delete(
        f"/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrder('{found.order_number}')",
        headers={"X-CSRF-Token": token.headers["x-csrf-token"]},
    )
    assert gone.status_code == 204
    refused = await place(erp, maybe_written=True)
    assert isinstance(refused, Refused)
    assert refused.code == "deleted_in_erp"
    assert found.order_number in refused.reason
    assert sap.orders == []


async def test_an_answer_that_is_not_saps_is_for_a_person() -> None:
    def portal(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, text="<html>Welcome to the portal</html>")

    async with make_client("http://sap/erp", "PEGLINE", "pegline", 0.25, httpx.MockTransport(portal)) as http:
        with pytest.raises(PermanentError, match="Welcome to the portal"):
            await place(SapErp(http))
