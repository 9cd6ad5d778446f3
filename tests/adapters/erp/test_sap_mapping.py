"""What the adapter writes to SAP and reads of it, by SAP's own metadata and sandbox figures."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from adapters.erp.remote import RemoteComponent, RemoteItem, RemoteScheduleLine
from adapters.erp.sap import difference
from adapters.erp.sap.batch import Operation, changeset, parts
from adapters.erp.sap.mapping import first_sent, order_body, requisition_body
from adapters.erp.sap.odata import keyed, literal, repeatable
from adapters.erp.sap.remote import remote_item, remote_orders, remote_requisitions
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import DoesNotFit
from adapters.erp.sap.writing import V2Writing
from canonical.order import DeliveryLine, LineSchedule, Refused, WrittenLine
from canonical.policy import AccountAssignment, ErpDocuments, RouteKind
from tests.adapters.erp.documents import DOCK, component, document, line, subcontract, transfer, written
from tests.adapters.erp.sap_metadata import DELETABLE, NAVIGATIONS, SETS

UNITS = Units()
WRITING = V2Writing()
of_lines = partial(difference.of_lines, writing=WRITING)
of_schedules = partial(difference.of_schedules, writing=WRITING)
of_components = partial(difference.of_components, writing=WRITING)
OWN_CUSTOMIZING = ErpDocuments(
    requisition_type="ZR",
    order_type="ZNB",
    item_categories={RouteKind.DIRECT: "0", RouteKind.SUBCONTRACT: "L", RouteKind.TRANSFER: "U"},
    order_number_prefix="7",
    order_reference_field="CorrespncInternalReference",
    requisition_reference_field="PurReqnExternalSystemId",
    storage_location="171C",
    tax_code="V1",
    account_assignment=AccountAssignment(
        category="K",
        gl_account="65100000",
        cost_center="17101201",
        internal_order="800001",
        wbs_element="P-1.2",
    ),
)


def scheduled(number: int, quantity: str, day: dt.date = DOCK, committed: str = "0") -> RemoteScheduleLine:
    return RemoteScheduleLine(number, day, Decimal(quantity), Decimal(committed))


def remote(*schedule: RemoteScheduleLine, number: int = 10, **other: Any) -> RemoteItem:
    known: dict[str, Any] = {
        "order": "4500000011",
        "number": number,
        "quantity": sum((one.quantity for one in schedule), Decimal(0)),
        "deleted": False,
        "completed": False,
        "requisition": "10000007",
        "schedule": schedule,
    }
    return RemoteItem(**{**known, **other})


def steel(quantity: str, reservation: int = 1) -> RemoteComponent:
    return RemoteComponent(1, reservation, "", "MZ-STEEL", Decimal(quantity), "KG", dt.date(2027, 2, 1))


def confirmed(*schedule_lines: tuple[str, dt.date], completed: bool = False) -> LineSchedule:
    schedule = tuple(
        DeliveryLine(date=day, quantity=Decimal(quantity), committed=Decimal(quantity))
        for quantity, day in schedule_lines
    )
    return LineSchedule(line=10, schedule=schedule, completed=completed)


def operations(found: list[Operation] | Refused) -> list[Operation]:
    assert isinstance(found, list)
    return found


LATER = DOCK + dt.timedelta(days=14)
ITEM = "A_PurchaseOrderItem(PurchaseOrder='4500000011',PurchaseOrderItem='00010')"


def schedule_line(number: int) -> str:
    key = f"PurchasingDocument='4500000011',PurchasingDocumentItem='00010',ScheduleLine='000{number}'"
    return f"A_PurchaseOrderScheduleLine({key})"


# What is written


def test_an_order_reads_as_the_sandbox_order_it_is_modelled_on() -> None:
    body = order_body(document(), "10000007", UNITS)
    assert body["CorrespncExternalReference"] == document().reference
    assert body["PurchaseOrderDate"] == "/Date(1799020800000)/"
    (item,) = body["to_PurchaseOrderItem"]["results"]
    # Order 4500000011, item 10 of SAP's public sandbox.
    sandbox = {
        "PurchaseOrderItemText": "Frame-R14",
        "Plant": "1710",
        "MaterialGroup": "L002",
        "PurchasingInfoRecord": "5300000354",
        "PurchaseOrderQuantityUnit": "PC",
        "OrderPriceUnit": "PC",
        "NetPriceAmount": "0.10",
        "NetPriceQuantity": "1",
        "Material": "MZ-RM-R14-01",
    }
    assert sandbox.items() <= item.items()
    assert item["OrderQuantity"] == "100.000"
    assert (item["PurchaseRequisition"], item["PurchaseRequisitionItem"]) == ("10000007", "00010")


def test_every_requisition_item_names_the_order_and_its_requirement() -> None:
    whole = document(line(10), line(20))
    items = requisition_body(whole, UNITS)["to_PurchaseReqnItem"]["results"]
    assert [item["PurchaseRequisitionItem"] for item in items] == ["00010", "00020"]
    for item, ours in zip(items, whole.lines, strict=True):
        assert item["PurReqnExternalReference"] == whole.reference
        assert item["RequirementTracking"] == ours.requirement_reference
        assert item["PurReqnItemExternalReference"] == ours.requirement_reference


def test_what_we_do_not_know_is_left_to_sap() -> None:
    bare = line(material_group="", info_record=None, description="")
    (item,) = requisition_body(document(bare), UNITS)["to_PurchaseReqnItem"]["results"]
    assert "MaterialGroup" not in item
    assert "PurchasingInfoRecord" not in item
    assert item["PurchaseRequisitionItemText"] == bare.item


def test_document_types_categories_tax_and_account_are_the_plants_own() -> None:
    body = order_body(subcontract(), "10000007", UNITS, OWN_CUSTOMIZING)
    assert (body["PurchaseOrderType"], body["PurchaseOrder"]) == ("ZNB", f"7{document().reference[-9:]}")
    assert len(body["PurchaseOrder"]) == 10
    assert body["CorrespncInternalReference"] == document().reference
    assert "CorrespncExternalReference" not in body
    (item,) = body["to_PurchaseOrderItem"]["results"]
    said = ("PurchaseOrderItemCategory", "StorageLocation", "TaxCode", "AccountAssignmentCategory")
    assert [item[name] for name in said] == ["L", "171C", "V1", "K"]
    (account,) = item["to_AccountAssignment"]["results"]
    assert account == {
        "AccountAssignmentNumber": "01",
        "GLAccount": "65100000",
        "CostCenter": "17101201",
        "OrderID": "800001",
        "WBSElementExternalID": "P-1.2",
    }
    requisition = requisition_body(subcontract(), UNITS, OWN_CUSTOMIZING)
    assert requisition["PurchaseRequisitionType"] == "ZR"
    (item,) = requisition["to_PurchaseReqnItem"]["results"]
    assert item["PurReqnExternalSystemId"] == document().reference
    assert (item["StorageLocation"], item["TaxCode"], item["AccountAssignmentCategory"]) == ("171C", "V1", "K")
    assert item["to_PurchaseReqnAcctAssgmt"]["results"][0]["WBSElement"] == "P-1.2"


def test_what_is_not_customized_is_not_mentioned() -> None:
    (item,) = order_body(document(), "10000007", UNITS)["to_PurchaseOrderItem"]["results"]
    absent = {"StorageLocation", "TaxCode", "AccountAssignmentCategory", "to_AccountAssignment"}
    assert not absent & item.keys()
    assert "PurchaseOrder" not in order_body(document(), "10000007", UNITS), "SAP numbers it"


def test_a_transfer_bears_neither_tax_nor_account() -> None:
    (item,) = order_body(transfer(), "10000007", UNITS, OWN_CUSTOMIZING)["to_PurchaseOrderItem"]["results"]
    assert not {"TaxCode", "AccountAssignmentCategory", "to_AccountAssignment"} & item.keys()
    assert item["StorageLocation"] == "171C"


def test_an_installations_own_units_are_written_and_read() -> None:
    units = UNITS.with_codes({"PR": ("PR2", "PRS")})
    assert units.to_sap("PR") == "PR2"
    assert {units.from_sap(code) for code in ("PR2", "PRS", "PAA")} == {"PR"}
    assert units.to_sap("KGM") == "KG"


def test_a_code_too_long_for_sap_is_named() -> None:
    with pytest.raises(DoesNotFit, match="Supplier: 'SUPPLIER-OF-BOLTS' has more than 10 characters"):
        order_body(document(supplier="SUPPLIER-OF-BOLTS"), "10000007", UNITS)


def test_every_field_written_exists_in_saps_metadata_and_fits() -> None:
    whole = document(line(10), line(20, price=Decimal("0.1234"), quantity="0.125"), line(30, "9999999999.999"))
    written = [
        ("A_PurchaseRequisitionHeader", requisition_body(whole, UNITS)),
        ("A_PurchaseOrder", order_body(whole, "10000007", UNITS)),
        ("A_PurchaseRequisitionHeader", requisition_body(transfer(), UNITS)),
        ("A_PurchaseOrder", order_body(transfer(), "10000007", UNITS)),
        ("A_PurchaseRequisitionHeader", requisition_body(subcontract(), UNITS)),
        ("A_PurchaseOrder", order_body(subcontract(), "10000007", UNITS)),
        ("A_PurchaseRequisitionHeader", requisition_body(whole, UNITS, OWN_CUSTOMIZING)),
        ("A_PurchaseOrder", order_body(whole, "10000007", UNITS, OWN_CUSTOMIZING)),
        *((one.path.partition("(")[0], one.body) for one in _all_kinds_of_change() if one.body is not None),
    ]
    checked = [name for entity_set, body in written for name in _checked(entity_set, body)]
    assert len(set(checked)) >= 45


def test_only_sets_that_sap_lets_us_delete_from_are_deleted_from() -> None:
    deleted = {one.path.partition("(")[0] for one in _all_kinds_of_change() if one.method == "DELETE"}
    assert deleted == {"A_PurchaseOrderItem", "A_PurchaseOrderScheduleLine", "A_POSubcontractingComponent"}
    assert deleted <= DELETABLE


def _all_kinds_of_change() -> list[Operation]:
    items = {10: remote(scheduled(1, "60"), scheduled(2, "40", LATER, "40"))}
    given = {10: remote(scheduled(1, "100"), components=(steel("250"), steel("5", 2)))}
    return [
        *of_components(given, [line(components=(component(quantity="99"), component("TUBE")))], UNITS),
        *operations(of_lines(items, [line(10, "30", price=Decimal(2), written=written())])),
        *operations(of_lines(items, [line(10, "30", delivery_date=LATER)])),
        *operations(of_lines(items, [line(10, cancelled=True)])),
        *operations(of_lines(items, [line(10, cancelled=True)], closed={10})),
        *operations(of_schedules(items, [confirmed(("1", DOCK), ("2", DOCK), ("3", LATER))])),
    ]


def _checked(entity_set: str, body: Mapping[str, Any]) -> Iterator[str]:
    for name, value in body.items():
        if navigation := NAVIGATIONS.get(entity_set, {}).get(name):
            for row in value["results"]:
                yield from _checked(navigation, row)
            continue
        known = SETS[entity_set][name]
        assert not known.readonly, name
        match known.kind:
            case "String":
                assert isinstance(value, str), name
                assert 0 < len(value) <= known.length, name
            case "Decimal":
                assert re.fullmatch(r"\d+(\.\d+)?", value), name
                whole, _, fraction = value.partition(".")
                assert len(fraction) <= known.scale, name
                assert len(whole) <= known.length - known.scale, name
            case "DateTime":
                assert re.fullmatch(r"/Date\(\d+\)/", value), name
            case "Boolean":
                assert value is True, name
            case kind:
                raise AssertionError(f"{name} is {kind}")
        yield f"{entity_set}.{name}"


# What is read


def test_items_are_read_with_unpadded_keys_as_the_sandbox_sends_them() -> None:
    item = remote_item(
        {
            "PurchaseOrder": "4500000011",
            "PurchaseOrderItem": "10",
            "PurchasingDocumentDeletionCode": "",
            "OrderQuantity": "100",
            "IsCompletelyDelivered": False,
            "PurchaseRequisition": "",
            "to_ScheduleLine": {
                "results": [
                    {
                        "ScheduleLine": "1",
                        "ScheduleLineDeliveryDate": "/Date(1470268800000)/",
                        "ScheduleLineOrderQuantity": "100",
                        "ScheduleLineCommittedQuantity": "0",
                    }
                ]
            },
        }
    )
    assert item.number == 10
    assert item.schedule == (scheduled(1, "100", dt.date(2016, 8, 4)),)


def test_documents_are_told_apart_by_number_and_deletion() -> None:
    first, second = remote_requisitions(
        [
            {"PurchaseRequisition": "10000012", "PurchaseRequisitionItem": "00010", "IsDeleted": ""},
            {"PurchaseRequisition": "10000011", "PurchaseRequisitionItem": "00010", "IsDeleted": "X"},
            {"PurchaseRequisition": "10000012", "PurchaseRequisitionItem": "00020", "IsDeleted": "X"},
        ]
    )
    assert (first.number, first.deleted) == ("10000011", True)
    assert (second.number, second.live_items) == ("10000012", (10,))


def test_an_order_whose_header_is_deleted_has_no_live_item() -> None:
    item = {"PurchaseOrder": "4500000001", "PurchaseOrderItem": "10", "PurchaseRequisition": "10000011"}
    order = {
        "PurchaseOrder": "4500000001",
        "PurchasingDocumentDeletionCode": "L",
        "to_PurchaseOrderItem": {"results": [item]},
    }
    (found,) = remote_orders([order])
    assert found.deleted
    assert found.requisition == "10000011"


# What differs


def test_nothing_is_written_where_nothing_differs() -> None:
    items = {10: remote(scheduled(1, "100", committed="100"))}
    assert of_lines(items, [line()]) == []
    assert of_schedules(items, [confirmed(("100", DOCK))]) == []


def test_a_quantity_is_written_to_item_and_schedule_line_since_not_every_sap_moves_it_along() -> None:
    changed = of_lines({10: remote(scheduled(1, "100"))}, [line(10, "80")])
    assert changed == [
        Operation("MERGE", ITEM, {"OrderQuantity": "80.000"}),
        Operation("MERGE", schedule_line(1), {"ScheduleLineOrderQuantity": "80.000"}),
    ]


def test_of_a_schedule_line_only_what_it_still_lacks_is_written() -> None:
    item = remote(scheduled(1, "80"), quantity=Decimal(100))
    assert of_lines({10: item}, [line(10, "80")]) == [Operation("MERGE", ITEM, {"OrderQuantity": "80.000"})]
    item = remote(scheduled(1, "100"), quantity=Decimal(80))
    assert of_lines({10: item}, [line(10, "80")]) == [
        Operation("MERGE", schedule_line(1), {"ScheduleLineOrderQuantity": "80.000"})
    ]


def test_each_write_tells_in_words_what_is_wanted_and_found() -> None:
    told = [one.told for one in _all_kinds_of_change()]
    assert told == [
        "line 10, MZ-STEEL: quantity 99 KG wanted, 250 KG found",
        "line 10: 250 of TUBE wanted, none found",
        "line 10: no MZ-STEEL wanted, some found",
        "line 10: price 2 for 1 wanted, 0 for 1 found, quantity 30 wanted, 100 found",
        "line 10, delivery 1: quantity 30 wanted, 60 found",
        "line 10: no delivery of 40 on 2027-03-15 wanted, one found",
        "line 10: quantity 30 wanted, 100 found",
        "line 10, delivery 2: quantity 30 wanted, 40 found, committed quantity 30 wanted, 40 found",
        "line 10: no delivery of 60 on 2027-03-01 wanted, one found",
        "line 10: deletion wanted, 100 on 2027-03-01, 2027-03-15 found",
        "line 10: delivery completed wanted, open found",
        "line 10: quantity 6 wanted, 100 found",
        "line 10, delivery 1: quantity 1 wanted, 60 found, committed quantity 1 wanted, 0 found",
        "line 10, delivery 2: quantity 3 wanted, 40 found, committed quantity 3 wanted, 40 found",
        "line 10: delivery of 2 on 2027-03-01 wanted, none found",
    ]


def test_a_lower_quantity_takes_the_commitment_down_with_it() -> None:
    changed = of_lines({10: remote(scheduled(1, "100", committed="100"))}, [line(10, "80")])
    assert changed == [
        Operation("MERGE", ITEM, {"OrderQuantity": "80.000"}),
        Operation(
            "MERGE",
            schedule_line(1),
            {"ScheduleLineOrderQuantity": "80.000", "ScheduleLineCommittedQuantity": "80.000"},
        ),
    ]


def test_a_date_alone_is_written_to_the_schedule_line() -> None:
    changed = of_lines({10: remote(scheduled(1, "100"))}, [line(delivery_date=LATER)])
    assert changed == [Operation("MERGE", schedule_line(1), {"ScheduleLineDeliveryDate": "/Date(1805068800000)/"})]


def test_a_split_confirmation_keeps_the_first_schedule_line_and_adds_the_second() -> None:
    changed = of_schedules({10: remote(scheduled(1, "100"))}, [confirmed(("60", DOCK), ("40", LATER))])
    kept, added = operations(changed)
    assert kept == Operation(
        "MERGE",
        schedule_line(1),
        {"ScheduleLineOrderQuantity": "60.000", "ScheduleLineCommittedQuantity": "60.000"},
    )
    assert (added.method, added.path) == ("POST", "A_PurchaseOrderScheduleLine")
    assert added.body is not None
    assert added.body["ScheduleLine"] == "0002"


def test_what_falls_away_is_deleted_and_the_quantity_follows_the_schedule() -> None:
    items = {10: remote(scheduled(1, "60", committed="60"), scheduled(2, "40", LATER, "40"))}
    changed = of_schedules(items, [confirmed(("40", LATER))])
    assert changed == [
        Operation("MERGE", ITEM, {"OrderQuantity": "40.000"}),
        Operation("DELETE", schedule_line(1)),
    ]


def test_two_deliveries_on_one_day_stay_two_schedule_lines() -> None:
    items = {10: remote(scheduled(1, "30", committed="30"), scheduled(2, "70", committed="70"))}
    assert of_schedules(items, [confirmed(("70", DOCK), ("30", DOCK))]) == []


def test_of_a_completed_delivery_nothing_but_its_indicator_is_written() -> None:
    items = {10: remote(scheduled(1, "100", committed="100"))}
    asked = confirmed(("95", DOCK), completed=True)
    completion = {"IsCompletelyDelivered": True}
    assert [one.body for one in operations(of_schedules(items, [asked]))] == [completion]
    done = {10: remote(scheduled(1, "100", committed="100"), completed=True)}
    assert of_schedules(done, [asked]) == []


def test_a_completion_is_taken_back_only_where_it_is_known() -> None:
    done = {10: remote(scheduled(1, "100", committed="100"), completed=True)}
    more = confirmed(("100", DOCK), completed=False)
    assert of_schedules(done, [more]) == []
    known = WrittenLine(quantity=Decimal(100), delivery_date=DOCK, price=Decimal("0.10"), completed=True)
    opened = of_schedules(done, [more.model_copy(update={"written": known})])
    assert [one.body for one in operations(opened)] == [{"IsCompletelyDelivered": False}]


def test_a_cancelled_line_is_deleted_once() -> None:
    alive, gone = remote(scheduled(1, "100")), remote(scheduled(1, "100"), deleted=True)
    assert of_lines({10: alive}, [line(cancelled=True)]) == [Operation("DELETE", ITEM)]
    assert of_lines({10: gone}, [line(cancelled=True)]) == []


def test_a_line_that_is_gone_in_the_erp_is_refused_by_its_number() -> None:
    refused = of_lines({}, [line(20)])
    assert isinstance(refused, Refused)
    assert (refused.code, refused.line) == ("line_gone", 20)


def test_components_are_paired_by_material_and_only_the_difference_is_written() -> None:
    items = {10: remote(scheduled(1, "100"), components=(steel("250"), steel("5", 2)))}
    asked = line(components=(component(quantity="250.0001"),))
    changed, doubled = of_components(items, [asked], UNITS)
    assert (changed.method, changed.body) == ("MERGE", {"QuantityInEntryUnit": "250.001", "EntryUnit": "KG"})
    assert (doubled.method, "ReservationItem='0002'" in doubled.path) == ("DELETE", True)
    assert of_components(items, [line()], UNITS) == [], "not known: SAP's own stay"


def test_a_price_is_written_only_to_undo_an_edit_of_it() -> None:
    items = {10: remote(scheduled(1, "100"), price=Decimal("0.12"))}
    assert of_lines(items, [line()]) == []
    undone = operations(of_lines(items, [line(written=written(price="0.12"))]))
    assert undone == [Operation("MERGE", ITEM, {"NetPriceAmount": "0.10", "NetPriceQuantity": "1"})]
    assert of_lines(items, [line(written=written(price="0.12"))], priced=False) == []


# Requests


def test_keys_and_literals_are_quoted() -> None:
    assert literal("O'Brien") == "'O''Brien'"
    assert keyed("A_Product", Product="A B/ö") == "A_Product(Product='A%20B%2F%C3%B6')"


def test_the_request_id_is_the_same_on_every_attempt_and_another_for_other_content() -> None:
    assert repeatable("order/1/step", b"{}") == repeatable("order/1/step", b"{}")
    assert repeatable("order/1/step", b"{}") != repeatable("order/1/step", b"[]")
    assert re.fullmatch(r"[0-9A-F]{32}", repeatable("order/1/step", b"{}")["RequestID"])
    assert first_sent(document()) == "2027-01-04T00:00:00"


def test_a_changeset_is_carried_whole_and_its_answers_are_read_in_order() -> None:
    content_type, content = changeset([Operation("DELETE", ITEM), Operation("MERGE", ITEM, {"OrderQuantity": "1.000"})])
    assert content_type.startswith("multipart/mixed; boundary=")
    assert content.count(b"Content-Type: application/http") == 2
    assert b"MERGE " + ITEM.encode() + b" HTTP/1.1\r\n" in content
    answer = (
        b"--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n"
        b"--C\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n\r\n"
        b"--C\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n{"d":{"ScheduleLine":"2"}}\r\n'
        b"--C--\r\n--B--\r\n"
    )
    first, second = parts("multipart/mixed; boundary=B", answer)
    assert first.status == 204
    assert second.body() == {"d": {"ScheduleLine": "2"}}
