"""People who have logged in, each with a client of their own."""

import dataclasses

import httpx
from starlette.types import Receive, Scope, Send

from gateway.access.principal import CallerRole, Principal
from tests.gateway.conftest import Gateway

ANNA = Principal("sub-anna", "Anna Kern", frozenset({CallerRole.BUYER}), frozenset({"P1"}), csrf_token="anna's")
BEN = Principal("sub-ben", "Ben Vogt", frozenset({CallerRole.BUYER}), frozenset({"P2"}), csrf_token="ben's")
PAUL = Principal("sub-paul", "Paul Rau", frozenset({CallerRole.PLANNER}), frozenset({"P1"}), csrf_token="paul's")
MIA = Principal("sub-mia", "Mia Roth", frozenset({CallerRole.MANAGER}), None, csrf_token="mia's")
OTTO = Principal("sub-otto", "Otto Lang", frozenset({CallerRole.OPERATOR}), None, csrf_token="otto's")
DANA = dataclasses.replace(ANNA, subject="sub-dana", name="Dana Wolf", offices=frozenset({"dana"}), csrf_token="dana's")


def client_of(gateway: Gateway, principal: Principal) -> httpx.AsyncClient:
    """A client of the same gateway in which this person has logged in."""

    async def logged_in(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["principal"] = principal
        await gateway.app(scope, receive, send)

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(logged_in, raise_app_exceptions=False), base_url="http://gateway"
    )
