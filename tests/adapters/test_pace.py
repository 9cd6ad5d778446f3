"""Every call to a counterpart waits for its slot, whoever makes it."""

import asyncio

import httpx
import pytest

from adapters.errors import TransientError
from adapters.http import exchange, make_client
from adapters.pace import Pace


class Slots:
    """Gives out slots at a rate, on a clock that only sleeping moves; `wait`: others have taken the next ones."""

    def __init__(self, per_second: float, wait: float = 0.0) -> None:
        self.now, self.free_at, self.step = 100.0, 100.0 + wait, 1 / per_second
        self.taken: list[int] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def take(self, slots: int) -> float:
        self.taken.append(slots)
        first = max(self.free_at, self.now)
        self.free_at = first + slots * self.step
        return first - self.now

    def pace(self) -> Pace:
        return Pace(1 / self.step, self.take, clock=self.clock, sleep=self.sleep)


async def moments(pace: Pace, slots: Slots, calls: int) -> list[float]:
    found = []
    for _ in range(calls):
        await pace.turn()
        found.append(round(slots.now - 100.0, 3))
    return found


async def test_calls_go_out_at_the_rate_and_slots_are_taken_a_few_at_a_time() -> None:
    slots = Slots(20)
    assert await moments(slots.pace(), slots, 5) == [0.0, 0.05, 0.1, 0.15, 0.2]
    assert slots.taken == [2, 2, 2]


async def test_a_call_waits_until_the_slots_that_other_processes_took_have_passed() -> None:
    slots = Slots(2, wait=3.0)
    assert await moments(slots.pace(), slots, 2) == [3.0, 3.5]


async def test_slots_that_have_passed_are_not_used() -> None:
    slots = Slots(20)
    pace = slots.pace()
    await pace.turn()
    slots.now += 60
    await pace.turn()
    assert slots.taken == [2, 2], "the second slot of a minute ago may have been somebody else's since"


async def test_all_calls_of_a_client_wait_for_their_turn_and_a_failure_is_the_calls() -> None:
    turns = 0

    async def take(slots: int) -> float:
        nonlocal turns
        turns += slots
        if turns > 2:
            raise TransientError("ledger", "no answer")
        return 0.0

    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    http = make_client("http://erp", "", "", transport=transport, pace=Pace(1, take))
    free = make_client("http://erp", "", "", transport=transport)
    async with http, free:
        await asyncio.gather(*(exchange(free, "erp", "GET", "x", writes=False) for _ in range(3)))
        assert turns == 0
        await exchange(http, "erp", "GET", "x", writes=False)
        await exchange(http, "erp", "GET", "x", writes=False)
        with pytest.raises(TransientError, match="ledger"):
            await exchange(http, "erp", "POST", "x", writes=True)
