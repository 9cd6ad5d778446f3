"""The inbox: what waits for whom, what nobody else sees of it, and how it is taken along."""

import asyncio
import csv
import datetime as dt
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import httpx
import pytest
import uvicorn
from openpyxl import load_workbook
from starlette.types import Receive, Scope, Send

from canonical.exception import ExceptionKind
from canonical.records import ExceptionState
from gateway.access.principal import Principal
from gateway.pages import inbox_events
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import problem
from tests.gateway.people import ANNA, BEN, DANA, MIA, OTTO, PAUL, client_of
from tests.gateway.questions import DUE, asked, put

HTML = {"accept": "text/html"}


async def page(gateway: Gateway, who: Principal, address: str = "/inbox") -> str:
    async with client_of(gateway, who) as client:
        found = await client.get(address, headers=HTML)
    assert found.status_code == 200, found.text
    return found.text


def rows(html: str) -> list[str]:
    return re.findall(r'<tr id="q-([^"]+)"', html)


async def test_a_buyer_sees_what_waits_for_buyers_the_most_pressing_first(gateway: Gateway) -> None:
    await put(
        gateway,
        asked("later", latest_safe_date=DUE + dt.timedelta(days=2)),
        asked("sooner"),
        asked("planners", assignee="planner", kind=ExceptionKind.MASTER_DATA),
    )
    mine = await page(gateway, ANNA)
    assert rows(mine) == ["sooner", "later"]
    assert "2 questions for you, open" in mine
    for shown in ("2026-06-12", "1\u202f250.50 EUR", "SO-sooner", "FR-100", "1580", "Shortage", "Second source"):
        assert shown in mine, shown
    assert rows(await page(gateway, ANNA, "/inbox?scope=all")) == ["planners", "sooner", "later"]
    assert rows(await page(gateway, PAUL)) == ["planners"]
    assert rows(await page(gateway, OTTO)) == ["planners", "sooner", "later"]


async def test_a_deputy_sees_what_waits_for_whom_she_stands_in(gateway: Gateway) -> None:
    question = asked("q1", assignee="dana").model_copy(update={"on_behalf_of": "buyer"})
    await put(gateway, question)
    assert rows(await page(gateway, DANA)) == rows(await page(gateway, ANNA)) == ["q1"]


async def test_filters_order_and_columns_are_the_address(gateway: Gateway) -> None:
    await put(
        gateway,
        asked("q1", value=Decimal(10)),
        asked("q2", value=Decimal(20), item="BK-7"),
        asked("q3", value=Decimal(5), supplier="1616", kind=ExceptionKind.OVERDUE),
    )
    assert rows(await page(gateway, ANNA, "/inbox?item=FR-*&sort=-value")) == ["q1", "q3"]
    overdue = await page(gateway, ANNA, "/inbox?kind=overdue&column=item&column=planner")
    assert rows(overdue) == ["q3"]
    assert ("<td>FR-100</td>" in overdue, "EUR" in overdue) == (True, False)
    by_value = await page(gateway, ANNA, "/inbox?sort=-value")
    assert rows(by_value) == ["q2", "q1", "q3"]
    assert 'aria-sort="descending"><a href="/inbox?sort=value"' in by_value
    async with client_of(gateway, ANNA) as anna:
        tidied = await anna.get("/inbox?kind=&item=FR-*&planner=&state=open", headers=HTML)
        assert (tidied.status_code, tidied.headers["location"]) == (303, "/inbox?item=FR-%2A")
        problem(await anna.get("/inbox?kind=nothing"), 422, "invalid_field")


async def test_a_long_list_comes_in_pages(gateway: Gateway) -> None:
    await put(gateway, *(asked(f"q{number:02}") for number in range(52)))
    first = await page(gateway, ANNA)
    following = re.search(r'<a href="([^"]+)" rel="next"', first)
    assert len(rows(first)) == 50
    assert following is not None
    assert rows(await page(gateway, ANNA, following[1].replace("&amp;", "&"))) == ["q50", "q51"]


async def test_nothing_of_a_foreign_plant_is_listed_counted_or_exported(gateway: Gateway) -> None:
    await put(gateway, asked("ours"), asked("theirs", plant="P2", supplier="secret"))
    for address in ("/inbox?scope=all", "/inbox?scope=all&plant=P2", "/inbox?scope=all&state=any"):
        html = await page(gateway, ANNA, address)
        assert "theirs" not in html
        assert "secret" not in html
        assert "2 questions" not in html
    assert rows(await page(gateway, BEN, "/inbox?scope=all")) == ["theirs"]
    assert rows(await page(gateway, MIA, "/inbox?scope=all")) == ["ours", "theirs"]
    async with client_of(gateway, ANNA) as anna:
        exported = (await anna.get("/inbox.csv?scope=all")).text
        assert ("ours" in exported, "theirs" in exported) == (True, False)
        listed = (await anna.get("/v1/exceptions?plant=P2")).json()
        assert listed["items"] == []


async def test_prices_are_left_out_for_those_who_may_not_see_them(gateway: Gateway) -> None:
    question = asked("q1", assignee="planner", summary="a change worth 1250.50 EUR", value=Decimal("1250.50"))
    await put(gateway, question, asked("q2", assignee="planner", value=Decimal(9), summary="small"))
    for address in ("/inbox", "/inbox?sort=-value&column=value"):
        html = await page(gateway, PAUL, address)
        assert "1250" not in html.replace("\u202f", "")
        assert rows(html) == ["q1", "q2"]
    async with client_of(gateway, PAUL) as paul:
        exported = (await paul.get("/inbox.csv")).text
        assert "1250" not in exported
        assert "Value" not in exported
        problem(await paul.get("/v1/exceptions?sort=value"), 403, "not_allowed")


async def test_an_export_keeps_types_and_runs_nothing(gateway: Gateway) -> None:
    evil = '=HYPERLINK("http://evil.example","pay")'
    await put(gateway, asked("q1", summary=evil), asked("q2", supplier="@SUM(A1)"))
    async with client_of(gateway, ANNA) as anna:
        sheet = await anna.get("/inbox.csv")
        book = await anna.get("/inbox.xlsx")
    found = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert [row["Question"][:2] for row in found] == ["'=", "q2"]
    assert found[1]["Supplier"] == "'@SUM(A1)"
    assert (found[0]["Latest safe date"], found[0]["Value"], found[0]["Currency"]) == ("2026-06-12", "1250.50", "EUR")
    heading, first, _ = load_workbook(io.BytesIO(book.content)).active.iter_rows()  # type: ignore[union-attr]
    cells = {name.value: cell for name, cell in zip(heading, first, strict=True)}
    assert (cells["Question"].value, cells["Question"].data_type) == (evil, "s")
    assert str(cells["Latest safe date"].value) == "2026-06-12 00:00:00"
    assert cells["Value"].value == 1250.5


async def test_a_view_is_saved_shared_and_removed(gateway: Gateway) -> None:
    async with client_of(gateway, ANNA) as anna:
        form = {"csrf_token": ANNA.csrf_token, "name": "Pressing", "query": "sort=-value&item=FR-*", "shared": "yes"}
        saved = await anna.post("/inbox/views", data=form)
        assert (saved.status_code, saved.headers["location"]) == (303, "/inbox?item=FR-%2A&sort=-value&done=saved")
        problem(await anna.post("/inbox/views", data=form | {"csrf_token": "x"}), 403, "stale_form")
        problem(await anna.post("/inbox/views", data=form | {"name": " "}), 422, "invalid_field")
    others = await page(gateway, BEN)
    assert 'href="/inbox?item=FR-%2A&amp;sort=-value">Pressing' in others
    number = (await gateway.ledger.work_views.seen_by(ANNA.subject))[0].id
    async with client_of(gateway, BEN) as ben:
        removal = f"/inbox/views/{number}/removal"
        problem(await ben.post(removal, data={"csrf_token": BEN.csrf_token}), 404, "not_found")
    async with client_of(gateway, ANNA) as anna:
        assert (await anna.post(removal, data={"csrf_token": ANNA.csrf_token})).status_code == 303
    assert "Pressing" not in await page(gateway, BEN)


# -- live


@asynccontextmanager
async def served(gateway: Gateway, who: Principal) -> AsyncIterator[httpx.AsyncClient]:
    """The real app behind a real server: only that streams."""

    async def logged_in(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["principal"] = who
        await gateway.app(scope, receive, send)

    config = uvicorn.Config(logged_in, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        await task


async def heard(lines: AsyncIterator[str], until: str) -> str:
    """What the stream says up to a word."""
    found = ""
    async with asyncio.timeout(15):
        async for line in lines:
            found += line + "\n"
            if until in line:
                return found
    raise AssertionError(f"the stream ended without {until!r}: {found}")


async def test_a_list_that_is_open_hears_what_was_decided_by_whom_and_what_is_new(gateway: Gateway) -> None:
    ours, theirs = asked("ours"), asked("theirs", plant="P2")
    await put(gateway, ours, theirs)
    async with served(gateway, ANNA) as anna, anna.stream("GET", "/inbox/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        await heard(lines, "retry")
        await put(gateway, theirs.model_copy(update={"state": ExceptionState.OVERTAKEN, "closing_reason": "foreign"}))
        gone = {"state": ExceptionState.OVERTAKEN, "closing_reason": "the plan withdrew it"}
        await put(gateway, ours.model_copy(update=gone), asked("fresh"))
        said = await heard(lines, "One new question waits.")
    assert 'hx-target="#q-ours"' in said
    assert "No longer needed: the plan withdrew it." in said
    assert "foreign" not in said
    assert "theirs" not in said
    moment = re.findall(r"^id: (.+)$", said, re.MULTILINE)[0]
    async with served(gateway, ANNA) as anna:
        headers = {"Last-Event-ID": moment}
        async with anna.stream("GET", "/inbox/events", headers=headers) as again:
            assert "fresh" in await heard(again.aiter_lines(), "One new question waits.")


async def test_a_stream_ends_with_its_session(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def logged_out(*_: object) -> bool:
        return False

    monkeypatch.setattr(inbox_events, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(inbox_events, "_goes_on", logged_out)
    async with served(gateway, ANNA) as anna, anna.stream("GET", "/inbox/events") as stream:
        said = await heard(stream.aiter_lines(), 'hx-target="#live" hx-swap="delete"')
    assert "Your session has ended" in said


async def test_a_question_that_is_open_hears_that_it_changed_and_that_it_ended(gateway: Gateway) -> None:
    first = asked("ours")
    await put(gateway, first, asked("another"))
    address = f"/questions/ours/events?digest={first.digest}"
    async with served(gateway, ANNA) as anna, anna.stream("GET", address) as stream:
        lines = stream.aiter_lines()
        await heard(lines, "retry")
        await put(gateway, asked("another", summary="changed"), asked("ours", summary="300 of 500 EA come late"))
        assert "another" not in await heard(lines, "has changed since you opened it")
        gone = {"state": ExceptionState.OVERTAKEN, "closing_reason": "the goods came"}
        await put(gateway, asked("ours", summary="300 of 500 EA come late").model_copy(update=gone))
        assert 'href="/questions/ours"' in await heard(lines, "no longer needed: the goods came")
    async with served(gateway, ANNA) as anna, anna.stream("GET", address) as late:
        assert "the goods came" in await heard(late.aiter_lines(), "No longer open")
    async with served(gateway, BEN) as ben:
        problem(await ben.get(address), 404, "not_found")
