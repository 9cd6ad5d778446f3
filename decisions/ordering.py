"""R10, order of events: which of a sender's two messages is the newer one.

Decided here: whether a message changes the picture or is for the audit only. Compared by the sender's own order
(revision, effective time, number); the time of arrival plays no part.
"""

from datetime import datetime
from typing import Literal, NamedTuple

from canonical.need import Revision

AnswerStatus = Literal["current", "stale", "repeat", "unknown_revision"]


class AnswerRank(NamedTuple):
    """The place of a supplier's answer among its answers to one order."""

    order_revision: int
    effective_at: datetime
    answer_number: str


def rank_of_answer(order_revision: int | None, effective_at: datetime, answer_number: str) -> AnswerRank:
    """The rank of an answer; one without a revision can only be of the first (see `answer_standing`)."""
    return AnswerRank(1 if order_revision is None else order_revision, effective_at, answer_number)


def is_newer(candidate: Revision, current: Revision | None) -> bool:
    """Whether the candidate is newer than the current revision; an equal one is not."""
    return current is None or candidate.rank > current.rank


def answer_status(
    answer_revision: int | None, answer_rank: AnswerRank, current_revision: int, last_rank: AnswerRank | None
) -> AnswerStatus:
    """The status of an answer relative to the order revision sent last and the answer accepted last.

    `current`: take it. `stale`: of an older revision, or older than the answer taken. `repeat`: the answer taken, once
    more. `unknown_revision`: of a revision never sent, or without one although several were sent, so that it is unknown
    what it answers. `current_revision` 0: nothing was sent yet.
    """
    if answer_revision is None:
        if current_revision != 1:
            return "unknown_revision"
    elif answer_revision > current_revision:
        return "unknown_revision"
    elif answer_revision < current_revision:
        return "stale"
    if last_rank is None or answer_rank > last_rank:
        return "current"
    return "repeat" if answer_rank == last_rank else "stale"
