"""How dialects of documents are set up: their options and mapping, validated; and their check, which calls nobody."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Mapping

from adapters.dialects import CheckResult, Connection, OptionError
from adapters.documents.values import Mapped, ZoneOf
from canonical.units import known_unit


def zone_of(connection: Connection) -> ZoneOf:
    """The zone of a plant, by its policy."""

    def zone(plant: str) -> dt.tzinfo | None:
        policy = connection.policies.effective(plant) if plant else None
        return policy.calendar.tzinfo if policy else None

    return zone


def checked_mapping(connection: Connection, tables: Mapping[str, str]) -> Mapped:
    """The system's mapping. Raises OptionError for a table or a unit that there is not; `tables` says what each is."""
    mapping = connection.mapping
    for name, rows in mapping.items():
        if name not in tables:
            known = "; ".join(f"{table}: {what}" for table, what in tables.items())
            raise OptionError(f"mapping.{name}", str(dict(rows)), f"there is no such table; there are {known}")
        if name == "units":
            for code, ours in rows.items():
                if known_unit(ours) is None:
                    raise OptionError(f"mapping.units.{code}", ours, "must be a UN/ECE code, such as KGM or EA")
    return mapping


def one_of(mapping: Mapped, table: str, allowed: Collection[str]) -> None:
    """Raises OptionError for a value of the table that is not allowed."""
    for code, ours in mapping.get(table, {}).items():
        if ours not in allowed:
            raise OptionError(f"mapping.{table}.{code}", ours, f"must be one of {', '.join(allowed)}")


class DocumentCheck:
    """Implements adapters.dialects.SystemCheckPort for a system that only sends: what is set up for its documents."""

    def __init__(
        self, connection: Connection, door: Callable[[str], str] = lambda name: f"/v1/systems/{name}/documents"
    ):
        self._connection, self._door = connection, door

    async def check(self) -> AsyncIterator[CheckResult]:
        """Where it sends to, and how much of its codes is mapped."""
        yield CheckResult("documents", "ok", f"it posts them to {self._door(self._connection.system)}")
        rows = ", ".join(f"{len(table)} {name}" for name, table in self._connection.mapping.items())
        yield CheckResult("mapping", "ok", rows or "none: its codes are ours")


__all__ = ["DocumentCheck", "checked_mapping", "one_of", "zone_of"]
