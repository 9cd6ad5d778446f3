"""An order line's states: every transition of the table happens, no other does, and nothing that came is ever lost."""

import ast
import datetime as dt
from collections.abc import Callable
from copy import copy
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from canonical.identity import RequirementId
from canonical.order import EditedField
from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.answers import ReadAnswer
from tests.decisions.models import june
from tests.workflows.arrivals import NOW, a_request
from workflows.purchase_order import line as line_module
from workflows.purchase_order.edits import in_erp
from workflows.purchase_order.line import TRANSITIONS, Line, LineEdit, LineEvent, LineStatus, TransitionError

CHAIN = RequirementId("requirement/1710/CHAIN/1")
ORDERED = Decimal(100)
CELLS = {(before, event, after) for before, row in TRANSITIONS.items() for event, to in row.items() for after in to}
_REACHED: set[tuple[LineStatus, LineEvent, LineStatus]] = set()


def a_line() -> Line:
    request = a_request(CHAIN, 1, int(ORDERED))
    return Line(
        number=10, request=request, quantity=ORDERED, allocated=ORDERED, delivery_date=june(20), price=Decimal(2)
    )


def a_copy(value: Any) -> Any:
    """Of what can change in it: frozen models are most of a line and stay the same."""
    if isinstance(value, BaseModel) and not value.model_config.get("frozen"):
        copied = value.model_copy()
        for name, part in vars(value).items():
            vars(copied)[name] = a_copy(part)
        return copied
    if isinstance(value, dict):
        return {key: a_copy(part) for key, part in value.items()}
    return [a_copy(part) for part in value] if isinstance(value, list) else value


def a_reading(line: Line, rejected: Decimal) -> ReadAnswer:
    left = line.asked_quantity - rejected
    confirmed = ScheduleLine(quantity=left, date=line.delivery_date, state=ScheduleLineState.CONFIRMED)
    return ReadAnswer(schedule_lines=(confirmed,) if left > 0 else (), rejected=rejected, why="")


class LineLife:
    """A line as an order treats it: each step is made where the order would make it, or is refused by the table."""

    def __init__(self, *, sent: bool) -> None:
        self.line = a_line()
        self.revision = 1
        self.placed = self.sent = sent
        if sent:
            self.line.mark_in_erp()
        self.arrived = self.announced = Decimal(0)
        self.hour = 0

    def _happens(self, event: LineEvent, act: Callable[[], object]) -> bool:
        before = self.line.status
        if event not in TRANSITIONS[before]:
            untouched = a_copy(self.line)
            with pytest.raises(TransitionError):
                act()
            assert self.line == untouched
            return False
        act()
        after = self.line.status
        assert after in TRANSITIONS[before][event], f"{before} became {after} by {event}"
        _REACHED.add((before, event, after))
        return True

    @property
    def _now(self) -> dt.datetime:
        self.hour += 1
        return NOW + dt.timedelta(hours=self.hour)

    @property
    def _next_revision(self) -> int:
        return self.revision + 1 if self.sent else self.revision

    # -- the order

    def is_placed(self) -> None:
        self.placed = True
        self.line.mark_in_erp()

    def is_sent(self) -> None:
        """With what was changed since."""
        if self.line.submitted is not None:
            return  # nothing goes to the supplier before that
        if not self.sent and self.line.cancelled:
            self._happens(LineEvent.COMPLETE, self.line.complete_unsent)
        self.placed = self.sent = True
        self.revision = max(self.revision, self.line.changed_in)
        self.line.mark_in_erp()
        self.line.mark_sent()

    def is_revised(self, quantity: int, day: int) -> None:
        # R3: never below what is shipped or received.
        floor = max(Decimal(quantity), self.line.shipped, self.line.received)
        if self._happens(LineEvent.REVISE, lambda: self.line.revise(self._next_revision, floor, june(day))):
            assert (self.line.quantity, self.line.asked_quantity) == (floor, floor)

    def is_cancelled(self) -> None:
        if self._happens(LineEvent.CANCEL, lambda: self.line.cancel(self._next_revision)):
            self._settle_unsent()

    def is_given_up(self) -> None:
        revision = self._next_revision if self.sent else None
        if self._happens(LineEvent.CANCEL, lambda: self.line.give_up(revision)):
            assert self.line.closed
            self._settle_unsent()

    def _settle_unsent(self) -> None:
        if not self.sent:
            self._happens(LineEvent.COMPLETE, self.line.complete)
        if not self.placed and self.line.submitted is None:
            self._happens(LineEvent.COMPLETE, self.line.complete_unsent)

    # -- another system's people

    def is_submitted(self) -> None:
        """By a write, which the order makes of lines that it has placed, or is about to place."""
        if not self.line.never_sent and self.line.submitted is None:
            assert self._happens(LineEvent.SUBMIT, self.line.submit)

    def is_approved(self) -> None:
        submitted = self.line.submitted
        if submitted is not None:
            self.placed = True
            assert self._happens(LineEvent.APPROVE, self.line.approve)
            assert (self.line.written, self.line.submitted) == (submitted, None)

    def is_not_approved(self) -> None:
        if self.line.submitted is not None:
            assert self._happens(LineEvent.WITHDRAW, self.line.withdraw)

    def is_kept_as_it_was(self) -> None:
        """A refused change of what the supplier has is given up."""
        line = self.line
        if self.sent and line.submitted is None and line.changed_since_sent:
            assert self._happens(LineEvent.KEEP, line.keep)
            assert not line.differs_from_erp

    # -- supplier and warehouse

    def is_answered(self, rejected_percent: int) -> None:
        if not self.sent or self.line.changed_in > self.revision:
            return
        asked = self.line.asked_quantity
        rejected = asked * rejected_percent / 100
        reading = a_reading(self.line, rejected)
        if self._happens(
            LineEvent.ANSWER, lambda: self.line.answer(self.revision, reading, self._now, self._now.date())
        ):
            assert self.line.quantity == asked - rejected

    def is_completed(self, *, nothing_comes: bool) -> None:
        if self.sent:
            self._happens(LineEvent.COMPLETE, lambda: self.line.complete(nothing_comes=nothing_comes))

    def is_shipped(self, quantity: int) -> None:
        self.announced += quantity
        assert self._happens(LineEvent.SHIP, lambda: self.line.ship(Decimal(quantity), self._now))

    def is_announced_again(self, quantity: int) -> None:
        self.announced += quantity
        assert self._happens(LineEvent.SHIP, lambda: self.line.ship(Decimal(quantity), self._now, doubtful=True))

    def is_not_shipped_after_all(self, quantity: int) -> None:
        if self.announced >= quantity:
            self.announced -= quantity
            assert self._happens(LineEvent.SHIP, lambda: self.line.unship(Decimal(quantity), self._now))

    def is_recounted(self, *, coming: bool) -> None:
        self.line.settle_announcement(coming=coming)
        assert not self.line.over_announced
        self.announced = self.line.shipped

    def is_received(self, quantity: int) -> None:
        self.arrived += quantity
        assert self._happens(LineEvent.RECEIVE, lambda: self.line.receive(Decimal(quantity), june(20), self._now))

    def is_taken_back(self, quantity: int, *, returned: bool) -> None:
        self.arrived -= quantity
        assert self._happens(
            LineEvent.TAKE_BACK, lambda: self.line.take_back(Decimal(quantity), self._now, returned=returned)
        )

    def is_delivery_completed(self) -> None:
        before, came = self.line.quantity + self.line.undelivered, self.line.received
        if self._happens(LineEvent.CLOSE, lambda: self.line.close(self._now, self.revision)):
            assert self.line.quantity + self.line.undelivered == before, "nothing of the order is lost"
            assert self.line.status is LineStatus.RECEIVED or not came

    def is_delivery_reopened(self) -> None:
        if self._happens(LineEvent.REOPEN, self.line.reopen):
            assert self.line.undelivered == 0

    # -- people in the ERP

    def is_edited(self, field: EditedField, new: str, *, adopted: bool) -> None:
        if not self.placed or self.line.never_sent:
            return
        at = self._now
        edit = LineEdit(field=field, old="-", new=new, edited_by="ben", effective_at=at)
        self.line.hold_edit(edit)
        erp = in_erp(self.line, [edit])
        revision, sent = self._next_revision, self.sent
        if adopted:
            assert self._happens(LineEvent.ADOPT, lambda: self.line.adopt(revision, erp, [edit], at, sent=sent))
            assert not (sent and self.line.status in (LineStatus.CONFIRMED, LineStatus.DELIVERING)), "nobody answered"
        else:
            assert self._happens(LineEvent.UNDO, lambda: self.line.undo(erp, [edit], at))
        assert self.line.written == erp
        assert self.line.edits == {}

    def copy(self) -> "LineLife":
        other = copy(self)
        other.line = a_copy(self.line)
        return other

    @property
    def kind(self) -> tuple[object, ...]:
        """The state that decides what can happen next."""
        line = self.line
        talk = (self.sent, self.placed, line.changed_in > self.revision, line.answered_in >= line.changed_in)
        goods = (line.quantity // 40, min(line.received // 40, 3), line.received < line.quantity, line.in_transit > 0)
        overdrawn = line.status is LineStatus.CONFIRMED and line.overdrawn > 0
        return (
            line.status,
            overdrawn,
            line.cancelled and line.answered_in >= line.sent_in,
            line.refused_by_supplier,
            line.rejected > 0,
            *talk,
            *goods,
            line.completed_at is not None,
        )

    # -- what is always so

    def check(self) -> None:
        line = self.line
        assert min(line.quantity, line.rejected, line.shipped, line.received, line.in_transit, line.undelivered) >= 0
        assert (line.received - line.overdrawn, line.shipped) == (self.arrived, self.announced)
        came = sum(part.quantity for part in line.supply if part.state is ScheduleLineState.RECEIVED)
        assert came == max(0, self.arrived)
        if line.status is LineStatus.RECEIVED:
            assert all(part.state is ScheduleLineState.RECEIVED for part in line.supply), "nothing stays confirmed"
        assert line.open + line.closed + (line.status is LineStatus.CANCELLING) == 1
        unanswered = (LineStatus.AWAITED, LineStatus.APPROVING, LineStatus.CANCELLING)
        assert line.awaited == (line.status in unanswered)


Step = Callable[[LineLife], None]
EDITS: list[tuple[EditedField, str]] = [
    ("quantity", "150"),
    ("quantity", "40"),
    ("quantity", "0"),
    ("price", "3"),
    ("delivery_date", "2026-06-30"),
    ("deleted", "true"),
    ("deleted", "false"),
]
STEPS: list[Step] = [
    LineLife.is_placed,
    LineLife.is_sent,
    LineLife.is_cancelled,
    LineLife.is_given_up,
    LineLife.is_submitted,
    LineLife.is_approved,
    LineLife.is_not_approved,
    LineLife.is_kept_as_it_was,
    *(partial(LineLife.is_revised, quantity=quantity, day=day) for quantity, day in ((40, 20), (100, 20), (150, 24))),
    *(partial(LineLife.is_answered, rejected_percent=percent) for percent in (0, 60, 100)),
    *(partial(LineLife.is_completed, nothing_comes=nothing) for nothing in (True, False)),
    *(partial(LineLife.is_shipped, quantity=quantity) for quantity in (1, 40)),
    *(partial(LineLife.is_recounted, coming=coming) for coming in (True, False)),
    *(partial(LineLife.is_received, quantity=quantity) for quantity in (1, 40, 60)),
    partial(LineLife.is_taken_back, quantity=40, returned=False),
    LineLife.is_delivery_completed,
    LineLife.is_delivery_reopened,
    partial(LineLife.is_not_shipped_after_all, quantity=1),
    *(partial(LineLife.is_edited, field=field, new=new, adopted=True) for field, new in EDITS),
    *(partial(LineLife.is_edited, field=field, new=new, adopted=False) for field, new in EDITS[:2]),
]

ALL_STEPS: list[Step] = [
    *STEPS,
    partial(LineLife.is_announced_again, quantity=40),
    partial(LineLife.is_taken_back, quantity=40, returned=True),
]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.booleans(), st.lists(st.sampled_from(ALL_STEPS), min_size=12, max_size=24))
def test_a_line_keeps_to_the_table_whatever_happens_to_it(sent: bool, steps: list[Step]) -> None:
    life = LineLife(sent=sent)
    for step in steps:
        step(life)
        life.check()


def test_every_transition_of_the_table_happens_and_no_other() -> None:
    _REACHED.clear()
    lives, known = [LineLife(sent=True), LineLife(sent=False)], set[object]()
    for life in lives:  # grows meanwhile
        for step in STEPS:
            after = life.copy()
            step(after)
            after.check()
            if after.line.submitted is not None:
                # One step further, from some: going on from all would make twice as many lives.
                if (some := ("submitted", after.line.status, life.sent, after.kind[-5:])) not in known:
                    known.add(some)
                    for next_step in STEPS:
                        later = after.copy()
                        next_step(later)
                        later.check()
            elif after.kind not in known:
                known.add(after.kind)
                lives.append(after)
    missing = sorted(f"{before} --{event}--> {after}" for before, event, after in CELLS - _REACHED)
    assert missing == []


def test_only_an_adopted_edit_a_change_given_up_and_goods_taken_back_open_what_was_closed() -> None:
    opened = {
        (before, event)
        for before, event, after in CELLS
        if before in (LineStatus.RECEIVED, LineStatus.CANCELLED, LineStatus.NEVER_SENT, LineStatus.CANCELLING)
        and after in (LineStatus.AWAITED, LineStatus.APPROVING, LineStatus.CONFIRMED, LineStatus.DELIVERING)
    }
    assert {event for _, event in opened} == {LineEvent.ADOPT, LineEvent.KEEP, LineEvent.TAKE_BACK, LineEvent.REOPEN}
    by_goods = {before for before, event in opened if event not in (LineEvent.ADOPT, LineEvent.KEEP)}
    assert by_goods == {LineStatus.RECEIVED}
    assert {before for before, event in opened if event is LineEvent.KEEP} == {
        LineStatus.RECEIVED,
        LineStatus.CANCELLING,
    }
    assert LineStatus.NEVER_SENT not in {before for before, _ in opened}


def test_what_the_supplier_refused_of_a_revision_is_not_taken_off_the_next_one() -> None:
    line = a_line()
    line.answer(1, a_reading(line, Decimal(40)), NOW, NOW.date())
    assert line.quantity == 60
    assert line.asked_quantity == 100
    line.revise(2, Decimal(50), june(20))
    assert line.asked_quantity == 50
    line.answer(2, a_reading(line, Decimal(0)), NOW, NOW.date())
    assert line.quantity == 50


# -- nobody else sets its fields

PACKAGE = Path(line_module.__file__).parent
CHANGING = {"append", "extend", "insert", "remove", "pop", "clear", "update", "setdefault", "popitem", "sort"}


def set_elsewhere(source: str) -> list[str]:
    """Assignments, deletions and changing calls on a name's attribute that is called like a field of a line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        targets: list[ast.expr] = []
        match node:
            case ast.Assign():
                targets = [part for target in node.targets for part in getattr(target, "elts", [target])]
            case ast.AugAssign() | ast.AnnAssign():
                targets = [node.target]
            case ast.Delete():
                targets = node.targets
            case ast.Call(func=ast.Attribute(attr=name, value=of)) if name in CHANGING:
                targets = [of]
        for target in targets:
            while isinstance(target, ast.Subscript):
                target = target.value
            if isinstance(target, ast.Attribute) and target.attr in Line.model_fields:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_nobody_but_the_line_sets_its_fields(path: Path) -> None:
    if path.name != "line.py":
        assert set_elsewhere(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "line.quantity = 1",
        "a.b, line.rejected = 1, 2",
        "line.doubtful += 1",
        "line.edits['x'] = 1",
        "del line.edits['x']",
        "line.edits.pop('x')",
    ],
)
def test_setting_a_field_of_a_line_is_recognised(source: str) -> None:
    assert set_elsewhere(source) != []
