"""Every page in a browser: accessible, on a desk and on a phone, with and without script.

The pages are found by their links, from the first page on: what no link leads to, nobody finds.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.browser.conftest import DESKTOP, PHONE, SCREENSHOTS, Site

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
HAVE_TO_BE_FOUND = {
    "/inbox",
    "/requirements",
    "/orders",
    "/requirements/…/…/…",
    "/requirements/…/…/…/trace",
    "/orders/…/…/…",
}
WORDS = re.compile(r"^[a-z][a-z-]*$")
"""A segment of an address that names a page; every other one names a thing."""
FILES = re.compile(r"\.(csv|xlsx)$")
"""What a browser saves instead of showing it."""


async def faults_of(page: Page) -> list[str]:
    """What axe finds: each rule with the first element that breaks it."""
    found = await Axe().run(page, options=RULES)
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found.response["violations"]]


async def too_wide(page: Page) -> int:
    """The pixels by which the page is wider than the window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def kind_of(address: str) -> str:
    """The page's kind: its address without the things that it is about."""
    return "/" + "/".join(part if WORDS.match(part) else "…" for part in urlsplit(address).path.split("/") if part)


def leading(addresses: list[str], site: Site) -> Iterator[str]:
    """Those of the links that lead to pages of ours."""
    for address in addresses:
        parts = urlsplit(address)
        ours = f"{parts.scheme}://{parts.netloc}" == site.address
        if ours and not parts.path.startswith(("/v1/", "/static/", "/log")) and not FILES.search(parts.path):
            yield f"{parts.path}?{parts.query}" if parts.query else parts.path


async def test_every_page_that_links_lead_to_is_accessible_on_a_desk_and_on_a_phone(site: Site) -> None:
    waiting, seen, faults = ["/"], set[str](), dict[str, list[str]]()
    async with site.page(width=DESKTOP) as desk, site.page(width=PHONE) as phone:
        while waiting:
            address = waiting.pop(0)
            kind = kind_of(address)
            if kind in seen:
                continue
            seen.add(kind)
            for page, width in ((desk, DESKTOP), (phone, PHONE)):
                answer = await page.goto(address)
                if answer is None or not answer.headers.get("content-type", "").startswith("text/html"):
                    break
                found = await faults_of(page)
                if await page.locator("h1").count() != 1:
                    found.append("not exactly one h1")
                if (wide := await too_wide(page)) > 0:
                    found.append(f"{wide} px too wide")
                if answer.status != 200:
                    found.append(f"status {answer.status}")
                if found:
                    faults[f"{kind} ({address}) at {width}"] = found
                    name = kind.strip("/").replace("/", "-").replace("…", "x") or "home"
                    await page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
            links = await desk.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
            waiting += leading(links, site)
    assert faults == {}
    assert seen >= HAVE_TO_BE_FOUND
