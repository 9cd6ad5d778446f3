"""The options of a frePPLe system, validated."""

from collections.abc import Mapping
from typing import NamedTuple

from adapters.dialects import Connection, OptionError
from canonical.units import known_unit

OPTIONS: Mapping[str, str] = {
    "locations": "frePPLe's locations by plant where they differ, such as 1710=Factory 1,1720=Factory 2",
    "suppliers": "frePPLe's suppliers by supplier number where they differ, such as V-200=Acme",
    "units": "frePPLe's units of measure by UN/ECE code, such as H87=pcs,KGM=kg",
    "unit": "the UN/ECE code of items without a unit of measure; left out: such items are refused",
    "sources": "sources of approved orders that are needs, beside those made in frePPLe, with commas between them",
    "plan_minutes": "every how many minutes the plan is read, 1 to 1440; 0: never; 15 if left out",
}


class FreppleSettings(NamedTuple):
    """What a system's options say."""

    locations: Mapping[str, str] = {}
    suppliers: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    """UN/ECE codes by frePPLe's units."""
    unit: str = ""
    sources: frozenset[str] = frozenset()
    plan_minutes: int = 15

    def location(self, plant: str) -> str:
        """What frePPLe calls the plant."""
        return self.locations.get(plant, plant)

    def supplier(self, number: str) -> str:
        """What frePPLe calls the supplier."""
        return self.suppliers.get(number, number)


def read_settings(connection: Connection) -> FreppleSettings:
    """The settings of a system. Raises OptionError."""
    options = connection.own_options(OPTIONS)

    def wrong(name: str) -> OptionError:
        return OptionError(name, options.get(name, ""), OPTIONS[name])

    def pairs(name: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in filter(None, (part.strip() for part in options.get(name, "").split(","))):
            ours, equals, theirs = (part.strip() for part in each.partition("="))
            if not (ours and equals and theirs) or ours in found:
                raise wrong(name)
            found[ours] = theirs
        return found

    units = pairs("units")
    if any(known_unit(code) is None for code in units) or len(set(units.values())) < len(units):
        raise wrong("units")
    unit = options.get("unit", "")
    if unit and known_unit(unit) is None:
        raise wrong("unit")
    minutes = options.get("plan_minutes", "15")
    if not minutes.isascii() or not minutes.isdecimal() or int(minutes) > 1_440:
        raise wrong("plan_minutes")
    return FreppleSettings(
        locations=pairs("locations"),
        suppliers=pairs("suppliers"),
        units={theirs: code for code, theirs in units.items()},
        unit=unit,
        sources=frozenset(filter(None, (part.strip() for part in options.get("sources", "").split(",")))),
        plan_minutes=int(minutes),
    )


__all__ = ["OPTIONS", "FreppleSettings", "read_settings"]
