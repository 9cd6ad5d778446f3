"""Decisions as the engine records them, made by the rules themselves under a given set of policies."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import JsonValue

from canonical.base import Criticality
from canonical.facts import FIRST_HASH, Fact, chain
from canonical.need import Need
from canonical.policy import RouteKind
from canonical.records import OrderStage
from canonical.routing import assessment
from canonical.sourcing import ItemAtPlant, Source
from decisions.approval import route_approval
from decisions.assess import CoverDecision, decide_cover
from decisions.damping import judge_change
from decisions.order_change import LineState, ProposeChange, change_reason, judge_line_change
from decisions.tolerance import judge_tolerance
from policies.book import PolicyBook
from tests.decisions.nouns import a_need, a_source, an_item
from workflows.material_requirement.coverage import CoverQuestion, cover_decided, cover_refused

DAY = dt.date(2026, 6, 1)
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
ORDER = "order/1710/1580/abcdefghij"


class Book:
    """Decides under one set of policies, and writes down facts like the entities do."""

    def __init__(self, policies: PolicyBook) -> None:
        self._policies = policies
        self._facts: dict[str, list[Fact]] = {}

    @property
    def facts(self) -> list[Fact]:
        return [fact for facts in self._facts.values() for fact in facts]

    def note(self, entity_id: str, kind: str, data: dict[str, JsonValue], at: dt.datetime = NOON) -> Fact:
        facts = self._facts.setdefault(entity_id, [])
        previous = facts[-1].hash if facts else FIRST_HASH
        facts.append(chain(entity_id, len(facts) + 1, previous, kind, at, at, data))
        return facts[-1]

    def cover(
        self,
        need: Need | None = None,
        item: ItemAtPlant | None = None,
        allocated: Mapping[str, Decimal] | None = None,
        *,
        kept_at: tuple[str, ...] = (),
        today: dt.date = DAY,
        at: dt.datetime = NOON,
    ) -> Fact:
        """`cover.decided`, or `cover.refused`."""
        need, item = need or a_need(required_date=dt.date(2026, 8, 3)), item or an_item(a_source())
        policy = self._policies.effective(need.plant, item_class=item.item_class, item=item.item)
        assert policy is not None
        assessed = assessment(item, policy, self._policies.effective, kept_at, allocated or {})
        decided = decide_cover(need, assessed, today, quantity=need.quantity)
        asked = CoverQuestion(need, assessed, today, need.quantity)
        if isinstance(decided, CoverDecision):
            data = cover_decided(asked, decided, decided.reasons())
            return self.note(need.id, "cover.decided", data, at)
        return self.note(need.id, "cover.refused", cover_refused(asked, decided), at)

    def change_of_need(self, acted_on: Need, proposed: Need, item_class: str = "") -> Fact:
        """`need.damped` or `need.changed`."""
        policy = self._policies.effective(acted_on.plant, item_class=item_class, item=acted_on.item)
        assert policy is not None
        verdict = judge_change(acted_on, proposed, policy.damping, policy.calendar)
        return self.note(
            acted_on.id,
            "need.changed" if verdict.act else "need.damped",
            {
                "quantity": str(proposed.quantity),
                "acted_on": acted_on.model_dump(mode="json"),
                "proposed": proposed.model_dump(mode="json"),
                "act": verdict.act,
                "reason": verdict.reason(policy.version).model_dump(mode="json"),
                "policy_version": policy.version,
                "item_class": item_class,
                "supplier": "1580",
            },
        )

    def change_of_line(
        self,
        wanted: int,
        *,
        delivery: dt.date,
        criticality: Criticality = Criticality.B,
        decided_by: str | None = None,
        item_class: str = "",
        **state: Any,
    ) -> Fact:
        """`change.judged`: a line of 1,000 at 2.00 that the supplier has answered."""
        policy = self._policies.effective("1710", item="BB-7421", supplier="1580")
        assert policy is not None
        where = LineState(stage=OrderStage.SENT, answered=True, **state)
        now, then = (Decimal(1000), delivery), (Decimal(wanted), delivery)
        fence, calendar = policy.freeze_fence_days, policy.calendar
        verdict = judge_line_change(
            where,
            *now,
            *then,
            today=NOON.date(),
            freeze_fence_days=fence,
            calendar=calendar,
            approved=decided_by is not None,
        )
        reason = change_reason(
            verdict,
            where,
            now,
            then,
            today=NOON.date(),
            freeze_fence_days=fence,
            calendar=calendar,
            policy_version=policy.version,
        )
        value = abs(Decimal(wanted) - 1000) * 2
        route = route_approval(value, criticality, False, policy)
        asks = decided_by is None and not where.floor
        return self.note(
            ORDER,
            "change.judged",
            {
                "item": "BB-7421",
                "item_class": item_class,
                "criticality": criticality,
                "waits": asks and (not route.free or not isinstance(verdict, ProposeChange) or verdict.over_edit),
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

    def answer(self, quantity: str = "1000", price: str = "2.00", days_later: int = 0, *, item_class: str = "") -> Fact:
        """`answer.judged`: of a line of 1,000 at 2.00 for Thursday the 11th."""
        policy = self._policies.effective("1710", item="BB-7421", supplier="1580")
        assert policy is not None
        dock = dt.date(2026, 6, 11)
        verdict = judge_tolerance(
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
        return self.note(
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
                        "accepted": verdict.accepted,
                        "asked": not verdict.accepted,
                        "reason": verdict.reason(policy.version).model_dump(mode="json"),
                    }
                ],
                "policy_version": policy.version,
            },
        )


def subcontractor(**changes: Any) -> Source:
    return a_source(**{"supplier": "1700", "route": RouteKind.SUBCONTRACT} | changes)
