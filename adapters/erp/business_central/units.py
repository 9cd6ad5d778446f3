"""Units of measure: Business Central's codes, by the international standard code that each unit carries.

That code is the UN/ECE one (Microsoft: "International Standard Code"). Where it is not set, or several units share one,
option `units` decides. Units are read once an hour.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.erp.business_central.api import CompanyApi, Row
from adapters.erp.remote import NotWritable
from canonical.units import known_unit

_SECONDS = 3_600.0


class CentralUnitUnknown(NotWritable):
    """A unit that has no counterpart on the other side; the message names it and the next step."""

    code = "unknown_unit"


@dataclass(frozen=True)
class CentralUnitTable:
    """The two directions."""

    outgoing: Mapping[str, str]
    incoming: Mapping[str, str]

    def to_theirs(self, code: str) -> str:
        """Business Central's code for a UN/ECE code. Raises UnknownUnit."""
        if code not in self.outgoing:
            raise CentralUnitUnknown(
                f"no unit of measure in Business Central has the international standard code {code}; set it there, or "
                f"name the unit in option `units`"
            )
        return self.outgoing[code]

    def to_ours(self, code: str) -> str:
        """The UN/ECE code for Business Central's. Raises UnknownUnit."""
        if code not in self.incoming:
            raise CentralUnitUnknown(
                f"unit of measure {code!r} of Business Central has no international standard code that Pegline knows; "
                f"set it there, or name the unit in option `units`"
            )
        return self.incoming[code]


class CentralUnits:
    """The units of a company, read when they are needed."""

    def __init__(self, api: CompanyApi, named: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._named, self._clock = api, named, clock
        self._held: tuple[float, CentralUnitTable] | None = None

    async def table(self) -> CentralUnitTable:
        """The units as they are, at most an hour old."""
        if self._held is None or self._held[0] < self._clock():
            table = await self._api.read_as(self._table, self._api.path("unitsOfMeasure"))
            self._held = (self._clock() + _SECONDS, table)
        return self._held[1]

    def _table(self, rows: list[Row]) -> CentralUnitTable:
        outgoing: dict[str, str] = {}
        incoming: dict[str, str] = {}
        for row in sorted(rows, key=lambda one: str(one["code"])):
            ours = known_unit(str(row.get("internationalStandardCode") or ""))
            if ours is not None:
                outgoing.setdefault(ours, str(row["code"]))
                incoming[str(row["code"])] = ours
        return CentralUnitTable(
            {**outgoing, **self._named}, {**incoming, **{theirs: ours for ours, theirs in self._named.items()}}
        )
