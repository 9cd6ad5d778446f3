"""The people of the story. They answer on the site's pages, each in a browser and a session of their own.

What the story itself counts it reads by the API, in their names.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx

from demo.accounts import BUYER, OPERATOR, PEOPLE, PLANNER, LoggedIn, asked
from demo.browser import Browser, Page

_GONE = "nothing is left to decide"


class Answered(NamedTuple):
    """What the site answered to a decision."""

    status: int
    """200: taken; else the HTTP status of the page that refuses it."""
    said: str = ""
    """Why it is refused, in the page's first sentence."""


class People:
    """Their reads and decisions; who reads is a buyer, unless a method says otherwise."""

    def __init__(self, gateway: httpx.AsyncClient, simulators: str) -> None:
        self._gateway = gateway
        self._browsers = {subject: Browser(str(gateway.base_url), subject) for subject in PEOPLE}
        self._as = {subject: LoggedIn(simulators, subject) for subject in PEOPLE}

    async def _get(self, path: str, *, by: str = BUYER, **more: Any) -> httpx.Response:
        return await self._gateway.get(path, auth=self._as[by], **more)

    async def pages(self, path: str, *, by: str = BUYER, **query: str) -> AsyncIterator[dict[str, Any]]:
        """All rows of a list, page by page."""
        following: str | None = path
        parameters: dict[str, str] | None = {"limit": "200", **query}
        while following:
            answer = await self._get(following, by=by, params=parameters)
            answer.raise_for_status()
            body, parameters = answer.json(), None
            for row in body["items"]:
                yield row
            following = body["next"]

    async def requirements(self, **query: str) -> list[dict[str, Any]]:
        """The requirements in their present state."""
        return [row async for row in self.pages("/v1/requirements", **query)]

    async def exceptions(self, **query: str) -> list[dict[str, Any]]:
        """The exceptions in their present state."""
        return [row async for row in self.pages("/v1/exceptions", **query)]

    async def dead_letters(self) -> list[dict[str, Any]]:
        """The open dead letters, as the operator reads them."""
        return [row async for row in self.pages("/v1/dead-letters", by=OPERATOR)]

    async def undelivered(self) -> int:
        """The number of messages that the gateway has stored and not delivered."""
        answer = await self._gateway.get("/readyz")
        return int(answer.json()["undelivered"]) if answer.is_success else 1

    async def plan_run(self, source: str, plant: str, version: int) -> dict[str, Any]:
        """A plan run's progress, with the outcomes of its lines, as the planner reads it."""
        answer = await self._get(f"/v1/plan-runs/{source}/{plant}/{version}", by=PLANNER)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def change_report(self, exception: dict[str, Any]) -> dict[str, Any]:
        """The dispositions of an engineering change: its own report, or the proposal decided on.

        The change checks again before it carries out the decision, and asks again where the proposal has changed by
        then; so where the API has no page for changes, the decided proposal is the one in force.
        """
        answer = await self._get(f"/v1/exceptions/{exception['id'].partition('/')[2]}")
        answer.raise_for_status()
        decided = answer.json()
        change = decided["raised_by"]
        own = await self._get(f"/v1/changes/{change.removeprefix('change/')}")
        report = own.json() if own.is_success else decided["proposal"]
        return {"id": change, "decided": decided["decision"] is not None, "dispositions": report["dispositions"]}

    async def decide(
        self, exception: dict[str, Any], choice: str, comment: str, *, digest: str | None = None
    ) -> Answered:
        """Have whoever is asked decide on the question's page; `digest`: of the proposal that the page was opened on,
        where it has changed since.
        """
        browser = self._browsers[asked(exception)]
        page = await browser.open(f"/questions/{exception['id'].removeprefix('exception/')}")
        if page.status != 200:
            return Answered(page.status, page.title)
        form = page.form("decide")
        if form is None:
            return Answered(409, _GONE)
        way = next((way for way in form.offered.get("way", ()) if way.partition("/")[0] == choice), None)
        if way is None:
            return Answered(422, f"{choice} is not offered")
        seen = {"digest": digest} if digest else {}
        return _answered(await browser.send(page, form, way=way, comment=comment, **seen))

    async def settle(self, exception: dict[str, Any], choice: str, comment: str) -> bool:
        """Decide; where the proposal changes meanwhile, read the page again and decide on the new one.

        False: the question was resolved otherwise, or the choice is no longer available.
        """
        for _ in range(6):
            answer = await self.decide(exception, choice, comment)
            match answer.status:
                case 200:
                    return True
                case 409 | 422:
                    return False
                case 412:
                    continue
                case 503:
                    await asyncio.sleep(1)
                case status:
                    raise RuntimeError(f"{exception['id']}, {choice}: {status} {answer.said}")
        return False

    async def close(self) -> None:
        """Close their browsers."""
        for browser in self._browsers.values():
            await browser.close()

    async def trace(self, requirement: str) -> dict[str, Any]:
        """The trace of a requirement as audit events."""
        answer = await self._get(f"/v1/{requirement.replace('requirement/', 'requirements/', 1)}/trace")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _answered(page: Page) -> Answered:
    """A decision that was taken leads back to the question's page, which says so."""
    return Answered(page.status, (page.alert or page.title).partition(".")[0])
