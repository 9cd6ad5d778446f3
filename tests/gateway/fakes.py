"""Fakes around the gateway: entities that record their messages, a plain supplier dialect,
and events of which only what a test names differs.
"""

import asyncio
import datetime as dt
from typing import Any

import httpx
from temporalio.service import RPCError, RPCStatusCode

from adapters.errors import UnreadableMessage
from adapters.ports import DocumentPart, SupplierDocument
from canonical.calendar import Calendar
from canonical.exception import Assignment, Decision, DecisionRefused, DecisionTakenBack
from canonical.messages import (
    ApprovalReported,
    ChangeOpened,
    ChangeSuperseded,
    DocumentAcknowledgement,
    DocumentEdited,
    GoodsReceived,
    PromisesRated,
    ReminderAsked,
    ReminderDue,
    ReminderRefused,
    RequirementOpened,
    RequirementWithdrawn,
    ShipmentsAnnounced,
    StockOpened,
    SupplierAnswered,
)
from canonical.order import (
    AcknowledgementOutcome,
    AnswerOutcome,
    AnswerScheduleLine,
    DocumentAcknowledged,
    LineAnswer,
    OrderAnswer,
    ShipmentAnnounced,
)
from canonical.plan import PlanRunStatus
from canonical.policy import Ownership, PlantPolicy
from canonical.records import EndedEntity, ExceptionSnapshot, ExceptionState, Incident
from policies.book import FixedPolicies

TODAY = dt.date(2026, 6, 1)
MORNING = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
PLANT = "P1"
ITEM = "FR-R92B-58"
DOWN = RPCStatusCode.UNAVAILABLE
"""What a call to a Temporal that is not there fails with."""
_OFFICE = Calendar(name="office")
PLANTS = {
    name: PlantPolicy(
        plant=name,
        version="1",
        company_code=name,
        purchasing_organization="1",
        calendar=_OFFICE,
        office=_OFFICE,
        ownership=Ownership.model_validate(dict.fromkeys(Ownership.model_fields, ("*",))),
    )
    for name in ("P1", "P2")
}
POLICIES = FixedPolicies(PLANTS)

EntityMessage = (
    RequirementOpened
    | RequirementWithdrawn
    | SupplierAnswered
    | ShipmentsAnnounced
    | DocumentAcknowledgement
    | GoodsReceived
    | DocumentEdited
    | ApprovalReported
    | ChangeOpened
    | ChangeSuperseded
    | StockOpened
)


class FakeEntities:
    """Entities that record their messages in the order of arrival; Temporal fails on demand."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, EntityMessage]] = []
        self.reopened: list[str] = []
        self.changed: list[str] = []
        self.ended: set[str] = set()
        self.failures: list[RPCStatusCode] = []
        """What the next calls fail with, one after the other."""
        self.failing: set[str] = set()
        """Entities whose every call fails."""
        self.held: dict[str, asyncio.Event] = {}
        """Entities whose calls take until this is set."""
        self.at_once = 0
        self.most_at_once = 0
        self.exceptions: dict[str, ExceptionSnapshot] = {}
        self.decided: list[Decision] = []
        self.assigned: list[Assignment] = []
        self.taken_back: list[DecisionTakenBack] = []
        self.reminded: list[tuple[str, ReminderAsked]] = []
        self.rated: list[tuple[str, PromisesRated]] = []
        self.not_awaited: dict[str, str] = {}
        """Orders with nothing to remind of, and why."""
        self.plan_runs: list[PlanRunStatus] = []
        self.superseded: list[PlanRunStatus] = []
        self.stuck: list[Incident] = []

    def messages_to(self, entity: str) -> list[EntityMessage]:
        return [message for to, message in self.messages if to == entity]

    async def open_requirement(self, opened: RequirementOpened, reopen: bool = False) -> bool:
        if not await self._take(opened.need.id, opened):
            return False
        if reopen:
            self.reopened.append(opened.need.id)
        return True

    async def change_plan(self, opened: RequirementOpened, /) -> bool:
        if not await self._take(opened.need.id, opened):
            return False
        self.changed.append(opened.need.id)
        return True

    async def withdraw_requirement(self, requirement: str, withdrawn: RequirementWithdrawn, /) -> bool:
        return await self._take(requirement, withdrawn)

    async def open_change(self, opened: ChangeOpened, reopen: bool = False) -> bool:
        if not await self._take(opened.revised.id, opened):
            return False
        if reopen:
            self.reopened.append(opened.revised.id)
        return True

    async def supersede_change(self, change: str, superseded: ChangeSuperseded, /) -> bool:
        return await self._take(change, superseded)

    async def open_stock(self, opened: StockOpened, reopen: bool = False) -> bool:
        if not await self._take(opened.figure.id, opened):
            return False
        if reopen:
            self.reopened.append(opened.figure.id)
        return True

    async def answer_order(self, order: str, answered: SupplierAnswered, /) -> bool:
        return await self._take(order, answered)

    async def acknowledge_document(self, order: str, acknowledged: DocumentAcknowledgement, /) -> bool:
        return await self._take(order, acknowledged)

    async def announce_shipment(self, order: str, announced: ShipmentsAnnounced, /) -> bool:
        return await self._take(order, announced)

    async def receive_goods(self, order: str, received: GoodsReceived, /) -> bool:
        return await self._take(order, received)

    async def resume_order(self, order: str, ended: EndedEntity, message: GoodsReceived | DocumentEdited, /) -> bool:
        self.ended.discard(order)
        self.reopened.append(order)
        return await self._take(order, message)

    async def edit_document(self, order: str, edited: DocumentEdited, /) -> bool:
        return await self._take(order, edited)

    async def report_approval(self, order: str, reported: ApprovalReported, /) -> bool:
        return await self._take(order, reported)

    async def start_plan_run(self, run: PlanRunStatus, /) -> None:
        if self.failures:
            status = self.failures.pop(0)
            raise RPCError(status.name.lower(), status, b"")
        self.plan_runs.append(run)

    async def supersede_plan_run(self, run: PlanRunStatus, /) -> bool:
        self.superseded.append(run)
        return True

    async def remind(self, order: str, asked: ReminderAsked, /) -> ReminderDue:
        if (why := self.not_awaited.get(order)) is not None:
            raise ReminderRefused(why)
        self.reminded.append((order, asked))
        return ReminderDue(about="answer", lines=(10,))

    async def rate_promises(self, order: str, rated: PromisesRated, /) -> bool:
        self.rated.append((order, rated))
        return True

    async def decide(self, exception: str, decision: Decision, /) -> ExceptionSnapshot:
        snapshot = self.exceptions.get(exception)
        if snapshot is None:
            raise DecisionRefused("not_found", f"there is no {exception}")
        made = snapshot.decision
        if made is not None:
            if made.event_id == decision.event_id:
                return snapshot
            raise DecisionRefused("already_decided", f"{made.decided_by} has decided")
        if decision.digest != snapshot.digest:
            raise DecisionRefused("digest_out_of_date", "the proposal has changed", snapshot.digest)
        if decision.decided_by == snapshot.proposal.proposed_by:
            raise DecisionRefused("proposer_is_approver", f"{decision.decided_by} proposed it")
        entitled = snapshot.proposal.approvers or (snapshot.assignee, snapshot.on_behalf_of)
        if decision.role is not None and decision.role not in entitled:
            raise DecisionRefused("not_an_approver", f"{decision.role} may not decide this")
        if decision.choice not in {each.choice for each in snapshot.proposal.alternatives}:
            raise DecisionRefused("choice_not_offered", f"{decision.choice} is not offered")
        items = [each.substitute.item for each in snapshot.proposal.alternatives if each.substitute is not None]
        if decision.substitute is not None and decision.substitute not in items:
            raise DecisionRefused("choice_not_offered", f"{decision.substitute} is no substitute item here")
        decided = snapshot.model_copy(update={"state": ExceptionState.DECIDED, "decision": decision, "closed": True})
        self.exceptions[exception] = decided
        self.decided.append(decision)
        return decided

    async def assign(self, exception: str, assignment: Assignment, /) -> ExceptionSnapshot:
        snapshot = self.exceptions[exception]
        if snapshot.state is not ExceptionState.OPEN:
            raise DecisionRefused("already_decided", "it is decided")
        if assignment.to == snapshot.assignee:
            raise DecisionRefused("already_asked", f"{assignment.to} is asked already")
        self.assigned.append(assignment)
        changed = snapshot.model_copy(update={"assignee": assignment.to, "assignment": assignment})
        self.exceptions[exception] = changed
        return changed

    async def take_back(self, exception: str, taken_back: DecisionTakenBack, /) -> ExceptionSnapshot:
        snapshot = self.exceptions[exception]
        if snapshot.decision is None or snapshot.undo_until is None:
            raise DecisionRefused("nothing_to_take_back", "it is carried out")
        if snapshot.decision.decided_by != taken_back.taken_back_by:
            raise DecisionRefused("not_the_decider", f"only {snapshot.decision.decided_by} can take it back")
        self.taken_back.append(taken_back)
        changed = snapshot.model_copy(update={"state": ExceptionState.OPEN, "decision": None, "undo_until": None})
        self.exceptions[exception] = changed
        return changed

    async def incidents(self, most: int, /) -> list[Incident]:
        if self.failures:
            status = self.failures.pop(0)
            raise RPCError(status.name.lower(), status, b"")
        return self.stuck[:most]

    async def status(self, entity: str, /) -> dict[str, Any]:
        return self.exceptions[entity].model_dump(mode="json")

    async def _take(self, entity: str, message: EntityMessage) -> bool:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await (self.held[entity].wait() if entity in self.held else asyncio.sleep(0))
            if self.failures:
                status = self.failures.pop(0)
                raise RPCError(status.name.lower(), status, b"")
            if entity in self.failing:
                raise RPCError("no such namespace", RPCStatusCode.INTERNAL, b"")
            if entity in self.ended:
                return False
            self.messages.append((entity, message))
            return True
        finally:
            self.at_once -= 1


class PlainDialect:
    """`answer;order;revision;line;quantity;date` or `despatch;order;number`, a message a line."""

    def __init__(self) -> None:
        self.broken = False
        """A reader with a defect of its own."""
        self.supplier: str | None = None
        """Who answers, as documents say."""

    def read(self, body: bytes, content_type: str) -> SupplierDocument:
        if self.broken:
            raise RuntimeError("the reader stumbled")
        text = body.decode()
        replies = [b"thanks"] if text.endswith(";reply") else []
        return SupplierDocument([self._part(line) for line in text.removesuffix(";reply").split("\n")], replies)

    def _part(self, line: str) -> DocumentPart:
        try:
            return DocumentPart(line.encode(), (self._message(line.split(";")),))
        except UnreadableMessage as unreadable:
            return DocumentPart(line.encode(), unreadable)

    def _message(self, words: list[str]) -> OrderAnswer | ShipmentAnnounced | DocumentAcknowledged:
        match words:
            case ["acknowledged", reference]:
                return DocumentAcknowledged(
                    reference=reference,
                    acknowledgement_number="CONTRL/1",
                    outcome=AcknowledgementOutcome.REJECTED,
                    effective_at=MORNING,
                )
            case ["answer", order, revision, line, quantity, day]:
                part = AnswerScheduleLine.model_validate(
                    {"outcome": AnswerOutcome.ACCEPTED, "quantity": quantity, "unit": "EA", "date": day}
                )
                return OrderAnswer(
                    order_number=order,
                    order_revision=int(revision),
                    answer_number=f"A-{order}-{revision}",
                    lines=(LineAnswer(line=int(line), schedule_lines=(part,)),),
                    effective_at=MORNING,
                    supplier=self.supplier,
                )
            case ["despatch", order, number]:
                return ShipmentAnnounced(order_number=order, despatch_number=number, lines=(), effective_at=MORNING)
            case _:
                raise UnreadableMessage("wrong_count", "the count says 3 segments, there are 2", "ask for it anew")


def event(id: str, type: str, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": "aps",
        "type": type,
        "time": "2026-06-01T08:00:00+02:00",
        "data": data,
    } | attributes


def planned(
    id: str = "e-1",
    reference: str = "PLO-1",
    version: int = 1,
    *,
    attributes: dict[str, Any] | None = None,
    **data: Any,
) -> dict[str, Any]:
    stated = {
        "plant": PLANT,
        "item": ITEM,
        "quantity": "500",
        "unit": "EA",
        "required_date": "2026-06-15",
        "demand_reference": reference,
        "plan_version": version,
    }
    return event(id, "pegline.requirement.planned.v1", stated | data) | (attributes or {})


def withdrawn(id: str, reference: str = "PLO-1", version: int = 2) -> dict[str, Any]:
    data = {"plant": PLANT, "item": ITEM, "demand_reference": reference, "plan_version": version}
    return event(id, "pegline.requirement.withdrawn.v1", data)


def received(id: str, order: str = "4500000001", line: int = 10, quantity: str = "100", **more: Any) -> dict[str, Any]:
    data = {
        "order": order,
        "line": line,
        "quantity": quantity,
        "unit": "EA",
        "date": "2026-06-10",
        "receipt_number": f"GR-{id}",
        **more,
    }
    return event(id, "pegline.goods.received.v1", data, source="wms")


def answered(id: str, order: str = "4500000001", quantity: str = "500") -> dict[str, Any]:
    part = {"outcome": "accepted", "quantity": quantity, "unit": "EA", "date": "2026-06-10"}
    data = {"order": order, "order_revision": 1, "lines": [{"line": 10, "schedule_lines": [part]}]}
    return event(id, "pegline.order.answered.v1", data, source="portal")


def announced(id: str, order: str = "4500000001", line: int = 10) -> dict[str, Any]:
    data = {
        "order": order,
        "line": line,
        "quantity": "500",
        "unit": "EA",
        "date": "2026-06-10",
        "despatch_number": "80001234",
    }
    return event(id, "pegline.shipment.announced.v1", data, source="portal")


def edited(id: str, order: str = "4500000001", **data: Any) -> dict[str, Any]:
    stated = {"order": order, "line": 10, "field": "quantity", "old": "500.000", "new": "520", "edited_by": "MILLER"}
    return event(id, "pegline.order.edited.v1", stated | data, source="erp")


def requirement_id(reference: str = "PLO-1") -> str:
    return f"requirement/{PLANT}/{ITEM}/aps~{reference}"


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal, once it has the expected status and code and names a next step."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    detail: dict[str, Any] = response.json()
    assert (detail["status"], detail["code"]) == (status, code)
    assert detail["detail"]
    assert detail["next_step"]
    return detail
