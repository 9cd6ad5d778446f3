"""One state of the landscape, whole and checked: who owns what at a plant, which channel leads to a supplier.

Decided here: that the most specific row wins (a supplier at a plant, then a supplier, then a plant, then all; an item
class at a plant, then an item class, then a plant), that two equally specific ones are a fault, and what the version
is. Not here: how a file is read (landscape.reading), and when (landscape.book).
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple, TypeVar

from canonical.landscape import CALLED, ORDERING, SENDING, Domain, Mode, SystemKind, Systems, TwoErps, Unowned
from canonical.policy import RouteKind
from landscape.model import Channel, ModeAt, Owner, System
from landscape.reading import LandscapeError, LandscapeFile, Place

_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,40}")
Row = TypeVar("Row")
_Rows = Mapping[tuple[str, ...], tuple[Row, Place]]


class Explained(NamedTuple):
    """One answer of the landscape, and where it is written."""

    what: str
    answer: str
    place: str


class Landscape:
    """The systems and what they own. Raises LandscapeError with every fault."""

    def __init__(self, written: LandscapeFile) -> None:
        self.systems = {name: system for name, (system, _) in written.systems.items()}
        self.places = {name: place for name, (_, place) in written.systems.items()}
        self.place = written.place
        faults = [*self._strangers(written), *self._misplaced(written)]
        owners = (
            ((domain, plant), row, place)
            for row, place in written.owners
            for domain, plant in product(row.domains, row.plant or ("",))
        )
        self._owners: _Rows[Owner] = _once(owners, "owner", faults)
        channels = (
            ((plant, supplier), row, place)
            for row, place in written.channels
            for plant, supplier in product(row.plant or ("",), row.supplier or ("",))
        )
        self._channels: _Rows[Channel] = _once(channels, "channel", faults)
        modes = (
            ((plant, item_class), row, place)
            for row, place in written.modes
            for plant, item_class in product(row.plant or ("",), row.item_class or ("",))
        )
        self._modes: _Rows[ModeAt] = _once(modes, "mode", faults)
        if faults:
            raise LandscapeError(faults)
        self.said = _said(written)
        """All of it, without secrets, whatever the file looks like."""
        self.version = hashlib.sha256(self.said.encode()).hexdigest()[:12]

    # -- who owns what

    def owner(self, domain: Domain, plant: str) -> str | None:
        """The system that owns the domain at the plant; None: none does."""
        found = self._owner(domain, plant)
        return found[0].system if found else None

    def owns(self, system: str, *domains: Domain) -> bool:
        """Whether the system owns one of the domains at some plant."""
        return any(row.system == system and domain in domains for (domain, _), (row, _) in self._owners.items())

    def channel(self, plant: str, supplier: str) -> Channel | None:
        """The channel to the supplier of the plant; None: there is none."""
        found = self._channel(plant, supplier)
        return found[0] if found else None

    def systems_of(self, plant: str, supplier: str, route: RouteKind) -> Systems | Unowned:
        """The systems that a new order of the plant with the supplier is with."""
        erp, planning = self.owner(Domain.ORDERS, plant), self.owner(Domain.COVERAGE, plant)
        for domain, system in ((Domain.ORDERS, erp), (Domain.COVERAGE, planning)):
            if system is None:
                return self.unowned(domain, plant)
        channel = self.channel(plant, supplier)
        if channel is None and route is not RouteKind.TRANSFER:
            step = f"add a [[channel]] for supplier {supplier} to {self.place.path}"
            return Unowned(plant=plant, domain=f"the channel to supplier {supplier}", next_step=step)
        own = {"erp": erp, "planning": planning, **({"channel": channel.system} if channel else {})}
        return Systems.model_validate({**own, "landscape": self.version})

    def two_erps(self, plant: str, supplying_plant: str) -> TwoErps | None:
        """That a transfer between the plants would be in two systems; None: it is in one, or somebody owns none."""
        here, there = self.owner(Domain.ORDERS, plant), self.owner(Domain.ORDERS, supplying_plant)
        if here is None or there is None or here == there:
            return None
        return TwoErps(plant=plant, erp=here, supplying_plant=supplying_plant, supplying_erp=there)

    def unowned(self, domain: Domain, plant: str) -> Unowned:
        """That nobody owns the domain at the plant, and what to do."""
        step = f'add an [[owner]] with domains = ["{domain}"] for it to {self.place.path}'
        return Unowned(plant=plant, domain=domain, next_step=step)

    def senders(self, domain: Domain, plant: str) -> Collection[str] | None:
        """The sources that may send in the domain at the plant; None: the landscape leaves that to the policy."""
        system = self.owner(domain, plant)
        if system is None:
            return None
        found, own = self.systems[system], self.source(system)
        return found.sources if own in found.sources or not _is_read(found) else (*found.sources, own)

    def source(self, name: str) -> str:
        """As what a system speaks whose plans or documents are read: its first source that is a plain code, else its
        name. Such a code needs no replacing in ids, so that a requirement can be found by it.
        """
        return next((each for each in self.systems[name].sources if _PLAIN.fullmatch(each)), name)

    def mode(self, plant: str, item_class: str = "", system: str = "") -> Mode:
        """Whether Pegline writes there; a system that is only observed is never written to."""
        if system in self.systems and self.systems[system].mode == "observe":
            return "observe"
        found = _first(self._modes, [(plant, item_class), ("", item_class), (plant, ""), ("", "")])
        return found[0].mode if found else "live"

    def of_kind(self, kind: SystemKind) -> dict[str, System]:
        """The systems of a kind, by name."""
        return {name: system for name, system in self.systems.items() if system.kind is kind}

    @property
    def ordering(self) -> dict[str, System]:
        """The systems that hold orders, by name: ERPs and procurement systems that are called."""
        return {name: each for name, each in self.systems.items() if each.kind in ORDERING and each.dialect}

    def explain(self, plant: str, item_class: str = "", supplier: str = "") -> list[Explained]:
        """Who owns what there, by which line of the file."""
        rows = []
        for domain in Domain:
            found = self._owner(domain, plant)
            if found is not None:
                rows.append(Explained(domain, self._described(found[0].system), str(found[1])))
            else:
                nobody = "nobody" if domain in CALLED else "as the plant's policy says (ownership)"
                nobody += ", else as stock" if domain is Domain.CONSUMPTION else ""
                rows.append(Explained(domain, nobody, str(self.place)))
        if supplier:
            channel = self._channel(plant, supplier)
            answer = self._described(channel[0].system) + _profile(channel[0]) if channel else "no channel"
            rows.append(Explained(f"supplier {supplier}", answer, str(channel[1] if channel else self.place)))
        mode = _first(self._modes, [(plant, item_class), ("", item_class), (plant, ""), ("", "")])
        rows.append(Explained("mode", mode[0].mode if mode else "live", str(mode[1] if mode else self.place)))
        return rows

    def _described(self, name: str) -> str:
        system = self.systems[name]
        observed = ", observed" if system.mode == "observe" else ""
        spoken = f"{system.kind} by {system.dialect}" if system.dialect else str(system.kind)
        return f"{name} ({spoken}{observed})"

    def _owner(self, domain: Domain, plant: str) -> tuple[Owner, Place] | None:
        return _first(self._owners, [(domain, plant), (domain, "")])

    def _channel(self, plant: str, supplier: str) -> tuple[Channel, Place] | None:
        return _first(self._channels, [(plant, supplier), ("", supplier), (plant, ""), ("", "")])

    # -- faults

    def _strangers(self, written: LandscapeFile) -> Iterator[str]:
        known = ", ".join(sorted(self.systems)) or "none yet"
        rows: Sequence[tuple[Owner | Channel, Place]] = [*written.owners, *written.channels]
        for row, place in rows:
            if row.system not in self.systems:
                yield f"{place}: system = {row.system!r}: no such system; there are {known}"

    def _misplaced(self, written: LandscapeFile) -> Iterator[str]:
        for row, place in written.owners:
            system = self.systems.get(row.system)
            for domain in row.domains:
                kind = CALLED.get(domain)
                allowed = ORDERING if domain is Domain.ORDERS else (kind,)
                if system is not None and kind is not None and system.kind not in allowed:
                    kinds = " or ".join(map(str, allowed))
                    yield f"{place}: {row.system} is of kind {system.kind}; {domain} needs an owner of kind {kinds}"
                elif system is not None and domain is Domain.ORDERS and not system.dialect:
                    yield f"{place}: {row.system} has no dialect, so that no order can be placed there; give it one"
                if system is not None and kind is None and not system.sources and not _is_read(system):
                    yield f"{place}: {row.system} has no sources, so that nobody could send {domain}; add them to it"
        for channel, place in written.channels:
            system = self.systems.get(channel.system)
            if system is not None and system.kind is not SystemKind.SUPPLIER:
                yield f"{place}: {channel.system} is of kind {system.kind}; a channel is of kind {SystemKind.SUPPLIER}"


def _is_read(system: System) -> bool:
    """Whether its plans or documents are read, so that it speaks by its name where it has no source."""
    return bool(system.dialect) and system.kind in (SystemKind.PLANNING, *SENDING)


def _first(rows: "_Rows[Row]", keys: Sequence[tuple[str, ...]]) -> tuple[Row, Place] | None:
    return next((rows[key] for key in keys if key in rows), None)


def _once(rows: Iterator[tuple[tuple[str, ...], Row, Place]], header: str, faults: list[str]) -> "_Rows[Row]":
    found: dict[tuple[str, ...], tuple[Row, Place]] = {}
    for key, row, place in rows:
        if key in found:
            what = ", ".join(each or "all" for each in key)
            faults.append(f"{place}: [[{header}]] for {what} is also given at {found[key][1]}; take one of them out")
        found.setdefault(key, (row, place))
    return found


def _profile(channel: Channel) -> str:
    own = [f"address {channel.address}" if channel.address else "", channel.directory]
    return "".join(f", {each}" for each in own if each)


def _said(written: LandscapeFile) -> str:
    systems = (f"{name} {system.model_dump_json()}" for name, (system, _) in written.systems.items())
    rows = (row.model_dump_json() for rows in (written.owners, written.channels, written.modes) for row, _ in rows)
    return "\n".join([*sorted(systems), *sorted(rows)])


__all__ = ["Explained", "Landscape"]
