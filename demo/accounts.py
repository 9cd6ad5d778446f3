"""The people and programs of the story, as the issuer knows them, and how their calls show who they are.

Decided here: who answers which question. Not here: what they answer (the chapters).
"""

import time
from collections.abc import AsyncGenerator
from typing import Any

import httpx

BUYER, PLANNER, MANAGER, OPERATOR = "anna.buyer", "paul.planner", "mia.manager", "otto.operator"
LOG_INS = {"buyer": BUYER, "planner": PLANNER, "manager": MANAGER, "operator": OPERATOR}
"""Whom to pick on the issuer's page, by role; there are no passwords."""
PEOPLE = tuple(LOG_INS.values())
ROLES = {"buyer": BUYER, "planner": PLANNER, "purchasing-manager": MANAGER}
"""Who has the role that a policy names so."""
_TOKEN_SECONDS = 300.0


def where_to_log_in(gateway: str) -> tuple[str, ...]:
    """Where each role's day begins, with whom to pick there, line by line."""
    begins = {"planner": "/plans", "operator": "/operations"}
    addresses = {role: f"{gateway}{begins.get(role, '/inbox')}" for role in LOG_INS}
    width = max(map(len, addresses.values()))
    return tuple(f"{role:8} {addresses[role]:{width}}  log in as {LOG_INS[role]}" for role in LOG_INS)


def asked(exception: dict[str, Any]) -> str:
    """Who answers the question: the buyer, where he may; else the first who may."""
    may = [*exception["proposal"].get("approvers", ()), exception["assignee"]]
    known = [ROLES[role] for role in may if role in ROLES]
    return BUYER if BUYER in known or not known else known[0]


class LoggedIn(httpx.Auth):
    """Calls as somebody, with an access token that the issuer's control room makes without a browser."""

    requires_response_body = True

    def __init__(self, simulators: str, subject: str) -> None:
        self._address = f"{simulators}/issuer/control/token"
        self._subject = subject
        self._token = ""
        self._until = 0.0

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with the token, which is renewed every five minutes."""
        if time.monotonic() > self._until:
            answer = yield httpx.Request("POST", self._address, json={"subject": self._subject})
            await answer.aread()
            answer.raise_for_status()
            self._token, self._until = answer.json()["access_token"], time.monotonic() + _TOKEN_SECONDS
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
