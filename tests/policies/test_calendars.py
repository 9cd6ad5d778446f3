"""Calendars by name, with the public holidays of a country."""

import datetime as dt

import pytest

from canonical.calendar import Calendar
from tests.policies.conftest import Folder


def calendar(bare: Folder, text: str, name: str = "own") -> Calendar:
    bare.append("calendars.toml", text)
    bare.append("plants/P1.toml", f'calendar = "{name}"\n')
    policy = bare.book().effective("P1")
    assert policy is not None
    return policy.calendar


def test_public_holidays_are_those_of_the_country_and_its_part_from_last_year_to_the_year_after_next(
    bare: Folder,
) -> None:
    found = calendar(bare, '[own]\nzone = "Europe/Berlin"\ncountry = "DE"\nsubdivision = "BY"\n')
    assert {day.year for day in found.holidays} == {2025, 2026, 2027, 2028}
    assert dt.date(2026, 1, 6) in found.holidays, "Epiphany is kept in Bavaria"
    assert dt.date(2026, 5, 1) in found.holidays
    assert dt.date(2026, 10, 3) not in found.holidays, "a Saturday is off anyway"


def test_the_years_move_on_with_the_calendar(bare: Folder) -> None:
    bare.replace("calendars.toml", '[plain]\nzone = "UTC"\n', '[plain]\nzone = "UTC"\ncountry = "DE"\n')
    book = bare.book()
    before = book.effective("P1")
    bare.today[0] = dt.date(2027, 1, 1)
    bare.a_second_later()
    after = book.effective("P1")
    assert before is not None
    assert after is not None
    assert dt.date(2029, 5, 1) in after.calendar.holidays
    assert dt.date(2029, 5, 1) not in before.calendar.holidays


def test_a_holiday_that_is_worked_by_name_is_worked_every_year_its_day_in_lieu_too(bare: Folder) -> None:
    found = calendar(bare, '[own]\nzone = "UTC"\ncountry = "US"\nworked = ["Independence Day", 2026-12-25]\n')
    assert not {dt.date(2026, 7, 3), dt.date(2027, 7, 5), dt.date(2026, 12, 25)} & set(found.holidays)
    assert {dt.date(2027, 12, 24), dt.date(2026, 9, 7)} <= set(found.holidays)


def test_days_that_are_kept_and_shutdowns_are_days_off(bare: Folder) -> None:
    found = calendar(
        bare,
        '[own]\nzone = "UTC"\nkept = [2026-06-05]\nshutdowns = [{ from = 2026-12-24, to = 2027-01-03 }]\n',
    )
    assert [day.isoformat() for day in found.holidays] == [
        "2026-06-05",
        *("2026-12-24", "2026-12-25", "2026-12-28", "2026-12-29", "2026-12-30", "2026-12-31", "2027-01-01"),
    ]


def test_a_calendar_inherits_from_another_what_it_does_not_set(folder: Folder) -> None:
    policy = folder.book().effective("1710")
    assert policy is not None
    assert policy.office.holidays == policy.calendar.holidays
    assert (policy.office.name, policy.office.opens, policy.calendar.opens) == (
        "us-west-office",
        dt.time(8),
        dt.time(6),
    )


def test_roles_and_suppliers_go_by_calendars_of_their_own(bare: Folder) -> None:
    bare.append("calendars.toml", '[night]\nzone = "UTC"\nopens = 18:00:00\ncloses = 23:00:00\n')
    bare.append("plants/P1.toml", '[roles.buyer]\ncalendar = "night"\n')
    bare.write("rules/x.toml", '[[rule]]\nsupplier = "V1"\nsupplier_calendar = "night"\n')
    book = bare.book()
    plain, own = book.effective("P1"), book.effective("P1", supplier="V1")
    assert plain is not None
    assert own is not None
    role = plain.roles["buyer"].calendar
    assert role is not None
    assert own.supplier_calendar == role
    assert role.name == "night"
    assert plain.supplier_calendar is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('zone = "America/Springfield"', "zone = 'America/Springfield': must be an IANA time zone such as"),
        ('zone = "../etc/passwd"', "must be an IANA time zone"),
        ('zone = "America"', "must be an IANA time zone"),
        ('zone = ""', "must be an IANA time zone"),
        ("opens = 08:00:00", "own.zone = '(nothing)': is missing"),
        ('zone = "UTC"\nweekdays = []', "own.weekdays = []: must be different days from 0 (Monday) to 6"),
        ('zone = "UTC"\nweekdays = [0, 7]', "own.weekdays = [0, 7]: must be different days from 0 (Monday) to 6"),
        ('zone = "UTC"\ncloses = 07:00:00', "own.closes = 07:00:00: must be after opens (08:00:00)"),
        ('zone = "UTC"\nholidays = [2026-01-01]', "no such key; allowed are like, zone, weekdays, opens, closes"),
        ('zone = "UTC"\ncountry = "USA"', "own.country = 'USA': must be an ISO 3166 code of two letters"),
        ('zone = "UTC"\ncountry = "US"\nsubdivision = "XX"', "own.subdivision = 'XX': must be one of AK, AL"),
        ('zone = "UTC"\ncountry = "US"\nworked = ["Labour Day"]', "own.worked = 'Labour Day': must be a day, or one"),
        ('zone = "UTC"\nworked = ["Labor Day"]', "own.country = '': must be named where subdivision or worked is"),
        ('like = "moon"', "own.like = 'moon': must name a calendar that has no `like` of its own: plain"),
        ('zone = "UTC"\nkept = ["first of May"]', "own.kept.0 = 'first of May': "),
        (
            'zone = "UTC"\nshutdowns = [{ from = 2026-12-24, to = 2026-12-01 }]',
            "own.shutdowns = '2026-12-24 to 2026-12-01': must end after it begins",
        ),
    ],
)
def test_a_calendar_that_can_not_be_is_refused(bare: Folder, text: str, fault: str) -> None:
    bare.append("calendars.toml", f"[own]\n{text}\n")
    assert any(each.startswith("calendars.toml: ") and fault in each for each in bare.faults())


def test_a_calendar_is_shown_by_name(bare: Folder) -> None:
    bare.append("plants/P1.toml", 'calendar = "west"\n[office]\nzone = "UTC"\n')
    assert bare.faults() == (
        "plants/P1.toml: calendar = 'west': must name a calendar of calendars.toml: plain",
        "plants/P1.toml: office = {'zone': 'UTC'}: must name a calendar of calendars.toml: plain",
    )
