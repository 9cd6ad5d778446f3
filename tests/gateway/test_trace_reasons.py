"""Reasons in the trace: each rule's outcome with its inputs, its thresholds and the policy version."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

from canonical.audit_event import FIRST_HASH, AuditEvent, chain
from canonical.reason import Reason
from gateway.trace.kinds import KINDS
from gateway.trace.reasons import reason_rows, reasons_of
from gateway.trace.supply import supplies_of
from gateway.trace.words import SILENT, Tone, describe

REQUIREMENT, ORDER = "requirement/P1/A/aps~1", "order/P1/1580/abc"
SUPPRESSED = Reason(
    rule="R4",
    why="+30 and +0 working days are within the dampener",
    inputs={"quantity_delta": "30.000", "days_delta": 0},
    thresholds={"dampener": {"quantity": "10", "share": "0.05"}},
    policy_version="v7",
)


def audit_event(kind: str, data: dict[str, Any], entity: str = REQUIREMENT) -> AuditEvent:
    when = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
    return chain(entity, 1, FIRST_HASH, kind, when, when, data)


def test_an_audit_event_gives_its_own_reason_those_of_its_list_and_those_of_its_lines() -> None:
    reason = SUPPRESSED.model_dump(mode="json")
    reported = reasons_of(
        [
            audit_event("requirement.change_suppressed", {"reason": reason}),
            audit_event("sourcing.decided", {"reasons": [reason, reason | {"rule": "R6"}]}),
            audit_event("change.judged", {"lines": [{"line": 10, "reason": reason | {"rule": "R3"}}]}, ORDER),
            audit_event("requirement.fulfilled", {"reason": "all received"}),
        ]
    )
    assert [(each.rule, each.audit_event, each.entity_id) for each in reported] == [
        ("R4", "requirement.change_suppressed", REQUIREMENT),
        ("R4", "sourcing.decided", REQUIREMENT),
        ("R6", "sourcing.decided", REQUIREMENT),
        ("R3", "change.judged", ORDER),
    ]
    assert reported[0].policy_version == "v7"


def test_a_reason_is_worded_with_what_was_compared_with_which_figures_of_which_policy() -> None:
    suppressed = audit_event(
        "requirement.change_suppressed", {"plan_version": 2, "reason": SUPPRESSED.model_dump(mode="json")}
    )
    [row] = reason_rows(reasons_of([suppressed]))
    assert (row.rule, row.why, row.policy) == ("R4", SUPPRESSED.why, "v7")
    assert row.compared == "quantity delta 30, days delta 0"
    assert row.limits == "dampener.quantity 10, dampener.share 0.05"


def test_a_decision_is_shown_with_its_supplier_its_reason_and_the_policy_in_force() -> None:
    outcome = {"supplier": "1710", "route": "transfer"}
    data = {"outcome": outcome, "why": "1710 is the first source", "policy_version": "v7"}
    [(_, description)] = describe([audit_event("sourcing.decided", data)])
    assert (description.title, description.detail) == (
        "Decides: 1710",
        "transfer · 1710 is the first source · policy v7",
    )


def test_what_decides_for_all_lines_of_a_change_is_listed_once_beside_its_approval() -> None:
    reason = SUPPRESSED.model_dump(mode="json") | {"rule": "R3"}
    approval = SUPPRESSED.model_dump(mode="json") | {"rule": "R15"}
    data = {"reason": reason, "approval": approval, "lines": [{"line": 10, "reason": reason}]}
    assert [each.rule for each in reasons_of([audit_event("change.judged", data, ORDER)])] == ["R3", "R15"]


def test_an_answer_outside_its_tolerance_has_a_reason_and_one_inside_has_none() -> None:
    line = {"line": 10, "accepted": False, "asked": True, "reason": SUPPRESSED.model_dump(mode="json")}
    [(_, outside)] = describe([audit_event("answer.judged", {"rule": "R8", "lines": [line]}, ORDER)])
    assert (outside.title, outside.tone) == ("Answer outside tolerance", Tone.CARE)
    assert outside.detail == f"{SUPPRESSED.why} · a person is asked · rule R8"
    [(_, inside)] = describe(
        [audit_event("answer.judged", {"rule": "R8", "lines": [line | {"accepted": True}]}, ORDER)]
    )
    assert (inside.title, inside.tone) == ("Answer within tolerance", Tone.QUIET)


def test_what_is_ordered_in_pounds_for_a_need_in_grams_is_drawn_in_pounds() -> None:
    stated = audit_event("requirement.opened", {"quantity": "50000", "unit": "GRM", "required_date": "2026-06-15"})
    requested = audit_event(
        "supply_request.sent", {"quantity": "110.232", "unit": "LBR", "supplier": "1580", "dock_date": "2026-06-11"}
    )
    [bar] = supplies_of([stated, requested])
    assert bar.label == "wanted 110.232 LBR from 1580 by Thu 11 Jun"


def test_a_receipt_whose_quantity_is_no_number_is_shown_all_the_same() -> None:
    [(_, description)] = describe([audit_event("goods.received", {"quantity": "", "receipt_number": "GR-1"}, ORDER)])
    assert (description.title, description.detail) == ("Goods received", "receipt GR-1")


def test_every_kind_of_audit_event_that_entities_record_has_words_of_its_own() -> None:
    workflows = Path(__file__).parents[2] / "workflows"
    recorded = {
        kind
        for module in workflows.rglob("*.py")
        for kind in re.findall(r'\brecord(?:_need)?\(\s*(?:[\w.]+,\s*)?"([a-z_]+\.[a-z_]+)"', module.read_text())
    }
    assert len(recorded) > 30, "the pattern finds what entities note"
    assert sorted(recorded - KINDS.keys() - SILENT) == []
