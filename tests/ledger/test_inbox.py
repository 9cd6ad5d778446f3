import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect
from ledger.inbox.inbox import Outcome, Waiting
from ledger.inbox.lease import RELAY
from ledger.ledger import Ledger
from tests.ledger.stories import arrival

PLO_1, PLO_2 = "requirement/1000/BK-100/aps~PLO-1", "requirement/1000/BK-100/aps~PLO-2"
AN_HOUR = timedelta(hours=1)


def events(waiting: list[Waiting]) -> list[str]:
    return [message.event_id for message in waiting]


async def test_what_arrives_waits_in_the_order_it_came_exactly_as_it_was(ledger: Ledger) -> None:
    given = [arrival("b", body=b"\x00\xff"), arrival("a", entity=PLO_1), arrival("c")]
    stored = await ledger.inbox.store(given)
    assert [answer.outcome for answer in stored] == [Outcome.STORED] * 3
    waiting = await ledger.inbox.undelivered(10)
    assert events(waiting) == ["b", "a", "c"]
    assert waiting == [
        Waiting(id=answer.id, **message.model_dump()) for answer, message in zip(stored, given, strict=True)
    ]


async def test_the_same_event_again_is_a_duplicate_with_the_same_id(ledger: Ledger) -> None:
    (first,) = await ledger.inbox.store([arrival("a")])
    await ledger.inbox.delivered([first.id], "delivered")
    (again,) = await ledger.inbox.store([arrival("a")])
    assert (again.id, again.outcome, again.status) == (first.id, Outcome.DUPLICATE, "delivered")
    assert await ledger.inbox.undelivered(10) == []


async def test_the_same_id_with_another_body_is_a_conflict_and_the_first_stands(ledger: Ledger) -> None:
    (first,) = await ledger.inbox.store([arrival("a", body=b"1")])
    (other,) = await ledger.inbox.store([arrival("a", body=b"2")])
    assert (other.id, other.outcome) == (first.id, Outcome.CONFLICT)
    assert other.detail == "event 'a' of 'aps' came with another body at 2026-06-01T09:20:00+00:00"
    kept = await ledger.inbox.find(first.id)
    assert kept is not None
    assert kept.body == b"1"


async def test_ids_are_unique_per_source(ledger: Ledger) -> None:
    stored = await ledger.inbox.store([arrival("a", source="aps"), arrival("a", source="wms")])
    assert [answer.outcome for answer in stored] == [Outcome.STORED] * 2


async def test_a_batch_answers_each_of_its_messages_also_those_it_repeats(ledger: Ledger) -> None:
    await ledger.inbox.store([arrival("known")])
    batch = [arrival("new"), arrival("known"), arrival("new"), arrival("new", body=b"other"), arrival("newer")]
    stored = await ledger.inbox.store(batch)
    assert [answer.outcome for answer in stored] == ["stored", "duplicate", "duplicate", "conflict", "stored"]
    assert stored[0].id == stored[2].id == stored[3].id
    assert events(await ledger.inbox.undelivered(10)) == ["known", "new", "newer"]


async def test_no_messages_are_no_answers(ledger: Ledger) -> None:
    assert await ledger.inbox.store([]) == []


async def test_a_whole_plan_is_stored_in_its_order(ledger: Ledger) -> None:
    batch = [arrival(f"line-{number}") for number in range(3000)]
    assert {answer.outcome for answer in await ledger.inbox.store(batch)} == {Outcome.STORED}
    assert events(await ledger.inbox.undelivered(5000)) == [message.event_id for message in batch]


async def test_batches_with_the_same_events_in_another_order_store_each_once(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.reads.waiting_summary() for _ in range(6)))  # connections for all of them
    batch = [arrival(f"e{number}") for number in range(1500)]
    stored = await asyncio.gather(*(ledger.inbox.store(batch if n % 2 else batch[::-1]) for n in range(4)))
    outcomes = [answer.outcome for answers in stored for answer in answers]
    assert (outcomes.count(Outcome.STORED), outcomes.count(Outcome.DUPLICATE)) == (1500, 4500)
    assert len(await ledger.inbox.undelivered(2000)) == 1500


async def test_one_event_sent_many_times_at_once_is_stored_once(ledger: Ledger) -> None:
    stored = await asyncio.gather(*(ledger.inbox.store([arrival("a")]) for _ in range(20)))
    outcomes = [answer.outcome for (answer,) in stored]
    assert (outcomes.count(Outcome.STORED), outcomes.count(Outcome.DUPLICATE)) == (1, 19)


async def test_settled_messages_keep_what_became_of_them(ledger: Ledger) -> None:
    one, two = await ledger.inbox.store([arrival("a"), arrival("b")])
    await ledger.inbox.delivered([one.id, two.id], "stale", "plan version 1 is older than 2")
    kept = await ledger.inbox.find(two.id)
    assert kept is not None
    assert (kept.status, kept.detail) == ("stale", "plan version 1 is older than 2")
    assert kept.settled_at is not None
    assert await ledger.inbox.undelivered(10) == []


async def test_stored_is_not_something_a_message_can_become(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="name what became of it"):
        await ledger.inbox.delivered([1], "stored")


async def test_a_message_that_nobody_stored_is_not_found(ledger: Ledger) -> None:
    assert await ledger.inbox.find(4711) is None


async def test_a_postponed_message_waits_for_its_time_and_counts_its_attempts(ledger: Ledger) -> None:
    (stored,) = await ledger.inbox.store([arrival("a")])
    await ledger.inbox.postponed([stored.id], "Temporal is away", AN_HOUR)
    assert await ledger.inbox.undelivered(10) == []
    await ledger.inbox.postponed([stored.id], "x" * 5000, -timedelta(hours=2))
    (waiting,) = await ledger.inbox.undelivered(10)
    assert waiting.attempts == 2
    kept = await ledger.inbox.find(stored.id)
    assert kept is not None
    assert kept.error == "x" * 2000


async def test_a_settled_message_can_not_be_postponed(ledger: Ledger) -> None:
    (stored,) = await ledger.inbox.store([arrival("a")])
    await ledger.inbox.delivered([stored.id], "delivered")
    await ledger.inbox.postponed([stored.id], "late failure", AN_HOUR)
    kept = await ledger.inbox.find(stored.id)
    assert kept is not None
    assert (kept.status, kept.attempts) == ("delivered", 0)


async def test_no_message_overtakes_a_postponed_one_of_its_entity(ledger: Ledger) -> None:
    stored = await ledger.inbox.store(
        [
            arrival("1.1", entity=PLO_1),
            arrival("2.1", entity=PLO_2),
            arrival("1.2", entity=PLO_1),
            arrival("none"),
            arrival("1.3", entity=PLO_1),
        ]
    )
    await ledger.inbox.postponed([stored[2].id, stored[3].id], "Temporal is away", AN_HOUR)
    assert events(await ledger.inbox.undelivered(10)) == ["1.1", "2.1"]
    await ledger.inbox.delivered([stored[2].id], "delivered")
    assert events(await ledger.inbox.undelivered(10)) == ["1.1", "2.1", "1.3"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrivals=st.lists(st.tuples(st.sampled_from(["A", "B", None]), st.booleans()), max_size=8), limit=st.integers(1, 9)
)
async def test_a_batch_never_holds_a_message_without_the_older_ones_of_its_entity(
    ledger: Ledger, engine: AsyncEngine, arrivals: list[tuple[str | None, bool]], limit: int
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE inbox CASCADE"))
    stored = await ledger.inbox.store([arrival(f"e{n}", entity=entity) for n, (entity, _) in enumerate(arrivals)])
    late = [answer.id for answer, (_, postponed) in zip(stored, arrivals, strict=True) if postponed]
    await ledger.inbox.postponed(late, "not now", AN_HOUR)
    expected, blocked = [], set()
    for answer, (entity, postponed) in zip(stored, arrivals, strict=True):
        if postponed:
            blocked.add(entity)
        elif entity is None or entity not in blocked:
            expected.append(answer.id)
    assert [message.id for message in await ledger.inbox.undelivered(limit)] == expected[:limit]


async def test_one_relay_works_at_a_time(ledger: Ledger, database_url: str) -> None:
    elsewhere = await connect(database_url)
    other = Ledger(elsewhere).leases
    async with ledger.leases.held(RELAY, 10) as mine, other.held(RELAY, 10) as theirs:
        assert mine is not None
        assert theirs is None
        assert await ledger.leases.take(RELAY, 10) is None
    async with other.held(RELAY, 10) as theirs:
        assert theirs is not None
    await elsewhere.dispose()


async def test_a_cancelled_relay_leaves_its_lease_to_the_next(ledger: Ledger) -> None:
    held = asyncio.Event()

    async def relay() -> None:
        async with ledger.leases.held(RELAY, 60):
            held.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(relay())
    await held.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await ledger.leases.take(RELAY, 10) is not None
