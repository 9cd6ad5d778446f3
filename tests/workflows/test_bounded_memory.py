"""What an entity that lives for months carries from run to run: as much after hundreds of changes as after dozens."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from canonical.exception import ExceptionKind, Proposal
from canonical.identity import ExceptionId, OrderId
from canonical.messages import ExceptionRaised, GoodsReceived, SupplyRequested
from canonical.policy import LinePolicy
from canonical.supply import CoverageChanged, OrderCoverage, ScheduleLine, ScheduleLineState
from decisions.netting import left_to_order
from tests.decisions.models import june
from tests.workflows.arrivals import NOW, POLICY, a_request, unnoted
from tests.workflows.order_harness import CHAIN, a_receipt, a_shipment, an_answer, sent_order
from tests.workflows.requirement_harness import covered_requirement
from workflows.exception.state import ExceptionMemory
from workflows.material_requirement.state import RequirementState
from workflows.purchase_order import workflow as order_workflow
from workflows.purchase_order.changes import settle_requests
from workflows.purchase_order.state import ANSWERS_KEPT, NUMBERS_KEPT, VERSIONS_KEPT, OrderState

TODAY = june(1)


def bytes_after(live_through: Callable[[int], str], rounds: int) -> int:
    """What the memory takes as Temporal keeps it."""
    return len(live_through(rounds).encode())


def a_coverage(state: RequirementState, number: int, *, received: int = 0, closed: bool = True) -> OrderCoverage:
    """What the `number`-th order was asked for, and stated in the end."""
    order = OrderId(f"order/{number:04}")
    came = ScheduleLine(quantity=Decimal(received), date=june(1 + number % 25), state=ScheduleLineState.RECEIVED)
    reported = CoverageChanged(
        order_id=order,
        sequence=1,
        as_of=NOW,
        supplier="1580",
        request_revision=number,
        schedule_lines=(came,) if received else (),
        closed=closed,
    )
    return OrderCoverage(
        order_id=order, supplier="1580", request=a_request(state.id, number, received), reported=reported
    )


# -- requirements


def test_a_requirement_whose_orders_come_and_go_does_not_grow() -> None:
    def moved(times: int) -> str:
        state = covered_requirement()
        state.coverages = []
        for number in range(times):
            state.coverages.append(a_coverage(state, number, received=1 if number % 3 == 0 else 0))
            if number % 7 == 0:
                state = state.carried()
        return state.carried().model_dump_json()

    assert bytes_after(moved, 1_000) < bytes_after(moved, 100) * 1.1


def test_what_a_forgotten_order_has_brought_counts_as_before() -> None:
    state = covered_requirement()
    state.coverages = [a_coverage(state, number, received=number % 4) for number in range(40)]
    carried = state.carried()
    assert len(carried.coverages) == 10
    assert carried.received == state.received > 0
    before = left_to_order(state.acted_on.quantity, state.coverages, state.kept)
    after = left_to_order(carried.acted_on.quantity, carried.coverages, carried.kept)
    assert after.uncovered == before.uncovered > 0
    assert carried.carried() == carried


def test_an_order_with_which_anything_is_open_is_not_forgotten() -> None:
    state = covered_requirement()
    open_still = a_coverage(state, 1, closed=False)
    open_quantity = a_coverage(state, 2)
    assert open_quantity.reported is not None
    open_quantity = open_quantity.model_copy(
        update={"reported": open_quantity.reported.model_copy(update={"open_quantity": Decimal(5)})}
    )
    unanswered = a_coverage(state, 3).model_copy(update={"released": True, "reported": None})
    other_unit = a_coverage(state, 4, received=3)
    other_unit = other_unit.model_copy(update={"request": other_unit.request.model_copy(update={"need_unit": "KGM"})})
    kept = [open_still, open_quantity, unanswered, other_unit]
    state.coverages = [*kept, *(a_coverage(state, number) for number in range(5, 40))]
    assert state.carried().coverages[:4] == kept


# -- orders


def lived_order(rounds: int) -> OrderState:
    """Line 10 is changed, answered, despatched and received a little, round after round, under ever new policies."""
    state = sent_order()
    for number in range(1, rounds + 1):
        order_workflow.take(
            state, SupplyRequested(request=a_request(CHAIN, number + 1, 5_000 + number % 2)), unnoted, TODAY
        )
        settle_requests(state, TODAY, unnoted)
        state.revision += 1
        order_workflow.take(state, an_answer(number, revision=state.revision, accepted=True), unnoted, TODAY)
        order_workflow.take(state, a_shipment(f"D-{number:05}", 10, 1), unnoted, TODAY)
        order_workflow.take(state, GoodsReceived(receipts=(a_receipt(f"GR-{number:05}", 10, 1, 2),)), unnoted, TODAY)
        state.plant_versions.append(f"version-{number:05}")
        if number % 10 == 0:
            state = state.carried()
    return state.carried()


def test_an_order_that_is_changed_answered_and_received_for_months_does_not_grow() -> None:
    def lived(rounds: int) -> str:
        return lived_order(rounds).model_dump_json(exclude={"receipts", "despatches"})

    assert bytes_after(lived, 600) < bytes_after(lived, 150) * 1.05
    state = lived_order(NUMBERS_KEPT + 50)
    assert [len(each) for each in (state.answers, state.receipts, state.despatches, state.plant_versions)] == [
        ANSWERS_KEPT,
        NUMBERS_KEPT,
        NUMBERS_KEPT,
        VERSIONS_KEPT,
    ]


def test_an_order_that_has_forgotten_an_answer_does_not_take_it_again() -> None:
    state = lived_order(ANSWERS_KEPT * 3)
    before = state.model_dump_json()
    for number in (1, ANSWERS_KEPT, ANSWERS_KEPT * 2, ANSWERS_KEPT * 3):
        for revision in (number + 1, state.revision):
            order_workflow.take(state, an_answer(number, revision=revision, accepted=True), unnoted, TODAY)
    assert state.model_dump_json() == before


def test_an_order_knows_a_receipt_again_that_came_hundreds_before() -> None:
    state = lived_order(300)
    [received, _] = [line.received for line in state.lines]
    for number in (1, 150, 300):
        order_workflow.take(state, GoodsReceived(receipts=(a_receipt(f"GR-{number:05}", 10, 1, 2),)), unnoted, TODAY)
        order_workflow.take(state, a_shipment(f"D-{number:05}", 10, 1), unnoted, TODAY)
    assert state.lines[0].received == received
    assert state.lines[0].shipped == 300


def test_the_policy_versions_that_lines_were_requested_under_are_kept() -> None:
    state = lived_order(50)
    rules = LinePolicy(version="version-00001", tolerance=POLICY.tolerance, frozen_zone_days=3)
    state.lines[1].grant(state.lines[1].request.model_copy(update={"policy": rules}))
    state.plant_versions = [f"version-{number:05}" for number in range(1, 60)]
    carried = state.carried()
    assert carried.policy_of(carried.lines[1]) == state.policy_of(state.lines[1]) == state.policy.for_line()


# -- questions


def test_a_question_that_goes_to_and_fro_for_months_does_not_grow() -> None:
    def asked(times: int) -> str:
        proposal = Proposal(
            kind=ExceptionKind.SHORTAGE, summary="20 EA come late", plant="1710", alternatives=(), approvers=("buyer",)
        )
        memory = ExceptionMemory.of(
            ExceptionRaised(
                exception_id=ExceptionId("exception/1"),
                raised_by="requirement/1710/CHAIN/1",
                proposal=proposal,
                policy=POLICY,
                assignee="buyer",
                raised_at=NOW,
                correlation_id="c",
            ),
            NOW,
        )
        for number in range(times):
            memory.ask(("planner", "buyer", "purchasing-manager")[number % 3], NOW + timedelta(hours=number))
        assert set(memory.roles) == {"planner", "buyer", "purchasing-manager"}
        return memory.model_dump_json()

    assert bytes_after(asked, 999) == bytes_after(asked, 99)
