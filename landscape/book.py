"""The landscape in force: read from its file, and again when that changes.

Decided here: when a change takes effect. The file is looked at once a second at most; a faulty edit leaves what held
before in force. Not here: what connects and disconnects then (runtime.systems).
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from canonical.landscape import Domain, MaintenanceNotice, Mode, Systems, TwoErps, Unowned
from canonical.policy import RouteKind
from landscape.reading import LandscapeError, LandscapeFile, read_landscape
from landscape.snapshot import Landscape

LOOK_EVERY_SECONDS = 1.0

log = logging.getLogger("pegline.landscape")

Check = Callable[[Landscape], Sequence[str]]
"""What else is wrong with a landscape, in the words of whoever connects it."""


class LandscapeBook:
    """Implements adapters.ports.LandscapePort on a file, or on a landscape that is given. Raises LandscapeError where
    the first reading fails.
    """

    def __init__(
        self,
        source: Path | LandscapeFile,
        *,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        clock: Callable[[], float] = time.monotonic,
        check: Check = lambda landscape: (),
    ) -> None:
        self._source, self._now, self._clock, self._check = source, now, clock, check
        self._faults: tuple[str, ...] = ()
        self._stamp = _stamp(source)
        self._look_at = clock() + LOOK_EVERY_SECONDS
        self._held = self._read()

    @property
    def present(self) -> Landscape:
        """The one in force now."""
        if self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY_SECONDS
            if (stamp := _stamp(self._source)) != self._stamp:
                self._stamp = stamp
                self._reload()
        return self._held

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the newest edit is not in force; empty: what is on disk holds."""
        return self._faults

    def systems_of(self, plant: str, supplier: str, route: RouteKind = RouteKind.DIRECT) -> Systems | Unowned:
        """The systems that a new order of the plant with the supplier is with."""
        return self.present.systems_of(plant, supplier, route)

    def two_erps(self, plant: str, supplying_plant: str) -> TwoErps | None:
        """That a transfer between the plants would be in two systems; None: it is in one."""
        return self.present.two_erps(plant, supplying_plant)

    def senders(self, domain: Domain, plant: str) -> Sequence[str] | None:
        """The sources that may send in the domain at the plant; None: the landscape leaves that to the policy."""
        found = self.present.senders(domain, plant)
        return None if found is None else tuple(found)

    def mode(self, plant: str, item_class: str = "", system: str = "") -> Mode:
        """Whether Pegline writes there."""
        return self.present.mode(plant, item_class, system)

    def maintenance(self, systems: Sequence[str] = ()) -> list[MaintenanceNotice]:
        """Which of the systems (of all, where none are named) are not called now."""
        now, landscape = self._now(), self.present
        found = []
        for name in systems or landscape.systems:
            system = landscape.systems.get(name)
            until = system.maintained_until(now) if system else None
            if until is not None:
                found.append(MaintenanceNotice(system=name, until=f"{until:%Y-%m-%d %H:%M} ({until.tzinfo})"))
        return found

    def _reload(self) -> None:
        try:
            self._held, self._faults = self._read(), ()
        except LandscapeError as error:
            log.error("%s is not taken up; what held before holds:\n%s", self._source, error)
            self._faults = error.faults
        else:
            log.info("%s is reloaded, version %s", self._source, self._held.version)

    def _read(self) -> Landscape:
        written = read_landscape(self._source) if isinstance(self._source, Path) else self._source
        landscape = Landscape(written)
        if faults := list(self._check(landscape)):
            raise LandscapeError(faults)
        return landscape


def _stamp(source: Path | LandscapeFile) -> tuple[int, int, int] | None:
    if not isinstance(source, Path):
        return None
    try:
        stat = source.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


__all__ = ["LandscapeBook"]
