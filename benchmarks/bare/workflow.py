"""The plain workflow: requisition, order, send; answer, write back; receipt, write back.

With `reads` it makes all the calls that Pegline makes for an order of one line but hardly uses what it reads: the only
effect is that a delivery which the ERP has already recorded is not written.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.bare.activities import Activities
    from benchmarks.bare.words import Answer, Confirmed, Coverage, Need, Ordered, Receipt

TIMEOUT = timedelta(seconds=30)


@workflow.defn(name="BareRequirement")
class BareRequirement:
    """One workflow per requirement."""

    def __init__(self) -> None:
        self._answer: Answer | None = None
        self._receipt: Receipt | None = None

    @workflow.run
    async def run(self, need: Need) -> str:
        """Run from the need to the receipt."""
        if need.reads:
            await workflow.execute_activity_method(Activities.find_requisition, need, start_to_close_timeout=TIMEOUT)
            await workflow.execute_activity_method(Activities.find_order, need, start_to_close_timeout=TIMEOUT)
        requisition = await workflow.execute_activity_method(
            Activities.create_requisition, need, start_to_close_timeout=TIMEOUT
        )
        ordered = Ordered(need, requisition)
        ordered.order = await workflow.execute_activity_method(
            Activities.create_order, ordered, start_to_close_timeout=TIMEOUT
        )
        await workflow.execute_activity_method(Activities.send_order, ordered, start_to_close_timeout=TIMEOUT)

        await workflow.wait_condition(lambda: self._answer is not None)
        assert self._answer is not None
        if need.reads:
            await self._delivered(ordered)
        await workflow.execute_activity_method(
            Activities.write_confirmation, Confirmed(ordered, self._answer), start_to_close_timeout=TIMEOUT
        )
        if need.reads:
            await self._delivered(ordered)
        await workflow.execute_activity_method(
            Activities.write_coverage,
            Coverage(ordered, self._answer.quantity, self._answer.date, "confirmed", 1, workflow.now().isoformat()),
            start_to_close_timeout=TIMEOUT,
        )

        await workflow.wait_condition(lambda: self._receipt is not None)
        assert self._receipt is not None
        if not need.reads or not await self._delivered(ordered):
            await workflow.execute_activity_method(Activities.write_delivery, ordered, start_to_close_timeout=TIMEOUT)
        await workflow.execute_activity_method(
            Activities.write_coverage,
            Coverage(ordered, self._receipt.quantity, self._receipt.date, "received", 2, workflow.now().isoformat()),
            start_to_close_timeout=TIMEOUT,
        )
        return ordered.order

    async def _delivered(self, ordered: Ordered) -> bool:
        return await workflow.execute_activity_method(Activities.read_order, ordered, start_to_close_timeout=TIMEOUT)

    @workflow.signal
    def supplier_answered(self, answer: Answer) -> None:
        """The supplier answered."""
        self._answer = answer

    @workflow.signal
    def goods_received(self, receipt: Receipt) -> None:
        """Goods are in stock."""
        self._receipt = receipt
