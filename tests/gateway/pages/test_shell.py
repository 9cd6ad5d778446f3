"""What all pages share: their files, headers, refusals and forms."""

import dataclasses

import pytest
from fastapi import Request
from starlette.datastructures import Headers

from gateway.access.principal import NOBODY_ASKED, CallerRole, Principal, Right
from gateway.pages.shell import form_of
from gateway.pages.static import address_of
from gateway.problems import Refusal
from tests.gateway.conftest import Gateway

READS_HTML = {"accept": "text/html,application/xhtml+xml"}


async def test_a_file_is_kept_by_browsers_under_the_address_of_its_version(gateway: Gateway) -> None:
    found = await gateway.client.get(address_of("pegline.css"))
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/css")
    assert "immutable" in found.headers["cache-control"]
    assert (await gateway.client.get("/static/0000000000000000/pegline.css")).status_code == 404


async def test_a_browser_reads_a_refusal_as_a_page_and_a_program_as_a_problem(gateway: Gateway) -> None:
    page = await gateway.client.get("/no-such-page", headers=READS_HTML)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Not found" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    problem = await gateway.client.get("/no-such-page")
    assert problem.json()["code"] == "not_found"


async def test_what_a_refusal_quotes_is_not_markup(gateway: Gateway) -> None:
    page = await gateway.client.get("/static/x/<script>alert(1)</script>", headers=READS_HTML)
    assert "<script>alert" not in page.text


def _form(body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = Headers({"content-type": "application/x-www-form-urlencoded"}).raw
    return Request({"type": "http", "method": "POST", "headers": headers, "path": "/", "query_string": b""}, receive)


async def test_a_form_of_another_session_is_refused() -> None:
    anna = dataclasses.replace(NOBODY_ASKED, csrf_token="of-this-session")
    assert (await form_of(_form(b"csrf_token=of-this-session&why=late"), anna))["why"] == "late"
    for body in (b"csrf_token=of-another&why=late", b"why=late", b"csrf_token="):
        with pytest.raises(Refusal) as refused:
            await form_of(_form(body), anna)
        assert refused.value.problem.code == "stale_form"


def test_a_right_counts_by_role_and_by_plant() -> None:
    anna = Principal("anna", "Anna", frozenset({CallerRole.BUYER}), frozenset({"1710"}))
    anna.require(Right.DECIDE, "1710")
    assert anna.only(["1710", "1720"]) == ["1710"]
    with pytest.raises(Refusal) as foreign:
        anna.require(Right.DECIDE, "1720")
    assert foreign.value.problem.code == "foreign_plant"
    with pytest.raises(Refusal) as barred:
        anna.require(Right.OPERATE)
    assert barred.value.problem.code == "not_allowed"
    assert not anna.may(Right.DECIDE, "1720")
