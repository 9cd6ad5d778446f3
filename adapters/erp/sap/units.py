"""Units of measure: UN/ECE codes on our side, the codes of SAP's interfaces on the other.

SAP's codes are the commercial (English) ones that its OData services show, e.g. PC for internal ST; several of them
may mean one of ours. They are customizing in SAP: an installation that has its own passes its own `Units`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.erp.remote import NotWritable

_TO_SAP: Mapping[str, str] = {
    "C62": "PC",
    "EA": "EA",
    "H87": "PC",
    "PR": "PAA",
    "SET": "SET",
    "DZN": "DZ",
    "BX": "BOX",
    "CT": "CAR",
    "PK": "PAC",
    "BG": "BAG",
    "BO": "BT",
    "CA": "CAN",
    "PF": "PAL",
    "RO": "ROL",
    "GRM": "G",
    "KGM": "KG",
    "TNE": "TO",
    "LBR": "LB",
    "ONZ": "OZ",
    "MMT": "MM",
    "CMT": "CM",
    "MTR": "M",
    "INH": "IN",
    "FOT": "FT",
    "MTK": "M2",
    "CMK": "CM2",
    "MLT": "ML",
    "LTR": "L",
    "MTQ": "M3",
    "GLL": "GAL",
    "HUR": "HR",
    "DAY": "DAY",
}
_OTHER_SPELLINGS: Mapping[str, str] = {
    "ST": "H87",
    "PCE": "H87",
    "KAR": "CT",
    "BEU": "BG",
    "FL": "BO",
    "DOS": "CA",
    "T": "TNE",
    '"': "INH",
    "H": "HUR",
    "STD": "HUR",
    "TAG": "DAY",
}
_FROM_SAP: Mapping[str, str] = {
    **{sap: ours for ours, sap in _TO_SAP.items()},
    **_OTHER_SPELLINGS,
    "PC": "H87",
}


class UnknownUnit(NotWritable):
    """A unit that has no counterpart on the other side; the message names it and the next step."""

    code = "unknown_unit"


@dataclass(frozen=True)
class Units:
    """The two tables."""

    outgoing: Mapping[str, str] = field(default_factory=lambda: _TO_SAP)
    incoming: Mapping[str, str] = field(default_factory=lambda: _FROM_SAP)

    def with_codes(self, codes: Mapping[str, Sequence[str]]) -> "Units":
        """These tables with an installation's own codes: by UN/ECE code, SAP's codes, the first of which is written."""
        if not codes:
            return self
        written = {ours: saps[0] for ours, saps in codes.items()}
        read = {sap: ours for ours, saps in codes.items() for sap in saps}
        return Units({**self.outgoing, **written}, {**self.incoming, **read})

    def to_sap(self, code: str) -> str:
        """SAP's code for a UN/ECE code. Raises UnknownUnit."""
        if code not in self.outgoing:
            raise UnknownUnit(f"unit {code} has no SAP code; add it to the adapter's unit table")
        return self.outgoing[code]

    def from_sap(self, code: str) -> str:
        """The UN/ECE code for SAP's code. Raises UnknownUnit."""
        if code not in self.incoming:
            raise UnknownUnit(f"SAP unit {code!r} has no UN/ECE code; add it to the adapter's unit table")
        return self.incoming[code]
