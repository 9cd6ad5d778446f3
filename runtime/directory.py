"""The one place that starts and messages entities, through typed handles.

Used by the gateway's delivery and by the internal activities. A message to an entity that has ended returns
False; Temporal's own failures surface as temporalio.service.RPCError, for the caller to retry.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowExecution,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import Priority, SearchAttributeKey, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from canonical.exception import Assignment, Decision, DecisionRefused, DecisionTakenBack, ExceptionDecided
from canonical.messages import (
    ApprovalReported,
    BomChanged,
    ChangeOpened,
    ChangeSuperseded,
    DocumentAcknowledgement,
    DocumentEdited,
    GoodsReceived,
    OrderOpened,
    PromisesRated,
    ReminderAsked,
    ReminderDue,
    ReminderRefused,
    RequirementOpened,
    RequirementWithdrawn,
    ShipmentsAnnounced,
    StockAllocated,
    StockOpened,
    SubstitutionReported,
    SupplierAnswered,
    SupplyRequested,
)
from canonical.need import Need
from canonical.plan import PlanRunStatus as PlanRunStatus
from canonical.records import EndedEntity, ExceptionSnapshot, Incident
from canonical.supply import CoverageChanged
from workflows import queues
from workflows import search_attributes as sa
from workflows.engineering_change.messages import ChangeInput
from workflows.engineering_change.workflow import EngineeringChange
from workflows.exception.workflow import ShortageException
from workflows.material_requirement.messages import RequirementInput
from workflows.material_requirement.state import RequirementState
from workflows.material_requirement.workflow import MaterialRequirement
from workflows.plan_run import PlanRun, PlanRunInput, plan_workflow_id
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import OrderInput, PurchaseOrder
from workflows.stock_balance.state import StockInput
from workflows.stock_balance.workflow import StockBalance

RPC_TIMEOUT = timedelta(seconds=10)
_REPORTED_PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")
"""Set by the server itself while a workflow's tasks fail."""


class EntityDirectory:
    """All entities, by id."""

    def __init__(self, client: Client, queue: str = queues.WORKFLOWS) -> None:
        self._client = client
        self._queue = queue

    # -- requirements

    async def open_requirement(self, opened: RequirementOpened, reopen: bool = False) -> bool:
        """Start the requirement; if it already runs, send it the need. `reopen`: its previous run has ended.

        False: it ended at this very moment and received nothing.
        """
        need = opened.need
        started = await self._start_requirement(
            RequirementInput(opened=opened),
            need,
            opened.correlation_id,
            f", plan version {need.revision.plan_version}",
            reopen=reopen,
        )
        return started or await self._signal(need.id, MaterialRequirement.plan_changed, opened)

    async def change_plan(self, opened: RequirementOpened) -> bool:
        """Send the need to a requirement that is known to run: one call, where a start takes two."""
        return await self._signal(opened.need.id, MaterialRequirement.plan_changed, opened)

    async def withdraw_requirement(self, requirement: str, withdrawn: RequirementWithdrawn) -> bool:
        """Report that the plan no longer has the need."""
        return await self._signal(requirement, MaterialRequirement.withdrawn, withdrawn)

    async def report_coverage(self, requirement: str, changed: CoverageChanged) -> bool:
        """Report the coverage that an order gives."""
        return await self._signal(requirement, MaterialRequirement.coverage_changed, changed)

    async def resume_requirement(self, requirement: str, ended: EndedEntity, changed: CoverageChanged) -> bool:
        """Start a requirement that had ended again, with the coverage that is less than it ended by.

        False: it runs no more at this very moment, and received nothing.
        """
        state = RequirementState.resumed(ended)
        started = await self._start_requirement(
            RequirementInput(state=state, inbox=[changed]),
            state.need,
            state.correlation_id,
            ": what it had received is taken back",
            reopen=True,
        )
        return started or await self.report_coverage(requirement, changed)

    async def _start_requirement(
        self, given: RequirementInput, need: Need, correlation_id: str, remark: str, *, reopen: bool
    ) -> bool:
        return await self._start(
            MaterialRequirement.run,
            given,
            id=need.id,
            attributes={
                sa.PLANT: need.plant,
                sa.ITEM: need.item,
                sa.STAGE: "open",
                sa.CORRELATION_ID: correlation_id,
            },
            priority=queues.priority_of_requirement(need.plant, need.criticality),
            summary=f"{need.quantity} {need.unit} of {need.item} at {need.plant} by {need.required_date}",
            details=f"{need.demand_reference} of {need.source}{remark}",
            reopen=reopen,
        )

    # -- orders

    async def open_order(self, opened: OrderOpened) -> None:
        """Start the order; harmless where it runs or has run."""
        terms = opened.terms
        await self._start(
            PurchaseOrder.run,
            OrderInput(opened=opened),
            id=opened.order_id,
            attributes={
                sa.PLANT: terms.plant,
                sa.SUPPLIER: terms.supplier,
                sa.STAGE: "consolidating" if opened.consolidating else "placing",
                sa.BUYER: opened.policy.buyer,
                sa.CORRELATION_ID: opened.correlation_id,
            },
            priority=queues.priority_of_order(terms.plant, [request.criticality for request in opened.requests]),
            summary=f"Order to {opened.source.supplier_name or terms.supplier} for plant {terms.plant}",
            details=f"Supplier {terms.supplier}, terms {terms.terms}, {terms.currency}",
        )

    async def resume_order(self, order: str, ended: EndedEntity, message: GoodsReceived | DocumentEdited) -> bool:
        """Start an order that had ended again, with what takes back what it ended by.

        False: it runs no more at this very moment, and received nothing.
        """
        state = OrderState.resumed(ended)
        terms = state.terms
        started = await self._start(
            PurchaseOrder.run,
            OrderInput(state=state, inbox=[message]),
            id=order,
            attributes={
                sa.PLANT: terms.plant,
                sa.SUPPLIER: terms.supplier,
                sa.ORDER: state.order_number,
                sa.STAGE: "delivering",
                sa.BUYER: state.policy.buyer,
                sa.CORRELATION_ID: state.correlation_id,
            },
            priority=queues.priority_of_order(terms.plant, [line.criticality for line in state.lines]),
            summary=f"Order to {state.source.supplier_name or terms.supplier} for plant {terms.plant}",
            details=f"Supplier {terms.supplier}, terms {terms.terms}, {terms.currency}; it had ended",
            reopen=True,
        )
        if started:
            return True
        if isinstance(message, GoodsReceived):
            return await self.receive_goods(order, message)
        return await self.edit_document(order, message)

    async def request_supply(self, order: str, requested: SupplyRequested) -> bool:
        """Send a requirement's new or changed supply request."""
        return await self._signal(order, PurchaseOrder.supply_requested, requested)

    async def report_substitution(self, order: str, reported: SubstitutionReported) -> bool:
        """Have the order report a requirement's substitute item to planning."""
        return await self._signal(order, PurchaseOrder.substitution_reported, reported)

    async def answer_order(self, order: str, answered: SupplierAnswered) -> bool:
        """Deliver the supplier's answer."""
        return await self._signal(order, PurchaseOrder.supplier_answered, answered)

    async def announce_shipment(self, order: str, announced: ShipmentsAnnounced) -> bool:
        """Report a shipment."""
        return await self._signal(order, PurchaseOrder.shipment_announced, announced)

    async def acknowledge_document(self, order: str, acknowledged: DocumentAcknowledgement) -> bool:
        """Report an acknowledgement of a document."""
        return await self._signal(order, PurchaseOrder.document_acknowledged, acknowledged)

    async def receive_goods(self, order: str, received: GoodsReceived) -> bool:
        """Report a goods receipt."""
        return await self._signal(order, PurchaseOrder.goods_received, received)

    async def remind(self, order: str, asked: ReminderAsked) -> ReminderDue:
        """Have the supplier reminded; raises ReminderRefused where there is nothing to remind of."""
        handle = self._client.get_workflow_handle(order)
        try:
            with _engine_failures():
                return await handle.execute_update(
                    PurchaseOrder.remind, asked, id=asked.event_id, rpc_timeout=RPC_TIMEOUT
                )
        except WorkflowUpdateFailedError as error:
            if not isinstance(error.cause, ApplicationError):
                raise
            raise ReminderRefused(error.cause.message) from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise ReminderRefused("the order has ended") from error

    async def rate_promises(self, order: str, rated: PromisesRated) -> bool:
        """Report which promises are likely to be missed (R17)."""
        return await self._signal(order, PurchaseOrder.promises_rated, rated)

    async def edit_document(self, order: str, edited: DocumentEdited) -> bool:
        """Report that a person changed the order in the ERP."""
        return await self._signal(order, PurchaseOrder.document_edited, edited)

    async def report_approval(self, order: str, reported: ApprovalReported) -> bool:
        """Report that people of another system decided on what waits there."""
        return await self._signal(order, PurchaseOrder.approval_reported, reported)

    # -- plan runs

    async def start_plan_run(self, run: PlanRunStatus) -> None:
        """Start the run of a plan that is staged; harmless where it runs or has run."""
        await self._start(
            PlanRun.run,
            PlanRunInput(run=run),
            id=plan_workflow_id(run),
            attributes={sa.PLANT: run.plant, sa.CORRELATION_ID: run.id},
            # Its few steps must not wait behind the thousands of needs that another run has delivered.
            priority=queues.priority_of_runs(run.plant),
            summary=f"Version {run.version} of {run.source} for plant {run.plant}: {run.lines} lines",
            details=f"{'Part of a plan' if run.partial else 'A whole plan'}, received {run.received_at}",
        )

    async def supersede_plan_run(self, run: PlanRunStatus) -> bool:
        """Notify the run that a newer plan has ended it, so that it stops waiting for a person."""
        return await self._signal(plan_workflow_id(run), PlanRun.superseded)

    # -- engineering changes

    async def open_change(self, opened: ChangeOpened, reopen: bool = False) -> bool:
        """Start the change; if it already runs, send it the revision. `reopen`: its previous run has ended.

        False: it ended at this very moment and received nothing.
        """
        revised = opened.revised
        started = await self._start(
            EngineeringChange.run,
            ChangeInput(opened=opened),
            id=revised.id,
            attributes={
                sa.PLANT: revised.plant,
                sa.ITEM: revised.assembly,
                sa.STAGE: "open",
                sa.CORRELATION_ID: opened.correlation_id,
            },
            summary=f"{revised.assembly} revision {revised.revision} at {revised.plant}",
            details=f"effective {revised.effective_from}, {len(revised.lines)} components",
            reopen=reopen,
        )
        return started or await self._signal(revised.id, EngineeringChange.bom_revised, opened)

    async def supersede_change(self, change: str, superseded: ChangeSuperseded) -> bool:
        """Report that another revision replaces it."""
        return await self._signal(change, EngineeringChange.superseded, superseded)

    async def change_bom(self, requirement: str, changed: BomChanged) -> bool:
        """Notify a requirement of what it still needs after an engineering change."""
        return await self._signal(requirement, MaterialRequirement.bom_changed, changed)

    # -- stock

    async def open_stock(self, opened: StockOpened, reopen: bool = False) -> bool:
        """Start the stock balance; if it already runs, send it the figure. `reopen`: its previous run has ended.

        False: it ended at this very moment and received nothing.
        """
        figure = opened.figure
        started = await self._start(
            StockBalance.run,
            StockInput(opened=opened),
            id=figure.id,
            attributes={
                sa.PLANT: figure.plant,
                sa.ITEM: figure.item,
                sa.STAGE: "open",
                sa.CORRELATION_ID: opened.correlation_id,
            },
            summary=f"Available stock of {figure.item} at {figure.plant}",
            details=f"{figure.available_to_promise} {figure.unit} as of {figure.as_of}",
            reopen=reopen,
        )
        return started or await self._signal(figure.id, StockBalance.stock_changed, opened)

    async def allocate_stock(self, requirement: str, allocated: StockAllocated) -> bool:
        """Notify a requirement of its allocation from stock."""
        return await self._signal(requirement, MaterialRequirement.stock_allocated, allocated)

    # -- exceptions

    async def report_decision(self, entity: str, decided: ExceptionDecided) -> bool:
        """Report a person's decision to the entity that asked."""
        if entity.startswith("order/"):
            return await self._signal(entity, PurchaseOrder.change_decided, decided)
        if entity.startswith("plan-run/"):
            return await self._signal(entity, PlanRun.exception_decided, decided)
        if entity.startswith("change/"):
            return await self._signal(entity, EngineeringChange.exception_decided, decided)
        return await self._signal(entity, MaterialRequirement.exception_decided, decided)

    async def decide(self, exception: str, decision: Decision) -> ExceptionSnapshot:
        """Submit a person's decision; raises DecisionRefused with the reason."""
        return await self._update(exception, ShortageException.decide, decision)

    async def assign(self, exception: str, assignment: Assignment) -> ExceptionSnapshot:
        """Hand the question to another role; raises DecisionRefused with the reason."""
        return await self._update(exception, ShortageException.assign, assignment)

    async def take_back(self, exception: str, taken_back: DecisionTakenBack) -> ExceptionSnapshot:
        """Take a decision back that is not carried out yet; raises DecisionRefused with the reason."""
        return await self._update(exception, ShortageException.take_back, taken_back)

    async def _update(
        self, exception: str, update: Any, message: Decision | Assignment | DecisionTakenBack
    ) -> ExceptionSnapshot:
        handle = self._client.get_workflow_handle(exception)
        try:
            with _engine_failures():
                found: ExceptionSnapshot = await handle.execute_update(
                    update, message, id=message.event_id, rpc_timeout=RPC_TIMEOUT
                )
                return found
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if not isinstance(cause, ApplicationError):
                raise
            digest = str(cause.details[0]) if cause.details else None
            raise DecisionRefused(cause.type or "refused", cause.message, digest) from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise await self._no_longer_open(handle, exception) from error

    async def _no_longer_open(self, handle: WorkflowHandle[Any, Any], exception: str) -> DecisionRefused:
        try:
            with _engine_failures():
                await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return DecisionRefused("not_found", f"there is no {exception}; look it up in GET /v1/exceptions")
        return DecisionRefused("already_decided", "it has been decided or was overtaken; nothing is left to decide")

    # -- all

    async def status(self, entity: str) -> dict[str, Any]:
        """The `status` query of any entity."""
        with _engine_failures():
            handle = self._client.get_workflow_handle(entity)
            found: dict[str, Any] = await handle.query("status", rpc_timeout=RPC_TIMEOUT)
        return found

    async def incidents(self, most: int) -> Sequence[Incident]:
        """Running workflows that show an incident, and those whose tasks Temporal reports as failing."""
        found: dict[str, Incident] = {}
        for condition in (f"{sa.INCIDENT.name} IS NOT NULL", f"{_REPORTED_PROBLEMS.name} IS NOT NULL"):
            query = f"{condition} AND ExecutionStatus = 'Running'"
            try:
                with _engine_failures():
                    async for each in self._client.list_workflows(query, limit=most, rpc_timeout=RPC_TIMEOUT):
                        found.setdefault(each.id, _incident(each))
            except RPCError as error:
                # A server before 1.29 does not know what Temporal itself reports.
                if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                    raise
        return sorted(found.values(), key=lambda each: each.started_at)[:most]

    async def _start(
        self,
        run: Callable[..., Awaitable[Any]],
        given: object,
        *,
        id: str,
        attributes: dict[SearchAttributeKey[str], str | None],
        summary: str,
        details: str,
        priority: Priority = Priority.default,
        reopen: bool = False,
    ) -> bool:
        """Start an entity; False if it runs, or has run and must not be reopened. Its id is the business key."""
        try:
            with _engine_failures():
                await self._client.start_workflow(
                    run,
                    args=[given],
                    id=id,
                    task_queue=self._queue,
                    id_reuse_policy=(
                        WorkflowIDReusePolicy.ALLOW_DUPLICATE if reopen else WorkflowIDReusePolicy.REJECT_DUPLICATE
                    ),
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    search_attributes=sa.attributes(attributes),
                    priority=priority,
                    static_summary=summary,
                    static_details=details,
                    rpc_timeout=RPC_TIMEOUT,
                )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def _signal(self, entity: str, signal: Callable[..., Any], *message: object) -> bool:
        try:
            with _engine_failures():
                await self._client.get_workflow_handle(entity).signal(signal, args=message, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True


def _incident(found: WorkflowExecution) -> Incident:
    known = found.typed_search_attributes
    reported = ", ".join(known.get(_REPORTED_PROBLEMS) or ())
    return Incident(
        id=found.id,
        run_id=found.run_id,
        type=found.workflow_type,
        plant=known.get(sa.PLANT),
        call=known.get(sa.INCIDENT) or reported or "unknown",
        started_at=found.start_time,
    )


@contextmanager
def _engine_failures() -> Iterator[None]:
    """Raise RPCError whenever Temporal is unavailable, whatever the SDK raises for it.

    A missing namespace is reported as NOT_FOUND, like an entity that has ended; its messages would count as settled.
    """
    try:
        yield
    except RPCTimeoutOrCancelledError as error:
        raise RPCError(f"Temporal gave no answer in time: {error}", RPCStatusCode.DEADLINE_EXCEEDED, b"") from error
    except RPCError as error:
        details = error.grpc_status.details if error.status is RPCStatusCode.NOT_FOUND else ()
        if any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in details):
            raise RPCError(error.message, RPCStatusCode.UNAVAILABLE, error.raw_grpc_status) from error
        raise
