"""The door: what is taken in can be stored and digested, and what is not is refused at once, with the limit named."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from canonical.order import AnswerOutcome, OrderAnswer
from gateway import door
from gateway.app import create_app
from gateway.intake import cloudevents
from gateway.intake.events import MESSAGE_BYTES_MAX
from tests.gateway.conftest import BATCH, STRUCTURED, Gateway
from tests.gateway.exceptions import PATH, shortage
from tests.gateway.fakes import (
    POLICIES,
    TODAY,
    announced,
    answered,
    edited,
    event,
    planned,
    problem,
    received,
    requirement_id,
)
from tests.gateway.plan_words import NDJSON, line, ndjson, report, send

# -- numbers and dates that no entity could digest


def stock(quantity: str) -> dict[str, Any]:
    data = {"plant": "P1", "item": "A", "quantity": quantity, "unit": "EA"}
    return event("s-1", "pegline.stock.changed.v1", data, source="wms")


def answer_of(**part: Any) -> dict[str, Any]:
    detail = answered("a-1")
    detail["data"]["lines"][0]["schedule_lines"] = [{"outcome": "accepted", "unit": "EA"} | part]
    return detail


TOO_MUCH = {
    "a quantity of a million decimals": planned(quantity="1e-1000027"),
    "a quantity of a million digits": planned(quantity="1e1000027"),
    "a quantity with a tail of zeros": planned(quantity="1." + "0" * 5000),
    "a zero with an exponent": stock("0e999999"),
    "a requirement of a billion": planned(quantity="1000000000"),
    "a peg of a billion": planned(pegging=[{"demand": "B", "quantity": "1e9", "date": "2026-06-15"}]),
    "a receipt of a trillion": received("r-1", quantity="999999999999"),
    "a receipt of almost nothing": received("r-1", quantity="1e-1000027"),
    "an answer of a trillion": answer_of(quantity="999999999999"),
    "a stock of a trillion": stock("-999999999999"),
    "a despatch on the last day of all": announced("d-1") | {"data": announced("d-1")["data"] | {"line": 10**9}},
    "a day before any trade": received("r-1") | {"data": received("r-1")["data"] | {"date": "0001-01-01"}},
    "a receipt of no day": received("r-1") | {"data": received("r-1")["data"] | {"date": "9999-12-31"}},
    "an answer before any trade": answer_of(quantity="1", date="1900-01-01"),
    "an edit to no day": edited("x-1", field="delivery_date", old="2026-06-15", new="9999-12-31"),
    "an order revision of many digits": answered("a-1")
    | {"data": answered("a-1")["data"] | {"order_revision": 10**300}},
    "a plan version of many digits": planned(version=10**300),
    "a price of many digits": {
        **answered("a-1"),
        "data": {"order": "1", "lines": [{"line": 1, "price": "1e30", "schedule_lines": [{"outcome": "accepted"}]}]},
    },
}


@pytest.mark.parametrize("stated", TOO_MUCH.values(), ids=TOO_MUCH.keys())
async def test_a_number_or_date_beyond_all_use_is_refused(gateway: Gateway, stated: dict[str, Any]) -> None:
    response = await gateway.send(stated)
    assert response.status_code == 422, response.text
    assert response.json()["field"].startswith("data.")
    assert [letter.letter.code for letter in await gateway.letters()] == [response.json()["code"]]


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999", "1" + "0" * 500 + ".5"])
async def test_a_number_that_nobody_could_write_out_is_no_json_for_us(gateway: Gateway, number: str) -> None:
    body = json.dumps(planned(version=4711)).replace("4711", number)
    answer = await asyncio.wait_for(gateway.client.post("/v1/events", content=body, headers=STRUCTURED), 5)
    problem(answer, 400, "malformed_json")


@pytest.mark.parametrize(
    ("quantity", "date"),
    [("1e-1000027", "2026-06-10"), ("1e9", "2026-06-10"), ("1", "9999-12-31"), ("1", "0001-01-01")],
)
async def test_a_plans_line_beyond_all_use_is_a_refused_line(gateway: Gateway, quantity: str, date: str) -> None:
    lines = [line("A"), line("B", quantity=quantity, date=date), line("C")]
    assert (await send(gateway, 1, ndjson(*lines))).status_code == 202
    assert [row["outcome"] for row in await report(gateway, 1)][:3].count("refused") == 1


async def test_a_supplier_that_has_no_date_confirms_for_none(gateway: Gateway) -> None:
    await gateway.order()
    await gateway.send(answer_of(quantity="500", date="9999-12-31"))
    await gateway.relay.drain()
    [message] = gateway.entities.messages_to("order/P1/1580/o4500000001")
    answer = message.answer  # type: ignore[union-attr]
    assert isinstance(answer, OrderAnswer)
    [part] = answer.lines[0].schedule_lines
    assert (part.outcome, part.quantity, part.date) == (AnswerOutcome.DATE_PENDING, Decimal(500), None)


async def test_a_despatch_without_a_date_arrives_on_no_day(gateway: Gateway) -> None:
    await gateway.order()
    detail = announced("d-1")
    detail["data"]["date"] = "9999-12-31"
    await gateway.send(detail)
    await gateway.relay.drain()
    [message] = gateway.entities.messages_to("order/P1/1580/o4500000001")
    assert message.shipment.arrives_on is None  # type: ignore[union-attr]


async def test_a_document_with_a_number_beyond_all_use_is_unreadable(gateway: Gateway) -> None:
    await gateway.order()
    location = (await gateway.document("answer;4500000001;1;10;999999999999;2026-06-10")).headers["location"]
    await gateway.relay.drain()
    assert (await gateway.client.get(location)).json()["status"] == "dead_letter"
    [letter] = await gateway.letters()
    assert letter.letter.code == "invalid_value"
    assert "999999999999" in letter.letter.detail


# -- texts and lists that nothing behind the door could hold


@pytest.mark.parametrize(
    "data",
    [
        {"planner": "p" * 201},
        {"sourcing_rule": "r" * 201},
        {"demand_reference": "d" * 201},
        {"pegging": [{"demand": f"B{n}", "quantity": "1", "date": "2026-06-15"} for n in range(1001)]},
    ],
    ids=["planner", "sourcing rule", "reference", "pegs"],
)
async def test_a_text_or_list_beyond_its_limit_is_refused_with_the_limit(
    gateway: Gateway, data: dict[str, Any]
) -> None:
    app = create_app(gateway.ledger, gateway.entities, {}, POLICIES, lambda _: TODAY, relay=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.post("/v1/events", content=json.dumps(planned(**data)), headers=STRUCTURED)
    detail = problem(answer, 422, "invalid_field")
    assert ("1000" if "pegging" in data else "200") in detail["detail"]


async def test_what_an_entity_could_not_hold_is_too_large(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.intake.events.MESSAGE_BYTES_MAX", 300)
    detail = problem(await gateway.send(planned(planner="p" * 200)), 413, "message_too_large")
    assert "300" in detail["detail"]
    assert MESSAGE_BYTES_MAX < 2_000_000


async def test_a_decision_has_a_limit_as_well(gateway: Gateway) -> None:
    body = json.dumps({"choice": "accept", "decided_by": "anna", "comment": "c" * 30_000})
    answer = await gateway.client.post(f"{PATH}/decision", content=body, headers={"content-type": "application/json"})
    assert "20000" in problem(answer, 413, "body_too_large")["detail"]


# -- cheap to send, cheap to refuse


async def test_a_batch_of_too_many_events_is_refused_without_reading_them(gateway: Gateway) -> None:
    body = "[" + ",".join(["{}"] * (cloudevents.BATCH_EVENTS_MAX + 1)) + "]"
    detail = problem(await gateway.client.post("/v1/events", content=body, headers=BATCH), 413, "too_many_events")
    assert "1000" in detail["detail"]


@pytest.mark.parametrize(
    ("repeated", "code"), [(b" " * 200_000 + b"\n", "packed_too_tight"), (b"\n" * 200_001, "too_many_lines")]
)
async def test_a_file_that_unpacks_to_a_thousand_times_is_refused(gateway: Gateway, repeated: bytes, code: str) -> None:
    bomb = gzip.compress(repeated * 500)
    answer = await asyncio.wait_for(send(gateway, 1, bomb, headers={"content-encoding": "gzip"}), 10)
    problem(answer, 413, code)


async def test_a_body_that_stops_in_the_middle_is_cut(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "IDLE_SECONDS_MAX", 0.05)
    stalled = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await stalled.wait()

    for path, headers in (("/v1/events", STRUCTURED), ("/v1/plan-runs?source=aps-main&plant=P1&version=1", NDJSON)):
        answer = await asyncio.wait_for(gateway.client.post(path, content=slow(), headers=headers), 5)
        problem(answer, 408, "body_too_slow")


async def test_a_body_that_comes_in_drops_is_cut(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS_MAX", 0.1)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.02)

    answer = await asyncio.wait_for(gateway.client.post("/v1/events", content=drops(), headers=STRUCTURED), 5)
    problem(answer, 408, "body_too_slow")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/plan-runs"])
async def test_a_client_that_leaves_ends_its_work_without_a_traceback(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": b'{"a":', "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    async def send_back(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"source=aps-main&plant=P1&version=1",
        "root_path": "",
        "headers": [(b"host", b"gateway"), (b"content-type", b"application/x-ndjson")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }
    await asyncio.wait_for(gateway.app(scope, receive, send_back), 5)
    assert [record for record in caplog.records if record.exc_info] == []
    assert await gateway.letters() == ()


async def test_a_document_is_read_beside_the_event_loop(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    read = gateway.dialect.read

    def watched(body: bytes, content_type: str) -> Any:
        threads.append(threading.current_thread().name)
        return read(body, content_type)

    monkeypatch.setattr(gateway.dialect, "read", watched)
    assert (await gateway.document("answer;4500000001;1;10;500;2026-06-10")).status_code == 202
    await gateway.relay.drain()
    assert len(threads) == 1, "at intake, and not again for its delivery"
    assert threading.main_thread().name not in threads


# -- names are bytes too

NAMES = ["計画", "a?b", "a%1bb", "a#b", "50%", "a b", "ü"]


@pytest.mark.parametrize("source", NAMES)
async def test_a_plan_is_found_at_its_location_whatever_its_source_is_called(gateway: Gateway, source: str) -> None:
    taken = await send(gateway, 1, ndjson(line("A")), source=source)
    assert taken.status_code == 202, taken.text
    found = await gateway.client.get(taken.headers["location"])
    assert (found.status_code, found.json()["source"]) == (200, source)
    assert (await gateway.client.get(found.json()["report"])).status_code == 200


@pytest.mark.parametrize("item", NAMES)
async def test_a_requirement_is_linked_whatever_its_item_is_called(gateway: Gateway, item: str) -> None:
    [taken] = (await gateway.send(planned(item=item))).json()["events"]
    detail = problem(await gateway.client.get(taken["link"]), 404, "not_found")
    assert detail["value"] == f"requirement/P1/{item}/aps~PLO-1"


UNSEEN = ["a\tb", "a\x00b", "a\x1bb", "a\u202eb", "a\u2028b", "..", "a\nb"]


@pytest.mark.parametrize("name", UNSEEN)
async def test_a_code_that_can_not_be_seen_is_refused_at_every_door(gateway: Gateway, name: str) -> None:
    assert (await gateway.send(planned(item=name))).status_code in (400, 422)
    query = {"source": name, "plant": "P1", "version": "1"}
    answer = await gateway.client.post("/v1/plan-runs", params=query, content=b"", headers=NDJSON)
    assert answer.status_code in (400, 422), answer.text
    asked = shortage()
    await gateway.record(asked)
    decision = await gateway.client.post(
        f"{PATH}/decision",
        json={"choice": "accept", "decided_by": "anna", "supplier": name},
        headers={"If-Match": f'"{asked.digest}"'},
    )
    assert decision.status_code == 422
    for path in (
        "/v1/requirements/P1/{}/key",
        "/v1/plan-runs/{}/P1/1",
        "/v1/exceptions?assignee={}",
        "/v1/orders/P1/{}/k",
    ):
        found = await gateway.client.get(path.format(quote(name, safe="")))
        assert found.status_code in (200, 400, 404), found.text


@pytest.mark.parametrize("item", ["a\tb", "a\x00b", "\ud800", "x" * 61, "a/b"])
async def test_a_bad_name_in_a_plan_is_a_refused_line(gateway: Gateway, item: str) -> None:
    body = ndjson(line("A"), line("B", item=item), line("C"))
    taken = await send(gateway, 1, body)
    assert taken.status_code == 202, taken.text
    assert (taken.json()["lines"], taken.json()["refused"]) == (3, 1)
    [refused] = [row for row in await report(gateway, 1) if row["outcome"] == "refused"]
    assert refused["field"] == "item"


async def test_half_a_surrogate_pair_is_refused_and_named(gateway: Gateway) -> None:
    body = json.dumps(planned()).replace("PLO-1", "PLO-\\ud800")
    problem(await gateway.client.post("/v1/events", content=body, headers=STRUCTURED), 400, "malformed_event")


async def test_a_key_that_stands_twice_is_refused(gateway: Gateway) -> None:
    body = json.dumps(planned()).replace('"quantity": "500"', '"quantity": "500", "quantity": "5"')
    detail = problem(await gateway.client.post("/v1/events", content=body, headers=STRUCTURED), 400, "malformed_json")
    assert "quantity" in detail["detail"]
    taken = await send(gateway, 1, ndjson(line("A"), json.dumps(line("B"))[:-1] + ', "quantity": "5"}'))
    assert taken.json()["refused"] == 1


async def test_a_column_that_stands_twice_is_refused(gateway: Gateway) -> None:
    csv = "item,quantity,unit,required_date,quantity\nA,1,EA,2026-06-10,2\n"
    answer = await send(gateway, 1, csv.encode(), headers={"content-type": "text/csv"})
    assert "quantity" in problem(answer, 422, "no_head")["detail"]


# -- a web page may not forge answers

ANSWER = "answer;4500000001;1;10;500;2026-06-10"


@pytest.mark.parametrize("media_type", ["text/plain", "text/plain;charset=utf-8", "multipart/form-data; boundary=x"])
async def test_what_a_form_can_send_is_no_document(gateway: Gateway, media_type: str) -> None:
    problem(await gateway.document(ANSWER, **{"content-type": media_type}), 415, "unsupported_media_type")
    assert await gateway.inbox_of("4500000001") == []


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://gateway:81", "https://gateway.evil.example"])
async def test_a_page_of_another_origin_changes_nothing(gateway: Gateway, origin: str) -> None:
    problem(await gateway.document(ANSWER, origin=origin), 403, "foreign_origin")
    problem(await gateway.send(planned(), origin=origin), 403, "foreign_origin")
    problem(await send(gateway, 1, b"", headers={"origin": origin}), 403, "foreign_origin")
    problem(await gateway.client.post(f"{PATH}/decision", json={}, headers={"origin": origin}), 403, "foreign_origin")
    assert await gateway.inbox_of(requirement_id()) == []


async def test_a_page_of_our_own_may(gateway: Gateway) -> None:
    assert (await gateway.document(ANSWER, origin="http://gateway")).status_code == 202


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
async def test_a_name_that_is_not_ours_is_refused(gateway: Gateway, host: str) -> None:
    problem(await gateway.document(ANSWER, host=host), 421, "unknown_host")
    problem(await gateway.client.get("/v1/requirements", headers={"host": host}), 421, "unknown_host")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "10.1.2.3", "gateway:8080"])
async def test_an_address_of_ours_is_known(gateway: Gateway, host: str) -> None:
    assert (await gateway.client.get("/v1/requirements", headers={"host": host})).status_code == 200
