import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.need import Revision
from decisions.ordering import AnswerRank, answer_status, is_newer, rank_of_answer
from tests.decisions.models import a_revision

NINE = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)

moments = st.integers(0, 3).map(lambda hours: NINE + hours * HOUR)
revisions = st.builds(
    Revision,
    plan_version=st.integers(0, 3),
    source_revision=st.integers(0, 2),
    effective_at=moments,
    event_id=st.sampled_from("abc"),
)


def test_r10_plan_v12_arrives_at_0920_and_v11_at_0925_so_v11_is_ignored() -> None:
    """Plan v12 arrives 09:20, v11 at 09:25 → v11 ignored."""
    held = None
    for arrived in (a_revision(12, effective_at=NINE), a_revision(11, effective_at=NINE + HOUR)):
        if is_newer(arrived, held):
            held = arrived
    assert held is not None
    assert held.plan_version == 12


def test_r10_an_acknowledgment_of_revision_2_while_the_current_is_3_is_stale() -> None:
    """An acknowledgment of line revision 2 while the current is 3 → stale, coverage unchanged."""
    rank = rank_of_answer(2, NINE + HOUR, "A2")
    assert answer_status(2, rank, current_revision=3, last_rank=None) == "stale"
    assert answer_status(2, rank, current_revision=3, last_rank=rank_of_answer(3, NINE, "A1")) == "stale"


@given(st.permutations(range(6)), st.lists(revisions, min_size=6, max_size=6), st.lists(st.integers(0, 5), max_size=6))
def test_any_order_of_arrival_with_repetitions_ends_with_the_same_revision(
    order: list[int], plans: list[Revision], again: list[int]
) -> None:
    held = None
    for position in [*order, *again]:
        if is_newer(plans[position], held):
            held = plans[position]
    assert held is not None
    assert held.rank == max(plan.rank for plan in plans)


@given(revisions)
def test_the_same_revision_again_is_not_newer(revision: Revision) -> None:
    assert not is_newer(revision, revision.model_copy())


@pytest.mark.parametrize(
    ("answered", "current", "status"),
    [
        (1, 1, "current"),
        (2, 1, "unknown_revision"),
        (1, 0, "unknown_revision"),
        (None, 1, "current"),
        (None, 2, "unknown_revision"),
        (None, 0, "unknown_revision"),
    ],
)
def test_an_answer_counts_for_the_revision_that_it_can_only_be_of(
    answered: int | None, current: int, status: str
) -> None:
    assert answer_status(answered, rank_of_answer(answered, NINE, "A1"), current, None) == status


def test_a_second_answer_to_the_same_revision_replaces_the_first_and_not_the_other_way_round() -> None:
    first, second = rank_of_answer(1, NINE, "A1"), rank_of_answer(1, NINE + HOUR, "A2")
    assert answer_status(1, second, 1, first) == "current"
    assert answer_status(1, first, 1, second) == "stale"


def test_the_same_answer_twice_is_a_repeat() -> None:
    rank = rank_of_answer(None, NINE, "A1")
    assert rank == AnswerRank(1, NINE, "A1")
    assert answer_status(None, rank, 1, rank) == "repeat"


def test_an_answer_to_a_new_revision_counts_though_the_supplier_dated_it_before_its_last() -> None:
    last = rank_of_answer(1, NINE + HOUR, "A1")
    assert answer_status(2, rank_of_answer(2, NINE, "A2"), 2, last) == "current"
