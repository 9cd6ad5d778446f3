"""What our own orders need of others comes in like any plan's."""

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.errors import PermanentError
from canonical.event_data import OUR_SOURCE
from canonical.identity import OrderId
from canonical.need import Need, Peg, Withdrawal
from gateway.intake.cloudevents import read_structured
from gateway.intake.events import read
from ledger.inbox.inbox import Waiting
from ledger.inbox.registry import Newness
from ledger.ledger import Ledger
from tests.ledger.stories import JUNE_15, need, revision

ORDER = OrderId("order/1720/1710/abcdefghij")
EVENT_ID = f"{ORDER}#10@1"


def transfer(quantity: str = "40", hours: int = 0) -> Need:
    stated = revision(1, f"{EVENT_ID}/{hours}")
    return need(
        "4500000017/10",
        quantity=quantity,
        source=OUR_SOURCE,
        pegging=(Peg(demand="SO-9", quantity=Decimal(quantity), date=JUNE_15),),
        demanded_by=ORDER,
        demanding_line=10,
        transit_days=2,
        revision=stated.model_copy(update={"effective_at": stated.effective_at + timedelta(hours=hours)}),
    )


def gone(of: Need, version: int = 2) -> Withdrawal:
    return Withdrawal(
        plant=of.plant,
        item=of.item,
        source=of.source,
        demand_reference=of.demand_reference,
        revision=revision(version, f"{ORDER}#10@{version}"),
    )


async def state(ledger: Ledger, *needs: Need, withdrawals: Sequence[Withdrawal] = ()) -> list[Waiting]:
    await ledger.publish_needs(needs, withdrawals, correlation_id="c-1")
    return await ledger.inbox.undelivered(10)


def as_read(row: Waiting) -> Need | Withdrawal:
    """The message as the relay makes it of the stored event."""
    subject = read(read_structured(row.body), row.received_at).message
    assert isinstance(subject, Need | Withdrawal)
    return subject


async def test_a_need_of_ours_is_read_back_as_it_was_stated(ledger: Ledger) -> None:
    stated = transfer()
    (row,) = await state(ledger, stated)
    assert (row.source, row.entity, row.subject, row.correlation_id) == (OUR_SOURCE, stated.id, stated.id, "c-1")
    read = as_read(row)
    assert read == stated
    assert json.loads(row.body)["id"] == row.event_id == stated.revision.event_id


async def test_a_repeated_statement_is_one(ledger: Ledger) -> None:
    await state(ledger, transfer())
    assert len(await state(ledger, transfer())) == 1


async def test_another_body_of_the_same_event_is_an_error_and_the_first_stands(ledger: Ledger) -> None:
    await state(ledger, transfer("40"))
    with pytest.raises(PermanentError, match=r"requirement/1000/BK-100/.* was stated before .* and otherwise"):
        await state(ledger, transfer("50"))
    (row,) = await ledger.inbox.undelivered(10)
    assert as_read(row) == as_read(row).model_copy(update={"quantity": Decimal(40)})


async def test_what_a_later_attempt_states_of_the_same_revision_outranks_what_the_first_did(ledger: Ledger) -> None:
    await state(ledger, transfer("40"))
    first, second = map(as_read, await state(ledger, transfer("50", hours=1)))
    outcomes = await ledger.registry.classify([first, second])
    assert [outcomes[each.revision.event_id].outcome for each in (first, second)] == [Newness.NEW, Newness.CHANGED]
    outcomes = await ledger.registry.classify([second, first])
    assert outcomes[first.revision.event_id].outcome is Newness.STALE


async def test_a_later_attempt_that_states_the_same_changes_nothing(ledger: Ledger) -> None:
    await state(ledger, transfer("40"))
    first, second = map(as_read, await state(ledger, transfer("40", hours=1)))
    outcomes = await ledger.registry.classify([first, second])
    assert outcomes[second.revision.event_id].outcome is Newness.UNCHANGED


async def test_a_need_that_is_gone_is_withdrawn_after_it_was_published(ledger: Ledger) -> None:
    stated = transfer()
    await state(ledger, stated)
    _, row = await state(ledger, withdrawals=[gone(stated)])
    withdrawn = as_read(row)
    assert isinstance(withdrawn, Withdrawal)
    assert (withdrawn.id, withdrawn.revision.plan_version) == (stated.id, 2)


async def test_an_event_id_never_outgrows_what_the_gateway_reads(ledger: Ledger) -> None:
    long, other = (transfer().model_copy(update={"revision": revision(1, "o" * 250 + end)}) for end in "ab")
    (row,) = await state(ledger, long)
    assert as_read(row).id == long.id
    assert len(await state(ledger, long)) == 1
    assert len(await state(ledger, other)) == 2
