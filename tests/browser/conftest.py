"""Pages in a real browser: a Chromium on an installation that runs, with questions that wait.

Where no Chromium can be had these tests are skipped, and say so (tools/chromium.py).
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect
from temporalio.testing import WorkflowEnvironment

from settings import ToolSettings
from tests.scenarios.loop import Loop, installed
from tests.scenarios.master_data import PARTS
from tools.chromium import find_chromium
from tools.ports import LOOPBACK, free_port
from tools.postgres import Postgres

DESKTOP, PHONE = 1280, 390
"""Widths in CSS pixels."""
LATE = [{"match": {}, "behaviour": "later_date", "days": 30}]
"""All suppliers confirm so many days later than requested."""
expect.set_options(timeout=30_000)  # a busy machine is no fault of the page
SCREENSHOTS = Path(".run") / "screenshots"


@dataclass
class Site:
    """An installation that a browser reaches."""

    loop: Loop
    address: str
    browser: Browser

    @asynccontextmanager
    async def page(self, *, width: int = DESKTOP, script: bool = True) -> AsyncIterator[Page]:
        """A window of its own, in a session of its own; what its script complains about fails the test."""
        context = await self.browser.new_context(
            base_url=self.address,
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            timezone_id="America/Los_Angeles",
        )
        page = await context.new_page()
        page.set_default_timeout(15_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if _is_fault(message) else None)
        try:
            yield page
        finally:
            await context.close()
        assert not complaints, complaints


def _is_fault(message: ConsoleMessage) -> bool:
    """Chromium also reports each answer of 4xx; a test looks at those itself, but not at files of the page."""
    return message.type == "error" and ("/static/" in message.text or "Failed to load" not in message.text)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = find_chromium(ToolSettings.load())
    if executable is None:
        pytest.skip("no Chromium on this machine: python -m tools.chromium")
    async with async_playwright() as playwright:
        # Chromium's own sandbox does not run as root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def site(
    browser: Browser, temporal_env: WorkflowEnvironment, postgres_server: Postgres, _migrated_template: str
) -> AsyncIterator[Site]:
    """A loop whose suppliers confirm too late, so that every part's requirement asks a person."""
    database = await postgres_server.create("browser", template=_migrated_template)
    with temporal_env.with_time_skipping_disabled():
        async with installed(temporal_env.client, database) as loop, loop.workers(), loop.gateway():
            await loop.command("/edi/control/behaviours", LATE)
            quantities: dict[str, Any] = dict.fromkeys(PARTS, 40)
            for requirement in await loop.plan(days=40, **quantities):
                await loop.question(requirement)
            await loop.at_rest()
            assert loop.door.inside is not None
            async with _served(loop.door.inside.app) as address:
                yield Site(loop, address, browser)


@asynccontextmanager
async def _served(app: Any) -> AsyncIterator[str]:
    """The app at an address that a browser can open."""
    port = free_port(8190)
    config = uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        await serving
