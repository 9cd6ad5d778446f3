"""The planning system gets the whole coverage of an order, and never an older one."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from adapters.aps.rest.client import RestAps
from adapters.errors import PermanentError
from adapters.http import correlation, make_client
from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import OrderId, requirement_id
from canonical.order import Refused, Written
from canonical.substitution import Substitution
from canonical.supply import ScheduleLine, ScheduleLineState
from simulators.aps.app import create
from simulators.faults import InProcessTransport, Simulator

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


async def test_a_repeated_report_is_one_report(aps: RestAps, simulator: Simulator) -> None:
    await aps.write_coverage(report(), key="k1")
    await aps.write_coverage(report(), key="k1")
    assert await aps.write_coverage(report(), key="k2") == Written(reference="4500000007", writes=0)
    assert len(simulator.log.writes) == 1


async def test_an_approved_substitute_item_is_told_with_the_coverage_until_it_is_waited_for_no_longer(
    aps: RestAps, simulator: Simulator
) -> None:
    used = Substitution(item="BB-9108", quantity=Decimal("1.5"), unit="KGM", replaces=Decimal(40), use_on=ASKED)
    first = report()
    told = first.model_copy(update={"entries": (first.entries[0].model_copy(update={"substitution": used}),)})
    await aps.write_coverage(told, key="k1")
    assert simulator.books()["coverage"]["4500000007"]["requirements"][0]["substitution"] == {
        "item": "BB-9108",
        "quantity": "1.5",
        "unit": "KGM",
        "replaces": "40",
        "useOn": ASKED.isoformat(),
    }
    await aps.write_coverage(report(sequence=2), key="k2")
    assert simulator.books()["coverage"]["4500000007"]["requirements"][0]["substitution"] is None


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


async def test_a_wrong_address_is_for_a_person(simulator: Simulator) -> None:
    async with make_client("http://aps/aps/v9", "", "", 0.2, _Below(simulator)) as http:
        with pytest.raises(PermanentError, match="check the base URL"):
            await RestAps(http).write_coverage(report(), key="k1")
