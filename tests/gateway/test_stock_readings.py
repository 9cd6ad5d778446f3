"""What an ERP has available is asked for where it owns the stock, and taken in where it differs from what was read."""

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from adapters.dialects import Connection, Dialects, ErpSystem
from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.ports import AvailableStock
from canonical.base import Criticality
from canonical.exception import Choice
from canonical.identity import requirement_id, stock_id
from canonical.need import Need, Revision
from canonical.policy import RouteKind, RouteRule, SubstituteItem
from canonical.records import RequirementStage
from canonical.sourcing import FreeStock
from canonical.stock import StockReport, StockReportKind
from decisions.shortage import alternatives
from landscape.book import LandscapeBook
from ledger.stock.stock import CountedReport
from runtime.stock_readings import AskingPace, StockFollower
from runtime.systems import SystemPool
from tests.decisions.late_coverage import LATE, short_of
from tests.decisions.models import a_need, a_peg, a_policy, a_source, an_item, june
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import ITEM, MORNING

BOLT = "BOLT-8"
ASKED_AGAIN = AskingPace(every=0.0)
NEED = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(15)),))
TRANSFER = RouteRule(kind=RouteKind.TRANSFER, supplying_plant="P2", transit_days=2)


class Kept:
    """Implements adapters.ports.StockPort: what a test puts there, by plant and item."""

    def __init__(self) -> None:
        self.quantities: dict[tuple[str, str], str] = {}
        self.unit = "EA"
        self.asked: list[tuple[str, Collection[str]]] = []
        self.clock = MORNING
        self.faults: list[AdapterError] = []
        self.answers = True

    async def available(self, plant: str, items: Sequence[str]) -> list[AvailableStock]:
        self.asked.append((plant, set(items)))
        at = self.clock = self.clock + dt.timedelta(minutes=5)
        if not self.answers:
            await asyncio.Event().wait()
        if self.faults:
            raise self.faults.pop()
        there = [(item, self.quantities[plant, item]) for item in items if (plant, item) in self.quantities]
        return [AvailableStock(item, Decimal(quantity), self.unit, at) for item, quantity in there]


class InMemory(Dialects):
    """The dialect `memory`: an ERP of which only the stock is asked for."""

    def erp(self, name: str) -> Any:
        return self

    def connect(self, connection: Connection) -> ErpSystem:
        nothing: Any = None
        return ErpSystem(nothing, nothing, None, nothing, stock=self.kept)

    kept: Kept


class Followed(NamedTuple):
    """An ERP's stock, and what asks for it."""

    gateway: Gateway
    stock: Kept
    follower: StockFollower
    pool: SystemPool
    path: Path

    def another_worker(self) -> StockFollower:
        return StockFollower(self.pool, self.gateway.ledger, self.gateway.policies, lambda: MORNING, ASKED_AGAIN)

    async def read(self) -> int:
        new = await self.follower.look("erp")
        await self.gateway.relay.drain()
        return new

    async def figure(self, plant: str = "P2", item: str = ITEM) -> Decimal | None:
        found = await self.gateway.ledger.stock.figure(plant, item)
        return None if found is None else found.available_to_promise

    async def report(self, kind: StockReportKind, quantity: int, minutes: float) -> None:
        """What another system says, so many minutes after the morning."""
        said = StockReport(
            kind=kind,
            plant="P2",
            item=ITEM,
            quantity=Decimal(quantity),
            unit="EA",
            source="mes",
            effective_at=MORNING + dt.timedelta(minutes=minutes),
            event_id=f"{kind}-{minutes}",
        )
        await self.gateway.ledger.stock.register(said.id, "EA", [CountedReport(report=said, quantity=said.quantity)])


def landscape(domains: str = '["orders", "stock"]', maintenance: str = "") -> str:
    return f"""
[systems.erp]
kind = "erp"
dialect = "memory"
address = "http://erp"
sources = ["erp"]
{maintenance}

[[owner]]
system = "erp"
domains = {domains}
plant = ["P2"]
"""


@asynccontextmanager
async def following(gateway: Gateway, path: Path, pace: AskingPace = ASKED_AGAIN) -> AsyncIterator[Followed]:
    path.write_text(landscape())
    dialects, stock = InMemory(), Kept()
    object.__setattr__(dialects, "kept", stock)
    book = LandscapeBook(path, now=lambda: MORNING, clock=itertools.count(0.0, 2.0).__next__)
    pool = SystemPool(book, dialects, gateway.policies, lambda name, system, pace: httpx.AsyncClient(), lambda: MORNING)
    follower = StockFollower(pool, gateway.ledger, gateway.policies, lambda: MORNING, pace)
    yield Followed(gateway, stock, follower, pool, path)
    await pool.close()


@pytest.fixture
async def followed(gateway: Gateway, tmp_path: Path) -> AsyncIterator[Followed]:
    async with following(gateway, tmp_path / "landscape.toml") as made:
        yield made


async def needed(gateway: Gateway, plant: str, item: str = ITEM, **changes: Any) -> None:
    """An open requirement that the ledger knows."""
    fields: dict[str, Any] = {"source": "aps", "demand_reference": f"D-{plant}"} | changes
    need = Need(
        id=requirement_id(plant, item, fields["source"], fields["demand_reference"]),
        plant=plant,
        item=item,
        quantity=Decimal(40),
        unit="EA",
        required_date=MORNING.date(),
        criticality=Criticality.B,
        revision=Revision(plan_version=1, effective_at=MORNING, event_id=f"{plant}-{item}"),
        **fields,
    )
    await gateway.requirement(need, RequirementStage.COVERED)


async def test_a_figure_is_taken_in_once_and_again_where_it_differs(followed: Followed) -> None:
    gateway, stock = followed.gateway, followed.stock
    await needed(gateway, "P2")
    await needed(gateway, "P1", BOLT)
    stock.quantities = {("P2", ITEM): "100.75", ("P1", BOLT): "7"}
    assert [await followed.read() for _ in range(3)] == [1, 0, 0]
    assert await followed.figure() == 100, "pieces are whole, and nothing is promised that is not there"
    assert {plant for plant, _ in stock.asked} == {"P2"}, "only where the ERP owns the stock"

    stock.quantities["P2", ITEM] = "60"
    assert [await followed.read() for _ in range(2)] == [1, 0]
    stock.quantities["P2", ITEM] = "100.75"
    assert await followed.read() == 1, "as it was before is a change, too"
    assert await followed.figure() == 100
    taken = await gateway.inbox_of(stock_id("P2", ITEM))
    assert [(row.source, row.event_id) for row in taken] == [("erp", f"stock/P2/{ITEM}/{n}") for n in (1, 2, 3)]


async def test_what_is_not_owned_or_in_maintenance_is_not_asked_for(followed: Followed) -> None:
    await needed(followed.gateway, "P2")
    followed.path.write_text(landscape('["orders"]'))
    assert await followed.read() == 0
    followed.path.write_text(
        landscape(maintenance='maintenance = [{ days = ["mon"], from = "00:00", to = "23:59", zone = "UTC" }]')
    )
    assert await followed.read() == 0
    assert followed.stock.asked == []


async def test_two_workers_make_one_event_and_take_turns(gateway: Gateway, tmp_path: Path) -> None:
    async with following(gateway, tmp_path / "landscape.toml") as followed:
        await needed(gateway, "P2")
        followed.stock.quantities = {("P2", ITEM): "100"}
        workers = [followed.another_worker() for _ in range(4)]
        assert sum(await asyncio.gather(*(each.look("erp") for each in workers))) == 1
    async with following(gateway, tmp_path / "landscape.toml", AskingPace(every=3_600.0)) as slow:
        await needed(gateway, "P2")
        await slow.read()
        asked = len(slow.stock.asked)
        await slow.read()
        assert (asked, len(slow.stock.asked)) == (1, 1), "it is not time yet"


async def test_an_older_reading_does_not_overtake(followed: Followed) -> None:
    await needed(followed.gateway, "P2")
    followed.stock.quantities = {("P2", ITEM): "100"}
    await followed.read()
    followed.stock.clock -= dt.timedelta(hours=1)
    followed.stock.quantities = {("P2", ITEM): "3"}
    assert await followed.read() == 0
    assert await followed.figure() == 100


async def test_a_failure_is_tried_again_and_one_strange_figure_stops_no_other(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    await needed(followed.gateway, "P2")
    await needed(followed.gateway, "P2", BOLT)
    followed.stock.quantities = {("P2", ITEM): "5e12", ("P2", BOLT): "7"}
    followed.stock.faults = [TransientError("memory", "503"), PermanentError("memory", "no such plant")]
    assert [await followed.read() for _ in range(4)] == [0, 0, 1, 0]
    assert await followed.figure(item=BOLT) == 7
    assert await followed.figure() is None
    assert "erp: 503" in caplog.text
    assert f"of {ITEM} at plant P2 can't be taken in" in caplog.text


async def test_an_erp_that_does_not_answer_is_given_up_and_asked_again(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with following(gateway, tmp_path / "landscape.toml", AskingPace(every=0.0, call=0.02)) as followed:
        await needed(gateway, "P2")
        followed.stock.quantities, followed.stock.answers = {("P2", ITEM): "100"}, False
        assert await followed.read() == 0
        assert "erp: no answer within 0.02 seconds" in caplog.text
        followed.stock.answers = True
        assert await followed.another_worker().look("erp") == 1


async def test_what_another_system_stated_since_is_replaced_though_the_reading_is_the_same(followed: Followed) -> None:
    await needed(followed.gateway, "P2")
    followed.stock.quantities = {("P2", ITEM): "100"}
    await followed.read()
    minutes = (followed.stock.clock - MORNING) / dt.timedelta(minutes=1)
    await followed.report(StockReportKind.STATED, 40, minutes + 1)
    assert [await followed.read() for _ in range(2)] == [1, 0]
    assert await followed.figure() == 100


async def test_what_our_own_transfers_were_promised_is_taken_off_until_they_end(followed: Followed) -> None:
    gateway, stock = followed.gateway, followed.stock
    promised = {"source": "pegline", "demand_reference": "4500000001/10", "demanded_by": "order/P1/P2/x"}
    await needed(gateway, "P2", **promised, demanding_line=10, from_stock=Decimal(40))
    stock.quantities = {("P2", ITEM): "100"}
    await followed.read()
    assert await followed.figure() == 60
    stock.quantities = {("P2", ITEM): "30"}
    await followed.read()
    assert await followed.figure() == 0, "they may have left already: nothing is short for that"
    stock.quantities = {("P2", ITEM): "-5"}
    await followed.read()
    assert await followed.figure() == -5
    stock.unit = "KGM"
    assert await followed.read() == 0, "nothing converts pieces to kilograms"


async def test_a_transfer_from_another_plant_becomes_a_way_out_once_its_erp_was_read(followed: Followed) -> None:
    gateway, ledger = followed.gateway, followed.gateway.ledger
    await needed(gateway, "P1")
    by_route = gateway.policies.by_plant["P1"].model_copy(update={"routes": (TRANSFER,)})
    gateway.policies.by_plant["P1"] = by_route
    item = an_item(
        a_source(supplier="1580"),
        a_source(supplier="P2", route=RouteKind.TRANSFER, preference=2, lead_time_days=2, price=Decimal(0)),
    )
    policy = a_policy(routes=(RouteRule(kind=RouteKind.DIRECT), TRANSFER))

    async def ways_out() -> list[tuple[Choice, str | None]]:
        free_at = await ledger.free_stock(["P2"], ITEM)
        found = alternatives(NEED, short_of(NEED, *LATE), "1580", item, policy, MORNING.date(), free_at=free_at)
        return [(way.choice, way.supplier) for way in found]

    assert (Choice.TRANSFER, "P2") not in await ways_out()
    followed.stock.quantities = {("P2", ITEM): "60"}
    assert await followed.read() == 1, "nobody at P2 needs it, but P1 might get it from there"
    assert await ledger.free_stock(["P2"], ITEM) == {"P2": FreeStock(quantity=Decimal(60), unit="EA")}
    assert (Choice.TRANSFER, "P2") in await ways_out()


async def test_substitutes_of_what_is_needed_are_asked_for_too(followed: Followed) -> None:
    gateway = followed.gateway
    await needed(gateway, "P2")
    substitutes = (SubstituteItem(item=BOLT),)
    gateway.policies.own["P2", ITEM, ""] = gateway.policies.by_plant["P2"].model_copy(
        update={"substitutes": substitutes}
    )
    followed.stock.quantities = {("P2", BOLT): "9"}
    assert await followed.read() == 1
    assert await gateway.ledger.free_stock(["P2"], BOLT) == {"P2": FreeStock(quantity=Decimal(9), unit="EA")}


async def test_a_use_after_the_reading_counts_and_one_before_it_is_in_it(followed: Followed) -> None:
    await needed(followed.gateway, "P2")
    followed.stock.quantities = {("P2", ITEM): "100"}
    await followed.read()
    await followed.report(StockReportKind.CONSUMED, 50, 4)
    await followed.report(StockReportKind.CONSUMED, 10, 6)
    assert await followed.figure() == 90
