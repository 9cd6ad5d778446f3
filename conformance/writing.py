"""Cases of every port that writes whole documents under a key (a planning system's coverage, a supplier's documents):
one document, whatever happens to the calls.

Decided here: what holds for all of them. What is particular to a port is in its own package; ERPs, whose documents have
numbers and people who edit them, have cases of their own (conformance.erp).
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

import httpx
import pytest

from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.http import correlation
from canonical.order import Refused, WriteOutcome, Written
from conformance.faults import BUSY, JSON, LATE, LOST, UNREADABLE, CallFault, FaultKind, FaultTransport
from conformance.verdict import CannotHappen, Nonconforming, all_at_once, outcome_of

ATTEMPTS = 5
"""How often an activity is tried here."""
_LATE_SECONDS = 0.2

Document = TypeVar("Document")
Connected = TypeVar("Connected")
Connected_co = TypeVar("Connected_co", covariant=True)
Connected_contra = TypeVar("Connected_contra", contravariant=True)


class WritingBench(Protocol[Connected_co]):
    """What every such bench has; each port adds a template and a look at what the system holds."""

    @property
    def secrets(self) -> Sequence[str]:
        """What may stand in no message: the password, the client secret."""
        ...

    def transport(self) -> httpx.AsyncBaseTransport:
        """A new transport to the system: httpx.AsyncHTTPTransport() for one that listens at an address."""
        ...

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        """The adapter's HTTP client on that transport, with base URL and log-on (adapters.http.make_client)."""
        ...

    def connect(self, client: httpx.AsyncClient) -> Connected_co:
        """A new adapter, as after a worker's start; it remembers nothing."""
        ...


class Subject(Protocol[Connected_contra, Document]):
    """What is written, by which call, and how the system is looked at past the adapter."""

    def new(self) -> Document:
        """A document that the system takes, which nobody has written yet."""
        ...

    async def write(self, system: Connected_contra, document: Document, key: str) -> WriteOutcome:
        """The port's call."""
        ...

    async def differs(self, document: Document) -> str:
        """In what the system holds something else than the document exactly once; empty: in nothing."""
        ...


@dataclass(frozen=True)
class WriterOnTrial(Generic[Connected]):
    """An adapter, and what happens to its calls."""

    system: Connected
    faults: FaultTransport

    @property
    def met(self) -> str:
        """The calls that met a fault, as the end of a sentence."""
        return self.faults.met


@dataclass(frozen=True)
class WritingTrial(Generic[Connected, Document]):
    """What a case gets."""

    bench: WritingBench[Connected]
    subject: Subject[Connected, Document]
    rule: str

    def require(self, holds: bool, seen: str, do: str) -> None:
        """Fail with the case's rule, what was seen, and what to do, unless it holds."""
        if not holds:
            raise Nonconforming(self.rule, seen, do)

    @asynccontextmanager
    async def adapter(self) -> AsyncIterator[WriterOnTrial[Connected]]:
        """A new adapter, that nothing else uses."""
        faults = FaultTransport(self.bench.transport())
        async with self.bench.client(faults) as client:
            yield WriterOnTrial(self.bench.connect(client), faults)
            faults.strike_all(None)
            await faults.settled()

    async def attempt(
        self, adapter: WriterOnTrial[Connected], document: Document, key: str
    ) -> WriteOutcome | AdapterError:
        """One call: its outcome, or the adapter's error; any other exception fails the case."""
        call = partial(self.subject.write, adapter.system, document, key)
        return await outcome_of(call, self.rule, self.bench.secrets, adapter.faults)

    async def until_written(self, adapter: WriterOnTrial[Connected], document: Document, key: str) -> Written:
        """Written as the activity does it: repeated after errors. After a PermanentError a person has mended it."""
        outcome: WriteOutcome | AdapterError | None = None
        for _ in range(ATTEMPTS):
            outcome = await self.attempt(adapter, document, key)
            if isinstance(outcome, Written):
                return outcome
            self.require(
                not isinstance(outcome, Refused),
                f"{outcome!r}{adapter.met}",
                "return Refused only where the system understood the document and will not take it",
            )
        raise Nonconforming(
            self.rule,
            f"not written after {ATTEMPTS} attempts; the last one: {outcome!r}{adapter.met}",
            "let a repeated call do no harm, and have it end",
        )

    async def holds(self, document: Document, after: str = "") -> None:
        """Fail unless the system holds the document, exactly and once."""
        different = await self.subject.differs(document)
        self.require(not different, f"{different}{after}", "write it exactly as asked, once")

    async def at_each_call(self, one: Callable[[int], Awaitable[None]]) -> None:
        """Run it for the first, the second, … call that writing makes, all at once; the first failure is raised."""
        async with self.adapter() as adapter:
            await self.until_written(adapter, self.subject.new(), new_key())
            calls = adapter.faults.count
        await all_at_once(calls, one, self.rule)


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return f"conformance/{uuid.uuid4()}#write-1"


Steps = Callable[[WritingTrial[Connected, Document]], Awaitable[None]]


@dataclass(frozen=True)
class WritingCase(Generic[Connected, Document]):
    """A case of such a suite: its name, its rule in a sentence, and what it does."""

    name: str
    rule: str
    steps: Steps[Connected, Document]

    async def run(self, bench: WritingBench[Connected], subject: Subject[Connected, Document]) -> None:
        """Try the adapter. Raises Nonconforming; skips, with the reason, what the bench says cannot happen."""
        __tracebackhide__ = True
        try:
            await self.steps(WritingTrial(bench, subject, self.rule))
        except CannotHappen as reason:
            pytest.skip(str(reason))


async def _as_asked(trial: WritingTrial[Connected, Document]) -> None:
    async with trial.adapter() as adapter:
        document = trial.subject.new()
        await trial.until_written(adapter, document, new_key())
        await trial.holds(document)


async def _repeated(trial: WritingTrial[Connected, Document]) -> None:
    async with trial.adapter() as first, trial.adapter() as second:
        document, key = trial.subject.new(), new_key()
        await trial.until_written(first, document, key)
        for each in (first, second):
            await trial.until_written(each, document, key)
        await trial.holds(document, " after it was repeated under the same key, by another process, too")


async def _at_once(trial: WritingTrial[Connected, Document]) -> None:
    async with trial.adapter() as adapter:
        document, key = trial.subject.new(), new_key()
        await asyncio.gather(*(trial.until_written(adapter, document, key) for _ in range(6)))
        await trial.holds(document, " after six calls at the same moment")


async def _others_stay(trial: WritingTrial[Connected, Document]) -> None:
    async with trial.adapter() as adapter:
        one, other = trial.subject.new(), trial.subject.new()
        for document in (one, other):
            await trial.until_written(adapter, document, new_key())
        for document in (one, other):
            await trial.holds(document, " when another was written, too")


async def _struck(fault: CallFault, trial: WritingTrial[Connected, Document]) -> None:
    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document, key = trial.subject.new(), new_key()
            adapter.faults.strike(nth, fault)
            await trial.until_written(adapter, document, key)
            await adapter.faults.settled()
            await trial.holds(document, f"{adapter.met} ({fault})")

    await trial.at_each_call(one)


async def _busy(fault: CallFault, trial: WritingTrial[Connected, Document]) -> None:
    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document, key = trial.subject.new(), new_key()
            adapter.faults.strike(nth, fault)
            began = time.monotonic()
            outcome = await trial.attempt(adapter, document, key)
            waited = time.monotonic() - began >= 7
            asked = isinstance(outcome, TransientError) and outcome.retry_after_seconds == 7
            trial.require(
                asked or waited,
                f"{outcome!r}{adapter.met} ({fault})",
                "raise TransientError with the retry_after_seconds of the header",
            )
            if nth == 1 and isinstance(outcome, TransientError):
                trial.require(not outcome.maybe_written, f"{outcome!r} is maybe written", "a busy system wrote nothing")
            await trial.until_written(adapter, document, key)
            await trial.holds(document)

    await trial.at_each_call(one)


async def _lost_write_is_known(trial: WritingTrial[Connected, Document]) -> None:
    async with trial.adapter() as adapter:
        document, key = trial.subject.new(), new_key()
        adapter.faults.strike_all(CallFault(FaultKind.CUT))
        outcome = await trial.attempt(adapter, document, key)
        adapter.faults.strike_all(None)
        written = not await trial.subject.differs(document)
        trial.require(
            isinstance(outcome, TransientError) and (outcome.maybe_written or not written),
            f"{outcome!r}, and the system {'holds' if written else 'does not hold'} the document",
            "call through adapters.http.exchange with writes=True",
        )


async def _down(trial: WritingTrial[Connected, Document]) -> None:
    async with trial.adapter() as adapter:
        adapter.faults.strike_all(CallFault(FaultKind.NOT_CONNECTED))
        outcome = await trial.attempt(adapter, trial.subject.new(), new_key())
        trial.require(
            isinstance(outcome, TransientError) and not outcome.maybe_written,
            f"{outcome!r}",
            "raise TransientError; maybe_written only where a write may have arrived (adapters.http.exchange does)",
        )


async def _no_log_on(trial: WritingTrial[Connected, Document]) -> None:
    for status in (401, 403):
        async with trial.adapter() as adapter:
            document = trial.subject.new()
            adapter.faults.strike_all(CallFault(FaultKind.ANSWERED, status=status, headers=JSON, body=b"{}"))
            outcome = await trial.attempt(adapter, document, new_key())
            trial.require(
                isinstance(outcome, PermanentError),
                f"{outcome!r} where every call is answered {status}",
                "renew a session once, then raise PermanentError: a person has to change something",
            )
            adapter.faults.strike_all(None)
            await trial.until_written(adapter, document, new_key())
            await trial.holds(document)


async def _correlation_id(trial: WritingTrial[Connected, Document]) -> None:
    token = correlation.set("conformance-1")
    try:
        async with trial.adapter() as adapter:
            await trial.until_written(adapter, trial.subject.new(), new_key())
            without = adapter.faults.paths_without("x-correlation-id", "conformance-1")
            trial.require(not without, f"calls without it: {', '.join(without)}", "call through adapters.http.exchange")
    finally:
        correlation.reset(token)


def writing_cases() -> Sequence[WritingCase[Connected, Document]]:
    """Those that hold for every port."""
    late = CallFault(LATE.kind, _LATE_SECONDS)
    return (
        WritingCase("as_asked", "What is written is held exactly as it was asked for.", _as_asked),
        WritingCase("repeated", "Repeated under one key it is one document, whoever repeats it.", _repeated),
        WritingCase("six_at_once", "Six calls for one document at the same moment make one.", _at_once),
        WritingCase("others_stay_others", "Each document is one of its own.", _others_stay),
        WritingCase("lost_write_is_known", "A write whose answer was lost is maybe written.", _lost_write_is_known),
        WritingCase("down", "A system that can't be reached is a TransientError that is not maybe written.", _down),
        WritingCase("no_log_on", "A log-on or right that is missing is a PermanentError.", _no_log_on),
        WritingCase("correlation_id", "Every call carries the correlation id, to be followed there.", _correlation_id),
        *_for_each("lost_call", "Whatever call is lost, repeating it ends with one document.", _struck, *LOST, late),
        *_for_each("unreadable_answer", "An unreadable answer costs no second document.", _struck, *UNREADABLE),
        *_for_each("busy", "A busy system is left alone for as long as it asks.", _busy, *BUSY),
    )


def _for_each(
    name: str,
    rule: str,
    steps: Callable[[CallFault, WritingTrial[Connected, Document]], Awaitable[None]],
    *faults: CallFault,
) -> Sequence[WritingCase[Connected, Document]]:
    return [WritingCase(f"{name}[{each}]", f"{rule} (here: {each})", partial(steps, each)) for each in faults]


__all__ = [
    "Subject",
    "WriterOnTrial",
    "WritingBench",
    "WritingCase",
    "WritingTrial",
    "new_key",
    "writing_cases",
]
