"""Asks ERPs what is available of items at the plants whose stock they own, and has it taken in like any event.

Decided here: how often; for which items (those that Pegline knows at the plant, their substitute items, and those that
open requirements elsewhere might get from there by a transfer); and that what our own transfers were promised from the
plant's stock is taken off, for an ERP reserves nothing for them. Not here: what is available (the ERP), and whether a
figure is new (ledger.stock.readings).
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from pydantic import ValidationError

from adapters.errors import AdapterError, TransientError
from adapters.ports import STOCK_ITEMS_MAX, AvailableStock, PolicyPort, StockPort
from canonical.event_data import STOCK_CHANGED, StockChangedData
from canonical.identity import stock_id
from canonical.landscape import Domain
from canonical.routing import supplying_plants
from canonical.units import NEED_DECIMALS, exactly, is_whole, physical_ratio, rescale
from ledger.inbox.inbox import Arrival, Outcome
from ledger.inbox.our_events import event_arrival
from ledger.ledger import Ledger
from ledger.stock.readings import NeededItem, StockReading
from runtime.systems import SystemPool

ASK_EVERY_SECONDS = 300.0
LOOK_EVERY_SECONDS = 5.0
CALL_SECONDS = 60.0
"""After this a call has failed, whatever it still waits for."""
_FINEST = Decimal(1).scaleb(-NEED_DECIMALS)
_NOTHING: Mapping[str, Decimal] = {}

log = logging.getLogger("pegline.stock")


class AskingPace(NamedTuple):
    """How often an ERP is asked, and how long a call may take; in seconds."""

    every: float = ASK_EVERY_SECONDS
    call: float = CALL_SECONDS


USUAL = AskingPace()


class StockFollower:
    """Follows what is available in the ERPs of the landscape."""

    def __init__(
        self,
        pool: SystemPool,
        ledger: Ledger,
        policies: PolicyPort,
        now: Callable[[], dt.datetime],
        pace: AskingPace = USUAL,
    ) -> None:
        self._pool, self._ledger, self._policies, self._now, self._pace = pool, ledger, policies, now, pace

    async def keep(self) -> None:
        """Ask whenever it is time, all ERPs at the same time, until cancelled."""
        while True:
            await asyncio.gather(*map(self._looked, self._pool.landscape.ordering))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _looked(self, name: str) -> None:
        try:
            await self.look(name)
        except AdapterError as error:
            log.warning("stock could not be asked for, and is asked for again: %s", error)
        except Exception:
            log.exception("stock in %s could not be taken in, and is asked for again", name)

    async def look(self, name: str) -> int:
        """Ask one ERP, where it can be asked and it is time; returns how many figures were new."""
        plants = self._plants(name)
        if not plants or self._pool.book.maintenance([name]):
            return 0
        # The turn first: what can't be connected is said as often as it is asked, and no more.
        if await self._ledger.feeds.turn(f"{name}/stock", self._pace.every) is None:
            return 0
        stock = self._pool.stock(name)
        if stock is None:
            return 0
        needed = await self._ledger.stock_readings.needed()
        return sum([await self._plant(name, stock, plant, needed) for plant in plants])

    def _plants(self, name: str) -> list[str]:
        landscape = self._pool.landscape
        if not landscape.systems[name].sources:
            return []
        return [each for each in sorted(self._policies.plants) if landscape.owner(Domain.STOCK, each) == name]

    async def _plant(self, name: str, stock: StockPort, plant: str, needed: Sequence[NeededItem]) -> int:
        """A plant or some items that can't be asked for don't keep the others from it."""
        items, new = sorted(await self._items(plant, needed)), 0
        for start in range(0, len(items), STOCK_ITEMS_MAX):
            some = items[start : start + STOCK_ITEMS_MAX]
            try:
                new += await self._take(name, stock, plant, some)
            except AdapterError as error:
                what = f"stock of {len(some)} items from {some[0]} on at plant {plant}"
                log.warning("%s could not be asked for, and is asked for again: %s", what, error)
                if isinstance(error, TransientError):
                    break
        return new

    async def _items(self, plant: str, needed: Sequence[NeededItem]) -> set[str]:
        """Those that Pegline knows there, their substitute items, and those that others' requirements might get from
        there.
        """
        items = await self._ledger.stock_readings.items(plant)
        for each in needed:
            policy = self._policies.effective(each.plant, item_class=each.item_class, item=each.item)
            if policy is None:
                continue
            if plant in supplying_plants(policy):
                items.add(each.item)
            if plant == each.plant:
                items |= {substitute.item for substitute in policy.substitutes}
        return items

    async def _take(self, name: str, stock: StockPort, plant: str, items: Sequence[str]) -> int:
        # Before the ERP is asked: what is promised meanwhile is a use after the reading, which R10 counts itself.
        promised = await self._ledger.stock_readings.promised(plant, items)
        try:
            async with asyncio.timeout(self._pace.call):
                found = await stock.available(plant, items)
        except TimeoutError as error:
            raise TransientError(name, f"no answer within {self._pace.call:g} seconds") from error
        asked = set(items)
        readings = [each for each in _readings(plant, found, promised) if each.item in asked]
        source = self._pool.landscape.systems[name].sources[0].replace("*", "")
        stored = await self._ledger.stock_readings.take(
            name, readings, lambda reading, sequence: self._report(source, reading, sequence)
        )
        for each in stored:
            if each.outcome is Outcome.CONFLICT:
                log.error("stock at plant %s was reported before and otherwise; the first stands: %s", plant, each)
        return sum(each.outcome is Outcome.STORED for each in stored)

    def _report(self, source: str, reading: StockReading, sequence: int) -> Arrival:
        identity = f"stock/{reading.plant}/{reading.item}/{sequence}"
        data = StockChangedData(
            plant=reading.plant, item=reading.item, quantity=reading.quantity, unit=reading.unit, sequence=sequence
        )
        return event_arrival(
            source,
            identity,
            STOCK_CHANGED,
            reading.at,
            data.model_dump(mode="json", exclude_defaults=True),
            entity=stock_id(reading.plant, reading.item),
            correlation_id=identity,
            received_at=self._now(),
        )


def _readings(
    plant: str, found: Sequence[AvailableStock], promised: Mapping[str, Mapping[str, Decimal]]
) -> Iterator[StockReading]:
    """Those that Pegline can count; one that it can't doesn't keep the others from being taken in."""
    for each in found:
        try:
            given = StockChangedData(
                plant=plant, item=each.item, quantity=_floor(each.quantity, each.unit), unit=each.unit
            )
        except (ArithmeticError, ValidationError) as error:
            log.warning(
                "%s %s of %s at plant %s can't be taken in: %s", each.quantity, each.unit, each.item, plant, error
            )
            continue
        free = _less(given, promised.get(each.item, _NOTHING))
        if free is None:
            what = (each.item, plant, ", ".join(sorted(promised[each.item])), each.unit)
            log.warning("%s at plant %s is promised in %s and counted in %s: it is left alone", *what)
        else:
            yield StockReading(plant, each.item, _floor(free, each.unit).normalize() + 0, each.unit, each.at)


def _floor(quantity: Decimal, unit: str) -> Decimal:
    """What is there of it whole: pieces have no fractions, and nothing is promised that is not there."""
    sound = quantity.quantize(_FINEST, ROUND_FLOOR)
    return sound if is_whole(sound, unit) else sound.to_integral_value(ROUND_FLOOR)


def _less(found: StockChangedData, promised: Mapping[str, Decimal]) -> Decimal | None:
    """What is left of it. Not below zero by that alone: goods that have left already are promised until they arrive."""
    left = found.quantity
    for unit, quantity in promised.items():
        ratio = physical_ratio(found.unit, unit)
        if ratio is None:
            return None
        left -= rescale(quantity, exactly(ratio), NEED_DECIMALS, "up")
    return max(left, min(found.quantity, Decimal(0)))


__all__ = ["ASK_EVERY_SECONDS", "USUAL", "AskingPace", "StockFollower"]
