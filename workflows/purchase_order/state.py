"""The state of a PurchaseOrder: its lines and their allocations, and what is pending with supplier and people."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, TypeVar

from pydantic import BaseModel

from canonical.exception import Decision
from canonical.identity import OrderId, RequirementId, external_reference
from canonical.landscape import Systems
from canonical.messages import OrderOpened, ReminderAsked, SubstitutionReported
from canonical.order import GoodsReceipt, OrderDocument
from canonical.policy import LinePolicy, PlantPolicy
from canonical.reason import Reason
from canonical.records import EndedEntity, OrderStage, OrderTerms
from canonical.sourcing import Source
from canonical.supply import SupplyRequest
from decisions.ordering import AnswerRank
from workflows.event_log import EventLog
from workflows.memory import EntityState, OpenQuestion
from workflows.purchase_order.line import Line, LineAllocation
from workflows.purchase_order.sharing import reallocate_shares, room_for, shared_lot

ANSWERS_KEPT = 100
"""The newest answers that an order recognises. An older one that is repeated is stale by its rank on each line."""
DESPATCHES_KEPT = 200
"""The newest despatch advices whose lines an order remembers, to take them back where they are cancelled."""
NUMBERS_KEPT = 1_000
"""Receipts and despatches that an order recognises: the relay may repeat recent deliveries; repetitions by a sender
under the same id are dropped by the inbox."""
VERSIONS_KEPT = 20
"""Versions of the plant's policy; for a line requested under an older one, the order reads it again (policy_of)."""


Known = TypeVar("Known")


class PublishedNeed(BaseModel):
    """A need as the order last published it: at a supplying plant, or for a component at its own plant."""

    plant: str
    item: str
    revision: int = 0
    """The order's revision at that time."""
    times: int = 0
    """How often it was published in that revision before."""
    content: str = ""
    """A digest of the published need; empty: it was withdrawn."""


class Despatch(BaseModel):
    """A despatch advice as the order counts it; without lines: it was cancelled or replaced."""

    at: dt.datetime
    rank: tuple[dt.datetime, int]
    """ShipmentAnnounced.rank of the newest message about it."""
    arrives_on: dt.date | None = None
    lines: dict[int, list[Decimal]] = {}
    """The announced quantities by line."""


class BookedReceipt(BaseModel):
    """A receipt, or what was taken back of one, that the order has taken."""

    line: int
    left: Decimal = Decimal(0)
    """The quantity of it that can be taken back."""


class SentDocument(BaseModel):
    """A document that the supplier got, by the reference that acknowledgements name it by."""

    reference: str
    kind: Literal["order", "change", "reminder"]
    revision: int


class Rejection(BaseModel):
    """A document that the supplier's systems rejected; `means`: by which acknowledgement."""

    document: SentDocument
    means: str
    why: str
    at: dt.datetime


class PendingApproval(BaseModel):
    """What another system holds until its own people approve it; one at a time, and what is asked later waits."""

    system: str
    document: str
    """Its number there."""
    since: dt.datetime
    approver: str = ""
    placing: bool
    """It is the whole order; else a change of it."""
    there: bool = False
    """The ERP holds it already, and has to release it: only the supplier may not have it yet."""
    lines: list[int]
    """What it brings."""
    revision: int | None = None
    """The revision that a change makes; None: the supplier does not hear of it."""
    looks: int = 0
    look_at: dt.datetime
    """When to see what has become of it."""
    ask_at: dt.datetime
    """When the buyer is asked about it."""
    asked: bool = False
    withdrawn: bool = False
    """We have asked for it back."""
    kept: str = ""
    """Why it could not be had back."""
    observed: str = ""
    """What would have been done, since Pegline only observes there; empty: people have to approve it."""


class Disapproval(BaseModel):
    """What another system's people refused; a person decides what follows."""

    system: str
    document: str
    placing: bool
    lines: list[int]


class PromiseAtRisk(BaseModel):
    """R17: a promise that is likely to be missed, as it was found."""

    promised_on: dt.date
    demand: str
    missing: Decimal
    reason: Reason
    taken: bool = False
    """A person takes the risk."""


class OrderState(EntityState):
    """The state of an order."""

    id: OrderId
    terms: OrderTerms
    source: Source
    policy: PlantPolicy
    correlation_id: str
    stage: OrderStage
    systems: Systems = Systems()
    observed: str = ""
    """What was last recorded that Pegline would have done, as a digest of it."""
    observed_looks: int = 0
    """How often since it was looked whether Pegline may write now."""
    opened_at: dt.datetime
    order_date: dt.date
    requested: list[SupplyRequest] | None = None
    """Supply requests whose lines are not written yet; None: the lines are written."""
    lines: list[Line] = []
    revision: int = 1
    """The newest revision sent to the supplier; 1 before the first sending."""
    requisition_number: str | None = None
    order_number: str | None = None
    answers: list[AnswerRank] = []
    """The answers that were applied."""
    asked_at: dt.datetime | None = None
    """When the unanswered revision was sent."""
    levels_reached: int = 0
    reminders: int = 0
    delivery_reminders: int = 0
    """Reminders of deliveries that did not come by their date."""
    clicks: list[str] = []
    """The newest requests of people for a reminder."""
    reminder_asked: ReminderAsked | None = None
    """One of them that is not sent yet."""
    unclear: dict[int, str] = {}
    """Lines whose answer can't be used, with the reason."""
    unclear_receipts: dict[str, str] = {}
    """Receipts that can't be booked on a line, with the reason."""
    unclear_despatches: dict[str, str] = {}
    """Despatch advices of which something can't be placed on a line, or that were cancelled before they were known."""
    sent: list[SentDocument] = []
    """The newest documents to the supplier."""
    rejection: Rejection | None = None
    """The newest document was rejected, and that is not settled."""
    resendings: int = 0
    """How often the first document was sent again as another one."""
    remarks: dict[int, tuple[str, ...]] = {}
    """What the supplier's last answer said of a line in words."""
    breaches: dict[int, str] = {}
    """R8: lines whose answer is outside the tolerance but causes no shortage."""
    at_risk: dict[int, PromiseAtRisk] = {}
    """R17: by line, the promise that is likely to be missed."""
    receipts: dict[str, BookedReceipt] = {}
    """By number; what takes one back is known by its own number, with a minus."""
    reversals: dict[str, GoodsReceipt] = {}
    """What takes back receipts that are not known yet, likewise by number."""
    despatches: dict[str, Despatch] = {}
    pending: dict[RequirementId, SupplyRequest] = {}
    """R3: supply requests that wait for a person."""
    pending_reasons: dict[RequirementId, str] = {}
    considered: dict[RequirementId, int] = {}
    """The newest supply request of each requirement that was granted or refused: its revision."""
    considered_rank: dict[RequirementId, tuple[int, float]] = {}
    """Its rank (SupplyRequest.rank)."""
    refusals: dict[RequirementId, str] = {}
    open_quantities: dict[RequirementId, Decimal] = {}
    reported: dict[RequirementId, str] = {}
    """A digest of the last report to each requirement."""
    received_reported: dict[RequirementId, Decimal] = {}
    """The received quantity in it."""
    notices: int = 0
    substitutions: dict[RequirementId, SubstitutionReported] = {}
    """What requirements have it report to planning of substitute items."""
    reports: int = 0
    touched: list[int] = []
    """Lines whose promise or delivery is not reported to ERP and APS yet."""
    as_of: dt.datetime
    """The business time of the newest message taken."""
    cut: list[int] = []
    """Lines refused by the supplier in whole or in part: the ERP's document must be reduced."""
    refusal: str | None = None
    """The reason for which the ERP refused a call."""
    approval: PendingApproval | None = None
    recorded_revision: int = 0
    """The newest revision whose change is in the audit log, sent or not."""
    approvals: int = 0
    """How often something was submitted to another system's people."""
    disapproval: Disapproval | None = None
    """Whose refusal `refusal` is, if another system's people refused."""
    requisitioned: bool = False
    """The ERP refused the order and may have kept its requisition."""
    reread: bool = False
    """The ERP says that the order changed there: it is to be compared."""
    rereads: int = 0
    expedite: bool = False
    questions: dict[str, OpenQuestion] = {}
    questions_raised: int = 0
    decisions: dict[str, Decision] = {}
    judged: dict[RequirementId, str] = {}
    """A digest of the last recorded outcome for a waiting supply request."""
    plant_versions: list[str] = []
    """Past versions of the plant's policy for the supplier; a line with another version has its own rules."""
    own_rules: dict[str, LinePolicy] = {}
    """Current rules of items that have their own, by item."""
    published_needs: dict[str, PublishedNeed] = {}
    """Published needs of a transfer or subcontract, by demand reference."""
    updates: int = 0
    """How often the ERP's document was updated before it was sent."""

    @classmethod
    def of(cls, opened: OrderOpened, now: dt.datetime) -> "OrderState":
        """The state of an order that opens."""
        return cls(
            id=opened.order_id,
            terms=opened.terms,
            source=opened.source,
            policy=opened.policy,
            correlation_id=opened.correlation_id,
            event_log=EventLog(),
            stage=OrderStage.CONSOLIDATING if opened.consolidating else OrderStage.PLACING,
            requested=list(opened.requests),
            systems=opened.systems,
            opened_at=now,
            order_date=opened.policy.calendar.day_of(now),
            as_of=now,
        )

    @classmethod
    def resumed(cls, ended: EndedEntity) -> "OrderState":
        """The state of an order that had ended: what it ended by is taken back."""
        state = cls.model_validate_json(ended.state)
        return state.model_copy(
            update={"event_log": EventLog(sequence=ended.sequence), "questions": {}, "decisions": {}}
        )

    @property
    def awaited(self) -> list[Line]:
        """Lines that the supplier has to answer, without those that it does not have yet: changes held back by an edit,
        and what waits for another system's approval.
        """
        return [
            line
            for line in self.lines
            if line.awaited and line.submitted is None and not (line.edits and line.changed_in > self.revision)
        ]

    @property
    def first_due(self) -> dt.date | None:
        """The earliest date of the lines that wait for an answer."""
        return min((line.delivery_date for line in self.awaited), default=None)

    def restart_escalation(self, now: dt.datetime) -> None:
        """Restart the SLA: the supplier was asked, or gets more time."""
        self.asked_at, self.levels_reached = now, 0

    def resend(self) -> None:
        """Have the first document sent again, as another one."""
        self.stage, self.resendings = OrderStage.UNSENT, self.resendings + 1

    @property
    def next_revision(self) -> int:
        """The revision that a change becomes part of; before the order is sent, the first."""
        return self.revision if self.unsent else self.revision + 1

    @property
    def changed_lines(self) -> list[int]:
        """Lines to send to the supplier again; a line that a person edited waits for a decision."""
        return [line.number for line in self.lines if line.changed_in > self.revision and not line.edits]

    @property
    def to_be_placed(self) -> bool:
        """The ERP or the supplier does not have it yet."""
        if self.stage is OrderStage.UNSENT:
            return any(line.open for line in self.lines)
        return self.stage is OrderStage.PLACING

    @property
    def finished(self) -> bool:
        """Every line is received, cancelled or refused, and all of that is reported."""
        return all(line.closed for line in self.lines) and not (
            self.touched
            or self.pending
            or self.refusal
            or self.approval
            or self.cut
            or self.edited
            or self.unclear_receipts
        )

    def not_closed(self, statement: Mapping[int, str]) -> dict[int, str]:
        """The entries by line, without closed lines."""
        closed = {line.number for line in self.lines if line.closed}
        return {number: why for number, why in statement.items() if number not in closed}

    @property
    def edited(self) -> bool:
        """A person's edit in the ERP waits for a decision."""
        return any(line.edits for line in self.lines)

    @property
    def unplaced(self) -> bool:
        """Nothing of it is anywhere but here."""
        return self.order_number is None and self.approval is None

    @property
    def unsent(self) -> bool:
        """It was never sent to the supplier."""
        return self.stage in (OrderStage.CONSOLIDATING, OrderStage.PLACING, OrderStage.UNSENT)

    def policy_of(self, line: Line) -> LinePolicy:
        """The policy of a line: its item's own rules if it has any, else the plant's for the supplier."""
        own = self.own_rules.get(line.request.item) or line.request.policy
        return self.policy.for_line() if own is None or own.version in self.plant_versions else own

    def items_with_own_rules(self) -> dict[str, tuple[str, str]]:
        """Items of open lines that have their own rules, with item class and known policy version."""
        return {
            line.request.item: (line.request.item_class, own.version)
            for line in self.lines
            if line.open and line.request.item_class is not None
            if (own := self.policy_of(line)).version != self.policy.version
        }

    def line(self, number: int) -> Line | None:
        """The line with that number."""
        return next((line for line in self.lines if line.number == number), None)

    def lines_of(self, requirement: RequirementId) -> list[Line]:
        """The lines that serve a requirement."""
        return [line for line in self.lines if line.serves(requirement)]

    def requirements(self) -> list[RequirementId]:
        """The requirements that have requested supply from it, in order of arrival."""
        return list(self.considered)

    def advance(self, effective_at: dt.datetime) -> None:
        """Note the business time of a message."""
        self.as_of = max(self.as_of, effective_at)

    def touch(self, number: int) -> None:
        """Mark the line to be reported to ERP and APS."""
        if number not in self.touched:
            self.touched.append(number)

    def add_lines(self, request: SupplyRequest) -> None:
        """Add a line per lot; the need is allocated from the first one on."""
        left = request.needed
        for lot in request.lots:
            allocated = min(lot, left)
            left -= allocated
            self.lines.append(
                Line(
                    number=10 * (len(self.lines) + 1),
                    request=request,
                    quantity=lot,
                    allocated=allocated,
                    delivery_date=request.dock_date,
                    price=request.price_of(lot),
                )
            )
        self.consider(request)

    def add_shared_line(self, requests: Sequence[SupplyRequest]) -> None:
        """Add one line for all of them, in R11's order; sharing decides which requests may share one."""
        first, *others = sorted(
            requests, key=lambda request: (request.criticality, request.required_date, request.requirement_id)
        )
        quantity = shared_lot(requests).total
        self.lines.append(
            Line(
                number=10 * (len(self.lines) + 1),
                request=first,
                quantity=quantity,
                allocated=first.needed,
                other_allocations=[LineAllocation(request=request, allocated=request.needed) for request in others],
                delivery_date=first.dock_date,
                price=first.price_of(quantity),
            )
        )
        for request in requests:
            self.consider(request)

    def allocate(self, request: SupplyRequest) -> Decimal:
        """Allocate the need to its lines, the first ones first; returns the quantity that they can take."""
        left = request.needed
        for line in self.lines_of(request.requirement_id):
            allocated = Decimal(0) if line.cancelled else min(room_for(line, request.requirement_id), left)
            line.set_allocated(request.requirement_id, allocated)
            left -= allocated
        return request.needed - left

    def reallocate(self, line: Line) -> list[RequirementId]:
        """Reallocate a line whose quantity others changed (R11); returns requirements that get less than they need."""
        if line.other_allocations:
            return reallocate_shares(line)
        return [line.request.requirement_id] if self.allocate(line.request) < line.request.needed else []

    def missing(self, requirement: RequirementId) -> Decimal:
        """The quantity that the requirement does not get because delivery was completed; in the order unit."""
        lines = self.lines_of(requirement)
        undelivered = sum((line.undelivered for line in lines), Decimal(0))
        if not undelivered:
            return undelivered
        allocated = sum((line.allocated_to(requirement) for line in lines), Decimal(0))
        lacking = lines[0].request_of(requirement).needed - allocated
        return max(Decimal(0), min(undelivered, lacking - self.open_quantities.get(requirement, Decimal(0))))

    def consider(self, request: SupplyRequest) -> None:
        """Note the supply request as the newest of its requirement that was granted or refused."""
        self.considered[request.requirement_id] = request.request_revision
        self.considered_rank[request.requirement_id] = request.rank

    def document(
        self,
        changed: tuple[int, ...] = (),
        *,
        whole: bool = False,
        for_erp: bool = False,
        revision: int | None = None,
    ) -> OrderDocument:
        """The order as ERP and supplier should hold it.

        `whole`: with lines that were never sent. `for_erp`: with the values that the ERP is known to hold. `revision`:
        the next one, while it is being made.
        """
        policy = self.policy
        return OrderDocument(
            order_id=self.id,
            reference=external_reference(self.id),
            plant=self.terms.plant,
            company_code=policy.company_code,
            purchasing_organization=policy.purchasing_organization,
            purchasing_group=policy.purchasing_group,
            supplier=self.terms.supplier,
            supplier_address=next(iter(policy.edifact.addresses), ""),
            directory=policy.edifact.directory,
            route=self.terms.route,
            currency=self.terms.currency,
            item_classes=self.item_classes,
            order_date=self.order_date,
            revision=revision or self.revision,
            order_number=self.order_number,
            requisition_number=self.requisition_number,
            lines=tuple(line.document(for_erp) for line in self.lines if whole or not line.never_sent),
            expedite=self.expedite,
            changed_lines=changed,
        )

    @property
    def item_classes(self) -> tuple[str, ...]:
        """The classes of its items; empty where none has one."""
        return tuple(sorted({line.request.item_class for line in self.lines if line.request.item_class}))

    def carried(self) -> "OrderState":
        """The state for the next run; of past messages, only those that it must still recognise."""
        requests = [
            *self.pending.values(),
            *(allocation.request for line in self.lines for allocation in line.allocations),
        ]
        decides = {
            policy.version for policy in (*(request.policy for request in requests), *self.own_rules.values()) if policy
        }
        older, despatches = self.plant_versions[:-VERSIONS_KEPT], _newest(self.despatches, NUMBERS_KEPT)
        return self.model_copy(
            update={
                "answers": sorted(self.answers)[-ANSWERS_KEPT:],
                "receipts": _newest(self.receipts, NUMBERS_KEPT),
                "despatches": {
                    number: each if place < DESPATCHES_KEPT else each.model_copy(update={"lines": {}})
                    for place, (number, each) in reversed([*enumerate(reversed(despatches.items()))])
                },
                "plant_versions": [
                    *(version for version in older if version in decides),
                    *self.plant_versions[-VERSIONS_KEPT:],
                ],
                "cut": list(dict.fromkeys(self.cut)),
            }
        )


def _newest(known: dict[str, Known], most: int) -> dict[str, Known]:
    return dict([*known.items()][-most:])
