"""The policies that ship with Pegline."""

import datetime as dt
import tomllib
from decimal import Decimal

import pytest

from canonical.base import Criticality
from canonical.policy import Dampener, Escalation, ExchangeRate, Overdue, PlantPolicy, RouteKind, Tolerance
from policies.book import PolicyBook
from tests.policies.conftest import SHIPPED, TODAY

UNITED_STATES = """
2026-01-01 2026-01-19 2026-05-25 2026-06-19 2026-07-03 2026-09-07 2026-11-26 2026-11-27 2026-12-24 2026-12-25
2027-01-01 2027-01-18 2027-05-31 2027-06-18 2027-07-05 2027-09-06 2027-11-25 2027-11-26 2027-12-23 2027-12-24
"""
MEXICO = """
2026-01-01 2026-02-02 2026-03-16 2026-04-02 2026-04-03 2026-05-01 2026-09-16 2026-11-16 2026-12-25
2027-01-01 2027-02-01 2027-03-15 2027-03-25 2027-03-26 2027-05-01 2027-09-16 2027-11-15 2027-12-25
"""


@pytest.fixture(scope="module")
def book() -> PolicyBook:
    return PolicyBook(SHIPPED, today=lambda: TODAY)


def policy_of(book: PolicyBook, plant: str, item: str = "") -> PlantPolicy:
    policy = book.effective(plant, item=item)
    assert policy is not None
    return policy


def test_the_shipped_plants_differ_where_their_files_say_so(book: PolicyBook) -> None:
    assert list(book.plants) == ["1710", "1720", "1730"]
    found = {plant: policy_of(book, plant) for plant in book.plants}
    assert {plant: policy.frozen_zone_days for plant, policy in found.items()} == {"1710": 5, "1720": 8, "1730": 3}
    assert len({policy.consolidation_minutes for policy in found.values()}) == 3
    assert found["1730"].calendar.zone == "America/Monterrey"
    assert found["1730"].calendar.weekdays == (0, 1, 2, 3, 4, 5)


def test_one_plant_buys_one_moves_an_item_from_it_first_and_one_has_made_what_can_be_made(book: PolicyBook) -> None:
    def ways(plant: str, item: str = "") -> list[tuple[RouteKind, str | None]]:
        return [(route.kind, route.supplying_plant) for route in policy_of(book, plant, item).routes]

    bought = (RouteKind.DIRECT, None)
    assert ways("1710", "CH-0234") == [bought]
    assert ways("1720", "CH-0234") == [(RouteKind.TRANSFER, "1710"), bought]
    assert ways("1720") == [bought]
    assert ways("1730") == [(RouteKind.SUBCONTRACT, None), bought]


@pytest.mark.parametrize(("plant", "days_off"), [("1710", UNITED_STATES), ("1720", UNITED_STATES), ("1730", MEXICO)])
@pytest.mark.parametrize("which", ["calendar", "office"])
def test_the_working_days_are_those_that_the_plants_have_agreed_for_two_years(
    book: PolicyBook, plant: str, days_off: str, which: str
) -> None:
    policy = policy_of(book, plant)
    calendar = policy.calendar if which == "calendar" else policy.office
    agreed = {dt.date.fromisoformat(day) for day in days_off.split()}
    first = dt.date(2026, 1, 1)
    for ahead in range(730):
        day = first + dt.timedelta(days=ahead)
        works = day.weekday() in calendar.weekdays and day not in calendar.holidays
        assert works is (day.weekday() in calendar.weekdays and day not in agreed), day


def test_the_shipped_thresholds_are_those_that_the_rules_are_explained_with(book: PolicyBook) -> None:
    policy = policy_of(book, "1710")
    assert policy.dampener == Dampener(
        quantity=Decimal(10),
        quantity_share_max=Decimal("0.2"),
        share=Decimal("0.05"),
        earlier_working_days=1,
        later_working_days=5,
    )
    assert policy.tolerance == Tolerance(
        quantity_less=Decimal("0.03"),
        quantity_more=Decimal("0.01"),
        price_more=Decimal("0.01"),
        price_less=Decimal("0.5"),
        later_working_days=0,
    )
    assert policy.escalation == Escalation(
        sla_hours=16, reminder_at=Decimal("0.5"), buyer_at=Decimal("1.0"), manager_at=Decimal("1.5")
    )
    assert policy.overdue == Overdue(reminder_days=1, question_days=3)
    assert policy.approval.rates == {
        "EUR": (ExchangeRate(rate=Decimal(1)),),
        "USD": (ExchangeRate(rate=Decimal("0.92")),),
    }
    assert policy.approval.free_up_to[Criticality.C] == 1000
    assert (policy.office.opens, policy.office.closes) == (dt.time(8), dt.time(17))


def test_every_threshold_of_the_policy_is_set_in_the_shipped_defaults() -> None:
    statement = tomllib.loads((SHIPPED / "defaults.toml").read_text())
    of_the_plant = {"plant", "version", "purchasing_group", "calendar", "office", "supplier_calendar"}
    assert set(PlantPolicy.model_fields) - set(statement) == of_the_plant
