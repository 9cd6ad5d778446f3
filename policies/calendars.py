"""Calendars by name: calendars.toml, with the public holidays of a country resolved for the years around today.

Decided here: the days off of a named calendar. Not here: arithmetic on days and hours
(decisions.calendars), and who goes by which calendar (the layers of policy).
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import holidays
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from canonical.calendar import Calendar
from policies.reading import PolicyFile, Table, fault

YEARS_BACK, YEARS_AHEAD = 1, 2
"""Public holidays are known for last year up to the year after next: no lead time reaches further."""
_LONGEST_SHUTDOWN_DAYS = 400
_OBSERVED = " (observed)"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        # ZoneInfoNotFoundError is a KeyError; a name that is no path at all is a ValueError, a folder an OSError.
        raise ValueError("must be an IANA time zone such as America/Los_Angeles") from None
    return name


def _different_days(days: tuple[int, ...]) -> tuple[int, ...]:
    if not days or len(set(days)) != len(days) or not set(days) <= set(range(7)):
        raise ValueError("must be different days from 0 (Monday) to 6, at least one")
    return tuple(sorted(days))


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shutdown(_Entry):
    """Nobody works from the first to the last day, both included."""

    first: dt.date = Field(alias="from")
    last: dt.date = Field(alias="to")


class NamedCalendar(_Entry):
    """A calendar as in calendars.toml."""

    zone: Annotated[str, AfterValidator(_known_zone)]
    weekdays: Annotated[tuple[int, ...], AfterValidator(_different_days)] = (0, 1, 2, 3, 4)
    opens: dt.time = dt.time(8)
    closes: dt.time = dt.time(17)
    country: str = ""
    """ISO 3166-1 alpha-2; empty: no public holiday is kept."""
    subdivision: str = ""
    """ISO 3166-2 without the country."""
    kept: tuple[dt.date, ...] = ()
    """Days off besides the public holidays."""
    worked: tuple[dt.date | str, ...] = ()
    """Public holidays on which people work: one day, or the holiday's name for every year."""
    shutdowns: tuple[Shutdown, ...] = ()


def read_calendars(file: PolicyFile, today: dt.date) -> tuple[dict[str, Calendar], list[str]]:
    """The calendars of the file by name, and its faults; a faulty one keeps its place, so that the rest is checked."""
    found: dict[str, Calendar] = {}
    faults: list[str] = []
    for name, table in file.table.items():
        found[name] = Calendar(name=name)
        if not isinstance(table, dict):
            faults.append(fault(file.path, name, table, "a calendar is a table, [name] and its keys below"))
            continue
        whole, wrong = _with_model(name, table, file.table)
        try:
            entry = NamedCalendar.model_validate(whole)
        except ValidationError as error:
            wrong += [_in_words(name, detail) for detail in error.errors()]
        else:
            wrong += list(_inconsistencies(name, entry))
            if not wrong:
                found[name] = _resolved(name, entry, today)
        faults += [fault(file.path, key, value, allowed) for key, value, allowed in wrong if _is_own(key, table)]
    return found, faults


def _with_model(name: str, table: Table, tables: Table) -> tuple[Table, list[tuple[str, Any, str]]]:
    """The table over the one that it is `like`."""
    if "like" not in table:
        return table, []
    own = {key: value for key, value in table.items() if key != "like"}
    model = tables.get(table["like"]) if isinstance(table["like"], str) else None
    if not isinstance(model, dict) or "like" in model:
        others = ", ".join(key for key, value in tables.items() if isinstance(value, dict) and "like" not in value)
        return own, [(f"{name}.like", table["like"], f"must name a calendar that has no `like` of its own: {others}")]
    return model | own, []


def _is_own(key: str, table: Table) -> bool:
    """Faults of the calendar that this one is `like` are reported there."""
    statement = key.split(".")[1]
    return (
        "like" not in table or statement == "like" or statement in table or (statement == "closes" and "opens" in table)
    )


def _in_words(name: str, detail: Any) -> tuple[str, Any, str]:
    key = ".".join(str(part) for part in (name, *detail["loc"]))
    if detail["type"] == "missing":
        return key, "(nothing)", "is missing"
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(field.alias or key for key, field in NamedCalendar.model_fields.items())
        return key, detail["input"], f"no such key; allowed are like, {allowed}"
    return key, detail["input"], detail["msg"].removeprefix("Value error, ")


def _inconsistencies(name: str, entry: NamedCalendar) -> Iterator[tuple[str, Any, str]]:
    if entry.closes <= entry.opens:
        yield f"{name}.closes", entry.closes, f"must be after opens ({entry.opens})"
    for shutdown in entry.shutdowns:
        if not 0 <= (shutdown.last - shutdown.first).days <= _LONGEST_SHUTDOWN_DAYS:
            yield f"{name}.shutdowns", f"{shutdown.first} to {shutdown.last}", "must end after it begins, within a year"
    countries = holidays.list_supported_countries(include_aliases=False)
    if not entry.country:
        if entry.subdivision or entry.worked:
            yield f"{name}.country", "", "must be named where subdivision or worked is"
    elif entry.country not in countries:
        yield f"{name}.country", entry.country, "must be an ISO 3166 code of two letters, such as US"
    elif entry.subdivision and entry.subdivision not in countries[entry.country]:
        yield f"{name}.subdivision", entry.subdivision, "must be one of " + ", ".join(sorted(countries[entry.country]))
    else:
        names = {each for names in _public(entry, 2020, 2040).values() for each in names}
        for worked in entry.worked:
            if isinstance(worked, str) and worked not in names:
                yield f"{name}.worked", worked, "must be a day, or one of " + ", ".join(sorted(names))


def _public(entry: NamedCalendar, first_year: int, last_year: int) -> Mapping[dt.date, frozenset[str]]:
    """The country's public holidays with their names; a day in lieu has the name of its holiday."""
    if not entry.country:
        return {}
    found = holidays.country_holidays(
        entry.country,
        subdiv=entry.subdivision or None,
        years=range(first_year, last_year + 1),
        language="en_US",
    )
    return {day: frozenset(each.removesuffix(_OBSERVED) for each in found.get_list(day)) for day in found}


def _resolved(name: str, entry: NamedCalendar, today: dt.date) -> Calendar:
    public = _public(entry, today.year - YEARS_BACK, today.year + YEARS_AHEAD)
    worked = {each for each in entry.worked if isinstance(each, dt.date)}
    by_name = frozenset(each for each in entry.worked if isinstance(each, str))
    off = {day for day, names in public.items() if day not in worked and not names <= by_name}
    off |= set(entry.kept)
    for shutdown in entry.shutdowns:
        off |= {shutdown.first + dt.timedelta(ahead) for ahead in range((shutdown.last - shutdown.first).days + 1)}
    return Calendar(
        name=name,
        zone=entry.zone,
        weekdays=entry.weekdays,
        holidays=tuple(sorted(day for day in off if day.weekday() in entry.weekdays)),
        opens=entry.opens,
        closes=entry.closes,
    )


def with_calendars(table: Table, calendars: Mapping[str, Calendar]) -> tuple[Table, list[tuple[str, Any]]]:
    """The policy table with calendars in place of their names, and the (key, value) pairs that name none.

    Those keep any calendar's place, so that the rest of the table is checked all the same.
    """
    wrong: list[tuple[str, Any]] = []

    def found(key: str, name: Any) -> Any:
        if isinstance(name, str) and name in calendars:
            return calendars[name]
        wrong.append((key, name))
        return Calendar(name="?")

    result = dict(table)
    for key in ("calendar", "office", "supplier_calendar"):
        if key in result:
            result[key] = found(key, result[key])
    roles = result.get("roles")
    if isinstance(roles, dict):
        result["roles"] = {
            role: entry | {"calendar": found(f"roles.{role}.calendar", entry["calendar"])}
            if isinstance(entry, dict) and "calendar" in entry
            else entry
            for role, entry in roles.items()
        }
    return result, wrong
