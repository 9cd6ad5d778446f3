"""B2MML of an MES: unplanned use becomes an event, planned use does not, and nothing is guessed."""

import contextlib
import datetime as dt
import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.dialects import OptionError
from adapters.errors import UnreadableMessage
from adapters.ports import SystemStatement
from canonical.landscape import SystemKind
from tests.adapters.documents.systems import Tables, reader_of

MAPPING: Tables = {
    "plants": {"HALL-2": "1710"},
    "items": {"RAW-77": "STEEL"},
    "units": {"KG": "KGM"},
    "uses": {"Consumed": "planned", "Scrap": "unplanned", "Destructive Sample": "unplanned"},
}
OLD = """<?xml version="1.0" encoding="utf-8"?>
<SyncProductionPerformance xmlns="http://www.wbf.org/xml/B2MML-V0401">
  <ApplicationArea>
    <Sender><LogicalID>CELL7</LogicalID></Sender>
    <CreationDateTime>2027-01-18T07:41:09.4417731+01:00</CreationDateTime>
  </ApplicationArea>
  <DataArea><Sync/><ProductionPerformance><ProductionResponse><ID>88012</ID>
    <SegmentResponse><ID>Cutting</ID>
      <MaterialActual>
        <MaterialDefinitionID>RAW-77</MaterialDefinitionID>
        <MaterialLotID>RAW-77_L3</MaterialLotID>
        <MaterialUse>Consumed</MaterialUse>
        <Quantity><QuantityString>3.75</QuantityString><UnitOfMeasure>KG</UnitOfMeasure></Quantity>
      </MaterialActual>
      <MaterialActual>
        <MaterialDefinitionID>RAW-77</MaterialDefinitionID>
        <Location><EquipmentID>HALL-2</EquipmentID></Location>
        <MaterialUse OtherValue="Scrap">Other</MaterialUse>
        <Quantity><QuantityString>0.625</QuantityString><UnitOfMeasure>KG</UnitOfMeasure></Quantity>
      </MaterialActual>
    </SegmentResponse>
  </ProductionResponse></ProductionPerformance></DataArea>
</SyncProductionPerformance>"""
NEW = """<OperationsPerformance xmlns="http://www.mesa.org/xml/B2MML">
  <ID>PERF-5</ID>
  <HierarchyScope><EquipmentID>PLANT</EquipmentID></HierarchyScope>
  <OperationsResponse><ID>OR-31</ID>
    <SegmentResponse><ID>SEG-2</ID><ActualEndTime>2027-01-18T22:10:00</ActualEndTime>
      <MaterialActual><ID>MA-9</ID>
        <MaterialDefinitionID>BOLT</MaterialDefinitionID>
        <MaterialUse>Destructive Sample</MaterialUse>
        <HierarchyScope><EquipmentID>HALL-2</EquipmentID><HierarchyScope><EquipmentID>LINE-4</EquipmentID></HierarchyScope>
        </HierarchyScope>
        <Quantity><QuantityString>2</QuantityString><UnitOfMeasure>EA</UnitOfMeasure></Quantity>
        <AssemblyActual><ID>X</ID><MaterialDefinitionID>PART</MaterialDefinitionID></AssemblyActual>
      </MaterialActual>
      <MaterialActual><ID>MA-10</ID><MaterialUse>Produced</MaterialUse></MaterialActual>
    </SegmentResponse>
  </OperationsResponse>
</OperationsPerformance>"""


def read(text: str, **options: str) -> SystemStatement:
    return reader_of(SystemKind.MES, "b2mml", MAPPING, options).read(text.encode(), "application/xml")


def test_scrap_is_an_event_and_what_the_plan_has_netted_is_left_out() -> None:
    said = read(OLD)
    [event] = said.events
    assert event.type == "pegline.consumption.reported.v1"
    assert event.id == "CELL7/2027-01-18T07:41:09.4417731+01:00/88012/2"
    assert event.time == "2027-01-18T07:41:09.441773+01:00"
    where = "ProductionResponse 88012 / SegmentResponse Cutting / MaterialActual 2"
    assert event.data == {"plant": "1710", "item": "STEEL", "quantity": "0.625", "unit": "KGM", "reason": where}
    [left] = said.left_out
    assert left.endswith("Cutting / MaterialActual 1: its use is planned, and netted")


def test_an_actual_with_an_id_of_its_own_is_the_same_in_every_document() -> None:
    """Its time is the end of its step, at the plant; parts of an assembly are parts of what was used."""
    [event] = read(NEW).events
    assert event.id == "OR-31/SEG-2/MA-9"
    moment = dt.datetime.fromisoformat(str(event.time))
    assert moment == dt.datetime(2027, 1, 18, 22, 10, tzinfo=ZoneInfo("America/Los_Angeles"))
    assert (event.data["plant"], event.data["item"], event.data["quantity"]) == ("1710", "BOLT", "2")


def test_a_document_without_a_known_place_is_of_the_systems_own_plant() -> None:
    [event] = read(OLD.replace("HALL-2", "HALL-9"), plant="1720").events
    assert event.data["plant"] == "1720"


@pytest.mark.parametrize(
    ("instead_of", "written", "why"),
    [
        ("HALL-2", "HALL-9", "Cutting / MaterialActual 2: it names no place that mapping.plants knows"),
        ("0.625", "0,625", "MaterialActual 2, QuantityString: '0,625' is no number"),
        ("0.625", "-1e3", "'-1e3' is no number"),
        (
            "<UnitOfMeasure>KG</UnitOfMeasure></Quantity>\n      </MaterialActual>\n    </S",
            "</Quantity>\n      </MaterialActual>\n    </S",
            "no unit is given",
        ),
        ('OtherValue="Scrap"', 'OtherValue="Lost"', "MaterialUse: 'Lost' is not in the system's mapping.uses"),
        (
            "<MaterialDefinitionID>RAW-77</MaterialDefinitionID>\n        <Location>",
            "<Location>",
            "MaterialDefinitionID: there are 0",
        ),
        ("2027-01-18T07:41:09.4417731+01:00", "18.01.2027", "CreationDateTime: '18.01.2027' is no moment"),
        ("SyncProductionPerformance", "CancelProductionPerformance", "Cancel takes back"),
        ("SyncProductionPerformance", "SyncMaterialInformation", "this is none of ProductionPerformance"),
        ("<DataArea>", "<DataArea", "it is no XML: not well-formed"),
        ("?>\n<Sync", '?><!DOCTYPE a [<!ENTITY b "c">]>\n<Sync', "it has a DOCTYPE"),
        ('encoding="utf-8"', 'encoding="klingon"', "unknown encoding|can't be read"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(instead_of: str, written: str, why: str) -> None:
    assert instead_of in OLD
    with pytest.raises(UnreadableMessage, match=why):
        read(OLD.replace(instead_of, written))


def test_a_deeply_nested_document_is_refused_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableMessage, match="nested deeper"):
        read("<a>" * 100_000)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("mapping", "option"),
    [
        ({"uses": {"Consumed": "maybe"}}, "mapping.uses.Consumed"),
        ({"units": {"KG": "KILO"}}, "mapping.units.KG"),
        ({"sites": {"A": "B"}}, "mapping.sites"),
    ],
)
def test_a_faulty_mapping_is_named(mapping: Tables, option: str) -> None:
    with pytest.raises(OptionError) as refused:
        reader_of(SystemKind.MES, "b2mml", mapping)
    assert refused.value.option == option


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(OLD)), st.integers(0, 40), st.text(max_size=10))
def test_whatever_stands_there_is_read_or_refused_with_a_reason(start: int, length: int, written: str) -> None:
    text = OLD[:start] + written + OLD[start + length :]
    with contextlib.suppress(UnreadableMessage):
        reader_of(SystemKind.MES, "b2mml", MAPPING).read(text.encode("utf-8", "replace"), "")
