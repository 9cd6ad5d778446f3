"""Log-in, tokens and log-out with a real Keycloak, set up as docs/access.md says.

`make site` runs it. The distribution comes from Maven (`org.keycloak:keycloak-quarkus-dist`) and is kept in the user's
cache; without Java, or where it can't be had, the test says so.
"""

import asyncio
import html
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.access.access import Access
from gateway.access.principal import CallerRole
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
    "roles": {"realm": [{"name": name} for name in ("purchasing", "system")]},
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
            },
        ),
        _client("wms", protocolMappers=_MAPPERS, standardFlowEnabled=False, serviceAccountsEnabled=True),
        _client("other", standardFlowEnabled=False, serviceAccountsEnabled=True),
    ],
    "users": [
        _person("anna", "purchasing", "/plant-P1"),
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
        environment_for_child(JAVA_OPTS_KC_HEAP="-Xms128m -Xmx512m"),
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
        roles={"purchasing": CallerRole.BUYER, "system": CallerRole.SYSTEM},
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


async def test_a_person_logs_in_at_keycloak_sees_their_plant_and_logs_out(gateway: Gateway) -> None:
    browser, here = Browser(), gateway.client
    here.headers["accept"] = "text/html"
    began = await here.get("/login/start", params={"next": "/orders"})
    page = await browser.send("GET", began.headers["location"])
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form is not None, f"{page.status_code} {page.headers} {page.text[:2_000]}"
    logged_in = {"username": "anna", "password": "anna-password", "credentialId": ""}
    back = await browser.send("POST", html.unescape(form[1]), logged_in)
    assert back.status_code == 302, back.text[:2_000]
    answer = await here.get(back.headers["location"].removeprefix(GATEWAY))
    assert (answer.status_code, answer.headers.get("location")) == (303, "/orders"), answer.text
    access: Access = gateway.app.state.access
    session = here.cookies[access.session_cookie]
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
