"""What an order does with what people decided of its answers, its refusals and the edits in the ERP.

A decided change of a supply request is granted with the supply requests themselves (order_changes).
"""

from temporalio import workflow

from canonical.exception import Choice
from canonical.messages import SupplierAnswered
from workflows.policy_now import policy_now
from workflows.purchase_order.changes import give_up
from workflows.purchase_order.edits import settle_edits
from workflows.purchase_order.follow_up import OrderFollowUp
from workflows.purchase_order.line import Line
from workflows.purchase_order.messages import DECIDED_BY_POLICY, OrderMessage, take
from workflows.purchase_order.questions import find_breaches


class OrderDecided(OrderFollowUp):
    """The part of a PurchaseOrder that takes note of messages and acts on decisions."""

    async def learn_policy(self, messages: list[OrderMessage]) -> None:
        """Where something is to be decided: by the policy as it is now, of the plant and of items with own rules."""
        state = self.state
        if not any(isinstance(message, DECIDED_BY_POLICY) for message in messages):
            return
        state.policy = await policy_now(self, state.policy, supplier=state.terms.supplier)
        if state.policy.version not in state.plant_versions:
            state.plant_versions.append(state.policy.version)
        for item, (item_class, version) in state.items_with_own_rules().items():
            known = state.policy.model_copy(update={"version": version})
            found = await policy_now(self, known, item_class=item_class, item=item, supplier=state.terms.supplier)
            if found is not known:
                state.own_rules[item] = found.for_line()

    def take_messages(self, messages: list[OrderMessage]) -> None:
        """Take note of all that arrived, and of what people decided."""
        state, today = self.state, workflow.now().date()
        for message in messages:
            answered_before = {line.number: line.answer for line in state.lines}
            take(state, message, self.record, today)
            if isinstance(message, SupplierAnswered):
                answered = [line.number for line in state.lines if answered_before[line.number] != line.answer]
                find_breaches(state, answered, self.record)
            # One by one: what a person decided holds for what was known then, not for the answer behind it.
            self._act_on_decisions()

    def _act_on_decisions(self) -> None:
        state = self.state
        settle_edits(state, self.record)
        if decision := state.decisions.pop("no_answer", None):
            state.unclear_receipts.clear()
            if decision.choice is Choice.CANCEL:
                concerned = [
                    line for line in state.lines if line.awaited or (line.open and line.number in state.unclear)
                ]
                self._give_up(concerned, f"cancelled by {decision.decided_by}: no usable answer", decision.decided_by)
            else:
                state.unclear.clear()
                self.restart_escalation()
        if decision := state.decisions.pop("tolerance", None):
            if decision.choice is Choice.DECLINE:
                self._restate(list(state.breaches))
            state.breaches.clear()
        if decision := state.decisions.pop("refused", None):
            state.refusal = None
            if decision.choice is Choice.CANCEL:
                concerned = [line for line in state.lines if line.open]
                if not concerned:
                    # Of an order that is given up already, it was the requisition that the ERP keeps.
                    state.requisitioned = False
                self._give_up(concerned, f"cancelled by {decision.decided_by}: it was refused", decision.decided_by)

    def _give_up(self, lines: list[Line], why: str, decided_by: str) -> None:
        self.record("lines.given_up", lines=[*give_up(self.state, lines, why)], why=why, decided_by=decided_by)

    def _restate(self, numbers: list[int]) -> None:
        """Send lines once more as they were ordered."""
        for line in self.state.lines:
            if line.number in numbers and line.open:
                line.changed_in = self.state.revision + 1
