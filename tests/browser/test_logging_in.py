"""Each role logs in at an issuer, sees its own pages and logs out; a buyer of one plant sees nothing of another's."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.records import ExceptionState, RequirementStage
from gateway.access.access import Access
from gateway.access.rules import AccessRules
from ledger.database import connect
from ledger.ledger import Ledger
from simulators.issuer.accounts import Account, gateway_client
from simulators.issuer.app import Issuer
from simulators.issuer.app import serve as issuer_app
from tests.gateway.conftest import Gateway, serving
from tests.gateway.pages.story import need
from tests.gateway.questions import asked, put
from tools.ports import LOOPBACK, free_port
from tools.postgres import Postgres

EVERYWHERE = ("P1", "P2")
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "buyer": (("P1",), ("/inbox", "/orders", "/kpis"), ("/operations",)),
    "planner": (EVERYWHERE, ("/inbox", "/plans", "/plans/new"), ("/operations",)),
    "manager": (EVERYWHERE, ("/inbox", "/suppliers", "/plans/new"), ("/operations",)),
    "operator": (("*",), ("/operations", "/plans"), ("/plans/new",)),
}
"""By role: the plants of its person, pages that are for it, and pages that are not."""


@dataclass
class Guarded:
    """A gateway with an issuer, at addresses that a browser reaches."""

    gateway: Gateway
    address: str
    browser: Browser

    @asynccontextmanager
    async def logged_in(self, role: str) -> AsyncIterator[Page]:
        """A window in which the role's person has logged in, by the issuer's page."""
        context = await self.browser.new_context(base_url=self.address)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        try:
            await page.goto("/inbox")
            await page.get_by_role("button", name=f"{role}.person").click()
            await page.wait_for_url(f"{self.address}/inbox")
            await expect(page.locator(".who")).to_contain_text(role.title())
            yield page
        finally:
            await context.close()


@asynccontextmanager
async def at_port(app: Any, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        await running


@pytest.fixture(scope="module")
async def engine(postgres_server: Postgres, _migrated_template: str) -> AsyncIterator[AsyncEngine]:
    engine = await connect(await postgres_server.create("logging_in", template=_migrated_template))
    yield engine
    await engine.dispose()


@pytest.fixture(scope="module")
async def guarded(browser: Browser, engine: AsyncEngine) -> AsyncIterator[Guarded]:
    ports = free_port(8290), free_port(8390)
    at_issuer, address = (f"http://{LOOPBACK}:{port}" for port in ports)
    people = [
        Account(subject=f"{role}.person", name=role.title(), roles=(role,), plants=plants)
        for role, (plants, _, _) in ROLES.items()
    ]
    rules = AccessRules(issuer=at_issuer, client_id="pegline", client_secret="pegline-secret", gateway_url=address)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=at_issuer))
        ledger = Ledger(engine)
        gateway = await stack.enter_async_context(serving(ledger, Access(rules, http, ledger)))
        await stack.enter_async_context(
            at_port(issuer_app(Issuer(at_issuer, [gateway_client(address)], people)), ports[0])
        )
        await stack.enter_async_context(at_port(gateway.app, ports[1]))
        for plant in EVERYWHERE:
            await put(gateway, asked(f"of-{plant}", plant=plant, item=f"ITEM-{plant}", supplier=f"SUP-{plant}"))
            await gateway.requirement(need(item=f"ITEM-{plant}", plant=plant), RequirementStage.COVERED)
        yield Guarded(gateway, address, browser)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_logs_in_sees_its_own_pages_and_logs_out(guarded: Guarded, role: str) -> None:
    _, own, foreign = ROLES[role]
    async with guarded.logged_in(role) as page:
        for path in own:
            found = await page.goto(path)
            assert found is not None
            assert found.status == 200, path
        for path in foreign:
            refused = await page.goto(path)
            assert refused is not None
            assert refused.status == 403, path
            await expect(page.locator("nav[aria-label=Pages]").get_by_role("link", name="Inbox")).to_be_visible()
        offered = await page.locator("nav[aria-label=Pages] a").all_inner_texts()
        assert ("Operations" in offered) == (role == "operator")
        await page.get_by_role("button", name="Log out").click()
        await page.wait_for_url("**/login/ended")
        await page.goto("/inbox")
        await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()


async def test_a_buyer_of_one_plant_sees_nothing_of_another(guarded: Guarded) -> None:
    async with guarded.logged_in("buyer") as page:
        await expect(page.locator("#q-of-P1")).to_be_visible()
        for path in (
            "/inbox?scope=all",
            "/inbox?scope=all&plant=P2",
            "/inbox?scope=all&item=ITEM-P2",
            "/requirements",
            "/requirements?q=ITEM-P2",
            "/suppliers",
            "/kpis",
        ):
            await page.goto(path)
            shown = await page.locator("main").inner_text()
            # What was looked for stands in the field alone; the rest is of the reader's plant.
            assert "SUP-P2" not in shown, path
            assert "of-P2" not in shown, path
            assert await page.locator("table a", has_text="ITEM-P2").count() == 0, path
        foreign = need(item="ITEM-P2", plant="P2").id.replace("requirement/", "/requirements/", 1)
        for path in ("/questions/of-P2", "/questions/of-P2/events", foreign, f"{foreign}/trace", f"/v1{foreign}"):
            refused = await page.goto(path)
            assert refused is not None
            assert refused.status == 404, path
        for path in ("/inbox.csv?scope=all", "/inbox.csv?scope=all&plant=P2", "/v1/exceptions", "/v1/requirements"):
            taken = await page.request.get(path)
            assert taken.status == 200, path
            assert "P2" not in await taken.text(), path
        assert (await page.request.get("/v1/exceptions/of-P2")).status == 404


async def test_an_open_inbox_hears_nothing_of_another_plant(guarded: Guarded) -> None:
    async with guarded.logged_in("buyer") as page:
        await page.goto("/inbox?scope=all")
        await page.wait_for_timeout(300)
        gone = {"state": ExceptionState.OVERTAKEN, "closing_reason": "it went away"}
        await put(guarded.gateway, asked("of-P2", plant="P2").model_copy(update=gone), asked("new-P2", plant="P2"))
        await put(guarded.gateway, asked("new-P1"))
        await expect(page.locator("#news")).to_contain_text("One new question waits.")
        assert re.search("P2", await page.locator("main").inner_text()) is None
