"""The EDI simulator takes orders, changes and reminders, and its suppliers answer as configured."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.errors import UnreadableMessage
from canonical.order import AnswerOutcome, DocumentAcknowledged, OrderAnswer, ShipmentAnnounced
from simulators.edi.app import create
from simulators.edi.syntax import BadInterchange, compose, parse
from simulators.faults import InProcessTransport
from tests.adapters.supplier.edifact.documents import Content, read
from tests.simulators.fake_gateway import FakeGateway

ORDER = "4500000017"
ASKED = date(2026, 6, 15)


def line(number: int, quantity: str = "100", day: str = "20260615", action: str = "", price: str = "14.99") -> str:
    return f"LIN+{number}+{action}+CH-0234:BP'QTY+21:{quantity}:EA'DTM+2:{day}:102'PRI+AAA:{price}:::12'"


def document(kind: str, lines: Sequence[str], revision: int = 1, order: str = ORDER, more: str = "") -> bytes:
    beginning = {"ORDERS": f"BGM+220+{order}+9'", "ORDCHG": f"BGM+230+{order}+4'", "OSTENQ": "BGM+347+E1'"}[kind]
    parties = "NAD+BY+1710::92'NAD+SU+VISION0001::92'CUX+2:USD:9'"
    heading = f"{beginning}DTM+137:20260601:102'{more}RFF+ON:{order}::{revision}'{parties}"
    body = heading + "".join(lines) + (f"UNS+S'CNT+2:{len(lines)}'" if lines else "")
    reference = f"{kind}{order}{revision}"
    count = body.count("'") + 2
    return (
        f"UNB+UNOC:3+PEGLINE+VAN+260601:0800+{reference}'UNH+1+{kind}:D:96A:UN'{body}UNT+{count}+1'UNZ+1+{reference}'"
    ).encode()


@dataclass
class Scene:
    gateway: FakeGateway
    http: httpx.AsyncClient
    settle: Any

    async def send(self, body: bytes, key: str = "", status: int = 200) -> Any:
        headers = {"Content-Type": "application/edifact", **({"Idempotency-Key": key} if key else {})}
        response = await self.http.post("/messages", content=body, headers=headers)
        assert response.status_code == status, response.text
        await self.settle()
        return response

    async def rules(self, *rules: dict[str, Any]) -> None:
        response = await self.http.post("/control/behaviours", json=list(rules))
        assert response.status_code == 200, response.text

    async def books(self) -> Any:
        return (await self.http.get("/control/books")).json()

    def answers(self) -> list[Content]:
        """All that arrived at the gateway, as our adapter reads it; the list is emptied."""
        detail = [each for body in self.gateway.documents for each in read(body)]
        self.gateway.documents.clear()
        return detail

    def answer(self) -> OrderAnswer:
        (detail,) = self.answers()
        assert isinstance(detail, OrderAnswer)
        return detail


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    gateway = FakeGateway()
    transport = gateway.transport
    edi = create("http://gateway", transport=transport, answer_after_seconds=0, first_pause_seconds=0.001)
    async with httpx.AsyncClient(transport=InProcessTransport(app=edi), base_url="http://edi") as http:

        async def settle() -> None:
            await http.post("/control/settle")

        yield Scene(gateway, http, settle)


def schedule_lines(answer: OrderAnswer, number: int) -> list[tuple[AnswerOutcome, Decimal | None, date | None]]:
    (found,) = [each for each in answer.lines if each.line == number]
    return [(part.outcome, part.quantity, part.date) for part in found.schedule_lines]


async def test_an_order_is_accepted_as_asked_and_the_promise_is_in_the_books(scene: Scene) -> None:
    await scene.send(document("ORDERS", [line(10), line(20, "30")]))
    answer = scene.answer()
    assert (answer.order_number, answer.order_revision, answer.header) == (ORDER, 1, "accepted")
    assert schedule_lines(answer, 10) == [(AnswerOutcome.ACCEPTED, Decimal(100), ASKED)]
    order = (await scene.books())["orders"][ORDER]
    assert (order["supplier"], order["plant"], order["promised_revision"]) == ("VISION0001", "1710", 1)
    assert order["lines"]["20"]["confirmed"] == [{"quantity": "30", "date": "2026-06-15", "state": "confirmed"}]


@pytest.mark.parametrize("again", ["key", "interchange"])
async def test_the_same_document_again_is_answered_the_same_and_processed_once(scene: Scene, again: str) -> None:
    first = await scene.send(document("ORDERS", [line(10)]), key="k1")
    second = await scene.send(document("ORDERS", [line(10)]), key="k1" if again == "key" else "")
    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    books = await scene.books()
    assert (books["counts"]["received"], books["counts"]["duplicates"], len(scene.answers())) == (1, 1, 1)


async def test_a_key_stands_for_one_document_only(scene: Scene) -> None:
    await scene.send(document("ORDERS", [line(10)]), key="k1")
    other = document("ORDERS", [line(10)], order="4500000018")
    assert "Idempotency-Key k1 was used" in (await scene.send(other, key="k1", status=409)).text
    same_reference = other.replace(b"45000000181", b"45000000171")
    assert "was used for another document" in (await scene.send(same_reference, status=409)).text
    assert list((await scene.books())["orders"]) == [ORDER]


async def test_an_order_that_comes_again_after_a_change_is_no_news(scene: Scene) -> None:
    await scene.send(document("ORDERS", [line(10)]))
    await scene.send(document("ORDCHG", [line(10, "150", action="3")], revision=2))
    again = document("ORDERS", [line(10)]).replace(f"ORDERS{ORDER}1".encode(), b"AGAIN")
    assert (await scene.send(again)).json()["messages"][0]["done"] == "held already"
    assert (await scene.books())["orders"][ORDER]["lines"]["10"]["quantity"] == "150"


async def test_wrong_counts_and_unknown_orders_are_refused_with_the_reason(scene: Scene) -> None:
    cut = document("ORDERS", [line(10)]).replace(b"UNT+14", b"UNT+12")
    assert b"UNT+12" in cut
    assert "UNT counts 12 segments, there are 14" in (await scene.send(cut, status=422)).text
    more = document("ORDERS", [line(10)]).replace(b"UNZ+1", b"UNZ+2")
    assert "UNZ counts 2 messages" in (await scene.send(more, status=422)).text
    change = document("ORDCHG", [line(10)], revision=2)
    assert f"order {ORDER} is not known here" in (await scene.send(change, status=422)).text
    count = document("ORDERS", [line(10)]).replace(b"CNT+2:1", b"CNT+2:3")
    assert "CNT+2 counts 3 lines" in (await scene.send(count, status=422)).text
    assert (await scene.books())["counts"]["refused"] == 4


async def test_a_refused_document_can_be_sent_again_under_the_same_key_once_it_is_right(scene: Scene) -> None:
    await scene.send(document("ORDERS", [line(10)]).replace(b"UNZ+1", b"UNZ+2"), key="k", status=422)
    await scene.send(document("ORDERS", [line(10)]), key="k")
    assert scene.answer().header == "accepted"


async def test_lines_are_answered_later_split_short_rejected_and_dearer_as_the_rules_say(scene: Scene) -> None:
    await scene.rules(
        {"match": {"line": 10}, "behaviour": "later_date", "days": 6},
        {"match": {"line": 20}, "behaviour": "split", "share": "0.6", "days": 4},
        {"match": {"line": 30}, "behaviour": "backorder_part", "share": "0.25"},
        {"match": {"line": 40}, "behaviour": "reject"},
        {"match": {"line": 50}, "behaviour": "price_change", "percent": "10"},
    )
    await scene.send(document("ORDERS", [line(n) for n in (10, 20, 30, 40, 50, 60)]))
    answer = scene.answer()
    assert answer.header == "per_line"
    changed = AnswerOutcome.CHANGED
    assert schedule_lines(answer, 10) == [(changed, Decimal(100), date(2026, 6, 23))]
    assert schedule_lines(answer, 20) == [(changed, Decimal(60), ASKED), (changed, Decimal(40), date(2026, 6, 19))]
    assert schedule_lines(answer, 30) == [(changed, Decimal(75), ASKED), (AnswerOutcome.BACKORDERED, Decimal(25), None)]
    assert schedule_lines(answer, 40) == [(AnswerOutcome.REJECTED, Decimal(100), None)]
    prices = {each.line: each.price for each in answer.lines}
    assert prices[50] == Decimal("16.489")
    assert schedule_lines(answer, 60) == [(AnswerOutcome.ACCEPTED, Decimal(100), ASKED)]
    lines = (await scene.books())["orders"][ORDER]["lines"]
    assert lines["30"]["confirmed"][1] == {"quantity": "25", "date": None, "state": "backordered"}
    assert (lines["40"]["rejected"], lines["40"]["confirmed"]) == (True, [])


async def test_an_order_of_which_every_line_is_rejected_is_rejected_as_a_whole(scene: Scene) -> None:
    await scene.rules({"behaviour": "reject"})
    await scene.send(document("ORDERS", [line(10), line(20)]))
    assert scene.answer().header == "rejected"


async def test_a_heading_alone_accepts_everything(scene: Scene) -> None:
    await scene.rules({"behaviour": "accept_header_only"})
    await scene.send(document("ORDERS", [line(10), line(20)]))
    answer = scene.answer()
    assert (answer.header, answer.lines) == ("accepted", ())


async def test_a_silent_supplier_answers_when_reminded(scene: Scene) -> None:
    await scene.rules({"behaviour": "silent_until_reminded"}, {"match": {"line": 10}, "behaviour": "later_date"})
    await scene.send(document("ORDERS", [line(10)]))
    assert scene.answers() == []
    assert (await scene.books())["orders"][ORDER]["waiting"] == "silent"
    await scene.send(document("OSTENQ", []))
    assert schedule_lines(scene.answer(), 10) == [(AnswerOutcome.CHANGED, Decimal(100), date(2026, 6, 22))]
    books = await scene.books()
    assert (books["orders"][ORDER]["reminders"], books["orders"][ORDER]["waiting"]) == (1, None)


async def test_an_answer_can_come_twice_with_the_same_bytes(scene: Scene) -> None:
    await scene.rules({"behaviour": "answer_twice"})
    await scene.send(document("ORDERS", [line(10)]))
    first, second = scene.gateway.documents
    assert first == second


async def test_an_unreadable_answer_is_followed_by_the_right_one_on_command(scene: Scene) -> None:
    await scene.rules({"behaviour": "unreadable"})
    await scene.send(document("ORDERS", [line(10)]))
    with pytest.raises(UnreadableMessage) as unreadable:
        scene.answers()
    assert unreadable.value.code == "control_count"
    scene.gateway.documents.clear()
    assert (await scene.http.post("/control/fix", json={"order": ORDER})).status_code == 200
    assert scene.answer().header == "accepted"
    assert (await scene.http.post("/control/fix", json={"order": "45"})).status_code == 404


async def test_a_change_is_answered_at_the_former_revision_first(scene: Scene) -> None:
    await scene.rules({"behaviour": "answer_old_revision"})
    await scene.send(document("ORDERS", [line(10)]))
    assert scene.answer().order_revision == 1
    await scene.send(document("ORDCHG", [line(10, "150", action="3")], revision=2))
    old, right = scene.answers()
    assert isinstance(old, OrderAnswer)
    assert isinstance(right, OrderAnswer)
    assert (old.order_revision, right.order_revision) == (1, 2)
    assert schedule_lines(old, 10)[0][1] == Decimal(100)
    assert schedule_lines(right, 10)[0][1] == Decimal(150)


async def test_a_change_adds_lines_deletes_lines_and_leaves_promises_alone(scene: Scene) -> None:
    await scene.rules({"match": {"line": 10}, "behaviour": "later_date", "days": 5})
    await scene.send(document("ORDERS", [line(10), line(20)]))
    scene.answers()
    changed = [line(10, action="4"), line(20, action="2"), line(30, "40", action="1")]
    await scene.send(document("ORDCHG", changed, revision=2))
    answer = scene.answer()
    assert schedule_lines(answer, 10) == [(AnswerOutcome.CHANGED, Decimal(100), date(2026, 6, 22))]
    assert schedule_lines(answer, 20) == [(AnswerOutcome.DELETED, None, None)]
    assert schedule_lines(answer, 30) == [(AnswerOutcome.ACCEPTED, Decimal(40), ASKED)]
    order = (await scene.books())["orders"][ORDER]
    assert order["revisions_received"] == [1, 2]
    assert [order["lines"][number]["cancelled"] for number in ("10", "20", "30")] == [False, True, False]


async def test_a_supplier_that_was_late_stays_late_until_it_is_asked_to_expedite(scene: Scene) -> None:
    await scene.rules({"behaviour": "later_date", "days": 5})
    await scene.send(document("ORDERS", [line(10)]))
    await scene.send(document("ORDCHG", [line(10, "150", action="3")], revision=2))
    await scene.send(document("ORDCHG", [line(10, "150", action="4")], revision=3, more="FTX+PUR+1++EXPEDITE'"))
    days = [schedule_lines(each, 10)[0][2] for each in scene.answers() if isinstance(each, OrderAnswer)]
    assert days == [date(2026, 6, 22), date(2026, 6, 22), ASKED]


async def test_an_older_change_that_arrives_late_changes_nothing(scene: Scene) -> None:
    await scene.send(document("ORDERS", [line(10)]))
    await scene.send(document("ORDCHG", [line(10, "150")], revision=3))
    late = await scene.send(document("ORDCHG", [line(10, "120")], revision=2))
    assert late.json()["messages"][0]["done"] == "held already"
    order = (await scene.books())["orders"][ORDER]
    assert (order["revision"], order["lines"]["10"]["quantity"], order["stale_documents"]) == (3, "150", 1)


async def test_an_order_number_with_other_contents_is_not_taken_for_the_same_order(scene: Scene) -> None:
    await scene.send(document("ORDERS", [line(10)]))
    other = document("ORDERS", [line(10, "999")]).replace(f"ORDERS{ORDER}1".encode(), b"OTHER")
    assert "with other contents" in (await scene.send(other, status=422)).text


async def test_a_rule_can_be_for_the_nth_order_and_for_so_many_answers(scene: Scene) -> None:
    await scene.rules(
        {"match": {"nth_order": [2]}, "behaviour": "reject"},
        {"behaviour": "later_date", "days": 1, "times": 1},
    )
    for number in (1, 2, 3):
        await scene.send(document("ORDERS", [line(10)], order=f"450000000{number}"))
    outcomes = {
        each.order_number: schedule_lines(each, 10)[0][0] for each in scene.answers() if isinstance(each, OrderAnswer)
    }
    assert list(outcomes.values()) == [AnswerOutcome.CHANGED, AnswerOutcome.REJECTED, AnswerOutcome.ACCEPTED]


async def test_rules_that_make_no_sense_are_refused_and_the_old_ones_stay(scene: Scene) -> None:
    await scene.rules({"behaviour": "reject"})
    refused = await scene.http.post("/control/behaviours", json=[{"behaviour": "sulk"}])
    assert refused.status_code == 400
    await scene.send(document("ORDERS", [line(10)]))
    assert scene.answer().header == "rejected"


async def test_what_was_promised_is_despatched_by_day_and_once(scene: Scene) -> None:
    await scene.rules(
        {"match": {"line": 10}, "behaviour": "split", "share": "0.6", "days": 4},
        {"match": {"line": 20}, "behaviour": "backorder_part", "share": "0.5"},
    )
    await scene.send(document("ORDERS", [line(10), line(20)]))
    scene.answers()
    made = (await scene.http.post("/control/despatch", json={"all": True, "until": "2026-06-15"})).json()
    assert [(each["date"], len(each["lines"])) for each in made["despatches"]] == [("2026-06-15", 2)]
    (first,) = scene.answers()
    assert isinstance(first, ShipmentAnnounced)
    assert (first.order_number, first.arrives_on) == (ORDER, ASKED)
    assert [(each.line, each.quantity) for each in first.lines] == [(10, Decimal(60)), (20, Decimal(50))]
    await scene.http.post("/control/despatch", json={"order": ORDER})
    (second,) = scene.answers()
    assert isinstance(second, ShipmentAnnounced)
    assert [(each.line, each.quantity) for each in second.lines] == [(10, Decimal(40))]
    await scene.http.post("/control/despatch", json={"all": True, "backorders_on": "2026-07-01"})
    (third,) = scene.answers()
    assert isinstance(third, ShipmentAnnounced)
    assert (third.arrives_on, third.lines[0].quantity) == (date(2026, 7, 1), Decimal(50))
    await scene.http.post("/control/despatch", json={"all": True, "backorders_on": "2026-07-01"})
    assert scene.answers() == []
    assert len((await scene.books())["orders"][ORDER]["despatches"]) == 3


async def test_what_has_left_cannot_be_cancelled(scene: Scene) -> None:
    await scene.send(document("ORDERS", [line(10)]))
    await scene.http.post("/control/despatch", json={"order": ORDER})
    scene.answers()
    await scene.send(document("ORDCHG", [line(10, "40", action="3")], revision=2))
    assert schedule_lines(scene.answer(), 10) == [(AnswerOutcome.CHANGED, Decimal(100), ASKED)]


async def test_an_answer_reaches_a_gateway_that_was_down(scene: Scene) -> None:
    scene.gateway.answers = [503, 502]
    await scene.send(document("ORDERS", [line(10)]))
    assert scene.answer().header == "accepted"
    (delivery,) = (await scene.books())["deliveries"]
    assert (delivery["attempts"], delivery["state"]) == (3, "delivered")


def test_characters_that_separate_are_released_and_come_back() -> None:
    odd = "what's 5+5: a ?"
    body = compose(
        [("BGM", "231", odd), ("FTX", "PUR", ("", odd))],
        kind="ORDRSP",
        sender="S",
        recipient="R",
        day_and_time=("260601", "0800"),
        reference="1",
    )
    (message,) = parse(body).messages
    assert (message.segments[0].get(1), message.segments[1].get(1, 1)) == (odd, odd)


@pytest.mark.parametrize("body", [b"", b"hello", b"UNB+UNOC:3+A+B+260601:0800+1'", b"UNB+UNOC:3+A+B+1:1+1'UNZ+0+2'"])
def test_what_is_no_interchange_is_refused(body: bytes) -> None:
    with pytest.raises(BadInterchange):
        parse(body)


@pytest.mark.parametrize(("behaviour", "means"), [("reject_syntax", "CONTRL"), ("reject_application", "APERAK")])
async def test_a_rejected_order_is_not_held_until_it_comes_again(scene: Scene, behaviour: str, means: str) -> None:
    await scene.rules({"behaviour": behaviour, "times": 1})
    await scene.send(document("ORDERS", [line(10)]), "k-1")
    (rejected,) = scene.answers()
    assert isinstance(rejected, DocumentAcknowledged)
    assert (rejected.outcome, rejected.acknowledgement_number.partition("/")[0]) == ("rejected", means)
    assert rejected.reference == (ORDER if means == "APERAK" else f"ORDERS{ORDER}1")
    assert (await scene.books())["orders"] == {}
    again = document("ORDERS", [line(10)]).replace(f"ORDERS{ORDER}1".encode(), b"AGAIN")
    await scene.send(again, "k-2")
    assert scene.answer().order_number == ORDER


async def test_an_order_can_be_acknowledged_before_it_is_answered(scene: Scene) -> None:
    await scene.rules({"behaviour": "acknowledge"})
    await scene.send(document("ORDERS", [line(10)]))
    kinds = sorted(type(each).__name__ for each in scene.answers())
    assert kinds == ["DocumentAcknowledged", "OrderAnswer"]


async def test_a_supplier_can_count_its_own_lines(scene: Scene) -> None:
    await scene.rules({"behaviour": "own_line_numbers"})
    await scene.send(document("ORDERS", [line(10), line(20)]))
    assert [(each.line, each.item, each.by_reference) for each in scene.answer().lines] == [
        (1, "CH-0234", False),
        (2, "CH-0234", False),
    ]


async def test_what_the_buyer_says_of_a_suppliers_document_is_counted(scene: Scene) -> None:
    contrl = b"UNB+UNOC:3+PEGLINE+VAN+260601:0800+R1'UNH+1+CONTRL:D:3:UN'UCI+OA1+VAN+PEGLINE+7'UNT+3+1'UNZ+1+R1'"
    assert (await scene.send(contrl)).json()["messages"] == [{"type": "CONTRL", "order": "", "done": "counted"}]
    assert (await scene.books())["counts"]["acknowledgements"] == 1
