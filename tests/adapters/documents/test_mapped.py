"""Documents of a warehouse and of a PLM system, read as the landscape's mapping describes them."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.dialects import OptionError
from adapters.errors import UnreadableMessage
from adapters.ports import SystemStatement
from canonical.landscape import SystemKind
from tests.adapters.documents.systems import Tables, reader_of

WAREHOUSE: Tables = {
    "document": {"id": "msg.no", "type": "msg.kind", "time": "msg.at", "rows": "rows", "row_id": "pos"},
    "types": {"GRN": "receipt", "INV": "stock", "PICK": "none"},
    "receipt": {
        "order": "/po",
        "line": "poLine",
        "quantity": "qty",
        "unit": "uom",
        "date": "at",
        "receipt_number": "/msg.no",
        "plant": "=1710",
        "final": "last",
    },
    "stock": {
        "plant": "site",
        "item": "sku",
        "unit": "uom",
        "quantity": "onHand",
        "reserved": "res.hard",
        "blocked": "blocked",
    },
    "plants": {"WH-1": "1710"},
    "units": {"pc": "H87"},
}
PLM: Tables = {
    "document": {"id": "@number", "rows": "change.row", "time": "released"},
    "types": {"*": "bom"},
    "bom": {
        "plant": "=1710",
        "assembly": "change.item",
        "revision": "change.@to",
        "effective_from": "change.@from",
        "supersedes": "change.@replaces",
    },
    "bom_line": {
        "component": "part",
        "quantity": "qty",
        "unit": "qty.@uom",
        "change": "@action",
        "replaces": "instead",
    },
    "units": {"pc": "H87"},
    "changes": {"ADD": "added", "DEL": "removed"},
}
RECEIPT: dict[str, Any] = {
    "msg": {"no": "GR-5", "kind": "GRN", "at": "2027-01-19T06:30:00Z"},
    "po": "4500000017",
    "rows": [
        {"pos": "1", "poLine": 10, "qty": 2.50, "uom": "KGM", "at": "2027-01-19T06:30:00Z", "last": True},
        {"pos": "2", "poLine": "00020", "qty": "4", "uom": "pc", "at": "2027-01-18"},
    ],
}
NOTICE = """<ECN number="ECN-88"><released>2027-01-18T10:00:00+01:00</released>
 <change to="C" from="2027-03-01"><item>BIKE</item>
  <row action="DEL"><part>BOLT-8</part><qty uom="pc">4</qty></row>
  <row action="ADD"><part>BOLT-9</part><qty uom="pc">4</qty><instead>BOLT-8</instead></row>
 </change></ECN>"""


def stock(**row: Any) -> dict[str, Any]:
    """A count of an item in the warehouse."""
    known = {"site": "WH-1", "sku": "BOLT", "uom": "pc", "onHand": 120}
    return {"msg": {"no": "I-9", "kind": "INV", "at": "2027-01-19T08:00:00"}, "rows": [{**known, **row}]}


def read(document: Any, mapping: Tables = WAREHOUSE, kind: SystemKind = SystemKind.WMS) -> SystemStatement:
    body = document if isinstance(document, str) else json.dumps(document)
    return reader_of(kind, "mapped", mapping).read(body.encode(), "application/json")


def test_a_receipt_has_an_event_a_row_and_its_day_is_the_plants() -> None:
    first, second = read(RECEIPT).events
    assert (first.id, first.type, first.time) == ("GR-5/1", "pegline.goods.received.v1", "2027-01-19T06:30:00+00:00")
    assert first.data == {
        "order": "4500000017",
        "line": "10",
        "quantity": "2.5",
        "unit": "KGM",
        "date": "2027-01-18",
        "receipt_number": "GR-5",
        "final": True,
    }
    assert (second.data["line"], second.data["unit"], second.data["date"]) == ("00020", "H87", "2027-01-18")


def test_what_is_reserved_or_blocked_is_not_available() -> None:
    [event] = read(stock(res={"hard": "100"}, blocked=30)).events
    assert (event.data["quantity"], event.data["plant"], event.data["unit"]) == ("-10", "1710", "H87")
    assert event.data["reason"] == "on hand 120, reserved 100, blocked 30"
    assert event.time == "2027-01-19T08:00:00-08:00", "its time has no offset: the plant's"
    [whole] = read(stock()).events
    assert (whole.data["quantity"], "reason" in whole.data) == ("120", False)


def test_a_revision_is_one_event_with_its_lines() -> None:
    [event] = read(NOTICE, PLM, SystemKind.PLM).events
    assert (event.id, event.type, event.time) == ("ECN-88", "pegline.bom.revised.v1", "2027-01-18T10:00:00+01:00")
    assert event.data == {
        "plant": "1710",
        "assembly": "BIKE",
        "revision": "C",
        "effective_from": "2027-03-01",
        "lines": [
            {"component": "BOLT-8", "quantity": "4", "unit": "H87", "change": "removed"},
            {"component": "BOLT-9", "quantity": "4", "unit": "H87", "change": "added", "replaces": "BOLT-8"},
        ],
    }


def test_what_is_mapped_to_none_is_left_out_and_said_to_be() -> None:
    assert read({"msg": {"no": "P-1", "kind": "PICK"}, "rows": []}) == SystemStatement(
        (), ("documents of this type are not used",)
    )


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({**RECEIPT, "po": ""}, r"rows\[0\].po: order is missing"),
        ({**RECEIPT, "msg": {**RECEIPT["msg"], "kind": "ASN"}}, "msg.kind: 'ASN' is not in the system's mapping.types"),
        ({**RECEIPT, "msg": {"kind": "GRN"}}, "msg.no: the document has no id"),
        ({**RECEIPT, "rows": []}, "rows: there are 0 rows"),
        ({**RECEIPT, "rows": [{**RECEIPT["rows"][0], "uom": "box"}]}, r"rows\[0\].uom: unit 'box' is not known"),
        ({**RECEIPT, "rows": [{**RECEIPT["rows"][0], "qty": "1,5"}]}, r"rows\[0\].qty: '1,5' is no number"),
        ({**RECEIPT, "rows": [{**RECEIPT["rows"][0], "qty": [1]}]}, "there is no single value"),
        ({**RECEIPT, "rows": [{**RECEIPT["rows"][0], "at": "19.1.2027"}]}, "'19.1.2027' is no moment"),
        ({**RECEIPT, "rows": [{**RECEIPT["rows"][0], "last": "ja"}]}, "'ja' is neither true nor false"),
        (stock(blocked=-1), "less than nothing"),
        (stock(onHand="NaN"), "'NaN' is no number"),
        (NOTICE.replace('"ADD"', '"SWAP"'), "'SWAP' is no change that is known"),
        (NOTICE.replace("<part>BOLT-9</part>", ""), r"change.row\[1\].part: component is missing"),
        ('{"a": 1, "a": 2}', "a name is given twice"),
        ("[1]", "one JSON object"),
        ('{"a": NaN}', "NaN is no number"),
        ("<a><b></a>", "it is no XML: mismatched tag: line 1"),
        ("[" * 100_000, "neither XML nor JSON"),
        ("GRN;4711;2", "neither XML nor JSON"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(document: Any, why: str) -> None:
    notice = isinstance(document, str) and document.startswith("<ECN")
    mapping, kind = (PLM, SystemKind.PLM) if notice else (WAREHOUSE, SystemKind.WMS)
    with pytest.raises(UnreadableMessage, match=why):
        read(document, mapping, kind)


def without(table: str, field: str) -> Tables:
    return {**WAREHOUSE, table: {name: path for name, path in WAREHOUSE[table].items() if name != field}}


@pytest.mark.parametrize(
    ("mapping", "option"),
    [
        ({}, "mapping.document"),
        (without("document", "id"), "mapping.document.id"),
        (without("receipt", "line"), "mapping.receipt.line"),
        ({**WAREHOUSE, "stock": {**WAREHOUSE["stock"], "colour": "c"}}, "mapping.stock.colour"),
        ({**WAREHOUSE, "types": {"GRN": "goods"}}, "mapping.types.GRN"),
        ({**PLM, "changes": {"ADD": "new"}}, "mapping.changes.ADD"),
        ({**PLM, "bom_line": {}}, "mapping.bom_line.change"),
    ],
)
def test_a_faulty_mapping_is_named_before_any_document_comes(mapping: Tables, option: str) -> None:
    with pytest.raises(OptionError) as refused:
        reader_of(SystemKind.WMS, "mapped", mapping)
    assert refused.value.option == option


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals().map(str) | st.text(max_size=8) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(RECEIPT["rows"][0])), ANYTHING, st.sampled_from([RECEIPT, stock()]), st.booleans())
def test_whatever_stands_there_is_read_or_refused_with_a_reason(
    field: str, value: Any, document: dict[str, Any], whole: bool
) -> None:
    changed = value if whole else {**document, "rows": [{**document["rows"][0], field: value, "onHand": value}]}
    with contextlib.suppress(UnreadableMessage):
        read(json.dumps(changed))
