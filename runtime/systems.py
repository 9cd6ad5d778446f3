"""The systems of the landscape as ports: connected when they are first called, and again when their line changes.

Decided here: which system a call goes to by what it is about (plant, supplier), and that each has a client, a log-on
and a pace of its own. Not here: who owns what (landscape), what a dialect does, and which queue a call waits in
(runtime.system_workers).
"""

import asyncio
import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from adapters.dialects import (
    Connection,
    DialectError,
    Dialects,
    DocumentSystem,
    ErpSystem,
    OptionError,
    PlanningSystem,
    SupplierChannel,
    SystemCheckPort,
)
from adapters.errors import PermanentError
from adapters.guard import (
    Guard,
    GuardedAps,
    GuardedChanges,
    GuardedCollect,
    GuardedErp,
    GuardedMasterData,
    GuardedPeople,
    GuardedPlan,
    GuardedReplies,
    GuardedStock,
    GuardedSupplier,
    GuardedSweep,
)
from adapters.pace import Pace
from adapters.ports import (
    ApsPort,
    CollectPort,
    DocumentReader,
    DuplicateSweepPort,
    ErpChangesPort,
    ErpPort,
    MasterDataPort,
    PeopleOrdersPort,
    PlanPort,
    PolicyPort,
    ReplyPort,
    StockPort,
    SupplierPort,
)
from canonical.coverage import CoverageReport
from canonical.landscape import Domain, MaintenanceNotice, SystemKind
from canonical.order import ChangeOutcome, OrderChangeOutcome, OrderDocument, OrderSchedule, PlaceOutcome, WriteOutcome
from canonical.sourcing import ItemAtPlant, UnknownItem
from landscape.book import LandscapeBook
from landscape.model import System
from landscape.snapshot import Landscape

_RETIRED_SECONDS = 60.0
"""After this a client that was replaced is closed: longer than any call that it still makes."""

log = logging.getLogger("pegline.systems")

ClientOf = Callable[[str, System, Pace | None], httpx.AsyncClient]
"""Makes the client of a system; raises ValueError where its log-on can't be had."""
PaceOf = Callable[[str, float], Pace | None]
"""The pace of a system's calls, over all workers."""


_Parts = ErpSystem | SupplierChannel | PlanningSystem | DocumentSystem


@dataclass(frozen=True)
class _Connected:
    system: System
    client: httpx.AsyncClient
    parts: _Parts
    guard: Guard
    files: tuple[tuple[int, int] | None, ...] = ()


class SystemPool:
    """Connects systems when they are called; `close` ends all their clients."""

    def __init__(
        self,
        book: LandscapeBook,
        dialects: Dialects,
        policies: PolicyPort,
        client_of: ClientOf,
        now: Callable[[], dt.datetime],
        pace_of: PaceOf = lambda name, rate: None,
        files_of: Callable[[System], Sequence[Path]] = lambda system: (),
    ) -> None:
        self.book = book
        self._dialects, self._policies, self._now = dialects, policies, now
        self._client_of, self._pace_of, self._files_of = client_of, pace_of, files_of
        self._held: dict[str, _Connected] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def landscape(self) -> Landscape:
        """The one in force."""
        return self.book.present

    def erp(self, name: str) -> ErpPort:
        """The orders of an ERP. Raises PermanentError where the landscape has no such system any more."""
        found = self._connected(name)
        assert isinstance(found.parts, ErpSystem)
        return GuardedErp(found.parts.orders, found.guard)

    def master_data(self, name: str) -> MasterDataPort:
        """The master data of an ERP."""
        found = self._connected(name)
        assert isinstance(found.parts, ErpSystem)
        return GuardedMasterData(found.parts.master_data, found.guard)

    def sweep(self, name: str) -> DuplicateSweepPort | None:
        """The look for duplicates in an ERP; None: it can't be asked."""
        found = self._connected(name)
        assert isinstance(found.parts, ErpSystem)
        return GuardedSweep(found.parts.duplicates, found.guard) if found.parts.duplicates is not None else None

    def people(self, name: str) -> PeopleOrdersPort | None:
        """What people ordered in an ERP; None: it can't be asked."""
        found = self._connected(name)
        assert isinstance(found.parts, ErpSystem)
        return GuardedPeople(found.parts.people, found.guard) if found.parts.people is not None else None

    def changes(self, name: str) -> ErpChangesPort | None:
        """What happens to orders in an ERP; None: it can't be asked."""
        found = self._connected(name)
        assert isinstance(found.parts, ErpSystem)
        return GuardedChanges(found.parts.changes, found.guard) if found.parts.changes is not None else None

    def stock(self, name: str) -> StockPort | None:
        """What is available in an ERP; None: it can't be asked."""
        found = self._connected(name)
        assert isinstance(found.parts, ErpSystem)
        return GuardedStock(found.parts.stock, found.guard) if found.parts.stock is not None else None

    def supplier(self, name: str) -> SupplierPort:
        """A channel's documents."""
        found = self._connected(name)
        assert isinstance(found.parts, SupplierChannel)
        return GuardedSupplier(found.parts.supplier, found.guard)

    def replies(self, name: str) -> ReplyPort | None:
        """A channel's acknowledgements; None: it knows none."""
        found = self._connected(name)
        assert isinstance(found.parts, SupplierChannel)
        return GuardedReplies(found.parts.replies, found.guard) if found.parts.replies is not None else None

    def collect(self, name: str) -> CollectPort | None:
        """A channel's documents that wait to be collected; None: it sends them by itself."""
        found = self._connected(name)
        assert isinstance(found.parts, SupplierChannel)
        return GuardedCollect(found.parts.collect, found.guard) if found.parts.collect is not None else None

    def aps(self, name: str) -> ApsPort:
        """A planning system's coverage."""
        found = self._connected(name)
        assert isinstance(found.parts, PlanningSystem)
        return GuardedAps(found.parts.aps, found.guard)

    def plan(self, name: str) -> tuple[PlanPort, float] | None:
        """A planning system's plans, and every how many seconds they are read; None: it sends them."""
        found = self._connected(name)
        assert isinstance(found.parts, PlanningSystem)
        if found.parts.plan is None or not found.parts.plan_every_seconds:
            return None
        return GuardedPlan(found.parts.plan, found.guard), found.parts.plan_every_seconds

    def documents(self, name: str) -> DocumentReader:
        """Who reads the documents of an MES, a WMS or a PLM system."""
        found = self._connected(name)
        assert isinstance(found.parts, DocumentSystem)
        return found.parts.reader

    def check(self, name: str) -> SystemCheckPort:
        """The check of a system."""
        return self._connected(name).parts.check

    async def close(self) -> None:
        """Close all clients."""
        for task in self._closing:
            task.cancel()
        for held in self._held.values():
            await held.client.aclose()

    def _connected(self, name: str) -> _Connected:
        system = self.landscape.systems.get(name)
        if system is None or not system.dialect:
            there = ", ".join(sorted(self.landscape.systems)) or "none"
            raise PermanentError(
                name, f"the landscape has no such system to call (there are {there}); put it back while it holds orders"
            )
        held = self._held.get(name)
        if held is not None and held.system == system and held.files == self._stamps(system):
            return held
        try:
            found = self._connect(name, system)
        except PermanentError as error:
            if held is None or held.system != system:
                raise
            # Certificate and key are replaced one after the other.
            log.warning("%s; what it was logged on with before is used on", error)
            return held
        if held is not None:
            self._retire(held)
        self._held[name] = found
        return found

    def _connect(self, name: str, system: System) -> _Connected:
        stamps = self._stamps(system)
        try:
            client = self._client_of(name, system, self._pace_of(name, system.rate))
            parts = _parts(name, system, client, self._dialects, self._policies, self._now)
            return _Connected(system, client, parts, self._guard(name), stamps)
        except (DialectError, ValueError) as error:
            raise PermanentError(name, f"can't be connected: {error}") from error

    def _stamps(self, system: System) -> tuple[tuple[int, int] | None, ...]:
        """Of the files that it is logged on with; another one means that a certificate or a secret was renewed."""
        return tuple(_stamp(path) for path in self._files_of(system))

    def _guard(self, name: str) -> Guard:
        def maintenance() -> MaintenanceNotice | None:
            return next(iter(self.book.maintenance([name])), None)

        def observes(plant: str, classes: Sequence[str]) -> bool:
            return any(self.book.mode(plant, each, name) == "observe" for each in classes or ("",))

        return Guard(name, observes, maintenance)

    def _retire(self, held: _Connected) -> None:
        async def close() -> None:
            await asyncio.sleep(_RETIRED_SECONDS)
            await held.client.aclose()

        task = asyncio.get_running_loop().create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _parts(
    name: str,
    system: System,
    client: httpx.AsyncClient,
    dialects: Dialects,
    policies: PolicyPort,
    now: Callable[[], dt.datetime],
) -> _Parts:
    settle, second = system.settle_seconds, system.second_create_seconds
    connection = Connection(name, client, system.options, settle, second, policies, now, system.mapping)
    match system.kind:
        case SystemKind.ERP:
            return dialects.erp(system.dialect).connect(connection)
        case SystemKind.SUPPLIER:
            return dialects.channel(system.dialect).connect(connection)
        case SystemKind.PLANNING:
            return dialects.planning(system.dialect).connect(connection)
        case SystemKind.PROCUREMENT:
            return dialects.procurement(system.dialect).connect(connection)
        case SystemKind.MES | SystemKind.WMS | SystemKind.PLM:
            return dialects.documents(system.kind, system.dialect).connect(connection)


def faults_of(
    landscape: Landscape,
    dialects: Dialects,
    client_of: ClientOf,
    policies: PolicyPort,
    now: Callable[[], dt.datetime],
) -> list[str]:
    """What can't be connected of a landscape, system by system; calls nothing."""
    faults = []
    for name, system in landscape.systems.items():
        try:
            if system.dialect:
                _parts(name, system, client_of(name, system, None), dialects, policies, now)
        except OptionError as error:
            faults.append(f"{landscape.places[name]}: systems.{name}.{error}")
        except (DialectError, ValueError) as error:
            faults.append(f"{landscape.places[name]}: systems.{name}: {error}")
    return faults


class PooledErp:
    """Implements adapters.ports.ErpPort: one ERP, connected anew when its line in the landscape changes."""

    def __init__(self, pool: SystemPool, name: str) -> None:
        self._pool, self._name = pool, name

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """As the port has it."""
        return await self._pool.erp(self._name).place_order(document, key=key, maybe_written=maybe_written)

    async def change_order(self, document: OrderDocument, *, key: str) -> OrderChangeOutcome:
        """As the port has it."""
        return await self._pool.erp(self._name).change_order(document, key=key)

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        return await self._pool.erp(self._name).cancel_requisition(document, key=key)

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """As the port has it."""
        return await self._pool.erp(self._name).write_schedule(schedule, key=key)


class PlantsMasterData:
    """Implements adapters.ports.MasterDataPort: each plant's own, from the system that owns it there."""

    def __init__(self, pool: SystemPool) -> None:
        self._pool = pool

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """As the port has it. Raises PermanentError where nobody owns master data at the plant."""
        system = self._pool.landscape.owner(Domain.MASTER_DATA, plant)
        if system is None:
            raise PermanentError("landscape", str(self._pool.landscape.unowned(Domain.MASTER_DATA, plant)))
        return await self._pool.master_data(system).item_at_plant(plant, item)

    async def prefetch(self, plants: Collection[str]) -> int:
        """As the port has it, from all systems at the same time; plants without an owner are left out."""
        by_system: dict[str, list[str]] = defaultdict(list)
        for plant in sorted(plants):
            if (system := self._pool.landscape.owner(Domain.MASTER_DATA, plant)) is not None:
                by_system[system].append(plant)
        found = await asyncio.gather(
            *(self._pool.master_data(system).prefetch(there) for system, there in by_system.items())
        )
        return sum(found)


class ChannelsOfSuppliers:
    """Implements adapters.ports.SupplierPort: each supplier's own channel, with what is particular to it there."""

    def __init__(self, pool: SystemPool) -> None:
        self._pool = pool

    async def send_order(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        port, document = self._reached(document)
        return await port.send_order(document, key=key)

    async def send_change(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        port, document = self._reached(document)
        return await port.send_change(document, key=key)

    async def send_reminder(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        port, document = self._reached(document)
        return await port.send_reminder(document, key=key)

    def _reached(self, document: OrderDocument) -> tuple[SupplierPort, OrderDocument]:
        channel = self._pool.landscape.channel(document.plant, document.supplier)
        if channel is None:
            why = f"no channel leads to supplier {document.supplier} of plant {document.plant}; add a [[channel]]"
            raise PermanentError("landscape", why)
        own = {"supplier_address": channel.address, "directory": channel.directory}
        profile = {field: value for field, value in own.items() if value}
        return self._pool.supplier(channel.system), document.model_copy(update=profile) if profile else document


class PlanningOfPlants:
    """Implements adapters.ports.ApsPort: the planning system of each plant."""

    def __init__(self, pool: SystemPool) -> None:
        self._pool = pool

    async def write_coverage(self, report: CoverageReport, *, key: str) -> WriteOutcome:
        """As the port has it."""
        system = self._pool.landscape.owner(Domain.COVERAGE, report.plant)
        if system is None:
            raise PermanentError("landscape", str(self._pool.landscape.unowned(Domain.COVERAGE, report.plant)))
        return await self._pool.aps(system).write_coverage(report, key=key)


__all__ = [
    "ChannelsOfSuppliers",
    "ClientOf",
    "PaceOf",
    "PlanningOfPlants",
    "PlantsMasterData",
    "PooledErp",
    "SystemPool",
    "faults_of",
]
