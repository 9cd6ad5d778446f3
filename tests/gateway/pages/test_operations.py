"""An operator's morning: what is stuck, what was not understood, and what was done about it."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape

from canonical.landscape import MaintenanceNotice, Mode, Systems
from canonical.records import Incident
from gateway.access.principal import CallerRole, Principal
from gateway.pages.links import page_of
from ledger.inbox.dead_letters import LetterState
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import DOWN, MORNING, planned, problem, requirement_id
from tests.gateway.pages.pages import HTML, as_person, page, planner
from tests.gateway.plan_words import line, ndjson, send

OLGA = Principal("olga", "Olga", frozenset({CallerRole.OPERATOR}), None)


def text_of(markup: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", markup)))


async def test_what_is_stuck_leads_into_temporal_with_its_last_error(gateway: Gateway) -> None:
    order = await gateway.order()
    opened = gateway.audit_event(
        order.id, "incident.opened", MORNING, {"call": "erp.place_order", "error": "503 from it"}
    )
    await gateway.record(order, opened)
    stuck = Incident(
        id=order.id, run_id="r-1", type="PurchaseOrder", plant="P1", call="erp.place_order", started_at=MORNING
    )
    gateway.entities.stuck = [stuck, stuck.model_copy(update={"id": "order/P2/1/o2", "plant": "P2"})]
    shown = await page(gateway, "/operations")
    assert "503 from it" in shown
    assert "order/P2/1/o2" in shown
    assert "Temporal" not in re.sub(r"<title>.*?</title>", "", shown)
    with as_person(gateway, Principal("olga", "Olga", frozenset({CallerRole.OPERATOR}), frozenset({"P1"}))):
        assert "order/P2/1/o2" not in await page(gateway, "/operations")
    gateway.entities.failures = [DOWN]
    assert "Temporal can’t be asked now" in unescape(await page(gateway, "/operations"))


async def test_policies_runs_and_messages_that_stand_still_are_on_one_page(gateway: Gateway) -> None:
    gateway.policies.faults = ("plants/P1.toml: buyer is missing",)
    await send(gateway, 1, ndjson(line("A")))
    await gateway.send(planned())
    [message] = await gateway.inbox_of(requirement_id())
    await gateway.ledger.inbox.postponed([message.id], "no such namespace", dt.timedelta(hours=1))
    shown = text_of(await page(gateway, "/operations"))
    assert "plants/P1.toml: buyer is missing" in shown
    assert "aps-main, version 1" in shown
    assert "1 wait, 1 of them after a failed attempt" in shown
    assert "no such namespace" in shown
    answer = await gateway.client.post("/operations/undelivered", data={})
    assert answer.headers["location"] == "/operations?due=1"
    await gateway.relay.drain()
    assert "free: nothing is due" in await page(gateway, "/operations")
    assert "None." in await page(gateway, "/operations/undelivered?failing=true")
    assert (await gateway.statuses(requirement_id())) == ["delivered"]


async def letters(gateway: Gateway, *bodies: str) -> list[str]:
    for body in bodies:
        await gateway.document(body)
    await gateway.relay.drain()
    return [kept.id for kept in await gateway.letters()]


async def test_a_letter_is_read_as_text_and_replayed_after_the_fix(gateway: Gateway) -> None:
    [letter] = await letters(gateway, "<script>alert(1)</script>\x1b[2J")
    shown = await page(gateway, f"/operations/dead-letters/{letter}")
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J" in shown
    with as_person(gateway, OLGA):
        answer = await gateway.client.post(f"/operations/dead-letters/{letter}", data={"next": "replay"}, headers=HTML)
        assert answer.status_code == 422
        assert "the count says 3 segments" in answer.text
        assert f'href="/operations/dead-letters/{letter}"' in await page(gateway, "/operations/dead-letters")


async def test_all_letters_with_one_reason_are_replayed_and_those_whose_cause_remains_stay(gateway: Gateway) -> None:
    ids = await letters(gateway, "despatch;4500000001;D-1", "despatch;4500000002;D-2", "nonsense")
    assert len(ids) == 3
    await gateway.order("4500000001")
    code = (await gateway.letters())[0].letter.code
    channel = (await gateway.letters())[0].letter.channel
    listed = await page(gateway, f"/operations/dead-letters?channel={channel}&code={code}")
    assert "Replay all with this reason" in listed
    with as_person(gateway, OLGA):
        answer = await gateway.client.post("/operations/dead-letters", data={"channel": channel, "code": code})
    assert "replayed=1&failed=1" in answer.headers["location"]
    assert "1 replayed, 1 could not be and stay open" in text_of(await page(gateway, answer.headers["location"]))
    states = {kept.id: kept.state for kept in await gateway.letters()}
    assert [states[each] for each in ids] == [LetterState.REPLAYED, LetterState.OPEN, LetterState.OPEN]
    assert len(gateway.entities.messages) == 1


async def test_a_letter_is_dropped_only_for_a_reason_and_who_did_it_is_kept(gateway: Gateway) -> None:
    [letter] = await letters(gateway, "nonsense")
    address = f"/operations/dead-letters/{letter}"
    with as_person(gateway, OLGA):
        answer = await gateway.client.post(address, data={"next": "drop", "reason": " "}, headers=HTML)
        assert answer.status_code == 422
        assert "dropped for a reason" in answer.text
        answer = await gateway.client.post(address, data={"next": "drop", "reason": "a test of theirs"}, headers=HTML)
        assert answer.status_code == 303
    shown = text_of(await page(gateway, address))
    assert "olga dropped a test of theirs" in shown
    assert "Replay it" not in shown
    again = await gateway.client.post(f"/v1/dead-letters/{letter}/drop", json={"reason": "twice"})
    problem(again, 409, "already_settled")


async def test_only_operators_get_there_and_business_questions_do_not(gateway: Gateway) -> None:
    with as_person(gateway, planner("P1")):
        for address in ("", "/undelivered", "/dead-letters", "/dead-letters/x"):
            await page(gateway, f"/operations{address}", 403)
    [letter] = await letters(gateway, "nonsense")
    with as_person(gateway, Principal("olga", "Olga", frozenset({CallerRole.OPERATOR}), frozenset({"P2"}))):
        await page(gateway, f"/operations/dead-letters/{letter}", 404)
        assert letter not in await page(gateway, "/operations/dead-letters")


async def test_a_system_in_maintenance_is_named_to_operators_and_on_its_orders(gateway: Gateway) -> None:
    class Away:
        faults = ("landscape.toml line 3: rate = 0",)
        said: Mode = "live"

        def mode(self, plant: str, item_class: str = "", system: str = "") -> Mode:
            return self.said

        def systems_of(self, plant: str, supplier: str, route: object = None) -> Systems:
            return Systems(erp="sap-north", channel="edi", planning="aps")

        def maintenance(self, systems: Sequence[str] = ()) -> list[MaintenanceNotice]:
            return [MaintenanceNotice(system="edi", until="06:00 (UTC)")] if not systems or "edi" in systems else []

    gateway.app.state.parts = replace(gateway.app.state.parts, landscape=(away := Away()))
    order = await gateway.order(erp="sap-north")
    for shown in (await page(gateway, "/operations"), await page(gateway, page_of(order.id))):
        assert "edi is in maintenance until 06:00 (UTC)" in text_of(shown)
    assert "landscape.toml line 3" in await page(gateway, "/operations")
    assert "only observed" not in await page(gateway, page_of(order.id))
    away.said = "observe"
    assert "Plant P1 is only observed now" in text_of(await page(gateway, page_of(order.id)))
