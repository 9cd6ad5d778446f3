"""Which segments stand in which segment group, by message type and directory.

A group is written in brackets, its first segment opening it: `(RFF DTM)` is a reference with that reference's date.
Repetitions and status (mandatory, conditional) are left out, since only the place of a segment is decided by it.
Source: message descriptions of the UN/EDIFACT directories D.93A to D.18A (UNECE, UNTDID part 4), restated; a
directory that is not named has the table of the newest one before it. UNH and UNT belong to the envelope.
"""

from collections.abc import Mapping

FIRST_DIRECTORY, LAST_DIRECTORY = "93A", "23A"
"""The range of directories that are read."""

_GROUPS: Mapping[str, Mapping[str, str]] = {
    "ORDRSP": {
        "93A": (
            "BGM DTM PAI ALI IMD FTX (RFF DTM) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA LOC) (CUX PCD "
            "DTM) (PAT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN MEA FTX) (SCC "
            "FTX RFF (QTY DTM)) (API DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) (TAX MOA)) "
            "(RCS RFF DTM FTX) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GIN GIR QVA PAI FTX (PAT DTM PCD MOA) (PRI "
            "CUX API RNG DTM) (RFF DTM) (PAC MEA QTY DTM (RFF DTM) (PCI RFF DTM GIN)) (LOC QTY DTM) (TAX MOA LOC) "
            "(NAD LOC (RFF DTM) (DOC DTM) (CTA COM)) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) (TAX "
            "MOA)) (TDT (LOC DTM)) (TOD LOC) (EQD HAN MEA FTX) (SCC FTX RFF (QTY DTM)) (RCS RFF DTM FTX)) UNS MOA "
            "CNT (ALC ALI MOA)"
        ),
        "96A": (
            "BGM DTM PAI ALI IMD FTX (RFF DTM) (AJT FTX) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA "
            "LOC) (CUX PCD DTM) (PAT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN "
            "MEA FTX) (SCC FTX RFF (QTY DTM)) (APR DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (RCS RFF DTM FTX) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GIN GIR QVR DOC PAI FTX (CCI CAV "
            "MEA) (PAT DTM PCD MOA) (AJT FTX) (PRI CUX APR RNG DTM) (RFF DTM) (PAC MEA QTY DTM (RFF DTM) (PCI RFF "
            "DTM GIN)) (LOC QTY DTM) (TAX MOA LOC) (NAD LOC (RFF DTM) (DOC DTM) (CTA COM)) (ALC ALI DTM (QTY RNG) "
            "(PCD RNG) (MOA RNG) (RTE RNG) (TAX MOA)) (TDT (LOC DTM)) (TOD LOC) (EQD HAN MEA FTX) (SCC FTX RFF "
            "(QTY DTM)) (RCS RFF DTM FTX) (STG (QTY MOA))) UNS MOA CNT (ALC ALI MOA)"
        ),
        "97A": (
            "BGM DTM PAI ALI IMD FTX (RFF DTM) (AJT FTX) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA "
            "LOC) (CUX PCD DTM) (PAT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN "
            "MEA FTX) (SCC FTX RFF (QTY DTM)) (APR DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (RCS RFF DTM FTX) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GIN GIR QVR DOC PAI FTX (CCI CAV "
            "MEA) (PAT DTM PCD MOA) (AJT FTX) (PRI CUX APR RNG DTM) (RFF DTM) (PAC MEA QTY DTM (RFF DTM) (PCI RFF "
            "DTM GIN)) (LOC QTY PCD DTM) (TAX MOA LOC) (NAD LOC (RFF DTM) (DOC DTM) (CTA COM)) (ALC ALI DTM (QTY "
            "RNG) (PCD RNG) (MOA RNG) (RTE RNG) (TAX MOA)) (TDT (LOC DTM)) (TOD LOC) (EQD HAN MEA FTX) (SCC FTX "
            "RFF (QTY DTM)) (RCS RFF DTM FTX) (STG (QTY MOA))) UNS MOA CNT (ALC ALI MOA)"
        ),
        "99B": (
            "BGM DTM PAI ALI IMD FTX GIR (RFF DTM) (AJT FTX) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA "
            "LOC) (CUX PCD DTM) (PAT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN "
            "MEA FTX) (SCC FTX RFF (QTY DTM)) (APR DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (RCS RFF DTM FTX) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GIS GIN GIR QVR DOC PAI FTX (CCI "
            "CAV MEA) (PAT DTM PCD MOA) (AJT FTX) (PRI CUX APR RNG DTM) (RFF DTM) (PAC MEA QTY DTM (RFF DTM) (PCI "
            "RFF DTM GIN)) (LOC QTY PCD DTM) (TAX MOA LOC) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (ALC ALI "
            "DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) (TAX MOA)) (TDT (LOC DTM)) (TOD LOC) (EQD HAN MEA FTX) "
            "(SCC FTX RFF (QTY DTM)) (RCS RFF DTM FTX) (STG (QTY MOA))) UNS MOA CNT (ALC ALI MOA)"
        ),
        "01B": (
            "BGM DTM PAI ALI IMD FTX GIR (RFF DTM) (AJT FTX) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA "
            "LOC) (CUX PCD DTM) (PAT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN "
            "MEA FTX) (SCC FTX RFF (QTY DTM)) (APR DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (RCS RFF DTM FTX) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GIS GIN GIR QVR DOC PAI MTD FTX "
            "(CCI CAV MEA) (PAT DTM PCD MOA) (AJT FTX) (PRI CUX APR RNG DTM) (RFF DTM) (PAC MEA QTY DTM (RFF DTM) "
            "(PCI RFF DTM GIN)) (LOC QTY PCD DTM) (TAX MOA LOC) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (ALC "
            "ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) (TAX MOA)) (TDT (LOC DTM)) (TOD LOC) (EQD HAN MEA "
            "FTX) (SCC FTX RFF (QTY DTM)) (RCS RFF DTM FTX) (STG (QTY MOA))) UNS MOA CNT (ALC ALI MOA)"
        ),
        "03B": (
            "BGM DTM PAI ALI IMD FTX GIR (RFF DTM) (AJT FTX) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA "
            "LOC) (CUX PCD DTM) (PYT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN "
            "MEA FTX) (SCC FTX RFF (QTY DTM)) (APR DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (RCS RFF DTM FTX) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GEI GIN GIR QVR DOC PAI MTD FTX "
            "(CCI CAV MEA) (PYT DTM PCD MOA) (AJT FTX) (PRI CUX APR RNG DTM) (RFF DTM) (PAC MEA QTY DTM (RFF DTM) "
            "(PCI RFF DTM GIN)) (LOC QTY PCD DTM) (TAX MOA LOC) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (ALC "
            "ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) (TAX MOA)) (TDT (LOC DTM)) (TOD LOC) (EQD HAN MEA "
            "FTX) (SCC FTX RFF (QTY DTM)) (RCS RFF DTM FTX) (STG (QTY MOA))) UNS MOA CNT (ALC ALI MOA)"
        ),
        "07A": (
            "BGM DTM PAI ALI IMD FTX GIR (RFF DTM) (AJT FTX) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA "
            "LOC) (CUX PCD DTM) (PYT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN "
            "MEA FTX) (SCC FTX RFF (QTY DTM)) (APR DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (RCS RFF DTM FTX) (EFI CED COM RFF DTM QTY) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GEI GIN "
            "GIR QVR DOC PAI MTD FTX (CCI CAV MEA) (PYT DTM PCD MOA) (AJT FTX) (PRI CUX APR RNG DTM) (RFF DTM) "
            "(PAC MEA QTY DTM (RFF DTM) (PCI RFF DTM GIN)) (LOC PCD DTM (QTY STS)) (TAX MOA LOC) (NAD LOC FII "
            "(RFF DTM) (DOC DTM) (CTA COM)) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) (TAX MOA)) (TDT "
            "(LOC DTM)) (TOD LOC) (EQD HAN MEA FTX) (SCC FTX RFF (QTY DTM)) (RCS RFF DTM FTX) (STG (QTY MOA)) "
            "(EFI CED COM RFF DTM QTY)) UNS MOA CNT (ALC ALI MOA)"
        ),
        "10B": (
            "BGM DTM PAI ALI IMD FTX GIR (RFF DTM) (AJT FTX) (NAD LOC FII (RFF DTM) (DOC DTM) (CTA COM)) (TAX MOA "
            "LOC) (CUX PCD DTM) (PYT DTM PCD MOA) (TDT (LOC DTM)) (TOD LOC) (PAC MEA (PCI RFF DTM GIN)) (EQD HAN "
            "MEA FTX) (SCC FTX RFF (QTY DTM)) (APR DTM RNG) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (RCS RFF DTM FTX) (EFI CED COM RFF DTM QTY) (LIN PIA IMD MEA QTY PCD ALI DTM MOA GEI GIN "
            "GIR QVR DOC PAI MTD FTX (CCI CAV MEA) (PYT DTM PCD MOA) (AJT FTX) (PRI CUX APR RNG DTM) (RFF DTM) "
            "(PAC MEA QTY DTM (RFF DTM) (PCI RFF DTM GIN)) (LOC PCD DTM (QTY STS)) (TAX MOA LOC) (NAD LOC FII "
            "(RFF DTM) (DOC DTM) (CTA COM) (QTY DTM STS)) (ALC ALI DTM (QTY RNG) (PCD RNG) (MOA RNG) (RTE RNG) "
            "(TAX MOA)) (TDT (LOC DTM)) (TOD LOC) (EQD HAN MEA FTX) (SCC FTX RFF (QTY DTM)) (RCS RFF DTM FTX) "
            "(STG (QTY MOA)) (EFI CED COM RFF DTM QTY)) UNS MOA CNT (ALC ALI MOA)"
        ),
    },
    "DESADV": {
        "93A": (
            "BGM DTM ALI MEA (RFF DTM) (NAD LOC (RFF DTM) (CTA COM)) (TOD LOC FTX) (TDT PCD (LOC DTM)) (EQD MEA "
            "SEL EQA (HAN FTX)) (CPS FTX (PAC MEA QTY (HAN FTX) (PCI RFF DTM (GIN DLM))) (LIN PIA IMD MEA QTY ALI "
            "GIN GIR DLM DTM FTX (RFF DTM) (DGS QTY FTX) (LOC NAD DTM QTY) (SGP QTY) (PCI DTM MEA QTY (GIN DLM) "
            "(HAN FTX GIN)) (QVA DTM))) CNT"
        ),
        "96A": (
            "BGM DTM ALI MEA MOA (RFF DTM) (NAD LOC (RFF DTM) (CTA COM)) (TOD LOC FTX) (TDT PCD (LOC DTM)) (EQD "
            "MEA SEL EQA (HAN FTX)) (CPS FTX (PAC MEA QTY (HAN FTX) (PCI RFF DTM GIR (GIN DLM))) (LIN PIA IMD MEA "
            "QTY ALI GIN GIR DLM DTM FTX MOA (RFF DTM) (DGS QTY FTX) (LOC NAD DTM QTY) (SGP QTY) (PCI DTM MEA QTY "
            "(GIN DLM) (HAN FTX GIN)) (QVR DTM))) CNT"
        ),
        "97A": (
            "BGM DTM ALI MEA MOA (RFF DTM) (NAD LOC (RFF DTM) (CTA COM)) (TOD LOC FTX) (TDT PCD (LOC DTM)) (EQD "
            "MEA SEL EQA (HAN FTX)) (CPS FTX (PAC MEA QTY (HAN FTX) (PCI RFF DTM GIR (GIN DLM))) (LIN PIA IMD MEA "
            "QTY ALI GIN GIR DLM DTM NAD TDT HAN FTX MOA (RFF NAD CTA DTM) (DGS QTY FTX) (LOC NAD DTM QTY) (SGP "
            "QTY) (PCI DTM MEA QTY (GIN DLM) (HAN FTX GIN)) (QVR DTM))) CNT"
        ),
        "99B": (
            "BGM DTM ALI MEA MOA CUX (RFF DTM) (NAD LOC (RFF DTM) (CTA COM)) (TOD LOC FTX) (TDT PCD TMD (LOC "
            "DTM)) (EQD MEA SEL EQA (HAN FTX)) (CPS FTX QVR (PAC MEA QTY (HAN FTX) (PCI RFF DTM (GIR DTM) (GIN "
            "DLM) (COD MEA QTY PCD))) (LIN PIA IMD MEA QTY ALI GIN GIR DLM DTM NAD TDT TMD HAN FTX MOA (RFF NAD "
            "CTA DTM) (DGS QTY FTX) (LOC NAD DTM QTY) (SGP QTY) (PCI DTM MEA QTY (GIN DLM) (HAN FTX GIN)) (QVR "
            "DTM))) CNT"
        ),
        "03B": (
            "BGM DTM ALI MEA MOA CUX (RFF DTM) (NAD LOC (RFF DTM) (CTA COM)) (TOD LOC FTX) (TDT PCD TMD (LOC "
            "DTM)) (EQD MEA SEL EQA (HAN FTX)) (CPS FTX QVR (PAC MEA QTY (HAN FTX) (PCI RFF DTM (GIR DTM) (GIN "
            "DLM) (COD MEA QTY PCD))) (LIN PIA IMD MEA QTY ALI GIN GIR DLM DTM NAD TDT TMD HAN FTX MOA PAC (RFF "
            "NAD CTA DTM) (DGS QTY FTX) (LOC NAD DTM QTY) (SGP QTY) (PCI DTM MEA QTY (GIN DLM) (HAN FTX GIN)) "
            "(QVR DTM))) CNT"
        ),
        "14B": (
            "BGM DTM ALI MEA MOA CUX (RFF DTM) (NAD LOC (RFF DTM) (CTA COM)) (TOD LOC FTX) (TDT PCD TMD (LOC "
            "DTM)) (EQD MEA SEL EQA (HAN FTX)) (EFI CED COM RFF DTM QTY) (CPS FTX QVR (PAC MEA QTY (HAN FTX) (PCI "
            "RFF DTM (GIR DTM) (GIN DLM) (COD MEA QTY PCD)) (EFI CED COM RFF DTM QTY)) (LIN PIA IMD MEA QTY ALI "
            "GIN GIR DLM DTM NAD TDT TMD HAN FTX MOA PAC (RFF NAD CTA DTM) (DGS QTY FTX) (LOC NAD DTM QTY) (SGP "
            "QTY) (PCI DTM MEA QTY (GIN DLM) (HAN FTX GIN)) (QVR DTM) (EFI CED COM RFF DTM QTY))) CNT"
        ),
    },
}


def directory_rank(directory: str) -> tuple[int, str] | None:
    """The directory's place in time, such as (1996, "A") for 96A; None where it is not a directory's name."""
    year, release = directory[:2], directory[2:]
    if len(directory) != 3 or not (year.isascii() and year.isdigit()) or release not in ("A", "B"):
        return None
    return (1900 if int(year) >= 90 else 2000) + int(year), release


def segment_groups(kind: str, directory: str) -> str | None:
    """The groups of a message type in a directory; None where we do not read the type or the directory."""
    rank = directory_rank(directory)
    if kind not in _GROUPS or rank is None or not _FIRST <= rank <= _LAST:
        return None
    known = [(other, groups) for name, groups in _GROUPS[kind].items() if (other := directory_rank(name))]
    return max(((other, groups) for other, groups in known if other <= rank), default=(rank, None))[1]


_FIRST, _LAST = directory_rank(FIRST_DIRECTORY) or (0, ""), directory_rank(LAST_DIRECTORY) or (0, "")
