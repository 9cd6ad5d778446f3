"""A plan comes in as a stream, is compared with what was delivered last, and only the difference goes on."""

import asyncio
import datetime as dt
import gzip
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from canonical.messages import RequirementOpened, RequirementWithdrawn
from canonical.need import Need, Revision
from canonical.plan import PlanLineOutcome, PlanStage
from ledger.inbox.registry import Newness
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import ITEM, PLANTS
from tests.gateway.plan_words import (
    NDJSON,
    SOURCE,
    current_run,
    delivered,
    line,
    matched,
    ndjson,
    of,
    report,
    send,
    through,
)


async def test_a_first_plan_opens_its_requirements_the_critical_ones_first(gateway: Gateway) -> None:
    critical = [{"demand": "BUILD", "quantity": "5", "date": "2026-06-20", "criticality": "A"}]
    await through(gateway, 1, line("LATE", date="2026-06-30"), line("SOON"), line("A-CLASS", pegging=critical))
    handed = [message.entity for each in ("A-CLASS", "SOON", "LATE") for message in await gateway.inbox_of(of(each))]
    ids = [(await gateway.inbox_of(of(each)))[0].id for each in ("A-CLASS", "SOON", "LATE")]
    assert handed == [of("A-CLASS"), of("SOON"), of("LATE")]
    assert ids == sorted(ids)
    assert {entity for entity, _ in gateway.entities.messages} == set(handed)


async def test_the_same_plan_again_writes_nothing_and_a_changed_line_only_itself(gateway: Gateway) -> None:
    await through(gateway, 1, line("A"), line("B"))
    before = len(gateway.entities.messages)
    again = await through(gateway, 2, line("A"), line("B", pegging=[]))
    assert (again.changes, len(gateway.entities.messages)) == (0, before)
    changed = await through(gateway, 3, line("A"), line("B", quantity="120"))
    assert changed.changes == 1
    [(entity, reported)] = gateway.entities.messages[before:]
    assert isinstance(reported, RequirementOpened)
    assert (entity, str(reported.need.quantity), reported.need.revision.plan_version) == (of("B"), "120", 3)
    assert [row["outcome"] for row in await report(gateway, 3)] == ["unchanged", "changed"]


async def test_a_whole_plan_withdraws_what_it_no_longer_has_and_a_partial_one_nothing(gateway: Gateway) -> None:
    await through(gateway, 1, line("A"), line("B"))
    partial = await through(gateway, 2, line("A"), partial=True)
    assert (partial.withdrawals, partial.changes) == (0, 0)
    whole = await through(gateway, 3, line("A"))
    assert (whole.withdrawals, whole.known) == (1, 2)
    entity, reported = gateway.entities.messages[-1]
    assert isinstance(reported, RequirementWithdrawn)
    assert entity == of("B")
    assert (await report(gateway, 3))[-1]["outcome"] == "withdrawn"


async def test_old_and_new_without_references_are_two_updates_and_no_create(gateway: Gateway) -> None:
    """R1: old {100 on the 10th, 200 on the 24th}, new {110 on the 11th, 200 on the 25th}."""
    await through(gateway, 1, line("O1", "100", "2026-06-10"), line("O2", "200", "2026-06-24"))
    found = await through(gateway, 2, line(None, "110", "2026-06-11"), line(None, "200", "2026-06-25"))
    assert (found.changes, found.withdrawals, found.ambiguous) == (2, 0, 0)
    reported = {entity: message for entity, message in gateway.entities.messages[2:]}
    first, second = reported[of("O1")], reported[of("O2")]
    assert isinstance(first, RequirementOpened)
    assert isinstance(second, RequirementOpened)
    assert [(str(each.need.quantity), each.need.required_date.day) for each in (first, second)] == [
        ("110", 11),
        ("200", 25),
    ]


async def test_a_line_without_reference_that_is_new_gets_one_and_keeps_it(gateway: Gateway) -> None:
    await through(gateway, 1, line(None, "100"))
    assert [entity for entity, _ in gateway.entities.messages] == [of("plan-1-line-1")]
    again = await through(gateway, 2, line(None, "100", "2026-06-10"))
    assert (again.changes, again.withdrawals) == (0, 0)
    assert (await report(gateway, 2))[0]["demand_reference"] == "plan-1-line-1"


async def test_a_tie_is_reported_and_neither_guessed_nor_withdrawn(gateway: Gateway) -> None:
    await through(gateway, 1, line("O1", "100", planner="anna"), line("O2", "100", planner="bert"))
    found = await through(gateway, 2, line(None, "100", planner="carl"), line(None, "100", planner="dora"))
    assert (found.ambiguous, found.changes, found.withdrawals) == (2, 0, 0)
    assert found.ambiguous_items == (ITEM,)
    rows = await report(gateway, 2)
    assert [row["outcome"] for row in rows] == ["ambiguous", "ambiguous"]
    assert "match in more than one way" in rows[0]["reason"]


async def test_a_bad_line_is_reported_by_number_and_field_and_the_others_go_on(gateway: Gateway) -> None:
    await through(gateway, 1, line("GOOD"), line("BAD"))
    found = await through(
        gateway,
        2,
        line("GOOD"),
        line("BAD", quantity="-1"),
        "{not json",
        "",
        line("PAST", date="2016-05-01"),
        line("GOOD"),
        line("OTHER", plant="P2"),
    )
    assert (found.run.lines, found.run.refused, found.run.unreadable, found.withdrawals) == (6, 5, 1, 0)
    rows = {row["line"]: row for row in await report(gateway, 2)}
    assert [(number, row["field"]) for number, row in rows.items() if row["outcome"] == "refused"] == [
        ("2", "quantity"),
        ("3", "line"),
        ("5", "required_date"),
        ("6", "demand_reference"),
        ("7", "plant"),
    ]
    assert "greater than 0" in rows["2"]["reason"]
    assert rows["1"]["outcome"] == "unchanged"


async def test_the_same_upload_again_is_one_run_and_another_of_its_version_a_conflict(gateway: Gateway) -> None:
    first = await send(gateway, 7, ndjson(line()))
    again = await send(gateway, 7, ndjson(line()))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.headers["location"] == again.headers["location"] == f"/v1/plan-runs/{SOURCE}/P1/7"
    assert len({run.number for run in gateway.entities.plan_runs}) == 1
    other = await send(gateway, 7, ndjson(line(quantity="1")))
    assert (other.status_code, other.json()["code"]) == (409, "plan_conflict")
    older = await send(gateway, 6, ndjson(line()))
    assert (older.status_code, older.json()["code"]) == (409, "stale_plan")


async def test_every_step_may_run_twice(gateway: Gateway) -> None:
    await send(gateway, 1, ndjson(line("A"), line("B")))
    first, second = await matched(gateway, 1), await matched(gateway, 1)
    assert first == second
    run = first.run
    assert await asyncio.gather(*(gateway.ledger.plans.deliver(run, 1) for _ in range(2)))
    await delivered(gateway, run, batch=1)
    await delivered(gateway, run, batch=1)
    assert sorted(entity for entity, _ in gateway.entities.messages) == [of("A"), of("B")]


async def test_a_need_that_a_pending_message_states_differently_is_published_again(gateway: Gateway) -> None:
    await through(gateway, 1, line("A", "100"))
    await send(gateway, 3, ndjson(line("A", "100")))
    event = {
        "specversion": "1.0",
        "id": "late",
        "source": SOURCE,
        "type": "pegline.requirement.planned.v1",
        "time": "2026-06-01T06:00:00Z",
        "data": {"plant": "P1", "plan_version": 2, **line("A", "900")},
    }
    assert (await gateway.send(event)).status_code == 202
    found = await matched(gateway, 3)
    assert found.changes == 1
    await delivered(gateway, found.run)
    last = gateway.entities.messages_to(of("A"))[-1]
    assert isinstance(last, RequirementOpened)
    assert str(last.need.quantity) == "100"


async def test_a_person_keeps_what_the_plan_would_withdraw(gateway: Gateway) -> None:
    await through(gateway, 1, line("A"), line("B"))
    await send(gateway, 2, ndjson(line("A", "7")))
    run = (await matched(gateway, 2)).run
    assert (await gateway.ledger.plans.wait(run, "too many")).stage is PlanStage.WAITING
    await delivered(gateway, await gateway.ledger.plans.keep_needs(run, "anna decided so"))
    progress = await gateway.ledger.plans.progress(await current_run(gateway, 2))
    assert progress.outcomes == {PlanLineOutcome.CHANGED: 1, PlanLineOutcome.KEPT: 1}
    assert (progress.changes, progress.handed_over, progress.delivered) == (1, 1, 1)
    assert not any(isinstance(reported, RequirementWithdrawn) for _, reported in gateway.entities.messages)


async def test_a_spreadsheets_csv_in_gzip_is_read(gateway: Gateway) -> None:
    text = (
        "\ufeffitem;quantity;unit;required_date;demand_reference;pegging\r\n"
        f'{ITEM};500;EA;2026-06-15;P-1;"[{{""demand"": ""B"", ""quantity"": 500, ""date"": ""2026-06-15""}}]"\r\n'
        f"{ITEM};12.5;KGM;2026-06-16;;\r\n"
        f"{ITEM};1;EA\r\n"
    )
    packed = gzip.compress(text[:60].encode()) + gzip.compress(text[60:].encode())
    answer = await send(
        gateway, 1, packed, headers={"content-type": "text/csv; charset=utf-8", "content-encoding": "gzip"}
    )
    assert answer.status_code == 202, answer.text
    assert (answer.json()["lines"], answer.json()["refused"]) == (3, 1)
    assert (await report(gateway, 1))[-1]["reason"] == "3 values for 6 columns"


async def test_a_spreadsheet_in_windows_1252_is_read_where_it_says_so(gateway: Gateway) -> None:
    body = "item;quantity;unit;required_date;planner\nFR;5;EA;2026-06-15;Jürgen\n".encode("cp1252")
    stated = await send(gateway, 1, body, headers={"content-type": "text/csv; charset=windows-1252"})
    assert (stated.status_code, stated.json()["refused"]) == (202, 0)
    silent = await send(gateway, 2, body, headers={"content-type": "text/csv"})
    assert "CSV UTF-8" in silent.json()["first_refused"][0]["reason"]


async def test_past_due_lines_are_taken_and_counted_apart_from_errors(gateway: Gateway) -> None:
    """More of them than lines may be refused: three of a hundred stopped a whole plan."""
    lines = [line(f"R{number}") for number in range(97)] + [
        line(f"LATE{number}", date="2026-05-04") for number in range(3)
    ]
    answer = await send(gateway, 1, ndjson(*lines))
    assert answer.status_code == 202
    assert [answer.json()[name] for name in ("lines", "refused", "past_due")] == [100, 0, 3]
    found = await matched(gateway, 1)
    await delivered(gateway, found.run)
    late = [row for row in await report(gateway, 1) if row["past_due"]]
    assert {(row["outcome"], row["field"]) for row in late} == {("new", "required_date")}
    assert "expedited" in late[0]["reason"]
    [opened] = gateway.entities.messages_to(of("LATE0"))
    assert isinstance(opened, RequirementOpened)
    assert opened.need.required_date == dt.date(2026, 5, 4)


async def test_what_is_ignored_and_the_first_refused_lines_are_named(gateway: Gateway) -> None:
    body = "item,quantity,unit,required_date,status,remark\n" + "".join(
        f"{ITEM},{quantity},EA,{day},confirmed,\n"
        for quantity, day in [("27", "2026-06-15"), ("27.000", "15.06.2026"), *[("1,5", "2026-06-15")] * 12]
    ).replace("1,5", '"1,5"')
    csv_type = {"content-type": "text/csv"}
    refused = await send(gateway, 1, body, headers=csv_type)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_column")
    assert [each["field"] for each in refused.json()["errors"]] == ["status", "remark"]
    query = {"source": SOURCE, "plant": "P1", "version": "1", "ignore": ["status", "remark"]}
    taken = await gateway.client.post("/v1/plan-runs", params=query, content=body, headers=csv_type)
    view = taken.json()
    assert (taken.status_code, view["lines"], view["refused"], view["ignored"]) == (202, 14, 13, ["remark", "status"])
    first = view["first_refused"]
    assert len(first) == 10
    assert (first[0]["line"], first[0]["item"], first[0]["field"]) == (3, ITEM, "quantity, required_date")
    assert "27 or 27000" in first[0]["reason"]
    assert "2026-06-15" in first[0]["reason"]
    assert {row["ignored"] for row in await report(gateway, 1)} == {"remark, status"}


async def test_a_parameter_that_is_not_known_or_stated_twice_never_goes_unheard(gateway: Gateway) -> None:
    """`partal=true` would withdraw what the plan leaves out."""
    address = f"/v1/plan-runs?source={SOURCE}&plant=P1&version=1"
    for more, code in (("&partal=true", "unknown_parameter"), ("&version=2", "repeated_parameter")):
        answer = await gateway.client.post(address + more, content=ndjson(line()), headers=NDJSON)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 1) is None
    listed = await gateway.client.get("/v1/exceptions?assigne=buyer")
    assert (listed.status_code, listed.json()["code"]) == (422, "unknown_parameter")


async def test_an_upload_that_breaks_off_leaves_nothing(gateway: Gateway) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield ndjson(*(line(f"R{number}") for number in range(3_000)))
        raise ConnectionError("gone")

    assert (await send(gateway, 1, broken())).status_code == 500
    cut = await send(gateway, 1, gzip.compress(ndjson(line()))[:-9], headers={"content-encoding": "gzip"})
    assert (cut.status_code, cut.json()["code"]) == (400, "broken_gzip")
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 1) is None
    assert (await send(gateway, 1, ndjson(line()))).json()["lines"] == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"source": "pegline"}, 403, "not_owner"),
        ({"content-type": "text/html"}, 415, "unsupported_media_type"),
        ({"content-encoding": "br"}, 415, "unsupported_encoding"),
        ({"content-type": "text/csv"}, 422, "no_head"),
    ],
)
async def test_what_can_not_be_a_plan_is_refused_whole(
    gateway: Gateway, changes: dict[str, str], status: int, code: str
) -> None:
    source = changes.get("source", SOURCE)
    answer = await send(gateway, 1, ndjson(line()), source=source, headers=changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 1) is None


async def test_only_so_many_runs_are_kept(gateway: Gateway) -> None:
    rules = PLANTS["P1"].plan.model_copy(update={"runs_kept": 2})
    gateway.policies.by_plant["P1"] = PLANTS["P1"].model_copy(update={"plan": rules})
    for version in (1, 2, 3):
        await through(gateway, version, line("A"))
    await send(gateway, 4, ndjson(line("A")))
    assert [await gateway.ledger.plans.of_version(SOURCE, "P1", version) is None for version in (1, 2, 3, 4)] == [
        True,
        True,
        False,
        False,
    ]


async def test_progress_and_report_are_read_while_it_runs(gateway: Gateway) -> None:
    gateway.clock[0] = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
    taken = await send(gateway, 1, ndjson(line("A"), line("=B")))
    seen = (await gateway.client.get(taken.headers["location"])).json()
    assert (seen["stage"], seen["lines"], seen["outcomes"], seen["changes"]) == ("received", 2, {}, 0)
    await matched(gateway, 1)
    seen = (await gateway.client.get(taken.headers["location"])).json()
    assert (seen["stage"], seen["outcomes"], seen["changes"]) == ("matched", {"new": 2}, 2)
    assert [row["demand_reference"] for row in await report(gateway, 1)] == ["A", "'=B"]
    assert (await gateway.client.get(f"/v1/plan-runs/{SOURCE}/P1/9")).status_code == 404


async def test_an_event_of_an_older_version_is_stale_also_for_a_line_that_the_plan_repeated_as_it_was(
    gateway: Gateway,
) -> None:
    await through(gateway, 1, line("A"))
    await through(gateway, 3, line("A"))
    need = a_need(quantity=Decimal(70), version=2)
    classified = await gateway.ledger.registry.classify([need])
    assert [(each.outcome, each.detail) for each in classified.values()] == [(Newness.STALE, "older")]
    newer = await gateway.ledger.registry.classify([a_need(quantity=Decimal(70), version=4)])
    assert [each.outcome for each in newer.values()] == [Newness.CHANGED]


def a_need(*, quantity: Decimal, version: int) -> Need:
    return Need(
        plant="P1",
        item=ITEM,
        quantity=quantity,
        unit="EA",
        required_date=dt.date(2026, 6, 10),
        source=SOURCE,
        demand_reference="A",
        revision=Revision(plan_version=version, effective_at=dt.datetime(2026, 6, 2, tzinfo=dt.UTC), event_id="late"),
    )
