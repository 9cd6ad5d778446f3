"""What all entities share: their main loop, their calls, and how failures are shown to operators.

The loop takes the messages that arrived, acts, comes to rest and waits; it is in `Entity.live`. Handlers only put
messages into the inbox.

Temporal retries a call a few times with growing pauses. If that is not enough, or the counterpart reports that nothing
will change without a person, the workflow shows an incident (search attribute, current details, audit event) and keeps
retrying at a slow pace. It never asks a buyer about a technical failure and never gives up a call.

A defect in the code is an incident as well. A message that can't be processed is set aside with the reason and retried
later, one that can't be read by the next run; the entity continues with the others. If no message is at fault, the
entity waits and decides again later, at the latest with its next message. A run that met a defect continues as new at
once: fixed code may decide the same messages differently, and no open history may hold the old decision.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, NoReturn, Protocol, TypeVar

from pydantic import BaseModel, JsonValue
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TemporalError, is_cancelled_exception

from activities.internal import InternalActivities
from canonical.calls import PolicyCall, RecordCall
from canonical.policy import PlantPolicy
from canonical.records import AuditBatch, Snapshot
from workflows import search_attributes as sa
from workflows.event_log import EventLog
from workflows.memory import Message, RunInput, SetAside, State, Unreadable, checkpoint, event_id, restore

Result = TypeVar("Result")

CALL_TIMEOUT = timedelta(seconds=30)
"""Start to close of a call to a counterpart."""
CALL_HEARTBEAT = timedelta(seconds=5)
"""A call of a killed worker is retried after this."""
CALL_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=20),
    maximum_attempts=7,
)
INTERNAL_TIMEOUT = timedelta(seconds=30)
"""Longer than internal activities wait for master data (activities.internal.MASTER_DATA_SECONDS)."""
INTERNAL_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
    maximum_attempts=6,
)
INCIDENT_PAUSES = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
DEFECT_PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""Pauses before a message or decision that met a defect is retried."""
DEFECT_OF_MESSAGE = "defect.message"
DEFECT_OF_DECISION = "defect.decision"
DEFECTS = (DEFECT_OF_MESSAGE, DEFECT_OF_DECISION)
MOMENT = timedelta(milliseconds=1)
"""The shortest timer."""
ON_CURRENT_VERSION = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
"""Each run is decided by the version of the code that began it; the next one begins on the current version."""
INBOX_CARRIED = 500
"""The most messages carried into the next run: together they are one argument, which is limited to 2 MB."""


class RecordingCall(Protocol):
    """A call that carries audit events."""

    @property
    def audit_batch(self) -> AuditBatch: ...


class _Failure(NamedTuple):
    why: str
    by_message: bool
    """The messages caused it; the state is as it was before them."""


def new_version_waits() -> bool:
    """Whether Temporal has told this run of a newer version of the code, which the next run would begin on."""
    return workflow.info().is_target_worker_deployment_version_changed()


def activity_name(method: Callable[..., Any]) -> str:
    """The name that the activity is registered under."""
    return str(activity._Definition.must_from_callable(method).name)


class Entity(ABC, Generic[State, Message]):
    """Base of the entity workflows."""

    def __init__(self, given: RunInput[Any, State, Message], state: State) -> None:
        self.state = state
        readable, self._unreadable = given.read_again()
        self.inbox: list[Message] = [*given.inbox, *readable]
        self._input_type = type(given)
        self._set_aside = [*given.set_aside]
        self._defect = given.defect
        self._failures, self._retry_at = given.failures, given.retry_at
        self._met_defect = False
        self._called_out = False
        """A decision of this turn may already be known outside the entity."""
        self._done_outside = False
        """A decision of this turn is known outside, by another call than the one under way."""
        self._in_hand: list[Message] = []
        """Messages of this turn that are not processed yet."""
        self._retake = given.retake
        self._before_turn: State | None = None
        defects = {DEFECT_OF_MESSAGE: self._defect_of_message, DEFECT_OF_DECISION: self._defect}
        self._incidents: Mapping[str, str] = MappingProxyType(
            {**given.failing, **{name: why for name, why in defects.items() if why}}
        )
        """Failing calls and defects by name, with the reason."""
        self._known_incidents = frozenset(self._incidents)
        """Those that an earlier run opened."""

    # -- what a subclass defines

    @abstractmethod
    async def take(self, messages: Sequence[Message]) -> None:
        """Apply the messages that arrived to the state, in this order."""

    @abstractmethod
    async def act(self) -> None:
        """Do what the state calls for; runs after each `take`, and when the time to wait is over."""

    @property
    def opened(self) -> bool:
        """It takes messages; until then they wait in the inbox, and `act` opens it."""
        return True

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Nothing is left to wait for."""

    def time_to_wait(self) -> timedelta | None:
        """After this time it acts without a message; None: never."""
        return None

    def remembered(self) -> State:
        """The state carried into the next run: all that decisions still need, and nothing that only grows with time."""
        return self.state

    def final_state(self) -> str:
        """Once it has ended: the state to go on with where what it ended by is taken back; empty: nothing can be."""
        return ""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The current state, for the ledger's reads."""

    @abstractmethod
    def details(self) -> str:
        """The current state in an operator's words, for Temporal's UI."""

    # -- the loop

    @workflow.signal(name="upgrade")
    def upgrade(self) -> None:
        """Wakes the entity, so that it learns of a new version of its code; it continues as new on that one."""

    async def live(self) -> None:
        """Take, act, come to rest and wait, until the entity has ended; continue as new when Temporal suggests it."""
        if self._retry_at is not None and not self._has_messages and self._retake is None:
            await self._wait()
        while True:
            await self._turn()
            if self.ended and not self.inbox and not self._defect:
                return
            self._continue_as_new_if_due()
            if not self._has_messages:
                await self._wait()
                # Before anything is decided: while many messages arrive, only a short workflow task is not interrupted.
                self._continue_as_new_if_due()

    async def come_to_rest(self) -> None:
        """Record all unwritten audit events before the entity waits or ends."""
        self.show()
        if self.event_log.unwritten:
            await self.recorded(InternalActivities.record, RecordCall(audit_batch=self.audit_batch()))

    @property
    def _has_messages(self) -> bool:
        return bool(self.inbox) and self.opened

    async def _turn(self) -> None:
        retried = self._to_be_retried()
        self._put_unreadable_aside()
        count, self._retake = len(self.inbox) if self._retake is None else self._retake, None
        count = count if self.opened else 0
        messages, self.inbox = [*retried, *self.inbox[:count]], self.inbox[count:]
        self._in_hand = [*messages]
        await self._digest(messages, retried)
        if self._incidents or self._set_aside or self._unreadable or self._defect:
            await self._report_defects()

    async def _digest(self, messages: Sequence[Message], retried: Sequence[Message]) -> None:
        """Take and act; on a defect, retry message by message, so that only the one at fault is set aside."""
        failure = await self._attempt(messages)
        self._met_defect = self._met_defect or failure is not None
        if failure is not None and failure.by_message and len(messages) > 1:
            for message in messages:
                await self._digest([message], retried)
            return
        del self._in_hand[: len(messages)]
        if failure is None:
            return
        if not failure.by_message:
            self._defect = failure.why
        else:
            self._put_aside(messages[0], failure.why, known=messages[0] in retried)

    async def _attempt(self, messages: Sequence[Message]) -> _Failure | None:
        """Run one turn. A defect undoes it, unless its decisions may already be known outside.

        Temporal's own errors propagate: they end the run, or make Temporal run this task again.
        """
        before, to_blame = checkpoint(self.state), bool(messages)
        self._before_turn, self._called_out, self._done_outside = before, False, False
        try:
            await self.take(messages)
            if self._defect:
                before, to_blame = checkpoint(self.state), False
            await self.act()
            self.time_to_wait()
            self._defect = ""
            await self.come_to_rest()
        except (TemporalError, MemoryError):
            raise
        except Exception as error:
            workflow.logger.exception("a defect in %s", workflow.info().workflow_id)
            if not self._called_out:
                restore(self.state, before)
            return _Failure(f"{type(error).__name__}: {error}"[:300], to_blame and not self._called_out)
        finally:
            self._before_turn = None
        return None

    async def _wait(self) -> None:
        """Wait for a message, at most until it is time to act without one. One timer at a time."""
        pauses = [] if self._defect else [self.time_to_wait()]
        if self._retry_at is not None:
            pauses.append(self._retry_at - workflow.now())
        pause = min((each for each in pauses if each is not None), default=None)
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._has_messages or new_version_waits(),
                timeout=None if pause is None else max(pause, MOMENT),
                timeout_summary="until it is time to act without a message",
            )

    def _continue_as_new_if_due(self) -> None:
        due = workflow.info().is_continue_as_new_suggested() or new_version_waits()
        if self._met_defect or (due and len(self.inbox) <= INBOX_CARRIED):
            self._continue_as_new()

    def _continue_as_new(self, retake: int | None = None) -> NoReturn:
        workflow.continue_as_new(
            self._input_type(
                state=self.remembered(),
                inbox=self.inbox,
                set_aside=self._set_aside,
                unreadable=self._unreadable,
                defect=self._defect,
                failures=self._failures,
                retry_at=self._retry_at,
                failing={name: why for name, why in self._incidents.items() if name not in DEFECTS},
                retake=retake,
            ),
            initial_versioning_behavior=ON_CURRENT_VERSION,
        )

    # -- defects

    def _to_be_retried(self) -> list[Message]:
        if self._retry_at is None or workflow.now() < self._retry_at:
            return []
        retried, self._set_aside = [each.message for each in self._set_aside], []
        return retried

    def _put_aside(self, message: Message, reason: str, *, known: bool) -> None:
        if any(each.message == message for each in self._set_aside):
            return  # delivered twice
        self._set_aside.append(SetAside(message=message, reason=reason))
        if not known:
            self.record("message.set_aside", type=type(message).__name__, id=event_id(message), reason=reason)

    def _put_unreadable_aside(self) -> None:
        for message in [each for each in self.inbox if isinstance(each, Unreadable)]:
            self.inbox.remove(message)
            self._unreadable.append(message)
            self._met_defect = True
            self.record("message.set_aside", type=message.type, id="", reason=message.reason)

    async def _report_defects(self) -> None:
        """Open and close incidents, and set the time of the next retry."""
        now = workflow.now()
        if self._met_defect and (self._retry_at is None or self._retry_at <= now):
            # What else meets a defect until then postpones nothing.
            self._retry_at = now + DEFECT_PAUSES[min(self._failures, len(DEFECT_PAUSES) - 1)]
            self._failures += 1
        elif not self._set_aside and not self._defect:
            self._failures, self._retry_at = 0, None
        incidents = {name: why for name, why in self._incidents.items() if name in DEFECTS}
        for name in (each for each in self._incidents if each not in DEFECTS):
            # An earlier run made the call, and what has happened since made it needless.
            self.record("incident.closed", call=name)
        for name, why in ((DEFECT_OF_MESSAGE, self._defect_of_message), (DEFECT_OF_DECISION, self._defect)):
            if why and name not in incidents:
                self.record("incident.opened", call=name, error=why)
            elif not why and name in incidents:
                self.record("incident.closed", call=name)
            incidents.pop(name, None)
            incidents |= {name: why} if why else {}
        try:
            self._show_incidents(incidents)
            await self.come_to_rest()
        except (TemporalError, MemoryError):
            raise
        except Exception:
            # Even showing the state fails; unwritten events are carried into the next run.
            workflow.logger.exception("the state of %s can't be shown", workflow.info().workflow_id)

    @property
    def _defect_of_message(self) -> str:
        reasons = [*(each.reason for each in self._set_aside), *(each.reason for each in self._unreadable)]
        return reasons[0] if reasons else ""

    # -- audit events

    @property
    def event_log(self) -> EventLog:
        """The log of audit events, with those not yet written."""
        return self.state.event_log

    def record(self, kind: str, business_time: datetime | None = None, /, **data: JsonValue) -> None:
        """Append an audit event; its business time is the sender's, if there is one."""
        now = workflow.now()
        self.event_log.record(kind, business_time or now, now, **data)

    def audit_batch(self) -> AuditBatch:
        """The snapshot and unwritten audit events, for the next call to carry."""
        snapshot = self.snapshot()
        audit_batch = AuditBatch(
            audit_events=tuple(self.event_log.unwritten),
            snapshot=snapshot,
            after=self.event_log.sequence,
            writer=workflow.info().first_execution_run_id,
            final_state=self.final_state() if snapshot.closed else None,
        )
        self._called_out = True
        return audit_batch

    def calls_out(self) -> None:
        """From here on decisions are known outside: a defect no longer undoes them."""
        self._called_out = self._done_outside = True

    # -- calls

    async def internal(self, method: Callable[[Any, Any], Awaitable[Result]], call: BaseModel) -> Result:
        """Run an internal activity as a local activity, until it succeeds."""
        return await self.persist(_locally(method, call), activity_name(method))

    async def recorded(self, method: Callable[[Any, Any], Awaitable[Result]], call: RecordingCall) -> Result:
        """Like `internal`, for a call that carries audit events (`audit_batch()`); marks them as written."""
        return await self.with_events(call.audit_batch, _locally(method, call), activity_name(method))

    async def with_events(
        self, audit_batch: AuditBatch | None, call: Callable[[], Awaitable[Result]], name: str
    ) -> Result:
        """Make any call that carries `audit_batch`, until it succeeds; then mark its audit events as written."""
        result = await self.persist(call, name)
        if audit_batch is not None:
            self.event_log.written(audit_batch.sequence)
        return result

    async def policy_now(
        self, known: PlantPolicy, *, item_class: str = "", item: str = "", supplier: str = ""
    ) -> PlantPolicy:
        """The current policy for the plant, item and supplier; the known one if nothing changed.

        Earlier decisions remain valid.
        """
        call = PolicyCall(plant=known.plant, item_class=item_class, item=item, supplier=supplier, known=known.version)
        found = await self.internal(InternalActivities.policy, call)
        if found is None or found.version == known.version:
            return known
        self.record("policy.changed", version=found.version, before=known.version)
        return found

    async def persist(self, call: Callable[[], Awaitable[Result]], name: str) -> Result:
        """Retry a call until it succeeds, showing an incident while it fails."""
        failures = 0
        while True:
            try:
                result = await call()
            except FailureError as error:
                # A local activity's own error arrives unwrapped. Its timeout is wrapped in an ActivityError at first
                # but unwrapped in a replay, so both are handled here and give the same message.
                if is_cancelled_exception(error):
                    raise
                self._open_incident(name, error)
                pause = max(INCIDENT_PAUSES[min(failures, len(INCIDENT_PAUSES) - 1)], _asked_pause(error))
                await workflow.sleep(pause, summary="before the call is made again")
                self._start_over_if_due()
                failures += 1
            else:
                self._done_outside = self._done_outside or self._called_out
                if name in self._incidents:
                    self.record("incident.closed", call=name)
                    self._show_incidents({key: statement for key, statement in self._incidents.items() if key != name})
                return result

    def failing(self, name: str) -> bool:
        """Whether the call shows an incident: an earlier attempt, perhaps of an earlier run, may have succeeded."""
        return name in self._incidents

    def settle(self) -> None:
        """What the turn has done so far is complete: a call that fails later starts over from here."""
        self._before_turn, self._done_outside = checkpoint(self.state), False

    def _start_over_if_due(self) -> None:
        """While a call keeps failing, continue as new from the beginning of the turn.

        Else the history would grow for as long as a counterpart is away, and code that mends the call would not reach
        this entity. Not where another call of the turn has succeeded: its decision is known outside already.
        """
        if self._before_turn is None or self._done_outside or len(self._in_hand) + len(self.inbox) > INBOX_CARRIED:
            return
        if workflow.info().is_continue_as_new_suggested() or new_version_waits():
            restore(self.state, self._before_turn)
            for name, why in self._incidents.items():
                if name not in self._known_incidents:
                    self.record("incident.opened", call=name, error=why)
            self.inbox = [*self._in_hand, *self.inbox]
            # The same messages alone: a call of the same key must not say something else.
            self._continue_as_new(retake=len(self._in_hand))

    def _open_incident(self, name: str, error: FailureError) -> None:
        cause = error.cause if isinstance(error, ActivityError) else error
        message = (cause.message if isinstance(cause, ApplicationError) else str(cause or error))[:300]
        if name not in self._incidents:
            self.record("incident.opened", call=name, error=message)
        self._show_incidents({**self._incidents, name: message})

    def _show_incidents(self, incidents: Mapping[str, str]) -> None:
        """Show the longest-failing call as search attribute; several may fail at once, each recovering on its own."""
        shown, self._incidents = next(iter(self._incidents), None), incidents
        first = next(iter(incidents), None)
        if first != shown:
            workflow.upsert_search_attributes([sa.INCIDENT.value_set(first) if first else sa.INCIDENT.value_unset()])
        self.show()

    def show(self) -> None:
        """Show the current state to operators; adds no event to the history."""
        failing = "".join(
            f"**Incident**: `{name}` keeps failing: {message}\n\nIt is tried again; nothing is lost.\n\n"
            for name, message in self._incidents.items()
        )
        workflow.set_current_details(failing + self.details())


def _asked_pause(error: FailureError) -> timedelta:
    """How long the counterpart asks to be left alone."""
    cause = error.cause if isinstance(error, ActivityError) else error
    asked = cause.next_retry_delay if isinstance(cause, ApplicationError) else None
    return asked or timedelta(0)


def _locally(method: Callable[[Any, Any], Awaitable[Result]], call: object) -> Callable[[], Awaitable[Result]]:
    return lambda: workflow.execute_local_activity_method(
        method, args=[call], start_to_close_timeout=INTERNAL_TIMEOUT, retry_policy=INTERNAL_RETRIES
    )
