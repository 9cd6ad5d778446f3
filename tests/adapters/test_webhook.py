"""Webhooks out, against a server that checks what it gets with the library for receivers."""

import datetime as dt
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.errors import TransientError
from adapters.webhook.client import WebhookClient, webhook_client

OLD, NEW = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8
URL = "https://aps.example.com/hooks"


def poster(answer: Callable[[httpx.Request], httpx.Response]) -> WebhookClient:
    return WebhookClient(webhook_client(transport=httpx.MockTransport(answer)))


async def post(client: WebhookClient, *secrets: str) -> bool:
    given = [SecretStr(each) for each in secrets or (NEW,)]
    return await client.post(URL, b'{"data":"M\xc3\xbcller"}', message_id="msg_1", secrets=given)


async def test_a_receiver_can_check_the_signature_by_either_secret_while_it_changes() -> None:
    seen: list[httpx.Request] = []

    def receiver(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    assert await post(poster(receiver), OLD, NEW)
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(seen[0].content, dict(seen[0].headers)) == {"data": "Müller"}
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "eHh4" * 8).verify(seen[0].content, dict(seen[0].headers))
    assert seen[0].headers["content-type"].startswith("application/cloudevents+json")


async def test_the_message_id_stays_and_the_time_stamp_is_each_attempt_s() -> None:
    seen: list[httpx.Request] = []
    times = iter([dt.datetime(2026, 11, 27, 8, tzinfo=dt.UTC), dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC)])

    def receiver(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    client = WebhookClient(webhook_client(transport=httpx.MockTransport(receiver)), now=lambda: next(times))
    await post(client)
    await post(client)
    assert {each.headers["webhook-id"] for each in seen} == {"msg_1"}
    first, second = (int(each.headers["webhook-timestamp"]) for each in seen)
    assert second - first == 3600


async def test_an_address_that_is_gone_is_told_from_one_that_fails() -> None:
    assert not await post(poster(lambda _: httpx.Response(410)))
    with pytest.raises(TransientError, match="it answered 404: no such hook"):
        await post(poster(lambda _: httpx.Response(404, text="no such\nhook")))


async def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    def receiver(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(302, headers={"location": "http://169.254.169.254/"})

    with pytest.raises(TransientError, match="a redirect, which is not followed"):
        await post(poster(receiver))
    assert seen == [URL]


@pytest.mark.parametrize(("status", "asked"), [(429, 120.0), (503, 120.0), (500, None)])
async def test_a_receiver_that_asks_for_time_gets_it(status: int, asked: float | None) -> None:
    with pytest.raises(TransientError) as failed:
        await post(poster(lambda _: httpx.Response(status, headers={"retry-after": "120"})))
    assert failed.value.retry_after_seconds == asked


async def test_no_connection_may_pass() -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(TransientError, match="no connection"):
        await post(poster(nobody))
