"""What the entities share: the loop that they live by, their calls, and what an operator sees of failures.

The loop takes what arrived, acts, comes to rest and waits; `Entity.live` has it once. Handlers only put messages into
the inbox.

A call is tried by Temporal a few times with growing pauses; when that is not enough, or the counterpart says that
nothing will change without a person, the workflow shows an incident (search attribute, current details, audit event)
and goes on trying at a slow pace. It never asks a buyer about a technical failure and never gives a call up.

A defect of the code is an incident as well. A message that can't be digested is set aside with its reason and tried
again later; the entity goes on with the others. Where it is no message's fault, the entity waits and decides again
later, at the latest with its next message. A run that met a defect continues as new at once: other code may decide the
same messages otherwise, and no open history may hold the old decision.
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
from workflows.memory import Message, RunInput, SetAside, State, checkpoint, event_id, restore

Result = TypeVar("Result")

CALL_TIMEOUT = timedelta(seconds=30)
"""Start to close of a call to a counterpart."""
CALL_HEARTBEAT = timedelta(seconds=5)
"""A killed worker's call runs again after this."""
CALL_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=20),
    maximum_attempts=7,
)
INTERNAL_TIMEOUT = timedelta(seconds=30)
"""Longer than the desk itself waits for master data (activities.internal.MASTER_DATA_SECONDS)."""
INTERNAL_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
    maximum_attempts=6,
)
INCIDENT_PAUSES = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
DEFECT_PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""Until a message or a decision that met a defect is tried again."""
DEFECT_OF_MESSAGE = "defect.message"
DEFECT_OF_DECISION = "defect.decision"
MOMENT = timedelta(milliseconds=1)
"""The shortest timer."""
INBOX_CARRIED = 500
"""So many messages at most go over into the next run: all are one argument, which may have 2 MB."""


class RecordingCall(Protocol):
    """A call that takes audit events along."""

    @property
    def audit_batch(self) -> AuditBatch: ...


class _Failure(NamedTuple):
    why: str
    by_message: bool
    """The messages that were tried are to blame; the state is as it was before them."""


def activity_name(method: Callable[..., Any]) -> str:
    """The name that the activity is registered under."""
    return str(activity._Definition.must_from_callable(method).name)


class Entity(ABC, Generic[State, Message]):
    """Base of the entity workflows."""

    def __init__(self, given: RunInput[Any, State, Message], state: State) -> None:
        self.state = state
        self.inbox: list[Message] = [*given.inbox]
        self._input_type = type(given)
        self._set_aside = [*given.set_aside]
        self._defect = given.defect
        self._failures, self._retry_at = given.failures, given.retry_at
        self._met_defect = False
        self._called_out = False
        """Somebody outside may know of what was decided in this turn."""
        defects = {DEFECT_OF_MESSAGE: self._defect_of_message, DEFECT_OF_DECISION: self._defect}
        self._incidents: Mapping[str, str] = MappingProxyType({name: why for name, why in defects.items() if why})
        """What keeps failing, and why."""

    # -- what a subclass says of itself

    @abstractmethod
    async def take(self, messages: Sequence[Message]) -> None:
        """Take note of what arrived, in this order."""

    @abstractmethod
    async def act(self) -> None:
        """Do what the state asks for; called after each take, and when the time to wait is over."""

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Nothing is left to wait for."""

    def time_to_wait(self) -> timedelta | None:
        """After which it acts without a message; None: never."""
        return None

    def remembered(self) -> State:
        """What the next run goes on with: all that is still decided by, and nothing that only grows with time."""
        return self.state

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The present state, for the ledger's reads."""

    @abstractmethod
    def details(self) -> str:
        """The present state in an operator's words, for Temporal's UI."""

    # -- the loop

    async def live(self) -> None:
        """Take, act, come to rest and wait, until it has ended; continue as new when Temporal suggests it."""
        if self._retry_at is not None and not self.inbox:
            await self._wait()
        while True:
            await self._turn()
            if self.ended and not self.inbox and not self._defect:
                return
            self._continue_as_new_if_due()
            if not self.inbox:
                await self._wait()
                # Before anything is decided: while messages pour in, only a short workflow task is not interrupted.
                self._continue_as_new_if_due()

    async def come_to_rest(self) -> None:
        """Before it waits or ends: nothing stays unwritten."""
        self.show()
        if self.event_log.unwritten:
            await self.recorded(InternalActivities.record, RecordCall(audit_batch=self.audit_batch()))

    async def _turn(self) -> None:
        retried = self._to_be_retried()
        messages, self.inbox = [*retried, *self.inbox], []
        await self._digest(messages, retried)
        if self._incidents or self._set_aside or self._defect:
            await self._report_defects()

    async def _digest(self, messages: Sequence[Message], retried: Sequence[Message]) -> None:
        """Take and act; where that meets a defect, message by message, so that only the one at fault is set aside."""
        failure = await self._attempt(messages)
        if failure is None:
            return
        self._met_defect = True
        if not failure.by_message:
            self._defect = failure.why
        elif len(messages) > 1:
            for message in messages:
                await self._digest([message], retried)
        else:
            self._put_aside(messages[0], failure.why, known=messages[0] in retried)

    async def _attempt(self, messages: Sequence[Message]) -> _Failure | None:
        """A turn. A defect undoes it, unless others may know of it by then.

        Temporal's own errors pass: they end the run, or have this task decided again.
        """
        before, to_blame = checkpoint(self.state), bool(messages)
        self._called_out = False
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
        return None

    async def _wait(self) -> None:
        """For a message; at most until it is time to act without one. One timer at a time."""
        pauses = [] if self._defect else [self.time_to_wait()]
        if self._retry_at is not None:
            pauses.append(self._retry_at - workflow.now())
        pause = min((each for each in pauses if each is not None), default=None)
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: bool(self.inbox), timeout=None if pause is None else max(pause, MOMENT)
            )

    def _continue_as_new_if_due(self) -> None:
        suggested = workflow.info().is_continue_as_new_suggested() and len(self.inbox) <= INBOX_CARRIED
        if suggested or self._met_defect:
            self._continue_as_new()

    def _continue_as_new(self) -> NoReturn:
        workflow.continue_as_new(
            self._input_type(
                state=self.remembered(),
                inbox=self.inbox,
                set_aside=self._set_aside,
                defect=self._defect,
                failures=self._failures,
                retry_at=self._retry_at,
            )
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

    async def _report_defects(self) -> None:
        """Incidents that open and close; and when the entity tries again."""
        now = workflow.now()
        if self._met_defect and (self._retry_at is None or self._retry_at <= now):
            # What else meets a defect until then postpones nothing.
            self._retry_at = now + DEFECT_PAUSES[min(self._failures, len(DEFECT_PAUSES) - 1)]
            self._failures += 1
        elif not self._set_aside and not self._defect:
            self._failures, self._retry_at = 0, None
        incidents = dict(self._incidents)
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
            # Its state can't even be shown; what is unwritten goes along into the next run.
            workflow.logger.exception("the state of %s can't be shown", workflow.info().workflow_id)

    @property
    def _defect_of_message(self) -> str:
        return self._set_aside[0].reason if self._set_aside else ""

    # -- audit events

    @property
    def event_log(self) -> EventLog:
        """The audit events that are not written yet."""
        return self.state.event_log

    def record(self, kind: str, business_time: datetime | None = None, /, **data: JsonValue) -> None:
        """Append an audit event; its business time is the sender's where there is one."""
        now = workflow.now()
        self.event_log.record(kind, business_time or now, now, **data)

    def audit_batch(self) -> AuditBatch:
        """What rides along with the call that is made next."""
        audit_batch = AuditBatch(
            audit_events=tuple(self.event_log.unwritten),
            snapshot=self.snapshot(),
            after=self.event_log.sequence,
            writer=workflow.info().first_execution_run_id,
        )
        self.calls_out()
        return audit_batch

    def calls_out(self) -> None:
        """From here on others may know of what was decided: a defect does not undo it any more."""
        self._called_out = True

    # -- calls

    async def internal(self, method: Callable[[Any, Any], Awaitable[Result]], call: BaseModel) -> Result:
        """A local activity inside our own walls, until it succeeds."""
        return await self.persist(_locally(method, call), activity_name(method))

    async def recorded(self, method: Callable[[Any, Any], Awaitable[Result]], call: RecordingCall) -> Result:
        """The same with the audit events that the call takes along (`audit_batch()`): they are written then."""
        return await self.with_events(call.audit_batch, _locally(method, call), activity_name(method))

    async def with_events(
        self, audit_batch: AuditBatch | None, call: Callable[[], Awaitable[Result]], name: str
    ) -> Result:
        """Make any call that takes `audit_batch` along, until it succeeds; then its audit events are written."""
        result = await self.persist(call, name)
        if audit_batch is not None:
            self.event_log.written(audit_batch.sequence)
        return result

    async def policy_now(
        self, known: PlantPolicy, *, item_class: str = "", item: str = "", supplier: str = ""
    ) -> PlantPolicy:
        """What holds now for the plant, and for the item and supplier there; the known one where nothing changed.

        What was decided before stands.
        """
        call = PolicyCall(plant=known.plant, item_class=item_class, item=item, supplier=supplier, known=known.version)
        found = await self.internal(InternalActivities.policy, call)
        if found is None or found.version == known.version:
            return known
        self.record("policy.changed", version=found.version, before=known.version)
        return found

    async def persist(self, call: Callable[[], Awaitable[Result]], name: str) -> Result:
        """Make a call until it succeeds, showing an incident while it does not."""
        failures = 0
        while True:
            try:
                result = await call()
            except FailureError as error:
                # A local activity's own error comes bare. Its time-out comes as the cause of an ActivityError at first
                # and bare in a replay, so that both have to end here, with the same words.
                if is_cancelled_exception(error):
                    raise
                self._open_incident(name, error)
                await workflow.sleep(INCIDENT_PAUSES[min(failures, len(INCIDENT_PAUSES) - 1)])
                failures += 1
            else:
                if name in self._incidents:
                    self.record("incident.closed", call=name)
                    self._show_incidents({key: statement for key, statement in self._incidents.items() if key != name})
                return result

    def _open_incident(self, name: str, error: FailureError) -> None:
        cause = error.cause if isinstance(error, ActivityError) else error
        message = (cause.message if isinstance(cause, ApplicationError) else str(cause or error))[:300]
        if name not in self._incidents:
            self.record("incident.opened", call=name, error=message)
        self._show_incidents({**self._incidents, name: message})

    def _show_incidents(self, incidents: Mapping[str, str]) -> None:
        """By search attribute the one that fails longest; calls fail beside each other, and each ends for itself."""
        shown, self._incidents = next(iter(self._incidents), None), incidents
        first = next(iter(incidents), None)
        if first != shown:
            workflow.upsert_search_attributes([sa.INCIDENT.value_set(first) if first else sa.INCIDENT.value_unset()])
        self.show()

    def show(self) -> None:
        """Say the present state to operators; costs no event."""
        failing = "".join(
            f"**Incident**: `{name}` keeps failing: {message}\n\nIt is tried again; nothing is lost.\n\n"
            for name, message in self._incidents.items()
        )
        workflow.set_current_details(failing + self.details())


def _locally(method: Callable[[Any, Any], Awaitable[Result]], call: object) -> Callable[[], Awaitable[Result]]:
    return lambda: workflow.execute_local_activity_method(
        method, args=[call], start_to_close_timeout=INTERNAL_TIMEOUT, retry_policy=INTERNAL_RETRIES
    )
