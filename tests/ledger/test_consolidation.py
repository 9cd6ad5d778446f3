import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import PermanentError
from canonical.identity import OrderId, order_id
from canonical.records import OrderTerms, Reservation
from canonical.supply import SupplyRequest
from ledger.ledger import Ledger
from tests.ledger.stories import JUNE_15, TERMS, request, reserve


def order_of(requested: SupplyRequest) -> OrderId:
    return order_id("1000", "V-100", f"{requested.requirement_id}#{requested.request_revision}")


async def test_the_first_request_opens_an_order_and_the_next_joins_it(ledger: Ledger) -> None:
    first, second = request("r1"), request("r2")
    assert await reserve(ledger, first) == Reservation(order_id=order_of(first), opened=True, consolidating=True)
    assert await reserve(ledger, second) == Reservation(order_id=order_of(first), opened=False, consolidating=True)
    assert (await ledger.close_batch(order_of(first))).requests == (first, second)


async def test_a_repeated_call_gets_the_same_answer_before_and_after_the_batch_is_closed(ledger: Ledger) -> None:
    opener, joiner = request("r1"), request("r2")
    answers = [await reserve(ledger, opener), await reserve(ledger, joiner)]
    assert [await reserve(ledger, opener), await reserve(ledger, joiner)] == answers
    batch = await ledger.close_batch(order_of(opener))
    assert [await reserve(ledger, opener), await reserve(ledger, joiner)] == answers
    assert await ledger.close_batch(order_of(opener)) == batch


async def test_a_request_after_closing_opens_another_order(ledger: Ledger) -> None:
    first, second = request("r1"), request("r2")
    await reserve(ledger, first)
    await ledger.close_batch(order_of(first))
    assert await reserve(ledger, second) == Reservation(order_id=order_of(second), opened=True, consolidating=True)


async def test_requests_come_in_order_of_arrival_also_where_they_were_replaced(ledger: Ledger) -> None:
    requests = [request(name) for name in ("r9", "r1", "r5")]
    for requested in requests:
        await reserve(ledger, requested)
    newer = request("r9", 2, lots=(50, 50))
    await reserve(ledger, newer)
    assert (await ledger.close_batch(order_of(requests[0]))).requests == (newer, requests[1], requests[2])


@pytest.mark.parametrize("field", ["plant", "supplier", "currency", "terms"])
async def test_only_equal_terms_share_an_order(ledger: Ledger, field: str) -> None:
    await reserve(ledger, request("r1"))
    assert (await reserve(ledger, request("r2"), TERMS.model_copy(update={field: "XXX"}))).opened


async def test_an_order_takes_no_more_lines_than_the_policy_allows(ledger: Ledger) -> None:
    first = await reserve(ledger, request("r1", lots=(100, 100)), lines_max=4)
    assert (await reserve(ledger, request("r2", lots=(100, 100, 100)), lines_max=4)).opened
    assert (await reserve(ledger, request("r3", lots=(100, 100)), lines_max=4)).order_id == first.order_id
    assert (await reserve(ledger, request("r4"), lines_max=4)).order_id == order_of(request("r2"))
    assert (await reserve(ledger, request("r5"), lines_max=4)).opened


async def test_a_request_larger_than_an_order_may_be_still_gets_one(ledger: Ledger) -> None:
    assert (await reserve(ledger, request("r1", lots=(1, 1, 1)), lines_max=2)).opened


async def test_dock_dates_of_an_order_lie_within_the_days_allowed_both_ways(ledger: Ledger) -> None:
    first = await reserve(ledger, request("r1", dock=JUNE_15))
    assert (await reserve(ledger, request("r2", dock=JUNE_15 + timedelta(10)))).order_id == first.order_id
    # Within ten days of the first, but not of the second.
    assert (await reserve(ledger, request("r3", dock=JUNE_15 - timedelta(1)))).opened
    assert (await reserve(ledger, request("r4", dock=JUNE_15 + timedelta(11)))).opened
    assert (await reserve(ledger, request("r5", dock=JUNE_15 + timedelta(5)))).order_id == first.order_id
    assert (await reserve(ledger, request("r6", dock=JUNE_15 - timedelta(11)))).order_id == order_of(
        request("r3", dock=JUNE_15)
    )


async def test_a_newer_request_replaces_the_former_in_an_open_batch_whatever_the_limits(ledger: Ledger) -> None:
    opener, joiner = request("r1"), request("r2")
    await reserve(ledger, opener)
    await reserve(ledger, joiner)
    newer = request("r2", 2, lots=(100, 200), dock=JUNE_15 + timedelta(60))
    assert await reserve(ledger, newer, lines_max=2) == Reservation(
        order_id=order_of(opener), opened=False, consolidating=True
    )
    newest = request("r1", 7)
    assert await reserve(ledger, newest) == Reservation(order_id=order_of(opener), opened=True, consolidating=True)
    assert (await ledger.close_batch(order_of(opener))).requests == (newest, newer)


async def test_an_older_request_never_replaces_a_newer(ledger: Ledger) -> None:
    newer = request("r1", 2, lots=(300,))
    await reserve(ledger, newer)
    late = await reserve(ledger, request("r1", 1))
    assert late == Reservation(order_id=order_of(newer), opened=True, consolidating=True, existing=newer)
    assert (await ledger.close_batch(order_of(newer))).requests == (newer,)


async def test_a_request_withdrawn_while_consolidating_stays_in_the_batch_and_frees_its_lines(ledger: Ledger) -> None:
    opener, other = request("r1", lots=(100, 100)), request("r2", dock=JUNE_15 + timedelta(200))
    await reserve(ledger, opener, lines_max=2)
    withdrawn = request("r1", 2, lots=())
    assert (await reserve(ledger, withdrawn, lines_max=2)).consolidating
    assert (await reserve(ledger, other, lines_max=2)).order_id == order_of(opener)
    assert (await ledger.close_batch(order_of(opener))).requests == (withdrawn, other)


async def test_a_request_withdrawn_after_closing_is_answered_with_its_order_which_needs_a_message(
    ledger: Ledger,
) -> None:
    await reserve(ledger, request("r1"))
    await ledger.close_batch(order_of(request("r1")))
    for _ in range(2):
        answer = await reserve(ledger, request("r1", 2, lots=()))
        assert answer == Reservation(order_id=order_of(request("r1")), opened=False, consolidating=False)


async def test_a_newer_request_after_closing_opens_another_order(ledger: Ledger) -> None:
    await reserve(ledger, request("r1"))
    await ledger.close_batch(order_of(request("r1")))
    second = request("r1", 2)
    for _ in range(2):
        assert await reserve(ledger, second) == Reservation(order_id=order_of(second), opened=True, consolidating=True)
    assert (await reserve(ledger, request("r1"))).order_id == order_of(request("r1"))


async def test_a_request_of_nothing_opens_no_order(ledger: Ledger) -> None:
    with pytest.raises(PermanentError, match="wants nothing and has no order"):
        await reserve(ledger, request("r1", lots=()))


async def test_without_consolidation_each_request_has_an_order_that_is_closed_at_once(ledger: Ledger) -> None:
    await reserve(ledger, request("r0"))
    one, two = request("r1"), request("r2")
    for _ in range(2):
        for requested in (one, two):
            answer = await reserve(ledger, requested, consolidation_minutes=0)
            assert answer == Reservation(order_id=order_of(requested), opened=True, consolidating=False)
    assert (await ledger.close_batch(order_of(one))).requests == (one,)
    assert (await reserve(ledger, request("r3"))).order_id == order_of(request("r0"))


async def test_an_order_that_was_never_opened_has_no_batch(ledger: Ledger) -> None:
    with pytest.raises(PermanentError, match="order/1000/V-100/none has no consolidation batch"):
        await ledger.close_batch(OrderId("order/1000/V-100/none"))


async def test_twenty_requests_of_the_same_moment_end_on_one_order(ledger: Ledger) -> None:
    requests = [request(f"r{number}") for number in range(20)]
    answers = await asyncio.gather(*(reserve(ledger, requested) for requested in requests for _ in range(2)))
    (order,) = {answer.order_id for answer in answers}
    opened = {
        requested.requirement_id for requested, answer in zip(requests, answers[::2], strict=True) if answer.opened
    }
    assert len(opened) == 1
    batch = await ledger.close_batch(order)
    assert sorted(kept.requirement_id for kept in batch.requests) == sorted(
        requested.requirement_id for requested in requests
    )


async def test_lines_stay_within_the_limit_under_a_rush(ledger: Ledger) -> None:
    answers = await asyncio.gather(*(reserve(ledger, request(f"r{n}"), lines_max=4) for n in range(22)))
    orders = [answer.order_id for answer in answers]
    assert sorted(orders.count(order) for order in set(orders)) == [2, 4, 4, 4, 4, 4]
    assert sum(answer.opened for answer in answers) == 6


async def test_a_newer_request_that_meets_the_closing_is_not_added_to_a_batch_already_handed_over(
    ledger: Ledger, engine: AsyncEngine
) -> None:
    first, newer = request("r1"), request("r1", 2, lots=(300,))
    await reserve(ledger, first)
    async with engine.begin() as closing:
        await closing.execute(text("UPDATE consolidation_batch SET closed_at = now()"))
        asking = asyncio.create_task(reserve(ledger, newer))
        await asyncio.sleep(0.1)
        assert not asking.done()
    assert await asking == Reservation(order_id=order_of(newer), opened=True, consolidating=True)
    assert (await ledger.close_batch(order_of(first))).requests == (first,)


async def test_no_request_is_lost_or_promised_twice_when_reserving_and_closing_meet(ledger: Ledger) -> None:
    """Each order closes its consolidation batch once, at a moment of its own, and sees every supply request that was
    told it is on it."""
    chance = random.Random(20260601)
    for turn in range(15):
        terms = TERMS.model_copy(update={"terms": f"turn {turn}"})
        batches: dict[str, tuple[SupplyRequest, ...]] = {}
        closings: list[asyncio.Task[None]] = []

        async def close(order: OrderId, delay: float, batches: dict[str, tuple[SupplyRequest, ...]]) -> None:
            await asyncio.sleep(delay)
            batches[order] = (await ledger.close_batch(order)).requests

        async def ask(
            requested: SupplyRequest, delay: float, terms: OrderTerms, batches: Any, closings: list[asyncio.Task[None]]
        ) -> Reservation:
            await asyncio.sleep(delay)
            answer = await reserve(ledger, requested, terms)
            if answer.opened and answer.order_id not in batches:
                closings.append(asyncio.create_task(close(answer.order_id, chance.random() / 60, batches)))
            return answer

        requests = [request(f"{turn}-{number}") for number in range(12)]
        asked = [ask(requested, chance.random() / 30, terms, batches, closings) for requested in requests]
        answers = await asyncio.gather(*asked)
        await asyncio.gather(*closings)
        in_batches = [
            (order, kept.requirement_id) for order, kept_requests in batches.items() for kept in kept_requests
        ]
        reported = [
            (answer.order_id, requested.requirement_id) for requested, answer in zip(requests, answers, strict=True)
        ]
        assert sorted(in_batches) == sorted(reported)


CALLS = st.lists(
    st.one_of(
        st.tuples(
            st.just("request"),
            st.integers(1, 3),
            st.integers(1, 4),
            st.lists(st.sampled_from([50, 100]), max_size=2),
            st.integers(0, 14),
        ),
        st.tuples(st.just("close"), st.integers(0, 3)),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
async def test_any_order_of_calls_and_repeats_leaves_each_newest_request_in_one_batch(
    ledger: Ledger, calls: list[tuple[Any, ...]]
) -> None:
    terms = TERMS.model_copy(update={"terms": uuid4().hex})
    opened: list[OrderId] = []
    batches: dict[str, tuple[SupplyRequest, ...]] = {}
    taken: dict[tuple[str, int], tuple[SupplyRequest, Reservation]] = {}
    for call in calls:
        if call[0] == "close":
            if call[1] < len(opened):
                order = opened[call[1]]
                batch = (await ledger.close_batch(order)).requests
                assert batches.setdefault(order, batch) == batch
            continue
        _, number, request_revision, lots, days = call
        requested = request(f"{terms.terms}-{number}", request_revision, lots=lots, dock=JUNE_15 + timedelta(days))
        known = [kept for requirement, kept in taken if requirement == requested.requirement_id]
        if not lots and not known:
            continue
        answer = await reserve(ledger, requested, terms, lines_max=3)
        assert await reserve(ledger, requested, terms, lines_max=3) == answer
        newest_known = max(known, default=0)
        if request_revision > newest_known or (request_revision == newest_known and answer.existing is None):
            taken[requested.requirement_id, request_revision] = (requested, answer)
        if answer.opened and answer.order_id not in opened:
            opened.append(answer.order_id)
    for order in opened:
        batches[order] = (await ledger.close_batch(order)).requests
    newest = {requirement: revision for requirement, revision in sorted(taken)}
    for requirement, request_revision in newest.items():
        requested, answer = taken[requirement, request_revision]
        on = [order for order, kept in batches.items() if requested in kept]
        assert on == ([answer.order_id] if answer.consolidating else [])
