"""A planner's day with plans: what came, how far it is, what was refused and why, who is asked."""

import csv
import io

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId
from canonical.records import ExceptionSnapshot, ExceptionState
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import ITEM
from tests.gateway.pages.pages import as_person, page, planner
from tests.gateway.plan_words import current_run, delivered, line, matched, ndjson, of, send, through


async def question(gateway: Gateway, number: int, raised_by: str, summary: str) -> None:
    proposal = Proposal(
        kind=ExceptionKind.SHORTAGE,
        summary=summary,
        plant="P1",
        item=ITEM,
        alternatives=(Alternative(choice=Choice.ACCEPT, note="take it"),),
        approvers=("buyer",),
        proposed_by=raised_by,
    )
    await gateway.record(
        ExceptionSnapshot(
            id=ExceptionId(f"exception/q{number}"),
            raised_by=raised_by,
            proposal=proposal,
            digest="0" * 16,
            state=ExceptionState.OPEN,
            assignee="buyer-1",
            opened_at=gateway.clock[0],
        )
    )


async def test_the_list_leads_to_the_run_and_the_run_to_its_requirements_and_questions(gateway: Gateway) -> None:
    await through(gateway, 1, line("A"), line("B"), line("BAD", quantity="-1"))
    run = await current_run(gateway, 1)
    await question(gateway, 1, of("A"), "A comes too late")
    await question(gateway, 2, f"{run.id}/{run.number}", "two lines could be the same need")
    await question(gateway, 3, "requirement/P1/OTHER/aps~X", "somebody else's")
    listed = await page(gateway, "/plans")
    assert f'href="/plans/{run.number}"' in listed
    assert "aps-main, version 1" in listed
    shown = await page(gateway, f"/plans/{run.number}")
    assert "2 of 2 changes delivered" in shown
    assert "hx-trigger" not in shown
    assert f'href="/requirements/P1/{ITEM}/aps-main~A"' in shown
    assert 'href="/questions/q1"' in shown
    assert "two lines could be the same need" in shown
    assert "somebody else" not in shown
    assert "UTC" in shown


async def test_a_run_under_way_is_polled_until_it_has_ended(gateway: Gateway) -> None:
    await send(gateway, 1, ndjson(line("A"), line("B")))
    run = (await matched(gateway, 1)).run
    assert f'hx-get="/plans/{run.number}/progress"' in await page(gateway, f"/plans/{run.number}")
    assert "0 of 2 changes delivered" in await page(gateway, f"/plans/{run.number}/progress")
    assert "aps-main" in await page(gateway, "/plans?unfinished=true")
    await delivered(gateway, run)
    ended = await page(gateway, f"/plans/{run.number}/progress")
    assert "2 of 2 changes delivered" in ended
    assert "hx-get" not in ended
    assert "aps-main" not in await page(gateway, "/plans?unfinished=true")


async def test_refused_lines_are_downloaded_as_they_were_sent_with_what_to_do(gateway: Gateway) -> None:
    bad = '{"item": "=cmd()", "quantity": "-1", "unit": "EA", "required_date": "soon"}'
    await through(gateway, 1, line("A"), bad, line("A"))
    run = await current_run(gateway, 1)
    answer = await gateway.client.get(f"/plans/{run.number}/refused.csv")
    assert answer.content.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["line"] for row in rows] == ["2", "3"]
    assert rows[0]["original line"] == bad
    assert "quantity" in rows[0]["field"]
    assert "write a number above zero" in rows[0]["what to do"]
    assert "a day within ten years" in rows[0]["what to do"]
    assert "line 1 has this need already" in rows[1]["what was wrong"]
    assert "a reference of its own" in rows[1]["what to do"]
    assert "=cmd()" not in {row["original line"][:6] for row in rows}


async def test_many_changes_are_read_page_by_page(gateway: Gateway) -> None:
    await through(gateway, 1, *(line(f"R{number:03}") for number in range(60)))
    run = await current_run(gateway, 1)
    first = await page(gateway, f"/plans/{run.number}")
    assert f'href="/plans/{run.number}?after=50#changes"' in first
    second = await page(gateway, f"/plans/{run.number}?after=50")
    assert "R059" in second
    assert "R000" not in second


async def test_nobody_sees_a_plan_of_a_foreign_plant(gateway: Gateway) -> None:
    await through(gateway, 1, line("A"))
    run = await current_run(gateway, 1)
    with as_person(gateway, planner("P2")):
        assert "aps-main" not in await page(gateway, "/plans")
        for address in ("", "/progress", "/refused.csv"):
            await page(gateway, f"/plans/{run.number}{address}", 404)
    with as_person(gateway, planner("P1")):
        assert "aps-main" in await page(gateway, "/plans")
    await page(gateway, f"/plans/{run.number + 1}", 404)
    await page(gateway, "/plans?after=nonsense", 400)
