import pytest

from ledger.inbox.dead_letters import LetterState
from ledger.ledger import Ledger
from ledger.paging import BadCursor
from tests.ledger.stories import arrival, dead_letter


async def test_a_letter_is_kept_whole_with_its_reason(ledger: Ledger) -> None:
    (stored,) = await ledger.inbox.store([arrival("a")])
    letter = dead_letter(b"\x00\xffUNB")
    kept = await ledger.dead_letters.find(await ledger.dead_letters.keep(letter, stored.id))
    assert kept is not None
    assert (kept.letter, kept.inbox_id, kept.state, kept.settled_at) == (letter, stored.id, LetterState.OPEN, None)


async def test_the_same_letter_is_kept_once(ledger: Ledger) -> None:
    ids = [await ledger.dead_letters.keep(dead_letter(), None) for _ in range(3)]
    assert len(set(ids)) == 1
    assert len((await ledger.dead_letters.list()).items) == 1


async def test_another_body_or_another_defect_is_another_letter(ledger: Ledger) -> None:
    letters = [dead_letter(), dead_letter(b"other"), dead_letter(code="edi.order_unknown")]
    assert len({await ledger.dead_letters.keep(letter, None) for letter in letters}) == 3


async def test_a_replayed_letter_is_settled_with_its_outcome(ledger: Ledger) -> None:
    letter_id = await ledger.dead_letters.keep(dead_letter(), None)
    await ledger.operations.settle(letter_id, LetterState.REPLAYED, "delivered to order/1000/V-100/o1", "olga")
    kept = await ledger.dead_letters.find(letter_id)
    assert kept is not None
    assert (kept.state, kept.outcome) == (LetterState.REPLAYED, "delivered to order/1000/V-100/o1")
    assert kept.settled_at is not None
    assert (await ledger.dead_letters.list(LetterState.OPEN)).items == ()


async def test_a_letter_that_comes_again_after_its_replay_is_open_again_but_a_dropped_one_stays_dropped(
    ledger: Ledger,
) -> None:
    replayed = await ledger.dead_letters.keep(dead_letter(), None)
    dropped = await ledger.dead_letters.keep(dead_letter(b"spam"), None)
    await ledger.operations.settle(replayed, LetterState.REPLAYED, "delivered", "olga")
    await ledger.operations.settle(dropped, LetterState.DROPPED, "not for us", "olga")
    assert await ledger.dead_letters.keep(dead_letter(), None) == replayed
    assert await ledger.dead_letters.keep(dead_letter(b"spam"), None) == dropped
    assert [kept.id for kept in (await ledger.dead_letters.list(LetterState.OPEN)).items] == [replayed]
    assert [kept.id for kept in (await ledger.dead_letters.list(LetterState.DROPPED)).items] == [dropped]


async def test_words_that_postgresql_can_not_store_are_no_second_failure(ledger: Ledger) -> None:
    letter = dead_letter().model_copy(update={"detail": "unexpected '\0' in UNH", "context": {"segment": "\0"}})
    kept = await ledger.dead_letters.find(await ledger.dead_letters.keep(letter, None))
    assert kept is not None
    assert kept.letter.detail == "unexpected '\ufffd' in UNH"
    assert kept.letter.context == {"segment": "\0"}


async def test_letters_are_read_in_pages_in_the_order_they_were_kept(ledger: Ledger) -> None:
    ids = [await ledger.dead_letters.keep(dead_letter(str(number).encode()), None) for number in range(5)]
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = await ledger.dead_letters.list(LetterState.OPEN, 2, after)
        seen += [kept.id for kept in page.items]
        after = page.next
    assert seen == ids
    assert after is None


@pytest.mark.parametrize("after", ["nonsense", "", "Ww", "WyJhIl0", "🚲"])
async def test_a_cursor_that_no_page_gave_is_refused(ledger: Ledger, after: str) -> None:
    with pytest.raises(BadCursor, match="is not a cursor"):
        await ledger.dead_letters.list(after=after)


async def test_a_letter_that_nobody_kept_is_not_found(ledger: Ledger) -> None:
    assert await ledger.dead_letters.find("dead-letter-none") is None
