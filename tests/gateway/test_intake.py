"""What comes in is stored once and answered the same; what is bad is refused clearly and kept whole."""

import datetime as dt
import json
from typing import Any

import pytest

from tests.gateway.conftest import BATCH, STRUCTURED, Gateway
from tests.gateway.fakes import answered, event, planned, problem, received, requirement_id, withdrawn


async def test_an_event_is_stored_and_the_answer_links_to_its_requirement(gateway: Gateway) -> None:
    response = await gateway.send(planned())
    assert response.status_code == 202
    [outcome] = response.json()["events"]
    assert outcome == {
        "source": "aps",
        "id": "e-1",
        "type": "pegline.requirement.planned.v1",
        "outcome": "stored",
        "entity": requirement_id(),
        "link": "/v1/requirements/P1/FR-R92B-58/aps~PLO-1",
    }
    assert await gateway.statuses(requirement_id()) == ["stored"]


async def test_the_three_content_modes_are_equivalent(gateway: Gateway) -> None:
    stated = planned()
    headers = {f"ce-{name}": value for name, value in stated.items() if name != "data"}
    await gateway.send(stated)
    binary = await gateway.client.post(
        "/v1/events", content=json.dumps(stated["data"]), headers={**headers, "content-type": "application/json"}
    )
    batch = await gateway.send_batch(stated)
    assert (binary.status_code, batch.status_code) == (202, 202)
    assert len(await gateway.inbox_of(requirement_id())) == 1


async def test_the_same_event_again_gets_the_same_answer_whatever_the_order_of_its_keys(gateway: Gateway) -> None:
    first = await gateway.send(planned())
    again = await gateway.send(dict(reversed(planned().items())))
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(await gateway.inbox_of(requirement_id())) == 1
    assert await gateway.letters() == ()


async def test_the_same_event_again_is_known_after_its_date_has_passed(gateway: Gateway) -> None:
    first = await gateway.send(planned(required_date="2026-06-01"))
    gateway.clock[0] += dt.timedelta(days=1)
    gateway.today[0] += dt.timedelta(days=1)
    again = await gateway.send(planned(required_date="2026-06-01"))
    assert (again.status_code, again.json()) == (202, first.json())


async def test_the_same_id_with_another_body_is_a_conflict_and_both_bodies_are_kept(gateway: Gateway) -> None:
    await gateway.send(planned())
    statement = problem(await gateway.send(planned(quantity="600")), 409, "same_id_other_body")
    assert (statement["field"], statement["value"]) == ("id", "e-1")
    [letter] = await gateway.letters()
    assert json.loads(letter.letter.body)["data"]["quantity"] == "600"
    [kept] = await gateway.inbox_of(requirement_id())
    assert json.loads(kept.body)["data"]["quantity"] == "500"


async def test_one_id_of_two_sources_is_two_events(gateway: Gateway) -> None:
    await gateway.send(planned())
    response = await gateway.send(planned(attributes={"source": "//aps.example/plant one"}))
    assert response.status_code == 202
    assert response.json()["events"][0]["entity"] != requirement_id()


BAD: list[tuple[str, int, str, str, Any, dict[str, Any]]] = [
    ("unknown plant", 422, "unknown_plant", "data.plant", "P9", planned(plant="P9")),
    ("unknown unit", 422, "unknown_unit", "data.unit", "PCE", planned(unit="PCE")),
    ("negative quantity", 422, "invalid_field", "data.quantity", "-5", planned(quantity="-5")),
    ("no quantity at all", 422, "invalid_field", "data.quantity", "0", planned(quantity="0")),
    ("a quantity in words", 422, "invalid_field", "data.quantity", "many", planned(quantity="many")),
    ("not a number", 422, "invalid_field", "data.quantity", "NaN", planned(quantity="NaN")),
    (
        "a date ten years back",
        422,
        "date_out_of_range",
        "data.required_date",
        "2016-05-01",
        planned(required_date="2016-05-01"),
    ),
    (
        "a date with a time",
        422,
        "invalid_field",
        "data.required_date",
        "2026-06-15T00:00:00",
        planned(required_date="2026-06-15T00:00:00"),
    ),
    ("a date as seconds", 422, "invalid_field", "data.required_date", "1781481600", planned(required_date=1781481600)),
    ("a thousand read as one", 422, "fraction_of_a_count", "data.quantity", "1.200", planned(quantity="1.200")),
    (
        "a peg of a fraction",
        422,
        "fraction_of_a_count",
        "data.pegging[0].quantity",
        "0.5",
        planned(pegging=[{"demand": "B-1", "quantity": "0.5", "date": "2026-06-15"}]),
    ),
    ("a receipt of a fraction", 422, "fraction_of_a_count", "data.quantity", "1.5", received("e-1", quantity="1.5")),
    (
        "an answer of a fraction",
        422,
        "fraction_of_a_count",
        "data.lines[0].schedule_lines[0].quantity",
        "1.5",
        answered("e-1", quantity="1.5"),
    ),
    ("marks between thousands", 422, "invalid_field", "data.quantity", "1_200", planned(quantity="1_200")),
    ("a quantity that is true", 422, "invalid_field", "data.quantity", "true", planned(quantity=True)),
    (
        "date of the year 9999",
        422,
        "date_out_of_range",
        "data.required_date",
        "9999-12-31",
        planned(required_date="9999-12-31"),
    ),
    ("no ISO date", 422, "invalid_field", "data.required_date", "15.06.2026", planned(required_date="15.06.2026")),
    (
        "a pegged date out of range",
        422,
        "date_out_of_range",
        "data.pegging[0].date",
        "1926-06-15",
        planned(pegging=[{"demand": "B-1", "quantity": "1", "date": "1926-06-15"}]),
    ),
    ("an item with a slash", 422, "invalid_field", "data.item", "A/B", planned(item="A/B")),
    ("a plan version no column holds", 422, "invalid_field", "data.plan_version", str(10**30), planned(version=10**30)),
    ("a negative plan version", 422, "invalid_field", "data.plan_version", "-1", planned(version=-1)),
    ("unknown type", 422, "unknown_event_type", "type", "x.y.v1", event("e-1", "x.y.v1", {})),
    ("no specversion", 400, "malformed_event", "specversion", "0.3", planned(attributes={"specversion": "0.3"})),
    ("no id", 400, "malformed_event", "id", None, planned(attributes={"id": None})),
    ("an id with a line break", 400, "malformed_event", "id", "a\nb", planned(attributes={"id": "a\nb"})),
    ("a numeric id", 400, "malformed_event", "id", "7", planned(attributes={"id": 7})),
    ("no source", 400, "malformed_event", "source", "", planned(attributes={"source": ""})),
    (
        "a time without offset",
        400,
        "malformed_event",
        "time",
        "2026-06-01T08:00:00",
        planned(attributes={"time": "2026-06-01T08:00:00"}),
    ),
    ("a time that is none", 400, "malformed_event", "time", "yesterday", planned(attributes={"time": "yesterday"})),
    ("no time on a requirement", 400, "malformed_event", "time", None, planned(attributes={"time": None})),
    ("data that is no object", 400, "malformed_event", "data", "[1]", planned(attributes={"data": [1]})),
    ("an attribute in capitals", 400, "malformed_event", "Plant", "Plant", planned(attributes={"Plant": "P1"})),
    ("a NUL in the data", 400, "malformed_event", "data.demand_reference", "PLO\x001", planned("e-1", "PLO\x001")),
    ("half a surrogate pair", 400, "malformed_event", "data.demand_reference", "\\ud800", planned("e-1", "\ud800")),
    (
        "withdrawal of an unknown plant",
        422,
        "unknown_plant",
        "data.plant",
        "P9",
        withdrawn("e-1") | {"data": withdrawn("e-1")["data"] | {"plant": "P9"}},
    ),
    ("a receipt without order", 422, "invalid_field", "data.order", "", received("e-1", order="")),
    ("a receipt of nothing", 422, "invalid_field", "data.quantity", "0", received("e-1", quantity="0")),
    (
        "an answer of less than nothing",
        422,
        "invalid_field",
        "data.lines[0].schedule_lines[0].quantity",
        "-1",
        answered("e-1", quantity="-1"),
    ),
]


@pytest.mark.parametrize(
    ("status", "code", "field", "value", "stated"), [each[1:] for each in BAD], ids=[each[0] for each in BAD]
)
async def test_a_bad_event_is_refused_by_field_and_value_and_kept_whole(
    gateway: Gateway, status: int, code: str, field: str, value: str | None, stated: dict[str, Any]
) -> None:
    body = json.dumps(stated).encode()
    response = await gateway.client.post("/v1/events", content=body, headers=STRUCTURED)
    statement = problem(response, status, code)
    assert (statement["field"], statement.get("value")) == (field, value if value != "" else statement.get("value"))
    [letter] = await gateway.letters()
    assert letter.letter.body == body
    assert statement["dead_letter"] == f"/v1/dead-letters/{letter.id}"
    assert (await gateway.ledger.reads.waiting_summary()).undelivered == 0


async def test_an_unknown_plant_names_the_known_ones(gateway: Gateway) -> None:
    statement = problem(await gateway.send(planned(plant="P9")), 422, "unknown_plant")
    assert "P1, P2" in statement["detail"]


async def test_a_missing_demand_reference_points_to_plan_runs_which_match_without_one(gateway: Gateway) -> None:
    stated = planned()
    del stated["data"]["demand_reference"]
    statement = problem(await gateway.send(stated), 422, "invalid_field")
    assert statement["field"] == "data.demand_reference"
    assert "/v1/plan-runs" in statement["next_step"]


async def test_all_wrong_fields_are_named_at_once(gateway: Gateway) -> None:
    statement = problem(
        await gateway.send(planned(quantity="-1", unit="PCE", required_date="soon")), 422, "invalid_field"
    )
    assert [each["field"] for each in statement["errors"]] == ["data.quantity", "data.unit", "data.required_date"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b'{"specversion": "1.0", "id": ', "application/cloudevents+json", 400, "malformed_json"),
        (b"\xff\xfe", "application/cloudevents+json", 400, "malformed_json"),
        (b"", "application/cloudevents+json", 400, "malformed_json"),
        (b"[" * 5000, "application/cloudevents+json", 400, "malformed_json"),
        (b'{"specversion":"1.0","data":{"a":NaN}}', "application/cloudevents+json", 400, "malformed_json"),
        (b"[1]", "application/cloudevents+json", 400, "malformed_event"),
        (b'{"a": 1}', "application/cloudevents-batch+json", 400, "malformed_event"),
        (b"[{},", "application/cloudevents-batch+json", 400, "malformed_json"),
        (b"hello", "text/plain", 415, "not_a_cloudevent"),
    ],
)
async def test_a_body_that_is_no_event_is_refused_and_kept(
    gateway: Gateway, body: bytes, content_type: str, status: int, code: str
) -> None:
    problem(await gateway.client.post("/v1/events", content=body, headers={"content-type": content_type}), status, code)
    [letter] = await gateway.letters()
    assert (letter.letter.body, letter.letter.content_type) == (body, content_type)


async def test_deep_nesting_is_refused_before_it_can_hurt(gateway: Gateway) -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"a": deep}
    problem(await gateway.send(planned(more=deep)), 400, "malformed_event")


async def test_of_a_batch_the_good_are_stored_and_the_bad_are_kept_apart(gateway: Gateway) -> None:
    bad = planned("e-2", "PLO-2", unit="PCE")
    text = f"[ {json.dumps(planned())} ,\n{json.dumps(bad, indent=1)}, 7]"
    response = await gateway.client.post("/v1/events", content=text, headers=BATCH)
    assert response.status_code == 202
    taken = response.json()
    assert (taken["stored"], taken["refused"]) == (1, 2)
    assert [each["outcome"] for each in taken["events"]] == ["stored", "refused", "refused"]
    assert taken["events"][1]["id"] == "e-2"
    assert taken["events"][1]["problem"]["field"] == "data.unit"
    letters = await gateway.letters()
    assert [each.letter.body for each in letters] == [json.dumps(bad, indent=1).encode(), b"7"]


async def test_a_batch_of_nothing_good_is_refused_with_a_reason_each(gateway: Gateway) -> None:
    statement = problem(
        await gateway.send_batch(planned(unit="PCE"), planned("e-2", plant="P9")), 422, "no_event_stored"
    )
    assert [each["problem"]["code"] for each in statement["events"]] == ["unknown_unit", "unknown_plant"]
    assert len(await gateway.letters()) == 2


async def test_an_empty_batch_is_a_probe(gateway: Gateway) -> None:
    response = await gateway.send_batch()
    assert (response.status_code, response.json()) == (202, {"stored": 0, "refused": 0, "events": []})


async def test_a_batch_that_has_an_id_twice_with_two_bodies_keeps_both(gateway: Gateway) -> None:
    taken = (await gateway.send_batch(planned(), planned(quantity="1"))).json()
    assert [each["outcome"] for each in taken["events"]] == ["stored", "refused"]
    assert taken["events"][1]["problem"]["status"] == 409
    assert len(await gateway.letters()) == 1


async def test_a_body_beyond_the_limit_is_refused_with_or_without_a_content_length(gateway: Gateway) -> None:
    async def drops() -> Any:
        for _ in range(30):
            yield b" " * 1000

    stated = await gateway.client.post("/v1/events", content=b" " * 30_000, headers=STRUCTURED)
    unstated = await gateway.client.post("/v1/events", content=drops(), headers=STRUCTURED)
    for response in (stated, unstated):
        statement = problem(response, 413, "body_too_large")
        assert "20000" in statement["detail"]


async def test_a_document_is_stored_as_it_is_and_its_location_shows_what_became_of_it(gateway: Gateway) -> None:
    response = await gateway.document(
        "answer;4500000001;1;10;500;2026-06-10", **{"content-type": "application/edifact"}
    )
    assert response.status_code == 202
    location = response.headers["location"]
    assert location == response.json()["status_link"]
    status = (await gateway.client.get(location)).json()
    assert (status["status"], status["order"], status["channel"]) == ("stored", "4500000001", "plain")


async def test_the_same_document_again_is_one_and_a_key_makes_two_of_it(gateway: Gateway) -> None:
    text = "answer;4500000001;1;10;500;2026-06-10"
    first, again = await gateway.document(text), await gateway.document(text)
    keyed = await gateway.document(text, **{"idempotency-key": "77"})
    assert again.headers["location"] == first.headers["location"] != keyed.headers["location"]
    statement = problem(await gateway.document("other", **{"idempotency-key": "77"}), 409, "same_id_other_body")
    assert statement["field"] == "Idempotency-Key"
    [letter] = await gateway.letters()
    assert letter.letter.body == b"other"


async def test_a_document_of_an_unknown_channel_is_kept_and_the_channels_are_named(gateway: Gateway) -> None:
    statement = problem(await gateway.document("UNB+...", channel="edifact"), 404, "unknown_channel")
    assert "plain" in statement["next_step"]
    [letter] = await gateway.letters()
    assert (letter.letter.channel, letter.letter.body) == ("supplier/edifact", b"UNB+...")


async def test_an_empty_document_is_refused(gateway: Gateway) -> None:
    problem(await gateway.document(""), 400, "empty_body")


async def test_a_document_that_the_reader_stumbles_over_is_stored_all_the_same(gateway: Gateway) -> None:
    gateway.dialect.broken = True
    assert (await gateway.document("anything")).status_code == 202


@pytest.mark.parametrize("identity", ["0", "abc", "9" * 30, "²"])
async def test_an_unknown_message_is_not_found(gateway: Gateway, identity: str) -> None:
    problem(await gateway.client.get(f"/v1/suppliers/messages/{identity}"), 404, "not_found")


async def test_the_correlation_is_the_senders_else_its_trace_else_made_of_the_event(gateway: Gateway) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    traceparent = f"00-{trace}-00f067aa0ba902b7-01"
    await gateway.send(planned("e-1", attributes={"correlationid": "order-77"}))
    await gateway.send(planned("e-2"), traceparent=traceparent)
    await gateway.send(planned("e-3", attributes={"traceparent": traceparent}))
    await gateway.send(planned("e-4"))
    kept = {each.event_id: each for each in await gateway.inbox_of(requirement_id())}
    assert kept["e-1"].correlation_id == "order-77"
    assert kept["e-2"].correlation_id == kept["e-3"].correlation_id == trace
    assert (kept["e-2"].traceparent or "").split("-")[1] == trace
    assert kept["e-4"].correlation_id not in ("", trace)


async def test_paths_and_methods_that_are_not_there_are_problems_too(gateway: Gateway) -> None:
    problem(await gateway.client.get("/v1/nothing"), 404, "not_found")
    problem(await gateway.client.get("/v1/events"), 405, "method_not_allowed")


async def test_names_that_mean_nothing_are_told_in_the_answer(gateway: Gateway) -> None:
    pegging = [{"demand": "B-1", "quantity": "5", "date": "2026-06-15", "color": "red"}]
    answer = await gateway.send(planned(pegging=pegging, location="P2"))
    assert answer.status_code == 202
    assert answer.json()["events"][0]["ignored"] == ["data.pegging[0].color", "data.location"]
    assert "ignored" not in (await gateway.send(planned("e-2"))).json()["events"][0]


async def test_a_past_due_requirement_is_taken(gateway: Gateway) -> None:
    assert (await gateway.send(planned(required_date="2026-05-04"))).status_code == 202


async def test_an_attribute_that_is_stated_twice_in_headers_is_refused(gateway: Gateway) -> None:
    headers = [("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", "a"), ("ce-id", "b")]
    answer = await gateway.client.post("/v1/events", content=b"{}", headers=headers)
    assert problem(answer, 400, "malformed_event")["field"] == "ce-id"


async def test_an_answer_that_names_a_line_twice_is_refused(gateway: Gateway) -> None:
    twice = answered("e-1")
    twice["data"]["lines"] *= 2
    assert problem(await gateway.send(twice), 422, "invalid_field")["field"] == "data.lines"
