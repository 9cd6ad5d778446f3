"""Dialects: how a system of each kind is spoken to, found by the name that the landscape gives.

Decided here: what a dialect receives to reach one system, what it makes of that, and where dialects come from: the
table of ours, and the entry points `pegline.dialects.<kind>` of other installed packages. A dialect is an object with
the methods of its kind's protocol; its package names it in a module `dialect`. Not decided here: which systems there
are, and what each of them owns (the landscape).
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, NamedTuple, Protocol, cast, runtime_checkable

import httpx

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
    SupplierDialect,
    SupplierPort,
)
from canonical.landscape import SystemKind


class Connection(NamedTuple):
    """What a dialect receives to reach one system."""

    system: str
    """Its name in the landscape; errors and refusals name it."""
    client: httpx.AsyncClient
    """With base URL, log-on, time-outs and pace."""
    options: Mapping[str, str]
    """The dialect's own options of that system (company, client, business unit, …); the dialect validates them."""
    settle_seconds: float
    """How long after a call of unknown outcome a document may still appear."""
    second_create_seconds: float
    """How long after a lost answer a document is not created a second time."""
    policies: PolicyPort
    now: Callable[[], dt.datetime]
    mapping: Mapping[str, Mapping[str, str]] = {}
    """Tables of the system's codes and fields, each with ours; the dialect validates them."""

    def today(self, plant: str) -> dt.date:
        """The day that it is at a plant; at one without a policy, UTC's."""
        policy = self.policies.effective(plant)
        return policy.calendar.day_of(self.now()) if policy else self.now().astimezone(dt.UTC).date()

    def own_options(self, allowed: Mapping[str, str]) -> Mapping[str, str]:
        """The options. Raises OptionError for one that is not among those allowed, which are given with their values
        in words."""
        strange = sorted(self.options.keys() - allowed.keys())
        if strange:
            raise OptionError(strange[0], self.options[strange[0]], _options_in_words(allowed))
        return self.options


class OptionError(ValueError):
    """An option of a system that its dialect does not take: the option, its value, and what is allowed."""

    def __init__(self, option: str, value: str, allowed: str) -> None:
        where = option if option.startswith("mapping.") else f"options.{option}"
        super().__init__(f"{where} = {value!r}: {allowed}")
        self.option, self.value, self.allowed = option, value, allowed


def _options_in_words(allowed: Mapping[str, str]) -> str:
    known = "; ".join(f"{name}: {what}" for name, what in allowed.items())
    return f"the dialect has no such option; it has {known}" if known else "the dialect has no options"


class CheckResult(NamedTuple):
    """What one step of a check found."""

    what: str
    """What was looked at: `API_PURCHASEORDER_PROCESS_SRV: $metadata`."""
    outcome: Literal["ok", "warning", "fault"]
    detail: str = ""
    """What was found, and for a warning or a fault what to do about it."""


class SystemCheckPort(Protocol):
    """Tries what the adapter needs of its system, for people who set it up; changes nothing there."""

    def check(self) -> AsyncIterator[CheckResult]:
        """One result a step, each as soon as it is known: the interface's description against the fields used, rights,
        one read a service, the system's clock. A step that fails is a result; the others are tried all the same.
        """
        ...


class ErpSystem(NamedTuple):
    """One ERP, as a dialect speaks to it."""

    orders: ErpPort
    master_data: MasterDataPort
    duplicates: DuplicateSweepPort | None
    """None: it can't be asked for documents that are there twice."""
    check: SystemCheckPort
    people: PeopleOrdersPort | None = None
    """None: it can't be asked what people ordered."""
    changes: ErpChangesPort | None = None
    """None: it reports by itself what happens to orders, or can't be asked."""
    stock: StockPort | None = None
    """None: it can't be asked what is available."""


class SupplierChannel(NamedTuple):
    """One channel to suppliers, as a dialect speaks to it."""

    supplier: SupplierPort
    replies: ReplyPort | None
    """None: the channel knows no acknowledgements."""
    check: SystemCheckPort
    collect: CollectPort | None = None
    """None: suppliers' documents are sent to us."""


class PlanningSystem(NamedTuple):
    """One planning system, as a dialect speaks to it."""

    aps: ApsPort
    check: SystemCheckPort
    plan: PlanPort | None = None
    """None: it sends its plans by itself."""
    plan_every_seconds: float = 0.0
    """How often its plans are read; 0: never."""


class DocumentSystem(NamedTuple):
    """An MES, a WMS or a PLM system, which only sends documents."""

    reader: DocumentReader
    check: SystemCheckPort


@runtime_checkable
class ErpDialect(Protocol):
    """How ERPs of a kind are spoken to."""

    def connect(self, connection: Connection) -> ErpSystem:
        """The system as our ports have it; no I/O. Raises OptionError."""
        ...


@runtime_checkable
class ChannelDialect(Protocol):
    """How channels of a kind to suppliers are spoken to."""

    def connect(self, connection: Connection) -> SupplierChannel:
        """The channel as our ports have it; no I/O. Raises OptionError."""
        ...

    def reader(self, our_addresses: Collection[str]) -> SupplierDialect:
        """Reads what comes in; for another address than ours it is refused. No addresses: it is not looked at."""
        ...


@runtime_checkable
class PlanningDialect(Protocol):
    """How planning systems of a kind are spoken to."""

    def connect(self, connection: Connection) -> PlanningSystem:
        """The system as our ports have it; no I/O. Raises OptionError."""
        ...


@runtime_checkable
class DocumentDialect(Protocol):
    """What documents of an MES, a WMS or a PLM system say. `Connection.client` is not to be used: nobody is called."""

    def connect(self, connection: Connection) -> DocumentSystem:
        """The system's documents, by its mapping; no I/O. Raises OptionError."""
        ...


OURS: Mapping[SystemKind, Mapping[str, str]] = {
    SystemKind.ERP: {
        "business-central": "adapters.erp.business_central.dialect:DIALECT",
        "coupa": "adapters.erp.coupa.dialect:DIALECT",
        "odoo": "adapters.erp.odoo.dialect:DIALECT",
        "oracle-fusion": "adapters.erp.oracle.dialect:DIALECT",
        "sap-v2": "adapters.erp.sap.dialect:DIALECT",
        "sap-v4": "adapters.erp.sap_v4.dialect:DIALECT",
        "tryton": "adapters.erp.tryton.dialect:DIALECT",
    },
    SystemKind.SUPPLIER: {
        "coupa": "adapters.supplier.coupa.channel:DIALECT",
        "edifact": "adapters.supplier.edifact.channel:DIALECT",
    },
    SystemKind.PLANNING: {
        "frepple": "adapters.aps.frepple.dialect:DIALECT",
        "rest": "adapters.aps.rest.dialect:DIALECT",
    },
    SystemKind.PROCUREMENT: {"coupa": "adapters.erp.coupa.dialect:DIALECT"},
    SystemKind.MES: {
        "b2mml": "adapters.documents.b2mml:DIALECT",
        "mapped": "adapters.documents.mapped:DIALECT",
    },
    SystemKind.WMS: {"mapped": "adapters.documents.mapped:DIALECT"},
    SystemKind.PLM: {
        "mapped": "adapters.documents.mapped:DIALECT",
        "pdx": "adapters.documents.pdx:DIALECT",
    },
}
"""Our own, which no package announces; loaded only where a system speaks them."""

_PROTOCOLS: Mapping[SystemKind, type] = {
    SystemKind.ERP: ErpDialect,
    SystemKind.SUPPLIER: ChannelDialect,
    SystemKind.PLANNING: PlanningDialect,
    SystemKind.PROCUREMENT: ErpDialect,
    SystemKind.MES: DocumentDialect,
    SystemKind.WMS: DocumentDialect,
    SystemKind.PLM: DocumentDialect,
}


class DialectError(Exception):
    """A dialect is unknown or can't be used; the message says which there are."""


def _installed(group: str) -> Sequence[EntryPoint]:
    return tuple(entry_points(group=group))


@dataclass(frozen=True)
class Dialects:
    """All dialects there are. `installed` gives the entry points of a group."""

    installed: Callable[[str], Sequence[EntryPoint]] = _installed
    _loaded: dict[tuple[SystemKind, str], object] = field(default_factory=dict, repr=False)

    def names(self, kind: SystemKind) -> list[str]:
        """The dialects of a kind, by name."""
        return sorted(self._found(kind))

    def erp(self, name: str) -> ErpDialect:
        """The ERP dialect of this name. Raises DialectError."""
        return cast(ErpDialect, self._load(SystemKind.ERP, name))

    def channel(self, name: str) -> ChannelDialect:
        """The dialect of supplier channels of this name. Raises DialectError."""
        return cast(ChannelDialect, self._load(SystemKind.SUPPLIER, name))

    def planning(self, name: str) -> PlanningDialect:
        """The dialect of planning systems of this name. Raises DialectError."""
        return cast(PlanningDialect, self._load(SystemKind.PLANNING, name))

    def procurement(self, name: str) -> ErpDialect:
        """The dialect of procurement systems of this name, which hold orders like an ERP. Raises DialectError."""
        return cast(ErpDialect, self._load(SystemKind.PROCUREMENT, name))

    def documents(self, kind: SystemKind, name: str) -> DocumentDialect:
        """The dialect of this name of the documents of an MES, a WMS or a PLM system. Raises DialectError."""
        return cast(DocumentDialect, self._load(kind, name))

    def _found(self, kind: SystemKind) -> dict[str, EntryPoint]:
        """Ours win: no package replaces them unnoticed."""
        group = f"pegline.dialects.{kind}"
        ours = (EntryPoint(name, place, group) for name, place in OURS.get(kind, {}).items())
        return {each.name: each for each in (*self.installed(group), *ours)}

    def _load(self, kind: SystemKind, name: str) -> object:
        held = self._loaded.get((kind, name))
        if held is None:
            held = self._loaded[kind, name] = self._read(kind, name)
        return held

    def _read(self, kind: SystemKind, name: str) -> object:
        found = self._found(kind) if kind in _PROTOCOLS else {}
        entry = found.get(name)
        if entry is None:
            there = ", ".join(sorted(found)) or "none"
            raise DialectError(f"{name!r} is no {kind} dialect; there are: {there} (entry points pegline.dialects.*)")
        try:
            dialect: Any = entry.load()
        except Exception as error:  # whatever a foreign package does while it is imported
            why = f"{type(error).__name__}: {error}"[:300]
            raise DialectError(f"{kind} dialect {name!r} ({entry.value}) can't be loaded: {why}") from error
        if isinstance(dialect, type) or not isinstance(dialect, _PROTOCOLS[kind]):
            wanted = _PROTOCOLS[kind].__name__
            raise DialectError(f"{kind} dialect {name!r} ({entry.value}) is no {wanted} of adapters.dialects")
        return dialect


__all__ = [
    "OURS",
    "ChannelDialect",
    "CheckResult",
    "Connection",
    "DialectError",
    "Dialects",
    "DocumentDialect",
    "DocumentSystem",
    "ErpDialect",
    "ErpSystem",
    "OptionError",
    "PlanningDialect",
    "PlanningSystem",
    "SupplierChannel",
    "SystemCheckPort",
]
