"""A planning system that sends no plans is read: what changed is taken in, the same plan again is not."""

from dataclasses import dataclass, field

from adapters.errors import TransientError
from adapters.ports import PublishedPlan
from gateway.plan_runs.fetching import PlanFetcher, PlanSource
from tests.gateway.conftest import Gateway
from tests.gateway.plan_words import SOURCE, line, ndjson


@dataclass
class Planning:
    """A planning system whose plan is read, and how often it was."""

    lines: bytes = b""
    version: int = 1
    down: bool = False
    reads: list[str] = field(default_factory=list)

    async def read_plan(self, plant: str) -> PublishedPlan:
        self.reads.append(plant)
        if self.down:
            raise TransientError("frepple", "no answer within 10 s")
        return PublishedPlan(self.version, self.lines)


async def test_a_plan_is_read_every_few_minutes_and_taken_in_where_it_changed(gateway: Gateway) -> None:
    planning, at = Planning(ndjson(line("A"))), [0.0]
    sources = [PlanSource("frepple", SOURCE, "P1", planning, 600.0)]
    fetcher = PlanFetcher(gateway.ledger, gateway.app.state.parts.plan_intake, lambda: sources, lambda: at[0])

    async def taken_after(seconds: float, *versions: int) -> list[bool]:
        at[0] += seconds
        await fetcher.look()
        return [await gateway.ledger.plans.of_version(SOURCE, "P1", version) is not None for version in versions]

    assert await taken_after(0, 1) == [True]
    assert await taken_after(599, 1) == [True]
    assert len(planning.reads) == 1, "it is not due yet"
    planning.version = 2
    assert await taken_after(1, 2) == [False], "it says the same as before"
    planning.lines, planning.version, planning.down = ndjson(line("A"), line("B")), 3, True
    assert await taken_after(600, 3) == [False]
    [fault] = fetcher.faults
    assert fault.startswith("frepple: the plan of plant P1 has not been taken in since 2")
    planning.down = False
    assert await taken_after(600, 3) == [True]
    assert fetcher.faults == []
    planning.lines, planning.version = b"", 4
    assert await taken_after(600, 4) == [True], "a plan without a line withdraws all"


async def test_a_plan_of_a_system_that_does_not_own_it_is_not_taken_in(gateway: Gateway) -> None:
    planning = Planning(ndjson(line("A")))
    gateway.own(requirement=("other",))
    sources = [PlanSource("frepple", SOURCE, "P1", planning, 600.0)]
    await PlanFetcher(gateway.ledger, gateway.app.state.parts.plan_intake, lambda: sources).look()
    assert planning.reads == ["P1"]
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 1) is None
