"""Bodies that schemathesis can't make from their description: plans as NDJSON and CSV, EDIFACT and XML.

Loaded by schemathesis in its own environment (SCHEMATHESIS_HOOKS), never by a test.
"""

import json

import schemathesis
from hypothesis import strategies as st

ANYTHING = st.one_of(
    st.sampled_from(["", "0", "-1", "1e9", "500", "0.5", "EA", "2026-06-15", "2026-02-30", "FR-R92B-58", "null", "'"]),
    st.text(max_size=30),
)
COLUMNS = ("item", "quantity", "unit", "required_date", "demand_reference", "criticality", "pegging", "x")
SOUND = {"item": "FR-R92B-58", "quantity": "500", "unit": "EA", "required_date": "2026-06-15"}
VALUE = st.one_of(ANYTHING, st.integers(), st.none(), st.booleans(), st.lists(ANYTHING, max_size=2))
LINE = st.dictionaries(st.sampled_from(COLUMNS), VALUE, max_size=5).map(lambda changes: json.dumps(SOUND | changes))
NDJSON = st.lists(st.one_of(LINE, LINE, LINE, ANYTHING), max_size=8).map("\n".join)
CSV = st.tuples(
    st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8), st.lists(st.lists(ANYTHING, max_size=8), max_size=6)
).map(lambda table: "\n".join(",".join(f'"{cell}"' for cell in row) for row in [table[0], *table[1]]))
SEGMENTS = (
    "UNA:+.? '",
    "UNB+UNOC:3+1580:91+PEGLINE:91+260602:1402+77'",
    "UNH+1+ORDRSP:D:96A:UN'",
    "UNH+1+DESADV:D:96A:UN'",
    "BGM+231+OR-1+29'",
    "DTM+137:20260602:102'",
    "DTM+2:20261345:102'",
    "RFF+ON:4500000001'",
    "LIN+10+5+FR-R92B-58:IN'",
    "QTY+21:500:EA'",
    "QTY+12:5?.5:XX'",
    "UNS+S'",
    "UNT+9+1'",
    "UNZ+1+77'",
)
EDIFACT = st.lists(st.one_of(st.sampled_from(SEGMENTS), st.text(max_size=20)), max_size=16).map("".join)
ELEMENTS = (
    *(
        "<?xml version='1.0'?>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>",
        "&b;",
        "<a>",
        "</a>",
        "<a/>",
        "<Quantity>5</Quantity>",
    ),
    *("<ProductionPerformance xmlns='http://www.mesa.org/xml/B2MML'>", "</ProductionPerformance>"),
)
XML = st.lists(st.one_of(st.sampled_from(ELEMENTS), st.text(max_size=20)), max_size=10).map("".join)
BODIES = {
    "application/x-ndjson": NDJSON,
    "text/csv": CSV,
    "application/edifact": EDIFACT,
    "application/xml": XML,
}

for media_type, bodies in BODIES.items():
    schemathesis.openapi.media_type(media_type, bodies.map(lambda text: text.encode("utf-8", "replace")))
