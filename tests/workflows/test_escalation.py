"""R16 at its true length: what a silent supplier and an undecided question lead to, and when, on the office's clock.

The stories skip to a Friday at 15:00 of the office and go on from there, over a weekend, a public holiday and the
changes to and from daylight saving. What is due when is said on the wall clock, and by a model that counts minutes.
"""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from canonical.audit_event import AuditEvent
from canonical.calendar import Calendar
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId
from canonical.messages import ExceptionRaised
from canonical.policy import Absence, Escalation, Role
from canonical.reason import Reason
from canonical.records import ExceptionSnapshot, ExceptionState
from decisions.calendars import add_business_hours
from ledger.work_list.work_list import WorkFilter
from tests.decisions.business_hours_model import minute_by_minute
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import Harness, today
from workflows.exception.state import ExceptionInput
from workflows.exception.workflow import ShortageException

FRIDAY = 4
SLACK = timedelta(minutes=2)
"""A story skips to a whole minute, and its workflows take their moments."""


def a_friday() -> date:
    """One that is a few days off."""
    soon = today() + timedelta(days=3)
    return soon + timedelta(days=(FRIDAY - soon.weekday()) % 7)


def friday_before_the_change(zone: str, *, to_summer: bool) -> date:
    """The Friday before the clock changes in the zone next, in that direction."""
    noon = datetime.combine(today() + timedelta(days=4), time(12), ZoneInfo(zone))
    while True:
        day_before, noon = noon, noon + timedelta(days=1)
        change = (noon.utcoffset() or timedelta()) - (day_before.utcoffset() or timedelta())
        if change and (change > timedelta()) is to_summer:
            return noon.date() - timedelta(days=(noon.weekday() - FRIDAY) % 7)


def three_o_clock(day: date, office: Calendar) -> datetime:
    return datetime.combine(day, time(15), office.tzinfo)


async def audit_events(harness: Harness, entity: str, kind: str) -> list[AuditEvent]:
    return [
        audit_event for audit_event in await harness.ledger.reads.audit_events([entity]) if audit_event.kind == kind
    ]


async def happened(harness: Harness, entity: str, kind: str, office: Calendar) -> list[str]:
    """When audit events of the kind happened, on the office's clock, to the five minutes before."""
    moments = [
        audit_event.processing_time.astimezone(office.tzinfo)
        for audit_event in await audit_events(harness, entity, kind)
    ]
    return [f"{at - timedelta(minutes=at.minute % 5):%a %H:%M}" for at in moments]


async def question(harness: Harness, opens: datetime, *approvers: str, **proposed: Any) -> ExceptionSnapshot:
    """A question that opens at that moment."""
    raised = ExceptionRaised(
        exception_id=ExceptionId(f"exception/{harness.prefix}"),
        raised_by=f"requirement/1710/CHAIN/{harness.prefix}",
        policy=harness.policy,
        assignee=harness.policy.buyer,
        raised_at=datetime.now(UTC),
        correlation_id=f"corr-{harness.prefix}",
        proposal=Proposal(
            kind=ExceptionKind.SHORTAGE,
            summary="20 EA come late",
            plant="1710",
            alternatives=(Alternative(choice=Choice.ACCEPT),),
            approvers=approvers,
            **proposed,
        ),
    )
    handle = await harness.client.start_workflow(
        ShortageException.run,
        ExceptionInput(opened=raised),
        id=raised.exception_id,
        task_queue=harness.queue,
        start_delay=opens - datetime.now(UTC),
    )
    await harness.skip(handle, opens - datetime.now(UTC))
    await harness.registered(raised.exception_id, "exception.opened")
    return await harness.exception(raised.exception_id)


def office_in(zone: str, *holidays: date) -> Calendar:
    return Calendar(name="office", zone=zone, holidays=holidays)


LOS_ANGELES, BERLIN = "America/Los_Angeles", "Europe/Berlin"


@pytest.mark.parametrize(
    ("friday", "office", "due"),
    [
        pytest.param(a_friday(), office_in("UTC"), ["Mon 14:00", "Tue 13:00", "Wed 12:00"], id="weekend"),
        pytest.param(
            a_friday(),
            office_in(BERLIN, a_friday() + timedelta(days=3)),
            ["Tue 14:00", "Wed 13:00", "Thu 12:00"],
            id="holiday",
        ),
        pytest.param(
            friday_before_the_change(LOS_ANGELES, to_summer=True),
            office_in(LOS_ANGELES),
            ["Mon 14:00", "Tue 13:00", "Wed 12:00"],
            id="to summer",
        ),
        pytest.param(
            friday_before_the_change(BERLIN, to_summer=False),
            office_in(BERLIN),
            ["Mon 14:00", "Tue 13:00", "Wed 12:00"],
            id="to winter",
        ),
    ],
)
async def test_r16_16_h_sla_08_to_17_sent_fri_15_00_is_mon_14_00_tue_13_00_wed_12_00(
    make_harness: MakeHarness, friday: date, office: Calendar, due: list[str]
) -> None:
    """16 h SLA, 08–17, sent Fri 15:00 → Mon 14:00, Tue 13:00, Wed 12:00."""
    sent = three_o_clock(friday, office)
    window = math.ceil((sent - datetime.now(UTC)) / timedelta(minutes=1))
    harness = await make_harness(office=office, consolidation_minutes=window)
    need = harness.need(harness.item("CHAIN", "Cyclops"), days=(friday - today()).days + 60)
    order = await harness.sent(await harness.plan(need))
    sent_at = await harness.clock(order.id)
    assert sent <= sent_at < sent + SLACK

    reminder = minute_by_minute(office, sent, 8 * 60)
    await harness.skip_to(order.id, reminder - timedelta(minutes=5))
    assert harness.supplier.reminders == []
    await harness.skip_to(order.id, reminder + SLACK)
    await harness.order_until(order, lambda found: found.reminders == 1)
    assert await happened(harness, order.id, "reminder.sent", office) == due[:1]

    # Not a moment more: an order that has asked a person stands still in time until that is decided.
    await harness.skip_to(order.id, add_business_hours(office, sent_at, Decimal(16)))
    asked = await harness.question(order)
    assert await happened(harness, order.id, "exception.raised", office) == due[1:2]
    assert (asked.assignee, asked.proposal.kind) == ("buyer", ExceptionKind.NO_ANSWER)
    assert asked.next_escalation is not None
    assert asked.next_escalation.action == "notify_manager"

    manager = minute_by_minute(office, sent, 24 * 60)
    await harness.skip_to(asked.id, manager - timedelta(minutes=5))
    assert (await harness.exception(asked.id)).assignee == "buyer"
    await harness.skip_to(asked.id, manager + SLACK)
    await harness.registered(asked.id, "exception.escalated")
    assert await happened(harness, asked.id, "exception.escalated", office) == due[2:]
    reached = await audit_events(harness, order.id, "answer.awaited")
    assert [audit_event.data["action"] for audit_event in reached] == ["remind_supplier", "notify_buyer"]
    assert [audit_event.data["action"] for audit_event in reached if "reason" not in audit_event.data] == []


@pytest.mark.parametrize(("zone", "to_summer"), [(LOS_ANGELES, False), (BERLIN, True)], ids=["to winter", "to summer"])
async def test_a_question_that_opens_on_friday_is_reminded_of_on_monday_whatever_the_clock_does_on_sunday(
    make_harness: MakeHarness, zone: str, to_summer: bool
) -> None:
    office = office_in(zone)
    opens = three_o_clock(friday_before_the_change(zone, to_summer=to_summer), office)
    harness = await make_harness(office=office)
    asked = await question(harness, opens, "buyer")
    assert asked.next_escalation is not None
    assert (asked.next_escalation.action, asked.next_escalation.role) == ("remind_assignee", "buyer")
    assert abs(asked.next_escalation.at - minute_by_minute(office, opens, 8 * 60)) < SLACK

    await harness.skip_to(asked.id, minute_by_minute(office, opens, 24 * 60) + SLACK)
    await harness.registered(asked.id, "exception.escalated")
    assert await happened(harness, asked.id, "exception.reminded", office) == ["Mon 14:00"]
    assert await happened(harness, asked.id, "exception.escalated", office) == ["Wed 12:00"]
    top = await harness.exception(asked.id)
    assert top.assignee == "purchasing-manager"
    assert top.reminders == 1
    assert top.escalations == 1
    assert top.next_escalation is None
    assert [reason.thresholds for reason in top.reasons] == [
        {"escalation.sla_hours": 16, "escalation.reminder_at": "0.5"},
        {"escalation.sla_hours": 16, "escalation.manager_at": "1.5"},
    ]


@pytest.mark.recorded("escalated")
async def test_a_question_of_the_planners_goes_to_the_buyer_and_the_manager_and_to_whoever_stands_in_for_them(
    make_harness: MakeHarness,
) -> None:
    office, friday = office_in("UTC"), a_friday()

    def away(first: int, last: int, delegate: str) -> Role:
        absence = Absence(
            first_day=friday + timedelta(days=first), last_day=friday + timedelta(days=last), delegate=delegate
        )
        return Role(absences=(absence,))

    roles = {
        "planner": away(0, 0, "dana"),  # back on Monday, which moves nothing
        "dana": away(3, 9, "eli"),
        "buyer": away(4, 9, "planner"),
        "purchasing-manager": away(5, 9, "buyer"),  # who is away, but has the planner
    }
    harness = await make_harness(office=office, roles=roles)
    opens = three_o_clock(friday, office)
    asked = await question(harness, opens, "planner")
    assert (asked.assignee, asked.on_behalf_of) == ("dana", "planner")

    seen = []
    for hours in (8, 16, 24):
        await harness.skip_to(asked.id, minute_by_minute(office, opens, hours * 60) + SLACK)
        await harness.registered(
            asked.id, "exception.reminded" if hours == 8 else "exception.escalated", max(1, hours // 8 - 1)
        )
        now = await harness.exception(asked.id)
        seen.append((now.assignee, now.on_behalf_of, now.next_escalation and now.next_escalation.action))
    assert seen == [
        ("eli", "planner", "notify_buyer"),
        ("planner", "buyer", "notify_manager"),
        ("planner", "purchasing-manager", None),
    ]
    [reminded] = await audit_events(harness, asked.id, "exception.reminded")
    assert reminded.data["why"] == f"dana is out of office until {friday + timedelta(days=9)}; eli stands in"
    inbox = await harness.ledger.work_list.questions(WorkFilter(plants=None, assignee="planner"))
    assert [row.snapshot.on_behalf_of for row in inbox.items] == ["purchasing-manager"]


async def test_a_buyer_who_returns_does_not_get_the_question_back_but_may_decide_it(
    make_harness: MakeHarness,
) -> None:
    office, friday = office_in("UTC"), a_friday()
    absence = Absence(first_day=friday, last_day=friday, delegate="dana")
    harness = await make_harness(office=office, roles={"buyer": Role(absences=(absence,))})
    opens = three_o_clock(friday, office)
    asked = await question(harness, opens, "buyer")
    await harness.skip_to(asked.id, minute_by_minute(office, opens, 8 * 60) + SLACK)
    await harness.registered(asked.id, "exception.reminded")
    reminded = await harness.exception(asked.id)
    assert (reminded.assignee, reminded.on_behalf_of) == ("dana", "buyer")
    await harness.decide(reminded, Choice.ACCEPT, role="buyer")
    assert await harness.ended(asked.id) == ExceptionState.DECIDED


@pytest.mark.recorded("policy_changed")
async def test_a_change_of_policy_takes_effect_at_the_next_escalation_level(make_harness: MakeHarness) -> None:
    office, friday = office_in("UTC"), a_friday()
    harness = await make_harness(office=office)
    opens = three_o_clock(friday, office)
    asked = await question(harness, opens, "buyer")
    await harness.skip_to(asked.id, minute_by_minute(office, opens, 8 * 60) + SLACK)
    await harness.registered(asked.id, "exception.reminded")

    later = Escalation(manager_at=Decimal(3))
    changed = harness.policy.model_copy(update={"version": "patient", "escalation": later, "manager": "director"})
    harness.policies.by_plant[changed.plant] = changed
    await harness.skip_to(asked.id, minute_by_minute(office, opens, 24 * 60) + SLACK)
    await harness.registered(asked.id, "policy.changed")
    now = await harness.exception(asked.id)
    assert now.assignee == "buyer"
    assert now.escalations == 0
    assert now.next_escalation is not None
    assert (now.next_escalation.role, f"{now.next_escalation.at:%a %H:%M}") == ("director", "Mon 09:00")

    await harness.skip_to(asked.id, minute_by_minute(office, opens, 48 * 60) + SLACK)
    await harness.registered(asked.id, "exception.escalated")
    assert (await harness.exception(asked.id)).assignee == "director"
    [escalated] = await audit_events(harness, asked.id, "exception.escalated")
    assert Reason.model_validate(escalated.data["reason"]).policy_version == "patient"
