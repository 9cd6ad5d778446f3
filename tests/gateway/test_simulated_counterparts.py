"""The simulated counterparts and the demo's people get past the gateway's door: by token, by signature, by log-in."""

import base64
from collections.abc import AsyncIterator

import httpx
import pytest

from demo.accounts import BUYER, MANAGER, PLANNER, LoggedIn, asked
from demo.people import People
from gateway.access.access import Access
from gateway.access.principal import CallerRole
from gateway.access.rules import AccessRules
from gateway.access.senders import Sender, Senders
from ledger.ledger import Ledger
from simulators.app import Counterparts, create
from simulators.issuer.accounts import Account
from tests.gateway.conftest import Gateway, serving
from tests.gateway.fakes import problem

GATEWAY, COUNTERPARTS = "http://gateway", "http://counterparts"
SECRET = f"whsec_{base64.b64encode(b'w' * 32).decode()}"
SENDERS = Senders(
    [
        Sender.model_validate({"name": "engineering", "secrets": [SECRET], "sources": ["plm-*"]}),
        Sender.model_validate({"name": "others", "clients": ["counterparts"], "sources": ["aps-*"]}),
    ]
)


class _Later(httpx.AsyncBaseTransport):
    """Reaches an app that is made only afterwards."""

    app: httpx.ASGITransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.app.handle_async_request(request)


@pytest.fixture
async def loop(ledger: Ledger) -> AsyncIterator[tuple[Gateway, Counterparts, httpx.AsyncClient]]:
    """A gateway that asks who calls, and the counterparts, whose issuer it trusts."""
    to_gateway = _Later()
    counterparts = create(GATEWAY, url=COUNTERPARTS, transport=to_gateway, secrets={"plm": SECRET})
    roles = {**{str(role): role for role in CallerRole}, "purchasing-manager": CallerRole.MANAGER}
    rules = AccessRules(f"{COUNTERPARTS}/issuer", "pegline", "pegline-secret", GATEWAY, roles=roles)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(counterparts), base_url=COUNTERPARTS) as http,
        serving(ledger, Access(rules, http, ledger), SENDERS) as gateway,
    ):
        to_gateway.app = httpx.ASGITransport(gateway.app)
        yield gateway, counterparts, http


async def test_a_counterpart_signs_and_another_brings_a_token(
    loop: tuple[Gateway, Counterparts, httpx.AsyncClient],
) -> None:
    _, _, control = loop
    notice = {
        "notice": "ECN-1",
        "plant": "P1",
        "assembly": "BK-1",
        "revision": "B",
        "effective_from": "2026-07-01",
        "replaced": [{"old": "A-1", "new": "A-2", "unit": "EA"}],
    }
    released = await control.post("/plm/control/notices", json=notice)
    assert (released.json()["state"], released.json()["status"]) == ("delivered", 202), released.text
    model = {
        "plants": ["P1"],
        "items": [{"item": "A-1", "unit": "EA", "make": False, "days": 0}],
        "bom": [],
        "stock": [],
    }
    (await control.post("/aps/control/model", json=model)).raise_for_status()
    build = {"build": "B1", "plant": "P1", "item": "A-1", "quantity": "5", "date": "2026-07-01", "criticality": "A"}
    plan = {"version": 1, "today": "2026-06-01", "bucket_weekdays": [0], "builds": [build]}
    published = await control.post("/aps/control/plan", json=plan)
    assert published.status_code == 200, published.text
    deliveries = (await control.get("/aps/control/books")).json()["deliveries"]
    assert deliveries
    assert [each["state"] for each in deliveries] == ["delivered"] * len(deliveries)


async def test_the_storys_people_log_in_and_each_sees_what_is_theirs(
    loop: tuple[Gateway, Counterparts, httpx.AsyncClient],
) -> None:
    gateway, _, control = loop
    # The issuer is reached by the same client here, as two addresses of one network.
    everything = httpx.AsyncClient(
        mounts={"http://counterparts": control._transport, "http://gateway": httpx.ASGITransport(gateway.app)},
        base_url=GATEWAY,
    )
    async with everything as client:
        people = People(client, COUNTERPARTS)
        assert await people.requirements() == []
        assert await people.dead_letters() == []
        buyer = LoggedIn(COUNTERPARTS, BUYER)
        problem(await client.get("/v1/dead-letters", auth=buyer), 403, "not_allowed")
        problem(await client.get("/v1/requirements"), 401, "not_logged_in")


def test_who_is_asked_answers() -> None:
    def question(assignee: str, *approvers: str) -> dict[str, object]:
        return {"assignee": assignee, "proposal": {"approvers": list(approvers)}}

    assert asked(question("buyer", "buyer", "purchasing-manager")) == BUYER
    assert asked(question("purchasing-manager")) == MANAGER
    assert asked(question("planner")) == PLANNER
    assert asked(question("planner", "planner", "buyer")) == BUYER


async def test_the_issuer_lets_only_its_clients_and_their_addresses_in(
    loop: tuple[Gateway, Counterparts, httpx.AsyncClient],
) -> None:
    _, _, http = loop
    asked_for = {"client_id": "pegline", "redirect_uri": f"{GATEWAY}/login/callback", "response_type": "code"}
    for wrong in ({"client_id": "x"}, {"redirect_uri": "http://evil/"}):
        assert (await http.get("/issuer/authorize", params=asked_for | wrong)).status_code == 400
    without_pkce = await http.get("/issuer/authorize", params=asked_for | {"scope": "openid"})
    assert "error=invalid_request" in without_pkce.headers["location"]
    form = {"grant_type": "client_credentials"}
    assert (await http.post("/issuer/token", data=form, auth=("counterparts", "wrong"))).status_code == 401
    granted = await http.post("/issuer/token", data=form, auth=("counterparts", "counterparts-secret"))
    assert granted.json()["token_type"] == "Bearer"
    away = await http.get("/issuer/logout", params={"post_logout_redirect_uri": "http://evil/"})
    assert (away.status_code, "location" in away.headers) == (200, False)
    added = [Account(subject="zoe", name="Zoe", roles=("buyer",)).model_dump()]
    assert "zoe" in (await http.put("/issuer/control/accounts", json=added)).json()["people"]
