"""One case against one bench: adapters with their faults, documents of their own, and the words of a failure."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import pytest

from adapters.errors import AdapterError, TransientError
from adapters.ports import ErpPort
from canonical.identity import OrderId, external_reference, requirement_reference
from canonical.order import AwaitingApproval, DocumentLine, OrderDocument, Placed, PlaceOutcome, Refused, WrittenLine
from conformance.erp.bench import ConnectedErp, ErpBench, SeenLine, SeenOrder
from conformance.faults import CallFault, FaultTransport
from conformance.verdict import CannotHappen, Nonconforming, all_at_once, outcome_of

Found = TypeVar("Found")

ATTEMPTS = 5
"""How often an activity is tried here."""
_PAUSE_MAX = 1.0


@dataclass(frozen=True)
class AdapterOnTrial:
    """An adapter, and what happens to its calls."""

    system: ConnectedErp
    faults: FaultTransport

    @property
    def erp(self) -> ErpPort:
        """The port that is tested."""
        return self.system.orders

    @property
    def met(self) -> str:
        """The calls that met a fault, as the end of a sentence."""
        return self.faults.met


@dataclass(frozen=True)
class Trial:
    """What a case gets."""

    bench: ErpBench
    rule: str

    def require(self, holds: bool, seen: str, do: str) -> None:
        """Fail with the case's rule, what was seen, and what to do, unless it holds."""
        if not holds:
            raise Nonconforming(self.rule, seen, do)

    @asynccontextmanager
    async def adapter(
        self, *, settle_seconds: float | None = None, second_create_seconds: float | None = None
    ) -> AsyncIterator[AdapterOnTrial]:
        """A new adapter, that nothing else uses."""
        settle = self.bench.settle_seconds if settle_seconds is None else settle_seconds
        second = settle if second_create_seconds is None else second_create_seconds
        faults = FaultTransport(self.bench.transport())
        async with self.bench.client(faults) as client:
            yield AdapterOnTrial(
                self.bench.connect(client, settle_seconds=settle, second_create_seconds=second), faults
            )
            faults.strike_all(None)
            await faults.settled()

    def in_time(self, attempt: Callable[[AdapterOnTrial, int], Awaitable[None]]) -> Callable[[int], Awaitable[None]]:
        """The attempt at a call, with a new adapter; again where it fails and what was to be late was later than that.

        A busy machine is no fault of the adapter's.
        """

        async def one(nth: int) -> None:
            for left in reversed(range(ATTEMPTS)):
                async with self.adapter() as adapter:
                    try:
                        return await attempt(adapter, nth)
                    except Nonconforming:
                        await adapter.faults.settled()
                        if not left or adapter.faults.behind < self.bench.settle_seconds / 4:
                            raise

        return one

    # Documents

    def document(self, *, lines: Iterable[DocumentLine] | None = None, **other: Any) -> OrderDocument:
        """The bench's order under a reference of its own."""
        order_id = OrderId(f"order/{self.bench.template.plant}/conformance/{uuid.uuid4()}")
        return self.bench.template.model_copy(
            update={
                "order_id": order_id,
                "reference": external_reference(order_id),
                "lines": tuple(lines if lines is not None else self.bench.template.lines),
                **other,
            }
        )

    def line(self, index: int = 0, **other: Any) -> DocumentLine:
        """A line of the bench's order, changed so."""
        return self.bench.template.lines[index].model_copy(
            update={"requirement_reference": requirement_reference(str(uuid.uuid4())), **other}
        )

    @property
    def day(self) -> dt.date:
        """The day that the bench's order is to come."""
        return self.bench.template.lines[0].delivery_date

    # Calls

    async def call(self, adapter: AdapterOnTrial, call: Callable[[], Awaitable[Found]]) -> Found | AdapterError:
        """The outcome, or the adapter's error; any other exception fails the case."""
        return await outcome_of(call, self.rule, self.bench.secrets, adapter.faults)

    async def try_to_place(
        self, adapter: AdapterOnTrial, document: OrderDocument, *, maybe_written: bool = False
    ) -> PlaceOutcome | AdapterError:
        """One attempt."""
        place = partial(
            adapter.erp.place_order, document, key=f"{document.order_id}#place", maybe_written=maybe_written
        )
        return await self.call(adapter, place)

    async def until_placed(
        self, adapter: AdapterOnTrial, document: OrderDocument, *, maybe_written: bool = False
    ) -> Placed:
        """Placed as the activity does it: repeated after errors, and from the second attempt on maybe written.

        After a PermanentError a person has changed something, and it is tried again.
        """
        outcome: PlaceOutcome | AdapterError | None = None
        for _ in range(ATTEMPTS):
            outcome = await self.try_to_place(adapter, document, maybe_written=maybe_written)
            if isinstance(outcome, Placed):
                return outcome
            self.require(
                not isinstance(outcome, Refused),
                f"Refused: {outcome}{adapter.met}",
                "return Refused only where the system understood the order and will not take it",
            )
            self.require(
                not isinstance(outcome, AwaitingApproval),
                f"it waits for the approval of the system's people: {outcome}",
                "have the system on trial approve what is submitted at once",
            )
            maybe_written = True
            await pause(outcome)
        raise Nonconforming(
            self.rule,
            f"not placed after {ATTEMPTS} attempts; the last one: {outcome}{adapter.met}",
            "let an attempt go on where the one before it ended",
        )

    async def placed(
        self, adapter: AdapterOnTrial, document: OrderDocument | None = None
    ) -> tuple[OrderDocument, SeenOrder]:
        """An order placed without any fault: the document with its numbers, and as the system holds it."""
        wanted = document or self.document()
        outcome = await self.until_placed(adapter, wanted)
        seen = await self.the_order(wanted, outcome)
        numbers = {"order_number": outcome.order_number, "requisition_number": outcome.requisition_number}
        return wanted.model_copy(update=numbers), seen

    async def until_done(self, adapter: AdapterOnTrial, call: Callable[[], Awaitable[Found]]) -> Found:
        """The outcome of a change, repeated after errors as the activity does it."""
        outcome: Found | AdapterError | None = None
        for _ in range(ATTEMPTS):
            outcome = await self.call(adapter, call)
            if not isinstance(outcome, AdapterError):
                return outcome
            await pause(outcome)
        raise Nonconforming(
            self.rule,
            f"not done after {ATTEMPTS} attempts; the last one: {outcome}{adapter.met}",
            "read the document at the beginning of each attempt, and write only what is missing",
        )

    async def at_each_call(self, calls: int, one: Callable[[int], Awaitable[None]]) -> None:
        """Run it for the first, the second, … of so many calls, all at once; the first failure is raised."""
        await all_at_once(calls, one, self.rule)

    # What the system holds

    async def living(self, document: OrderDocument) -> list[SeenOrder]:
        """The orders of the document's reference that somebody may still deliver."""
        return [order for order in await self.bench.orders(document.reference) if order.lives]

    async def the_order(self, document: OrderDocument, outcome: Placed, fault: object = "") -> SeenOrder:
        """The one order that the system holds of the document; fails unless it is exactly one, as the outcome says."""
        living = await self.living(document)
        after = f" after {fault}" if fault else ""
        numbers = ", ".join(order.number for order in living) or "none"
        self.require(
            len(living) == 1,
            f"{len(living)} living orders of reference {document.reference}{after}: {numbers}",
            "look for the reference before creating; after a lost answer, wait the settle time and look again",
        )
        self.require(
            living[0].number == outcome.order_number,
            f"the outcome names order {outcome.order_number}, the system holds {living[0].number}{after}",
            "return the number under which the system holds the order",
        )
        return living[0]

    def holds(self, seen: SeenOrder, wanted: DocumentLine) -> SeenLine:
        """The line; fails unless the system holds it as it is wanted, in one delivery."""
        line = seen.line(wanted.line)
        if line is None:
            raise Nonconforming(
                self.rule,
                f"order {seen.number} has no line {wanted.line}; it has {[one.line for one in seen.lines]}",
                "write every line under its own number, or keep the number where it can be read again",
            )
        asked: Mapping[str, object] = {
            "item": wanted.item,
            "quantity": wanted.quantity,
            "unit": wanted.unit,
            "price": wanted.price / wanted.price_unit,
            "deliveries": ((wanted.delivery_date, wanted.quantity),),
        }
        for name, value in asked.items():
            held = getattr(line, name)
            self.require(
                held == value,
                f"line {wanted.line}: {name} {_shown(value)} was asked for, the system holds {_shown(held)}",
                "write it exactly as asked, or return Refused before anything is written",
            )
        return line


def written(line: DocumentLine, **other: Any) -> WrittenLine:
    """The state that was written of a line."""
    known: dict[str, Any] = {"quantity": line.quantity, "delivery_date": line.delivery_date, "price": line.price}
    return WrittenLine(**{**known, **other})


@dataclass(frozen=True)
class Case:
    """A case of a suite: its name, its rule in a sentence, and what it does."""

    name: str
    rule: str
    steps: Callable[[Trial], Awaitable[None]]

    async def run(self, bench: ErpBench) -> None:
        """Try the adapter. Raises Nonconforming; skips, with the reason, what the bench says cannot happen."""
        __tracebackhide__ = True
        try:
            await self.steps(Trial(bench, self.rule))
        except CannotHappen as reason:
            pytest.skip(str(reason))


def case(rule: str) -> Callable[[Callable[[Trial], Awaitable[None]]], Case]:
    """Make a function a case, under its own name."""
    return lambda steps: Case(steps.__name__, rule, steps)


Steps = Callable[[Trial, CallFault], Awaitable[None]]


def for_each_fault(rule: str, faults: Sequence[CallFault]) -> Callable[[Steps], Sequence[Case]]:
    """Make a function a case for each of the faults."""
    return lambda steps: tuple(
        Case(f"{steps.__name__}[{fault}]", f"{rule} (here: {fault})", partial(_with_fault, steps, fault))
        for fault in faults
    )


async def _with_fault(steps: Steps, fault: CallFault, trial: Trial) -> None:
    await steps(trial, fault)


async def pause(error: object) -> None:
    """Wait as long as an error asks for, a second at most."""
    asked = error.retry_after_seconds if isinstance(error, TransientError) else None
    await asyncio.sleep(min(asked or 0.0, _PAUSE_MAX))


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, tuple):
        return "; ".join(f"{quantity.normalize():f} on {day}" for day, quantity in value) or "none"
    return str(value)


__all__ = ["ATTEMPTS", "AdapterOnTrial", "Case", "Trial", "case", "for_each_fault", "pause", "written"]
