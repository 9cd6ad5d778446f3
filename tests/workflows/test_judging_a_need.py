"""A changed need is judged once, by the state at that moment, and recorded whatever the outcome (R4, R10)."""

from decimal import Decimal
from typing import Any

from canonical.identity import OrderId
from canonical.messages import RequirementOpened
from canonical.need import Need
from canonical.sourcing import Assessment
from tests.decisions.models import a_need, a_policy, a_revision, a_source, an_item
from tests.workflows.requirement_harness import from_stock
from workflows.material_requirement.messages import judge_need, take
from workflows.material_requirement.state import RequirementState

AuditEvents = list[tuple[str, dict[str, Any]]]


def covered(need: Need) -> RequirementState:
    state = RequirementState.of(RequirementOpened(need=need, correlation_id="c"))
    state.assessment = Assessment(item=an_item(a_source()), policy=a_policy(version="v7"))
    state.covered_revision = need.revision.rank
    return state


def reported(state: RequirementState, *quantities: int) -> AuditEvents:
    """The audit events of plans 2, 3, ... that arrive together and are then judged."""
    audit_events: AuditEvents = []

    def note(kind: str, _: object = None, /, **data: Any) -> None:
        audit_events.append((kind, data))

    for version, quantity in enumerate(quantities, 2):
        revision = a_revision(version, event_id=f"p{version}")
        need = state.acted_on.model_copy(update={"quantity": Decimal(quantity), "revision": revision})
        take(state, RequirementOpened(need=need, correlation_id=f"plan-{version}"), note)
    judge_need(state, note)
    return audit_events


def test_of_plans_that_arrive_together_the_newest_is_judged_and_the_others_are_on_record() -> None:
    state = covered(a_need(quantity=Decimal(1000)))
    audit_events = reported(state, 1500, 2000, 1030)
    assert [(kind, data["plan_version"]) for kind, data in audit_events] == [
        ("requirement.overtaken", 2),
        ("requirement.overtaken", 3),
        ("requirement.change_suppressed", 4),
    ]
    assert [int(state.acted_on.quantity), int(state.need.quantity), state.suppressed] == [1000, 1030, 1]


def test_a_judged_change_can_be_judged_again_from_its_audit_event() -> None:
    [(kind, data)] = reported(covered(a_need(quantity=Decimal(1000))), 1060)
    assert kind == "requirement.changed"
    assert data["act"] is True
    assert data["policy_version"] == "v7"
    assert data["supplier"] == ""
    assert Need.model_validate(data["acted_on"]).quantity == 1000
    assert Need.model_validate(data["proposed"]).quantity == 1060
    assert (data["reason"]["rule"], data["reason"]["policy_version"]) == ("R4", "v7")


def test_the_dampener_does_not_apply_before_anything_is_covered() -> None:
    state = covered(a_need(quantity=Decimal(1000)))
    state.covered_revision = None
    [(kind, data)] = reported(state, 1001)
    assert kind == "requirement.changed"
    assert state.acted_on.quantity == 1001
    assert "reason" not in data, "R4 decided nothing"


def test_the_need_of_an_order_of_ours_is_not_dampened_a_second_time() -> None:
    state = covered(a_need(quantity=Decimal(1000), demanded_by=OrderId("order/1720/1710/x"), demanding_line=10))
    [(kind, _)] = reported(state, 1001)
    assert kind == "requirement.changed"
    assert state.acted_on.quantity == 1001


def with_stock(quantity: int, state: RequirementState, revision: int) -> AuditEvents:
    audit_events: AuditEvents = []

    def note(kind: str, _: object = None, /, **data: Any) -> None:
        audit_events.append((kind, data))

    take(state, from_stock(revision, quantity, hour=revision), note)
    return audit_events


def test_stock_that_falls_by_little_changes_no_order_and_is_tested_without() -> None:
    """Of 1,000, 300 are met from stock; 50 may be missing before the orders are asked for them."""
    state = covered(a_need(quantity=Decimal(1000)))
    with_stock(300, state, 1)
    assert (state.stock_moved, state.unjudged) == (True, True)
    state.stock_moved, state.unjudged, state.stock_acted_on = False, False, state.from_stock

    [(kind, data)] = with_stock(250, state, 2)
    assert (kind, data["act"], data["before"]) == ("stock.allocated", False, "300")
    assert (state.stock_moved, state.unjudged, state.held_back) == (False, True, True)
    assert [int(part.quantity) for part in state.on_hand] == [250]

    [(_, data)] = with_stock(249, state, 3)
    assert (data["act"], state.stock_moved) == (True, True), "measured from what was acted on"


def test_the_last_piece_of_stock_that_goes_is_acted_on() -> None:
    state = covered(a_need(quantity=Decimal(1000)))
    with_stock(20, state, 1)
    assert state.stock_moved is False
    state.stock_acted_on = state.from_stock
    with_stock(0, state, 2)
    assert state.stock_moved is True
