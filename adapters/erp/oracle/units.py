"""Units of measure: UN/ECE codes on our side, Oracle's codes and names on the other.

Oracle's units are set up by each installation; it shows some by name (an item's primary unit) and takes them by code
(an order line's). What stands here are the names that a new instance comes with; an installation's own are policy
(`erp.units`), the first of which is written and all of which are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.erp.remote import NotWritable

_WRITTEN: Mapping[str, str] = {
    "H87": "Ea",
    "C62": "Ea",
    "EA": "Ea",
    "DZN": "DZ",
    "BX": "BX",
    "KGM": "KG",
    "GRM": "G",
    "LBR": "LB",
    "MTR": "M",
    "LTR": "L",
    "HUR": "HR",
}
_READ: Mapping[str, str] = {
    "Ea": "H87",
    "Each": "H87",
    "DZ": "DZN",
    "Dozen": "DZN",
    "BX": "BX",
    "Box": "BX",
    "KG": "KGM",
    "Kilogram": "KGM",
    "G": "GRM",
    "Gram": "GRM",
    "LB": "LBR",
    "Pound": "LBR",
    "M": "MTR",
    "Meter": "MTR",
    "L": "LTR",
    "Liter": "LTR",
    "HR": "HUR",
    "Hour": "HUR",
}


class NoOracleUnit(NotWritable):
    """A unit that has no counterpart on the other side; the message names it and the next step."""

    code = "unknown_unit"


@dataclass(frozen=True)
class OracleUnits:
    """The two tables."""

    written: Mapping[str, str] = field(default_factory=lambda: _WRITTEN)
    read: Mapping[str, str] = field(default_factory=lambda: _READ)

    def with_codes(self, codes: Mapping[str, Sequence[str]]) -> "OracleUnits":
        """These tables with an installation's own, by UN/ECE code."""
        if not codes:
            return self
        written = {ours: theirs[0] for ours, theirs in codes.items()}
        read = {each: ours for ours, theirs in codes.items() for each in theirs}
        return OracleUnits({**self.written, **written}, {**self.read, **read})

    def to_oracle(self, code: str) -> str:
        """Oracle's code for a UN/ECE code. Raises NoOracleUnit."""
        if code not in self.written:
            raise NoOracleUnit(f"unit {code} has no code in Oracle; name it in policy erp.units")
        return self.written[code]

    def from_oracle(self, name: str) -> str:
        """The UN/ECE code for Oracle's code or name. Raises NoOracleUnit."""
        if name not in self.read:
            raise NoOracleUnit(f"Oracle's unit {name!r} has no UN/ECE code; name it in policy erp.units")
        return self.read[name]


__all__ = ["NoOracleUnit", "OracleUnits"]
