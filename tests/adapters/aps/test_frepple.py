"""frePPLe: approved purchase orders are needs, and what suppliers confirm comes back as orders of its own."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.aps.frepple.dialect import DIALECT
from adapters.dialects import Connection, OptionError, PlanningSystem
from adapters.errors import PermanentError, TransientError
from adapters.http import make_client
from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import OrderId, requirement_id
from canonical.order import Refused, Written
from canonical.supply import ScheduleLine, ScheduleLineState
from policies.book import PolicyBook
from runtime.landscape import BearerAuth
from simulators.faults import Fault, InProcessTransport, Match, Simulator
from simulators.frepple.app import create

CONFIRMED, RECEIVED = ScheduleLineState.CONFIRMED, ScheduleLineState.RECEIVED
PLANT = "1710"  # in California
NOW = dt.datetime(2027, 1, 6, 3, 30, tzinfo=dt.UTC)
POLICIES = PolicyBook(Path("policies"), today=NOW.date)
OPTIONS = {
    "locations": "1710=Palo Alto",
    "suppliers": "V-200=Acme",
    "units": "KGM=kg,H87=pcs",
    "unit": "EA",
}
WHERE: dict[str, str] = {"location": "Palo Alto", "supplier": "Acme"}


@dataclass
class Frepple:
    simulator: Simulator
    control: httpx.AsyncClient
    system: PlanningSystem

    async def plan(self) -> list[dict[str, Any]]:
        """The lines of the plan as Pegline reads it."""
        assert self.system.plan is not None
        published = await self.system.plan.read_plan(PLANT)
        return [json.loads(line) for line in published.lines.splitlines()]

    async def report(self, *lines: ScheduleLine, order: str = "45001", sequence: int = 1, need: str = "PO-9") -> Any:
        """What the order gives the need, as Pegline reports it."""
        requirement = requirement_id(PLANT, "STEEL", "aps", need)
        report = CoverageReport(
            order_id=OrderId(f"order/{PLANT}/V-200/abc"),
            order_number=order,
            plant=PLANT,
            sequence=sequence,
            as_of=NOW,
            entries=(RequirementCoverage(requirement_id=requirement, schedule_lines=lines),),
        )
        return await self.system.aps.write_coverage(report, key=f"{order}#{sequence}")

    def held(self) -> dict[str, tuple[str, Decimal, str]]:
        """What frePPLe holds: status, quantity and receipt day by reference."""
        rows = self.simulator.books()["orders"]
        return {
            row["reference"]: (row["status"], Decimal(row["quantity"]).normalize() + 0, str(row["enddate"])[:10])
            for row in rows
        }


@asynccontextmanager
async def a_frepple() -> AsyncIterator[Frepple]:
    simulator = create()
    transport = InProcessTransport(app=simulator)
    control = httpx.AsyncClient(base_url="http://frepple", transport=transport)
    client = make_client("http://frepple", "", "", 0.15, transport, auth=BearerAuth(SecretStr("web-token")))
    async with control, client:
        model = {
            "items": [{"name": "STEEL", "uom": "kg"}, {"name": "BOLT, M8", "uom": None}],
            "suppliers": ["Acme"],
            "locations": ["Palo Alto", "Berlin"],
            "orders": [approved("PO-9", "STEEL", "100", "2027-02-01T00:00:00")],
        }
        assert (await control.post("/control/rows", json=model)).status_code == 200
        yield Frepple(simulator, control, connected(client))
        await simulator.settled()


@pytest.fixture
async def frepple() -> AsyncIterator[Frepple]:
    async with a_frepple() as made:
        yield made


def connected(client: httpx.AsyncClient, options: Mapping[str, str] = OPTIONS) -> PlanningSystem:
    return DIALECT.connect(Connection("frepple-west", client, options, 0, 0, POLICIES, lambda: NOW))


def approved(reference: str, item: str, quantity: str, day: str, **more: Any) -> dict[str, Any]:
    row = {"reference": reference, "item": item, "quantity": quantity, "enddate": day, "status": "approved"}
    return {**row, **WHERE, **more}


def line(quantity: str, day: str | None, state: ScheduleLineState = ScheduleLineState.CONFIRMED) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=dt.date.fromisoformat(day) if day else None, state=state)


async def test_approved_orders_are_the_needs_and_nothing_else_is(frepple: Frepple) -> None:
    """A moment with an offset is a day at the plant; what another system imported is an order there already."""
    orders = [
        approved("PO-10", "BOLT, M8", "12.50000000", "2027-02-03T02:00:00+00:00"),
        approved("1001", "STEEL", "7", "2027-02-02T00:00:00", status="proposed"),
        approved("PO-11", "STEEL", "8", "2027-02-02T00:00:00", location="Berlin"),
        approved("4711", "STEEL", "9", "2027-02-02T00:00:00", source="ERP"),
        approved("4712", "STEEL", "9", "2027-02-02T00:00:00", status="confirmed"),
    ]
    await frepple.control.post("/control/rows", json={"orders": orders})
    day = {"required_date": "2027-02-02", "demand_reference": "PO-10"}
    assert await frepple.plan() == [
        {"item": "BOLT, M8", "quantity": "12.5", "unit": "EA", **day},
        {
            "item": "STEEL",
            "quantity": "100",
            "unit": "KGM",
            "required_date": "2027-02-01",
            "demand_reference": "PO-9",
        },
    ]


async def test_an_order_that_nobody_has_confirmed_stays_free_to_be_moved(frepple: Frepple) -> None:
    outcome = await frepple.report(line("100", "2027-02-01", ScheduleLineState.ORDERED))
    assert outcome == Written(reference="45001", writes=0)
    await frepple.control.post("/control/plan", json={"moves": {"PO-9": "2027-02-10T00:00:00"}})
    assert (await frepple.plan())[0]["required_date"] == "2027-02-10"


async def test_what_is_confirmed_is_an_order_of_the_erps_number_and_the_rest_stays_open(frepple: Frepple) -> None:
    await frepple.report(line("60", "2027-02-04"), line("40", None, ScheduleLineState.BACKORDERED))
    assert frepple.held() == {
        "45001-1:PO-9": ("confirmed", Decimal(60), "2027-02-04"),
        "PO-9": ("approved", Decimal(40), "2027-02-01"),
    }
    assert (await frepple.plan())[0]["quantity"] == "100"  # the need is as it was approved

    await frepple.report(line("60", "2027-02-04"), line("40", "2027-02-20"), sequence=2)
    assert frepple.held() == {
        "45001-1:PO-9": ("confirmed", Decimal(60), "2027-02-04"),
        "45001-2:PO-9": ("confirmed", Decimal(40), "2027-02-20"),
        "PO-9": ("closed", Decimal(40), "2027-02-01"),
    }
    [need] = await frepple.plan()
    assert (need["quantity"], need["required_date"]) == ("100", "2027-02-01")


async def test_two_orders_for_one_need_add_up_and_one_that_is_cancelled_opens_it_again(frepple: Frepple) -> None:
    await frepple.report(line("60", "2027-02-04"))
    await frepple.report(line("40", "2027-02-05"), order="45002")
    assert frepple.held()["PO-9"][0] == "closed"
    await frepple.report(sequence=2)
    assert frepple.held() == {
        "45002-1:PO-9": ("confirmed", Decimal(40), "2027-02-05"),
        "PO-9": ("approved", Decimal(60), "2027-02-01"),
    }


@pytest.mark.parametrize("need", ["PO 9/7 ä", "9" * 120, "a-1:b"])
async def test_a_need_is_found_again_whatever_it_is_called(frepple: Frepple, need: str) -> None:
    """Requirement ids replace or shorten what a path can't carry."""
    row = approved(need, "STEEL", "5", "2027-02-01T00:00:00")
    await frepple.control.post("/control/rows", json={"orders": [row]})
    await frepple.report(line("5", "2027-02-04"), need=need)
    assert frepple.held()[need][0] == "closed"
    assert frepple.held()[f"45001-1:{need}"][:2] == ("confirmed", Decimal(5))
    await frepple.report(sequence=2, need=need)
    assert frepple.held()[need] == ("approved", Decimal(5), "2027-02-01")
    assert len(frepple.held()) == 2


async def test_a_need_that_a_planner_deleted_leaves_only_what_is_on_order(frepple: Frepple) -> None:
    await frepple.report(line("60", "2027-02-04"))
    await frepple.control.delete("/api/input/purchaseorder/PO-9/", headers={"Authorization": "Bearer web-token"})
    assert await frepple.plan() == []
    await frepple.report(line("60", "2027-02-11"), sequence=2)
    assert frepple.held() == {"45001-1:PO-9": ("confirmed", Decimal(60), "2027-02-11")}


async def test_a_need_ends_when_all_of_it_has_come(frepple: Frepple) -> None:
    await frepple.report(line("60", "2027-01-04", RECEIVED), line("40", "2027-02-04"))
    assert frepple.held()["45001-1:PO-9"] == ("closed", Decimal(60), "2027-01-04")
    assert len(await frepple.plan()) == 1
    await frepple.report(line("60", "2027-01-04", RECEIVED), line("40", "2027-01-05", RECEIVED), sequence=2)
    assert await frepple.plan() == []


async def test_an_older_report_and_one_made_again_change_nothing(frepple: Frepple) -> None:
    await frepple.report(line("60", "2027-02-04"), sequence=2)
    held, writes = frepple.held(), len(frepple.simulator.log.writes)
    assert await frepple.report(line("10", "2027-03-04"), sequence=1) == Written(reference="45001", writes=0)
    assert await frepple.report(line("60", "2027-02-04"), sequence=2) == Written(reference="45001", writes=0)
    assert (frepple.held(), len(frepple.simulator.log.writes)) == (held, writes)


@pytest.mark.parametrize("kind", ["timeout_after_write", "cut"])
async def test_a_deletion_whose_answer_was_lost_is_made_again(frepple: Frepple, kind: str) -> None:
    await frepple.report(line("10", "2027-02-03"), line("20", "2027-02-04"))
    match = Match(method="DELETE").model_dump()
    frepple.simulator.plan.add(Fault.model_validate({"kind": kind, "seconds": 0.2, "match": match}))
    with pytest.raises(TransientError) as lost:
        await frepple.report(line("30", "2027-02-03"), sequence=2)
    assert lost.value.maybe_written
    assert isinstance(await frepple.report(line("30", "2027-02-03"), sequence=2), Written)
    assert frepple.held() == {
        "45001-1:PO-9": ("confirmed", Decimal(30), "2027-02-03"),
        "PO-9": ("approved", Decimal(70), "2027-02-01"),
    }


async def test_a_refusal_says_what_frepple_said(frepple: Frepple) -> None:
    nameless = connected(frepple.system.aps._orders._http, {**OPTIONS, "suppliers": ""})  # type: ignore[attr-defined]
    outcome = await Frepple(frepple.simulator, frepple.control, nameless).report(line("60", "2027-02-04"))
    assert isinstance(outcome, Refused)
    assert (outcome.system, outcome.reason) == (
        "frepple-west",
        'supplier: Invalid pk "V-200" - object does not exist.',
    )


async def test_the_check_looks_at_clock_and_fields(frepple: Frepple) -> None:
    found = [(each.what, each.outcome) async for each in frepple.system.check.check()]
    assert found == [("clock", "warning"), ("api/input/purchaseorder/", "ok"), ("api/input/item/", "ok")]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"quantity": "viel"}, "quantity 'viel' is no number"),
        ({"enddate": "02/01/2027"}, "enddate '02/01/2027' is no date"),
        ({"status": "offen"}, "status 'offen' is none of"),
        ({"item": 7}, "item or location is missing"),
    ],
)
async def test_a_row_that_can_not_be_read_stops_the_plan_with_its_reason(row: dict[str, Any], why: str) -> None:
    answer = [{**approved("PO-1", "STEEL", "1", "2027-02-01T00:00:00"), "source": None, **row}]
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    async with make_client("http://frepple", transport=transport) as client:
        system = connected(client)
        assert system.plan is not None
        with pytest.raises(PermanentError, match=why):
            await system.plan.read_plan(PLANT)


@pytest.mark.parametrize(
    "wrong", [{"units": "XX=kg"}, {"units": "KGM=kg,GRM=kg"}, {"locations": "1710"}, {"plan_minutes": "-1"}, {"a": "b"}]
)
async def test_wrong_options_are_named(wrong: dict[str, str]) -> None:
    async with make_client("http://frepple", transport=httpx.MockTransport(lambda _: httpx.Response(500))) as client:
        with pytest.raises(OptionError) as refused:
            connected(client, wrong)
    assert refused.value.option in wrong


STATES = [ScheduleLineState.ORDERED, CONFIRMED, ScheduleLineState.BACKORDERED, RECEIVED]
PARTS = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(["2027-02-01", "2027-02-09", None]), st.sampled_from(STATES)),
    max_size=3,
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["45001", "45002"]), PARTS), min_size=1, max_size=4))
async def test_a_needs_orders_always_add_up_to_it(reports: list[tuple[str, list[Any]]]) -> None:
    """Whatever its orders report, one after the other: what is promised or came, and for the rest the open quantity."""
    async with a_frepple() as frepple:
        last: dict[str, Decimal] = {}
        for sequence, (order, parts) in enumerate(reports, 1):
            lines = [line(str(quantity), day, state) for quantity, day, state in parts]
            assert isinstance(await frepple.report(*lines, order=order, sequence=sequence), Written)
            told = (each for each in lines if each.state is RECEIVED or (each.date and each.state is not STATES[0]))
            last[order] = sum((each.quantity for each in told), Decimal(0))
            held = frepple.held()
            status, quantity, _ = held.pop("PO-9")
            covered = sum(each for _, each, _ in held.values())
            assert covered == sum(last.values())
            assert (status, quantity + covered) == ("approved", Decimal(100)) if covered < 100 else status == "closed"
