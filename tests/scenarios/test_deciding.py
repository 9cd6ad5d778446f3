"""A buyer decides through the API: on what was seen, once."""

import httpx

from tests.scenarios.loop import Loop

LATE = [{"match": {}, "behaviour": "later_date", "days": 30}]


async def test_a_buyer_decides_on_what_was_seen_and_only_once(loop: Loop) -> None:
    await loop.command("/edi/control/behaviours", LATE)
    [requirement] = await loop.plan(days=40, FRAME=40)
    asked = await loop.question(requirement)
    path = f"/v1/{asked['id'].replace('exception/', 'exceptions/', 1)}"
    seen = await loop.people.get(path)
    assert seen.headers["etag"] == f'"{asked["digest"]}"'
    assert seen.json()["proposal"]["kind"] == "shortage"
    assert "accept" in [way["choice"] for way in seen.json()["proposal"]["alternatives"]]

    async def decide(etag: str | None, choice: str = "accept") -> httpx.Response:
        body = {"choice": choice, "decided_by": "bea.buyer", "comment": "the build can wait"}
        return await loop.people.post(f"{path}/decision", json=body, headers={"If-Match": etag} if etag else {})

    blind, stale = await decide(None), await decide('"0000000000000000"')
    assert (blind.status_code, stale.status_code) == (428, 412)
    assert stale.headers["content-type"].startswith("application/problem+json")
    assert stale.json()["digest"] == asked["digest"]
    assert (await loop.read(path.removeprefix("/v1/")))["state"] == "open"

    taken = await decide(seen.headers["etag"])
    assert (taken.status_code, taken.json()["decision"]["choice"], taken.json()["state"]) == (200, "accept", "decided")
    again, other = await decide(seen.headers["etag"]), await decide(seen.headers["etag"], "expedite")
    assert (again.status_code, again.json()["decision"]) == (200, taken.json()["decision"])
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")
    covered = await loop.staged(requirement, "covered")
    assert covered["exception_id"] is None
    assert len(await loop.writes("edi")) == 1, "to live with the late date asks nothing of the supplier"
