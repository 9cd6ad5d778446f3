"""What an engineering change makes of messages in any order: no decision holds for what it was not made on."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pydantic import JsonValue

from canonical.bom import BomRevised
from canonical.exception import Choice, Decision, ExceptionDecided, ExceptionKind
from canonical.identity import ChangeId, ExceptionId
from canonical.messages import ChangeOpened, ChangeSuperseded
from canonical.records import ChangeStage
from tests.decisions.bills import removed, revised
from tests.decisions.models import a_revision
from workflows.engineering_change.messages import take
from workflows.engineering_change.state import ChangeState
from workflows.memory import OpenQuestion

NOW = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
QUESTION = ExceptionId("exception/1")


class AuditEvents(list[str]):
    """The kinds of what was noted."""

    def record(self, kind: str, business_time: dt.datetime | None = None, /, **data: JsonValue) -> None:
        self.append(kind)


def reported(number: int, stock: int = 0) -> ChangeOpened:
    of: BomRevised = revised(removed(stock=Decimal(stock))).model_copy(update={"stated": a_revision(number)})
    return ChangeOpened(revised=of, correlation_id=f"c-{number}")


def decided(choice: Choice = Choice.APPROVE, exception: str = QUESTION) -> ExceptionDecided:
    decision = Decision(event_id="e", digest="d", choice=choice, decided_by="bea", decided_at=NOW)
    return ExceptionDecided(exception_id=ExceptionId(exception), digest="d", decision=decision)


_QUESTION = OpenQuestion(id=QUESTION, kind=ExceptionKind.CHANGE_PROPOSAL, digest="d")


def asked(**changes: Any) -> ChangeState:
    """A change that has asked and waits."""
    state = ChangeState.of(reported(1))
    state.unjudged, state.stage, state.question = False, ChangeStage.PROPOSED, _QUESTION
    for name, value in changes.items():
        setattr(state, name, value)
    return state


def test_a_repeated_or_older_revision_changes_nothing() -> None:
    state, audit_events = asked(), AuditEvents()
    for number in (1, 0):
        take(state, reported(number, stock=9), audit_events.record)
    assert audit_events == ["change.stale", "change.stale"]
    assert state == asked(event_log=state.event_log)


def test_a_newer_revision_is_judged() -> None:
    state, audit_events = asked(), AuditEvents()
    take(state, reported(2, stock=9), audit_events.record)
    assert audit_events == ["change.revised"]
    assert state.unjudged is True
    assert state.revised == reported(2, stock=9).revised
    assert state.correlation_id == "c-2"
    assert state.question is not None, "the question that is open is changed and not asked a second time"


@pytest.mark.parametrize("choice", [Choice.APPROVE, Choice.DECLINE])
def test_a_decision_that_is_not_carried_out_yet_is_void_once_a_newer_revision_arrives(choice: Choice) -> None:
    state, audit_events = asked(), AuditEvents()
    take(state, decided(choice), audit_events.record)
    take(state, reported(2), audit_events.record)
    assert audit_events == ["exception.decided", "decision.void", "change.revised"]
    assert state.decision is None


@pytest.mark.parametrize("stage", [ChangeStage.CARRIED_OUT, ChangeStage.DECLINED])
def test_a_revision_that_arrives_as_the_change_ends_is_judged_and_not_lost(stage: ChangeStage) -> None:
    state, audit_events = asked(question=None, stage=stage, decision=decided().decision), AuditEvents()
    take(state, reported(2), audit_events.record)
    assert audit_events == ["change.revised"]
    assert state.ended is False
    assert state.unjudged is True
    assert state.decision is None


def test_a_superseded_change_is_judged_before_it_ends() -> None:
    state, audit_events = asked(), AuditEvents()
    by = ChangeId("change/1710/BK-100/C")
    take(state, ChangeSuperseded(by=by, as_of=NOW), audit_events.record)
    assert state.superseded_by == by
    assert state.unjudged is True
    assert audit_events == []


def test_a_change_that_is_carried_out_is_not_superseded() -> None:
    state, audit_events = asked(question=None, stage=ChangeStage.CARRIED_OUT), AuditEvents()
    take(state, ChangeSuperseded(by=ChangeId("change/1710/BK-100/C"), as_of=NOW), audit_events.record)
    assert audit_events == ["supersession.overtaken"]
    assert state.superseded_by is None


def test_a_decision_on_another_question_is_overtaken() -> None:
    state, audit_events = asked(), AuditEvents()
    take(state, decided(exception="exception/0"), audit_events.record)
    assert audit_events == ["decision.overtaken"]
    assert state.decision is None
