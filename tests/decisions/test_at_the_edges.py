"""Edges of several rules that only mutation testing pointed at: equal moments, other zones, what is left unsaid."""

import datetime as dt
from decimal import Decimal

from canonical.calendar import Calendar
from canonical.order import AnswerOutcome, AnswerScheduleLine, LineAnswer
from canonical.policy import Approval, Quota, Role, RouteKind, RouteRule, Tolerance
from canonical.reason import figure
from canonical.sourcing import Assessment, UnitConversion
from decisions.answers import ReadAnswer, read_answer
from decisions.assess import NotOrderable, decide_sourcing
from decisions.escalation import latest_safe_moment, question_schedule
from decisions.master_data import Asked, source_defects
from decisions.netting import Allocation, allocation_of, left_to_order, uncovered
from decisions.quota import choose_by_quota
from decisions.sourcing import choose, defects_of, permitted_sources, plan_with
from decisions.tolerance import judge_tolerance
from tests.decisions.models import WEEKDAYS, a_coverage, a_need, a_policy, a_source, an_item, june, may, received

LOS_ANGELES = Calendar(name="los-angeles", zone="America/Los_Angeles")


def in_los_angeles(day: int, hour: int) -> dt.datetime:
    return dt.datetime(2026, 6, day, hour, tzinfo=LOS_ANGELES.tzinfo)


def test_a_safe_moment_is_in_utc_by_the_hours_of_the_offices_own_zone() -> None:
    opens = latest_safe_moment(june(15), LOS_ANGELES, in_los_angeles(12, 9))
    assert opens == in_los_angeles(15, 8)
    closes = latest_safe_moment(june(15), LOS_ANGELES, in_los_angeles(15, 9))
    assert closes == in_los_angeles(15, 17)
    over = latest_safe_moment(june(15), LOS_ANGELES, in_los_angeles(15, 18))
    assert over == in_los_angeles(15, 18)
    assert {moment.tzinfo for moment in (opens, closes, over) if moment} == {dt.UTC}


def test_what_starts_as_the_office_opens_has_until_it_closes() -> None:
    assert latest_safe_moment(june(15), LOS_ANGELES, in_los_angeles(15, 8)) == in_los_angeles(15, 17)


def test_a_level_that_is_due_at_the_latest_safe_moment_is_not_moved() -> None:
    """8 of 16 hours from Friday 08:00 end at 16:00, when the office of that last safe day closes."""
    office = Calendar(name="evening", opens=dt.time(8), closes=dt.time(16))
    policy = a_policy(roles={"buyer": Role(calendar=office)})
    started = dt.datetime(2026, 6, 12, 8, tzinfo=dt.UTC)
    reminder, *_ = question_schedule(started, policy, "buyer", june(12))
    assert reminder.at == dt.datetime(2026, 6, 12, 16, tzinfo=dt.UTC)
    assert reminder.latest_safe is None


def test_the_start_of_a_level_is_in_utc_whatever_zone_it_was_given_in() -> None:
    reminder, *_ = question_schedule(in_los_angeles(12, 9), a_policy(), "buyer", None)
    assert reminder.reason("v7").inputs["started"] == "2026-06-12T16:00:00+00:00"


def test_a_rating_is_shown_with_its_base_and_its_policy_version() -> None:
    outcome = choose_by_quota(["A"], {"A": Quota(share=Decimal(60), base=Decimal(100))}, {"A": Decimal(600)})
    assert outcome is not None
    assert outcome.why == "quota: A 700/60 = 11.7"
    assert outcome.reason("v7").policy_version == "v7"
    assert outcome.reason("v7").inputs == {"allocated": {"A": "600"}}
    assert list(outcome.reason("v7").thresholds) == ["quotas.A"]


def test_the_reason_of_a_need_that_is_not_orderable_names_the_policy_version() -> None:
    outcome = decide_sourcing(a_need(), Assessment(item=an_item(), policy=a_policy()), may(4))
    assert isinstance(outcome, NotOrderable)
    (reason,) = outcome.reasons()
    assert (reason.rule, reason.policy_version) == ("R3", "test")
    assert reason.inputs == {"sources#1": "none"}
    assert reason.why == "nobody supplies item BB-7421 to plant 1710"


def test_an_order_that_answered_holds_what_it_confirmed_of_what_was_asked() -> None:
    coverage = a_coverage("PO", 300, received(100, june(8)))
    assert allocation_of(coverage) == Allocation(ordered=Decimal(300), confirmed=Decimal(100), acknowledged=True)
    assert allocation_of(a_coverage("PR", 300)) == Allocation(ordered=Decimal(300))


def test_nothing_held_and_nothing_received_are_quantities_too() -> None:
    assert figure(uncovered(Decimal(0), ())) == "0"
    assert left_to_order(Decimal(5), ()).counted == ()
    assert left_to_order(Decimal(5), (), (received(2, june(8)),)).counted == (("stock", Decimal(2)),)


def test_a_value_missing_from_the_answer_is_shown_as_unknown() -> None:
    outcome = judge_tolerance(Decimal("0.5"), Decimal("0.5"), Decimal(2), None, june(11), None, Tolerance(), WEEKDAYS)
    assert outcome.accepted
    assert outcome.reason("v7").inputs == {
        "ordered_quantity": "0.5",
        "confirmed_quantity": "0.5",
        "ordered_price": "2",
        "confirmed_price": None,
        "price_unit": "1",
        "confirmed_price_unit": None,
        "currency": "",
        "confirmed_currency": None,
        "ordered_date": "2026-06-11",
        "confirmed_last_date": None,
    }


def test_a_value_of_the_answer_is_shown_as_it_was_given() -> None:
    outcome = judge_tolerance(
        Decimal(10),
        Decimal(10),
        Decimal("2.00"),
        Decimal("200.00"),
        june(11),
        june(10),
        Tolerance(),
        WEEKDAYS,
        confirmed_price_unit=Decimal(100),
        currency="USD",
        confirmed_currency="usd",
    )
    shown = outcome.reason("v7").inputs
    assert outcome.accepted
    assert (shown["confirmed_price"], shown["confirmed_price_unit"]) == ("200.00", "100")
    assert (shown["currency"], shown["confirmed_currency"]) == ("USD", "usd")
    assert shown["confirmed_last_date"] == "2026-06-10"


def test_an_answer_without_any_quantity_is_of_the_whole_line_as_a_quantity() -> None:
    answer = LineAnswer(line=10, schedule_lines=(AnswerScheduleLine(outcome=AnswerOutcome.REJECTED),))
    reading = read_answer(Decimal(100), "EA", june(11), answer, "per_line")
    assert isinstance(reading, ReadAnswer)
    assert figure(reading.rejected) == "100"


def test_prices_are_compared_for_a_piece_though_a_carton_is_no_whole_number_of_them() -> None:
    """Three cartons are ten pieces: 20.00 a carton are 6.00 a piece, more than the other's 5.00."""
    cartons = a_source(supplier="1580", unit="CT", price=Decimal(20))
    pieces = a_source(supplier="1678", price=Decimal(5))
    per_carton = UnitConversion(unit="CT", numerator=Decimal(10), denominator=Decimal(3))
    item = an_item(cartons, pieces).model_copy(update={"conversions": (per_carton,)})
    choice = choose(a_need(), Assessment(item=item, policy=a_policy(tie_break="price")), may(4))
    assert choice is not None
    assert choice.source == pieces


def test_a_choice_shows_how_many_of_the_needs_units_an_order_unit_is() -> None:
    item = an_item(a_source(unit="DZN"))
    reason = plan_with(item.sources[0], item, a_need(), a_policy(), may(4)).reason("v7")
    assert reason.inputs["per_order_unit"] == ["12", "1"]
    assert (reason.inputs["quantity"], reason.inputs["needed"]) == ("1000 EA", "83.333333333333 DZN")


def test_lots_are_counted_in_the_order_unit() -> None:
    """100 pieces are nine dozens: nine lots of one, not a hundred."""
    dozens = a_source(unit="DZN", maximum_quantity=Decimal(1))
    need = a_need(quantity=Decimal(100))
    assert source_defects(dozens, Asked(need, an_item(dozens), may(4)), a_policy(order_lines_max=9)) == ()
    (defect,) = source_defects(dozens, Asked(need, an_item(dozens), may(4)), a_policy(order_lines_max=8))
    assert defect.field == "maximum_quantity"


def test_a_transfer_comes_from_the_plant_that_the_route_names_and_no_other() -> None:
    item = an_item(*(a_source(supplier=plant, route=RouteKind.TRANSFER) for plant in ("1720", "1730")))
    policy = a_policy(routes=(RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1730"),))
    permitted = permitted_sources(a_need(), Assessment(item=item, policy=policy))
    assert [source.supplier for source in permitted] == ["1730"]


def test_a_source_that_is_sound_by_its_suppliers_own_policy_is_sound() -> None:
    pounds = a_source(currency="GBP")
    own = a_policy(approval=Approval(rates={"EUR": Decimal(1), "GBP": Decimal("1.15")}))
    known = Assessment(item=an_item(pounds), policy=a_policy(), by_supplier={"1580": own})
    assert defects_of(a_need(), known, may(4)) == ()
    assert [defect.field for defect in defects_of(a_need(), known.model_copy(update={"by_supplier": {}}), may(4))] == [
        "currency"
    ]
