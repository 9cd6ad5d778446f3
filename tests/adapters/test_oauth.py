"""Log-on by OAuth 2 client credentials: one token for all calls, renewed in time, and never shown."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.http import exchange, make_client
from adapters.oauth import ClientCredentials, TokenEndpoint

ENDPOINT = TokenEndpoint("https://login.example/oauth/token", "client 1", SecretStr("s3cr%t&"), scope="orders")


class Issuer:
    """A token endpoint; `answer` replaces its answers."""

    def __init__(self, lifetime: float | None = 3_600) -> None:
        self.lifetime = lifetime
        self.asked: list[httpx.Request] = []
        self.answer: Callable[[], httpx.Response] | None = None
        self.slow = False

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        await asyncio.sleep(5 if self.slow else 0.01)
        if self.answer is not None:
            return self.answer()
        lasts = {} if self.lifetime is None else {"expires_in": self.lifetime}
        return httpx.Response(200, json={"access_token": f"token-{len(self.asked)}", "token_type": "Bearer", **lasts})


class System:
    """The counterpart: remembers the tokens it saw, and refuses those named."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.refused: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.seen.append(token)
        return httpx.Response(401 if token in self.refused else 204)


class Reached:
    """A client with its issuer and its counterpart, and a clock that is moved by hand."""

    def __init__(self, lifetime: float | None = 3_600, endpoint: TokenEndpoint = ENDPOINT) -> None:
        self.now = 0.0
        self.issuer, self.system = Issuer(lifetime), System()
        self.auth = ClientCredentials(
            endpoint,
            system="erp",
            timeout_seconds=0.2,
            transport=httpx.MockTransport(self.issuer),
            clock=lambda: self.now,
        )
        self.http = make_client(
            "https://erp.example", transport=httpx.MockTransport(self.system), timeout_seconds=0.1, auth=self.auth
        )

    async def call(self) -> httpx.Response:
        return await exchange(self.http, "erp", "POST", "orders", writes=True, content=b"{}")

    async def failure(self) -> AdapterError:
        with pytest.raises(AdapterError) as caught:
            await self.call()
        return caught.value


async def test_calls_at_once_share_one_token() -> None:
    erp = Reached()
    await asyncio.gather(*(erp.call() for _ in range(20)))
    assert len(erp.issuer.asked) == 1
    assert set(erp.system.seen) == {"token-1"}


async def test_a_token_is_renewed_before_it_expires() -> None:
    erp = Reached(lifetime=600)
    for erp.now in (0, 539, 541):
        await erp.call()
    assert erp.system.seen == ["token-1", "token-1", "token-2"]


async def test_an_endpoint_that_says_no_lifetime_is_asked_again_after_minutes() -> None:
    erp = Reached(lifetime=None)
    for erp.now in (0, 239, 241):
        await erp.call()
    assert erp.system.seen == ["token-1", "token-1", "token-2"]


async def test_a_token_revoked_early_is_replaced_once_for_all_calls() -> None:
    erp = Reached()
    await erp.call()
    erp.system.refused = {"token-1"}
    answers = await asyncio.gather(*(erp.call() for _ in range(5)))
    assert {answer.status_code for answer in answers} == {204}
    assert len(erp.issuer.asked) == 2


async def test_a_client_without_rights_is_not_asked_about_forever() -> None:
    erp = Reached()
    erp.system.refused = {"token-1", "token-2"}
    assert isinstance(await erp.failure(), PermanentError)
    assert erp.system.seen == ["token-1", "token-2"]


async def test_the_client_names_itself_as_the_standard_has_it() -> None:
    erp = Reached()
    await erp.call()
    (request,) = erp.issuer.asked
    assert request.headers["Authorization"] == httpx.BasicAuth("client+1", "s3cr%25t%26")._auth_header
    assert parse_qs(request.content.decode()) == {"grant_type": ["client_credentials"], "scope": ["orders"]}


async def test_some_endpoints_take_the_secret_in_the_body_alone() -> None:
    erp = Reached(endpoint=ENDPOINT._replace(secret_in="body", more={"resource": "urn:erp"}))
    await erp.call()
    (request,) = erp.issuer.asked
    assert "Authorization" not in request.headers
    sent = parse_qs(request.content.decode())
    assert (sent["client_id"], sent["client_secret"], sent["resource"]) == (["client 1"], ["s3cr%t&"], ["urn:erp"])


async def test_a_silent_token_endpoint_has_written_nothing() -> None:
    erp = Reached()
    erp.issuer.slow = True
    error = await erp.failure()
    assert isinstance(error, TransientError)
    assert not error.maybe_written
    assert "token endpoint https://login.example/oauth/token" in str(error)
    assert erp.system.seen == []


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (httpx.Response(401, json={"error": "invalid_client", "error_description": "no"}), PermanentError, "client no"),
        (httpx.Response(400, text="<html>"), PermanentError, "check client id and secret"),
        (httpx.Response(503, headers={"Retry-After": "7"}), TransientError, "503"),
        (httpx.Response(429), TransientError, "429"),
        (httpx.Response(200, text="<html>"), TransientError, "no access_token"),
        (httpx.Response(200, json={"access_token": "a\nb"}), TransientError, "that is none"),
        (httpx.Response(200, json={"access_token": "a", "token_type": "mac"}), TransientError, "type 'mac'"),
        (httpx.Response(200, json={"access_token": "a", "expires_in": -1}), TransientError, "-1 s"),
    ],
)
async def test_an_endpoint_that_gives_no_token(answer: httpx.Response, kind: type[AdapterError], says: str) -> None:
    erp = Reached()
    erp.issuer.answer = lambda: answer
    error = await erp.failure()
    assert type(error) is kind
    assert says in str(error)
    if answer.status_code == 503:
        assert isinstance(error, TransientError)
        assert error.retry_after_seconds == timedelta(seconds=7).seconds


async def test_neither_secret_nor_token_is_ever_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    erp = Reached()
    await erp.call()
    erp.issuer.answer = lambda: httpx.Response(200, json={"token": "token-hidden", "access_token": 5})
    erp.now = 10_000
    shown = f"{await erp.failure()} {erp.auth!r} {ENDPOINT!r} {caplog.text}"
    assert not [word for word in ("s3cr", "token-1", "token-hidden") if word in shown]
