"""Counterparts in memory, each with its own books; they satisfy the real ports."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.errors import TransientError
from canonical.coverage import CoverageReport
from canonical.order import (
    AwaitingApproval,
    ChangeOutcome,
    DocumentEdit,
    DocumentLine,
    Edited,
    EditedField,
    OrderChangeOutcome,
    OrderDocument,
    OrderSchedule,
    Placed,
    PlaceOutcome,
    Refused,
    WriteOutcome,
    Written,
    WrittenLine,
    edited_value,
)
from canonical.sourcing import ItemAtPlant, UnknownItem
from canonical.substitution import Substitution
from canonical.supply import ScheduleLine

FIELDS: tuple[EditedField, ...] = ("quantity", "delivery_date", "price")
"""What a write of an order's line brings."""


class Counterpart:
    """Calls wait until it is open for them, and fail as the story sets: before or after they have written."""

    def __init__(self) -> None:
        self.failures: list[Exception | Refused] = []
        self.failures_after_writing: list[Exception] = []
        self.open_for_calls = asyncio.Event()
        self.open_for_calls.set()

    async def refused(self) -> Refused | None:
        """Raise the next failure, or return the next refusal."""
        await self.open_for_calls.wait()
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        return failure

    def written(self) -> None:
        """What was called for is written; the answer may be lost all the same."""
        if self.failures_after_writing:
            raise self.failures_after_writing.pop(0)


class FakeMasterData(Counterpart):
    """Items by (plant, item)."""

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[tuple[str, str], ItemAtPlant] = {}

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        assert await self.refused() is None
        found = self.items.get((plant, item))
        return found or UnknownItem(plant=plant, item=item, detail=f"{item} is not kept at {plant}")

    async def prefetch(self, plants: Collection[str]) -> int:
        return sum(1 for plant, _ in self.items if plant in plants)


class Approvers:
    """An ERP's own people, who decide on what is submitted to them."""

    def __init__(self) -> None:
        self.held: dict[str, OrderDocument] = {}
        """By number, what waits."""
        self.decided: dict[str, str] = {}
        """By number: approved, withdrawn, or why it was not approved."""
        self.looks = 0
        self.keeps = False
        """Nothing can be taken back."""
        self._counter = itertools.count(97)

    def approve(self, number: str) -> None:
        self.decided[number] = "approved"

    def refuse(self, number: str, why: str) -> None:
        self.decided[number] = why

    @property
    def waiting(self) -> list[str]:
        return [number for number in self.held if number not in self.decided]

    def hold(self, document: OrderDocument) -> AwaitingApproval:
        """Take it, once however often it is submitted: what waits for the same reference is the same."""
        waits = (number for number in self.waiting if self.held[number].reference == document.reference)
        number = next(waits, None) or str(next(self._counter))
        self.held[number] = document
        return self._waits(number)

    def look(self, number: str) -> AwaitingApproval | Refused | OrderDocument:
        """What has become of it; approved: the document as it was submitted."""
        self.looks += 1
        decided = self.decided.get(number)
        if decided is None:
            return self._waits(number)
        return self.held[number] if decided == "approved" else Refused(system="ERP", code="rejected", reason=decided)

    def give_back(self, reference: str) -> None:
        for number in self.waiting:
            if self.held[number].reference == reference:
                self.decided[number] = "withdrawn"

    def _waits(self, number: str) -> AwaitingApproval:
        requisition = None if self.held[number].order_number else number
        return AwaitingApproval(system="Coupa", document=number, approver="Anna", requisition_number=requisition)


class FakeErp(Counterpart):
    """Orders by reference and by number; a person's edit is never overwritten unknowingly."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, OrderDocument] = {}
        self.numbers: dict[str, str] = {}
        self.schedules: dict[tuple[str, int], Any] = {}
        self.completed: set[tuple[str, int]] = set()
        self.requisitions_cancelled: list[str] = []
        self.writes: list[str] = []
        self.maybe_written: list[bool] = []
        self.editors: dict[tuple[str, int], str] = {}
        self.people: Approvers | None = None
        """None: nobody has to approve anything."""
        self.unreleased = ""
        """Why no order may go to its supplier yet."""
        self._counter = itertools.count(4500000001)

    def give_again(self, number: str) -> None:
        """Its number range begins again."""
        self._counter = itertools.count(int(number))

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        self.maybe_written.append(maybe_written)
        if refused := await self.refused():
            return refused
        if self.people is not None and document.reference not in self.numbers:
            found = self.people.look(document.awaiting) if document.awaiting else self.people.hold(document)
            if not isinstance(found, OrderDocument):
                self.written()
                return found
            document = found
        return self._placed(document)

    def _placed(self, document: OrderDocument) -> Placed:
        found = document.reference in self.numbers
        if not found:
            self.writes.append(f"place {document.reference}")
            self.numbers[document.reference] = str(next(self._counter))
            self.orders[self.numbers[document.reference]] = document
        self.written()
        number = self.numbers[document.reference]
        return Placed(
            requisition_number=f"1{number[1:]}", order_number=number, found_existing=found, unreleased=self.unreleased
        )

    async def change_order(self, document: OrderDocument, *, key: str) -> OrderChangeOutcome:
        if refused := await self.refused():
            return refused
        assert document.order_number is not None
        number = document.order_number
        if self.people is not None:
            approved = self.people.look(document.awaiting) if document.awaiting else None
            if approved is None and self._differs(document):
                return self.people.hold(document)
            if approved is not None and not isinstance(approved, OrderDocument):
                return approved
            document = approved or document
        edits = [
            edit
            for line in self._changed(document)
            for edit in self._edits(number, line.line, line.written, {name: getattr(line, name) for name in FIELDS})
        ]
        if edits:
            return Edited(edits=tuple(edits))
        held = {line.line: line for line in self.orders[number].lines}
        asked = {line.line: line.model_copy(update={"written": None}) for line in self._changed(document)}
        self.orders[number] = document.model_copy(
            update={"lines": tuple((held | asked)[line.line] for line in document.lines)}
        )
        self.writes.append(f"change {number} {document.changed_lines}")
        return Written(writes=len(document.changed_lines), unreleased=self.unreleased)

    def _differs(self, document: OrderDocument) -> bool:
        held = {line.line: line for line in self.orders[str(document.order_number)].lines}
        return any(
            getattr(held[line.line], name) != getattr(line, name)
            for line in self._changed(document)
            for name in (*FIELDS, "cancelled")
        )

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        if refused := await self.refused():
            return refused
        if self.people is not None:
            if self.people.keeps:
                return Refused(system="ERP", code="kept", reason="its approval has begun")
            self.people.give_back(document.reference)
        self.requisitions_cancelled.append(document.reference)
        return Written(writes=len(document.lines))

    def edit(self, order: str, line: int, user: str, **changes: Any) -> None:
        """A person changes a line in the ERP."""
        document = self.orders[order]
        self.editors[order, line] = user
        self.orders[order] = document.model_copy(
            update={
                "lines": tuple(one.model_copy(update=changes) if one.line == line else one for one in document.lines)
            }
        )

    def _changed(self, document: OrderDocument) -> list[DocumentLine]:
        return [line for line in document.lines if line.line in document.changed_lines]

    def _edits(
        self, order: str, line: int, written: WrittenLine | None, asked: Mapping[EditedField, Any]
    ) -> list[DocumentEdit]:
        """Where the books are neither as last written nor as asked for."""
        assert written is not None, "what was placed is known to be written"
        held = next(one for one in self.orders[order].lines if one.line == line)
        return [
            DocumentEdit(
                order_number=order,
                line=line,
                field=field,
                old=edited_value(field, str(getattr(written, field))),
                new=edited_value(field, str(getattr(held, field))),
                edited_by=self.editors[order, line],
                effective_at=datetime.now(UTC),
            )
            for field in asked
            if getattr(held, field) not in (getattr(written, field), asked[field])
        ]

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        if refused := await self.refused():
            return refused
        edits = [
            edit
            for line in schedule.lines
            for edit in self._edits(
                schedule.order_number,
                line.line,
                line.written,
                {"quantity": sum(row.quantity for row in line.schedule), "delivery_date": None},
            )
        ]
        if edits:
            return Edited(edits=tuple(edits))
        for line in schedule.lines:
            self.schedules[schedule.order_number, line.line] = line.schedule
            if line.completed:
                self.completed.add((schedule.order_number, line.line))
        self.writes.append(f"schedule {schedule.order_number}")
        return Written(writes=len(schedule.lines))


class FakeSupplier(Counterpart):
    """Documents by order number; a repeated key is one document."""

    def __init__(self) -> None:
        super().__init__()
        self.by_key: dict[str, OrderDocument] = {}
        self.sent: dict[str, list[OrderDocument]] = defaultdict(list)
        self.reminders: list[str] = []

    async def send_order(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        return await self._take(document, key)

    async def send_change(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        return await self._take(document, key)

    async def send_reminder(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        if refused := await self.refused():
            return refused
        if key not in self.by_key:
            self.by_key[key] = document
            assert document.order_number is not None
            self.reminders.append(document.order_number)
        return Written(writes=1)

    async def _take(self, document: OrderDocument, key: str) -> WriteOutcome:
        if refused := await self.refused():
            return refused
        if key not in self.by_key:
            self.by_key[key] = document
            assert document.order_number is not None
            self.sent[document.order_number].append(document)
        self.written()
        return Written(writes=1)


class FakeAps(Counterpart):
    """The newest coverage by (requirement, order)."""

    def __init__(self) -> None:
        super().__init__()
        self.coverage: dict[tuple[str, str], tuple[ScheduleLine, ...]] = {}
        self.substitutions: dict[str, Substitution | None] = {}
        """By requirement."""
        self.reports = 0

    async def write_coverage(self, report: CoverageReport, *, key: str) -> WriteOutcome:
        if refused := await self.refused():
            return refused
        self.reports += 1
        for entry in report.entries:
            self.coverage[entry.requirement_id, report.order_number] = entry.schedule_lines
            self.substitutions[entry.requirement_id] = entry.substitution
        return Written(writes=1)


def cut_off(system: str) -> TransientError:
    """A call that broke off without our knowing whether it wrote."""
    return TransientError(system, "connection cut", maybe_written=True)
