"""Decisions as the engine records them, made by the rules themselves under a given set of policies."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import JsonValue

from canonical.audit_event import FIRST_HASH, AuditEvent, chain
from canonical.base import Criticality
from canonical.need import Need
from canonical.policy import RouteKind
from canonical.records import OrderStage
from canonical.routing import assessment
from canonical.sourcing import ItemAtPlant, Source
from decisions.approval import route_approval
from decisions.assess import SourcingDecision, decide_sourcing
from decisions.dampener import judge_change
from decisions.order_change import LineState, ProposeChange, change_reason, judge_line_change
from decisions.tolerance import judge_tolerance
from policies.book import PolicyBook
from tests.decisions.models import a_need, a_source, an_item
from workflows.material_requirement.coverage import SourcingQuestion, sourcing_decided, sourcing_refused

DAY = dt.date(2026, 6, 1)
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
ORDER = "order/1710/1580/abcdefghij"


class Book:
    """Decides under one set of policies, and writes down audit events like the entities do."""

    def __init__(self, policies: PolicyBook) -> None:
        self._policies = policies
        self._audit_events: dict[str, list[AuditEvent]] = {}

    @property
    def audit_events(self) -> list[AuditEvent]:
        return [audit_event for audit_events in self._audit_events.values() for audit_event in audit_events]

    def record(self, entity_id: str, kind: str, data: dict[str, JsonValue], at: dt.datetime = NOON) -> AuditEvent:
        audit_events = self._audit_events.setdefault(entity_id, [])
        previous = audit_events[-1].hash if audit_events else FIRST_HASH
        audit_events.append(chain(entity_id, len(audit_events) + 1, previous, kind, at, at, data))
        return audit_events[-1]

    def coverage(
        self,
        need: Need | None = None,
        item: ItemAtPlant | None = None,
        allocated: Mapping[str, Decimal] | None = None,
        *,
        kept_at: tuple[str, ...] = (),
        today: dt.date = DAY,
        at: dt.datetime = NOON,
    ) -> AuditEvent:
        """`sourcing.decided`, or `sourcing.refused`."""
        need, item = need or a_need(required_date=dt.date(2026, 8, 3)), item or an_item(a_source())
        policy = self._policies.effective(need.plant, item_class=item.item_class, item=item.item)
        assert policy is not None
        assessed = assessment(item, policy, self._policies.effective, kept_at, allocated or {})
        decided = decide_sourcing(need, assessed, today, quantity=need.quantity)
        asked = SourcingQuestion(need, assessed, today, need.quantity)
        if isinstance(decided, SourcingDecision):
            data = sourcing_decided(asked, decided, decided.reasons())
            return self.record(need.id, "sourcing.decided", data, at)
        return self.record(need.id, "sourcing.refused", sourcing_refused(asked, decided), at)

    def change_of_need(self, acted_on: Need, proposed: Need, item_class: str = "") -> AuditEvent:
        """`requirement.change_suppressed` or `requirement.changed`."""
        policy = self._policies.effective(acted_on.plant, item_class=item_class, item=acted_on.item)
        assert policy is not None
        outcome = judge_change(acted_on, proposed, policy.dampener, policy.calendar)
        return self.record(
            acted_on.id,
            "requirement.changed" if outcome.act else "requirement.change_suppressed",
            {
                "quantity": str(proposed.quantity),
                "acted_on": acted_on.model_dump(mode="json"),
                "proposed": proposed.model_dump(mode="json"),
                "act": outcome.act,
                "reason": outcome.reason(policy.version).model_dump(mode="json"),
                "policy_version": policy.version,
                "item_class": item_class,
                "supplier": "1580",
            },
        )

    def change_of_line(
        self,
        requested: int,
        *,
        delivery: dt.date,
        criticality: Criticality = Criticality.B,
        decided_by: str | None = None,
        item_class: str = "",
        **state: Any,
    ) -> AuditEvent:
        """`change.judged`: a line of 1,000 at 2.00 that the supplier has answered."""
        policy = self._policies.effective("1710", item="BB-7421", supplier="1580")
        assert policy is not None
        where = LineState(stage=OrderStage.SENT, answered=True, **state)
        now, then = (Decimal(1000), delivery), (Decimal(requested), delivery)
        frozen_zone_days, calendar = policy.frozen_zone_days, policy.calendar
        outcome = judge_line_change(
            where,
            *now,
            *then,
            today=NOON.date(),
            frozen_zone_days=frozen_zone_days,
            calendar=calendar,
            approved=decided_by is not None,
        )
        reason = change_reason(
            outcome,
            where,
            now,
            then,
            today=NOON.date(),
            frozen_zone_days=frozen_zone_days,
            calendar=calendar,
            policy_version=policy.version,
        )
        value = abs(Decimal(requested) - 1000) * 2
        route = route_approval(value, criticality, False, policy)
        asks = decided_by is None and not where.floor
        return self.record(
            ORDER,
            "change.judged",
            {
                "item": "BB-7421",
                "item_class": item_class,
                "criticality": criticality,
                "waits": asks and (not route.free or not isinstance(outcome, ProposeChange) or outcome.over_edit),
                "decided_by": decided_by,
                "lines": [{"line": 10, "reason": reason.model_dump(mode="json")}],
                "policy_version": policy.version,
                "reason": reason.model_dump(mode="json"),
                **(
                    {"value": str(value), "approval": route.reason(policy.version).model_dump(mode="json")}
                    if asks
                    else {}
                ),
            },
        )

    def answer(
        self, quantity: str = "1000", price: str = "2.00", days_later: int = 0, *, item_class: str = ""
    ) -> AuditEvent:
        """`answer.judged`: of a line of 1,000 at 2.00 for Thursday the 11th."""
        policy = self._policies.effective("1710", item="BB-7421", supplier="1580")
        assert policy is not None
        dock = dt.date(2026, 6, 11)
        outcome = judge_tolerance(
            Decimal(1000),
            Decimal(quantity),
            Decimal("2.00"),
            Decimal(price),
            dock,
            dock + dt.timedelta(days_later),
            policy.tolerance,
            policy.calendar,
            currency="USD",
        )
        return self.record(
            ORDER,
            "answer.judged",
            {
                "rule": "R8",
                "lines": [
                    {
                        "line": 10,
                        "requirement_id": "requirement/1710/BB-7421/aps~SO-1",
                        "item": "BB-7421",
                        "item_class": item_class,
                        "accepted": outcome.accepted,
                        "asked": not outcome.accepted,
                        "reason": outcome.reason(policy.version).model_dump(mode="json"),
                    }
                ],
                "policy_version": policy.version,
            },
        )


def subcontractor(**changes: Any) -> Source:
    return a_source(**{"supplier": "1700", "route": RouteKind.SUBCONTRACT} | changes)
