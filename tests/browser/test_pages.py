"""Every page in a browser: accessible, on a desk and on a phone, with and without script."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.browser.conftest import PHONE, Site

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


async def faults_of(page: Page) -> list[str]:
    """What axe finds: each rule with the first element that breaks it."""
    found = await Axe().run(page, options=RULES)
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found.response["violations"]]


async def too_wide(page: Page) -> int:
    """The pixels by which the page is wider than the window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


async def test_a_refusal_is_a_page_like_the_others(site: Site) -> None:
    async with site.page(width=PHONE, script=True) as page:
        answer = await page.goto("/no-such-page")
        assert answer is not None
        assert answer.status == 404
        assert await page.inner_text("h1") == "Not found"
        assert await faults_of(page) == []
        assert await too_wide(page) <= 0
