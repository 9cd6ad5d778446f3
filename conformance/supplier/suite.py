"""All cases for the adapter of a supplier channel (adapters.ports.SupplierPort), as one parametrized pytest test.

    from conformance.supplier.suite import ChannelCase, every_case, run

    @every_case
    async def test_conformance(case: ChannelCase, bench: MyBench) -> None:
        await run(case, bench)

`bench` is a fixture of the adapter's project (conformance.supplier.bench.ChannelBench). What is demanded besides what
holds for every write (conformance.writing): a change and a reminder are one document each, however often they are sent
under one key; quantities, prices and days arrive as they are, or the document is Refused before anything is sent.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from canonical.identity import OrderId, external_reference
from canonical.order import OrderDocument, Refused, WriteOutcome, Written
from conformance.faults import LOST, CallFault
from conformance.supplier.bench import Arrived, ArrivedLine, ChannelBench, ConnectedChannel
from conformance.writing import WriterOnTrial, WritingCase, WritingTrial, new_key, writing_cases

ChannelCase = WritingCase[ConnectedChannel, OrderDocument]
Trial = WritingTrial[ConnectedChannel, OrderDocument]


@dataclass(frozen=True)
class OrderSubject:
    """Implements conformance.writing.Subject."""

    bench: ChannelBench

    def new(self) -> OrderDocument:
        """The bench's order, under a number of its own."""
        number = f"45{uuid.uuid4().int % 10**8:08}"
        order = OrderId(f"order/{self.bench.template.plant}/conformance/{number}")
        return self.bench.template.model_copy(
            update={"order_id": order, "order_number": number, "reference": external_reference(order)}
        )

    async def write(self, system: ConnectedChannel, document: OrderDocument, key: str) -> WriteOutcome:
        """Send the order, or a later revision of it as a change."""
        send = system.supplier.send_change if document.revision > 1 else system.supplier.send_order
        return await send(document, key=key)

    async def differs(self, document: OrderDocument) -> str:
        """One document of the revision, with its lines."""
        arrived = await self.bench.arrived(document)
        counted = (arrived.orders, arrived.changes) if document.revision > 1 else (arrived.orders,)
        if counted != (1,) * len(counted):
            return f"{arrived.orders} orders and {arrived.changes} changes of {document.order_number} arrived"
        there = {line.line: line for line in arrived.lines}
        wanted = {line.line: _line(line) for line in document.lines}
        return "; ".join(
            f"line {number}: {wanted.get(number)} was sent, the supplier has {there.get(number)}"
            for number in sorted({**there, **wanted})
            if not _same(there.get(number), wanted.get(number))
        )


def _line(line: Any) -> ArrivedLine:
    price = line.price / line.price_unit
    return ArrivedLine(
        line.line, line.item, line.quantity, line.unit, price, line.delivery_date, cancelled=line.cancelled
    )


def _same(there: ArrivedLine | None, wanted: ArrivedLine | None) -> bool:
    if wanted is None or wanted.cancelled:
        return there is None or there.cancelled
    return there == wanted


def _changed(document: OrderDocument) -> OrderDocument:
    """Its next revision: the first line moved and lowered, the second cancelled."""
    first, second = document.lines[:2]
    lines = (
        first.model_copy(
            update={"quantity": first.quantity - 1, "delivery_date": first.delivery_date + dt.timedelta(days=7)}
        ),
        second.model_copy(update={"cancelled": True}),
    )
    numbers = tuple(line.line for line in lines)
    return document.model_copy(update={"lines": lines, "revision": 2, "changed_lines": numbers})


async def _sent(trial: Trial, adapter: WriterOnTrial[ConnectedChannel]) -> OrderDocument:
    document = trial.subject.new()
    await trial.until_written(adapter, document, new_key())
    return document


async def change_arrives_once(trial: Trial) -> None:
    """Sent twice under one key, by another process, too."""
    async with trial.adapter() as adapter, trial.adapter() as other:
        change, key = _changed(await _sent(trial, adapter)), new_key()
        for each in (adapter, adapter, other):
            await trial.until_written(each, change, key)
        await trial.holds(change, " after the change was sent three times under one key")


async def _lost_change(fault: CallFault, trial: Trial) -> None:
    async with trial.adapter() as adapter:
        change, key = _changed(await _sent(trial, adapter)), new_key()
        adapter.faults.strike(1, fault)
        await trial.until_written(adapter, change, key)
        await adapter.faults.settled()
        await trial.holds(change, f"{adapter.met} ({fault})")


async def reminder_arrives_once(trial: Trial) -> None:
    """Or it is Refused, where the channel has none."""
    subject = trial.subject
    assert isinstance(subject, OrderSubject)
    async with trial.adapter() as adapter:
        document, key = await _sent(trial, adapter), new_key()
        outcomes = [await adapter.system.supplier.send_reminder(document, key=key) for _ in range(2)]
        arrived: Arrived = await subject.bench.arrived(document)
        refused = all(isinstance(each, Refused) and each.reason for each in outcomes)
        written = all(isinstance(each, Written) for each in outcomes)
        trial.require(refused or written, f"{outcomes!r}", "return Written, or Refused with what to do instead")
        trial.require(
            arrived.reminders == int(written) and arrived.orders == 1,
            f"{arrived.reminders} reminders and {arrived.orders} orders arrived",
            "send one document for one key",
        )


async def _exactly(change: Callable[[OrderDocument], Sequence[OrderDocument]], trial: Trial) -> None:
    for document in change(trial.subject.new()):
        async with trial.adapter() as adapter:
            outcome = await trial.attempt(adapter, document, new_key())
            if isinstance(outcome, Refused):
                continue
            trial.require(isinstance(outcome, Written), f"{outcome!r}", "return Refused for what no field can hold")
            await trial.holds(document)


def _quantities(document: OrderDocument) -> Sequence[OrderDocument]:
    return [
        _again(document, -1, quantity=Decimal(quantity)) for quantity in ("0.001", "7.125", "1234567.891", "33.333333")
    ]


def _prices(document: OrderDocument) -> Sequence[OrderDocument]:
    asked = (("0.1234", "1"), ("12.34", "100"), ("1234567.89", "1"), ("0.00001", "1"))
    return [_again(document, 0, price=Decimal(price), price_unit=Decimal(per)) for price, per in asked]


def _again(document: OrderDocument, index: int, **other: Any) -> OrderDocument:
    """The document under another number, one of its lines changed."""
    number = f"45{uuid.uuid4().int % 10**8:08}"
    lines = list(document.lines)
    lines[index] = lines[index].model_copy(update=other)
    return document.model_copy(update={"order_number": number, "lines": tuple(lines)})


async def days_in_any_zone(trial: Trial) -> None:
    """On both sides of the date line, at the ends of months and years."""
    year = trial.subject.new().lines[0].delivery_date.year + 1
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TZ", zone)
            time.tzset()
            try:
                async with trial.adapter() as adapter:
                    for day in (dt.date(year, 1, 1), dt.date(year, 12, 31)):
                        document = _again(trial.subject.new(), 0, delivery_date=day)
                        await trial.until_written(adapter, document, new_key())
                        await trial.holds(document)
            finally:
                environment.undo()
                time.tzset()


CASES: Sequence[ChannelCase] = (
    *writing_cases(),
    ChannelCase("change_arrives_once", "A change is one document under one key.", change_arrives_once),
    *(
        ChannelCase(f"lost_change[{fault}]", "Whatever is lost, a change arrives once.", partial(_lost_change, fault))
        for fault in LOST
    ),
    ChannelCase("reminder_arrives_once", "A reminder is one document under one key.", reminder_arrives_once),
    ChannelCase("quantities_exactly", "Quantities arrive exactly, or are Refused.", partial(_exactly, _quantities)),
    ChannelCase("prices_exactly", "Prices arrive exactly, or are Refused.", partial(_exactly, _prices)),
    ChannelCase("days_in_any_zone", "A day stays the day that it is, in any time zone.", days_in_any_zone),
)
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


async def run(case: ChannelCase, bench: ChannelBench) -> None:
    """Try the adapter. Raises Nonconforming; skips, with the reason, what the bench says cannot happen."""
    __tracebackhide__ = True
    await case.run(bench, OrderSubject(bench))


__all__ = ["CASES", "ChannelCase", "OrderSubject", "every_case", "run"]
