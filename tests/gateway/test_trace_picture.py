"""The trace picture: labels do not overlap, nothing from outside runs in it, and it shows what happened."""

import datetime as dt
import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical.audit_event import FIRST_HASH, AuditEvent, chain
from gateway.trace.kinds import KINDS, Lane
from gateway.trace.layout import CARD_WIDTH, TEXT_SIZE, TITLE_SIZE, Layout, lay_out, text_width, wrap
from gateway.trace.picture import Heading, draw, page
from gateway.trace.supply import SupplyState, supplies_of
from gateway.trace.words import describe

NEED = dt.date(2026, 6, 15)
REQUIREMENT, ORDER, EXCEPTION = "requirement/P1/A/aps~1", "order/P1/1580/abc", "exception/abcdefghijkl"
HEADING = Heading("A at plant P1: 500 EA needed by Mon 15 Jun 2026", "requirement/P1/A/aps~1 · short", NEED, True)


def at(day: int, hour: int = 8) -> dt.datetime:
    return dt.datetime(2026, 6, 1, hour, tzinfo=dt.UTC) + dt.timedelta(days=day - 1)


def audit_event(
    kind: str, when: dt.datetime, data: dict[str, Any] | None = None, entity: str = REQUIREMENT
) -> AuditEvent:
    return chain(entity, 1, FIRST_HASH, kind, when, when, data or {})


def shortage_story() -> list[AuditEvent]:
    late = [
        {"quantity": "300.000", "date": "2026-06-10", "state": "confirmed"},
        {"quantity": "200.000", "date": "2026-06-24", "state": "backordered"},
    ]
    requested = {"quantity": "500", "unit": "EA", "supplier": "1580", "dock_date": "2026-06-11"}
    return [
        audit_event(
            "requirement.opened",
            at(1),
            {"plan_version": 1, "quantity": "500.000", "unit": "EA", "required_date": "2026-06-15"},
        ),
        audit_event("supply_request.sent", at(1), requested),
        audit_event("order.placed", at(1, 9), {"requisition_number": "10000123", "order_number": "4500000017"}, ORDER),
        audit_event(
            "order.answered",
            at(2),
            {"answer_number": "AB-1", "revision": 1, "lines": [{"line": 10, "schedule_lines": late}]},
            ORDER,
        ),
        audit_event("exception.raised", at(2), {"exception_id": EXCEPTION, "kind": "shortage"}),
        audit_event("exception.opened", at(2), {"kind": "shortage", "summary": "200 of 500 EA come late"}, EXCEPTION),
        audit_event("exception.decided", at(4), {"exception_id": EXCEPTION, "choice": "accept", "decided_by": "anna"}),
        audit_event("exception.closed", at(4), {"choice": "accept"}, EXCEPTION),
        audit_event(
            "goods.received",
            at(10),
            {"quantity": "300", "date": "2026-06-10", "receipt_number": "GR-1", "line": 10},
            ORDER,
        ),
    ]


def laid_out(audit_events: Sequence[AuditEvent]) -> Layout:
    return lay_out(describe(audit_events), supplies_of(audit_events), NEED)


def prove_room_for_each(layout: Layout) -> None:
    for one, other in combinations(layout.labels, 2):
        assert not one.meets(other), (one, other)
    for card in layout.cards:
        assert all(text_width(line, TITLE_SIZE, bold=True) <= CARD_WIDTH - 50 for line in card.title)
        assert all(text_width(line, TEXT_SIZE) <= CARD_WIDTH - 18 for line in card.detail)
        band = next(band for band in layout.lanes if band.y <= card.box.y < band.y + band.height)
        assert card.box.y + card.box.height <= band.y + band.height
        assert card.box.x + card.box.width <= layout.width
    for bar in layout.bars:
        assert text_width(bar.label, TEXT_SIZE) <= bar.label_box.width
        assert bar.label_box.x + bar.label_box.width <= layout.width


words = st.text(alphabet=st.characters(blacklist_categories=()), max_size=80)
values = st.one_of(
    words,
    st.integers(-5, 10**9),
    st.none(),
    st.booleans(),
    st.dates(dt.date(2025, 1, 1), dt.date(2027, 12, 31)).map(str),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "quantity": st.one_of(st.integers(0, 999).map(str), words),
                "date": st.one_of(st.dates(dt.date(2026, 5, 1), dt.date(2026, 9, 1)).map(str), st.none(), words),
                "state": st.sampled_from(["confirmed", "backordered", "received", "x"]),
                "schedule_lines": st.lists(st.just({"quantity": "1", "date": "2026-06-20"}), max_size=3),
            },
        ),
        max_size=4,
    ),
)
FIELDS = sorted(
    {name for taken in shortage_story() for name in taken.data}
    | {
        "lead_time_days",
        "rule",
        "outcome",
        "lines",
        "policy_version",
        "receipts",
        "short_quantity",
        "available_on",
        "reason",
        "why",
        "comment",
        "order_id",
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*sorted(KINDS), "something.new", "order.opened"]),
            st.integers(1, 60),
            st.integers(0, 23),
            st.dictionaries(st.sampled_from(FIELDS), values, max_size=6),
            st.sampled_from([REQUIREMENT, ORDER, ORDER + "d", EXCEPTION]),
        ),
        max_size=25,
    )
)
def test_labels_never_overlap_whatever_happened(reported: list[tuple[str, int, int, dict[str, Any], str]]) -> None:
    audit_events = [
        AuditEvent.model_construct(
            entity_id=entity,
            position=number,
            sequence=number,
            kind=kind,
            business_time=at(day, hour),
            processing_time=at(day, hour),
            data=data,
            previous_hash="",
            hash="",
        )
        for number, (kind, day, hour, data, entity) in enumerate(reported, 1)
    ]
    prove_room_for_each(laid_out(audit_events))
    ElementTree.fromstring(draw(HEADING, audit_events))


def test_many_audit_events_of_one_minute_stand_under_each_other() -> None:
    audit_events = [audit_event("order.sent", at(1), {"revision": number}, ORDER) for number in range(30)]
    layout = laid_out(audit_events)
    prove_room_for_each(layout)
    assert len({card.box.x for card in layout.cards}) == 1
    assert len({card.box.y for card in layout.cards}) == 30


def test_days_keep_their_order_and_long_gaps_are_cut_and_marked() -> None:
    layout = laid_out([audit_event("order.sent", at(day), {}, ORDER) for day in (1, 2, 4, 100)])
    assert [each.date for each in layout.days] == sorted(each.date for each in layout.days)
    assert [each.x for each in layout.days] == sorted({each.x for each in layout.days})
    assert [each.cut for each in layout.days] == [False, False, False, True, True]


def test_the_need_date_is_marked_and_a_late_promise_shows_where_it_becomes_late() -> None:
    layout = laid_out(shortage_story())
    x = {each.date: each.x for each in layout.days}
    assert layout.need_x == x[NEED]
    late = next(bar for bar in layout.bars if "backordered" in bar.label)
    assert late.late_from == x[dt.date(2026, 6, 11)]
    assert late.box.x + late.box.width == x[dt.date(2026, 6, 24)]
    states = [bar.supply.state for bar in layout.bars]
    assert states == [SupplyState.REQUESTED, SupplyState.CONFIRMED, SupplyState.UNSURE, SupplyState.RECEIVED]


def test_a_late_promise_that_was_replaced_stays_to_be_seen() -> None:
    better = [{"quantity": "500", "date": "2026-06-11", "state": "confirmed"}]
    audit_events = [
        *shortage_story(),
        audit_event("coverage.changed", at(5), {"order_id": ORDER, "schedule_lines": better}),
    ]
    bars = supplies_of(audit_events)
    assert [bar.label for bar in bars if bar.state is SupplyState.REPLACED] == [
        "backordered 200 EA from 1580 on Wed 24 Jun, late; replaced"
    ]


def test_the_picture_uses_the_buyers_words_and_shows_each_thing_once() -> None:
    reported = [description for _, description in describe(shortage_story())]
    assert [each.title for each in reported if each.lane is Lane.EXCEPTION] == ["Opened: shortage", "Decided: accept"]
    assert ("Order 4500000017", "from requisition 10000123") in [(each.title, each.detail) for each in reported]
    assert ("Plan v1 needs it", "500 EA by Mon 15 Jun") in [(each.title, each.detail) for each in reported]


def test_an_unknown_kind_is_shown_by_its_name() -> None:
    [(_, description)] = describe([audit_event("dock.moved", at(1), {"from_door": "4", "to_door": 7})])
    assert (description.title, description.detail) == ("Dock moved", "from door 4 · to door 7")


def test_what_people_wrote_is_text_and_nothing_comes_from_elsewhere() -> None:
    comment = '</text><script>alert(1)</script>\x00 & "both"'
    story = [*shortage_story(), audit_event("exception.decided", at(5), {"choice": "split", "comment": comment})]
    heading = Heading(comment, comment, NEED, False)
    html = page(heading, story, [(comment, comment)])
    assert "<script" not in html
    assert not re.search(r"(?:href|src)\s*=|url\((?!#)", html)
    ElementTree.fromstring(draw(heading, story))
    assert "audit event chain BROKEN" in html


def test_text_is_cut_with_an_ellipsis_and_never_wider_than_its_room() -> None:
    lines = wrap("a word " * 40 + "x" * 300, 120, TEXT_SIZE, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(text_width(line, TEXT_SIZE) <= 120 for line in lines)
    assert wrap("x" * 300, 120, TEXT_SIZE, 1)[0].endswith("…")
