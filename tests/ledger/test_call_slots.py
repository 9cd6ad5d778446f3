"""The rate of all calls to a counterpart is held in one place, whatever process makes them."""

import asyncio
import time

from ledger.ledger import Ledger


async def test_slots_are_given_out_one_after_the_other_to_whoever_asks(ledger: Ledger) -> None:
    waits = [await ledger.call_slots.take("a", 5, 1.0) for _ in range(3)]
    assert [round(wait) for wait in waits] == [0, 5, 10]
    assert await ledger.call_slots.take("b", 1, 1.0) == 0, "another counterpart has slots of its own"


async def test_many_who_ask_at_once_get_a_slot_each(ledger: Ledger) -> None:
    waits = sorted(await asyncio.gather(*(ledger.call_slots.take("c", 1, 0.1) for _ in range(5))))
    assert [round(wait / 10) for wait in waits] == [0, 1, 2, 3, 4]


async def test_slots_that_nobody_took_are_not_saved_up(ledger: Ledger) -> None:
    await ledger.call_slots.take("d", 1, 20.0)
    started = time.monotonic()
    await asyncio.sleep(0.3)
    waits = [await ledger.call_slots.take("d", 2, 20.0) for _ in range(2)]
    assert waits[0] == 0
    assert 0 < waits[1] <= 0.1 + (time.monotonic() - started)
