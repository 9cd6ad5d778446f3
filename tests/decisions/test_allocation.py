import datetime as dt
from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from canonical.base import Criticality
from canonical.identity import RequirementId
from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.allocation import AllocationRequest, allocate
from tests.decisions.models import backordered, confirmed, june, received

A, B, C = (RequirementId(name) for name in ("requirement/a", "requirement/b", "requirement/c"))


def request(
    requirement: RequirementId, quantity: int, by: dt.date, criticality: Criticality = Criticality.B
) -> AllocationRequest:
    return AllocationRequest(requirement, Decimal(quantity), by, criticality)


def test_r11_a_250_then_b_50_and_150_late_then_c_50() -> None:
    """300 on the 10th + 200 on the 20th; A-class 250 by the 12th, B 200 by the 15th, C 50 by the 22nd → A 250; B 50 +
    150 late; C 50."""
    given_out = allocate(
        [confirmed(300, june(10)), confirmed(200, june(20))],
        [
            request(C, 50, june(22), Criticality.C),
            request(B, 200, june(15), Criticality.B),
            request(A, 250, june(12), Criticality.A),
        ],
    )
    assert given_out.by_requirement == {
        A: (confirmed(250, june(10)),),
        B: (confirmed(50, june(10)), confirmed(150, june(20))),
        C: (confirmed(50, june(20)),),
    }
    assert given_out.surplus == ()


def test_of_one_class_the_earlier_need_is_first_and_then_the_id() -> None:
    given_out = allocate(
        [confirmed(100, june(10))], [request(B, 60, june(15)), request(A, 60, june(16)), request(C, 60, june(15))]
    )
    assert given_out.by_requirement == {B: (confirmed(60, june(10)),), C: (confirmed(40, june(10)),), A: ()}


def test_supply_that_nobody_needs_is_surplus() -> None:
    assert allocate([confirmed(100, june(10))], [request(A, 60, june(12))]).surplus == (confirmed(40, june(10)),)


def test_goods_in_hand_come_before_promises_and_promises_before_hopes() -> None:
    supply = [backordered(10), backordered(10, june(1)), confirmed(10, june(9)), received(10, june(10))]
    given_out = allocate(supply, [request(A, 20, june(12), Criticality.A), request(B, 20, june(12))])
    assert given_out.by_requirement[A] == (received(10, june(10)), confirmed(10, june(9)))
    assert given_out.by_requirement[B] == (backordered(10, june(1)), backordered(10))


quantities = st.integers(0, 300)
dates = st.dates(june(1), june(30))
states = st.sampled_from(list(ScheduleLineState))
supplies = st.lists(
    st.builds(ScheduleLine, quantity=quantities.map(Decimal), date=st.none() | dates, state=states), max_size=6
)
requests = st.lists(
    st.builds(request, st.sampled_from([A, B, C]), quantities, dates, st.sampled_from(list(Criticality))), max_size=6
)


@given(supplies, requests)
def test_no_schedule_line_is_ever_given_twice_and_none_is_lost(
    supply: list[ScheduleLine], asked: list[AllocationRequest]
) -> None:
    given_out = allocate(supply, asked)
    before: dict[tuple[object, object], Decimal] = defaultdict(Decimal)
    after: dict[tuple[object, object], Decimal] = defaultdict(Decimal)
    for piece in filter(lambda piece: piece.quantity, supply):
        before[piece.state, piece.date] += piece.quantity
    handed_out = [piece for mine in given_out.by_requirement.values() for piece in mine]
    for piece in [*handed_out, *given_out.surplus]:
        assert piece.quantity > 0
        after[piece.state, piece.date] += piece.quantity
    assert after == before


@given(supplies, requests)
def test_nobody_gets_more_than_requested_and_nothing_is_left_while_a_request_is_open(
    supply: list[ScheduleLine], asked: list[AllocationRequest]
) -> None:
    given_out = allocate(supply, asked)
    requested: dict[RequirementId, Decimal] = defaultdict(Decimal)
    for one in asked:
        requested[one.requirement_id] += one.quantity
    got = {name: sum(piece.quantity for piece in mine) for name, mine in given_out.by_requirement.items()}
    assert all(got[name] <= requested[name] for name in got)
    assert given_out.by_requirement.keys() == {one.requirement_id for one in asked}
    assert not given_out.surplus or all(got[name] == requested[name] for name in got)


@given(supplies, requests)
def test_the_order_of_the_requests_does_not_matter(supply: list[ScheduleLine], asked: list[AllocationRequest]) -> None:
    assert allocate(supply, asked).by_requirement == allocate(supply, asked[::-1]).by_requirement


def test_half_a_piece_that_is_left_of_a_request_is_served_as_well() -> None:
    given_out = allocate([confirmed(Decimal("0.5"), june(9)), confirmed(5, june(10))], [request(A, 1, june(12))])
    assert given_out.by_requirement[A] == (
        confirmed(Decimal("0.5"), june(9)),
        confirmed(Decimal("0.5"), june(10)),
    )


def test_r11s_reason_states_who_gets_what_and_the_surplus() -> None:
    given_out = allocate(
        [confirmed(100, june(10)), backordered(40)],
        [request(A, 110, june(12), Criticality.A), request(B, 10, june(12))],
    )
    reason = given_out.reason("v7")
    a, b = "100 confirmed for 2026-06-10 + 10 backordered for no date", "10 backordered for no date"
    assert (reason.rule, reason.policy_version) == ("R11", "v7")
    assert reason.why == f"{A}: {a}; {B}: {b}; unclaimed: 20 backordered for no date"
    assert reason.inputs == {A: a, B: b}
    assert allocate([], [request(A, 1, june(12))]).why == f"{A}: nothing"
