"""R14's memory: what each supplier has been asked for of an item, whatever became of the supply requests since."""

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.identity import OrderId
from canonical.records import LineShare, OrderLineSnapshot, Reservation
from canonical.supply import SupplyRequest
from ledger.ledger import Ledger
from tests.ledger.stories import TERMS, audit_batch, audit_events, line, order, request

OTHER = TERMS.model_copy(update={"supplier": "V-200"})


async def ask(ledger: Ledger, requested: SupplyRequest, terms: Any = TERMS) -> Reservation:
    return await ledger.reserve_order(requested, terms, consolidation_minutes=15, lines_max=40, days_max=10)


async def allocated(ledger: Ledger) -> dict[str, Decimal]:
    return dict(await ledger.allocated("1000", "BK-100"))


async def record_lines(
    ledger: Ledger, order_id: OrderId, lines: Sequence[OrderLineSnapshot], sequence: int = 1
) -> None:
    snapshot = order(lines=lines).model_copy(update={"id": order_id})
    await ledger.record([audit_batch(snapshot, audit_events(order_id, sequence)[-1:])])


async def test_each_supplier_counts_what_is_in_its_batches(ledger: Ledger) -> None:
    await ask(ledger, request("r1", lots=(100, 50)))
    await ask(ledger, request("r2", lots=(30,)))
    await ask(ledger, request("r3", lots=(40,)), OTHER)
    assert await allocated(ledger) == {"V-100": 180, "V-200": 40}
    assert await ledger.allocated("1000", "BK-1") == {}
    assert await ledger.allocated("1001", "BK-100") == {}


async def test_a_request_that_was_replaced_or_withdrawn_while_consolidating_counts_as_it_is_now(ledger: Ledger) -> None:
    await ask(ledger, request("r1", lots=(100,)))
    await ask(ledger, request("r2", lots=(100,)))
    await ask(ledger, request("r1", 2, lots=(60,)))
    assert await allocated(ledger) == {"V-100": 160}
    await ask(ledger, request("r2", 2, lots=()))
    assert await allocated(ledger) == {"V-100": 60}


async def test_from_its_first_line_on_an_order_counts_what_its_lines_are(ledger: Ledger) -> None:
    """A changed supply request goes to a placed order as a message, past the consolidation batch."""
    first, second = request("r1", lots=(100,)), request("r2", lots=(50,))
    order_id = (await ask(ledger, first)).order_id
    await ask(ledger, second)
    await ledger.close_batch(order_id)
    lines = [line(10, first.requirement_id), line(20, second.requirement_id)]
    await record_lines(ledger, order_id, lines)
    assert await allocated(ledger) == {"V-100": 200}
    cut = [lines[0].model_copy(update={"quantity": Decimal(70)}), lines[1].model_copy(update={"cancelled": True})]
    await record_lines(ledger, order_id, cut, 2)
    assert await allocated(ledger) == {"V-100": 70}
    await record_lines(ledger, order_id, lines, 1)
    assert await allocated(ledger) == {"V-100": 70}, "an older state of the order"


async def test_a_line_that_several_share_counts_once(ledger: Ledger) -> None:
    first, second = request("r1", lots=(100,)), request("r2", lots=(50,))
    order_id = (await ask(ledger, first)).order_id
    await ask(ledger, second)
    await ledger.close_batch(order_id)
    parts = tuple(LineShare(requirement_id=each.requirement_id, quantity=each.needed) for each in (first, second))
    shared = line(10, first.requirement_id).model_copy(update={"quantity": Decimal(140), "shares": parts})
    await record_lines(ledger, order_id, [shared])
    assert await allocated(ledger) == {"V-100": 140}
    left = shared.model_copy(update={"quantity": Decimal(50), "requirement_id": second.requirement_id})
    await record_lines(ledger, order_id, [left], 2)
    assert await allocated(ledger) == {"V-100": 50}
    assert [row.snapshot.id for row in await ledger.reads.orders_of(first.requirement_id)] == [order_id]


async def test_quantities_are_in_the_needs_unit_before_and_after_the_order_is_placed(ledger: Ledger) -> None:
    dozens = request("r1", lots=(10,)).model_copy(
        update={"unit": "DZN", "need_unit": "EA", "per_order_unit": (Decimal(12), Decimal(1))}
    )
    order_id = (await ask(ledger, dozens)).order_id
    assert await allocated(ledger) == {"V-100": 120}
    await ledger.close_batch(order_id)
    await record_lines(ledger, order_id, [line(10, dozens.requirement_id).model_copy(update={"unit": "DZN"})])
    assert await allocated(ledger) == {"V-100": 1200}


async def test_needs_in_several_units_are_summed_in_the_unit_that_is_asked_for(ledger: Ledger) -> None:
    for number, (unit, quantity) in enumerate((("GRM", 500), ("KGM", 2), ("BX", 1))):
        await ask(ledger, request(f"r{number}", lots=(quantity,)).model_copy(update={"unit": unit}))
    # Nothing says what a box of it weighs: that is counted as it was stated.
    assert await ledger.allocated("1000", "BK-100", "KGM") == {"V-100": Decimal("3.5")}
    assert await ledger.allocated("1000", "BK-100", "GRM") == {"V-100": Decimal(2501)}


async def test_an_order_that_has_no_lines_yet_counts_what_is_requested_of_it(ledger: Ledger) -> None:
    order_id = (await ask(ledger, request("r1"))).order_id
    await record_lines(ledger, order_id, [])
    assert await allocated(ledger) == {"V-100": 100}


async def test_a_hundred_thousand_requests_of_many_items_are_no_burden(ledger: Ledger, engine: AsyncEngine) -> None:
    await ask(ledger, request("r0"))
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO supply_request (order_id, requirement_id, request_revision, lines, dock_date, plant, item,"
                " supplier, unit, asked, request) SELECT order_id, requirement_id || n, 1, 1, dock_date, plant,"
                " CASE WHEN n % 100 = 0 THEN item ELSE 'OTHER-' || n % 100 END, supplier, unit, asked, '{}'"
                " FROM supply_request, generate_series(1, 100000) AS n"
            )
        )
        await connection.execute(text("ANALYZE supply_request"))
        plan = "\n".join(
            await connection.scalars(
                text(
                    "EXPLAIN SELECT supplier, sum(asked) FROM supply_request WHERE plant = '1000' AND item = 'BK-100'"
                    " GROUP BY supplier"
                )
            )
        )
    assert "ix_supply_request_asked" in plan
    began = time.perf_counter()
    assert await allocated(ledger) == {"V-100": 100 * 1001}
    assert time.perf_counter() - began < 1
