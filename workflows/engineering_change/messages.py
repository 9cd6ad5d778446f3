"""How an EngineeringChange takes a message: a republished revision, a superseding revision, or a person's decision.

It drops stale messages (R10), and voids a decision made on another state of the revision (R15). Dispositions are
decided later, when all messages that arrived are taken.
"""

from typing import assert_never

from canonical.exception import ExceptionDecided
from canonical.messages import ChangeOpened, ChangeSuperseded
from canonical.records import ChangeStage
from decisions.ordering import is_newer
from workflows.engineering_change.state import ChangeState
from workflows.memory import RecordEvent, RunInput

ChangeMessage = ChangeOpened | ChangeSuperseded | ExceptionDecided
ChangeInput = RunInput[ChangeOpened, ChangeState, ChangeMessage]


def take(state: ChangeState, message: ChangeMessage, record: RecordEvent) -> None:
    """Apply one message to the state."""
    match message:
        case ChangeOpened():
            _take_revision(state, message, record)
        case ChangeSuperseded():
            _take_supersession(state, message, record)
        case ExceptionDecided():
            _take_decision(state, message, record)
        case _:
            assert_never(message)


def record_revision(state: ChangeState, kind: str, record: RecordEvent) -> None:
    """Record the revision that engineering published."""
    revised = state.revised
    record(
        kind,
        revised.stated.effective_at,
        assembly=revised.assembly,
        revision=revised.revision,
        effective_from=revised.effective_from.isoformat(),
        lines=[line.model_dump(mode="json") for line in revised.lines],
    )


def _take_revision(state: ChangeState, opened: ChangeOpened, record: RecordEvent) -> None:
    reported = opened.revised
    if not is_newer(reported.stated, state.revised.stated):
        record("change.stale", reported.stated.effective_at, event_id=reported.stated.event_id, rule="R10")
        return
    if state.decision is not None:
        # The decision was made on the old revision. If it is not carried out yet, it must not be carried out on the new
        # one; if it is, the republished revision is evaluated like one that arrives after the end.
        if not state.ended:
            record("decision.void", rule="R15", choice=state.decision.choice)
        state.decision = None
    if state.ended:
        state.stage, state.proposal = ChangeStage.JUDGING, None
    state.revised, state.correlation_id, state.unjudged = reported, opened.correlation_id, True
    record_revision(state, "change.revised", record)


def _take_supersession(state: ChangeState, superseded: ChangeSuperseded, record: RecordEvent) -> None:
    if state.ended:
        record("supersession.overtaken", superseded.as_of, by=superseded.by)
        return
    state.superseded_by, state.unjudged = superseded.by, True


def _take_decision(state: ChangeState, decided: ExceptionDecided, record: RecordEvent) -> None:
    decision = decided.decision
    if state.question is None or state.question.id != decided.exception_id:
        record("decision.overtaken", decision.decided_at, exception_id=decided.exception_id)
        return
    # Evaluated once more before it is carried out: the person decided on the state at that time (R15).
    state.decision, state.question, state.unjudged = decision, None, True
    record(
        "exception.decided",
        decision.decided_at,
        exception_id=decided.exception_id,
        choice=decision.choice,
        decided_by=decision.decided_by,
        comment=decision.comment,
        lines=[one.model_dump(mode="json") for one in decision.lines],
    )


__all__ = ["ChangeInput", "ChangeMessage", "record_revision", "take"]
