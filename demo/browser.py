"""A person's browser in the demo, without script: it follows redirects, keeps cookies, reads forms and sends them.

Decided here: what a browser does with a page. Not here: which page is opened and what is chosen (demo.people).
"""

import asyncio
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self

import httpx

_TIMEOUT_SECONDS = 60


@dataclass
class Form:
    """One form of a page, with the values that it comes with."""

    action: str
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    """What is sent as it stands: hidden and text fields, and what is chosen already."""
    offered: dict[str, list[str]] = field(default_factory=dict)
    """The values of each group of radio buttons and of each named button."""


@dataclass
class Page:
    """An answer of the site as its reader sees it."""

    address: str
    status: int
    title: str = ""
    forms: list[Form] = field(default_factory=list)
    onward: list[str] = field(default_factory=list)
    """The links, in the page's order."""
    alert: str = ""
    """What it complains about: a refused decision, and why."""

    def form(self, id: str) -> Form | None:
        """The form of this id; None: the page has none."""
        return next((form for form in self.forms if form.id == id), None)


class Browser:
    """One person's browser, with cookies of its own; logs in where the site asks for it."""

    def __init__(self, site: str, subject: str) -> None:
        """`subject` is whom the person picks on the issuer's page."""
        self._http = httpx.AsyncClient(
            base_url=site,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=True,
            headers={"Accept": "text/html,application/xhtml+xml"},
        )
        self._subject = subject
        self._logging_in = asyncio.Lock()

    async def open(self, address: str) -> Page:
        """The page at an address; the log-in comes first, if it has to."""
        page = await self._get(address)
        if _path(page.address) == "/login":
            async with self._logging_in:
                page = await self._get(address)
                if _path(page.address) == "/login":
                    page = await self._log_in(page)
        return page

    async def send(self, page: Page, form: Form, **chosen: str) -> Page:
        """Send a form of a page with what is written and chosen; the page that the site answers."""
        target = str(httpx.URL(page.address).join(form.action)) if form.action else page.address
        return _read(await self._http.post(target, data={**form.fields, **chosen}))

    async def close(self) -> None:
        """Close the window."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _get(self, address: str) -> Page:
        return _read(await self._http.get(address))

    async def _log_in(self, page: Page) -> Page:
        """From the site's log-in page to the issuer's, and back to where the person wanted to go."""
        start = next(link for link in page.onward if _path(link) == "/login/start")
        asked = await self._get(str(httpx.URL(page.address).join(start)))
        form = next((form for form in asked.forms if self._subject in form.offered.get("subject", ())), None)
        if form is None:
            raise LookupError(f"{asked.address} offers no {self._subject}: {asked.title}")
        return await self.send(asked, form, subject=self._subject)


class _Reader(HTMLParser):
    """Reads title, forms, links and alerts of a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._form: Form | None = None
        self._text_of: str = ""
        self._in_title, self._alert_depth = False, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in what a person could use."""
        given = {name: value or "" for name, value in attrs}
        if self._alert_depth:
            self._alert_depth += tag not in _EMPTY
        elif given.get("role") == "alert":
            self._alert_depth = 1
        match tag:
            case "title":
                self._in_title = True
            case "a" if "href" in given:
                self._page.onward.append(given["href"])
            case "form":
                self._form = Form(given.get("action", ""), given.get("id", ""))
                self._page.forms.append(self._form)
            case "input" | "button" | "textarea" if self._form is not None and given.get("name"):
                self._control(tag, given, self._form)

    def _control(self, tag: str, given: dict[str, str], form: Form) -> None:
        name, kind, value = given["name"], given.get("type", ""), given.get("value", "")
        if tag == "button" or kind in ("radio", "checkbox"):
            form.offered.setdefault(name, []).append(value)
            if tag == "input" and "checked" in given:
                form.fields[name] = value
        elif kind != "file":
            form.fields.setdefault(name, value)
            self._text_of = name if tag == "textarea" else ""

    def handle_endtag(self, tag: str) -> None:
        """Leave a form, a title or an alert."""
        if self._alert_depth:
            self._alert_depth -= 1
        match tag:
            case "title":
                self._in_title = False
            case "form":
                self._form = None
            case "textarea":
                self._text_of = ""

    def handle_data(self, data: str) -> None:
        """Take in the texts that are looked at."""
        if self._in_title:
            self._page.title += data
        if self._alert_depth:
            self._page.alert += data
        if self._text_of and self._form is not None:
            self._form.fields[self._text_of] += data


_EMPTY = frozenset({"br", "input", "img", "hr", "meta", "link"})


def _read(answer: httpx.Response) -> Page:
    page = Page(str(answer.url), answer.status_code)
    if answer.headers.get("content-type", "").startswith("text/html"):
        _Reader(page).feed(answer.text)
        page.title, page.alert = " ".join(page.title.split()), " ".join(page.alert.split())
    return page


def _path(address: str) -> str:
    return httpx.URL(address).path
