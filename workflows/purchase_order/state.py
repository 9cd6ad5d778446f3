"""What a PurchaseOrder remembers: its lines, whom each serves, and where the talk with supplier and people is."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

from pydantic import BaseModel

from canonical.exception import Decision
from canonical.identity import OrderId, RequirementId, external_reference
from canonical.messages import OrderOpened
from canonical.order import OrderDocument
from canonical.policy import LinePolicy, PlantPolicy
from canonical.records import OrderStage, OrderTerms
from canonical.sourcing import Source
from canonical.supply import SupplyRequest
from decisions.ordering import AnswerRank
from workflows.event_log import EventLog
from workflows.memory import EntityState, OpenQuestion
from workflows.purchase_order.line import Line, LineAllocation
from workflows.purchase_order.sharing import reallocate_shares, room_for, shared_lot

ANSWERS_KEPT = 100
"""The newest answers that an order knows again. An older one that comes once more is stale by its rank on each line."""
NUMBERS_KEPT = 1_000
"""Receipts and despatches that an order knows again: the relay repeats what it delivered moments ago, and what a sender
repeats under the same id the inbox knows for good."""
VERSIONS_KEPT = 20
"""Versions of the plant's policy; of a line that was wanted under an older one, the order asks anew (policy_of)."""


class PublishedNeed(BaseModel):
    """What the order last stated that it needs of another: of a supplying plant, or of its own plant's stock."""

    plant: str
    item: str
    revision: int = 0
    """The order's revision at that moment."""
    times: int = 0
    """How often it was stated in that revision before."""
    content: str = ""
    """A digest of what was stated; empty: it was withdrawn."""


class OrderState(EntityState):
    """The order's memory."""

    id: OrderId
    terms: OrderTerms
    source: Source
    policy: PlantPolicy
    correlation_id: str
    stage: OrderStage
    opened_at: dt.datetime
    order_date: dt.date
    lines: list[Line] = []
    revision: int = 1
    """The newest that the supplier has been sent; 1 before it is sent at all."""
    requisition_number: str | None = None
    order_number: str | None = None
    answers: list[AnswerRank] = []
    """The answers taken note of."""
    asked_at: dt.datetime | None = None
    """When the revision that is waiting for an answer was sent."""
    levels_reached: int = 0
    reminders: int = 0
    unclear: dict[int, str] = {}
    """Lines whose answer can't be taken as it is, and why."""
    unclear_receipts: dict[str, str] = {}
    """Receipts that can't be booked on a line, and why."""
    breaches: dict[int, str] = {}
    """R8: lines whose answer is outside the tolerance and harms no need."""
    receipts: list[str] = []
    despatches: list[str] = []
    pending: dict[RequirementId, SupplyRequest] = {}
    """R3: wants that wait for a person."""
    pending_reasons: dict[RequirementId, str] = {}
    considered: dict[RequirementId, int] = {}
    """The newest supply request of each requirement that was granted or refused: its revision."""
    considered_rank: dict[RequirementId, tuple[int, float]] = {}
    """Its rank (Want.rank)."""
    refusals: dict[RequirementId, str] = {}
    open_quantities: dict[RequirementId, Decimal] = {}
    reported: dict[RequirementId, str] = {}
    """What each requirement was last told (a digest)."""
    notices: int = 0
    reports: int = 0
    touched: list[int] = []
    """Lines whose promise or delivery ERP and APS have not been told of."""
    as_of: dt.datetime
    """The business time of the newest message taken."""
    cut: list[int] = []
    """Lines that the supplier refused in whole or in part: the ERP's document is to be cut."""
    refusal: str | None = None
    """What the ERP refused, and why."""
    requisitioned: bool = False
    """The ERP refused the order and may have kept its requisition."""
    expedite: bool = False
    questions: dict[str, OpenQuestion] = {}
    questions_raised: int = 0
    decisions: dict[str, Decision] = {}
    judged: dict[RequirementId, str] = {}
    """What was last noted of a supply request that waits (a digest)."""
    plant_versions: list[str] = []
    """The versions that the plant's policy for the supplier has had; a line of another one has rules of its own."""
    own_rules: dict[str, LinePolicy] = {}
    """By item: what holds now for items that have rules of their own."""
    published_needs: dict[str, PublishedNeed] = {}
    """By demand reference: what a transfer or subcontract has stated that it needs."""
    updates: int = 0
    """How often the ERP's document was brought up to date before it was sent."""

    @classmethod
    def of(cls, opened: OrderOpened, now: dt.datetime) -> "OrderState":
        """The memory of an order that opens."""
        return cls(
            id=opened.order_id,
            terms=opened.terms,
            source=opened.source,
            policy=opened.policy,
            correlation_id=opened.correlation_id,
            event_log=EventLog(),
            stage=OrderStage.CONSOLIDATING if opened.consolidating else OrderStage.PLACING,
            opened_at=now,
            order_date=now.date(),
            as_of=now,
        )

    @property
    def awaited(self) -> list[Line]:
        """Lines that the supplier owes an answer to; a change that a person's edit holds back, he knows nothing of."""
        return [line for line in self.lines if line.awaited and not (line.edits and line.changed_in > self.revision)]

    @property
    def first_due(self) -> dt.date | None:
        """The first day for which the supplier owes an answer."""
        return min((line.delivery_date for line in self.awaited), default=None)

    def restart_escalation(self, now: dt.datetime) -> None:
        """The supplier was asked, or is given another SLA."""
        self.asked_at, self.levels_reached = now, 0

    @property
    def next_revision(self) -> int:
        """The one that a change becomes part of; before the order is sent, that is simply the first."""
        return self.revision if self.unsent else self.revision + 1

    @property
    def changed_lines(self) -> list[int]:
        """Lines that the supplier is to be sent anew; one that a person edited waits for a decision."""
        return [line.number for line in self.lines if line.changed_in > self.revision and not line.edits]

    @property
    def to_be_placed(self) -> bool:
        """The ERP or the supplier has not got it yet."""
        if self.stage is OrderStage.UNSENT:
            return any(line.open for line in self.lines)
        return self.stage is OrderStage.PLACING

    @property
    def finished(self) -> bool:
        """Every line is received, cancelled or refused, and everybody was told."""
        return all(line.closed for line in self.lines) and not (
            self.touched or self.pending or self.refusal or self.cut or self.edited or self.unclear_receipts
        )

    def not_closed(self, statement: Mapping[int, str]) -> dict[int, str]:
        """What is said by line, without the lines of which nothing is expected any more."""
        closed = {line.number for line in self.lines if line.closed}
        return {number: why for number, why in statement.items() if number not in closed}

    @property
    def edited(self) -> bool:
        """A person's edit in the ERP waits for a decision."""
        return any(line.edits for line in self.lines)

    @property
    def unsent(self) -> bool:
        """The supplier has never heard of it."""
        return self.stage in (OrderStage.CONSOLIDATING, OrderStage.PLACING, OrderStage.UNSENT)

    def policy_of(self, line: Line) -> LinePolicy:
        """What holds for a line: its item's own rules where it has some, else the plant's for the supplier."""
        own = self.own_rules.get(line.request.item) or line.request.policy
        return self.policy.for_line() if own is None or own.version in self.plant_versions else own

    def items_with_own_rules(self) -> dict[str, tuple[str, str]]:
        """Item → its class and the version known, of the open lines that the plant's policy does not decide."""
        return {
            line.request.item: (line.request.item_class, own.version)
            for line in self.lines
            if line.open and line.request.item_class is not None
            if (own := self.policy_of(line)).version != self.policy.version
        }

    def line(self, number: int) -> Line | None:
        """The line of that number."""
        return next((line for line in self.lines if line.number == number), None)

    def lines_of(self, requirement: RequirementId) -> list[Line]:
        """The lines that serve a requirement."""
        return [line for line in self.lines if line.serves(requirement)]

    def requirements(self) -> list[RequirementId]:
        """The requirements that wanted something of it, in the order of their arrival."""
        return list(self.considered)

    def touch(self, number: int) -> None:
        """ERP and APS are to be told of the line."""
        if number not in self.touched:
            self.touched.append(number)

    def add_lines(self, request: SupplyRequest) -> None:
        """A line per lot; the need is claimed from the first on."""
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
                    price=request.price,
                )
            )
        self.consider(request)

    def add_shared_line(self, requests: Sequence[SupplyRequest]) -> None:
        """One line for all of them, the first in R11's order first; sharing says which wants may."""
        first, *others = sorted(
            requests, key=lambda request: (request.criticality, request.required_date, request.requirement_id)
        )
        self.lines.append(
            Line(
                number=10 * (len(self.lines) + 1),
                request=first,
                quantity=shared_lot(requests).total,
                allocated=first.needed,
                other_allocations=[LineAllocation(request=request, allocated=request.needed) for request in others],
                delivery_date=first.dock_date,
                price=first.price,
            )
        )
        for request in requests:
            self.consider(request)

    def allocate(self, request: SupplyRequest) -> Decimal:
        """Spread the need over its lines, the first ones first; what of it they can take."""
        left = request.needed
        for line in self.lines_of(request.requirement_id):
            allocated = Decimal(0) if line.cancelled else min(room_for(line, request.requirement_id), left)
            line.set_allocated(request.requirement_id, allocated)
            left -= allocated
        return request.needed - left

    def reallocate(self, line: Line) -> list[RequirementId]:
        """Spread the needs over a line whose quantity others changed; those that have less than they need (R11)."""
        if line.other_allocations:
            return reallocate_shares(line)
        return [line.request.requirement_id] if self.allocate(line.request) < line.request.needed else []

    def consider(self, request: SupplyRequest) -> None:
        """The supply request is the newest of its requirement that was granted or refused."""
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
        """The order as ERP and supplier are to hold it.

        `whole`: with the lines that were never sent; `for_erp`: with what the ERP is known to hold of each; `revision`:
        the next one, while it is made.
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
            route=self.terms.route,
            currency=self.terms.currency,
            order_date=self.order_date,
            revision=revision or self.revision,
            order_number=self.order_number,
            requisition_number=self.requisition_number,
            lines=tuple(line.document(for_erp) for line in self.lines if whole or not line.never_sent),
            expedite=self.expedite,
            changed_lines=changed,
        )

    def carried(self) -> "OrderState":
        """What the next run goes on with: of what the order has heard, what it must know again."""
        requests = [
            *self.pending.values(),
            *(allocation.request for line in self.lines for allocation in line.allocations),
        ]
        decides = {
            policy.version for policy in (*(request.policy for request in requests), *self.own_rules.values()) if policy
        }
        older = self.plant_versions[:-VERSIONS_KEPT]
        return self.model_copy(
            update={
                "answers": sorted(self.answers)[-ANSWERS_KEPT:],
                "receipts": self.receipts[-NUMBERS_KEPT:],
                "despatches": self.despatches[-NUMBERS_KEPT:],
                "plant_versions": [
                    *(version for version in older if version in decides),
                    *self.plant_versions[-VERSIONS_KEPT:],
                ],
                "cut": list(dict.fromkeys(self.cut)),
            }
        )
