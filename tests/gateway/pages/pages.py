"""What tests of pages say: who reads, and the page they read."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from gateway.access import principal
from gateway.access.principal import CallerRole, Principal
from tests.gateway.conftest import Gateway

HTML = {"accept": "text/html"}


def planner(*plants: str, csrf_token: str = "") -> Principal:
    return Principal("pia", "Pia", frozenset({CallerRole.PLANNER}), frozenset(plants), csrf_token=csrf_token)


@contextmanager
def as_person(gateway: Gateway, person: Principal) -> Iterator[None]:
    async def who(request: Request) -> Principal:
        return person

    gateway.app.dependency_overrides[principal._principal] = who
    try:
        yield
    finally:
        del gateway.app.dependency_overrides[principal._principal]


async def page(gateway: Gateway, address: str, status: int = 200) -> str:
    answer = await gateway.client.get(address, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text
