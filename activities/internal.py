"""Internal activities: calls that stay inside Pegline, run as local activities of the workflow task that decided them.

Each is short and idempotent: the ledger records by sequence number, messages carry the complete state, and an order is
opened only once.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.ports import EntityPort, LedgerPort
from adapters.errors import AdapterError, PermanentError
from adapters.ports import LandscapePort, MasterDataPort, PolicyPort
from canonical.calls import (
    AllocateStockCall,
    AnswerOrderCall,
    AssessCall,
    ChangeBomCall,
    CloseBatchCall,
    CloseExceptionCall,
    CoverageNotice,
    JoinQuestionCall,
    LeaveQuestionCall,
    NotifyRequirementsCall,
    PolicyCall,
    PublishNeedsCall,
    RecordCall,
    ReportSubstitutionCall,
    RequestSupplyCall,
    StockUse,
    StockUseCall,
    SupplyRequestOpening,
    SupplyRequestsPlaced,
    WhereUsed,
    WhereUsedCall,
)
from canonical.event_data import OUR_SOURCE
from canonical.exception import Choice, Decision, ExceptionDecided
from canonical.identity import ExceptionId
from canonical.landscape import Systems, TwoErps, Unowned
from canonical.messages import OrderOpened, SupplyRequested
from canonical.policy import PlantPolicy
from canonical.records import ConsolidationBatch, OrderTerms, Reservation
from canonical.routing import assessment, supplying_plants
from canonical.sourcing import Assessment, FreeStock, ItemAtPlant, UnknownItem
from canonical.stock import StockReport, StockReportKind

MASTER_DATA_SECONDS = 25.0
"""How long an internal activity waits for master data: longer than one call to the ERP, shorter than the activity's
timeout. The read continues in the background, so that a retry may find its result."""

_TOLD_AT_ONCE = 100
"""Requirements that are told a shared decision at the same time."""


class InternalActivities:
    """Ledger, entities, master data and policy, for the workflows."""

    def __init__(
        self,
        ledger: LedgerPort,
        entities: EntityPort,
        master_data: MasterDataPort,
        policies: PolicyPort,
        landscape: LandscapePort | None = None,
    ) -> None:
        """`landscape` None: there is one system of each kind."""
        self._landscape = landscape
        self._ledger = ledger
        self._entities = entities
        self._master_data = master_data
        self._policies = policies
        self._kept: dict[tuple[str, str], bytes] = {}
        """Digests of the assessments that this process has recorded in the ledger, by plant and item."""

    @activity.defn(name="internal.assess")
    async def assess(self, call: AssessCall) -> Assessment:
        """Read the current master data and policy of an item at a plant."""
        async with _in_time():
            return await self._assess(call)

    async def _assess(self, call: AssessCall) -> Assessment:
        policy = self._policies.effective(call.plant, item=call.item) or _without_policy(call.plant)
        item = await self._item(call.plant, call.item)
        if isinstance(item, UnknownItem):
            return Assessment(item=None, unknown=item, policy=policy)
        if item.item_class:
            own = self._policies.effective(call.plant, item_class=item.item_class, item=call.item)
            policy = own or policy
        named = supplying_plants(policy)
        apart = {plant: found for plant in named if (found := self._two_erps(call.plant, plant)) is not None}
        # Plants of other systems are not even looked at: one that does not answer holds nobody else back.
        looked_at = [plant for plant in named if plant not in apart]
        kept_at = [plant for plant in looked_at if isinstance(await self._item(plant, call.item), ItemAtPlant)]
        allocated = await self._ledger.allocated(call.plant, call.item, item.base_unit) if policy.quotas else {}
        assessed = assessment(item, policy, self._policies.effective, kept_at, allocated, apart)
        await self._keep(assessed)
        free_at = await self._ledger.free_stock(kept_at, call.item) if kept_at else {}
        free = await self._free_substitutes(policy)
        return assessed.model_copy(update={"free_at": dict(free_at), "free_substitutes": free})

    async def _free_substitutes(self, policy: PlantPolicy) -> dict[str, FreeStock]:
        free = {}
        for each in policy.substitutes:
            if (stock := (await self._ledger.free_stock([policy.plant], each.item)).get(policy.plant)) is not None:
                free[each.item] = stock
        return free

    async def _keep(self, assessed: Assessment) -> None:
        """Record the assessment in the ledger for reads that can't wait for the ERP; each one once per process."""
        assert assessed.item is not None
        place, kept = (assessed.item.plant, assessed.item.item), assessed.model_copy(update={"allocated": {}})
        digest = hashlib.sha256(kept.model_dump_json().encode()).digest()
        if self._kept.get(place) != digest:
            await self._ledger.record_item(kept)
            self._kept[place] = digest

    async def _item(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        try:
            return await self._master_data.item_at_plant(plant, item)
        except AdapterError as error:
            raise ApplicationError(
                str(error)[:800], type=type(error).__name__, non_retryable=isinstance(error, PermanentError)
            ) from error

    @activity.defn(name="internal.policy")
    async def policy(self, call: PolicyCall) -> PlantPolicy | None:
        """The current policy; None if the entity already knows it, or if its plant has lost its policy since."""
        found = self._policies.effective(call.plant, item_class=call.item_class, item=call.item, supplier=call.supplier)
        if found is None and not call.known:
            _without_policy(call.plant)
        return found if found is not None and found.version != call.known else None

    @activity.defn(name="internal.request_supply")
    async def request_supply(self, call: RequestSupplyCall) -> SupplyRequestsPlaced:
        """Record, find or open an order for each new supply request, and send each changed request to its order."""
        await self._ledger.record([call.audit_batch])
        reservations = [await self._reserve(opening, call.correlation_id) for opening in call.openings]
        delivered = await asyncio.gather(
            *(
                self._entities.request_supply(change.order_id, SupplyRequested(request=change.request))
                for change in call.changes
            )
        )
        asked = SupplyRequestsPlaced(reservations=tuple(reservations), delivered=tuple(delivered))
        return asked

    async def _reserve(self, opening: SupplyRequestOpening, correlation_id: str) -> Reservation:
        policy = opening.policy
        terms = self._apart(opening)
        reservation = await self._ledger.reserve_order(
            opening.request,
            terms,
            consolidation_minutes=policy.consolidation_minutes,
            lines_max=policy.order_lines_max,
            days_max=policy.consolidation_days,
        )
        if opening.request.from_stock:
            await self._ledger.take_stock(_taken(opening), correlation_id=correlation_id)
        if reservation.opened:
            await self._entities.open_order(
                OrderOpened(
                    order_id=reservation.order_id,
                    terms=terms,
                    source=opening.source,
                    policy=policy,
                    requests=() if reservation.consolidating else (opening.request,),
                    consolidating=reservation.consolidating,
                    systems=self._systems(opening.terms),
                    correlation_id=correlation_id,
                )
            )
        return reservation

    def _two_erps(self, plant: str, supplying_plant: str) -> TwoErps | None:
        return self._landscape.two_erps(plant, supplying_plant) if self._landscape is not None else None

    def _apart(self, opening: SupplyRequestOpening) -> OrderTerms:
        """The terms of the order: what is only observed never shares one with what is written."""
        terms, item_class = opening.terms, opening.request.item_class or ""
        if self._landscape is None or self._landscape.mode(terms.plant, item_class) == "live":
            return terms
        return terms.model_copy(update={"terms": f"{terms.terms}, observed"})

    def _systems(self, terms: OrderTerms) -> Systems:
        """The systems of a new order. Raises ApplicationError where nobody owns what it needs."""
        if self._landscape is None:
            return Systems()
        found = self._landscape.systems_of(terms.plant, terms.supplier, terms.route)
        if isinstance(found, Unowned):
            raise ApplicationError(str(found), type="PermanentError", non_retryable=True)
        return found

    @activity.defn(name="internal.close_batch")
    async def close_batch(self, call: CloseBatchCall) -> ConsolidationBatch:
        """Close the consolidation batch of an order and return its contents."""
        await self._ledger.record([call.audit_batch])
        return await self._ledger.close_batch(call.order_id)

    @activity.defn(name="internal.notify_requirements")
    async def notify_requirements(self, call: NotifyRequirementsCall) -> tuple[bool, ...]:
        """Record, and report to each requirement the coverage it has from the order; False where it has ended.

        One that had ended by what is taken back goes on.
        """
        await self._ledger.record([call.audit_batch])
        return tuple(await asyncio.gather(*map(self._report, call.notices)))

    async def _report(self, notice: CoverageNotice) -> bool:
        requirement, coverage = notice.requirement_id, notice.coverage
        if await self._entities.report_coverage(requirement, coverage):
            return True
        ended = await self._ledger.ended(requirement) if notice.takes_back else None
        return ended is not None and await self._entities.resume_requirement(requirement, ended, coverage)

    @activity.defn(name="internal.close_exception")
    async def close_exception(self, call: CloseExceptionCall) -> bool:
        """Record, and report the decision to the entity that raised the exception, and to all who share it."""
        await self._ledger.record([call.audit_batch])
        # Closed before anybody is told: whoever tries again at once must not wait for this question once more.
        waiting = await self._ledger.close_question(call.exception_id, _TOLD_AT_ONCE)
        reported = call.decided is not None and await self._entities.report_decision(call.raised_by, call.decided)
        decided = call.decided or _try_again(call)
        while waiting:
            others = [requirement for requirement in waiting if requirement != call.raised_by or not reported]
            await asyncio.gather(*(self._entities.report_decision(requirement, decided) for requirement in others))
            await self._ledger.question_told(call.exception_id, waiting)
            waiting = await self._ledger.close_question(call.exception_id, _TOLD_AT_ONCE)
        return reported

    @activity.defn(name="internal.join_question")
    async def join_question(self, call: JoinQuestionCall) -> ExceptionId:
        """Record, and wait for the open question about this; returns it, the caller's own where there was none."""
        await self._ledger.record([call.audit_batch])
        return await self._ledger.join_question(
            call.plant, call.item, call.digest, call.exception_id, call.requirement_id
        )

    @activity.defn(name="internal.leave_question")
    async def leave_question(self, call: LeaveQuestionCall) -> int:
        """Record, and wait no more for a question; returns how many others do."""
        await self._ledger.record([call.audit_batch])
        return await self._ledger.leave_question(call.exception_id, call.requirement_id)

    @activity.defn(name="internal.record")
    async def record(self, call: RecordCall) -> None:
        """Write audit events and snapshots."""
        await self._ledger.record([call.audit_batch])

    @activity.defn(name="internal.publish_needs")
    async def publish_needs(self, call: PublishNeedsCall) -> None:
        """Record, and publish the needs that an order of ours has (components, stock of another plant)."""
        await self._ledger.record([call.audit_batch])
        await self._ledger.publish_needs(call.needs, call.withdrawals, correlation_id=call.correlation_id)

    @activity.defn(name="internal.where_used")
    async def where_used(self, call: WhereUsedCall) -> WhereUsed:
        """Where components are used, with master data and policy of each."""
        policy = self._policies.effective(call.plant) or _without_policy(call.plant)
        uses = await self._ledger.where_used(call.plant, call.assembly, call.revision, call.components)
        async with _in_time():
            assessments = [await self._assess(AssessCall(plant=call.plant, item=use.component)) for use in uses]
        superseded_by = await self._ledger.superseded_by(call.plant, call.assembly, call.revision)
        return WhereUsed(uses=tuple(uses), assessments=tuple(assessments), policy=policy, superseded_by=superseded_by)

    @activity.defn(name="internal.change_bom")
    async def change_bom(self, call: ChangeBomCall) -> tuple[bool, ...]:
        """Record, and notify each requirement of the quantity it still needs; False where it has ended."""
        await self._ledger.record([call.audit_batch])
        delivered = await asyncio.gather(
            *(self._entities.change_bom(change.requirement_id, change.changed) for change in call.changes)
        )
        return tuple(delivered)

    @activity.defn(name="internal.stock_use")
    async def stock_use(self, call: StockUseCall) -> StockUse:
        """The available stock of an item, its possible users, and its master data and policy."""
        figure = await self._ledger.available_to_promise(call.plant, call.item)
        users = await self._ledger.stock_users(call.plant, call.item)
        assessment = await self.assess(AssessCall(plant=call.plant, item=call.item))
        return StockUse(figure=figure, users=tuple(users), assessment=assessment)

    @activity.defn(name="internal.allocate_stock")
    async def allocate_stock(self, call: AllocateStockCall) -> tuple[bool, ...]:
        """Record, and notify each requirement of its allocation from stock; False where it has ended."""
        await self._ledger.record([call.audit_batch])
        delivered = await asyncio.gather(
            *(self._entities.allocate_stock(share.requirement_id, share.allocated) for share in call.shares)
        )
        return tuple(delivered)

    @activity.defn(name="internal.report_substitution")
    async def report_substitution(self, call: ReportSubstitutionCall) -> bool:
        """Record, and have an order report a substitute item to planning; False where the order has ended."""
        await self._ledger.record([call.audit_batch])
        return await self._entities.report_substitution(call.order_id, call.reported)

    @activity.defn(name="internal.answer_order")
    async def answer_order(self, call: AnswerOrderCall) -> bool:
        """Record, and answer the transfer that a requirement serves; False where the order has ended."""
        await self._ledger.record([call.audit_batch])
        return await self._entities.answer_order(call.order_id, call.answered)


def _taken(opening: SupplyRequestOpening) -> StockReport:
    """What the transfer takes from the supplying plant's stock."""
    request = opening.request
    assert request.reported_at is not None
    return StockReport(
        kind=StockReportKind.CONSUMED,
        plant=opening.terms.supplier,
        item=request.item,
        quantity=request.from_stock,
        unit=request.unit,
        reason=f"transferred to plant {request.plant}",
        source=OUR_SOURCE,
        effective_at=request.reported_at,
        event_id=f"{request.requirement_id}#{request.request_revision}/from-stock",
    )


def _try_again(call: CloseExceptionCall) -> ExceptionDecided:
    """What those hear whose question has gone by itself: one of them met no fault any more."""
    decision = Decision(
        event_id=f"overtaken-{call.digest}",
        digest=call.digest,
        choice=Choice.RETRY,
        decided_by=OUR_SOURCE,
        comment="the fault is gone",
        decided_at=call.closed_at,
    )
    return ExceptionDecided(exception_id=call.exception_id, digest=call.digest, decision=decision)


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Fail without retries and name master data as the cause; a plain timeout would give no cause and be retried."""
    try:
        async with asyncio.timeout(MASTER_DATA_SECONDS) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise ApplicationError(
            f"the ERP's master data did not come within {MASTER_DATA_SECONDS:g} s",
            type="TransientError",
            non_retryable=True,
        ) from error


def _without_policy(plant: str) -> NoReturn:
    raise ApplicationError(
        f"plant {plant} has no policy; add plants/{plant}.toml to the policy directory",
        type="PermanentError",
        non_retryable=True,
    )
