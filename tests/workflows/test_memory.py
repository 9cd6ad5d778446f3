"""What an entity's state was before a defect is what it is again afterwards."""

from decimal import Decimal

from pydantic import BaseModel

from canonical.base import Model
from workflows.event_log import EventLog
from workflows.memory import EntityState, checkpoint, event_id, restore


class Part(Model):
    quantity: Decimal


class Line(BaseModel):
    number: int
    parts: list[Part] = []


class State(EntityState):
    lines: list[Line] = []
    by_name: dict[str, Line] = {}
    seen: set[str] = set()
    why: str = ""


def test_whatever_is_changed_after_a_checkpoint_is_undone_in_place() -> None:
    state = State(event_log=EventLog(), lines=[Line(number=10, parts=[Part(quantity=Decimal(1))])])
    state.by_name["first"] = state.lines[0]
    untouched = state.model_copy(deep=True)
    holder, before = state, checkpoint(state)

    state.lines[0].number = 11
    state.lines[0].parts.append(Part(quantity=Decimal(2)))
    state.by_name["second"] = Line(number=20)
    state.seen.add("message")
    state.event_log.sequence, state.why = 7, "half done"
    restore(state, before)

    assert holder == untouched
    assert holder.event_log is state.event_log


def test_what_is_frozen_is_shared_with_the_checkpoint() -> None:
    state = State(event_log=EventLog(), lines=[Line(number=10, parts=[Part(quantity=Decimal(1))])])
    assert checkpoint(state).lines[0].parts[0] is state.lines[0].parts[0]


class Inner(BaseModel):
    event_id: str


class Outer(BaseModel):
    kind: str = "outer"
    inner: Inner


class Nameless(BaseModel):
    quantity: int = 0


def test_a_message_is_named_by_the_id_of_its_sender_wherever_it_stands() -> None:
    assert event_id(Inner(event_id="e-1")) == "e-1"
    assert event_id(Outer(inner=Inner(event_id="e-2"))) == "e-2"
    assert event_id(Nameless()) == ""
