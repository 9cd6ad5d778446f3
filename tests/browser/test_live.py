"""A list of questions changes by itself: on a slow line, after a refusal, when a stream ends; not after its session."""

import asyncio

import pytest
from playwright.async_api import Page, Request, Route, expect

from gateway.pages import inbox_events
from tests.browser.conftest import Site

STREAM = "**/inbox/events*"


def streams(page: Page) -> list[Request]:
    """The requests for the inbox's stream from now on."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if "/inbox/events" in request.url else None)
    return found


async def test_a_list_is_live_however_late_its_extension_comes(site: Site) -> None:
    async def late(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    async with site.page() as page:
        await page.route("**/hx-sse.min.js", late)
        async with page.expect_response(STREAM) as stream:
            await page.goto("/inbox")
        assert (await stream.value).status == 200


async def test_a_stream_that_was_refused_is_asked_for_again(site: Site) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, content_type="application/problem+json", body="{}")

    async with site.page() as page:
        await page.route(STREAM, refuse, times=1)
        async with page.expect_response(STREAM) as first:
            await page.goto("/inbox")
        assert (await first.value).status == 503
        async with page.expect_response(STREAM) as second:
            pass
        assert (await second.value).status == 200


async def test_a_stream_that_ends_is_begun_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_events, "STREAM_SECONDS_MAX", 0.1)
    async with site.page() as page:
        asked = streams(page)
        await page.goto("/inbox")
        while len(asked) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_list_whose_session_has_ended_says_so_and_asks_no_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def logged_out(*_: object) -> bool:
        return False

    monkeypatch.setattr(inbox_events, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(inbox_events, "_goes_on", logged_out)
    async with site.page() as page:
        asked = streams(page)
        await page.goto("/inbox")
        await expect(page.get_by_text("Your session has ended")).to_be_visible()
        await expect(page.locator("#live")).to_have_count(0)
        await asyncio.sleep(6)
        assert len(asked) == 1
