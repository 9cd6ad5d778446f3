"""A fault that many requirements meet is one question; whoever closes it misses nobody who waits."""

import asyncio
from typing import Any

from activities.internal import InternalActivities
from canonical.calls import CloseExceptionCall
from canonical.exception import Choice, Decision, ExceptionDecided
from canonical.identity import ExceptionId
from ledger.ledger import Ledger
from tests.ledger.stories import MORNING, audit_batch, shortage

ABOUT = ("P1", "X", "d1")


async def test_the_first_asks_and_the_others_wait_for_the_same(ledger: Ledger) -> None:
    held = await asyncio.gather(
        *(ledger.join_question(*ABOUT, f"exception/{number}", f"requirement/{number}") for number in range(20))
    )
    assert len(set(held)) == 1
    assert await ledger.join_question("P1", "X", "d2", "exception/other", "requirement/1") == "exception/other"
    assert await ledger.join_question("P2", "X", "d1", "exception/there", "requirement/1") == "exception/there"


async def test_asking_again_after_a_crash_is_the_same_question(ledger: Ledger) -> None:
    first = await ledger.join_question(*ABOUT, "exception/a", "requirement/a")
    assert await ledger.join_question(*ABOUT, "exception/a", "requirement/a") == first == "exception/a"
    assert await ledger.leave_question("exception/a", "requirement/a") == 0


async def test_everybody_is_told_once_and_whoever_comes_later_asks_anew(ledger: Ledger) -> None:
    for name in "abc":
        await ledger.join_question(*ABOUT, f"exception/{name}", f"requirement/{name}")
    some = await ledger.close_question("exception/a", 2)
    assert list(some) == ["requirement/a", "requirement/b"]
    assert await ledger.join_question(*ABOUT, "exception/new", "requirement/d") == "exception/new"
    assert list(await ledger.close_question("exception/a", 2)) == ["requirement/a", "requirement/b"]  # a retry
    await ledger.question_told("exception/a", some)
    assert list(await ledger.close_question("exception/a", 2)) == ["requirement/c"]
    await ledger.question_told("exception/a", ["requirement/c"])
    assert list(await ledger.close_question("exception/a", 2)) == []
    assert await ledger.leave_question("exception/new", "requirement/d") == 0


async def test_a_question_that_the_last_one_left_is_joined_by_nobody(ledger: Ledger) -> None:
    for name in "ab":
        await ledger.join_question(*ABOUT, f"exception/{name}", f"requirement/{name}")
    assert await ledger.leave_question("exception/a", "requirement/a") == 1
    assert await ledger.leave_question("exception/a", "requirement/b") == 0
    assert await ledger.join_question(*ABOUT, "exception/c", "requirement/c") == "exception/c"


async def test_whoever_tries_again_as_soon_as_it_is_told_asks_anew(ledger: Ledger) -> None:
    """A requirement that hears the decision may meet the same fault before the question has told everybody."""
    for name in "ab":
        await ledger.join_question(*ABOUT, f"exception/{name}", f"requirement/{name}")
    asked_anew: dict[str, str] = {}

    class Entities:
        async def report_decision(self, requirement: str, _: ExceptionDecided) -> bool:
            asked_anew[requirement] = await ledger.join_question(*ABOUT, f"{requirement}/again", requirement)
            return True

    nowhere: Any = None
    entities: Any = Entities()
    decision = Decision(
        event_id="e", digest="d1", choice=Choice.RETRY, decided_by="ben", comment="", decided_at=MORNING
    )
    decided = ExceptionDecided(exception_id=ExceptionId("exception/a"), digest="d1", decision=decision)
    call = CloseExceptionCall(
        audit_batch=audit_batch(shortage(1)),
        exception_id=ExceptionId("exception/a"),
        raised_by="requirement/a",
        decided=decided,
        closed_at=MORNING,
        digest="d1",
    )
    assert await InternalActivities(ledger, entities, nowhere, nowhere).close_exception(call)
    assert sorted(asked_anew) == ["requirement/a", "requirement/b"]
    assert set(asked_anew.values()) <= {"requirement/a/again", "requirement/b/again"}
    assert list(await ledger.close_question("exception/a", 9)) == []
