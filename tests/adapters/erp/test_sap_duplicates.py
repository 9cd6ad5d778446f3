"""A create that SAP finishes late: no second one before the first can't appear any more; and doubles are reported."""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import Sequence

import pytest

from adapters.erp.sap.client import SapErp
from adapters.erp.settle_policy import NotFinal, SettlePolicy
from adapters.errors import PermanentError, TransientError
from adapters.ports import DuplicateSweepPort
from canonical.order import DuplicateDocuments, OrderDocument, Placed
from runtime.duplicate_sweep import DAYS, DAYS_WITHOUT, report, sweep_duplicates
from simulators.faults import Fault, Match
from tests.adapters.erp.documents import document, line, policies
from tests.adapters.erp.sap import ORDERS, REQUISITIONS, Sap

BOTH = pytest.mark.parametrize("step", [REQUISITIONS, ORDERS], ids=["requisition", "order"])
TODAY = dt.date(2027, 1, 4)


def slow_sap(sap: Sap, second_create_seconds: float) -> SapErp:
    """It looks for 0.1 s in a call, but a lost create may take longer than that."""
    return SapErp(
        sap.http,
        settle_seconds=0.1,
        look_every_seconds=0.02,
        budget_seconds=3,
        second_create_seconds=second_create_seconds,
    )


async def placed_as_told(erp: SapErp, what: OrderDocument | None = None) -> tuple[Placed, list[float]]:
    """As the activity is retried: after the time that the adapter asks for; returns those times too."""
    maybe_written, pauses = False, []
    for _ in range(9):
        try:
            found = await erp.place_order(what or document(), key="place", maybe_written=maybe_written)
        except TransientError as error:
            maybe_written = maybe_written or error.maybe_written
            pauses.append(error.retry_after_seconds or 0)
            await asyncio.sleep(error.retry_after_seconds or 0)
        else:
            assert isinstance(found, Placed), found
            return found, pauses
    raise AssertionError("not placed")


@BOTH
async def test_a_create_that_takes_longer_than_time_out_and_settle_time_stays_the_only_one(sap: Sap, step: str) -> None:
    sap.fault("write_late", step, seconds=0.9)  # the client gives up after 0.25 s
    found, pauses = await placed_as_told(slow_sap(sap, 2.0))
    await sap.simulator.settled()
    assert (len(sap.requisitions), len(sap.orders)) == (1, 1)
    assert found.order_number == sap.orders[0]["PurchaseOrder"]
    assert found.duplicates == ()
    assert pauses, "the wait is no activity's"
    assert all(0 < pause <= 2.0 for pause in pauses)


@BOTH
async def test_a_create_that_never_arrived_is_made_again_once_it_is_sure(sap: Sap, step: str) -> None:
    sap.fault("cut", step)
    found, _ = await placed_as_told(slow_sap(sap, 0.5))
    assert (len(sap.requisitions), len(sap.orders)) == (1, 1)
    assert found.order_number == sap.orders[0]["PurchaseOrder"]


async def test_another_worker_counts_anew(sap: Sap) -> None:
    sap.fault("cut", ORDERS)
    with pytest.raises(TransientError):
        await slow_sap(sap, 0.5).place_order(document(), key="place", maybe_written=False)
    await asyncio.sleep(0.5)
    other = slow_sap(sap, 0.5)
    with pytest.raises(TransientError, match="created only if it is still missing") as caught:
        await other.place_order(document(), key="place", maybe_written=True)
    assert caught.value.maybe_written
    assert caught.value.retry_after_seconds is not None
    assert sap.orders == []
    await asyncio.sleep(caught.value.retry_after_seconds)
    assert isinstance(await other.place_order(document(), key="place", maybe_written=True), Placed)
    assert len(sap.orders) == 1


class Hours:
    """A clock that moves when it is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def looked(policy: SettlePolicy, appears_at: float, clock: Hours) -> list[str]:
    async def look() -> list[str]:
        return ["4500000011"] if clock.now >= appears_at else []

    return await policy.look_until_final("PL1/order", look)


async def test_missing_is_final_only_after_the_last_create_that_may_have_been_lost() -> None:
    clock = Hours()
    policy = SettlePolicy(5, 0.5, 18, 60, clock, clock.sleep)
    with pytest.raises(NotFinal) as caught:
        await looked(policy, 1e9, clock)
    assert (clock.now, caught.value.seconds) == (5, 55)
    clock.now = 60
    assert await looked(policy, 1e9, clock) == []
    policy.sent("PL1/order")  # and is lost as well
    clock.now = 100
    with pytest.raises(NotFinal):
        await looked(policy, 1e9, clock)
    assert await looked(policy, 103, clock) == ["4500000011"]
    clock.now = 500
    with pytest.raises(NotFinal):  # it was there, so it is not known to have been missing since
        await looked(policy, 1e9, clock)


async def test_a_look_that_began_before_the_document_could_no_longer_appear_is_not_final() -> None:
    clock, began = Hours(), list[float]()
    policy = SettlePolicy(10, 0.5, 18, 10, clock, clock.sleep)

    async def slow_look() -> list[str]:
        began.append(clock.now)
        seen = ["4500000011"] if clock.now >= 10 else []
        await clock.sleep(4)
        return seen

    assert await policy.look_until_final("PL1/order", slow_look) == ["4500000011"]
    assert began == [0, 4.5, 9, 13]
    assert await policy.look_until(slow_look, lambda seen: seen == ["4500000012"]) == ["4500000011"]
    assert began[-1] >= 17 + 10


# Without SAP's idempotency framework


OFF = {
    "error": {
        "code": "/IWBEP/CM_COS/001",
        "message": {"lang": "en", "value": "NetWeaver 'Idempotent Service Framework' error: Check configuration"},
    }
}


def framework_is_off(sap: Sap, status: int = 400) -> None:
    """As SAP answers each request with RequestID and RepeatabilityCreation where the framework is not set up."""
    match = Match(header={"requestid": ".", "repeatabilitycreation": "."})
    headers = {"content-type": "application/json"}
    answer = Fault(kind="answer", match=match, status=status, headers=headers, body=json.dumps(OFF), times=99)
    sap.simulator.plan.add(answer)


@pytest.mark.parametrize("status", [400, 500, 501])
async def test_a_framework_that_is_off_is_told_to_the_administrator_with_the_setting(
    erp: SapErp, sap: Sap, status: int
) -> None:
    framework_is_off(sap, status)
    with pytest.raises(PermanentError) as caught:
        await erp.place_order(document(), key="place", maybe_written=False)
    shown = str(caught.value)[:300]
    assert "set up SAP's idempotency framework, or set PEGLINE_ERP_REPEATABLE_REQUESTS=off" in shown
    assert "/IWBEP/CM_COS/001" in shown
    assert sap.writes == 0


async def test_with_the_headers_off_all_is_written_without_them(sap: Sap) -> None:
    framework_is_off(sap)
    erp = SapErp(sap.http, settle_seconds=0.5, look_every_seconds=0.05, budget_seconds=3, repeatable=False)
    found = await erp.place_order(document(), key="place", maybe_written=False)
    assert isinstance(found, Placed)
    change = document(line(10, "80"), order_number=found.order_number, changed_lines=(10,))
    await erp.change_order(change, key="change-2")
    assert not sap.all_faults_struck
    assert sap.item(found.order_number)["OrderQuantity"] == "80"


async def test_without_the_headers_documents_are_looked_for_before_and_after(sap: Sap) -> None:
    looks = ORDERS.replace("$", r"\?")
    sap.fault("slow", looks, "GET", seconds=0, times=99)
    await SapErp(sap.http, repeatable=False).place_order(document(), key="place", maybe_written=False)
    assert sap.simulator.plan.planned[0].hits == 2
    await SapErp(sap.http).place_order(document(reference="PLOTHER00001"), key="place", maybe_written=False)
    assert sap.simulator.plan.planned[0].hits == 3, "with them, a create that was answered is enough"


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_request_that_sap_remembers_without_its_result_is_looked_for(
    erp: SapErp, sap: Sap, carried_out: bool
) -> None:
    outdated = {"error": {"code": "/IWBEP/CM_COS/005", "message": {"value": "RequestID is outdated"}}}
    headers = {"content-type": "application/json"}
    sap.fault("answer", ORDERS, status=400, body=json.dumps(outdated), headers=headers, carried_out=carried_out)
    found = await erp.place_order(document(), key="place", maybe_written=False)
    assert isinstance(found, Placed)
    assert len(sap.orders) == 1


# The sweep


async def twice(sap: Sap, reference: str) -> None:
    """Two orders and two requisitions of one reference, as two workers that know nothing of each other make them."""
    for key in ("one", "two"):
        erp = SapErp(sap.http, settle_seconds=0.1)
        nothing = '{"d": {"results": []}}'
        headers = {"content-type": "application/json"}
        looks = r"A_PurchaseOrder\?|A_PurchaseRequisitionItem\?"
        sap.fault("answer", looks, "GET", status=200, body=nothing, headers=headers, times=2)
        assert isinstance(await erp.place_order(document(reference=reference), key=key, maybe_written=False), Placed)


async def test_documents_of_one_reference_are_reported_and_left_alone(erp: SapErp, sap: Sap) -> None:
    await erp.place_order(document(reference="PLSINGLE0001"), key="place", maybe_written=False)
    await twice(sap, "PLDOUBLE0001")
    before = sap.writes
    found = await erp.duplicates(TODAY)
    assert [(one.kind, one.reference, len(one.numbers)) for one in found] == [
        ("order", "PLDOUBLE0001", 2),
        ("requisition", "PLDOUBLE0001", 2),
    ]
    assert found[0].numbers == tuple(sorted(found[0].numbers))
    assert sap.writes == before
    assert await erp.duplicates(TODAY + dt.timedelta(days=1)) == [], "only what was created since"


async def test_a_cancelled_double_is_none(erp: SapErp, sap: Sap) -> None:
    await twice(sap, "PLDOUBLE0001")
    orders, _ = await erp.duplicates(TODAY)
    second = document(line(10, cancelled=True), reference="PLDOUBLE0001", order_number=orders.numbers[1])
    await erp.change_order(second.model_copy(update={"changed_lines": (10,)}), key="cancel")
    await erp.cancel_requisition(document(reference="PLDOUBLE0001"), key="cancel")
    assert await erp.duplicates(TODAY) == []


async def test_each_field_that_a_plant_keeps_its_reference_in_is_swept(sap: Sap) -> None:
    others = policies("1710", order_reference_field="CorrespncInternalReference")
    await twice(sap, "PLDOUBLE0001")
    assert [one.kind for one in await SapErp(sap.http, policies=others).duplicates(TODAY)] == ["requisition"]


DOUBLE = DuplicateDocuments(kind="order", reference="PLDOUBLE0001", numbers=("4500000017", "4500000021"))


def test_a_report_says_what_to_do() -> None:
    assert report([DOUBLE]) == [
        "duplicate orders 4500000017 and 4500000021 of reference PLDOUBLE0001; keep the one that Pegline's trace "
        "names, cancel the others in the ERP"
    ]


async def test_the_worker_reports_again_and_again_and_survives_an_erp_that_is_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[dt.date] = []
    thrice = asyncio.Event()

    class Swept:
        async def duplicates(self, since: dt.date) -> Sequence[DuplicateDocuments]:
            asked.append(since)
            if len(asked) > 5:
                thrice.set()
            if len(asked) == 2:
                raise TransientError("erp", "down")
            return [DOUBLE] if len(asked) < 4 else []

    counted: list[int] = []
    erp: DuplicateSweepPort = Swept()
    with caplog.at_level(logging.WARNING, "pegline.duplicates"):
        sweeping = asyncio.create_task(sweep_duplicates(erp, 0.01, lambda: TODAY, counted.append))
        await thrice.wait()
        sweeping.cancel()
    assert counted[:4] == [1, 1, 0, 0]
    back = [(TODAY - since).days for since in asked]
    assert back[:6] == [DAYS, DAYS, DAYS, DAYS, DAYS_WITHOUT, DAYS_WITHOUT], "all of it until the last one is gone"
    levels = [record.levelname for record in caplog.records]
    assert levels[:3] == ["ERROR", "WARNING", "ERROR"]
    assert "4500000021" in caplog.messages[0]


async def test_no_sweep_where_none_is_wanted() -> None:
    asked: list[dt.date] = []

    class Noted:
        async def duplicates(self, since: dt.date) -> Sequence[DuplicateDocuments]:
            asked.append(since)
            return []

    async with asyncio.timeout(5):
        await sweep_duplicates(Noted(), 0, lambda: TODAY)
    assert asked == []
