"""IPC-2571 packages of a PLM system: released changes become revisions of bills of material."""

import pytest

from adapters.dialects import OptionError
from adapters.errors import UnreadableMessage
from adapters.ports import SystemStatement
from canonical.landscape import SystemKind
from tests.adapters.documents.systems import Tables, reader_of

MAPPING: Tables = {"plants": {"SITE-9": "1710"}, "units": {"each": "EA"}, "items": {"X-1": "BOLT-8"}}
PACKAGE = """<?xml version="1.0"?>
<!DOCTYPE ProductDataeXchangePackage PUBLIC "-//IPC//DTD 2571 200111//EN" "http://localhost:1/2571.dtd">
<ProductDataeXchangePackage thisDocumentIdentifier="PKG-77" thisDocumentGenerationDateTime="2027-01-18T09:00:00Z"
  thisDocumentModificationDateTime="2027-01-18T10:00:00Z">
 <Items>
  <Item itemIdentifier="X-1" itemUniqueIdentifier="i1" globalProductUnitOfMeasureCode="each"/>
  <Item itemIdentifier="X-2" itemUniqueIdentifier="i2" globalProductUnitOfMeasureCode="EA"/>
  <Item itemIdentifier="X-3" itemUniqueIdentifier="i3"/>
 </Items>
 <Changes>
  <Change changeNumber="ECO-5" globalEngineeringChangeStatusCode="Released">
   <AffectedItems>
    <AffectedItem itemIdentifier="BIKE" manufacturingSite="SITE-9" oldRevision="B" newRevision="C"
      effectiveDate="2027-03-01" obsoleteDate="">
     <BillOfMaterialMarkups>
      <BillOfMaterialMarkup globalMarkupTypeCode="Modify">
       <BillOfMaterialMarkupRowOld><BillOfMaterialItem billOfMaterialItemIdentifier="X-1" itemQuantity="4"/>
       </BillOfMaterialMarkupRowOld>
       <BillOfMaterialMarkupRowNew><BillOfMaterialItem billOfMaterialItemIdentifier="X-2" itemQuantity="3.0"
         globalProductQuantityTypeCode="PerAssembly"/></BillOfMaterialMarkupRowNew>
      </BillOfMaterialMarkup>
      <BillOfMaterialMarkup globalMarkupTypeCode="Modify">
       <BillOfMaterialMarkupRowOld><BillOfMaterialItem billOfMaterialItemIdentifier="X-3" itemQuantity="1"/>
       </BillOfMaterialMarkupRowOld>
       <BillOfMaterialMarkupRowNew><BillOfMaterialItem billOfMaterialItemIdentifier="X-3" itemQuantity="2"/>
       </BillOfMaterialMarkupRowNew>
      </BillOfMaterialMarkup>
      <BillOfMaterialMarkup globalMarkupTypeCode="NoChange"/>
     </BillOfMaterialMarkups>
    </AffectedItem>
    <AffectedItem itemIdentifier="DRAWING-1" newRevision="2" effectiveDate="2027-03-01" obsoleteDate=""/>
   </AffectedItems>
  </Change>
  <Change changeNumber="ECO-6" globalEngineeringChangeStatusCode="ApprovalPending"/>
 </Changes>
</ProductDataeXchangePackage>"""


def read(text: str, **options: str) -> SystemStatement:
    return reader_of(SystemKind.PLM, "pdx", MAPPING, {"unit": "H87", **options}).read(text.encode(), "text/xml")


def test_a_released_change_is_a_revision_of_the_bill_of_material() -> None:
    said = read(PACKAGE)
    [event] = said.events
    assert (event.id, event.time) == ("PKG-77/ECO-5/BIKE/SITE-9", "2027-01-18T10:00:00+00:00")
    assert event.data == {
        "plant": "1710",
        "assembly": "BIKE",
        "revision": "C",
        "effective_from": "2027-03-01",
        "lines": [
            {"component": "BOLT-8", "quantity": "4", "unit": "EA", "change": "removed"},
            {"component": "X-2", "quantity": "3", "unit": "EA", "change": "added", "replaces": "BOLT-8"},
            {"component": "X-3", "quantity": "2", "unit": "H87", "change": "changed", "quantity_before": "1"},
        ],
    }
    assert said.left_out == ("Change ECO-6: its status is ApprovalPending",)


def test_which_statuses_count_is_set_up() -> None:
    assert read(PACKAGE, statuses="ApprovalPending").events == ()


@pytest.mark.parametrize(
    ("instead_of", "written", "why"),
    [
        ('manufacturingSite="SITE-9" ', "", "AffectedItem BIKE: it names no manufacturingSite"),
        (
            'effectiveDate="2027-03-01" obsoleteDate="">',
            'effectiveDate="" obsoleteDate="">',
            "BIKE: it has no effectiveDate",
        ),
        ('itemQuantity="4"', 'itemQuantity="AR"', "BIKE / 1, X-1, itemQuantity: 'AR' is no number"),
        ('"PerAssembly"', '"AsNeeded"', "X-2: its quantity is not one per assembly"),
        ('Code="each"', 'Code="dozen?"', "Item X-1, globalProductUnitOfMeasureCode: unit 'dozen\\?' is not known"),
        ('globalMarkupTypeCode="Modify"', 'globalMarkupTypeCode="Add"', "'Add' with old and new row can't be"),
        ("ProductDataeXchangePackage", "ProductData", "this is no ProductDataeXchangePackage"),
        ('2571.dtd">', '2571.dtd" [<!ENTITY a "b">]>', "it has entities, which are not read"),
        ("<Items>", "<Items>&unknown;", "it has entities, which are not read"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(instead_of: str, written: str, why: str) -> None:
    assert instead_of in PACKAGE
    with pytest.raises(UnreadableMessage, match=why):
        read(PACKAGE.replace(instead_of, written))


def test_a_component_whose_unit_nobody_says_is_refused() -> None:
    with pytest.raises(UnreadableMessage, match="X-3: nobody says its unit of measure"):
        read(PACKAGE, unit="")


def test_a_unit_that_is_none_is_named() -> None:
    with pytest.raises(OptionError):
        read(PACKAGE, unit="each")
