"""The policies in force: read from a directory, and reloaded when its files change.

Decided here: when a change takes effect. The files' stamps are checked at most once a second; a change takes effect as
a whole, once the files have been left alone for a moment, and only without faults. Until then the previous policies
hold. Not here: the files' content (policies.snapshot).
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from canonical.policy import PlantPolicy
from policies.explain import Explanation, explained
from policies.reading import PolicyError, PolicyFile, Stamp, read_file, stamps
from policies.snapshot import PolicySnapshot

LOOK_EVERY_SECONDS = 1.0
QUIET_SECONDS = 0.5
"""How long files must have been left alone, so that an edit of several files, or a slow write, is one change."""

log = logging.getLogger("pegline.policies")


def _utc_today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


class PolicyBook:
    """Implements adapters.ports.PolicyPort on a directory. Raises PolicyError where its first reading fails.

    `today` says for which years public holidays are resolved; `clock` (seconds, rising) when to look again; `wall`
    (Unix seconds) how long files have been left alone.
    """

    def __init__(
        self,
        directory: Path,
        *,
        today: Callable[[], dt.date] = _utc_today,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        read: Callable[[Path], PolicyFile] = read_file,
    ) -> None:
        self._directory = directory
        self._today, self._clock, self._wall, self._read_file = today, clock, wall, read
        self._files: dict[Path, tuple[Stamp, PolicyFile]] = {}
        self._faults: tuple[str, ...] = ()
        self._seen = self._waiting = stamps(directory)
        self._snapshot = self._read()
        self._look_at = clock() + LOOK_EVERY_SECONDS

    @property
    def plants(self) -> Collection[str]:
        """The plants that have a policy."""
        return self._present().plants

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the newest edit is not in force; empty: what is on disk holds."""
        self._present()
        return self._faults

    def effective(self, plant: str, *, item_class: str = "", item: str = "", supplier: str = "") -> PlantPolicy | None:
        """The policy for the plant, and for the item and supplier there; None: the plant has none."""
        return self._present().effective(plant, item_class, item, supplier)

    def explain(self, plant: str, *, item_class: str = "", item: str = "", supplier: str = "") -> Explanation | None:
        """Each effective value with the file and rule that sets it; None: the plant has no policy."""
        snapshot = self._present()
        policy = snapshot.effective(plant, item_class, item, supplier)
        if policy is None:
            return None
        return explained(policy, snapshot.layers(plant, item_class, item, supplier), self._directory)

    def _present(self) -> PolicySnapshot:
        if self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY_SECONDS
            self._look()
        return self._snapshot

    def _look(self) -> None:
        found = stamps(self._directory)
        if found == self._seen and self._today().year == self._snapshot.year:
            return
        if found != self._seen and not self._left_alone(found):
            self._waiting = found
            return
        self._seen = found
        try:
            self._snapshot = self._read()
        except PolicyError as error:
            if error.faults != self._faults:
                log.error("policies in %s are not taken up; what held before holds:\n%s", self._directory, error)
            self._faults = error.faults
        else:
            self._faults = ()
            log.info("policies in %s are reloaded", self._directory)

    def _left_alone(self, found: Mapping[Path, Stamp]) -> bool:
        """Nobody seems to be writing any more: unchanged since the last check, or for long enough."""
        newest = max((stamp.changed_ns for stamp in found.values()), default=0) / 1e9
        return found == self._waiting or 0 <= newest + QUIET_SECONDS <= self._wall()

    def _read(self) -> PolicySnapshot:
        snapshot = PolicySnapshot(self._directory, self._file, self._today())
        for gone in self._files.keys() - self._seen.keys():
            del self._files[gone]
        return snapshot

    def _file(self, path: Path) -> PolicyFile:
        """The file's current content; not read again while its stamp is the same."""
        stamp = self._seen.get(path)
        held = self._files.get(path)
        if held is not None and held[0] == stamp:
            return held[1]
        file = self._read_file(path)
        if stamp is not None:
            self._files[path] = (stamp, file)
        return file


class FixedPolicies:
    """Implements adapters.ports.PolicyPort by a mapping that may be changed: a policy a plant, and for chosen items
    and suppliers one of their own, keyed (plant, item or item class, supplier)."""

    def __init__(
        self,
        by_plant: Mapping[str, PlantPolicy],
        own: Mapping[tuple[str, str, str], PlantPolicy] | None = None,
    ) -> None:
        self.by_plant = dict(by_plant)
        self.own = dict(own or {})
        self.faults: tuple[str, ...] = ()

    @property
    def plants(self) -> Collection[str]:
        """The plants that have a policy."""
        return self.by_plant.keys()

    def effective(self, plant: str, *, item_class: str = "", item: str = "", supplier: str = "") -> PlantPolicy | None:
        """The most specific policy for the arguments, else the plant's."""
        for key in ((item, supplier), (item_class, supplier), ("", supplier), (item, ""), (item_class, "")):
            if key != ("", "") and (found := self.own.get((plant, *key))):
                return found
        return self.by_plant.get(plant)
