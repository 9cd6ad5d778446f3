"""What a person edited in SAP is found before anything is written over it."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from adapters.erp import edits
from adapters.erp.remote import RemoteItem, RemoteScheduleLine
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.remote import remote_item, remote_orders
from canonical.order import (
    DeliveryLine,
    DocumentLine,
    Edited,
    LineSchedule,
    OrderDocument,
    OrderSchedule,
    Placed,
    Refused,
    Written,
    WrittenLine,
)
from tests.adapters.erp.documents import DOCK, ORDER_ID, document, line, transfer, written
from tests.adapters.erp.sap import Sap

LATER = DOCK + dt.timedelta(days=14)
LATEST = DOCK + dt.timedelta(days=21)


@pytest.fixture
async def number(erp: SapErp) -> str:
    """An order of two lines, 100 each."""
    outcome = await erp.place_order(document(line(10), line(20)), key="place", maybe_written=False)
    assert isinstance(outcome, Placed)
    return outcome.order_number


def revised(number: str, *lines: DocumentLine) -> OrderDocument:
    changed = tuple(one.line for one in lines)
    return document(*lines, order_number=number, revision=2, changed_lines=changed)


def deliveries(*parts: tuple[str, dt.date]) -> tuple[DeliveryLine, ...]:
    return tuple(DeliveryLine(date=day, quantity=Decimal(q), committed=Decimal(q)) for q, day in parts)


def confirmed(number: str, *lines: LineSchedule) -> OrderSchedule:
    return OrderSchedule(order_id=ORDER_ID, order_number=number, lines=lines)


def arriving(*parts: tuple[str, dt.date], at: int = 10, known: WrittenLine | None = None) -> LineSchedule:
    return LineSchedule(line=at, schedule=deliveries(*parts), written=known)


async def confirm(erp: SapErp, number: str, *parts: tuple[str, dt.date]) -> None:
    assert isinstance(await erp.write_schedule(confirmed(number, arriving(*parts)), key="confirm-1"), Written)


def found(outcome: object) -> list[tuple[int, str, str, str]]:
    assert isinstance(outcome, Edited), outcome
    return [(edit.line, edit.field, edit.old, edit.new) for edit in outcome.edits]


# Against the simulator


@pytest.mark.parametrize(
    ("change", "edit"),
    [
        ({"quantity": "120"}, (10, "quantity", "100", "120")),
        ({"delivery_date": "2027-03-15"}, (10, "delivery_date", "2027-03-01", "2027-03-15")),
        ({"price": "0.12"}, (10, "price", "0.1", "0.12")),
        ({"deleted": True}, (10, "deleted", "false", "true")),
        ({"blocked": True}, (10, "blocked", "false", "true")),
        ({"delivery_completed": True}, (10, "delivery_completed", "false", "true")),
        ({"delivery_completed": True, "quantity": "95"}, (10, "delivery_completed", "false", "true")),
    ],
)
async def test_a_persons_edit_is_answered_and_nothing_is_written(
    erp: SapErp, sap: Sap, number: str, change: dict[str, Any], edit: tuple[int, str, str, str]
) -> None:
    await sap.edit(number, **change)
    before, books = sap.writes, sap.simulator.books()
    asked = revised(number, line(10, "80", delivery_date=LATEST, written=written()), line(20, "80", written=written()))
    outcome = await erp.change_order(asked, key="change-2")
    assert found(outcome) == [edit]
    assert (sap.writes, sap.simulator.books()) == (before, books)


async def test_an_edit_has_its_time_but_no_author_since_sap_does_not_state_one(
    erp: SapErp, sap: Sap, number: str
) -> None:
    await sap.put_clock("2027-01-05T10:00:00+00:00")
    await sap.edit(number, quantity="120")
    outcome = await erp.change_order(revised(number, line(10, "80", written=written())), key="change-2")
    assert isinstance(outcome, Edited)
    [edit] = outcome.edits
    assert (edit.order_number, edit.edited_by) == (number, "unknown")
    assert abs(edit.effective_at - dt.datetime(2027, 1, 5, 10, tzinfo=dt.UTC)) < dt.timedelta(seconds=5)


async def test_an_edit_to_the_requested_value_raises_no_question(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, quantity="120")
    asked = revised(number, line(10, "120", delivery_date=LATER, written=written()))
    assert await erp.change_order(asked, key="change-2") == Written(reference=number, writes=1)
    assert sap.schedule(number) == [("2027-03-15", "120", "0")]


async def test_an_adopted_edit_is_the_new_state_and_written_no_more(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, quantity="120", price="0.12")
    adopted = line(10, "120", price=Decimal("0.12"), written=written("120", price="0.12"))
    assert await erp.change_order(revised(number, adopted), key="adopt") == Written(reference=number, writes=0)


async def test_an_undone_edit_gives_the_erp_back_what_we_had(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, quantity="120", price="0.12", delivery_date="2027-03-15")
    undone = line(10, written=written("120", LATER, "0.12"))
    assert isinstance(await erp.change_order(revised(number, undone), key="undo"), Written)
    assert sap.schedule(number) == [("2027-03-01", "100", "0")]
    assert sap.item(number)["NetPriceAmount"] == "0.10"


async def test_a_deletion_that_is_known_can_be_adopted_but_sap_takes_none_back(
    erp: SapErp, sap: Sap, number: str
) -> None:
    await sap.edit(number, deleted=True)
    adopted = revised(number, line(10, cancelled=True, written=written(deleted=True)))
    assert await erp.change_order(adopted, key="adopt") == Written(reference=number, writes=0)
    refused = await erp.change_order(revised(number, line(10, written=written(deleted=True))), key="undo")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.line) == ("line_gone", 10)


async def test_a_cancellation_waits_for_what_a_person_made_of_the_line(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, quantity="120")
    outcome = await erp.change_order(revised(number, line(10, cancelled=True, written=written())), key="cancel")
    assert found(outcome) == [(10, "quantity", "100", "120")]
    assert sap.item(number)["PurchasingDocumentDeletionCode"] == ""


async def test_the_suppliers_confirmation_that_we_wrote_is_no_edit(erp: SapErp, sap: Sap, number: str) -> None:
    await confirm(erp, number, ("60", LATER), ("37", LATEST))
    known = written("97", schedule=deliveries(("60", LATER), ("37", LATEST)))
    outcome = await erp.change_order(revised(number, line(10, "80", written=known)), key="change-2")
    assert isinstance(outcome, Written)
    assert sap.schedule(number) == [("2027-03-01", "80", "60")]


async def test_an_edit_of_a_confirmed_delivery_is_found(erp: SapErp, sap: Sap, number: str) -> None:
    await confirm(erp, number, ("60", DOCK), ("40", LATER))
    await sap.edit(number, delivery_date=LATEST.isoformat(), from_date=LATER.isoformat())
    known = written(schedule=deliveries(("60", DOCK), ("40", LATER)))
    outcome = await erp.change_order(revised(number, line(10, "80", written=known)), key="change-2")
    assert found(outcome) == [(10, "delivery_date", "2027-03-15", "2027-03-22")]


async def test_a_confirmation_does_not_overwrite_an_unreported_edit(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, quantity="120")
    before, books = sap.writes, sap.simulator.books()
    lines = (arriving(("100", LATER), known=written()), arriving(("100", LATER), at=20, known=written()))
    outcome = await erp.write_schedule(confirmed(number, *lines), key="confirm-1")
    assert found(outcome) == [(10, "quantity", "100", "120")]
    assert isinstance(outcome, Edited)
    assert [(one.date, str(one.quantity)) for one in outcome.edits[0].deliveries] == [(DOCK, "120")]
    assert (sap.writes, sap.simulator.books()) == (before, books)
    assert isinstance(await erp.write_schedule(confirmed(number, lines[1]), key="confirm-1b"), Written)
    assert sap.schedule(number, 20) == [("2027-03-15", "100", "100")]


@pytest.mark.parametrize(
    ("change", "edit"),
    [
        ({"delivery_date": "2027-03-15"}, (10, "delivery_date", "2027-03-01", "2027-03-15")),
        ({"deleted": True}, (10, "deleted", "false", "true")),
    ],
)
async def test_a_confirmation_moves_nothing_that_a_person_moved_and_brings_back_nothing_that_he_deleted(
    erp: SapErp, sap: Sap, number: str, change: dict[str, Any], edit: tuple[int, str, str, str]
) -> None:
    await sap.edit(number, **change)
    before = sap.writes
    desired = arriving(("60", DOCK), ("40", LATER), known=written())
    assert found(await erp.write_schedule(confirmed(number, desired), key="confirm-1")) == [edit]
    assert sap.writes == before


async def test_a_price_is_not_what_a_confirmation_writes(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, price="0.12")
    outcome = await erp.write_schedule(confirmed(number, arriving(("100", LATER), known=written())), key="confirm-1")
    assert isinstance(outcome, Written)
    assert sap.item(number)["NetPriceAmount"] == "0.12"


async def test_a_confirmation_whose_answer_was_lost_is_no_edit(erp: SapErp, sap: Sap, number: str) -> None:
    desired = confirmed(number, arriving(("60", DOCK), ("37", LATER), known=written()))
    assert isinstance(await erp.write_schedule(desired, key="confirm-1"), Written)
    assert await erp.write_schedule(desired, key="confirm-1") == Written(reference=number, writes=0)


async def test_an_edit_of_a_confirmed_line_back_to_what_was_ordered_is_found(
    erp: SapErp, sap: Sap, number: str
) -> None:
    await confirm(erp, number, ("97", LATER))
    await sap.edit(number, quantity="100", delivery_date=DOCK.isoformat())
    known = written("97", schedule=deliveries(("97", LATER)))
    outcome = await erp.write_schedule(confirmed(number, arriving(("97", LATEST), known=known)), key="confirm-2")
    assert found(outcome) == [(10, "quantity", "97", "100"), (10, "delivery_date", "2027-03-15", "2027-03-01")]


async def test_what_was_found_of_the_deliveries_is_known_from_then_on(erp: SapErp, sap: Sap, number: str) -> None:
    await confirm(erp, number, ("60", DOCK), ("40", LATER))
    await sap.edit(number, quantity="120")
    await sap.edit(number, delivery_date=LATEST.isoformat(), from_date=DOCK.isoformat())
    known = written(schedule=deliveries(("60", DOCK), ("40", LATER)))
    desired = arriving(("60", DOCK), ("40", LATEST), known=known)
    outcome = await erp.write_schedule(confirmed(number, desired), key="confirm-2")
    assert isinstance(outcome, Edited)
    there = outcome.edits[-1].deliveries
    assert [(one.date, str(one.quantity)) for one in there] == [(LATEST, "60"), (LATER, "60")]
    undone = desired.model_copy(update={"written": written("120", LATEST, schedule=there)})
    assert isinstance(await erp.write_schedule(confirmed(number, undone), key="confirm-3"), Written)


async def test_without_what_was_written_a_line_is_brought_to_the_document_as_ever(
    erp: SapErp, sap: Sap, number: str
) -> None:
    await sap.edit(number, quantity="120", price="0.12")
    assert await erp.change_order(revised(number, line(10, "80")), key="change-2") == Written(
        reference=number, writes=2
    )
    assert (sap.item(number)["OrderQuantity"], sap.item(number)["NetPriceAmount"]) == ("80", "0.12")


async def test_our_own_write_whose_answer_was_lost_is_no_edit(erp: SapErp, sap: Sap, number: str) -> None:
    asked = revised(number, line(10, "80", delivery_date=LATER, written=written()))
    assert isinstance(await erp.change_order(asked, key="change-2"), Written)
    assert await erp.change_order(asked, key="change-2") == Written(reference=number, writes=0)


async def test_a_transfer_has_no_price_to_edit(erp: SapErp, sap: Sap) -> None:
    placed = await erp.place_order(transfer(), key="place", maybe_written=False)
    assert isinstance(placed, Placed)
    moved = line(10, "80", price=Decimal(9), info_record=None, written=written(price="9"))
    change = transfer(moved, order_number=placed.order_number, changed_lines=(10,))
    assert await erp.change_order(change, key="change-2") == Written(reference=placed.order_number, writes=2)
    await sap.edit(placed.order_number, quantity="90")
    moved = line(10, "85", info_record=None, written=written("80", price="9"))
    change = transfer(moved, order_number=placed.order_number, changed_lines=(10,))
    assert found(await erp.change_order(change, key="change-3")) == [(10, "quantity", "80", "90")]


# A deletion code has more than two values


async def test_a_blocked_line_is_neither_confirmed_nor_cancelled_nor_completed(
    erp: SapErp, sap: Sap, number: str
) -> None:
    await sap.edit(number, blocked=True)
    blocked, before = [(10, "blocked", "false", "true")], sap.writes
    arrived = arriving(("100", LATER), known=written())
    assert found(await erp.write_schedule(confirmed(number, arrived), key="confirm-1")) == blocked
    done = arrived.model_copy(update={"completed": True})
    assert found(await erp.write_schedule(confirmed(number, done), key="confirm-2")) == blocked
    gone = line(10, cancelled=True, written=written())
    assert found(await erp.change_order(revised(number, gone), key="cancel")) == blocked
    assert sap.writes == before


async def test_a_line_is_written_again_once_it_is_unblocked(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, blocked=True)
    await sap.edit(number, blocked=False)
    asked = arriving(("100", LATER), known=written())
    assert isinstance(await erp.write_schedule(confirmed(number, asked), key="confirm-1"), Written)
    assert sap.schedule(number) == [("2027-03-15", "100", "100")]


async def test_a_blocked_line_that_a_person_gave_up_is_deleted(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.edit(number, blocked=True)
    given_up = line(10, cancelled=True, written=written(blocked=True))
    assert isinstance(await erp.change_order(revised(number, given_up), key="adopt"), Written)
    assert sap.item(number)["PurchasingDocumentDeletionCode"] == "L"


async def test_a_completed_line_of_which_more_is_expected_after_all_is_opened_again(
    erp: SapErp, sap: Sap, number: str
) -> None:
    await sap.edit(number, delivery_completed=True)
    more = arriving(("100", LATER), known=written(completed=True))
    assert isinstance(await erp.write_schedule(confirmed(number, more), key="confirm-1"), Written)
    assert sap.item(number)["IsCompletelyDelivered"] is False


@pytest.mark.parametrize(
    ("code", "deleted", "blocked"), [("", False, False), ("L", True, False), ("S", False, True), ("Z", False, True)]
)
def test_a_code_that_is_no_deletion_is_a_block(code: str, deleted: bool, blocked: bool) -> None:
    item = remote_item({"PurchaseOrder": "45", "PurchaseOrderItem": "10", "PurchasingDocumentDeletionCode": code})
    assert (item.deleted, item.blocked) == (deleted, blocked)
    order = {
        "PurchaseOrder": "45",
        "PurchasingDocumentDeletionCode": code,
        "to_PurchaseOrderItem": {"results": [{"PurchaseOrder": "45", "PurchaseOrderItem": "10"}]},
    }
    assert remote_orders([order])[0].deleted is deleted


# By the rules alone


def scheduled(number: int, quantity: str, day: dt.date = DOCK, committed: str = "0") -> RemoteScheduleLine:
    return RemoteScheduleLine(number, day, Decimal(quantity), Decimal(committed))


def remote(*schedule: RemoteScheduleLine, price: str = "0.10", per: str = "1") -> dict[int, RemoteItem]:
    total = sum((one.quantity for one in schedule), Decimal(0))
    return {10: RemoteItem("45", 10, total, False, False, "10", schedule, Decimal(price), Decimal(per))}


def judged(items: dict[int, RemoteItem], asked: DocumentLine) -> list[tuple[str, str, str]]:
    return [(edit.field, edit.old, edit.new) for edit in edits.of_lines(items, [asked], priced=True)]


def test_a_price_that_sap_states_for_more_pieces_is_the_same_price() -> None:
    fine = line(price=Decimal("0.1234"), written=written(price="0.1234"))
    assert judged(remote(scheduled(1, "100"), price="12.34", per="100"), fine) == []
    assert judged(remote(scheduled(1, "100"), price="13.00", per="100"), fine) == [("price", "0.1234", "0.13")]


def test_an_adopted_quantity_is_no_edit_and_what_was_ordered_before_is_one() -> None:
    known = written("110", schedule=deliveries(("60", DOCK), ("50", LATER)))
    adopted = remote(scheduled(1, "60", committed="60"), scheduled(2, "50", LATER, "40"))
    assert judged(adopted, line(10, "90", written=known)) == []
    back = remote(scheduled(1, "60", committed="60"), scheduled(2, "40", LATER, "40"))
    assert judged(back, line(10, "90", written=known)) == [("quantity", "110", "100")]


def test_an_adopted_date_is_no_edit_and_the_day_that_was_ordered_before_is_one() -> None:
    known = written(day=LATEST, schedule=deliveries(("100", LATEST)))
    asked = line(10, "90", delivery_date=LATER, written=known)
    assert judged(remote(scheduled(1, "100", LATEST)), asked) == []
    assert judged(remote(scheduled(1, "100", DOCK)), asked) == [("delivery_date", "2027-03-22", "2027-03-01")]


def test_a_split_that_only_looks_like_the_one_asked_for_is_an_edit() -> None:
    items = remote(scheduled(1, "40"), scheduled(2, "60", LATER))
    asked = arriving(("60", DOCK), ("40", LATER), known=written())
    assert [(edit.old, edit.new) for edit in edits.of_schedules(items, [asked])] == [("2027-03-01", "2027-03-15")]
    same = arriving(("40", DOCK), ("60", LATER), known=written())
    assert edits.of_schedules(items, [same]) == []


def test_more_on_a_day_without_less_on_another_is_a_quantity_and_no_date() -> None:
    known = written(schedule=deliveries(("60", DOCK), ("40", LATER)))
    items = remote(scheduled(1, "60"), scheduled(2, "70", LATER, "40"))
    assert judged(items, line(10, "90", written=known)) == [("quantity", "100", "130")]


def test_a_commitment_that_is_left_over_is_nobodys_edit() -> None:
    assert judged(remote(scheduled(1, "100", committed="60")), line(10, "90", written=written())) == []


def test_less_of_a_confirmed_delivery_is_an_edit_though_sap_takes_the_commitment_down_with_it() -> None:
    known = written("97", schedule=deliveries(("97", LATER)))
    items = remote(scheduled(1, "90", LATER, committed="90"))
    assert judged(items, line(10, "80", written=known)) == [("quantity", "97", "90")]


def test_a_delivery_that_a_person_split_is_a_date_edit() -> None:
    items = remote(scheduled(1, "60"), scheduled(2, "40", LATEST))
    assert judged(items, line(10, "100", written=written())) == [("delivery_date", "2027-03-01", "2027-03-22")]


def test_a_price_is_compared_with_a_schedule_where_its_unit_is_given() -> None:
    (row,) = (DeliveryLine(date=DOCK, quantity=Decimal(100), committed=Decimal(0)),)
    items = {
        10: RemoteItem(
            "45",
            10,
            Decimal(100),
            False,
            False,
            "1",
            price=Decimal("0.30"),
            schedule=(RemoteScheduleLine(1, DOCK, Decimal(100), Decimal(0)),),
        )
    }
    asked = LineSchedule(line=10, schedule=(row,), written=written())
    assert edits.of_schedules(items, [asked]) == []
    (edit,) = edits.of_schedules(items, [asked.model_copy(update={"price_unit": Decimal(1)})])
    assert (edit.field, edit.old, edit.new) == ("price", "0.1", "0.3")
