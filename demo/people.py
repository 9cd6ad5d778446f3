"""The people of the story, who use the API like anybody else: a planner who reads, and a buyer who decides."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from demo.accounts import BUYER, OPERATOR, PEOPLE, PLANNER, LoggedIn, asked


class People:
    """Their reads and decisions; who reads is a buyer, unless a method says otherwise."""

    def __init__(self, gateway: httpx.AsyncClient, simulators: str) -> None:
        self._gateway = gateway
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
    ) -> httpx.Response:
        """Have whoever is asked decide on the exception that was read; `digest` pretends that another version was."""
        identity = exception["id"].removeprefix("exception/")
        return await self._gateway.post(
            f"/v1/exceptions/{identity}/decision",
            json={"choice": choice, "comment": comment},
            auth=self._as[asked(exception)],
            headers={"If-Match": f'"{digest or exception["digest"]}"'},
        )

    async def settle(self, exception: dict[str, Any], choice: str, comment: str) -> bool:
        """Decide; where the proposal has changed meanwhile, read it again and decide on the new one.

        False: the exception was resolved otherwise, or the choice is no longer available.
        """
        for _ in range(6):
            answer = await self.decide(exception, choice, comment)
            if answer.status_code == 412:
                exception = (await self._get(f"/v1/exceptions/{exception['id'].partition('/')[2]}")).json()
                continue
            if answer.status_code == 503:
                await asyncio.sleep(1)
                continue
            if answer.status_code in (409, 422):
                return False
            answer.raise_for_status()
            return True
        return False

    async def trace(self, requirement: str) -> dict[str, Any]:
        """The trace of a requirement as audit events."""
        answer = await self._get(f"/v1/{requirement.replace('requirement/', 'requirements/', 1)}/trace")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
