"""9. Acquired units with other ERPs; one more is added while the others' orders are under way."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

from demo.acquired import (
    BOISE,
    CHANNEL,
    FRESNO,
    ITEM,
    PORTLAND,
    RENO,
    TACOMA,
    TRYTON_PASSWORD,
    TRYTON_SECRET_FILE,
    AcquiredUnit,
    central_master_data,
    common_landscape,
    home_landscape,
    needed_on,
    oracle_master_data,
    sap_master_data,
    tryton_master_data,
    unit_landscape,
    unit_policy,
    units_model,
    units_plan,
)
from demo.acquired_books import TrytonBooks, UnitsBooks, held_in, read_covered, read_needs
from demo.books import read_books
from demo.erp_books import live_orders
from demo.stage import caller, days_off
from demo.story import TIMEOUT_SECONDS, Story
from settings import ToolSettings
from tools.progress import Progress
from tools.tryton_server import NoTryton, is_installed, prepare, program

SILENT = [{"behaviour": "silent_until_reminded"}]
"""The units' suppliers at first, so that orders are under way when the landscape is edited."""
_SIMULATED = {PORTLAND: "erp", FRESNO: "oracle", BOISE: "coupa", RENO: "central"}
"""Where each simulated system is mounted."""


@dataclass
class Units:
    """The units' counterparts while the chapter lasts."""

    story: Story
    http: httpx.AsyncClient
    address: str
    tryton: TrytonBooks | None = None
    tryton_address: str = ""
    company: str = ""
    here: list[AcquiredUnit] = field(default_factory=list)
    """Those in the landscape."""

    async def control(self, path: str, body: Any) -> Any:
        """Call a counterpart's control room."""
        answer = await self.http.post(path, json=body)
        if answer.status_code >= 400:
            raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()

    async def books_of(self, name: str) -> dict[str, Any]:
        """A counterpart's own books."""
        answer = await self.http.get(f"/{name}/control/books")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def books(self) -> UnitsBooks:
        """All books."""
        aps = await self.books_of("aps")
        held = {unit.plant: held_in(unit.system, await self.books_of(name)) for unit, name in _SIMULATED.items()}
        if self.tryton is not None:
            held[TACOMA.plant] = await self.tryton.held()
        return UnitsBooks(read_needs(aps), held, read_covered(aps))

    async def reached(self, so: Callable[[UnitsBooks], bool], also: Callable[[], Awaitable[Any]] | None = None) -> bool:
        """Poll until the books are so, or the time limit has passed: the checks then report what is missing."""
        until = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < until:
            if also is not None:
                await also()
            if so(await self.books()):
                return True
            await asyncio.sleep(0.3)
        return False

    async def configure(self, *added: AcquiredUnit) -> None:
        """Write the added units' policies, and all in the landscape; wait until the running worker serves them."""
        self.here += added
        directory = self.story.stage.directory
        for unit in added:
            (directory / "policies" / "plants" / f"{unit.plant}.toml").write_text(unit_policy(unit))
        text = home_landscape(self.story.stage.simulators) + common_landscape(self.address, self.here)
        text += "".join(unit_landscape(unit, self._address_of(unit), self.company) for unit in self.here)
        new = self.story.stage.landscape.with_suffix(".new")
        new.write_text(text)
        new.replace(self.story.stage.landscape)
        written = time.monotonic()
        log = self.story.stage.processes

        async def served() -> bool | None:
            lines = log.last_lines("worker", 400)
            return all(f"system {unit.system} is served" in lines for unit in added) or None

        await self.story.until(served, f"the worker's calls to {', '.join(unit.system for unit in added)}")
        # Gateway and worker look once a second; policies are taken up once they have been left alone for half of one.
        await asyncio.sleep(max(0.0, written + 2 - time.monotonic()))

    async def publish(self, version: int, days: Sequence[date]) -> None:
        """The units' planning system publishes a plan."""
        await self.control("/aps/control/model", units_model(self.here))
        now = self.story.now
        await self.control("/aps/control/plan", units_plan(self.here, days, now.date(), now.isoformat(), version))

    def _address_of(self, unit: AcquiredUnit) -> str:
        return self.tryton_address if unit is TACOMA else f"{self.address}/{_SIMULATED[unit]}"


async def landscape(story: Story) -> None:
    """Units on other ERPs buy the same item; a further one is added by configuration alone."""
    story.narrator.chapter("9. Acquired units: other ERPs, each some lines of configuration")
    async with AsyncExitStack() as stack:
        address, tryton = await asyncio.gather(story.stage.start_units(), _start_tryton(story))
        units = Units(story, await stack.enter_async_context(caller(address)), address)
        first = [PORTLAND, FRESNO, BOISE]
        if tryton is not None:
            units.tryton_address, units.tryton = tryton, TrytonBooks(tryton)
            stack.push_async_callback(units.tryton.close)
            first.insert(2, TACOMA)
        await _load(units)
        await units.configure(*first)
        for unit in first:
            story.narrator.say(f"plant {unit.plant} {unit.place}: {unit.called}")
        off = days_off(story.stage.directory / "policies", story.today, [PORTLAND.plant])
        days = needed_on(story.today, off[PORTLAND.plant])
        await units.publish(1, days)
        await units.reached(lambda books: not books.faults(units.here, ()), lambda: _approve(units))
        await _add_one(units, days)
        await _confirm(units)
        await _receive(units)
        await _reckon(units)


async def _start_tryton(story: Story) -> str | None:
    """Start Tryton where everything that takes minutes is there; its address. Else say so: the story goes on."""
    tools, directory = ToolSettings.load(), story.stage.directory
    if not is_installed(tools):
        how = "`.venv/bin/python -m tools.tryton_server` gets it, in some minutes"
        story.narrator.say(f"no Tryton is installed here ({how}): its unit, plant {TACOMA.plant}, is left out")
        return None
    try:
        with Progress("Tryton") as progress:
            environment, database = await asyncio.to_thread(prepare, tools, tryton_master_data(), progress)
        server, address = program(environment, database, (directory / "tryton").resolve())
        await story.stage.processes.start(server)
    except NoTryton as missing:
        story.narrator.say(f"Tryton can't be started, and plant {TACOMA.plant} is left out: {missing}")
        return None
    (directory / TRYTON_SECRET_FILE).write_text(TRYTON_PASSWORD)
    return address


async def _load(units: Units) -> None:
    """The counterparts' clock, master data and pace."""
    if units.story.stage.days_ahead:
        (await units.http.put("/control/clock", json={"now": units.story.now.isoformat()})).raise_for_status()
    await units.control("/erp/control/master-data", sap_master_data())
    await units.control("/oracle/control/master-data", oracle_master_data())
    units.company = (await units.control("/central/control/master-data", central_master_data()))["company"]
    await units.control("/edi/control/gateway", {"url": units.story.stage.gateway, "channel": CHANNEL})
    await units.control("/edi/control/behaviours", SILENT)


async def _approve(units: Units) -> None:
    """A person approves in the procurement cloud what waits there; the cloud makes the order."""
    for row in (await units.books_of("coupa"))["requisitions"]:
        if row["status"] == "pending_approval":
            await units.control("/coupa/control/approve", {"requisition": row["id"]})
            units.story.narrator.say(f"requisition {row['id']} is approved in the cloud")


async def _add_one(units: Units, days: Sequence[date]) -> None:
    """Add a unit while none of the others' suppliers has answered."""
    narrator = units.story.narrator
    books = await units.books()
    waiting = [need for need in books.needs if not books.covered_in(need, "confirmed")]
    narrator.say(
        f"plant {RENO.plant} {RENO.place} on {RENO.called} is added to landscape.toml, with a policy, while "
        f"{len(waiting)} orders wait for their suppliers"
    )
    units.story.notes.under_way_when_added = len(waiting)
    await units.configure(RENO)
    await units.publish(2, days)
    await units.reached(lambda books: not books.faults(units.here, ()), lambda: _approve(units))


async def _confirm(units: Units) -> None:
    """The suppliers answer at last: by EDI, and those behind the cloud there, where Pegline collects it."""
    await units.control("/edi/control/behaviours", [])
    by_edi = sum(need.plant != BOISE.plant for need in (await units.books()).needs)

    async def received() -> dict[str, Any] | None:
        orders: dict[str, Any] = (await units.books_of("edi"))["orders"]
        return orders if len(orders) >= by_edi else None

    for number, order in (await units.story.until(received, "the units' orders at their suppliers")).items():
        if order["waiting"]:
            await units.control("/edi/control/fix", {"order": number})
    for order in (await units.books_of("coupa"))["orders"]:
        lines = [{"line": int(line["line-num"])} for line in order["order-lines"]]
        await units.control("/coupa/control/confirm", {"order": order["po-number"], "lines": lines})
    await units.reached(lambda books: all(books.covered_in(need, "confirmed", "received") for need in books.needs))


async def _receive(units: Units) -> None:
    """The goods come at two of the units; the warehouse posts them in the unit's ERP and tells them."""
    received = (PORTLAND, FRESNO)
    books = await units.books()
    for unit in received:
        await units.control("/wms/control/erp", {"url": f"http://counterparts/{_SIMULATED[unit]}"})
        rows = [
            {"order": line.order, "line": 10, "quantity": str(line.quantity), "unit": "H87", "date": str(line.day)}
            for line in books.held[unit.plant]
        ]
        await units.control("/wms/control/receive", {"receipts": rows})
    plants = {unit.plant for unit in received}
    await units.reached(
        lambda books: all(books.covered_in(need, "received") for need in books.needs if need.plant in plants)
    )


async def _reckon(units: Units) -> None:
    """Count in the counterparts' books."""
    story, books = units.story, await units.books()
    home = await read_books(story.simulators)
    at_home = {item["Plant"] for order in live_orders(home) for item in order["items"]}
    faults = books.faults(units.here, at_home)
    confirmed = [need for need in books.needs if books.covered_in(need, "confirmed", "received")]
    received = [need for need in books.needs if books.covered_in(need, "received")]
    faults += [f"need {need.reference} is not confirmed" for need in books.needs if need not in confirmed]
    if len(received) != 4:
        faults.append(f"{len(received)} needs of the units are received, 4 have to be")
    if not story.notes.under_way_when_added:
        faults.append("no order was under way when the further plant was added")
    story.notes.landscape_faults = faults
    story.notes.landscape = {
        "systems": len(units.here),
        "needs": len(books.needs),
        "orders": sum(len({line.order for line in lines}) for lines in books.held.values()),
        "confirmed": len(confirmed),
        "received": len(received),
    }
    for unit in units.here:
        held = ", ".join(f"{line.quantity.normalize():f} for {line.day}" for line in books.held[unit.plant])
        story.narrator.say(f"[dim]{unit.plant}[/dim] {unit.called}: {ITEM} {held}")


__all__ = ["landscape"]
