"""A dry run says what a plan would change and changes nothing; its start carries out exactly that, or nothing."""

from typing import Any

import httpx

from canonical.plan import PlanStage
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import ITEM, PLANTS, problem
from tests.gateway.plan_words import NDJSON, SOURCE, current_run, delivered, line, matched, ndjson, of, send, through


async def dry(gateway: Gateway, version: int, *lines: dict[str, Any] | str, partial: bool = False) -> dict[str, Any]:
    query: dict[str, str | int] = {
        "source": SOURCE,
        "plant": "P1",
        "version": version,
        "partial": str(partial).lower(),
        "dry_run": "true",
    }
    answer = await gateway.client.post("/v1/plan-runs", params=query, content=ndjson(*lines), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/plan-runs/dry-runs/{view['number']}"
    return view


async def start(gateway: Gateway, view: dict[str, Any], shown: str | None = None) -> httpx.Response:
    return await gateway.client.post(view["start"], json={"shown": view["shown"] if shown is None else shown})


async def test_a_dry_run_shows_the_net_change_and_changes_nothing(gateway: Gateway) -> None:
    await through(gateway, 1, line("SAME"), line("MORE", "100"), line("GONE", "40"))
    told = len(gateway.entities.messages)
    view = await dry(gateway, 2, line("SAME"), line("MORE", "900"), line("NEW", "5"), line("BAD", "-1"))
    assert view["outcomes"] == {"unchanged": 1, "changed": 1, "new": 1, "refused": 1, "withdrawn": 1}
    assert (view["changes"], view["withdrawals"], view["known"], view["waits_for"]) == (3, 1, 3, "")
    assert [(each["demand_reference"], each["before"], each["after"]) for each in view["largest"]] == [
        ("MORE", "100", "900"),
        ("GONE", "40", None),
        ("NEW", None, "5"),
    ]
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 2) is None
    assert (len(gateway.entities.messages), gateway.entities.plan_runs[1:]) == (told, [])


async def test_a_start_carries_out_what_was_shown(gateway: Gateway) -> None:
    await through(gateway, 1, line("A"), line("B"))
    view = await dry(gateway, 2, line("A", "70"))
    answer = await start(gateway, view)
    assert answer.status_code == 202
    run = await current_run(gateway, 2)
    assert (run.stage, gateway.entities.plan_runs[-1].number) == (PlanStage.MATCHED, run.number)
    assert (await matched(gateway, 2)).changes == view["changes"] == 2
    await delivered(gateway, run)
    assert [entity for entity, _ in gateway.entities.messages[-2:]] == [of("A"), of("B")]
    problem(await start(gateway, view), 404, "not_found")


async def test_what_came_meanwhile_is_shown_anew_instead_of_started(gateway: Gateway) -> None:
    await through(gateway, 1, line("A"), line("B"))
    view = await dry(gateway, 3, line("A", "70"))
    await through(gateway, 2, line("A"), line("B"), line("C"))
    problem(await start(gateway, view), 409, "no_longer_as_shown")
    assert await gateway.ledger.plans.of_version(SOURCE, "P1", 3) is None
    again = (await gateway.client.get(f"/v1/plan-runs/dry-runs/{view['number']}")).json()
    assert (view["withdrawals"], again["withdrawals"]) == (1, 2)
    assert (await start(gateway, again)).status_code == 202


async def test_a_plan_older_than_the_newest_is_shown_as_such_and_not_started(gateway: Gateway) -> None:
    await through(gateway, 5, line("A"))
    view = await dry(gateway, 4, line("A", "1"))
    assert (view["in_its_way"], view["shown"], view["changes"]) == (f"plan-run/{SOURCE}/P1/5", "", 0)
    problem(await start(gateway, view, "x"), 409, "stale_plan")


async def test_a_plan_over_its_error_limit_says_so_and_is_not_started(gateway: Gateway) -> None:
    view = await dry(gateway, 1, line("A"), "{broken")
    assert "1 of 2 lines are refused" in view["would_stop"]
    problem(await start(gateway, view), 409, "over_error_limit")


async def test_questions_that_the_run_would_ask_are_named(gateway: Gateway) -> None:
    await through(gateway, 1, line("O1", planner="anna"), line("O2", planner="bert"))
    view = await dry(gateway, 2, line(None, planner="carl"), line(None, planner="dora"))
    assert "which known need each of 2 lines continues" in view["questions"][0]
    rules = PLANTS["P1"].plan.model_copy(update={"withdraw_share_max": 0})
    gateway.policies.by_plant["P1"] = PLANTS["P1"].model_copy(update={"plan": rules})
    view = await dry(gateway, 3, line("O1", planner="anna"))
    assert "would withdraw 1 of 2 open needs" in view["questions"][0]


async def test_a_start_before_another_plan_is_done_compares_once_more(gateway: Gateway) -> None:
    await send(gateway, 1, ndjson(line("A")))
    view = await dry(gateway, 2, line("A", "70"))
    assert view["waits_for"] == "version 1, which is not done"
    assert (await start(gateway, view)).status_code == 202
    assert [run.version for run in gateway.entities.superseded] == [1]
    assert (await current_run(gateway, 2)).stage is PlanStage.RECEIVED
    assert (await matched(gateway, 2)).changes == 1


async def test_a_dry_run_is_discarded_by_its_sender_or_after_a_day(gateway: Gateway) -> None:
    view = await dry(gateway, 1, line("A"))
    assert (await gateway.client.delete(f"/v1/plan-runs/dry-runs/{view['number']}")).status_code == 204
    assert (await gateway.client.get(f"/v1/plan-runs/dry-runs/{view['number']}")).status_code == 404
    assert (await send(gateway, 1, ndjson(line("A")))).status_code == 202
    assert ITEM in (await gateway.client.get(f"/v1/plan-runs/{SOURCE}/P1/1/report")).text
