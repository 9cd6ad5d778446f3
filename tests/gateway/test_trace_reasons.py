"""The trace says why: each rule's verdict with what it compared, the policy's figures and the policy's version."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

from canonical.facts import FIRST_HASH, Fact, chain
from canonical.reason import Reason
from gateway.trace.kinds import KINDS
from gateway.trace.picture import Heading, page
from gateway.trace.reasons import reasons_of
from gateway.trace.supply import supplies_of
from gateway.trace.words import SILENT, Tone, tell

REQUIREMENT, ORDER = "requirement/P1/A/aps~1", "order/P1/1580/abc"
HEADING = Heading("A at plant P1", "covered", dt.date(2026, 6, 15), True)
DAMPED = Reason(
    rule="R4",
    why="+30 and +0 working days are within the damping",
    inputs={"quantity_delta": "30.000", "days_delta": 0},
    thresholds={"damping": {"quantity": "10", "share": "0.05"}},
    policy_version="v7",
)


def fact(kind: str, data: dict[str, Any], entity: str = REQUIREMENT) -> Fact:
    when = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
    return chain(entity, 1, FIRST_HASH, kind, when, when, data)


def test_a_fact_gives_its_own_reason_those_of_its_list_and_those_of_its_lines() -> None:
    reason = DAMPED.model_dump(mode="json")
    told = reasons_of(
        [
            fact("need.damped", {"reason": reason}),
            fact("cover.decided", {"reasons": [reason, reason | {"rule": "R6"}]}),
            fact("change.judged", {"lines": [{"line": 10, "reason": reason | {"rule": "R3"}}]}, ORDER),
            fact("requirement.fulfilled", {"reason": "all received"}),
        ]
    )
    assert [(each.rule, each.fact, each.entity_id) for each in told] == [
        ("R4", "need.damped", REQUIREMENT),
        ("R4", "cover.decided", REQUIREMENT),
        ("R6", "cover.decided", REQUIREMENT),
        ("R3", "change.judged", ORDER),
    ]
    assert told[0].policy_version == "v7"


def test_the_page_shows_what_was_compared_with_which_figures_of_which_policy() -> None:
    damped = fact("need.damped", {"plan_version": 2, "reason": DAMPED.model_dump(mode="json")})
    html = page(HEADING, [damped], (), reasons_of([damped]))
    cells = ("R4", DAMPED.why, "quantity delta 30, days delta 0", "damping.quantity 10, damping.share 0.05", "v7")
    for cell in cells:
        assert f"<td>{cell}</td>" in html
    assert "<table>" not in page(HEADING, [fact("need.stated", {})], ())


def test_a_decision_is_told_with_its_supplier_why_and_the_policy_that_held() -> None:
    outcome = {"supplier": "1710", "route": "transfer"}
    data = {"outcome": outcome, "why": "1710 is the first source", "policy_version": "v7"}
    [(_, telling)] = tell([fact("cover.decided", data)])
    assert (telling.title, telling.detail) == ("Decides: 1710", "transfer · 1710 is the first source · policy v7")


def test_what_decides_for_all_lines_of_a_change_is_listed_once_beside_its_approval() -> None:
    reason = DAMPED.model_dump(mode="json") | {"rule": "R3"}
    approval = DAMPED.model_dump(mode="json") | {"rule": "R15"}
    data = {"reason": reason, "approval": approval, "lines": [{"line": 10, "reason": reason}]}
    assert [each.rule for each in reasons_of([fact("change.judged", data, ORDER)])] == ["R3", "R15"]


def test_an_answer_outside_its_tolerance_says_why_and_one_inside_is_quiet() -> None:
    line = {"line": 10, "accepted": False, "asked": True, "reason": DAMPED.model_dump(mode="json")}
    [(_, outside)] = tell([fact("answer.judged", {"rule": "R8", "lines": [line]}, ORDER)])
    assert (outside.title, outside.tone) == ("Answer outside tolerance", Tone.CARE)
    assert outside.detail == f"{DAMPED.why} · a person is asked · rule R8"
    [(_, inside)] = tell([fact("answer.judged", {"rule": "R8", "lines": [line | {"accepted": True}]}, ORDER)])
    assert (inside.title, inside.tone) == ("Answer within tolerance", Tone.QUIET)


def test_what_is_ordered_in_pounds_for_a_need_in_grams_is_drawn_in_pounds() -> None:
    stated = fact("need.stated", {"quantity": "50000", "unit": "GRM", "required_date": "2026-06-15"})
    wanted = fact("cover.wanted", {"quantity": "110.232", "unit": "LBR", "supplier": "1580", "dock_date": "2026-06-11"})
    [bar] = supplies_of([stated, wanted])
    assert bar.label == "wanted 110.232 LBR from 1580 by Thu 11 Jun"


def test_a_receipt_without_a_quantity_that_is_a_number_is_told_all_the_same() -> None:
    [(_, telling)] = tell([fact("goods.received", {"quantity": "", "receipt_number": "GR-1"}, ORDER)])
    assert (telling.title, telling.detail) == ("Goods received", "receipt GR-1")


def test_every_kind_of_fact_that_entities_note_has_words_of_its_own() -> None:
    workflows = Path(__file__).parents[2] / "workflows"
    noted = {
        kind
        for module in workflows.rglob("*.py")
        for kind in re.findall(r'\bnote(?:_need)?\(\s*(?:[\w.]+,\s*)?"([a-z_]+\.[a-z_]+)"', module.read_text())
    }
    assert len(noted) > 30, "the pattern finds what entities note"
    assert sorted(noted - KINDS.keys() - SILENT) == []
