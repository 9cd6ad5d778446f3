"""Changing: an order comes to the requested state, once, and nothing is written over what a person made of it."""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial

from adapters.errors import TransientError
from canonical.order import (
    ChangeOutcome,
    DeliveryLine,
    DocumentLine,
    Edited,
    EditedField,
    LineSchedule,
    OrderChangeOutcome,
    OrderDocument,
    OrderSchedule,
    Refused,
    Written,
    WrittenLine,
)
from conformance.erp.bench import SeenOrder
from conformance.erp.trial import AdapterOnTrial, Case, Trial, case, for_each_fault, written
from conformance.faults import BUSY, LOST, UNREADABLE, CallFault


def _revised(document: OrderDocument, *lines: DocumentLine) -> OrderDocument:
    """The document with these lines in place of its own, as a change of them."""
    own = {line.line: line for line in lines}
    return document.model_copy(
        update={
            "lines": tuple(own.get(line.line, line) for line in document.lines),
            "changed_lines": tuple(sorted(own)),
            "revision": document.revision + 1,
        }
    )


def _other(trial: Trial, line: DocumentLine) -> DocumentLine:
    """The line with another quantity and another day."""
    return line.model_copy(
        update={
            "quantity": line.quantity - 1,
            "delivery_date": trial.day + dt.timedelta(days=14),
            "written": written(line),
        }
    )


def revised(trial: Trial, document: OrderDocument) -> OrderDocument:
    """The document with its first line at another quantity and on another day."""
    return _revised(document, _other(trial, document.lines[0]))


def change_of_all(trial: Trial, document: OrderDocument) -> OrderDocument:
    """One line moved, the other cancelled."""
    first, second = document.lines[:2]
    off = second.model_copy(update={"cancelled": True, "written": written(second)})
    return _revised(document, _other(trial, first), off)


async def _change(trial: Trial, adapter: AdapterOnTrial, change: OrderDocument) -> OrderChangeOutcome:
    key = f"{change.order_id}#change-{change.revision}"
    return await trial.until_done(adapter, partial(adapter.erp.change_order, change, key=key))


async def _seen(trial: Trial, document: OrderDocument) -> SeenOrder:
    """The order as the system holds it, cancelled or not."""
    held = [order for order in await trial.bench.orders(document.reference) if order.number == document.order_number]
    trial.require(len(held) == 1, f"order {document.order_number} is there {len(held)} times", "write each change once")
    return held[0]


def _require_written(trial: Trial, outcome: OrderChangeOutcome, writes: bool | None = None, after: str = "") -> None:
    trial.require(isinstance(outcome, Written), f"{outcome!r}{after}", "return Written once the system holds it")
    if isinstance(outcome, Written) and writes is not None:
        trial.require(
            bool(outcome.writes) == writes,
            f"writes={outcome.writes}{after}",
            "write only what is missing, and count it in Written.writes",
        )


@case("Quantity and day of a line are changed to what is asked; the other lines stay; a repeat writes nothing.")
async def quantity_and_day(trial: Trial) -> None:
    """One line of two; the change comes twice under one key."""
    async with trial.adapter() as adapter:
        document, _ = await trial.placed(adapter)
        change = _revised(document, _other(trial, document.lines[0]))
        _require_written(trial, await _change(trial, adapter, change), writes=True)
        for line in change.lines:
            trial.holds(await _seen(trial, change), line)
        _require_written(trial, await _change(trial, adapter, change), writes=False, after=" when it was repeated")
        trial.holds(await _seen(trial, change), change.lines[0])


@case("A line is changed twice, up and down: the order holds the second change.")
async def up_and_down(trial: Trial) -> None:
    """More, then less."""
    async with trial.adapter() as adapter:
        document, _ = await trial.placed(adapter)
        line = document.lines[0]
        for more in (5, -3):
            changed = line.model_copy(
                update={"quantity": line.quantity + more, "written": written(line), "delivery_date": trial.day}
            )
            document = _revised(document, changed)
            _require_written(trial, await _change(trial, adapter, document))
            trial.holds(await _seen(trial, document), changed)
            line = changed


@case("A cancelled line is not delivered any more; the others stay; a repeat writes nothing.")
async def cancelled_line(trial: Trial) -> None:
    """The second line, then the first."""
    async with trial.adapter() as adapter:
        document, _ = await trial.placed(adapter)
        for gone in reversed(document.lines):
            off = gone.model_copy(update={"cancelled": True, "written": written(gone)})
            change = _revised(document, off)
            _require_written(trial, await _change(trial, adapter, change), writes=True)
            seen = (await _seen(trial, change)).line(gone.line)
            trial.require(seen is None or seen.cancelled, f"the system holds {seen}", "cancel the line there")
            _require_written(trial, await _change(trial, adapter, change), writes=False, after=" when it was repeated")
            document = change
        trial.require(not await trial.living(document), "the order still lives", "cancel every line that is asked for")


@case("What was received of a line stays: cancelled, no more of it is expected.")
async def cancelled_after_a_receipt(trial: Trial) -> None:
    """A part has come; or the system will not have it cancelled, and says so."""
    async with trial.adapter() as adapter:
        document, seen = await trial.placed(adapter)
        line = document.lines[0]
        await trial.bench.receive(seen.number, line.line, Decimal(2))
        off = line.model_copy(update={"cancelled": True, "written": written(line)})
        outcome = await _change(trial, adapter, _revised(document, off))
        held = (await _seen(trial, document)).line(line.line)
        if isinstance(outcome, Refused):
            trial.require(bool(outcome.reason), "Refused without a reason", "give the system's own words")
            return
        _require_written(trial, outcome)
        trial.require(
            held is not None and (held.completed or held.cancelled),
            f"the system holds {held}",
            "close the rest where a line with receipts can't be cancelled",
        )


async def _calls(trial: Trial, call: Callable[[AdapterOnTrial, OrderDocument], Awaitable[object]]) -> int:
    """How many calls an adapter makes, after it has placed an order, to change it."""
    async with trial.adapter() as adapter:
        document, _ = await trial.placed(adapter)
        before = adapter.faults.count
        await call(adapter, document)
        return adapter.faults.count - before


async def _change_of_all(trial: Trial, adapter: AdapterOnTrial, document: OrderDocument) -> OrderDocument:
    """One line moved, the other cancelled; changed by the adapter until it is done."""
    change = change_of_all(trial, document)
    outcome = await _change(trial, adapter, change)
    trial.require(
        not isinstance(outcome, Edited),
        f"{outcome!r}{adapter.met}",
        "what this call, or one before it, wrote itself is no person's edit",
    )
    _require_written(trial, outcome, after=adapter.met)
    return change


@for_each_fault(
    "Whatever call of a change is lost or answered badly, repeating it ends as asked.", (*LOST, *UNREADABLE)
)
async def lost_change(trial: Trial, fault: CallFault) -> None:
    """Each call that the change makes: one line is moved, another cancelled."""

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document, _ = await trial.placed(adapter)
            adapter.faults.strike(nth, fault)
            change = await _change_of_all(trial, adapter, document)
            await adapter.faults.settled()
            seen = await _seen(trial, change)
            trial.holds(seen, change.lines[0])
            gone = seen.line(change.lines[1].line)
            trial.require(gone is None or gone.cancelled, f"the system holds {gone}", "cancel the line there")
            trial.require(len(seen.lines) <= 2, f"the order has lines {seen.lines}", "write each line once")

    await trial.at_each_call(await _calls(trial, partial(_change_of_all, trial)), one)


@for_each_fault("A busy system is left alone for as long as it asks, when an order is changed, too.", BUSY)
async def busy_change(trial: Trial, fault: CallFault) -> None:
    """Each call of the change is answered so."""

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document, _ = await trial.placed(adapter)
            change = revised(trial, document)
            adapter.faults.strike(nth, fault)
            key = f"{change.order_id}#change-{change.revision}"
            outcome = await trial.call(adapter, partial(adapter.erp.change_order, change, key=key))
            trial.require(
                isinstance(outcome, TransientError) and outcome.retry_after_seconds == 7,
                f"{outcome!r} after {fault} at {', '.join(adapter.faults.struck)}",
                "raise TransientError with the retry_after_seconds of the header",
            )
            _require_written(trial, await _change(trial, adapter, change))

    async def change(adapter: AdapterOnTrial, document: OrderDocument) -> None:
        await _change(trial, adapter, _revised(document, _other(trial, document.lines[0])))

    await trial.at_each_call(await _calls(trial, change), one)


@case("A line that the order does not have is Refused by its number; nothing is called Written.")
async def missing_line(trial: Trial) -> None:
    """Together with a line that is there."""
    async with trial.adapter() as adapter:
        document, _ = await trial.placed(adapter)
        strange = trial.line(0, line=990)
        change = _revised(document.model_copy(update={"lines": (*document.lines, strange)}), strange)
        outcome = await _change(trial, adapter, change)
        trial.require(
            isinstance(outcome, Refused) and outcome.line == 990,
            f"{outcome!r}",
            'return Refused(code="line_gone", line=…) for a line that is not there',
        )


@case("An order that is locked is a TransientError; once it is free the change is made.")
async def locked(trial: Trial) -> None:
    """Somebody has it open at a screen."""
    async with trial.adapter() as adapter:
        document, seen = await trial.placed(adapter)
        change = _revised(document, _other(trial, document.lines[0]))
        call = partial(adapter.erp.change_order, change, key=f"{change.order_id}#change-2")
        async with trial.bench.locked(seen.number):
            outcome = await trial.call(adapter, call)
            trial.require(
                isinstance(outcome, TransientError),
                f"{outcome!r}",
                "raise TransientError: the lock will be released, and nobody has to decide",
            )
        _require_written(trial, await _change(trial, adapter, change))
        trial.holds(await _seen(trial, change), change.lines[0])


# People's edits

_EDITS: Sequence[tuple[EditedField, Callable[[Trial, DocumentLine], str]]] = (
    ("quantity", lambda trial, line: f"{line.quantity + 20:f}"),
    ("delivery_date", lambda trial, line: (trial.day + dt.timedelta(days=3)).isoformat()),
    ("price", lambda trial, line: f"{(line.price * 2).normalize():f}"),
    ("deleted", lambda trial, line: "true"),
    ("blocked", lambda trial, line: "true"),
    ("delivery_completed", lambda trial, line: "true"),
)


def _edit_case(field: EditedField, new: Callable[[Trial, DocumentLine], str]) -> Case:
    async def steps(trial: Trial) -> None:
        async with trial.adapter() as adapter:
            document, seen = await trial.placed(adapter)
            line, other = document.lines[:2]
            await trial.bench.edit(seen.number, line.line, field, new(trial, line))
            before = await _seen(trial, document)
            change = _revised(document, _other(trial, line), _other(trial, other))
            outcome = await _change(trial, adapter, change)
            found = [(edit.line, edit.field) for edit in outcome.edits] if isinstance(outcome, Edited) else None
            trial.require(
                found == [(line.line, field)],
                f"{outcome!r} after a person set {field} to {new(trial, line)}",
                "compare what the system holds with DocumentLine.written and with what is asked; return Edited",
            )
            if isinstance(outcome, Edited) and field not in ("deleted", "blocked", "delivery_completed"):
                trial.require(
                    outcome.edits[0].new == new(trial, line),
                    f"new is {outcome.edits[0].new!r}, the person set {new(trial, line)!r}",
                    "spell values as canonical.order.edited_value does",
                )
            trial.require(
                await _seen(trial, document) == before,
                f"the order became {await _seen(trial, document)}",
                "write nothing, to other lines neither, until the edit is decided",
            )

    rule = "What a person edited is reported, and nothing is written over it."
    return Case(f"persons_edit[{field}]", f"{rule} (here: {field})", steps)


@case("An edit to the very value that is asked for is no edit; the rest of the change is made.")
async def edit_to_what_is_asked(trial: Trial) -> None:
    """A person has already moved the line."""
    async with trial.adapter() as adapter:
        document, seen = await trial.placed(adapter)
        change = _revised(document, _other(trial, document.lines[0]))
        wanted = change.lines[0]
        await trial.bench.edit(seen.number, wanted.line, "delivery_date", wanted.delivery_date.isoformat())
        _require_written(trial, await _change(trial, adapter, change))
        trial.holds(await _seen(trial, change), wanted)


@case("An edit that was decided to stay is the state that we know: the next change is made.")
async def adopted_edit(trial: Trial) -> None:
    """DocumentLine.written says what the person made of it."""
    async with trial.adapter() as adapter:
        document, seen = await trial.placed(adapter)
        line = document.lines[0]
        more = line.quantity + 20
        await trial.bench.edit(seen.number, line.line, "quantity", f"{more:f}")
        known = line.model_copy(update={"quantity": more, "written": written(line, quantity=more)})
        _require_written(trial, await _change(trial, adapter, _revised(document, known)), writes=False)
        undone = line.model_copy(update={"written": written(line, quantity=more)})
        change = _revised(document, undone).model_copy(update={"revision": 3})
        _require_written(trial, await _change(trial, adapter, change), writes=True)
        trial.holds(await _seen(trial, change), undone)


# What the supplier confirmed


def _schedule(
    document: OrderDocument, line: DocumentLine, *parts: tuple[dt.date, Decimal], known: WrittenLine | None = None
) -> OrderSchedule:
    deliveries = tuple(DeliveryLine(date=day, quantity=quantity, committed=quantity) for day, quantity in parts)
    return OrderSchedule(
        order_id=document.order_id,
        order_number=document.order_number or "",
        lines=(LineSchedule(line=line.line, schedule=deliveries, written=known),),
    )


async def _write(trial: Trial, adapter: AdapterOnTrial, schedule: OrderSchedule) -> ChangeOutcome:
    key = f"{schedule.order_id}#confirm"
    return await trial.until_done(adapter, partial(adapter.erp.write_schedule, schedule, key=key))


@case("A confirmed delivery is written: its day and quantity are the line's; a repeat writes nothing.")
async def confirmed(trial: Trial) -> None:
    """Later and less than ordered."""
    async with trial.adapter() as adapter:
        document, _ = await trial.placed(adapter)
        line = document.lines[0]
        late = trial.day + dt.timedelta(days=7)
        schedule = _schedule(document, line, (late, line.quantity - 1), known=written(line))
        _require_written(trial, await _write(trial, adapter, schedule), writes=True)
        trial.holds(
            await _seen(trial, document),
            line.model_copy(update={"quantity": line.quantity - 1, "delivery_date": late}),
        )
        _require_written(trial, await _write(trial, adapter, schedule), writes=False, after=" when it was repeated")


@case("Deliveries on several days are all written; or it is Refused, and the line stays as it was.")
async def confirmed_in_parts(trial: Trial) -> None:
    """Two parts, and then another split."""
    async with trial.adapter() as adapter:
        document, before = await trial.placed(adapter)
        line = document.lines[0]
        later = trial.day + dt.timedelta(days=7)
        latest = trial.day + dt.timedelta(days=21)
        known = written(line)
        for parts in (
            ((trial.day, line.quantity - 2), (later, Decimal(2))),
            ((trial.day, line.quantity - 4), (later, Decimal(1)), (latest, Decimal(3))),
        ):
            schedule = _schedule(document, line, *parts, known=known)
            outcome = await _write(trial, adapter, schedule)
            held = (await _seen(trial, document)).line(line.line)
            if isinstance(outcome, Refused):
                trial.require(held == before.line(line.line), f"the line became {held}", "write all or nothing")
                return
            _require_written(trial, outcome)
            trial.require(
                held is not None and held.deliveries == parts and held.quantity == line.quantity,
                f"{parts} was confirmed, the system holds {held}",
                "write every delivery with its day, or return Refused",
            )
            known = written(line, schedule=schedule.lines[0].schedule)


@for_each_fault("Whatever call of a confirmation is lost, repeating it ends as asked.", LOST)
async def lost_confirmation(trial: Trial, fault: CallFault) -> None:
    """Each call that it makes."""

    async def confirm(adapter: AdapterOnTrial, document: OrderDocument) -> DocumentLine:
        line = document.lines[0]
        late = trial.day + dt.timedelta(days=7)
        schedule = _schedule(document, line, (late, line.quantity), known=written(line))
        _require_written(trial, await _write(trial, adapter, schedule), after=f" after {adapter.faults.struck}")
        return line.model_copy(update={"delivery_date": late})

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            document, _ = await trial.placed(adapter)
            adapter.faults.strike(nth, fault)
            wanted = await confirm(adapter, document)
            await adapter.faults.settled()
            trial.holds(await _seen(trial, document), wanted)

    await trial.at_each_call(await _calls(trial, confirm), one)


@case("A confirmation is not written over what a person edited.")
async def confirmation_over_an_edit(trial: Trial) -> None:
    """The quantity was edited."""
    async with trial.adapter() as adapter:
        document, seen = await trial.placed(adapter)
        line = document.lines[0]
        await trial.bench.edit(seen.number, line.line, "quantity", f"{line.quantity + 20:f}")
        before = await _seen(trial, document)
        late = trial.day + dt.timedelta(days=7)
        outcome = await _write(trial, adapter, _schedule(document, line, (late, line.quantity), known=written(line)))
        trial.require(isinstance(outcome, Edited), f"{outcome!r}", "compare with LineSchedule.written; return Edited")
        trial.require(await _seen(trial, document) == before, "the line was written", "write nothing")


@case("A line that is completed is expected no more, whatever was received of it.")
async def completed(trial: Trial) -> None:
    """A part was received; the rest never comes."""
    async with trial.adapter() as adapter:
        document, seen = await trial.placed(adapter)
        line = document.lines[0]
        await trial.bench.receive(seen.number, line.line, Decimal(2))
        schedule = _schedule(document, line, (trial.day, Decimal(2)), known=written(line))
        done = schedule.lines[0].model_copy(update={"completed": True})
        final = schedule.model_copy(update={"lines": (done,)})
        _require_written(trial, await _write(trial, adapter, final))
        held = (await _seen(trial, document)).line(line.line)
        trial.require(
            held is not None and held.completed,
            f"the system holds {held}",
            "set the system's own sign that delivery is completed, or cancel what is left",
        )
        _require_written(trial, await _write(trial, adapter, final), writes=False, after=" when it was repeated")


CASES: Sequence[Case] = (
    quantity_and_day,
    up_and_down,
    cancelled_line,
    cancelled_after_a_receipt,
    *lost_change,
    *busy_change,
    missing_line,
    locked,
    *(_edit_case(field, new) for field, new in _EDITS),
    edit_to_what_is_asked,
    adopted_edit,
    confirmed,
    confirmed_in_parts,
    *lost_confirmation,
    confirmation_over_an_edit,
    completed,
)

__all__ = ["CASES", "change_of_all", "revised"]
