"""Plans of one source that meet: the newer ends the older, a repeated one is the same, and nothing is lost between."""

from typing import Any

from temporalio.service import RPCStatusCode

from canonical.messages import RequirementOpened
from canonical.plan import PlanLine, PlanStage
from canonical.records import RequirementStage
from ledger.plan_runs.staging import need_of
from tests.gateway.conftest import Gateway
from tests.gateway.plan_words import current_run, delivered, line, matched, ndjson, of, send, through


async def test_a_stopped_run_gives_way_to_the_corrected_plan_of_its_version(gateway: Gateway) -> None:
    await send(gateway, 1, ndjson("nonsense"))
    stopped = await gateway.ledger.plans.stop(await current_run(gateway, 1), "all lines are refused")
    assert stopped.stage is PlanStage.STOPPED
    assert (await send(gateway, 1, ndjson(line()))).status_code == 202
    corrected = await current_run(gateway, 1)
    assert (corrected.stage, corrected.lines) == (PlanStage.RECEIVED, 1)
    assert corrected.number != stopped.number


async def test_a_newer_whole_plan_ends_an_older_run_which_hands_nothing_over_any_more(gateway: Gateway) -> None:
    await send(gateway, 1, ndjson(*(line(f"R{number}") for number in range(5))))
    older = (await matched(gateway, 1)).run
    assert (await gateway.ledger.plans.deliver(older, 2)).waiting == 3
    await send(gateway, 2, ndjson(*(line(f"R{number}", quantity="50") for number in range(5))))
    assert [run.number for run in gateway.entities.superseded] == [older.number]
    assert (await gateway.ledger.plans.deliver(older, 2)).stage is PlanStage.SUPERSEDED
    newer = await current_run(gateway, 2)
    assert await gateway.ledger.plans.waits_for(newer) == "messages of the source that came before it"
    await gateway.relay.drain()
    assert await delivered(gateway, (await matched(gateway, 2)).run, batch=2) > 2
    reported = {entity: message for entity, message in gateway.entities.messages}
    assert len(reported) == 5
    assert {str(message.need.quantity) for message in reported.values() if isinstance(message, RequirementOpened)} == {
        "50"
    }


async def test_a_newer_plan_over_its_error_limit_ends_no_older_run(gateway: Gateway) -> None:
    await send(gateway, 1, ndjson(line("A"), line("B")))
    older = (await matched(gateway, 1)).run
    assert (await gateway.ledger.plans.deliver(older, 1)).waiting == 1
    assert (await send(gateway, 2, ndjson(line("A", "7"), "nonsense"))).status_code == 202
    assert gateway.entities.superseded == []
    await delivered(gateway, older, batch=1)
    assert {entity for entity, _ in gateway.entities.messages} == {of("A"), of("B")}


async def test_a_partial_plan_waits_until_what_came_before_it_is_done(gateway: Gateway) -> None:
    await send(gateway, 1, ndjson(line("A")))
    await send(gateway, 2, ndjson(line("B")), partial=True)
    partial = await current_run(gateway, 2)
    assert await gateway.ledger.plans.waits_for(partial) == "version 1, which is not done"
    await delivered(gateway, (await matched(gateway, 1)).run)
    assert await gateway.ledger.plans.waits_for(partial) == ""


async def test_a_plan_that_was_taken_in_and_not_started_is_started_with_the_next_one(gateway: Gateway) -> None:
    """Whoever took it in died before it was started, and its sender gave up: a partial plan would wait for ever."""
    gateway.entities.failures.append(RPCStatusCode.UNAVAILABLE)
    lost = await send(gateway, 1, ndjson(line("A")))
    assert lost.status_code >= 500
    assert gateway.entities.plan_runs == []
    assert (await send(gateway, 2, ndjson(line("B")), partial=True)).status_code == 202
    assert [run.version for run in gateway.entities.plan_runs] == [1, 2]
    await send(gateway, 3, ndjson(line("A")))
    assert [run.version for run in gateway.entities.plan_runs] == [1, 2, 3], "a whole plan ends the older ones"


async def reported_but_not_recorded(gateway: Gateway, version: int, *lines: dict[str, Any]) -> None:
    """A plan whose relay dies after its needs were delivered and recorded, and before it registers them."""
    assert (await send(gateway, version, ndjson(*lines))).status_code == 202
    run = (await matched(gateway, version)).run
    await gateway.ledger.plans.deliver(run, 100)
    for number, stated in enumerate(lines, 1):
        need = need_of(run, number, PlanLine.model_validate(stated), stated["demand_reference"])
        await gateway.requirement(need, RequirementStage.COVERED)
    await delivered(gateway, run)


async def test_a_need_delivered_but_not_registered_is_withdrawn_by_the_plan_that_no_longer_has_it(
    gateway: Gateway,
) -> None:
    await reported_but_not_recorded(gateway, 1, line("A"), line("B"))
    found = await through(gateway, 2, line("A"))
    assert (found.known, found.changes, found.withdrawals) == (2, 1, 1)


async def test_a_change_delivered_but_not_registered_is_reverted_by_the_plan_that_is_as_before(
    gateway: Gateway,
) -> None:
    await through(gateway, 1, line("A", "100"))
    await reported_but_not_recorded(gateway, 2, line("A", "300"))
    assert (await through(gateway, 3, line("A", "300"))).changes == 0
    assert (await through(gateway, 4, line("A", "100"))).changes == 1
