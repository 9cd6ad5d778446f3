"""How foreign errors become ours, in the one place where they do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.http import correlation, exchange, make_client, quoted, retry_after

Answer = Callable[[httpx.Request], httpx.Response]


async def called(answer: Answer, *, writes: bool = True, seconds: float = 1.0) -> httpx.Response:
    async with make_client("http://erp.example/erp", "pegline", "secret", seconds, httpx.MockTransport(answer)) as http:
        return await exchange(http, "erp", "POST", "A_Set?x=1", writes=writes, content=b"{}")


async def failed(answer: Answer, *, writes: bool = True) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        await called(answer, writes=writes)
    return caught.value


def status(code: int, **headers: str) -> Answer:
    return lambda request: httpx.Response(code, headers=headers, text="<html>said  the\nserver</html>")


def raising(error: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


async def test_every_call_carries_credentials_and_the_correlation_id() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    await called(answer)
    token = correlation.set("corr-7")
    try:
        await called(answer)
    finally:
        correlation.reset(token)
    without, with_id = seen
    assert str(with_id.url) == "http://erp.example/erp/A_Set?x=1"
    assert with_id.headers["X-Correlation-ID"] == "corr-7"
    assert with_id.headers["Authorization"].startswith("Basic ")
    assert "X-Correlation-ID" not in without.headers


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout(""), httpx.PoolTimeout("")])
async def test_what_was_never_sent_is_not_ambiguous(error: Exception) -> None:
    found = await failed(raising(error))
    assert isinstance(found, TransientError)
    assert not found.maybe_written


@pytest.mark.parametrize(
    "error",
    [httpx.ReadTimeout(""), httpx.WriteTimeout(""), httpx.ReadError("reset"), httpx.RemoteProtocolError("cut")],
)
async def test_a_write_whose_answer_was_lost_is_ambiguous_and_a_read_is_not(error: Exception) -> None:
    write, read = await failed(raising(error)), await failed(raising(error), writes=False)
    assert isinstance(write, TransientError)
    assert isinstance(read, TransientError)
    assert (write.maybe_written, read.maybe_written) == (True, False)
    assert write.__cause__ is error


@pytest.mark.parametrize(
    ("code", "maybe_written"), [(408, False), (429, False), (500, True), (502, True), (503, True), (504, True)]
)
async def test_statuses_that_may_pass_are_transient(code: int, maybe_written: bool) -> None:
    found = await failed(status(code))
    assert isinstance(found, TransientError)
    assert found.maybe_written is maybe_written
    assert found.retry_after_seconds is None


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_is_honoured_and_says_that_nothing_was_written(code: int) -> None:
    found = await failed(status(code, **{"Retry-After": "17"}))
    assert isinstance(found, TransientError)
    assert found.retry_after_seconds == 17
    assert not found.maybe_written


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    asked = retry_after(later)
    assert asked is not None
    assert 80 < asked <= 90
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(seconds=90), usegmt=True)) == 0
    assert retry_after("soon") is None


@pytest.mark.parametrize("far", ["99999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -2300"])
def test_no_counterpart_is_left_alone_for_longer_than_an_hour(far: str) -> None:
    assert retry_after(far) in (None, 3600.0)


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        (401, "is logged on to"),
        (403, "rights"),
        (404, "base URL"),
        (302, "redirected to nowhere"),
        (418, "said the server"),
    ],
)
async def test_what_a_person_must_fix_is_permanent_and_says_what(code: int, next_step: str) -> None:
    found = await failed(status(code))
    assert isinstance(found, PermanentError)
    assert next_step in str(found)
    assert "secret" not in str(found)


async def test_a_wrong_base_url_is_permanent() -> None:
    async with make_client("erp.example", "", "") as http:
        with pytest.raises(PermanentError, match="correct the base URL"):
            await exchange(http, "erp", "GET", "A_Set", writes=False)


async def test_a_call_that_trickles_ends_with_its_time_out() -> None:
    class Trickle(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            async def drops() -> AsyncIterator[bytes]:
                while True:
                    await asyncio.sleep(0.01)
                    yield b"."

            return httpx.Response(200, content=drops())

    async with make_client("http://erp.example", "", "", 0.05, Trickle()) as http:
        with pytest.raises(TransientError, match=r"no answer within 0\.05 s") as caught:
            await exchange(http, "erp", "POST", "A_Set", writes=True)
    assert caught.value.maybe_written


@pytest.mark.parametrize("code", [302, 303, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 599])
async def test_every_failure_quotes_status_content_type_and_what_was_said(code: int) -> None:
    def page(request: httpx.Request) -> httpx.Response:
        body = "<html><head><style>p {color: red}</style><title>Log on</title></head><p>Client&nbsp;100</p></html>"
        return httpx.Response(code, headers={"Content-Type": "text/html; charset=utf-8"}, text=body)

    found = str(await failed(page))
    assert f": {code}" in found
    assert "it answered text/html: Log on Client 100" in found


async def test_a_redirect_names_where_to_but_not_the_log_on_request_in_it() -> None:
    found = await failed(status(302, Location="https://idp.example/saml2/idp/sso?SAMLRequest=fZJNT8Mw"))
    assert isinstance(found, PermanentError)
    assert "redirected to https://idp.example/saml2/idp/sso, as to a log-on page" in str(found)
    assert "fZJNT8Mw" not in str(found)


async def test_an_answer_that_can_not_be_decompressed_is_a_lost_answer() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip at all"))

    found = await failed(broken)
    assert isinstance(found, TransientError)
    assert found.maybe_written


@pytest.mark.parametrize(
    ("content", "kind", "quote"),
    [
        (b"", "", ""),
        (
            "Zugang gesperrt für Müller".encode("latin-1"),
            "text/plain; charset=iso-8859-1",
            "Zugang gesperrt für Müller",
        ),
        ("Müller".encode(), "text/plain; charset=no-such-charset", "Müller"),
        (b"one\x00two\x1b[31m three\r\nfour", "text/plain", "one two [31m three four"),
        (b'{"a": "<b>"}', "application/json", '{"a": "<b>"}'),
        (b"<?xml version='1.0'?><error><code>06/115</code><message>No</message></error>", "", "06/115 No"),
        (b"<script>" + b"x" * 50_000, "text/html", ""),
        (b"<" * 100_000, "text/html", "<" * 300),
        (b"y" * 100_000, "text/plain", "y" * 300),
    ],
)
def test_a_quote_is_one_short_line(content: bytes, kind: str, quote: str) -> None:
    assert quoted(content, kind) == quote


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/xhtml+xml", ""])
@pytest.mark.parametrize("code", [200, 201, 202])
async def test_a_page_for_people_is_no_answer_whatever_its_status(code: int, kind: str) -> None:
    page = b"\n<!DOCTYPE html><html><title>Sign in</title></html>"
    found = await failed(lambda request: httpx.Response(code, headers={"content-type": kind}, content=page))
    assert isinstance(found, PermanentError)
    assert "how the erp user logs on" in str(found)
    assert "Sign in" in str(found)


async def test_an_empty_answer_of_any_type_is_an_answer() -> None:
    found = await called(lambda request: httpx.Response(202, headers={"content-type": "text/html"}))
    assert found.status_code == 202
