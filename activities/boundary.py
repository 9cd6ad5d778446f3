"""The one place where adapter errors become Temporal failures, and where calls record the audit events they carry.

Business outcomes are returned; only a failed call is raised. Transient errors are retried by Temporal, after the
time the counterpart asked for; permanent ones are not, and the workflow shows them as an incident.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.ports import LedgerPort
from adapters.errors import AdapterError, PermanentError, TransientError
from canonical.calls import Call

MESSAGE_LIMIT = 800
HEARTBEAT_SECONDS = 2


def maybe_written(call: Call) -> bool:
    """Whether an earlier attempt may have written: a retry, or a step that failed before."""
    return call.maybe_written or activity.info().attempt > 1


@asynccontextmanager
async def counterpart(ledger: LedgerPort, call: Call) -> AsyncIterator[None]:
    """Record the audit events of the call, heartbeat while it runs, and translate its errors."""
    beat = asyncio.create_task(_heartbeat())
    try:
        async with _translated(ledger, call):
            yield
    finally:
        beat.cancel()


async def _heartbeat() -> None:
    """Show the server that this worker is alive; a quick call ends before the first heartbeat."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        activity.heartbeat()


@asynccontextmanager
async def _translated(ledger: LedgerPort, call: Call) -> AsyncIterator[None]:
    if call.audit_batch is not None and call.audit_batch.audit_events:
        await ledger.record([call.audit_batch])
    try:
        yield
    except TransientError as error:
        raise ApplicationError(
            str(error)[:MESSAGE_LIMIT],
            type="TransientError",
            next_retry_delay=_delay(error.retry_after_seconds),
        ) from error
    except PermanentError as error:
        raise ApplicationError(str(error)[:MESSAGE_LIMIT], type="PermanentError", non_retryable=True) from error
    except AdapterError as error:
        raise ApplicationError(str(error)[:MESSAGE_LIMIT], type="AdapterError") from error
    except (ValueError, ArithmeticError, LookupError) as error:
        # A number, day or field of the counterpart's that no model of ours can hold.
        detail = f"the counterpart's answer can't be used: {type(error).__name__}: {error}"
        raise ApplicationError(detail[:MESSAGE_LIMIT], type="PermanentError", non_retryable=True) from error


def _delay(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
