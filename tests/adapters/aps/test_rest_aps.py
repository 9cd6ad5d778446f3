"""The planning system gets the whole coverage of an order, and never an older one."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal

import httpx
import pytest

from adapters.aps.rest.client import RestAps
from adapters.errors import PermanentError, TransientError
from adapters.http import correlation, make_client
from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import OrderId, requirement_id
from canonical.order import Refused, Written
from canonical.supply import ScheduleLine, ScheduleLineState
from simulators.aps.app import create
from simulators.faults import Fault, InProcessTransport, Match, Simulator

REQUIREMENT = requirement_id("HH", "BK-1", "atlas", "D4711")
ASKED = dt.date(2027, 3, 1)


def report(sequence: int = 1, quantity: str = "60") -> CoverageReport:
    schedule_lines = (
        ScheduleLine(quantity=Decimal(quantity), date=ASKED, state=ScheduleLineState.CONFIRMED),
        ScheduleLine(quantity=Decimal("0.125"), date=None, state=ScheduleLineState.BACKORDERED),
    )
    return CoverageReport(
        order_id=OrderId("order/HH/1580/abc"),
        order_number="4500000007",
        plant="HH",
        sequence=sequence,
        as_of=dt.datetime(2027, 1, 5, 9, tzinfo=dt.UTC),
        entries=(RequirementCoverage(requirement_id=REQUIREMENT, schedule_lines=schedule_lines),),
    )


@pytest.fixture
def simulator() -> Simulator:
    return create()


@pytest.fixture
async def aps(simulator: Simulator) -> AsyncIterator[RestAps]:
    async with make_client("http://aps/aps", "", "", 0.2, _Below(simulator)) as http:
        yield RestAps(http)


class _Below(InProcessTransport):
    """The simulator as it is mounted at /aps."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(app=simulator, root_path="/aps")


async def test_the_planning_system_holds_exactly_what_was_reported(aps: RestAps, simulator: Simulator) -> None:
    assert await aps.write_coverage(report(), key="k1") == Written(reference="4500000007", writes=1)
    held = simulator.books()["coverage"]["4500000007"]
    assert held["sequence"] == 1
    (reported,) = held["requirements"]
    assert reported["requirementId"] == REQUIREMENT
    assert [(one["quantity"], one["date"], one["state"]) for one in reported["scheduleLines"]] == [
        ("60", "2027-03-01", "confirmed"),
        ("0.125", None, "backordered"),
    ]


async def test_a_repeated_report_is_one_report(aps: RestAps, simulator: Simulator) -> None:
    await aps.write_coverage(report(), key="k1")
    await aps.write_coverage(report(), key="k1")
    assert await aps.write_coverage(report(), key="k2") == Written(reference="4500000007", writes=0)
    assert len(simulator.log.writes) == 1


async def test_an_overtaken_report_changes_nothing(aps: RestAps, simulator: Simulator) -> None:
    await aps.write_coverage(report(sequence=2, quantity="80"), key="k2")
    assert await aps.write_coverage(report(sequence=1), key="k1") == Written(reference="4500000007", writes=0)
    assert simulator.books()["coverage"]["4500000007"]["sequence"] == 2


async def test_the_write_carries_key_and_correlation(aps: RestAps, simulator: Simulator) -> None:
    token = correlation.set("corr-9")
    try:
        await aps.write_coverage(report(), key="order/HH/1580/abc#cover-1")
    finally:
        correlation.reset(token)
    (write,) = simulator.log.writes
    assert (write.key, write.correlation) == ("order/HH/1580/abc#cover-1", "corr-9")


async def test_what_the_planning_system_can_not_take_is_refused_with_its_reason(aps: RestAps) -> None:
    await aps.write_coverage(report(), key="k1")
    refused = await aps.write_coverage(report(sequence=2), key="k1")
    assert isinstance(refused, Refused)
    assert refused.system == "aps"
    assert "Idempotency-Key k1" in refused.reason


@pytest.mark.parametrize("kind", ["slow", "timeout_after_write", "write_late", "cut"])
async def test_a_lost_answer_is_ambiguous_and_the_repetition_harmless(
    aps: RestAps, simulator: Simulator, kind: str
) -> None:
    simulator.plan.add(Fault.model_validate({"kind": kind, "seconds": 0.3}))
    with pytest.raises(TransientError) as caught:
        await aps.write_coverage(report(), key="k1")
    assert caught.value.maybe_written
    await aps.write_coverage(report(), key="k1")
    await simulator.settled()
    assert len(simulator.log.writes) == 1


async def test_a_busy_planning_system_states_when_to_retry(aps: RestAps, simulator: Simulator) -> None:
    simulator.plan.add(Fault(kind="status", status=429, retry_after=7, match=Match(method="PUT")))
    with pytest.raises(TransientError) as caught:
        await aps.write_coverage(report(), key="k1")
    assert caught.value.retry_after_seconds == 7
    assert not caught.value.maybe_written


async def test_a_wrong_address_is_for_a_person(simulator: Simulator) -> None:
    async with make_client("http://aps/aps/v9", "", "", 0.2, _Below(simulator)) as http:
        with pytest.raises(PermanentError, match="check the base URL"):
            await RestAps(http).write_coverage(report(), key="k1")


async def test_a_planning_system_that_is_down_is_not_ambiguous() -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9/aps") as http:
        with pytest.raises(TransientError) as caught:
            await RestAps(http).write_coverage(report(), key="k1")
    assert not caught.value.maybe_written
