"""Log-in, tokens and log-out with a real Keycloak, set up as docs/access.md says.

`make site` runs it. The distribution comes from Maven (`org.keycloak:keycloak-quarkus-dist`) and is kept in the user's
cache; without Java, or where it can't be had, the test says so.
"""

import asyncio
import datetime as dt
import html
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from gateway.access.access import Access
from gateway.access.principal import CallerRole, Principal
from gateway.access.rules import AccessRules
from ledger.database import connect
from ledger.ledger import Ledger
from settings import ToolSettings, environment_for_child
from tests.conftest import FreshDatabase
from tests.gateway.access import GATEWAY
from tests.gateway.conftest import Gateway, serving
from tests.gateway.fakes import problem
from tools.ports import LOOPBACK, free_port
from tools.processes import Processes, Program

VERSION = "26.0.8"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_READY_SECONDS = 1_200.0
_REACHED = free_port()
"""Where Keycloak reaches the gateway."""
_MAPPERS = [
    {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": "pegline", "access.token.claim": "true"},
    },
    {
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": {"claim.name": "groups", "full.path": "true", "access.token.claim": "true"},
    },
]


def _client(name: str, **more: Any) -> dict[str, Any]:
    stated = {"clientId": name, "secret": f"{name}-secret", "publicClient": False, "directAccessGrantsEnabled": False}
    return {**stated, "protocol": "openid-connect", **more}


def _person(name: str, role: str, *groups: str) -> dict[str, Any]:
    described = {"username": name, "firstName": name.title(), "lastName": "Test", "email": f"{name}@factory.example"}
    password = {"type": "password", "value": f"{name}-password", "temporary": False}
    return {
        **described,
        "enabled": True,
        "emailVerified": True,
        "credentials": [password],
        "realmRoles": [role],
        "groups": list(groups),
    }


REALM = {
    "realm": "factory",
    "enabled": True,
    "sslRequired": "none",
    "roles": {"realm": [{"name": name} for name in ("purchasing", "purchasing-head", "system")]},
    # A refresh token is good for one use, as careful realms have it.
    "revokeRefreshToken": True,
    "refreshTokenMaxReuse": 0,
    "groups": [{"name": "plant-P1"}, {"name": "plant-P2"}],
    "clients": [
        _client(
            "pegline",
            protocolMappers=_MAPPERS,
            standardFlowEnabled=True,
            redirectUris=[f"{GATEWAY}/login/callback"],
            attributes={
                "pkce.code.challenge.method": "S256",
                "post.logout.redirect.uris": f"{GATEWAY}/login/ended",
                "backchannel.logout.url": f"http://{LOOPBACK}:{_REACHED}/login/back-channel",
                "backchannel.logout.session.required": "true",
            },
        ),
        _client("wms", protocolMappers=_MAPPERS, standardFlowEnabled=False, serviceAccountsEnabled=True),
        _client("other", standardFlowEnabled=False, serviceAccountsEnabled=True),
    ],
    "users": [
        _person("anna", "purchasing", "/plant-P1"),
        _person("bert", "purchasing", "/plant-P1", "/plant-P2"),
        {
            "username": "service-account-wms",
            "enabled": True,
            "serviceAccountClientId": "wms",
            "realmRoles": ["system"],
            "groups": ["/plant-P1"],
        },
        {"username": "service-account-other", "enabled": True, "serviceAccountClientId": "other"},
    ],
}


def _distribution() -> Path:
    """The unpacked distribution in the cache; skips where it can't be had."""
    home = ToolSettings.load().cache_directory / f"keycloak-{VERSION}"
    if home.exists():
        return home
    if shutil.which("mvn") is None:
        pytest.skip(f"Keycloak is neither in {home} nor to be had without Maven")
    home.parent.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={home.parent}"]
    fetched = subprocess.run(command, cwd=home.parent, capture_output=True, text=True, timeout=1_200, check=False)
    archive = home.parent / f"keycloak-quarkus-dist-{VERSION}.zip"
    if fetched.returncode or not archive.exists():
        pytest.skip(f"Keycloak can't be had from Maven: {(fetched.stdout + fetched.stderr)[-300:]}")
    shutil.unpack_archive(archive, home.parent)
    archive.unlink()
    return home


@pytest.fixture(scope="module")
async def keycloak(pytestconfig: pytest.Config, open_folder: Path) -> AsyncIterator[str]:
    """The address of the realm's issuer."""
    if not pytestconfig.getoption("--site"):
        pytest.skip("it starts a Keycloak: make site")
    if shutil.which("java") is None:
        pytest.skip("Keycloak needs Java")
    home = open_folder / "keycloak"
    await asyncio.to_thread(shutil.copytree, _distribution(), home)
    (home / "data" / "import").mkdir(parents=True, exist_ok=True)
    (home / "data" / "import" / "factory-realm.json").write_text(json.dumps(REALM))
    (home / "bin" / "kc.sh").chmod(0o755)
    port = free_port()
    issuer = f"http://{LOOPBACK}:{port}/realms/factory"
    command = (
        *(str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", "--db=dev-mem"),
        *(f"--http-port={port}", f"--http-host={LOOPBACK}"),
    )
    program = Program(
        "keycloak",
        command,
        environment_for_child(
            JAVA_OPTS_KC_HEAP="-Xms128m -Xmx512m",
            KC_BOOTSTRAP_ADMIN_USERNAME="admin",
            KC_BOOTSTRAP_ADMIN_PASSWORD="admin-password",
        ),
        ready=f"{issuer}/.well-known/openid-configuration",
        ready_seconds=_READY_SECONDS,
    )
    async with Processes(open_folder / "keycloak-logs", on_signals=False) as processes:
        await processes.start(program)
        yield issuer


@pytest.fixture
async def gateway(keycloak: str, fresh_database: FreshDatabase) -> AsyncIterator[Gateway]:
    """A gateway that trusts it."""
    rules = AccessRules(
        keycloak,
        "pegline",
        "pegline-secret",
        GATEWAY,
        plant_claim="groups",
        plant_prefix="plant-",
        roles={"purchasing": CallerRole.BUYER, "purchasing-head": CallerRole.MANAGER, "system": CallerRole.SYSTEM},
        roles_kept=dt.timedelta(seconds=1),
    )
    engine = await connect(await fresh_database())
    ledger = Ledger(engine)
    async with (
        httpx.AsyncClient(timeout=30, trust_env=False) as http,
        serving(ledger, Access(rules, http, ledger)) as made,
    ):
        yield made
    await engine.dispose()


class Browser:
    """Keeps cookies by their names alone: a client of Python sends `Secure` ones by HTTPS only, browsers also here."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=60, trust_env=False)
        self._cookies: dict[str, str] = {}

    async def send(self, method: str, address: str, data: dict[str, str] | None = None) -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = await self._http.request(method, address, data=data, headers={"cookie": cookies})
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        self._http.cookies.clear()
        return answer

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def reached(gateway: Gateway) -> AsyncIterator[None]:
    """The gateway, where Keycloak calls it."""
    config = uvicorn.Config(gateway.app, host=LOOPBACK, port=_REACHED, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    serving_it = asyncio.create_task(server.serve())
    yield
    server.should_exit = True
    await serving_it


async def logged_in(gateway: Gateway, browser: Browser, name: str) -> str:
    """The session of somebody who has just logged in."""
    here = gateway.client
    here.headers["accept"] = "text/html"
    began = await here.get("/login/start", params={"next": "/orders"})
    page = await browser.send("GET", began.headers["location"])
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form is not None, f"{page.status_code} {page.headers} {page.text[:2_000]}"
    given = {"username": name, "password": f"{name}-password", "credentialId": ""}
    back = await browser.send("POST", html.unescape(form[1]), given)
    assert back.status_code == 302, back.text[:2_000]
    answer = await here.get(back.headers["location"].removeprefix(GATEWAY))
    assert (answer.status_code, answer.headers.get("location")) == (303, "/orders"), answer.text
    return here.cookies[gateway.app.state.access.session_cookie]


async def test_a_person_logs_in_at_keycloak_sees_their_plant_and_logs_out(gateway: Gateway) -> None:
    browser, here = Browser(), gateway.client
    session = await logged_in(gateway, browser, "anna")
    access: Access = gateway.app.state.access
    anna = await access.by_session(session)
    assert anna is not None
    assert (anna.name, set(anna.roles), set(anna.plants or ())) == ("Anna Test", {CallerRole.BUYER}, {"P1"})
    assert "anna" in anna.known_as
    assert (await here.get("/v1/requirements")).status_code == 200
    left = await here.post("/logout", data={"csrf_token": anna.csrf_token})
    away = await browser.send("GET", left.headers["refresh"].partition("url=")[2])
    assert away.headers.get("location") == f"{GATEWAY}/login/ended", away.text[:2_000]
    assert await access.by_session(session) is None
    again = await here.get("/login/start")
    assert "<form" in (await browser.send("GET", again.headers["location"])).text  # at the issuer, too
    await browser.close()


class Administrator:
    """What an administrator of the realm does by Keycloak's own API."""

    def __init__(self, issuer: str) -> None:
        self._server = issuer.partition("/realms/")[0]
        self._http = httpx.AsyncClient(timeout=60, trust_env=False)

    async def __aenter__(self) -> Self:
        known = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin-password"}
        answer = await self._http.post(f"{self._server}/realms/master/protocol/openid-connect/token", data=known)
        answer.raise_for_status()
        self._http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = await self._http.request(method, f"{self._server}/admin/realms/factory/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def id_of(self, name: str) -> str:
        """A person's."""
        [found] = await self.ask("GET", f"users?username={name}&exact=true")
        return str(found["id"])

    async def role(self, person: str, name: str, method: str) -> None:
        """Give (POST) or take away (DELETE) a role of the realm."""
        await self.ask(method, f"users/{person}/role-mappings/realm", [await self.ask("GET", f"roles/{name}")])


async def is_open(gateway: Gateway, session: str) -> bool:
    """Whether there is the session; the issuer is not asked."""
    access: Access = gateway.app.state.access
    return await gateway.ledger.sessions.find(session, access.now(), access.rules.limits) is not None


async def after_a_period(access: Access, session: str) -> Principal | None:
    await asyncio.sleep(access.rules.roles_kept.total_seconds())
    return await access.by_session(session)


async def test_what_is_taken_away_in_keycloak_is_gone_here_after_the_period(gateway: Gateway, keycloak: str) -> None:
    browser, access = Browser(), gateway.app.state.access
    async with Administrator(keycloak) as administrator:
        person = await administrator.id_of("bert")
        await administrator.role(person, "purchasing-head", "POST")
        session = await logged_in(gateway, browser, "bert")
        bert = await access.by_session(session)
        assert (set(bert.roles), set(bert.plants or ())) == ({CallerRole.BUYER, CallerRole.MANAGER}, {"P1", "P2"})

        await administrator.role(person, "purchasing-head", "DELETE")
        [left] = [each for each in await administrator.ask("GET", "groups") if each["name"] == "plant-P2"]
        await administrator.ask("DELETE", f"users/{person}/groups/{left['id']}")
        bert = await after_a_period(access, session)
        assert bert is not None
        assert (set(bert.roles), set(bert.plants or ())) == ({CallerRole.BUYER}, {"P1"})

        # Each refresh token is used once, and two requests at once use one.
        await asyncio.sleep(1)
        together = await asyncio.gather(*(access.by_session(session) for _ in range(5)))
        assert [each is not None and set(each.roles) for each in together] == [{CallerRole.BUYER}] * 5
        assert await after_a_period(access, session) is not None

        await administrator.role(person, "purchasing", "DELETE")
        assert await after_a_period(access, session) is None, "nobody without a role has a session"
        await administrator.role(person, "purchasing", "POST")
        assert await access.by_session(session) is None
    await browser.close()


async def test_a_session_that_is_ended_in_keycloak_ends_here(gateway: Gateway, keycloak: str, reached: None) -> None:
    access: Access = gateway.app.state.access
    async with Administrator(keycloak) as administrator:
        person = await administrator.id_of("anna")
        at_home, at_work = Browser(), Browser()
        first = await logged_in(gateway, at_home, "anna")
        second = await logged_in(gateway, at_work, "anna")
        assert first != second
        # An administrator deletes one session, then all: Keycloak says so at once by the back channel.
        sessions = sorted(await administrator.ask("GET", f"users/{person}/sessions"), key=lambda one: one["start"])
        assert len(sessions) == 2
        await administrator.ask("DELETE", f"sessions/{sessions[0]['id']}")
        assert [await is_open(gateway, each) for each in (first, second)] == [False, True]
        assert await after_a_period(access, second) is not None

        await administrator.ask("POST", f"users/{person}/logout")
        assert not await is_open(gateway, second)
        await at_home.close()
        await at_work.close()


async def test_a_person_who_is_disabled_in_keycloak_is_out_after_the_period(gateway: Gateway, keycloak: str) -> None:
    browser, access = Browser(), gateway.app.state.access
    async with Administrator(keycloak) as administrator:
        session = await logged_in(gateway, browser, "anna")
        person = await administrator.id_of("anna")
        await administrator.ask("PUT", f"users/{person}", {"enabled": False})
        assert await after_a_period(access, session) is None
        await administrator.ask("PUT", f"users/{person}", {"enabled": True})
    await browser.close()


async def _token(issuer: str, client: str) -> str:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        asked = {"grant_type": "client_credentials", "scope": "openid"}
        answer = await http.post(
            f"{issuer}/protocol/openid-connect/token", data=asked, auth=(client, f"{client}-secret")
        )
        answer.raise_for_status()
        found: dict[str, str] = answer.json()
        assert urlsplit(issuer).netloc
        return found["access_token"]


async def test_a_program_calls_by_keycloaks_token_for_this_service_alone(gateway: Gateway, keycloak: str) -> None:
    wms = {"authorization": f"Bearer {await _token(keycloak, 'wms')}"}
    assert (await gateway.client.get("/v1/requirements", headers=wms)).status_code == 200
    problem(await gateway.client.get("/v1/dead-letters", headers=wms), 403, "not_allowed")
    other = {"authorization": f"Bearer {await _token(keycloak, 'other')}"}
    answer = await gateway.client.get("/v1/requirements", headers=other)
    assert "aud" in problem(answer, 401, "not_logged_in")["detail"]
