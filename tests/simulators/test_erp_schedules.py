"""Schedule lines add up to their item; a changeset is all or nothing."""

from typing import Any

import pytest

from tests.simulators.erp_client import PO, Caller, caller, error_of, in_days

ITEM = "A_PurchaseOrderItem(PurchaseOrder='4500000000',PurchaseOrderItem='10')"


def line(number: int) -> str:
    return (
        "A_PurchaseOrderScheduleLine(PurchasingDocument='4500000000',PurchasingDocumentItem='00010',"
        f"ScheduleLine='{number:04}')"
    )


def another(quantity: str, days: int) -> dict[str, str]:
    return {
        "PurchasingDocument": "4500000000",
        "PurchasingDocumentItem": "10",
        "ScheduleLineDeliveryDate": in_days(days),
        "ScheduleLineOrderQuantity": quantity,
    }


async def schedule(call: Caller) -> list[tuple[str, str, str]]:
    lines = (await call.get(f"{PO}/{ITEM}/to_ScheduleLine"))["results"]
    return [
        (each["ScheduleLine"], each["ScheduleLineDeliveryDate"], each["ScheduleLineOrderQuantity"]) for each in lines
    ]


async def test_a_line_is_split_in_one_changeset() -> None:
    call = await caller()
    await call.order()
    changes: list[tuple[str, str, Any]] = [
        ("MERGE", line(1), {"ScheduleLineOrderQuantity": "60", "ScheduleLineCommittedQuantity": "60"}),
        ("POST", "A_PurchaseOrderScheduleLine", another("40", 44)),
    ]
    assert [status for status, _ in await call.changeset(changes)] == [204, 201]
    assert await schedule(call) == [("1", in_days(30), "60"), ("2", in_days(44), "40")]


async def test_the_same_split_without_a_changeset_is_refused() -> None:
    call = await caller()
    await call.order()
    answer = await call.write("MERGE", f"{PO}/{line(1)}", {"ScheduleLineOrderQuantity": "60"})
    assert error_of(answer)[:2] == (400, "06/054")
    assert await schedule(call) == [("1", in_days(30), "100")]


async def test_a_changeset_that_fails_leaves_nothing_and_answers_once() -> None:
    call = await caller()
    await call.order()
    changes: list[tuple[str, str, Any]] = [
        ("MERGE", ITEM, {"OrderQuantity": "90"}),
        ("MERGE", line(7), {"ScheduleLineOrderQuantity": "90"}),
    ]
    [(status, body)] = await call.changeset(changes)
    assert status == 404
    assert "ScheduleLine" in body
    [held] = (await call.books())["orders"]
    assert (held["items"][0]["OrderQuantity"], held["items"][0]["writes"]) == ("100", 1)


async def test_quantity_and_date_change_together() -> None:
    call = await caller()
    await call.order()
    changes: list[tuple[str, str, Any]] = [
        ("MERGE", ITEM, {"OrderQuantity": "120"}),
        ("MERGE", line(1), {"ScheduleLineDeliveryDate": in_days(35)}),
    ]
    assert [status for status, _ in await call.changeset(changes)] == [204, 204]
    assert await schedule(call) == [("1", in_days(35), "120")]


async def test_lines_are_added_and_taken_away() -> None:
    call = await caller()
    await call.order()
    grown: list[tuple[str, str, Any]] = [
        ("MERGE", ITEM, {"OrderQuantity": "120"}),
        ("POST", "A_PurchaseOrderScheduleLine", another("20", 50)),
    ]
    assert [status for status, _ in await call.changeset(grown)] == [204, 201]
    shrunk: list[tuple[str, str, Any]] = [("DELETE", line(1), None), ("MERGE", ITEM, {"OrderQuantity": "20"})]
    assert [status for status, _ in await call.changeset(shrunk)] == [204, 204]
    assert await schedule(call) == [("2", in_days(50), "20")]
    assert error_of(await call.write("DELETE", f"{PO}/{line(2)}"))[:2] == (400, "06/054")


async def test_more_can_not_be_committed_than_is_scheduled() -> None:
    call = await caller()
    await call.order()
    answer = await call.write("MERGE", f"{PO}/{line(1)}", {"ScheduleLineCommittedQuantity": "101"})
    assert error_of(answer)[:2] == (400, "06/055")


@pytest.mark.parametrize(("delivered", "status"), [("60", 204), ("59", 400)])
async def test_the_past_may_hold_what_was_delivered_and_no_more(delivered: str, status: int) -> None:
    call = await caller()
    await call.order()
    receipt = {"order": "4500000000", "item": 10, "quantity": delivered, "receipt": "R1"}
    await call.http.post("/control/goods-receipts", json=receipt)
    changes: list[tuple[str, str, Any]] = [
        ("MERGE", line(1), {"ScheduleLineOrderQuantity": "60", "ScheduleLineDeliveryDate": in_days(-2)}),
        ("POST", "A_PurchaseOrderScheduleLine", another("40", 9)),
    ]
    assert (await call.changeset(changes))[0][0] == status


async def test_a_line_that_became_past_does_not_hinder_other_changes() -> None:
    call = await caller()
    await call.order()
    await call.http.put("/control/clock", json={"now": "2044-01-01T00:00:00+00:00"})
    assert (await call.write("MERGE", f"{PO}/{ITEM}", {"OrderQuantity": "90"})).status_code == 204


async def test_a_batch_reads_and_writes_in_order() -> None:
    call = await caller()
    await call.order()
    read = f"Content-Type: application/http\r\n\r\nGET {ITEM} HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n"
    write = (
        "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\n"
        f"MERGE {ITEM} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"
        '{"OrderQuantity": "80"}\r\n--c--\r\n'
    )
    parts = await call.batch(f"--batch\r\n{read}--batch\r\n{write}\r\n--batch\r\n{read}--batch--\r\n")
    assert [status for status, _ in parts] == [200, 204, 200]
    assert '"OrderQuantity": "100"' in parts[0][1]
    assert '"OrderQuantity": "80"' in parts[2][1]


async def test_a_batch_needs_its_token_and_its_form() -> None:
    call = await caller()
    content_type = {"Content-Type": "multipart/mixed; boundary=x"}
    assert (await call.http.post(f"{PO}/$batch", content="--x--", headers=content_type)).status_code == 403
    token = {"X-CSRF-Token": call.token}
    assert (await call.http.post(f"{PO}/$batch", content="{}", headers=content_type | token)).status_code == 400
    outside = f"--x\r\nContent-Type: application/http\r\n\r\nDELETE {ITEM} HTTP/1.1\r\n\r\n\r\n--x--\r\n"
    assert (await call.http.post(f"{PO}/$batch", content=outside, headers=content_type | token)).status_code == 400
