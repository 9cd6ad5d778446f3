"""StockBalance: applies the available stock of an item at a plant to its needs.

It takes the newest figure, looks up the possible users of the stock, and decides by decisions.stock_use: it publishes a
shortfall as a need, like any plan's, and allocates available stock to requirements, which then request less supply. It
changes no order. It ends when there is neither a shortfall nor an allocation.
"""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import JsonValue
from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import AllocateStockCall, PublishNeedsCall, StockAllocationNotice, StockUse, StockUseCall
from canonical.event_data import OUR_SOURCE
from canonical.identity import RequirementId, requirement_id
from canonical.messages import StockAllocated, StockOpened
from canonical.need import Need, Revision, Withdrawal
from canonical.records import StockSnapshot, StockStage
from canonical.stock import StockAllocation, StockUser
from decisions.calendars import next_working_day
from decisions.stock_use import STOCK_REFERENCE, StockOutcome, judge_stock, shortfall_gone, shortfall_need
from workflows.entity import Entity
from workflows.stock_balance.state import StockInput, StockState


@workflow.defn(name="StockBalance")
class StockBalance(Entity[StockState, StockOpened]):
    """One durable workflow per item and plant, while there is a shortfall or an allocation."""

    @workflow.init
    def __init__(self, given: StockInput) -> None:
        super().__init__(given, given.state or StockState.of(given.opening))
        if given.state is None:
            self._record_figure("stock.opened")

    @workflow.run
    async def run(self, given: StockInput) -> str:
        """Evaluate each figure and report its changes; end when nothing is in effect."""
        await self.live()
        return self.state.stage

    # -- messages: handlers only put them into the inbox

    @workflow.signal(name="stock_changed")
    def stock_changed(self, opened: StockOpened) -> None:
        """A new stock figure arrived, or a need that is older than the figure."""
        self.inbox.append(opened)

    @workflow.query(name="status")
    def status(self) -> StockSnapshot:
        """The current state."""
        return self.snapshot()

    async def take(self, messages: Sequence[StockOpened]) -> None:
        """Apply the messages that arrived to the state, in this order."""
        for message in messages:
            self._take(message)

    async def act(self) -> None:
        """Evaluate the newest message and report changes."""
        if self.state.unjudged:
            await self._judge()

    @property
    def ended(self) -> bool:
        """No shortfall or allocation is in effect, and nothing is left to report."""
        return self.state.ended

    def _take(self, reported: StockOpened) -> None:
        state = self.state
        if reported.figure.revision > state.figure.revision:
            state.figure, state.correlation_id = reported.figure, reported.correlation_id
            self._record_figure("stock.changed")
        elif not reported.users:
            self.record("stock.stale", reported.figure.as_of, revision=reported.figure.revision, rule="R10")
            return
        state.newcomers += reported.users
        state.unjudged = True

    # -- judge

    async def _judge(self) -> None:
        """Evaluate current ledger, master data and policy, then report what differs from the last report."""
        state = self.state
        use = await self._look()
        policy = use.assessment.policy
        if use.figure.revision > state.figure.revision:
            state.figure = use.figure
            self._record_figure("stock.changed")
        users = self._users(use)
        outcome = judge_stock(state.figure, users.values(), self._reported(users), use.assessment.item, policy.dampener)
        state.unjudged, state.newcomers = False, ()
        state.suppressed += outcome.suppressed
        state.why, state.policy_version = outcome.why, policy.version
        state.reasons = outcome.reasons(policy.version)
        self._keep(outcome)
        self._record_outcome(outcome)
        if outcome.shortfall != state.shortfall:
            if state.short_since is None:
                state.short_since = next_working_day(policy.calendar, policy.calendar.day_of(workflow.now()))
            await self._report_shortfall(outcome.shortfall)
        await self._allocate(outcome)
        state.stage = StockStage.ACTIVE if state.shortfall or state.allocations else StockStage.SETTLED
        if state.ended:
            # The audit event carries the snapshot; without it the ledger would not learn of the end.
            self.record("stock.settled", suppressed=state.suppressed)

    async def _look(self) -> StockUse:
        figure = self.state.figure
        # A workflow task that runs again gets the same result: needs are counted as the plan states them, not as they
        # have been reduced.
        return await self.internal(InternalActivities.stock_use, StockUseCall(plant=figure.plant, item=figure.item))

    def _users(self, use: StockUse) -> dict[RequirementId, StockUser]:
        """The open needs except our own shortfall's; for a newcomer, whichever version was reported last."""
        users: dict[RequirementId, StockUser] = {user.requirement_id: user for user in use.users}
        for newcomer in self.state.newcomers:
            known = users.get(newcomer.requirement_id)
            if known is None:
                users[newcomer.requirement_id] = newcomer
            elif known.reported_at < newcomer.reported_at:
                users[newcomer.requirement_id] = newcomer.model_copy(update={"secured": known.secured})
        users.pop(self._own_need, None)
        return users

    def _reported(self, users: dict[RequirementId, StockUser]) -> dict[RequirementId, Decimal]:
        """Allocations that are still valid: a later plan overrides those made before it."""
        return {
            requirement: reported.quantity
            for requirement, reported in self.state.allocations.items()
            if requirement in users and users[requirement].reported_at < reported.reported_at
        }

    @property
    def _own_need(self) -> RequirementId:
        figure = self.state.figure
        return requirement_id(figure.plant, figure.item, OUR_SOURCE, STOCK_REFERENCE)

    # -- report

    async def _report_shortfall(self, shortfall: Decimal) -> None:
        """Publish a need of our own for promised stock that is missing; withdraw it when the shortfall is gone."""
        state, now = self.state, workflow.now()
        revision = Revision(
            plan_version=0,
            effective_at=now,
            # The time is part of the id: the result of a task that runs again must not be dropped as a duplicate.
            event_id=f"{state.figure.id}#{state.figure.revision}/{now.isoformat()}",
        )
        assert state.short_since is not None
        state.shortfall = shortfall
        needs: tuple[Need, ...] = ()
        gone: tuple[Withdrawal, ...] = ()
        if shortfall:
            self.record("stock.short", requirement_id=self._own_need, quantity=str(shortfall), unit=state.figure.unit)
            needs = (shortfall_need(state.figure, shortfall, state.short_since, revision),)
        else:
            self.record("stock.short_no_more", requirement_id=self._own_need)
            gone = (shortfall_gone(state.figure, revision),)
            state.short_since = None
        call = PublishNeedsCall(
            audit_batch=self.audit_batch(), needs=needs, withdrawals=gone, correlation_id=state.correlation_id
        )
        await self.recorded(InternalActivities.publish_needs, call)

    async def _allocate(self, outcome: StockOutcome) -> None:
        """Notify the requirements whose allocation changed; drop the allocations of those that have ended."""
        state, now = self.state, workflow.now()
        shares = tuple(
            StockAllocationNotice(
                requirement_id=share.user.requirement_id,
                allocated=StockAllocated(
                    quantity=share.quantity,
                    unit=share.user.unit,
                    reported_at=state.figure.reported_at,
                    revision=state.figure.revision,
                    as_of=now,
                    reason=state.figure.reason,
                ),
            )
            for share in outcome.shares
            if share.act
        )
        if not shares:
            return
        delivered = await self.recorded(
            InternalActivities.allocate_stock, AllocateStockCall(audit_batch=self.audit_batch(), shares=shares)
        )
        ended = [share.requirement_id for share, running in zip(shares, delivered, strict=True) if not running]
        for requirement in ended:
            state.allocations.pop(requirement, None)
        if ended:
            self.record("stock.undelivered", requirements=[*ended])

    def _keep(self, outcome: StockOutcome) -> None:
        """Remember the allocation that each requirement now has."""
        reported_at, before = self.state.figure.reported_at, self.state.allocations
        self.state.allocations = {
            share.user.requirement_id: StockAllocation(
                requirement_id=share.user.requirement_id,
                quantity=share.quantity,
                unit=share.user.unit,
                reported_at=reported_at if share.act else before[share.user.requirement_id].reported_at,
            )
            for share in outcome.shares
            if share.quantity
        }

    # -- audit events and snapshot

    def _record_figure(self, kind: str) -> None:
        figure = self.state.figure
        self.record(
            kind,
            figure.as_of,
            plant=figure.plant,
            item=figure.item,
            free=str(figure.available_to_promise),
            unit=figure.unit,
            reported_at=figure.reported_at.isoformat(),
            reason=figure.reason,
            revision=figure.revision,
        )

    def _record_outcome(self, outcome: StockOutcome) -> None:
        state = self.state
        reported: list[JsonValue] = [
            {
                "requirement_id": share.user.requirement_id,
                "before": str(share.before),
                "quantity": str(share.quantity),
                "target": str(share.target),
                "unit": share.user.unit,
                "act": share.act,
            }
            for share in outcome.shares
        ]
        self.record(
            "stock.judged",
            shortfall=str(outcome.shortfall),
            shares=reported,
            suppressed=outcome.suppressed,
            why=state.why,
            rule=outcome.rule,
            reasons=[reason.model_dump(mode="json") for reason in state.reasons],
            policy_version=state.policy_version,
        )

    def snapshot(self) -> StockSnapshot:
        """The current state, for the ledger's reads."""
        state = self.state
        return StockSnapshot(
            id=state.figure.id,
            figure=state.figure,
            stage=state.stage,
            shortfall=state.shortfall,
            shortfall_requirement=self._own_need if state.shortfall else None,
            allocations=tuple(state.allocations.values()),
            suppressed=state.suppressed,
            reason=state.why,
            policy_version=state.policy_version,
            correlation_id=state.correlation_id,
            closed=state.ended,
        )

    def details(self) -> str:
        """The current state in an operator's words, for Temporal's UI."""
        state, figure = self.state, self.state.figure
        lines = [
            f"**{state.stage.capitalize()}** — {state.why or 'not looked into yet'}",
            f"{figure.available_to_promise} {figure.unit} of {figure.item} available to promise at plant {figure.plant}"
            f" as of {figure.as_of}"
            f"{f' ({figure.reason})' if figure.reason else ''}.",
        ]
        if state.shortfall:
            lines.append(f"- {state.shortfall} {figure.unit} short, needed by {state.short_since}: `{self._own_need}`")
        lines += [f"- {one.requirement_id}: {one.quantity} {one.unit} from stock" for one in state.allocations.values()]
        if state.suppressed:
            lines.append(f"{state.suppressed} changes were too small to report (R4).")
        return "\n\n".join(lines)
