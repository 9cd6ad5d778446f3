"""What a requirement asks of orders: first cover, changes, balances, and what a person decided of a shortage.

All quantities are in the need's unit. How a question is put is in requirement_wants; the decisions are in decisions/.
"""

from decimal import Decimal

from temporalio import workflow

from canonical.exception import Choice, Decision
from canonical.supply import OrderCoverage, ScheduleLineState
from decisions.assess import NotOrderable, SourcingDecision
from decisions.feasibility import Feasible, Short, judge_feasibility
from decisions.netting import Netting, left_to_order
from decisions.shortage import alternatives
from decisions.sourcing import permitted_sources
from decisions.units import conversion
from workflows.material_requirement.state import AcceptedShortage
from workflows.material_requirement.supply_requests import SupplyRequester

_STAYS = (ScheduleLineState.RECEIVED, ScheduleLineState.SHIPPED)


class CoverageSeeker(SupplyRequester):
    """The part of a MaterialRequirement that seeks cover; what keeps it from being ordered is returned."""

    async def source_need(self) -> NotOrderable | None:
        """First cover, or a changed need: the newest live order takes the difference.

        An order that was told to let go and has not done so yet is asked first: it may keep what it has. One whose
        supplier may not serve the need any more (sourcing rule, route, master data) is told to let go.
        """
        state = self.state
        self._count_in_the_unit_of_the_need()
        primary = next((coverage for coverage in reversed(state.live) if coverage.request.lots), None)
        primary = primary or next(reversed(state.live), None)
        problem: NotOrderable | None = None
        if primary is None:
            problem = await self._order(self._netting())
        elif self._may_serve(primary):
            netting = self._netting(besides=primary)
            # Only what was approved: that the order gives less.
            by = state.approved_by if netting.uncovered < primary.needed else None
            problem = await self.change_request(primary, netting.uncovered, rule="R3", decided_by=by, netting=netting)
        else:
            problem = await self._move(primary)
        if problem is None:
            state.covered_revision, state.approved_by = state.acted_on.revision.rank, None
            state.stock_moved = False
        return problem

    async def release_coverage(self) -> None:
        """Withdrawn: nothing is wanted of any order any more."""
        for coverage in self.state.live:
            if coverage.request.lots:
                await self.release(coverage, rule="R3", decided_by=self.state.approved_by)

    async def source_open_quantity(self) -> NotOrderable | None:
        """R3: what an order could not take any more is ordered anew from the same supplier, as far as it is needed."""
        state = self.state
        for coverage in list(state.coverages):
            if coverage.open_quantity <= 0 or state.source_of(coverage) is None:
                continue
            netting = self._netting()
            held = sum((quantity for _, quantity in netting.counted), Decimal(0))
            quantity = min(coverage.open_quantity, max(Decimal(0), netting.need - held + coverage.open_quantity))
            decided = self.decide(quantity, only=coverage.supplier, netting=netting) if quantity > 0 else None
            if isinstance(decided, NotOrderable):
                return decided
            state.settle_open_quantity(coverage)
            problem = await self.open_request(decided, rule="R3") if decided is not None else None
            if problem is not None:
                return problem
        return None

    async def act_on_decision(self) -> NotOrderable | None:
        """What a person decided about a shortage."""
        decision, self.state.decision = self.state.decision, None
        if decision is None:
            return None
        short = self.judge()
        match decision.choice:
            case _ if not isinstance(short, Short):
                self.record("decision.overtaken", decision.decided_at, choice=decision.choice)
            case _ if short.why != self.state.decided_about:
                # The picture changed in the same moment: the question is put anew.
                self.record("decision.void", decision.decided_at, choice=decision.choice, rule="R15")
            case Choice.ACCEPT:
                return await self._accept(short, decision)
            case Choice.EXPEDITE:
                return await self._expedite(decision)
            case Choice.SPLIT:
                return await self._split(short, decision)
            case _:
                self.record("decision.without_effect", decision.decided_at, choice=decision.choice)
        return None

    async def _accept(self, short: Short, decision: Decision) -> NotOrderable | None:
        """Live with the late date; what would never come is cut from the order."""
        self.state.accepted = AcceptedShortage(short_quantity=short.short_quantity, available_on=short.available_on)
        if short.available_on is not None:
            return None
        for coverage in self.state.live:
            dated = sum((part.quantity for part in coverage.supply if part.date is not None), Decimal(0))
            if dated < coverage.needed:
                problem = await self.change_request(coverage, dated, rule="R7", decided_by=decision.decided_by)
                if problem is not None:
                    return problem
        return None

    async def _expedite(self, decision: Decision) -> NotOrderable | None:
        """Ask the suppliers that are late for the pegged date."""
        for coverage in self.state.live:
            if coverage.reported is None:
                continue
            by = decision.decided_by
            problem = await self.change_request(coverage, coverage.needed, rule="R7", decided_by=by, expedite=True)
            if problem is not None:
                return problem
        return None

    async def _split(self, short: Short, decision: Decision) -> NotOrderable | None:
        """Order what is short from a second source and take it from the orders that are late."""
        state, by = self.state, decision.decided_by
        second = decision.supplier or self._best_second_source(short)
        decided = self.decide(short.short_quantity, only=second) if second is not None else None
        if not isinstance(decided, SourcingDecision):
            why = decided.why if decided is not None else "no second source"
            self.record("decision.without_effect", decision.decided_at, choice=decision.choice, why=why)
            return None
        left = short.short_quantity
        for coverage in reversed(state.live):
            taken = min(left, coverage.needed)
            if taken > 0:
                problem = await self.change_request(coverage, coverage.needed - taken, rule="R7", decided_by=by)
                if problem is not None:
                    return problem
                left -= taken
        return await self.open_request(decided, rule="R7", decided_by=by)

    def _best_second_source(self, short: Short) -> str | None:
        """The one that the proposal shows first."""
        state, assessment = self.state, self.state.assessment
        assert assessment is not None
        assert assessment.item is not None
        late, today = state.late_supplier, workflow.now().date()
        ways = alternatives(state.acted_on, short, late, assessment.item, state.policy, today)
        return next((way.supplier for way in ways if way.choice is Choice.SPLIT), None)

    # -- what is asked for

    async def _order(self, netting: Netting) -> NotOrderable | None:
        """Coverage of whoever the rules say."""
        if netting.uncovered <= 0:
            return None
        decided = self.decide(netting.uncovered, netting=netting)
        return decided if isinstance(decided, NotOrderable) else await self.open_request(decided, rule="R2")

    async def _move(self, coverage: OrderCoverage) -> NotOrderable | None:
        """What an order is to let go of is asked of another supplier at once; what is here or on the way stays."""
        netting = self._netting(besides=coverage)
        stays = (part.quantity for part in coverage.supply if part.state in _STAYS)
        quantity = netting.uncovered - sum(stays, Decimal(0))
        decided = self.decide(quantity, netting=netting) if quantity > 0 else None
        if isinstance(decided, NotOrderable):
            return decided
        await self.release(coverage, rule="R3")
        return await self.open_request(decided, rule="R3") if decided is not None else None

    def _netting(self, besides: OrderCoverage | None = None) -> Netting:
        """R2: what is not on stock and no other order than this one is asked for."""
        state = self.state
        others = [coverage for coverage in state.coverages if coverage is not besides]
        return left_to_order(state.acted_on.quantity, others, state.on_hand)

    def _may_serve(self, coverage: OrderCoverage) -> bool:
        """Whether the plan and the plant allow the coverage's supplier."""
        state = self.state
        assert state.assessment is not None
        return any(
            source.supplier == coverage.supplier for source in permitted_sources(state.acted_on, state.assessment)
        )

    def _count_in_the_unit_of_the_need(self) -> None:
        """Where the plan states the need in another unit, what orders hold is counted in that one from now on."""
        state, unit = self.state, self.state.acted_on.unit
        assert state.assessment is not None
        item = state.assessment.item
        for coverage in state.coverages:
            if item is None or (coverage.request.need_unit or coverage.request.unit) == unit:
                continue
            per_order_unit = conversion(unit, coverage.request.unit, item)
            if per_order_unit is not None:
                request = coverage.request.model_copy(update={"need_unit": unit, "per_order_unit": per_order_unit})
                state.replace_coverage(coverage.order_id, request=request)

    def judge(self) -> Feasible | Short:
        """R7: what is known to come against the pegged need."""
        assessment = self.state.assessment
        assert assessment is not None
        assert assessment.item is not None
        return judge_feasibility(
            self.state.acted_on.pegs,
            self.state.covered_by,
            assessment.item.goods_receipt_days,
            self.state.policy.calendar,
        )
