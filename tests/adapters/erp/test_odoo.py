"""What is particular to Odoo, beside the rules of the ports (test_odoo_conformance)."""

from decimal import Decimal
from typing import Any

import pytest

from adapters.dialects import ErpSystem, OptionError
from adapters.erp.odoo.dialect import DIALECT
from canonical.order import DocumentLine, Edited, OrderDocument, Placed, Refused, Written
from simulators.faults import Fault, Match
from tests.adapters.erp.documents import written
from tests.adapters.erp.odoo import ITEM, OdooBench, connected

KEY = "order/1710/V-100/k3jd9#place-1"


async def place(system: ErpSystem, odoo: OdooBench) -> OrderDocument:
    """The bench's order, placed."""
    outcome = await system.orders.place_order(odoo.template, key=KEY, maybe_written=False)
    assert isinstance(outcome, Placed), outcome
    return odoo.template.model_copy(update={"order_number": outcome.order_number})


def with_lines(order: OrderDocument, *lines: DocumentLine) -> OrderDocument:
    return order.model_copy(update={"lines": lines, "changed_lines": tuple(line.line for line in lines)})


def changed(line: DocumentLine, **update: Any) -> DocumentLine:
    known = written(str(line.quantity), price=str(line.price))
    return line.model_copy(update={"written": known, **update})


async def test_a_request_is_confirmed_and_has_its_dates_prices_and_receipts() -> None:
    odoo = await OdooBench.start()
    async with connected(odoo) as system:
        number = (await place(system, odoo)).order_number or ""
    order, line = odoo.order(number), odoo.line(number, 10)
    assert (order["state"], order["origin"]) == ("purchase", odoo.template.reference)
    # Noon in Auckland on 2027-03-01 is 23:00 of the day before in UTC; the vendor's price list says 80 less 5 %.
    assert (line["date_planned"], line["price_unit"], line["discount"]) == ("2027-02-28 23:00:00", 78.07, 0)
    assert [move["product_uom_qty"] for move in line["moves"]] == [100]


async def test_a_new_quantity_keeps_date_and_price_which_odoo_would_compute_anew() -> None:
    odoo = await OdooBench.start()
    async with connected(odoo) as system:
        order = await place(system, odoo)
        more = changed(order.lines[0], quantity=Decimal(120))
        assert isinstance(await system.orders.change_order(with_lines(order, more), key="change"), Written)
    line = odoo.line(order.order_number or "", 10)
    assert (line["product_qty"], line["date_planned"], line["price_unit"]) == (120, "2027-02-28 23:00:00", 78.07)


async def test_a_decrease_lowers_the_receipt_first_so_that_no_return_is_made() -> None:
    odoo = await OdooBench.start()
    async with connected(odoo) as system:
        order = await place(system, odoo)
        await odoo.receive(order.order_number or "", 10, Decimal(30))
        less = changed(order.lines[0], quantity=Decimal(80))
        assert isinstance(await system.orders.change_order(with_lines(order, less), key="change"), Written)
    moves = odoo.line(order.order_number or "", 10)["moves"]
    assert [(move["state"], move["product_uom_qty"]) for move in moves] == [("done", 30), ("assigned", 50)]


async def test_a_return_that_odoo_made_all_the_same_is_named_for_a_person() -> None:
    """As where the receipt is in another unit, or somebody has changed it by hand."""
    odoo = await OdooBench.start()
    async with connected(odoo) as system:
        order = await place(system, odoo)
        number = order.order_number or ""
        move = odoo.line(number, 10)["moves"][0]["id"]
        await odoo.control("edits", {"model": "stock.move", "id": move, "values": {"product_uom_qty": 130}})
        less = changed(order.lines[0], quantity=Decimal(80))
        outcome = await system.orders.change_order(with_lines(order, less), key="change")
    assert isinstance(outcome, Refused)
    assert outcome.code == "return_made"
    assert "cancel that transfer in Odoo" in outcome.reason


async def test_an_order_of_which_goods_came_is_not_cancelled_but_lowered_to_what_came() -> None:
    odoo = await OdooBench.start()
    async with connected(odoo) as system:
        order = await place(system, odoo)
        number = order.order_number or ""
        await odoo.receive(number, 10, Decimal(30))
        off = with_lines(order, *(changed(line, cancelled=True) for line in order.lines))
        assert isinstance(await system.orders.change_order(off, key="cancel"), Written)
    assert odoo.order(number)["state"] == "purchase"
    assert [odoo.line(number, line)["product_qty"] for line in (10, 20)] == [30, 0]


async def test_an_order_of_which_nothing_came_is_cancelled_as_a_whole() -> None:
    odoo = await OdooBench.start()
    async with connected(odoo) as system:
        order = await place(system, odoo)
        off = with_lines(order, *(changed(line, cancelled=True) for line in order.lines))
        assert isinstance(await system.orders.change_order(off, key="cancel"), Written)
        again = await system.orders.change_order(off, key="cancel")
    assert odoo.order(order.order_number or "")["state"] == "cancel"
    assert again == Written(reference=order.order_number or "", writes=0)


async def test_above_the_approval_limit_an_order_waits_for_its_approval() -> None:
    odoo = await OdooBench.start(approval_limit=500)
    async with connected(odoo) as system:
        waiting = await system.orders.place_order(odoo.template, key=KEY, maybe_written=False)
        assert isinstance(waiting, Placed)
        assert "waits for its approval in Odoo" in waiting.unreleased
        await odoo.control(
            "edits",
            {"model": "purchase.order", "id": odoo.order(waiting.order_number)["id"], "method": "button_approve"},
        )
        approved = await system.orders.place_order(odoo.template, key=KEY, maybe_written=True)
    assert approved == waiting.model_copy(update={"unreleased": "", "found_existing": True})


@pytest.mark.parametrize("locked_orders", ["refuse", "unlock"])
async def test_a_locked_order_is_left_alone_or_unlocked_as_the_option_says(locked_orders: str) -> None:
    odoo = await OdooBench.start(lock_confirmed=True)
    odoo.options["locked_orders"] = locked_orders
    async with connected(odoo) as system:
        order = await place(system, odoo)
        more = with_lines(order, changed(order.lines[0], quantity=Decimal(120)))
        outcome = await system.orders.change_order(more, key="change")
    held = odoo.order(order.order_number or "")
    assert held["locked"] is True
    if locked_orders == "unlock":
        assert isinstance(outcome, Written)
    else:
        assert isinstance(outcome, Refused)
        assert "unlock it in Odoo" in outcome.reason
    assert held["lines"][0]["product_qty"] == (120 if locked_orders == "unlock" else 100)


async def test_an_edit_names_the_person_and_an_origin_with_more_in_it_is_still_ours() -> None:
    odoo = await OdooBench.start()
    async with connected(odoo) as system:
        order = await place(system, odoo)
        held = odoo.order(order.order_number or "")
        edited = {
            "origin": f"OP/00012, {order.reference}",
            "order_line": [[1, held["lines"][0]["id"], {"price_unit": 99}]],
        }
        await odoo.control("edits", {"model": "purchase.order", "id": held["id"], "values": edited})
        again = await system.orders.place_order(odoo.template, key=KEY, maybe_written=True)
        assert isinstance(again, Placed)
        assert again.found_existing
        change = with_lines(order, changed(order.lines[0], quantity=Decimal(120)))
        outcome = await system.orders.change_order(change, key="change")
    assert isinstance(outcome, Edited)
    (edit,) = outcome.edits
    assert (edit.field, edit.new, edit.edited_by) == ("price", "99", "Mitchell Admin")


async def test_a_module_that_names_the_parameter_otherwise_is_spoken_to_in_its_words() -> None:
    odoo = await OdooBench.start()
    wrong = '{"name": "werkzeug.exceptions.UnprocessableEntity", "message": "missing a required argument: \'vals\'"}'
    odoo.simulator.plan.add(
        Fault(
            match=Match(path_regex="purchase.order/create", body_regex='"vals_list"'),
            kind="answer",
            status=422,
            body=wrong,
            headers={"Content-Type": "application/json"},
        )
    )
    async with connected(odoo) as system:
        with pytest.raises(Exception, match="takes none of vals_list, vals, values"):
            await place(system, odoo)  # the simulated Odoo knows vals_list alone
    assert odoo.held == []


async def test_an_item_number_that_two_products_have_is_no_item() -> None:
    odoo = await OdooBench.start()
    twin = {"id": 13, "name": "Desk", "default_code": ITEM, "uom_id": 1, "product_tmpl_id": 1}
    await odoo.control("records", {"product.product": [twin]})
    async with connected(odoo) as system:
        outcome = await system.orders.place_order(odoo.template, key=KEY, maybe_written=False)
    assert isinstance(outcome, Refused)
    assert "there is 2 of them" in outcome.reason


@pytest.mark.parametrize(
    "wrong", [{"company": "one"}, {"item_field": "a b"}, {"units": "Pack"}, {"locked_orders": "x"}, {"databse": "x"}]
)
async def test_options_that_make_no_sense_are_named(wrong: dict[str, str]) -> None:
    odoo = await OdooBench.start()
    odoo.options = wrong
    async with odoo.client(odoo.transport()) as client:
        with pytest.raises(OptionError) as refused:
            DIALECT.connect(odoo.connection(client, 1, 1))
    assert refused.value.option in wrong


async def test_a_check_names_what_is_there_and_a_key_that_soon_ends() -> None:
    odoo = await OdooBench.start()
    await odoo.control(
        "records", {"res.users.apikeys": [{"name": "pegline", "user_id": 2, "expiration_date": "2027-01-09 00:00:00"}]}
    )
    async with connected(odoo) as system:
        results = {each.what: each async for each in system.check.check()}
    assert {each.outcome for name, each in results.items() if name not in ("clock", "API key")} == {"ok"}
    assert results["API key"].outcome == "warning"
    assert "ends in 4 days" in results["API key"].detail
