"""A plan run whose worker, gateway and database die at random points ends as one that nobody disturbs.

`pytest --disturbed-seeds 1,2,3` repeats runs; `--disturbed-lines` makes the plans larger, and with `--disturbed-kills`
each of the three dies so often in each of the two versions; without, once in one of them.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from policies.book import PolicyBook
from tests.scenarios.installation import VICTIMS, installed, policies_of
from tests.scenarios.loop import installed as in_one_process
from tests.scenarios.pictures import at_rest, picture, reports
from tests.scenarios.whole_plans import (
    AT_ONCE,
    CONSOLIDATING,
    PLANTS,
    Site,
    all_acted_on,
    clocks_running,
    first_plan,
    master_data,
    plan_stages,
    second_plan,
    until,
    upload,
)
from tools.postgres import Postgres

_TIMEOUT_SECONDS = 180
"""A call that kept failing while the database was away is tried again after half a minute, then after two."""


class Plans(NamedTuple):
    """What is sent for each plant."""

    lines: int
    """Of a plant."""
    versions: dict[int, list[dict[str, Any]]]

    @property
    def timeout_seconds(self) -> int:
        """How long it may take until all is done."""
        return _TIMEOUT_SECONDS + self.lines


class Ending(NamedTuple):
    """What the plans came to."""

    picture: dict[str, Any]
    reports: dict[str, Any]


@pytest.fixture(scope="module")
def plans(pytestconfig: pytest.Config) -> Plans:
    """As large as the run's options say."""
    lines: int = pytestconfig.getoption("--disturbed-lines")
    return Plans(lines, {1: first_plan(lines), 2: second_plan(lines)})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each seed."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", metafunc.config.getoption("--disturbed-seeds").split(","))


@pytest.fixture(scope="module")
async def policies(open_folder: Path) -> Path:
    """The shipped ones, by which one plant orders at once; a plan is handed over in several batches."""
    plan = "batch_lines = 10\nerror_share_max = 0.1\nwithdraw_share_max = 0.2"
    return policies_of(open_folder / "policies-of-disturbed-plans", {AT_ONCE: 0, CONSOLIDATING: 1}, plan)


@pytest.fixture(scope="module")
async def undisturbed(
    temporal_env: WorkflowEnvironment, postgres_server: Postgres, policies: Path, plans: Plans, _migrated_template: str
) -> AsyncIterator["asyncio.Task[Ending]"]:
    """The result of the same plans where no process dies; it runs beside the first story, which waits a lot."""
    url = await postgres_server.create("undisturbed", template=_migrated_template)
    with temporal_env.with_time_skipping_disabled():
        telling = asyncio.create_task(report_undisturbed(temporal_env.client, url, policies, plans))
        yield telling
        telling.cancel()
        await asyncio.wait([telling])


async def report_undisturbed(client: Client, database_url: str, policies: Path, plans: Plans) -> Ending:
    """All in one process."""
    async with in_one_process(client, database_url) as loop:
        book = PolicyBook(policies)
        loop.policies.by_plant.update({plant: found for plant in PLANTS if (found := book.effective(plant))})
        await loop.command("/erp/control/master-data", master_data())
        async with loop.workers(), loop.gateway(), clocks_running(loop):
            for version, lines in plans.versions.items():
                for plant in PLANTS:
                    await upload(loop, plant, version, lines)
                await done(loop, version, plans)
                await acted_on(loop, version, plans)
            return Ending(await quiet(loop, plans), await reports(loop))


async def test_killing_worker_gateway_and_database_at_random_points_changes_nothing_in_the_end(
    seed: str,
    undisturbed: "asyncio.Task[Ending]",
    policies: Path,
    plans: Plans,
    temporal_env: WorkflowEnvironment,
    open_folder: Path,
    pytestconfig: pytest.Config,
) -> None:
    chance, kills = random.Random(seed), pytestconfig.getoption("--disturbed-kills")
    deaths = {version: dict.fromkeys(VICTIMS, kills) for version in plans.versions}
    for victim in VICTIMS if not kills else ():
        deaths[chance.choice(list(plans.versions))][victim] = 1
    own = f"chaos-{uuid4().hex[:8]}"
    async with installed(temporal_env.client, open_folder / own, own, policies) as site, clocks_running(site):
        try:
            await site.prepare(master_data())
            for version, lines in plans.versions.items():
                async with site.disturbed(chance, deaths[version], within=4):
                    await asyncio.gather(*(upload(site, plant, version, lines, seconds=1) for plant in PLANTS))
                    await done(site, version, plans)
                    site.record(f"version {version} is done")
                    await acted_on(site, version, plans)
            expected = await undisturbed
            await quiet(site, plans, expected.picture)
            assert await reports(site) == expected.reports
        except BaseException:
            for name in VICTIMS:
                print(f"-- {name}\n{site.processes.last_lines(name, 60)}")
            raise
        finally:
            print(f"--disturbed-seeds {seed}, {plans.lines} lines a plant: {'; '.join(site.log)}")


async def quiet(site: Site, plans: Plans, expected: dict[str, Any] | None = None) -> dict[str, Any]:
    """The picture once nothing changes any more; it is the expected one."""
    found: dict[str, Any] = {}

    async def look() -> bool:
        found.update(await picture(site))
        return at_rest(found, plans.lines) and expected in (None, found)

    await until(look, lambda: "all is at rest\n" + "\n".join(differences(found, expected or {})), plans.timeout_seconds)
    return found


async def done(site: Site, version: int, plans: Plans) -> None:
    """The plan runs are delivered to the last line."""
    seen: dict[Any, str] = {}

    async def look() -> bool:
        seen.update(await plan_stages(site))
        return all(seen.get((plant, version)) == "done" for plant in PLANTS)

    await until(look, lambda: f"version {version} is done: {seen}", plans.timeout_seconds)


async def acted_on(site: Site, version: int, plans: Plans) -> None:
    """A requirement that gets both versions at once acts on the second alone, and suppresses nothing (R4)."""
    if version == 1:
        await until(lambda: all_acted_on(site), "every need of version 1 is acted on", plans.timeout_seconds)


def differences(seen: dict[str, Any], expected: dict[str, Any], path: str = "") -> list[str]:
    """Where two pictures differ."""
    found: list[str] = []
    for key in sorted({*seen, *expected}, key=str):
        here, there = seen.get(key), expected.get(key)
        if here == there:
            continue
        if isinstance(here, dict) and isinstance(there, dict):
            found += differences(here, there, f"{path}{key}: ")
        else:
            found.append(f"{path}{key}: {here} instead of {there}")
    return found[:40]
