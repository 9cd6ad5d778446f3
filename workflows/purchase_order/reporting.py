"""What an order tells of its answers and receipts: the ERP's schedule, APS, its requirements, and whoever serves it.

What is told is worked out in order_reports and order_dependents; each is one call for the whole order.
"""

import asyncio

from temporalio import workflow

from activities.aps import ApsActivities
from activities.erp import ErpActivities
from activities.internal import InternalActivities
from canonical.calls import (
    CoverageNotice,
    NotifyRequirementsCall,
    PublishNeedsCall,
    WriteBackCall,
    WriteCoverageCall,
    WriteScheduleCall,
    WrittenBack,
)
from canonical.order import ChangeOutcome, Refused, WriteOutcome, Written
from workflows import queues
from workflows.purchase_order.dependents import needs_now
from workflows.purchase_order.erp import OrderInErp
from workflows.purchase_order.reports import changes_to_report, coverage, digest, schedule


class OrderReporting(OrderInErp):
    """The part of a PurchaseOrder that tells others."""

    async def write_back(self) -> None:
        """The delivery schedule to the ERP and the coverage to APS, for the lines that were touched."""
        state = self.state
        if not state.touched or state.order_number is None or state.refusal is not None:
            return
        numbers = list(state.touched)
        if state.cut:
            await self.cut_document()
            if state.refusal is not None:
                return
        state.reports += 1
        audit_batch, report, plan = self.audit_batch(), coverage(state), schedule(state, numbers)
        step, correlation_id = f"coverage-{state.reports}", state.correlation_id
        written = WriteScheduleCall(
            key=self.key(step), correlation_id=correlation_id, schedule=plan, audit_batch=audit_batch
        )
        # The audit events ride along with the schedule; where there is none (all cancelled), with the coverage.
        reported = WriteCoverageCall(
            key=self.key(step),
            correlation_id=correlation_id,
            report=report,
            audit_batch=None if plan.lines else audit_batch,
        )
        both = await self._write_both(written, reported) if plan.lines and report.entries else None
        erp, aps = await asyncio.gather(
            self._write_schedule(numbers, written, both.erp if both else None),
            self._write_coverage(reported, both.aps if both else None),
        )
        self.record_refusal(erp)
        if isinstance(aps, Refused):
            self.record("coverage.refused", code=aps.code, reason=aps.reason)
        if state.refusal is None:
            state.touched = [number for number in state.touched if number not in numbers]

    async def _write_both(self, schedule: WriteScheduleCall, coverage: WriteCoverageCall) -> WrittenBack | None:
        """Both in one call, tried once; None: each is to be made by itself, until it succeeds."""
        return await self.call_once(
            ErpActivities.write_back,
            WriteBackCall(
                key=schedule.key,
                correlation_id=schedule.correlation_id,
                schedule=schedule.schedule,
                report=coverage.report,
                audit_batch=schedule.audit_batch,
            ),
            queues.ERP,
            f"Write back what order {self.state.order_number} brings",
        )

    async def _write_schedule(
        self, numbers: list[int], call: WriteScheduleCall, made: ChangeOutcome | None
    ) -> Refused | None:
        """What a person turns out to have edited waits for a decision; the other lines are written without it.

        `made`: what came of the call, where it was made already.
        """
        state, key, attempt = self.state, call.key, 1
        while call.schedule.lines:
            outcome = made if made is not None else await self._schedule_call(call)
            made = None
            if isinstance(outcome, Refused):
                return outcome
            asked = call.schedule.lines
            if isinstance(outcome, Written):
                for line in state.lines:
                    for written in (one for one in asked if one.line == line.number):
                        line.is_scheduled(written.schedule)
                return None
            if not self.take_found(outcome, [one.line for one in asked], call.key):
                return None
            attempt += 1
            call = call.model_copy(
                update={
                    "key": f"{key}.{attempt}",
                    "schedule": schedule(state, numbers),
                    "entry": self.audit_batch(),
                    "maybe_written": False,
                }
            )
        return None

    async def _schedule_call(self, call: WriteScheduleCall) -> ChangeOutcome:
        outcome: ChangeOutcome = await self.call(
            ErpActivities.write_schedule,
            call,
            queues.ERP,
            f"Write the delivery schedule of order {self.state.order_number}",
        )
        return outcome

    async def _write_coverage(self, call: WriteCoverageCall, made: WriteOutcome | None) -> WriteOutcome | None:
        """APS knows nothing of needs that are our own. `made`: what came of the call, where it was made already."""
        if made is not None or not call.report.entries:
            return made
        return await self.call(
            ApsActivities.write_coverage, call, queues.APS, f"Tell APS what order {self.state.order_number} covers"
        )

    async def publish(self) -> None:
        """State to each requirement whose picture changed what it gets; with the audit events, in one go."""
        found = changes_to_report(self.state)
        if not found:
            return
        notices: list[CoverageNotice] = []
        for requirement, stated in found:
            self.state.notices += 1
            self.state.reported[requirement] = digest(stated)
            notices.append(
                CoverageNotice(
                    requirement_id=requirement,
                    coverage=stated.model_copy(update={"sequence": self.state.notices, "reported_at": workflow.now()}),
                )
            )
        audit_batch = self.audit_batch()
        await self.call_internal(
            InternalActivities.notify_requirements,
            NotifyRequirementsCall(audit_batch=audit_batch, notices=tuple(notices)),
            audit_batch,
            "internal.notify_requirements",
        )

    async def publish_needs(self) -> None:
        """Of a transfer or subcontract: what it needs of others, where that has changed."""
        needs, withdrawals = needs_now(self.state, workflow.now())
        if not needs and not withdrawals:
            return
        self.record(
            "needs.published",
            revision=self.state.revision,
            needs=[{"requirement_id": need.id, "quantity": str(need.quantity)} for need in needs],
            withdrawn=[gone.id for gone in withdrawals],
        )
        audit_batch = self.audit_batch()
        await self.call_internal(
            InternalActivities.publish_needs,
            PublishNeedsCall(
                audit_batch=audit_batch, needs=needs, withdrawals=withdrawals, correlation_id=self.state.correlation_id
            ),
            audit_batch,
            "internal.publish_needs",
        )
