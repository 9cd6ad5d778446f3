"""Placing: one document becomes one order, whatever happens to the calls."""

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from decimal import Decimal
from functools import partial

import pytest

from adapters.errors import PermanentError, TransientError
from adapters.http import correlation
from canonical.order import DocumentLine, Placed, Refused
from canonical.units import UNITS
from conformance.erp.trial import AdapterOnTrial, Case, Trial, case, for_each_fault
from conformance.faults import BUSY, JSON, LATE, LOST, UNREADABLE, CallFault, FaultKind
from conformance.verdict import CannotHappen

MANY_LINES = 60
"""More than some systems put on a page of their own accord (25, 50)."""


@case("An order is placed with every line as it was asked for: item, quantity, unit, price, day.")
async def every_line_as_asked(trial: Trial) -> None:
    """The document, whole."""
    async with trial.adapter() as adapter:
        document, seen = await trial.placed(adapter)
        for line in document.lines:
            trial.holds(seen, line)
        trial.require(
            len(seen.lines) == len(document.lines),
            f"{len(document.lines)} lines were asked for, order {seen.number} has {len(seen.lines)}",
            "write each line once",
        )


@case("What is placed already is found again by its reference, by another process and under another key, too.")
async def found_again_by_reference(trial: Trial) -> None:
    """Another adapter places the same document."""
    async with trial.adapter() as first, trial.adapter() as second:
        document, _ = await trial.placed(first)
        outcome = await trial.until_placed(second, document.model_copy(update={"order_number": None}))
        await trial.the_order(document, outcome)
        trial.require(
            outcome.found_existing and not outcome.duplicates,
            f"found_existing is {outcome.found_existing}, duplicates are {outcome.duplicates}",
            "say found_existing where this call created nothing",
        )
        trial.require(
            outcome.requisition_number == (document.requisition_number or outcome.requisition_number),
            f"requisition {document.requisition_number} became {outcome.requisition_number}",
            "find the requisition of the order again, too",
        )


@case("Six calls for one document at the same moment make one order.")
async def six_at_once(trial: Trial) -> None:
    """As two workers with several attempts would."""
    async with trial.adapter() as adapter:
        document = trial.document()
        outcomes = await asyncio.gather(*(trial.until_placed(adapter, document) for _ in range(6)))
        for outcome in outcomes:
            await trial.the_order(document, outcome, "six calls at the same moment")


@case("Each document has an order of its own, even where the system ignores what it is asked to filter by.")
async def others_stay_others(trial: Trial) -> None:
    """Two documents, placed and found again."""
    async with trial.adapter() as adapter:
        one, _ = await trial.placed(adapter)
        other, _ = await trial.placed(adapter)
        for document in (one, other):
            outcome = await trial.until_placed(adapter, document)
            await trial.the_order(document, outcome)
            trial.require(outcome.found_existing, "it was created again", "look for the reference before creating")


async def _calls_to_place(trial: Trial) -> int:
    """How many calls a new adapter makes to place an order."""
    async with trial.adapter() as adapter:
        await trial.placed(adapter)
        return adapter.faults.count


@for_each_fault("Whatever call is lost, repeating the attempt makes exactly one order, whole.", (*LOST, LATE))
async def lost_call(trial: Trial, fault: CallFault) -> None:
    """Each call that placing makes, one after the other, on a document of its own."""
    late = CallFault(fault.kind, trial.bench.settle_seconds / 2)

    async def one(adapter: AdapterOnTrial, nth: int) -> None:
        document = trial.document()
        adapter.faults.strike(nth, late)
        outcome = await trial.until_placed(adapter, document)
        await adapter.faults.settled()
        seen = await trial.the_order(document, outcome, f"{fault} at call {nth}, {', '.join(adapter.faults.struck)}")
        for line in document.lines:
            trial.holds(seen, line)

    await trial.at_each_call(await _calls_to_place(trial), trial.in_time(one))


@for_each_fault("An answer that can't be read is an adapter's error, or is looked into: one order, whole.", UNREADABLE)
async def unreadable_answer(trial: Trial, fault: CallFault) -> None:
    """Each call that placing makes; and each that finding again makes, where nothing is there can't be read off it."""

    async def placing(nth: int) -> None:
        async with trial.adapter() as adapter:
            document = trial.document()
            adapter.faults.strike(nth, fault)
            outcome = await trial.until_placed(adapter, document)
            await trial.the_order(document, outcome, f"{fault} at call {nth}, {', '.join(adapter.faults.struck)}")

    async def finding(nth: int) -> None:
        async with trial.adapter() as first, trial.adapter() as second:
            document, _ = await trial.placed(first)
            second.faults.strike(nth, fault)
            await trial.try_to_place(second, document)
            living = await trial.living(document)
            trial.require(
                len(living) == 1,
                f"an order that was there was created again after {fault} at {', '.join(second.faults.struck)}",
                "take only an answer of the expected shape for an empty list",
            )

    await trial.at_each_call(await _calls_to_place(trial), placing)
    async with trial.adapter() as first, trial.adapter() as again:
        document, _ = await trial.placed(first)
        await trial.until_placed(again, document)
        calls = again.faults.count
    await trial.at_each_call(calls, finding)


@case("What a killed worker was writing is waited for: the next one does not write it again.")
async def killed_worker(trial: Trial) -> None:
    """The call is abandoned while the system has yet to carry it out; another process takes over."""

    async def one(killed: AdapterOnTrial, nth: int) -> None:
        document = trial.document()
        killed.faults.strike(nth, CallFault(FaultKind.LOST_LATE, trial.bench.settle_seconds / 2))
        await trial.try_to_place(killed, document)
        async with trial.adapter() as successor:
            outcome = await trial.until_placed(successor, document, maybe_written=True)
        await killed.faults.settled()
        await trial.the_order(document, outcome, f"a killed worker's call {nth}, {', '.join(killed.faults.struck)}")

    await trial.at_each_call(await _calls_to_place(trial), trial.in_time(one))


@case("An order that appears after everybody stopped waiting does not stay a second one unnoticed.")
async def later_than_the_settle_time(trial: Trial) -> None:
    """Either the system refuses it, or the next call cancels and names it, or the sweep names both."""
    settle = trial.bench.settle_seconds

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document = trial.document()
            adapter.faults.strike(nth, CallFault(FaultKind.LOST_LATE, 4 * settle + 0.5))
            await trial.until_placed(adapter, document)
            await adapter.faults.settled()
            if len(await trial.living(document)) == 1:
                return
            outcome = await trial.until_placed(adapter, document, maybe_written=True)
            living = {order.number for order in await trial.living(document)}
            named = {outcome.order_number, *outcome.duplicates}
            if len(living) > 1 and adapter.system.duplicates is not None:
                swept = await adapter.system.duplicates.duplicates(dt.date.min)
                named |= {number for each in swept if each.reference == document.reference for number in each.numbers}
            trial.require(
                living <= named,
                f"orders {', '.join(sorted(living))} live, and only {', '.join(sorted(named))} are named",
                "look for others of the reference after a doubt; name them in Placed.duplicates or in the sweep",
            )

    await trial.at_each_call(await _calls_to_place(trial), one)


@case("After a lost answer nothing is created a second time before the connection's second_create_seconds are over.")
async def not_created_again_too_early(trial: Trial) -> None:
    """A minute is set; the next attempt, at once, must not create."""
    if trial.bench.unique_references:
        raise CannotHappen("the system itself refuses a second document of a reference")

    async def one(nth: int) -> None:
        async with trial.adapter(settle_seconds=0.05, second_create_seconds=60) as adapter:
            document = trial.document()
            adapter.faults.strike(nth, CallFault(FaultKind.LOST_BEFORE))
            await trial.try_to_place(adapter, document)
            before = {order.number for order in await trial.living(document)}
            outcome = await trial.try_to_place(adapter, document, maybe_written=True)
            after = {order.number for order in await trial.living(document)}
            trial.require(
                after == before,
                f"order {', '.join(after - before)} was created at once after {', '.join(adapter.faults.struck)}",
                "count from the first look that missed it; raise TransientError with retry_after_seconds until then",
            )
            waits = isinstance(outcome, TransientError) and outcome.maybe_written and outcome.retry_after_seconds
            trial.require(
                bool(before) or bool(waits),
                f"the second attempt ended with {outcome!r}",
                "raise TransientError(maybe_written=True, retry_after_seconds=what is left of the time)",
            )

    await trial.at_each_call(await _calls_to_place(trial), one)


@case("A system that can't be reached is a TransientError that is not maybe written.")
async def down(trial: Trial) -> None:
    """No connection at all."""
    async with trial.adapter() as adapter:
        adapter.faults.strike_all(CallFault(FaultKind.NOT_CONNECTED))
        outcome = await trial.try_to_place(adapter, trial.document())
        trial.require(
            isinstance(outcome, TransientError) and not outcome.maybe_written,
            f"{outcome!r}",
            "raise TransientError; maybe_written only where a write may have arrived (adapters.http.exchange does)",
        )


@for_each_fault("A busy system is left alone for as long as it asks, and nothing counts as written.", BUSY)
async def busy(trial: Trial, fault: CallFault) -> None:
    """Each call of placing is answered so."""

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document = trial.document()
            adapter.faults.strike(nth, fault)
            began = time.monotonic()
            outcome = await trial.try_to_place(adapter, document)
            waited = time.monotonic() - began
            asked = isinstance(outcome, TransientError) and outcome.retry_after_seconds == 7
            trial.require(
                asked or waited >= 7,
                f"{outcome!r} after {waited:.1f} s and {fault} at {', '.join(adapter.faults.struck)}",
                "raise TransientError with the retry_after_seconds of the header",
            )
            if nth == 1 and isinstance(outcome, TransientError):
                trial.require(not outcome.maybe_written, f"{outcome!r} is maybe written", "a busy system wrote nothing")
            await trial.the_order(document, await trial.until_placed(adapter, document, maybe_written=True))

    await trial.at_each_call(await _calls_to_place(trial), one)


@case("A log-on that the system does not take is a PermanentError; so is a right that is missing.")
async def no_log_on(trial: Trial) -> None:
    """Every call is answered 401, or 403."""
    for status in (401, 403):
        async with trial.adapter() as adapter:
            document = trial.document()
            adapter.faults.strike_all(CallFault(FaultKind.ANSWERED, status=status, headers=JSON, body=b"{}"))
            outcome = await trial.try_to_place(adapter, document)
            trial.require(
                isinstance(outcome, PermanentError),
                f"{outcome!r} where every call is answered {status}",
                "renew a session once, then raise PermanentError: a person has to change something",
            )
            adapter.faults.strike_all(None)
            await trial.the_order(document, await trial.until_placed(adapter, document))


@case("A session that ends between two calls costs no second order.")
async def session_ends(trial: Trial) -> None:
    """Each call of placing is answered 401 once."""

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document = trial.document()
            adapter.faults.strike(nth, CallFault(FaultKind.ANSWERED, status=401, headers=JSON, body=b"{}"))
            await trial.the_order(document, await trial.until_placed(adapter, document))

    await trial.at_each_call(await _calls_to_place(trial), one)


@case("What the system will not take is Refused, with its reason; nothing of it stays behind.")
async def refused(trial: Trial) -> None:
    """An unknown item alone, and as the second of two lines; then the corrected document is placed."""
    unknown = {"item": "NO-SUCH-ITEM-9", "info_record": None}
    for right in (0, 1):
        async with trial.adapter() as adapter:
            document = trial.document()
            lines = (*document.lines[:right], document.lines[right].model_copy(update=unknown))
            wrong = document.model_copy(update={"lines": lines})
            outcome = await trial.try_to_place(adapter, wrong)
            trial.require(
                isinstance(outcome, Refused) and bool(outcome.reason and outcome.code),
                f"{outcome!r} for an item that the system does not know",
                "return Refused with the system's code and words; AdapterErrors are for calls that failed",
            )
            left = await trial.living(document)
            trial.require(not left, f"order {', '.join(one.number for one in left)} stayed", "write all lines or none")
            await trial.the_order(document, await trial.until_placed(adapter, document))


@case("An order that a person deleted is not created again: Refused, so that people decide.")
async def deleted_by_a_person(trial: Trial) -> None:
    """Every line is deleted at the system's screens."""
    async with trial.adapter() as adapter, trial.adapter() as successor:
        document, seen = await trial.placed(adapter)
        for line in document.lines:
            await trial.bench.edit(seen.number, line.line, "deleted", "true")
        for each, maybe_written in ((adapter, False), (successor, True)):
            outcome = await trial.try_to_place(each, document, maybe_written=maybe_written)
            trial.require(
                isinstance(outcome, Refused) and outcome.code == "deleted_in_erp" and seen.number in outcome.reason,
                f"{outcome!r}",
                'return Refused(code="deleted_in_erp") that names the order',
            )
            left = await trial.living(document)
            trial.require(
                not left, f"order {', '.join(one.number for one in left)} was created", "look for deleted ones, too"
            )


@case("Quantities are written exactly, or the document is Refused before anything is written.")
async def quantities_exactly(trial: Trial) -> None:
    """Of a unit with decimals."""
    index = _measured(trial)

    async def one(quantity: str) -> None:
        await _exactly(trial, trial.line(index, quantity=Decimal(quantity)))

    for quantity in ("0.001", "7.125", "1234567.891", "0.0005", "33.333333"):
        await one(quantity)


@case("Prices are written exactly, or the document is Refused before anything is written.")
async def prices_exactly(trial: Trial) -> None:
    """With fractions of a cent, and for more than one."""
    for price, per in (("0.1234", "1"), ("12.34", "100"), ("1234567.89", "1"), ("0.00001", "1"), ("10", "3")):
        await _exactly(trial, trial.line(0, price=Decimal(price), price_unit=Decimal(per)))


async def _exactly(trial: Trial, line: DocumentLine) -> None:
    async with trial.adapter() as adapter:
        document = trial.document(lines=(line,))
        outcome = await trial.try_to_place(adapter, document)
        if isinstance(outcome, Refused):
            left = await trial.living(document)
            trial.require(not left, f"Refused ({outcome.reason}), and order {left} stayed", "refuse before writing")
            return
        trial.require(isinstance(outcome, Placed), f"{outcome!r}", "return Refused for what no field can hold")
        if isinstance(outcome, Placed):
            seen = (await trial.the_order(document, outcome)).line(line.line)
            asked = line.price / line.price_unit
            trial.require(
                seen is not None and (seen.quantity, seen.price) == (line.quantity, asked),
                f"quantity {line.quantity} at {line.price} for {line.price_unit} was asked for, held is {seen}",
                "never round what is ordered",
            )


def _measured(trial: Trial) -> int:
    for index, line in enumerate(trial.bench.template.lines):
        if UNITS[line.unit].decimals:
            return index
    raise CannotHappen("no line of the bench's order has a unit with decimals")


@case("A unit becomes the system's own for the same, or the document is Refused; it never becomes another one.")
async def units(trial: Trial) -> None:
    """Each unit that Pegline knows, on the first line."""

    async def one(unit: str) -> None:
        async with trial.adapter() as adapter:
            line = trial.line(0, unit=unit, quantity=Decimal(12))
            document = trial.document(lines=(line,))
            outcome = await trial.try_to_place(adapter, document)
            if isinstance(outcome, Placed):
                seen = (await trial.the_order(document, outcome)).line(line.line)
                trial.require(
                    seen is not None and _same_unit(seen.unit, unit) and seen.quantity == line.quantity,
                    f"12 {unit} were asked for, held is {seen}",
                    "map units by their code; return Refused for one that the system does not have",
                )
            else:
                trial.require(isinstance(outcome, Refused), f"{outcome!r} for unit {unit}", "return Refused")

    for unit in sorted(UNITS):
        await one(unit)


def _same_unit(held: str, asked: str) -> bool:
    """Pieces have several codes."""
    pieces = {"C62", "EA", "H87"}
    return held == asked or {held, asked} <= pieces


@case("A day stays the day that it is, whatever the time zone of the process, and at the ends of months and years.")
async def days_in_any_zone(trial: Trial) -> None:
    """On both sides of the date line."""
    year = trial.day.year + 1
    days = [dt.date(year, 1, 1), dt.date(year, 12, 31), dt.date(year, 3, 28), dt.date(year, 10, 31)]
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TZ", zone)
            time.tzset()
            try:
                async with trial.adapter() as adapter:
                    lines = [trial.line(0, line=10 * n, delivery_date=day) for n, day in enumerate(days, start=1)]
                    document, seen = await trial.placed(adapter, trial.document(lines=lines))
                    for line in document.lines:
                        trial.holds(seen, line)
            finally:
                environment.undo()
                time.tzset()


@case(f"An order of {MANY_LINES} lines is placed and found again whole, on however many pages the system lists it.")
async def many_lines(trial: Trial) -> None:
    """More lines than fit on a page."""
    async with trial.adapter() as adapter:
        lines = [trial.line(0, line=10 * number) for number in range(1, MANY_LINES + 1)]
        document, seen = await trial.placed(adapter, trial.document(lines=lines))
        trial.require(
            len(seen.lines) == MANY_LINES,
            f"{len(seen.lines)} of {MANY_LINES} lines are there",
            "write all lines of the document",
        )
        trial.holds(seen, document.lines[-1])


@case("Every call carries the correlation id, so that a case can be followed into the system.")
async def correlation_id(trial: Trial) -> None:
    """In the header X-Correlation-ID."""
    token = correlation.set("conformance-1")
    try:
        async with trial.adapter() as adapter:
            await trial.placed(adapter)
            without = adapter.faults.paths_without("x-correlation-id", "conformance-1")
            trial.require(not without, f"calls without it: {', '.join(without)}", "call through adapters.http.exchange")
    finally:
        correlation.reset(token)


@case("A requisition that is in an order, or was never written, is left alone: harmless.")
async def cancel_no_requisition(trial: Trial) -> None:
    """Cancelling is asked for where there is nothing to cancel."""
    async with trial.adapter() as adapter:
        never = trial.document()
        document, _ = await trial.placed(adapter)
        for each in (never, document):
            cancel = partial(adapter.erp.cancel_requisition, each, key=f"{each.order_id}#cancel")
            outcome = await trial.until_done(adapter, cancel)
            trial.require(not isinstance(outcome, Refused), f"{outcome!r}", "return Written where nothing is open")
        living = await trial.living(document)
        trial.require(len(living) == 1, "the order went with its requisition", "cancel only what is in no order")


CASES: Sequence[Case] = (
    every_line_as_asked,
    found_again_by_reference,
    six_at_once,
    others_stay_others,
    *lost_call,
    *unreadable_answer,
    killed_worker,
    later_than_the_settle_time,
    not_created_again_too_early,
    down,
    *busy,
    no_log_on,
    session_ends,
    refused,
    deleted_by_a_person,
    quantities_exactly,
    prices_exactly,
    units,
    days_in_any_zone,
    many_lines,
    correlation_id,
    cancel_no_requisition,
)

__all__ = ["CASES"]
