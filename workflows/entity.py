"""What the entities share: the event log, calls that never give up, and what an operator sees meanwhile.

A call is tried by Temporal a few times with growing pauses; when that is not enough, or the counterpart says that
nothing will change without a person, the workflow shows an incident (search attribute, current details, an audit
event) and
goes on trying at a slow pace. It never asks a buyer about a technical failure and never gives a call up.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

from pydantic import JsonValue
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

from activities.internal import InternalActivities
from canonical.calls import RecordCall
from canonical.records import AuditBatch, Snapshot
from workflows import search_attributes as sa
from workflows.event_log import EventLog

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


class Entity(ABC):
    """Base of the entity workflows; a subclass has `event_log` and says its `snapshot()` and `details()`."""

    event_log: EventLog
    correlation_id: str
    _incidents: Mapping[str, str] = MappingProxyType({})
    """The calls that keep failing, and what they say."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The present state, for the ledger's reads."""

    @abstractmethod
    def details(self) -> str:
        """The present state in an operator's words, for Temporal's UI."""

    def record(self, kind: str, business_time: datetime | None = None, /, **data: JsonValue) -> None:
        """Append an audit event; its business time is the sender's where there is one."""
        now = workflow.now()
        self.event_log.record(kind, business_time or now, now, **data)

    def audit_batch(self) -> AuditBatch:
        """What rides along with the next activity."""
        return AuditBatch(
            audit_events=tuple(self.event_log.unwritten),
            snapshot=self.snapshot(),
            after=self.event_log.sequence,
            writer=workflow.info().first_execution_run_id,
        )

    async def carried(self, audit_batch: AuditBatch | None, call: Callable[[], Awaitable[Result]], name: str) -> Result:
        """Make a call that takes `entry` along, until it succeeds; then its audit events are written."""
        result = await self.persist(call, name)
        if audit_batch is not None:
            self.event_log.written(audit_batch.sequence)
        return result

    async def come_to_rest(self) -> None:
        """Before it rests or ends: nothing stays unwritten."""
        self.show()
        if not self.event_log.unwritten:
            return
        audit_batch = self.audit_batch()
        await self.carried(
            audit_batch,
            lambda: workflow.execute_local_activity_method(
                InternalActivities.record,
                RecordCall(audit_batch=audit_batch),
                start_to_close_timeout=INTERNAL_TIMEOUT,
                retry_policy=INTERNAL_RETRIES,
            ),
            "internal.record",
        )

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
