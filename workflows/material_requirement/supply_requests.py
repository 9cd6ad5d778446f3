"""What a requirement states to orders: a decision on cover as a supply request, and who takes it.

Each question goes out as a whole want, with the audit event of its decision. Quantities are in the need's unit;
only a supply request is in the order unit. Not here: what is asked for (requirement_cover) and how it is decided
(decisions/).
"""

from collections.abc import Collection
from decimal import Decimal

from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import RequestSupplyCall, SupplyRequestChange, SupplyRequestOpening, SupplyRequestsPlaced
from canonical.records import RequirementStage
from canonical.supply import OrderCoverage, SupplyRequest
from decisions.assess import NotOrderable, SourcingDecision, decide_sourcing
from decisions.netting import Netting
from decisions.supply_requests import release, request_for, terms_for
from workflows.entity import INTERNAL_RETRIES, INTERNAL_TIMEOUT, Entity
from workflows.material_requirement.reasons import SourcingQuestion, sourcing_decided, sourcing_refused
from workflows.material_requirement.state import RequirementState


class SupplyRequester(Entity):
    """The part of a MaterialRequirement that speaks to orders; each decision needs the assessment of its moment."""

    state: RequirementState

    def decide(
        self,
        quantity: Decimal,
        *,
        exclude: Collection[str] = (),
        only: str | None = None,
        netting: Netting | None = None,
    ) -> SourcingDecision | NotOrderable:
        """By all rules, of whom and how the quantity is ordered; `only`: of this supplier, sound or not.

        `netting`: why it is this quantity (R2), where it is not what a person decided.
        """
        state, assessment = self.state, self.state.assessment
        assert assessment is not None
        today = workflow.now().date()
        sources = assessment.item.sources if assessment.item else ()
        excluded = set(exclude) if only is None else {source.supplier for source in sources} - {only}
        asked = sorted(excluded)
        holding = () if only is None else (only,)
        decided = decide_sourcing(state.acted_on, assessment, today, quantity=quantity, exclude=asked, holding=holding)
        state.decided_under = version = decided.policy.version
        question = SourcingQuestion(state.acted_on, assessment, today, quantity, asked, holding)
        if isinstance(decided, SourcingDecision):
            reasons = (netting.reason(version), *decided.reasons()) if netting is not None else decided.reasons()
            self.record("sourcing.decided", **sourcing_decided(question, decided, reasons))
        elif assessment.item is not None:
            self.record("sourcing.refused", **sourcing_refused(question, decided))
        return decided

    async def open_request(
        self, decided: SourcingDecision, *, rule: str, decided_by: str | None = None
    ) -> NotOrderable | None:
        """Want coverage of an order that collects, or of a new one."""
        state, source = self.state, decided.source
        request = self._request(decided, decided_by=decided_by, expedite=None, rule=rule)
        self._record_request(request, source.supplier)
        opening = SupplyRequestOpening(
            request=request, terms=terms_for(request, decided.choice), source=source, policy=decided.policy
        )
        asked = await self._ask(openings=(opening,))
        reservation = asked.reservations[0]
        held, known = reservation.existing or request, state.coverage_of(reservation.order_id)
        coverage = OrderCoverage(order_id=reservation.order_id, supplier=source.supplier, request=held)
        if known is None:
            state.coverages.append(coverage)
        else:
            state.replace_coverage(known.order_id, request=held, settled=0)
        before = known.needed if known else Decimal(0)
        if before > 0 or (held.lots, held.dock_date) != (request.lots, request.dock_date):
            # The order has this supply request instead of the one before, or of one that a former attempt of this task
            # had asked.
            whole = before + decided.choice.quantity
            return await self.change_request(coverage, whole, rule=rule, decided_by=decided_by)
        return None

    async def change_request(
        self,
        coverage: OrderCoverage,
        quantity: Decimal,
        *,
        rule: str,
        decided_by: str | None = None,
        expedite: bool = False,
        netting: Netting | None = None,
    ) -> NotOrderable | None:
        """State a new supply request to the order that knows the requirement."""
        if self.state.source_of(coverage) is None or quantity <= 0:
            await self.release(coverage, rule=rule, decided_by=decided_by)
            return None
        decided = self.decide(quantity, only=coverage.supplier, netting=netting)
        if isinstance(decided, NotOrderable):
            return decided
        request = self._request(decided, decided_by=decided_by, expedite=expedite, rule=rule)
        await self._send_request(coverage, request)
        return None

    async def release(self, coverage: OrderCoverage, *, rule: str, decided_by: str | None = None) -> None:
        """Nothing more is wanted of the order."""
        request = release(coverage.request, request_revision=self.state.next_revision(), reason=rule)
        await self._send_request(
            coverage, request.model_copy(update={"approved_by": decided_by, "reported_at": workflow.now()})
        )

    async def _send_request(self, coverage: OrderCoverage, request: SupplyRequest) -> None:
        self._record_request(request, coverage.supplier)
        self.state.replace_coverage(coverage.order_id, request=request)
        asked = await self._ask(changes=(SupplyRequestChange(order_id=coverage.order_id, request=request),))
        if not asked.delivered[0]:
            self.state.replace_coverage(coverage.order_id, released=True)

    def _request(
        self, decided: SourcingDecision, *, decided_by: str | None, expedite: bool | None, rule: str
    ) -> SupplyRequest:
        state, need = self.state, self.state.acted_on
        request = request_for(
            need,
            decided.choice.item,
            decided.choice,
            decided.policy,
            requirement_id=state.id,
            request_revision=state.next_revision(),
            today=workflow.now().date(),
            correlation_id=state.correlation_id,
            expedite=expedite,
            approved_by=decided_by,
            reason=f"{rule}: {decided.choice.why}",
        )
        answered_on = need.demanded_by is not None and need.demanding_line is not None
        item_class = decided.choice.item.item_class
        return request.model_copy(
            update={"reported_at": workflow.now(), "answered_on": answered_on, "item_class": item_class}
        )

    async def _ask(
        self, *, openings: tuple[SupplyRequestOpening, ...] = (), changes: tuple[SupplyRequestChange, ...] = ()
    ) -> SupplyRequestsPlaced:
        # The entry goes out with the question: the ledger is told of the state that the question leads to.
        self.state.stage, self.state.reason = RequirementStage.COVERED, "asked of an order; waits for the supplier"
        audit_batch = self.audit_batch()
        call = RequestSupplyCall(
            audit_batch=audit_batch, openings=openings, changes=changes, correlation_id=self.state.correlation_id
        )
        return await self.carried(
            audit_batch,
            lambda: workflow.execute_local_activity_method(
                InternalActivities.request_supply,
                call,
                start_to_close_timeout=INTERNAL_TIMEOUT,
                retry_policy=INTERNAL_RETRIES,
            ),
            "internal.request_supply",
        )

    def _record_request(self, request: SupplyRequest, supplier: str) -> None:
        self.record(
            "supply_request.sent",
            supplier=supplier,
            quantity=str(request.quantity),
            needed=str(request.needed),
            unit=request.unit,
            dock_date=request.dock_date.isoformat(),
            send_by=request.send_by.isoformat(),
            expedite=request.expedite,
            decided_by=request.approved_by,
            why=request.reason,
        )
