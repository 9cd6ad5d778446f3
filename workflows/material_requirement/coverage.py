"""How a requirement obtains coverage from orders: first coverage, changes, open quantities, and decided shortages.

Every supply request is complete, never a difference. The audit event of its decision holds all inputs except the
policy, so that the decision can be repeated under another policy. Quantities are in the requirement's unit; only a
supply request is in the order unit. The rules are in decisions/.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from pydantic import JsonValue
from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import RequestSupplyCall, SupplyRequestChange, SupplyRequestOpening, SupplyRequestsPlaced
from canonical.exception import Choice, Decision
from canonical.need import Need
from canonical.reason import Reason
from canonical.records import RequirementStage
from canonical.routing import as_kept
from canonical.sourcing import Assessment, Source
from canonical.supply import OrderCoverage, ScheduleLineState, SupplyRequest
from decisions.assess import NotOrderable, SourcingDecision, decide_sourcing
from decisions.feasibility import Feasible, Short, judge_feasibility
from decisions.netting import Netting, left_to_order
from decisions.shortage import alternatives, has_on_stock
from decisions.sourcing import permitted_sources
from decisions.supply_requests import on_agreed_terms, release, request_for, terms_for
from decisions.units import conversion
from workflows.entity import Entity
from workflows.material_requirement.messages import RequirementMessage, record_need
from workflows.material_requirement.state import AcceptedShortage, RequirementState, Rescheduling
from workflows.material_requirement.substitution import SubstituteItems

_STAYS = (ScheduleLineState.RECEIVED, ScheduleLineState.SHIPPED)


class RequirementSourcing:
    """Requests supply for one requirement; methods return the reason if it can't be ordered.

    Each decision needs a fresh assessment.
    """

    def __init__(
        self,
        state: RequirementState,
        entity: Entity[RequirementState, RequirementMessage],
        substitutes: SubstituteItems,
    ) -> None:
        self._state = state
        self._entity = entity
        self._substitutes = substitutes

    @property
    def today(self) -> dt.date:
        """The day that it is at the plant."""
        assert self._state.assessment is not None
        return self._state.assessment.policy.calendar.day_of(workflow.now())

    async def source_need(self, decided_by: str | None = None) -> NotOrderable | None:
        """Obtain first coverage, or apply a changed need: the newest live order takes the difference.

        If no live order has a requested quantity, one that has not released its quantity yet takes it: it may keep it.
        An order whose supplier may no longer serve the need (sourcing rule, route, master data) is asked to release it.
        """
        state = self._state
        self._count_in_the_unit_of_the_need()
        primary = next((coverage for coverage in reversed(state.live) if coverage.request.lots), None)
        primary = primary or next(reversed(state.live), None)
        problem: NotOrderable | None = None
        if primary is None:
            problem = await self._order(self._netting())
        elif self._may_serve(primary):
            netting = self._netting(besides=primary)
            # The approval was only for a smaller quantity from the order.
            by = decided_by or (state.approved_by if netting.uncovered < primary.needed else None)
            problem = await self.change_request(primary, netting.uncovered, rule="R3", decided_by=by, netting=netting)
        else:
            problem = await self._move(primary)
        if problem is None:
            state.covered_revision, state.approved_by = state.acted_on.revision.rank, None
            state.stock_moved = state.supply_moved = False
            state.stock_acted_on = state.from_stock
        return problem

    async def release_coverage(self) -> None:
        """Release the coverage from all orders: the need is withdrawn."""
        for coverage in self._state.live:
            if coverage.request.lots:
                await self.release(coverage, rule="R3", decided_by=self._state.approved_by)

    async def source_open_quantity(self) -> NotOrderable | None:
        """R3: request the quantity that an order could no longer take, as far as needed: from the same supplier while
        the order goes on, by all rules once it has ended.
        """
        state = self._state
        for coverage in list(state.coverages):
            same = None if coverage.closed else coverage.supplier
            if coverage.open_quantity <= 0 or (same is not None and state.source_of(coverage) is None):
                continue
            netting = self._netting()
            held = sum((quantity for _, quantity in netting.counted), Decimal(0))
            quantity = min(coverage.open_quantity, max(Decimal(0), netting.need - held + coverage.open_quantity))
            decided = self.decide(quantity, only=same, netting=netting) if quantity > 0 else None
            if isinstance(decided, NotOrderable):
                return decided
            state.settle_open_quantity(coverage)
            problem = await self.open_request(decided, rule="R3") if decided is not None else None
            if problem is not None:
                return problem
        return None

    async def act_on_decision(self) -> NotOrderable | None:
        """Carry out a person's decision on a shortage."""
        decision, self._state.decision = self._state.decision, None
        if decision is None:
            return None
        short = self.judge()
        match decision.choice:
            case _ if not isinstance(short, Short):
                self._entity.record("decision.overtaken", decision.decided_at, choice=decision.choice)
            case _ if short.why != self._state.decided_about:
                # The shortage changed at the same moment: the question is asked again.
                self._entity.record("decision.void", decision.decided_at, choice=decision.choice, rule="R15")
            case Choice.RESCHEDULE:
                self._propose_reschedule(short, decision)
            case Choice.SUBSTITUTE:
                self._substitutes.propose(short, decision, self.today)
            case Choice.APPROVE | Choice.DECLINE if (use := self._substitutes.asked) is not None:
                await self._substitutes.settle(use, short, decision, self.today)
            case Choice.APPROVE | Choice.DECLINE if self._state.rescheduled(short) is not None:
                self._settle_reschedule(short, decision)
            case Choice.ACCEPT:
                return await self._accept(short, decision)
            case Choice.APPROVE:
                self._act_on_newest(decision)
                return await self.source_need(decision.decided_by)
            case Choice.EXPEDITE:
                return await self._expedite(decision)
            case Choice.SPLIT | Choice.TRANSFER:
                return await self._split(short, decision)
            case _:
                self._entity.record("decision.without_effect", decision.decided_at, choice=decision.choice)
        return None

    def _act_on_newest(self, decision: Decision) -> None:
        """Ask the orders for the plan's newest need from now on: a person decided by it, whatever the dampener says."""
        state = self._state
        if state.held_back:
            record_need(state.tested, "requirement.changed", self._entity.record, decided_by=decision.decided_by)
        state.acted_on, state.stock_acted_on = state.tested, state.from_stock
        state.covered_revision = state.acted_on.revision.rank

    def _propose_reschedule(self, short: Short, decision: Decision) -> None:
        """Have the planner asked to move the demand; nothing else changes until the planner has decided."""
        self._state.rescheduling = Rescheduling(about=short.why, proposed_by=decision.decided_by)
        day = short.available_on.isoformat() if short.available_on else None
        self._entity.record(
            "reschedule.proposed", decision.decided_at, available_on=day, decided_by=decision.decided_by
        )

    def _settle_reschedule(self, short: Short, decision: Decision) -> None:
        """The planner moves the demand: the need waits for its supply until then. Or not: it needs another way out."""
        state, approved = self._state, decision.choice is Choice.APPROVE
        if approved:
            state.accepted = AcceptedShortage(short_quantity=short.short_quantity, available_on=short.available_on)
            state.rescheduling = None
        elif state.rescheduling is not None:
            state.rescheduling = state.rescheduling.model_copy(update={"declined": True})
        self._entity.record(
            "reschedule.settled", decision.decided_at, approved=approved, decided_by=decision.decided_by
        )

    async def _accept(self, short: Short, decision: Decision) -> NotOrderable | None:
        """Accept the late date; reduce orders by quantities that have no date."""
        self._state.accepted = AcceptedShortage(short_quantity=short.short_quantity, available_on=short.available_on)
        if short.available_on is not None:
            return None
        for coverage in self._state.live:
            dated = sum((part.quantity for part in coverage.supply if part.date is not None), Decimal(0))
            if dated < coverage.needed:
                problem = await self.change_request(coverage, dated, rule="R7", decided_by=decision.decided_by)
                if problem is not None:
                    return problem
        return None

    async def _expedite(self, decision: Decision) -> NotOrderable | None:
        """Ask the late suppliers for the pegged date."""
        self._act_on_newest(decision)
        for coverage in self._state.live:
            if coverage.reported is None:
                continue
            by = decision.decided_by
            problem = await self.change_request(coverage, coverage.needed, rule="R7", decided_by=by, expedite=True)
            if problem is not None:
                return problem
        return None

    async def _split(self, short: Short, decision: Decision) -> NotOrderable | None:
        """Order the short quantity from a second source, and reduce the late orders by what is then too much."""
        state, by = self._state, decision.decided_by
        self._act_on_newest(decision)
        second = decision.supplier or self._best_second_source(short, decision.choice)
        decided = self.decide(short.short_quantity, only=second) if second is not None else None
        from_stock = decision.choice is Choice.TRANSFER
        if not isinstance(decided, SourcingDecision) or (from_stock and not self._has_on_stock(decided)):
            why = decided.why if isinstance(decided, NotOrderable) else "no second source"
            why = f"plant {second} no longer has that much free" if isinstance(decided, SourcingDecision) else why
            self._entity.record("decision.without_effect", decision.decided_at, choice=decision.choice, why=why)
            return None
        left = self._asked_in_total() + short.short_quantity - state.acted_on.quantity
        for coverage in reversed(state.live):
            taken = min(left, coverage.needed)
            if taken > 0:
                problem = await self.change_request(coverage, coverage.needed - taken, rule="R7", decided_by=by)
                if problem is not None:
                    return problem
                left -= taken
        return await self.open_request(decided, rule="R7", decided_by=by, from_stock=from_stock)

    def _has_on_stock(self, decided: SourcingDecision) -> bool:
        """Whether the supplying plant still has it: the stock is read again with every decision."""
        assert self._state.assessment is not None
        return has_on_stock(decided.source, decided.lots, self._state.assessment.free_at)

    def _asked_in_total(self) -> Decimal:
        """What orders are asked for, in the need's unit, with what they brought and what needs no order."""
        state = self._state
        orders = (each.received if each.closed else max(each.needed, each.received) for each in state.coverages)
        return sum((part.quantity for part in state.on_hand), Decimal(0)) + sum(orders, Decimal(0))

    def _best_second_source(self, short: Short, choice: Choice) -> str | None:
        """The source that the proposal lists first."""
        state, assessment = self._state, self._state.assessment
        assert assessment is not None
        assert assessment.item is not None
        known = (assessment.item, state.policy, self.today)
        ways = alternatives(state.tested, short, state.late_supplier, *known, free_at=assessment.free_at)
        return next((way.supplier for way in ways if way.choice is choice), None)

    # -- choosing orders

    async def _order(self, netting: Netting) -> NotOrderable | None:
        """Request the uncovered quantity from the supplier that the rules choose."""
        if netting.uncovered <= 0:
            return None
        decided = self.decide(netting.uncovered, netting=netting)
        return decided if isinstance(decided, NotOrderable) else await self.open_request(decided, rule="R2")

    async def _move(self, coverage: OrderCoverage) -> NotOrderable | None:
        """Move an order's quantity to another supplier at once; what is received or shipped stays."""
        netting = self._netting(besides=coverage)
        stays = (part.quantity for part in coverage.supply if part.state in _STAYS)
        quantity = netting.uncovered - sum(stays, Decimal(0))
        decided = self.decide(quantity, netting=netting) if quantity > 0 else None
        if isinstance(decided, NotOrderable):
            return decided
        await self.release(coverage, rule="R3")
        return await self.open_request(decided, rule="R3") if decided is not None else None

    def _netting(self, besides: OrderCoverage | None = None) -> Netting:
        """R2: the need net of stock and of all orders except `besides`."""
        state = self._state
        others = [coverage for coverage in state.coverages if coverage is not besides]
        return left_to_order(state.acted_on.quantity, others, state.on_hand)

    def _may_serve(self, coverage: OrderCoverage) -> bool:
        """Whether plan and policy allow the coverage's supplier."""
        state = self._state
        assert state.assessment is not None
        return any(
            source.supplier == coverage.supplier for source in permitted_sources(state.acted_on, state.assessment)
        )

    def _count_in_the_unit_of_the_need(self) -> None:
        """If the plan changed the unit of the need, count the coverage of orders in the new unit from now on."""
        state, unit = self._state, self._state.acted_on.unit
        assert state.assessment is not None
        item = state.assessment.item
        for coverage in state.coverages:
            if item is None or (coverage.request.need_unit or coverage.request.unit) == unit:
                continue
            per_order_unit = conversion(unit, coverage.request.unit, item)
            if per_order_unit is not None:
                request = coverage.request.model_copy(update={"need_unit": unit, "per_order_unit": per_order_unit})
                state.replace_coverage(coverage.order_id, request=request)

    def judge(self, *, as_promised: bool = False) -> Feasible | Short:
        """R7: test the known coverage against the newest pegs, whether or not the orders are asked for them (R4).

        `as_promised`: as if dates that have passed could still be kept.
        """
        assessment = self._state.assessment
        assert assessment is not None
        assert assessment.item is not None
        return judge_feasibility(
            self._state.tested.pegs,
            self._state.covered_by,
            assessment.item.goods_receipt_days,
            self._state.policy.calendar,
            dt.date.min if as_promised else self.today,
        )

    # -- supply requests to orders

    def decide(
        self,
        quantity: Decimal,
        *,
        exclude: Collection[str] = (),
        only: str | None = None,
        netting: Netting | None = None,
        agreed: bool = False,
    ) -> SourcingDecision | NotOrderable:
        """Decide by all rules from whom and how to order the quantity; `only`: from this supplier in any case.

        `netting`: the calculation of the quantity (R2), unless a person decided it. `agreed`: an order of the supplier
        exists and is changed, at the price of its own date.
        """
        state, assessment = self._state, self._state.assessment
        assert assessment is not None
        today = self.today
        sources = assessment.item.sources if assessment.item else ()
        excluded = set(exclude) if only is None else {source.supplier for source in sources} - {only}
        asked = sorted(excluded)
        holding = () if only is None else (only,)
        question = SourcingQuestion(state.acted_on, assessment, today, quantity, asked, holding, agreed)
        decided = decide_sourcing(
            state.acted_on, assessment, today, quantity=quantity, exclude=asked, holding=holding, agreed=agreed
        )
        state.decided_under = version = decided.policy.version
        if isinstance(decided, SourcingDecision):
            reasons = (netting.reason(version), *decided.reasons()) if netting is not None else decided.reasons()
            self._entity.record("sourcing.decided", **sourcing_decided(question, decided, reasons))
        elif assessment.item is not None:
            self._entity.record("sourcing.refused", **sourcing_refused(question, decided))
        return decided

    async def open_request(
        self, decided: SourcingDecision, *, rule: str, decided_by: str | None = None, from_stock: bool = False
    ) -> NotOrderable | None:
        """Request coverage from an order that is consolidating, or from a new one.

        `from_stock`: the supplying plant of a transfer has it.
        """
        state, source = self._state, decided.source
        request = self._request(decided, decided_by=decided_by, expedite=None, rule=rule)
        if from_stock:
            request = request.model_copy(update={"from_stock": request.quantity})
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
            # This supply request replaces the order's previous one, or one that an earlier attempt of this task sent.
            whole = before + decided.choice.quantity
            if from_stock:
                more = held.from_stock if known is None else held.from_stock + request.from_stock
                coverage = coverage.model_copy(update={"request": held.model_copy(update={"from_stock": more})})
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
        """Send a new supply request to an order that already serves the requirement."""
        if self._state.source_of(coverage) is None or quantity <= 0:
            await self.release(coverage, rule=rule, decided_by=decided_by)
            return None
        decided = self.decide(quantity, only=coverage.supplier, netting=netting, agreed=True)
        if isinstance(decided, NotOrderable):
            return decided
        request = self._request(decided, decided_by=decided_by, expedite=expedite, rule=rule)
        request = on_agreed_terms(request, coverage.request)
        await self._send_request(coverage, request)
        return None

    async def release(self, coverage: OrderCoverage, *, rule: str, decided_by: str | None = None) -> None:
        """Request nothing more from the order."""
        request = release(coverage.request, request_revision=self._state.next_revision(), reason=rule)
        await self._send_request(
            coverage, request.model_copy(update={"approved_by": decided_by, "reported_at": workflow.now()})
        )

    async def _send_request(self, coverage: OrderCoverage, request: SupplyRequest) -> None:
        self._record_request(request, coverage.supplier)
        self._state.replace_coverage(coverage.order_id, request=request)
        asked = await self._ask(changes=(SupplyRequestChange(order_id=coverage.order_id, request=request),))
        if not asked.delivered[0]:
            self._state.replace_coverage(coverage.order_id, released=True)

    def _request(
        self, decided: SourcingDecision, *, decided_by: str | None, expedite: bool | None, rule: str
    ) -> SupplyRequest:
        state, need = self._state, self._state.acted_on
        request = request_for(
            need,
            decided.choice.item,
            decided.choice,
            decided.policy,
            requirement_id=state.id,
            request_revision=state.next_revision(),
            today=self.today,
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
        # The snapshot is sent with the request, so it must show the state that the request leads to.
        self._state.stage, self._state.reason = RequirementStage.COVERED, "asked of an order; waits for the supplier"
        call = RequestSupplyCall(
            audit_batch=self._entity.audit_batch(),
            openings=openings,
            changes=changes,
            correlation_id=self._state.correlation_id,
        )
        return await self._entity.recorded(InternalActivities.request_supply, call)

    def _record_request(self, request: SupplyRequest, supplier: str) -> None:
        self._entity.record(
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


# -- as audit events


class SourcingQuestion(NamedTuple):
    """The arguments of `decide_sourcing`."""

    need: Need
    assessment: Assessment
    today: dt.date
    quantity: Decimal
    exclude: Sequence[str] = ()
    holding: Sequence[str] = ()
    agreed: bool = False


def sourcing_decided(
    asked: SourcingQuestion, decided: SourcingDecision, reasons: Sequence[Reason]
) -> dict[str, JsonValue]:
    """Data of `sourcing.decided`: inputs, outcome and reasons."""
    return {
        **_asked(asked),
        "outcome": {
            "supplier": decided.source.supplier,
            "route": decided.route.value,
            "lots": [str(lot) for lot in decided.lots.lots],
            "unit": decided.source.unit,
            "dock_date": decided.schedule.dock_date.isoformat(),
            "send_by": decided.schedule.send_by.isoformat(),
            "expedite": decided.schedule.expedite,
        },
        "why": decided.choice.why,
        "reasons": [reason.model_dump(mode="json") for reason in reasons],
        "policy_version": decided.policy.version,
    }


def sourcing_refused(asked: SourcingQuestion, refused: NotOrderable) -> dict[str, JsonValue]:
    """Data of `sourcing.refused`: inputs and faults in master data; the exception holds the reasons."""
    return {
        **_asked(asked),
        "defects": [defect.field for defect in refused.defects],
        "why": refused.why,
        "policy_version": refused.policy.version,
    }


def _asked(asked: SourcingQuestion) -> dict[str, JsonValue]:
    """The inputs, with the item as in master data, before policy restricts its sources and sets calendars."""
    known, item = asked.assessment, as_kept(asked.assessment)
    kept = item.model_copy(update={"sources": tuple(map(_without_idle_calendar, item.sources))})
    return {
        "need": asked.need.model_dump(mode="json", exclude_defaults=True),
        "item": kept.model_dump(mode="json", exclude_defaults=True),
        "kept_at": dict(known.kept_at),
        "allocated": _in_figures(known.allocated) if known.policy.quotas else None,
        "today": asked.today.isoformat(),
        "quantity": str(asked.quantity),
        "exclude": list(asked.exclude),
        "holding": list(asked.holding),
        **({"agreed": True} if asked.agreed else {}),
    }


def _in_figures(allocated: Mapping[str, Decimal]) -> dict[str, JsonValue]:
    return {supplier: str(given) for supplier, given in sorted(allocated.items())}


def _without_idle_calendar(source: Source) -> Source:
    """Omit the holidays of a source whose lead time is in calendar days: no rule uses its calendar."""
    if source.lead_time_in == "working_days":
        return source
    return source.model_copy(update={"calendar": source.calendar.model_copy(update={"holidays": ()})})
