"""Callers with roles and plants, for tests of what somebody may see and do. No network: the issuer is in this process.

The fixture `guarded` (tests/gateway/conftest.py) is a gateway that asks who calls, beside the fixture `gateway`, which
does not:

    async def test_a_planner_sees_no_price(guarded: Guarded) -> None:
        await guarded.gateway.record(...)                        # the gateway's ledger, clock and fakes, as ever
        paul = guarded.program("planner", "P1")                  # an access token, role planner at plant P1
        anna = await guarded.browser("buyer", "P1", "P2")        # a session's cookie, as after a log-in
        answer = await anna.post("/inbox/…", data={"csrf_token": anna.csrf_token, …})

Without plants a caller has all of them ("*"); with `plants=()` none. The subject is `{role}.{plants}` unless stated,
such as `buyer.P1`; `offices` are further names of roles and groups in the token, by which policies name approvers.
"""

import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from gateway.access.access import Access
from gateway.access.grants import Granted
from gateway.access.rules import AccessRules
from simulators.issuer.accounts import Account, Program, gateway_client
from simulators.issuer.app import Issuer, serve

if TYPE_CHECKING:
    from tests.gateway.conftest import Gateway

ISSUER = "http://issuer"
GATEWAY = "http://gateway"
RULES = AccessRules(issuer=ISSUER, client_id="pegline", client_secret="pegline-secret", gateway_url=GATEWAY)
MACHINE = Program(subject="machine", name="Machine", roles=("system",), plants=("*",), secret="machine-secret")


class Caller(httpx.AsyncClient):
    """A client that is logged in as somebody."""

    subject = ""
    csrf_token = ""


class IssuerInProcess:
    """The issuer's app, keys included."""

    def __init__(self) -> None:
        self.books = Issuer(ISSUER, [gateway_client(GATEWAY), MACHINE], [])
        self.app = serve(self.books)

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ISSUER)

    def account(self, role: str, plants: Sequence[str], subject: str = "", offices: Sequence[str] = ()) -> Account:
        name = subject or ".".join([role, *(plant for plant in plants if plant != "*")])
        return Account(
            subject=name, name=name.replace(".", " ").title(), roles=(role, *offices), plants=tuple(plants), email=""
        )

    def token(self, account: Account, client: str = "console", **changes: Any) -> str:
        """An access token; `changes` replace claims, None leaves one out."""
        return self.books.tokens.access_token(account, client, **changes)


class Guarded:
    """A gateway with an issuer, and clients for whoever a test needs."""

    def __init__(self, gateway: "Gateway", access: Access, issuer: IssuerInProcess) -> None:
        self.gateway, self.access, self.issuer = gateway, access, issuer
        self._callers: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for caller in self._callers:
            await caller.aclose()

    def nobody(self, **headers: str) -> Caller:
        """A caller without token and session."""
        transport = httpx.ASGITransport(self.gateway.app, raise_app_exceptions=False)
        caller = Caller(transport=transport, base_url=GATEWAY, headers=headers)
        self._callers.append(caller)
        return caller

    def program(
        self,
        role: str,
        *at: str,
        plants: Sequence[str] | None = None,
        subject: str = "",
        offices: Sequence[str] = (),
        client: str = "console",
    ) -> Caller:
        """A caller with an access token."""
        account = self.issuer.account(role, at or ("*",) if plants is None else plants, subject, offices)
        caller = self.nobody(authorization=f"Bearer {self.issuer.token(account, client)}")
        caller.subject = account.subject
        return caller

    async def browser(
        self,
        role: str,
        *at: str,
        plants: Sequence[str] | None = None,
        subject: str = "",
        offices: Sequence[str] = (),
    ) -> Caller:
        """A browser with a session."""
        account = self.issuer.account(role, at or ("*",) if plants is None else plants, subject, offices)
        claims = {**account.claims(), "roles": list(account.roles), "plants": list(account.plants)}
        session = secrets.token_urlsafe(32)
        await self.access.open_session(session, self.access.rules.principal(claims), Granted())
        caller = self.nobody(accept="text/html,application/xhtml+xml")
        caller.cookies.set(self.access.session_cookie, session)
        known = await self.access.by_session(session)
        assert known is not None
        caller.subject, caller.csrf_token = account.subject, known.csrf_token
        return caller


__all__ = ["GATEWAY", "ISSUER", "MACHINE", "RULES", "Caller", "Guarded", "IssuerInProcess"]
