"""All cases for an adapter of a procurement system, as one parametrized pytest test.

    from conformance.procurement.suite import Case, every_case

    @every_case
    async def test_approvals(case: Case, bench: MyBench) -> None:
        await case.run(bench)

`bench` is a fixture of the adapter's project (conformance.procurement.bench). The cases of the ERP suite
(conformance.erp.suite) hold as well, on the same bench with approvals at once; these are about what waits for people.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import cast

import pytest

from adapters.errors import AdapterError
from canonical.order import AwaitingApproval, OrderChangeOutcome, OrderDocument, Placed, PlaceOutcome, Refused, Written
from conformance.erp.changing import change_of_all, revised
from conformance.erp.trial import ATTEMPTS, AdapterOnTrial, Case, Trial, case, for_each_fault, pause
from conformance.faults import LATE, LOST, UNREADABLE, CallFault
from conformance.procurement.bench import ProcurementBench
from conformance.verdict import Nonconforming

WHY = "the budget of this quarter is used up"


def _people(trial: Trial) -> ProcurementBench:
    return cast(ProcurementBench, trial.bench)


async def _until_waiting(
    trial: Trial, adapter: AdapterOnTrial, call: Callable[[bool], Awaitable[PlaceOutcome | OrderChangeOutcome]]
) -> AwaitingApproval:
    """Repeated as the activity does it, from the second attempt on maybe written."""
    outcome: PlaceOutcome | OrderChangeOutcome | AdapterError | None = None
    for attempt in range(ATTEMPTS):
        outcome = await trial.call(adapter, partial(call, attempt > 0))
        if isinstance(outcome, AwaitingApproval):
            return outcome
        trial.require(
            isinstance(outcome, AdapterError),
            f"{outcome!r}{adapter.met}",
            "return AwaitingApproval for what the system's people have yet to decide",
        )
        await pause(outcome)
    raise Nonconforming(
        trial.rule,
        f"not submitted after {ATTEMPTS} attempts; the last one: {outcome!r}{adapter.met}",
        "let an attempt go on where the one before it ended",
    )


def _placing(adapter: AdapterOnTrial, document: OrderDocument) -> Callable[[bool], Awaitable[PlaceOutcome]]:
    async def place(maybe_written: bool) -> PlaceOutcome:
        key = f"{document.order_id}#place"
        return await adapter.erp.place_order(document, key=key, maybe_written=maybe_written)

    return place


def _changing(adapter: AdapterOnTrial, change: OrderDocument) -> Callable[[bool], Awaitable[OrderChangeOutcome]]:
    async def write(maybe_written: bool) -> OrderChangeOutcome:
        return await adapter.erp.change_order(change, key=f"{change.order_id}#change-{change.revision}")

    return write


def _asked_about(document: OrderDocument, waiting: AwaitingApproval) -> OrderDocument:
    """The document as the order then asks what has become of it."""
    number = waiting.requisition_number or document.requisition_number
    return document.model_copy(update={"awaiting": waiting.document, "requisition_number": number})


async def _submitted(trial: Trial, adapter: AdapterOnTrial) -> tuple[OrderDocument, AwaitingApproval]:
    await _people(trial).let_people_approve()
    document = trial.document()
    waiting = await _until_waiting(trial, adapter, _placing(adapter, document))
    await _require_one(trial, document)
    return _asked_about(document, waiting), waiting


async def _require_one(trial: Trial, document: OrderDocument, after: str = "") -> None:
    there = await _people(trial).requests(document.reference)
    trial.require(
        len(there) == 1,
        f"{len(there)} requests of reference {document.reference}{after}: {', '.join(there) or 'none'}",
        "look for the reference before submitting; after a lost answer, wait the settle time and look again",
    )


async def _ask(trial: Trial, adapter: AdapterOnTrial, document: OrderDocument) -> PlaceOutcome | AdapterError:
    return await trial.call(adapter, partial(_placing(adapter, document), True))


async def _ordered(trial: Trial, adapter: AdapterOnTrial) -> OrderDocument:
    """An order that people have approved."""
    asked, waiting = await _submitted(trial, adapter)
    await _people(trial).approve(waiting.document)
    outcome = await _ask(trial, adapter, asked)
    trial.require(isinstance(outcome, Placed), f"{outcome!r} once it was approved", "return Placed with its order")
    placed = cast(Placed, outcome)
    await trial.the_order(asked, placed)
    numbers = {"order_number": placed.order_number, "requisition_number": placed.requisition_number, "awaiting": None}
    return asked.model_copy(update=numbers)


@case("What is submitted waits; once it is approved it is an order, with every line as it was asked for.")
async def waits_and_becomes_an_order(trial: Trial) -> None:
    """Asked about twice, and submitted again under the same key by another process, it waits as the one request."""
    async with trial.adapter() as adapter, trial.adapter() as other:
        asked, waiting = await _submitted(trial, adapter)
        trial.require(not await trial.living(asked), "an order is there before it is approved", "submit a request")
        again = asked.model_copy(update={"awaiting": None})
        for each, document in ((adapter, asked), (other, asked), (other, again)):
            outcome = await _ask(trial, each, document)
            same = isinstance(outcome, AwaitingApproval) and outcome.document == waiting.document
            trial.require(same, f"{outcome!r} while {waiting.document} waits", "say AwaitingApproval of the same")
        await _require_one(trial, asked, " after it was asked about and submitted again")
        await _people(trial).approve(waiting.document)
        outcome = await _ask(trial, other, asked)
        trial.require(isinstance(outcome, Placed), f"{outcome!r} once it was approved", "return Placed with its order")
        seen = await trial.the_order(asked, cast(Placed, outcome))
        for line in asked.lines:
            trial.holds(seen, line)


@case("What people refuse is Refused with their words; nothing of it lives.")
async def refused_with_reason(trial: Trial) -> None:
    """Asked about, and found by an attempt whose answer may have been lost."""
    async with trial.adapter() as adapter, trial.adapter() as other:
        asked, waiting = await _submitted(trial, adapter)
        await _people(trial).refuse(waiting.document, WHY)
        for each, document in ((adapter, asked), (other, asked.model_copy(update={"awaiting": None}))):
            outcome = await _ask(trial, each, document)
            trial.require(
                isinstance(outcome, Refused) and WHY in outcome.reason,
                f"{outcome!r} after somebody refused it: {WHY}",
                "return Refused with the approver's words",
            )
        trial.require(not await trial.living(asked), "an order is there", "order nothing that was refused")


@case("What was refused is submitted once more where a person wants that; one request lives.")
async def submitted_again(trial: Trial) -> None:
    """Nobody can revive the refused one beside it."""
    async with trial.adapter() as adapter:
        asked, waiting = await _submitted(trial, adapter)
        await _people(trial).refuse(waiting.document, WHY)
        fresh = asked.model_copy(update={"awaiting": None, "requisition_number": None})
        second = await _until_waiting(trial, adapter, _placing(adapter, fresh))
        await _require_one(trial, asked, " after it was submitted again")
        await _people(trial).approve(second.document)
        outcome = await _ask(trial, adapter, _asked_about(fresh, second))
        trial.require(isinstance(outcome, Placed), f"{outcome!r} once it was approved", "return Placed with its order")
        await trial.the_order(asked, cast(Placed, outcome))


@case("What somebody withdrew there is Refused, and not made again.")
async def withdrawn(trial: Trial) -> None:
    """By its own requester."""
    async with trial.adapter() as adapter:
        asked, waiting = await _submitted(trial, adapter)
        await _people(trial).withdraw(waiting.document)
        outcome = await _ask(trial, adapter, asked)
        trial.require(isinstance(outcome, Refused) and bool(outcome.reason), f"{outcome!r}", "return Refused")
        left = await _people(trial).requests(asked.reference)
        trial.require(not left, f"requests {', '.join(left)} are there", "make nothing where only asked about")


@case("What waits is taken back when nobody needs it any more; what is ordered is not.")
async def taken_back(trial: Trial) -> None:
    """cancel_requisition of both, twice."""
    async with trial.adapter() as adapter:
        asked, _ = await _submitted(trial, adapter)
        ordered = await _ordered(trial, adapter)
        for document, left in ((asked, 0), (ordered, 1)):
            cancel = partial(adapter.erp.cancel_requisition, document, key=f"{document.order_id}#cancel")
            for _ in range(2):
                outcome = await trial.until_done(adapter, cancel)
                trial.require(isinstance(outcome, Written), f"{outcome!r}", "return Written where nothing waits")
            there = await _people(trial).requests(document.reference)
            trial.require(len(there) == left, f"requests {there} are there", "withdraw what waits, and only that")


@for_each_fault(
    "Whatever call of submitting is lost or answered badly, repeating it makes one request.",
    (*LOST, LATE, *UNREADABLE),
)
async def lost_submission(trial: Trial, fault: CallFault) -> None:
    """Each call that it makes."""
    await _people(trial).let_people_approve()
    struck = CallFault(fault.kind, trial.bench.settle_seconds / 2) if fault is LATE else fault

    async def one(adapter: AdapterOnTrial, nth: int) -> None:
        document = trial.document()
        adapter.faults.strike(nth, struck)
        waiting = await _until_waiting(trial, adapter, _placing(adapter, document))
        await adapter.faults.settled()
        await _require_one(trial, document, f"{adapter.met} ({fault})")
        await _people(trial).approve(waiting.document)
        outcome = await _ask(trial, adapter, _asked_about(document, waiting))
        trial.require(isinstance(outcome, Placed), f"{outcome!r} once it was approved", "return Placed")

    async with trial.adapter() as adapter:
        await _until_waiting(trial, adapter, _placing(adapter, trial.document()))
        calls = adapter.faults.count
    await trial.at_each_call(calls, trial.in_time(one))


@case("A change that waits is one change; once it is approved the order holds it.")
async def change_waits(trial: Trial) -> None:
    """Asked for twice, then asked about."""
    async with trial.adapter() as adapter, trial.adapter() as other:
        document = await _ordered(trial, adapter)
        change = revised(trial, document)
        waiting = await _until_waiting(trial, adapter, _changing(adapter, change))
        same = await _until_waiting(trial, other, _changing(other, change))
        trial.require(same.document == waiting.document, f"{same!r} beside {waiting!r}", "find the change again")
        [before] = await trial.living(document)
        trial.holds(before, document.lines[0])
        await _people(trial).approve(waiting.document)
        asked = change.model_copy(update={"awaiting": waiting.document})
        for each in (asked, change):
            outcome = await trial.call(adapter, partial(_changing(adapter, each), True))
            trial.require(isinstance(outcome, Written), f"{outcome!r} once it was approved", "return Written")
        [after] = await trial.living(document)
        for line in change.lines:
            trial.holds(after, line)


@case("A change that people refuse is Refused with their words; the order stays as it was.")
async def change_refused(trial: Trial) -> None:
    """One line of two."""
    async with trial.adapter() as adapter:
        document = await _ordered(trial, adapter)
        change = revised(trial, document)
        waiting = await _until_waiting(trial, adapter, _changing(adapter, change))
        await _people(trial).refuse(waiting.document, WHY)
        asked = change.model_copy(update={"awaiting": waiting.document})
        outcome = await trial.call(adapter, partial(_changing(adapter, asked), True))
        trial.require(
            isinstance(outcome, Refused) and WHY in outcome.reason,
            f"{outcome!r} after somebody refused it: {WHY}",
            "return Refused with the approver's words",
        )
        [seen] = await trial.living(document)
        for line in document.lines:
            trial.holds(seen, line)


@for_each_fault("Whatever call of a change is lost, repeating it makes one change that waits.", (*LOST, *UNREADABLE))
async def lost_change_request(trial: Trial, fault: CallFault) -> None:
    """Each call that asking for it makes."""

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document = await _ordered(trial, adapter)
            change = change_of_all(trial, document)
            adapter.faults.strike(nth, fault)
            waiting = await _until_waiting(trial, adapter, _changing(adapter, change))
            await adapter.faults.settled()
            await _people(trial).approve(waiting.document)
            asked = change.model_copy(update={"awaiting": waiting.document})
            outcome = await trial.call(adapter, partial(_changing(adapter, asked), True))
            trial.require(isinstance(outcome, Written), f"{outcome!r}{adapter.met}", "return Written")
            [seen] = await trial.living(document)
            trial.holds(seen, change.lines[0])
            gone = seen.line(change.lines[1].line)
            trial.require(gone is None or gone.cancelled, f"the system holds {gone}", "cancel the line there")

    async with trial.adapter() as adapter:
        document = await _ordered(trial, adapter)
        before = adapter.faults.count
        await _until_waiting(trial, adapter, _changing(adapter, change_of_all(trial, document)))
        calls = adapter.faults.count - before
    await trial.at_each_call(calls, one)


CASES: Sequence[Case] = (
    waits_and_becomes_an_order,
    refused_with_reason,
    submitted_again,
    withdrawn,
    taken_back,
    *lost_submission,
    change_waits,
    change_refused,
    *lost_change_request,
)
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])

__all__ = ["CASES", "Case", "every_case"]
