from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical.base import Criticality
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.records import AuditBatch, RequirementStage
from ledger.inbox.registry import Classification, Newness, OrderRef
from ledger.ledger import Ledger
from tests.ledger.stories import (
    JUNE_15,
    MORNING,
    audit_batch,
    audit_events,
    line,
    need,
    order,
    order_id,
    received,
    requirement,
)
from tests.ledger.stories import withdrawal as withdrawn


async def judge(ledger: Ledger, message: Need | Withdrawal) -> Classification:
    outcomes = await ledger.registry.classify([message])
    return outcomes[message.revision.event_id]


async def newness(ledger: Ledger, message: Need | Withdrawal) -> Newness:
    return (await judge(ledger, message)).outcome


async def test_an_unknown_need_is_new(ledger: Ledger) -> None:
    assert await judge(ledger, need()) == Classification(outcome=Newness.NEW, next_sequence=1)


async def test_a_newer_plan_with_another_content_is_a_change(ledger: Ledger) -> None:
    await ledger.registry.register([need(version=1)])
    assert await newness(ledger, need(version=2, quantity="120")) is Newness.CHANGED


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": "101"},
        {"unit": "KGM"},
        {"required_date": JUNE_15.replace(day=16)},
        {"sourcing_rule": "quota 7"},
        {"pegging": (Peg(demand="SO-1", quantity=Decimal(100), date=JUNE_15, criticality=Criticality.A),)},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_each_part_of_the_content_counts(ledger: Ledger, changes: dict[str, object]) -> None:
    await ledger.registry.register([need(version=1)])
    assert await newness(ledger, need(version=2, **changes)) is Newness.CHANGED  # type: ignore[arg-type]


async def test_a_rerun_of_an_identical_plan_changes_nothing(ledger: Ledger) -> None:
    """Nor do another planner, a quantity written otherwise or pegs in another order."""
    pegs = tuple(Peg(demand=f"SO-{n}", quantity=Decimal(50), date=JUNE_15) for n in (1, 2))
    await ledger.registry.register([need(version=1, pegging=pegs)])
    again = need(version=2, quantity="100.00", pegging=pegs[::-1], planner="someone else")
    assert await newness(ledger, again) is Newness.UNCHANGED


async def test_plan_version_11_after_12_is_stale(ledger: Ledger) -> None:
    await ledger.registry.register([need(version=12)])
    assert await judge(ledger, need(version=11, quantity="500")) == Classification(
        outcome=Newness.STALE, detail="older"
    )
    assert await judge(ledger, need(version=12)) == Classification(outcome=Newness.STALE, detail="seen")


async def test_noting_never_goes_backwards(ledger: Ledger) -> None:
    await ledger.registry.register([need(version=12)])
    await ledger.registry.register([need(version=11, quantity="500"), withdrawn(version=10)])
    assert await newness(ledger, need(version=12)) is Newness.STALE
    assert await newness(ledger, need(version=13)) is Newness.UNCHANGED


async def test_noting_the_same_twice_is_noting_it_once(ledger: Ledger) -> None:
    for _ in range(2):
        await ledger.registry.register([need(version=1), need("PLO-2", version=1), withdrawn(version=2)])
    assert await newness(ledger, need(version=2)) is Newness.STALE
    assert await newness(ledger, need(version=3)) is Newness.CHANGED
    assert await newness(ledger, need("PLO-2", version=2)) is Newness.UNCHANGED
    await ledger.registry.register([])


async def test_ranks_are_compared_as_numbers_and_ids_by_code_point(ledger: Ledger) -> None:
    """Plan versions may be time stamps of any length; ids decide last, capitals before small letters."""

    def stated(version: int, source_revision: int, event_id: str) -> Need:
        revision = Revision(
            plan_version=version, source_revision=source_revision, effective_at=MORNING, event_id=event_id
        )
        return need(quantity="77").model_copy(update={"revision": revision})

    ordered = [
        stated(9, 10, "z"),
        stated(10, 2, "z"),
        stated(10, 10, "Z"),
        stated(10, 10, "a"),
        stated(10, 10, "é"),
        stated(20260601093000123456, 0, "a"),
    ]
    assert ordered == sorted(ordered, key=lambda one: one.revision.rank)
    await ledger.registry.register([ordered[0]])
    for older, newer in pairwise(ordered):
        assert await newness(ledger, newer) is Newness.UNCHANGED
        await ledger.registry.register([newer])
        await ledger.registry.register([older])
        assert await newness(ledger, newer) is Newness.STALE


async def test_a_withdrawal_of_a_known_need_is_a_change_and_then_nothing_new(ledger: Ledger) -> None:
    await ledger.registry.register([need(version=1)])
    assert await newness(ledger, withdrawn(version=2)) is Newness.CHANGED
    await ledger.registry.register([withdrawn(version=2)])
    assert await newness(ledger, withdrawn(version=3)) is Newness.UNCHANGED
    assert await newness(ledger, need(version=3)) is Newness.CHANGED


async def test_a_need_withdrawn_before_it_was_ever_planned_stays_away_when_the_older_plan_comes_late(
    ledger: Ledger,
) -> None:
    assert await newness(ledger, withdrawn(version=2)) is Newness.UNKNOWN_WITHDRAWAL
    await ledger.registry.register([withdrawn(version=2)])
    assert await judge(ledger, need(version=1)) == Classification(outcome=Newness.STALE, detail="older")
    assert await newness(ledger, withdrawn(version=3)) is Newness.UNKNOWN_WITHDRAWAL
    await ledger.registry.register([need(version=1), withdrawn(version=3)])
    assert await newness(ledger, need(version=4)) is Newness.NEW


async def test_messages_of_one_call_are_judged_one_after_the_other(ledger: Ledger) -> None:
    messages: list[Need | Withdrawal] = [
        need(version=1),
        need(version=2, quantity="120"),
        need(version=3, quantity="120"),
        withdrawn(version=4),
        need("PLO-2", version=1),
        need(version=2, revision=Revision(plan_version=2, effective_at=MORNING, event_id="late")),
    ]
    outcomes = await ledger.registry.classify(messages)
    assert [outcomes[message.revision.event_id].outcome for message in messages] == [
        Newness.NEW,
        Newness.CHANGED,
        Newness.UNCHANGED,
        Newness.CHANGED,
        Newness.NEW,
        Newness.STALE,
    ]


async def test_two_messages_with_one_event_id_are_not_judged_in_one_call(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="calls of their own"):
        await ledger.registry.classify([need(version=1), need("PLO-2", revision=need(version=1).revision)])


async def test_the_record_of_a_requirement_counts_where_the_registry_entry_was_lost(ledger: Ledger) -> None:
    await ledger.record([audit_batch(requirement(need(version=2)))])
    assert await newness(ledger, need(version=2)) is Newness.STALE
    assert await newness(ledger, need(version=3)) is Newness.UNCHANGED
    assert await newness(ledger, withdrawn(version=3)) is Newness.CHANGED


async def test_registry_entries_and_recorded_requirements_do_not_disturb_each_other(ledger: Ledger) -> None:
    await ledger.registry.register([need(version=5)])
    assert await ledger.reads.requirement(need().id) is None
    await ledger.record([audit_batch(requirement(need(version=4)))])
    assert await newness(ledger, need(version=5)) is Newness.STALE
    await ledger.registry.register([need(version=6)])
    row = await ledger.reads.requirement(need().id)
    assert row is not None
    assert row.snapshot.need.revision.plan_version == 4


async def test_a_requirement_that_ended_is_reopened_with_what_it_received_and_where_its_audit_events_ended(
    ledger: Ledger,
) -> None:
    one = need(version=1)
    schedule_lines = (received("60"), received("40", JUNE_15.replace(day=20)))
    snapshot = requirement(
        one, RequirementStage.FULFILLED, coverage=schedule_lines, order_ids=(order_id("o1"),), closed=True
    )
    written = audit_events(one.id, 7)
    await ledger.registry.register([one])
    await ledger.record(
        [
            audit_batch(
                order(lines=[line(10, one.id, received="100")], order_number="4500000001", revision=2, closed=True)
            ),
            audit_batch(snapshot, written),
        ]
    )
    assert await newness(ledger, need(version=2)) is Newness.UNCHANGED
    classification = await judge(ledger, need(version=2, quantity="150"))
    assert (classification.outcome, classification.next_sequence) == (Newness.REOPEN, 8)
    (kept,) = classification.kept
    assert (kept.order_id, kept.supplier, kept.order_number) == (order_id("o1"), "V-100", "4500000001")
    assert (kept.order_revision, kept.sequence, kept.request_revision, kept.closed) == (2, 0, 1, True)
    assert kept.schedule_lines == schedule_lines


async def test_a_withdrawn_requirement_that_ended_is_reopened_by_the_same_need(ledger: Ledger) -> None:
    one = need(version=1)
    await ledger.registry.register([one, withdrawn(version=2)])
    await ledger.record([audit_batch(requirement(one, RequirementStage.WITHDRAWN, closed=True))])
    classification = await judge(ledger, need(version=3))
    assert (classification.outcome, classification.kept, classification.next_sequence) == (Newness.REOPEN, (), 2)


async def test_a_requirement_that_ended_withdrawn_is_reopened_also_where_its_registry_entry_was_lost(
    ledger: Ledger,
) -> None:
    one = need(version=1)
    await ledger.registry.register([one])
    await ledger.record([audit_batch(requirement(one, RequirementStage.WITHDRAWN, closed=True))])
    assert await newness(ledger, need(version=3)) is Newness.REOPEN


async def test_of_two_changes_in_one_call_only_the_first_reopens(ledger: Ledger) -> None:
    one = need(version=1)
    await ledger.record([audit_batch(requirement(one, RequirementStage.FULFILLED, closed=True))])
    changes = [need(version=2, quantity="150"), need(version=3, quantity="160")]
    outcomes = await ledger.registry.classify(changes)
    assert [outcomes[change.revision.event_id].outcome for change in changes] == [Newness.REOPEN, Newness.CHANGED]


async def test_received_quantity_is_split_over_the_orders_that_brought_it_and_none_is_lost_or_made(
    ledger: Ledger,
) -> None:
    one = need(version=1)
    coverage = (received("70"), received("60", JUNE_15.replace(day=20)))
    snapshot = requirement(one, RequirementStage.FULFILLED, coverage=coverage, closed=True)
    await ledger.record(
        [
            audit_batch(
                order("o1", lines=[line(10, one.id, received="80"), line(20, "requirement/other", received="500")])
            ),
            audit_batch(order("o2", lines=[line(10, one.id, received="75")])),
            audit_batch(order("o3", lines=[line(10, "requirement/other", received="75")])),
            audit_batch(snapshot),
        ]
    )
    kept = (await judge(ledger, need(version=2, quantity="150"))).kept
    assert [(one.order_id, [str(part.quantity) for part in one.schedule_lines]) for one in kept] == [
        (order_id("o1"), ["70", "10"]),
        (order_id("o2"), ["50"]),
    ]


async def test_an_order_is_found_by_its_number(ledger: Ledger) -> None:
    await ledger.record([audit_batch(order("o1", order_number="4500000001")), audit_batch(order("o2"))])
    expected = OrderRef(order_id=order_id("o1"), closed=False, supplier="V-100", plant="1000", erp="erp")
    assert await ledger.registry.orders_of("4500000001") == [expected]
    assert await ledger.registry.orders_of("4500000002") == []
    # The call that placed it is made again, and brings the state from before.
    await ledger.record([AuditBatch(audit_events=(), snapshot=order("o1"), after=1)])
    assert await ledger.registry.orders_of("4500000001") == [expected]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_in_any_order_of_arrival_with_repeats_the_newest_plan_is_the_last_one_acted_on(
    ledger: Ledger, data: st.DataObject
) -> None:
    reference = f"PLO-{uuid4()}"
    plans = [
        withdrawn(reference, version)
        if data.draw(st.booleans())
        else need(reference, version, quantity=data.draw(st.sampled_from(["100", "120"])))
        for version in range(1, data.draw(st.integers(2, 5)))
    ]
    arrivals = data.draw(st.permutations(plans + plans[:2]))
    stands: Need | Withdrawal | None = None
    for arrived in arrivals:
        judged = await newness(ledger, arrived)
        if judged in (Newness.NEW, Newness.CHANGED, Newness.REOPEN):
            stands = arrived
        await ledger.registry.register([arrived])
    newest = plans[-1]
    if isinstance(newest, Need):
        assert isinstance(stands, Need)
        assert stands.quantity == newest.quantity
    else:
        assert not isinstance(stands, Need)
