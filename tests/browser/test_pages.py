"""Every page in a browser: accessible, on a desk in light colours and on a phone in dark ones.

The pages are found by their links, from the first page on: what no link leads to, nobody finds.
"""

import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.browser.conftest import DESKTOP, PHONE, SCREENSHOTS, Site

AXE = Axe()
AXE_OPTIONS: dict[str, object] = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((DESKTOP, "light"), (PHONE, "dark"))
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
    """What axe, which the page has, finds: each rule with the first element that breaks it."""
    found = await page.evaluate("options => axe.run(options).then(found => found.violations)", AXE_OPTIONS)
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


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


async def looked_at(page: Page, width: int, scheme: Literal["light", "dark"]) -> list[str]:
    """The open page at this width and in these colours: what is wrong with it."""
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    found = await faults_of(page)
    if (wide := await too_wide(page)) > 0:
        found.append(f"{wide} px too wide")
    return found


async def test_every_page_that_links_lead_to_is_accessible_on_a_desk_and_on_a_phone(site: Site) -> None:
    waiting, seen, faults = ["/"], set[str](), dict[str, list[str]]()
    async with site.page(width=DESKTOP) as page:
        while waiting:
            address = waiting.pop(0)
            kind = kind_of(address)
            if kind in seen:
                continue
            seen.add(kind)
            answer = await page.goto(address)
            if answer is None or not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            links = await page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
            waiting += leading(links, site)
            if answer.status != 200 or await page.locator("h1").count() != 1:
                faults[f"{kind} ({address})"] = [f"status {answer.status}, or not exactly one h1"]
            await page.evaluate(AXE.axe_script)
            for width, scheme in LOOKS:
                if found := await looked_at(page, width, scheme):
                    faults[f"{kind} ({address}) at {width}, {scheme}"] = found
                    name = kind.strip("/").replace("/", "-").replace("…", "x") or "home"
                    await page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
    assert faults == {}
    assert seen >= HAVE_TO_BE_FOUND
