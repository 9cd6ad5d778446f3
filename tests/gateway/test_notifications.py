"""Who is told of what: written with what is recorded, sent once, tried again, given up and replayed."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.ports import Mail
from canonical.audit_event import PendingEvent
from canonical.exception import Choice, Decision, ExceptionKind
from canonical.identity import ExceptionId, OrderId
from canonical.notification import MailSubscription, NotificationType, Subscriptions, WebhookSubscription
from canonical.records import (
    AuditBatch,
    ExceptionSnapshot,
    ExceptionState,
    OrderLineSnapshot,
    OrderSnapshot,
    OrderStage,
    Snapshot,
)
from gateway.access.principal import CallerRole, Principal
from gateway.app import create_app
from gateway.notifications.sender import RETRY_AFTER, Notifier, NotifierPace, Telling
from ledger.ledger import Ledger
from ledger.notifications.deliveries import DeliveryState
from ledger.notifications.tables import DeliveryRow, NotificationRow
from policies.book import FixedPolicies
from policies.reading import PolicyError
from policies.subscriptions import LOOK_EVERY_SECONDS, SubscriptionBook
from tests.gateway.conftest import until
from tests.gateway.exceptions import shortage
from tests.gateway.fakes import MORNING, PLANTS, TODAY, FakeEntities, requirement_id

SECRET = "whsec_" + "bmV3" * 8
PAGES = "https://pegline.example.com"
NIGHT = MORNING.replace(hour=3)
APS = WebhookSubscription(name="aps", url="https://aps.example.com/hooks", secrets=(SecretStr(SECRET),))
BUYERS = MailSubscription(name="buyers", to=("buyers@example.com",), roles=("buyer",), digest=True)


class Receiver:
    """Takes webhooks and mails; fails as it is told to."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.mails: list[Mail] = []
        self.failures: list[AdapterError] = []
        self.gone = False

    async def post(self, url: str, body: bytes, *, message_id: str, secrets: Sequence[SecretStr]) -> bool:
        self.ids.append(message_id)
        if self.failures:
            raise self.failures.pop(0)
        if not self.gone:
            self.posted.append(json.loads(body))
        return not self.gone

    async def send(self, mail: Mail) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.mails.append(mail)
        return ""


@dataclass
class Told:
    """The notifier between a real ledger and somebody who receives."""

    ledger: Ledger
    engine: AsyncEngine
    receiver: Receiver
    notifier: Notifier
    client: httpx.AsyncClient
    subscriptions: list[Subscriptions]
    clock: list[dt.datetime]
    counts: dict[str, int] = field(default_factory=dict)

    def subscribe(self, *webhooks: WebhookSubscription, mails: tuple[MailSubscription, ...] = ()) -> None:
        self.subscriptions[0] = Subscriptions(webhooks=webhooks, mails=mails)

    async def record(self, snapshot: Snapshot, *kinds: str, **data: Any) -> None:
        """The entity records these events and the state they led to."""
        first = self.counts.get(snapshot.id, 0) + 1
        self.counts[snapshot.id] = first + len(kinds) - 1
        await self.again(snapshot, first, *kinds, **data)

    async def again(self, snapshot: Snapshot, first: int, *kinds: str, **data: Any) -> None:
        events = tuple(
            PendingEvent(sequence=first + n, kind=kind, business_time=MORNING, processing_time=MORNING, data=data)
            for n, kind in enumerate(kinds)
        )
        await self.ledger.record([AuditBatch(audit_events=events, snapshot=snapshot)])

    async def rows(self) -> tuple[int, int]:
        async with self.engine.connect() as connection:
            notifications = await connection.scalar(select(func.count()).select_from(NotificationRow))
            deliveries = await connection.scalar(select(func.count()).select_from(DeliveryRow))
        return notifications or 0, deliveries or 0

    async def make_due(self) -> None:
        """The wait is over."""
        async with self.engine.begin() as connection:
            await connection.execute(update(DeliveryRow).values(due_at=func.now()))

    async def has_posted(self, events: int) -> bool:
        return len(self.receiver.posted) >= events

    async def states(self) -> list[DeliveryState]:
        return [each.state for each in (await self.ledger.deliveries.list()).items]


@pytest.fixture
async def told(engine: AsyncEngine, ledger: Ledger) -> AsyncIterator[Told]:
    subscriptions, receiver, clock = [Subscriptions()], Receiver(), [MORNING]
    with_telling = Ledger(engine, lambda: subscriptions[0])
    telling = Telling(lambda: subscriptions[0], receiver, receiver, PAGES)
    policies = FixedPolicies(PLANTS)
    notifier = Notifier(with_telling, telling, policies, lambda: clock[0], chance=lambda: 0.5)
    app = create_app(with_telling, FakeEntities(), {}, policies, lambda _: TODAY, relay=False, telling=telling)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield Told(with_telling, engine, receiver, notifier, client, subscriptions, clock)


def order(revision: int = 1) -> OrderSnapshot:
    line = OrderLineSnapshot(
        line=1,
        item="FR-R92B-58",
        requirement_id=requirement_id(),
        quantity=Decimal(20),
        unit="EA",
        delivery_date=TODAY,
        price="12.50",
        shipped=Decimal(0),
        received=Decimal(0),
        allocated=Decimal(20),
    )
    return OrderSnapshot(
        id=OrderId("order/P1/1580/abc"),
        plant="P1",
        supplier="1580",
        currency="EUR",
        stage=OrderStage.SENT,
        order_number="4500000001",
        revision=revision,
        lines=(line,),
    )


def decided(question: ExceptionSnapshot) -> ExceptionSnapshot:
    decision = Decision(
        event_id="d1", digest=question.digest, choice=Choice.ACCEPT, decided_by="anna", decided_at=MORNING
    )
    return question.model_copy(update={"state": ExceptionState.DECIDED, "decision": decision, "closed": True})


# -- what is written


async def test_where_nobody_subscribes_nothing_is_written(told: Told) -> None:
    await told.record(order(), "order.sent")
    told.subscribe(APS.model_copy(update={"plants": ("P2",)}))
    await told.record(shortage(), "exception.opened", to="buyer")
    assert await told.rows() == (0, 0)


async def test_what_an_attempt_records_again_is_told_once(told: Told) -> None:
    told.subscribe(APS)
    await told.record(order(), "order.opened", "order.sent", revision=1)
    await told.again(order(), 1, "order.opened", "order.sent", revision=1)
    await told.again(order(), 2, "order.sent", "reminder.sent", revision=1)
    assert await told.rows() == (1, 1)
    await told.notifier.drain()
    await told.notifier.drain()
    assert [each["type"] for each in told.receiver.posted] == ["pegline.order.sent.v1"]


async def test_a_question_is_told_from_its_opening_to_its_end(told: Told) -> None:
    told.subscribe(APS)
    question = shortage()
    await told.record(question, "exception.opened", to="buyer")
    await told.record(question.model_copy(update={"assignee": "manager"}), "exception.escalated", to="manager")
    await told.record(decided(question), "exception.closed", choice="accept")
    await told.notifier.drain()
    assert [(each["type"], each["sequence"]) for each in told.receiver.posted] == [
        ("pegline.exception.opened.v1", "1"),
        ("pegline.exception.escalated.v1", "2"),
        ("pegline.exception.closed.v1", "3"),
    ]
    opened, escalated, closed = (each["data"] for each in told.receiver.posted)
    assert opened["link"] == f"{PAGES}/questions/abcdefghijkl"
    assert (escalated["assignee"], escalated["step"]) == ("manager", "escalated")
    assert (closed["outcome"], closed["choice"]) == ("decided", "accept")
    assert "anna" not in json.dumps(told.receiver.posted)


async def test_each_type_s_data_has_the_schema_that_is_published(told: Told) -> None:
    with_prices = APS.model_copy(update={"name": "books", "prices": True})
    told.subscribe(APS, with_prices)
    question = shortage()
    await told.record(question, "exception.opened", to="buyer")
    await told.record(question, "exception.reminded", to="buyer")
    await told.record(question.model_copy(update={"state": ExceptionState.OVERTAKEN}), "exception.overtaken")
    await told.record(order(), "order.sent", revision=1, changed=[])
    await told.notifier.drain()
    assert len(told.receiver.posted) == 8
    for event in told.receiver.posted:
        schema = (await told.client.get(f"/v1/event-schemas/{event['type']}")).json()
        jsonschema.Draft202012Validator(schema).validate(event["data"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate({**event["data"], "plant": 7})
    prices = {line.get("price") for each in told.receiver.posted for line in each["data"].get("lines", [])}
    assert prices == {None, "12.50"}


# -- sending


async def test_a_failed_attempt_is_repeated_under_the_same_id_and_given_up_in_the_end(told: Told) -> None:
    told.subscribe(APS)
    await told.record(order(), "order.sent", revision=1)
    attempts = len(RETRY_AFTER) + 1
    told.receiver.failures = [TransientError("webhook", "it answered 500: down") for _ in range(attempts)]
    for _ in range(attempts):
        await told.notifier.drain()
        await told.notifier.drain()  # not before its time
        await told.make_due()
    assert len(told.receiver.ids) == attempts
    assert len(set(told.receiver.ids)) == 1
    (dead,) = (await told.client.get("/v1/deliveries?state=dead")).json()["items"]
    assert "given up after 10 attempts: webhook: it answered 500: down" in dead["detail"]

    replayed = await told.client.post(f"/v1/deliveries/{dead['id']}/replay")
    assert replayed.json()["state"] == "waiting"
    await told.notifier.drain()
    assert [each["id"] for each in told.receiver.posted] == [told.receiver.ids[0]]
    assert await told.states() == [DeliveryState.DELIVERED]


async def test_the_waits_grow_to_days_and_a_receiver_s_own_wish_counts(told: Told) -> None:
    waits = [told.notifier._wait(attempts, None) for attempts in range(len(RETRY_AFTER) + 1)]
    assert waits == [*RETRY_AFTER, None]
    assert dt.timedelta(days=3) < sum(RETRY_AFTER, dt.timedelta()) < dt.timedelta(days=4)
    assert told.notifier._wait(0, 600.0) == dt.timedelta(minutes=10)
    assert told.notifier._wait(3, 600.0) == RETRY_AFTER[3]


async def test_a_later_event_of_an_entity_waits_behind_an_earlier_one_and_others_do_not(told: Told) -> None:
    told.subscribe(APS)
    question = shortage()
    await told.record(question, "exception.opened", to="buyer")
    told.receiver.failures = [TransientError("webhook", "down")]
    await told.notifier.drain()
    await told.record(decided(question), "exception.closed")
    await told.record(order(), "order.sent", revision=1)
    await told.notifier.drain()
    assert [each["type"] for each in told.receiver.posted] == ["pegline.order.sent.v1"]
    await told.make_due()
    await told.notifier.drain()
    assert [each["type"] for each in told.receiver.posted[1:]] == [
        "pegline.exception.opened.v1",
        "pegline.exception.closed.v1",
    ]


async def test_an_address_that_is_gone_gets_nothing_more_until_somebody_corrects_it(told: Told) -> None:
    told.subscribe(APS)
    await told.record(order(), "order.sent", revision=1)
    told.receiver.gone = True
    await told.notifier.drain()
    await told.record(order(2), "order.sent", revision=2)
    await told.notifier.drain()
    assert len(told.receiver.ids) == 1
    assert await told.states() == [DeliveryState.DEAD, DeliveryState.DEAD]
    (seen,) = (await told.client.get("/v1/subscriptions")).json()["items"]
    assert seen["switched_off_reason"] == "its address answered 410 Gone"
    assert (seen["dead"], seen["to"]) == (2, "aps.example.com")
    newest = (await told.client.get("/v1/deliveries")).json()["items"][0]["id"]
    assert (await told.client.post(f"/v1/deliveries/{newest}/replay")).status_code == 409

    told.receiver.gone = False
    told.subscribe(APS.model_copy(update={"url": "https://aps.example.com/new"}))
    await told.client.post(f"/v1/deliveries/{newest}/replay")
    await told.notifier.drain()
    assert len(told.receiver.posted) == 1

    told.subscribe(APS)
    page = (await told.client.get("/operations")).text
    assert "its address answered 410 Gone" in page
    older = (await told.client.get("/v1/deliveries?state=dead")).json()["items"][0]["id"]
    assert f"Send {older} anew" in page
    assert (await told.client.post("/operations/subscriptions/aps/switch-on", data={})).status_code == 303
    assert (await told.client.post(f"/operations/deliveries/{older}/replay", data={})).status_code == 303
    await told.notifier.drain()
    assert len(told.receiver.posted) == 2


async def test_what_waits_for_a_subscription_that_was_removed_is_given_up(told: Told) -> None:
    told.subscribe(APS)
    await told.record(order(), "order.sent", revision=1)
    told.subscribe()
    await told.notifier.drain()
    (dead,) = (await told.ledger.deliveries.list()).items
    assert (dead.state, dead.detail) == (DeliveryState.DEAD, "there is no subscription of this name any more")


async def test_of_several_gateways_one_sends_and_another_takes_over(told: Told) -> None:
    told.subscribe(APS)
    pace = NotifierPace(poll_seconds=0.02, lease_seconds=2)
    several = [
        Notifier(told.ledger, told.notifier._telling, FixedPolicies(PLANTS), lambda: told.clock[0], pace)
        for _ in range(2)
    ]
    running = [asyncio.create_task(each.run()) for each in several]
    try:
        for revision in (1, 2):
            await told.record(order(revision), "order.sent", revision=revision)
            await until(partial(told.has_posted, revision))
            running.pop(0).cancel()  # whichever of them held the lease
    finally:
        for task in running:
            task.cancel()
    assert len(set(told.receiver.ids)) == len(told.receiver.ids) == 2


# -- mails


async def test_an_escalation_is_mailed_at_once_to_those_it_concerns(told: Told) -> None:
    managers = BUYERS.model_copy(update={"name": "managers", "roles": ("manager",)})
    told.subscribe(mails=(BUYERS, managers))
    told.clock[0] = NIGHT
    await told.record(shortage(assignee="manager"), "exception.escalated", to="manager")
    await told.notifier.drain()
    (mail,) = told.receiver.mails
    assert mail.list_name == "managers"
    assert mail.subject == "Escalated to manager: several items short at P1"
    assert f"{PAGES}/questions/abcdefghijkl" in mail.text
    assert "200 of 500" not in mail.text + mail.html  # a summary may name prices


async def test_a_question_is_mailed_once_the_office_is_open(told: Told) -> None:
    opened = MailSubscription(name="b", to=("b@example.com",), types=(NotificationType.EXCEPTION_OPENED,), prices=True)
    told.subscribe(mails=(opened,))
    told.clock[0] = NIGHT
    await told.record(shortage("late <b>& more"), "exception.opened", to="buyer")
    await told.notifier.drain()
    assert told.receiver.mails == []
    told.clock[0] = MORNING
    await told.make_due()
    await told.notifier.drain()
    (mail,) = told.receiver.mails
    assert "late &lt;b&gt;&amp; more" in mail.html


async def test_a_digest_lists_what_waits_once_a_day_the_most_urgent_first(told: Told) -> None:
    told.subscribe(mails=(BUYERS,))

    async def waits(name: str, latest_safe: dt.date | None, assignee: str = "buyer", plant: str = "P1") -> None:
        base = shortage()
        proposal = base.proposal.model_copy(
            update={"item": name, "latest_safe_date": latest_safe, "plant": plant, "short_quantity": Decimal("5.0")}
        )
        changes = {"id": ExceptionId(f"exception/{name}"), "proposal": proposal, "assignee": assignee}
        await told.record(base.model_copy(update=changes), "noted")

    await waits("SOON", TODAY + dt.timedelta(days=1))
    await waits("LATER", TODAY + dt.timedelta(days=9))
    await waits("UNDATED", None)
    await waits("OTHER", TODAY, assignee="planner")
    told.clock[0] = NIGHT
    await told.notifier.make_digests()
    told.clock[0] = MORNING + dt.timedelta(minutes=1)
    for _ in range(2):
        await told.notifier.make_digests()
        await told.notifier.drain()
    (mail,) = told.receiver.mails  # nothing waits at P2
    assert mail.subject == "3 questions wait for buyer at P1 (2026-06-01)"
    places = [mail.text.index(name) for name in ("SOON", "LATER", "UNDATED")]
    assert places == sorted(places)
    assert "decide by 2026-06-02: 5  of SOON short at P1" in mail.text.replace("5 of", "5  of")
    assert "OTHER" not in mail.text

    other_gateway = Notifier(told.ledger, told.notifier._telling, FixedPolicies(PLANTS), lambda: told.clock[0])
    await other_gateway.make_digests()
    await other_gateway.drain()
    assert len(told.receiver.mails) == 1


async def test_what_a_mail_server_refuses_for_good_is_not_tried_again(told: Told) -> None:
    told.subscribe(mails=(BUYERS,))
    await told.record(shortage(), "exception.escalated", to="buyer")
    told.receiver.failures = [PermanentError("mail", "no recipient was taken: 550 no such user")]
    await told.notifier.drain()
    (dead,) = (await told.ledger.deliveries.list()).items
    assert (dead.state, dead.attempts) == (DeliveryState.DEAD, 1)


@pytest.mark.parametrize("kind", ExceptionKind)
async def test_a_subject_says_in_business_words_what_is_asked(told: Told, kind: ExceptionKind) -> None:
    told.subscribe(mails=(BUYERS,))
    base = shortage()
    await told.record(
        base.model_copy(update={"proposal": base.proposal.model_copy(update={"kind": kind})}), "exception.escalated"
    )
    await told.notifier.drain()
    (mail,) = told.receiver.mails
    assert mail.subject.startswith("Escalated to buyer: ")
    assert mail.subject.endswith(" at P1")
    assert "_" not in mail.subject


# -- operators and settings


async def test_what_arrived_is_forgotten_after_a_while_and_what_died_is_kept(told: Told) -> None:
    told.subscribe(APS)
    await told.record(order(), "order.sent", revision=1)
    await told.notifier.drain()
    told.subscribe(APS.model_copy(update={"name": "gone"}))
    await told.record(order(2), "order.sent", revision=2)
    told.subscribe(APS)
    await told.notifier.drain()
    async with told.engine.begin() as connection:
        await connection.execute(text("UPDATE notification SET created_at = now() - interval '40 days'"))
        await connection.execute(text("UPDATE notification_delivery SET settled_at = now() - interval '40 days'"))
    await told.ledger.deliveries.forget(dt.timedelta(days=30))
    assert await told.states() == [DeliveryState.DEAD]
    assert await told.rows() == (1, 1)


async def test_only_operators_see_deliveries_and_those_of_a_plant_only_its_own(told: Told) -> None:
    told.subscribe(APS)
    await told.record(order(), "order.sent", revision=1)

    async def asked(role: CallerRole, plants: frozenset[str] | None, path: str) -> httpx.Response:
        principal = Principal("o", "Otto", frozenset({role}), plants)
        app = told.client._transport.app  # type: ignore[attr-defined]

        async def as_otto(scope: Any, receive: Any, send: Any) -> None:
            scope["state"] = {"principal": principal}
            await app(scope, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(as_otto), base_url="http://gateway") as client:
            return await client.get(path)

    assert (await asked(CallerRole.BUYER, None, "/v1/deliveries")).status_code == 403
    (seen,) = (await asked(CallerRole.OPERATOR, frozenset({"P1"}), "/v1/deliveries")).json()["items"]
    assert (await asked(CallerRole.OPERATOR, frozenset({"P2"}), "/v1/deliveries")).json()["items"] == []
    assert (await asked(CallerRole.OPERATOR, frozenset({"P2"}), f"/v1/deliveries/{seen['id']}")).status_code == 404


FILE = f"""
[[webhooks]]
name = "aps"
url = "https://aps.example.com/hooks"
types = ["pegline.order.sent.v1"]
secrets = ["{SECRET}"]

[[mails]]
name = "buyers"
to = ["buyers@example.com"]
roles = ["buyer"]
digest = true
"""


def test_a_faulty_edit_leaves_what_held_before(tmp_path: Path) -> None:
    path, clock = tmp_path / "subscriptions.toml", [0.0]
    path.write_text(FILE)
    book = SubscriptionBook(path, clock=lambda: clock[0])
    assert [each.name for each in book.present().all] == ["aps", "buyers"]
    path.write_text(FILE.replace("[[mails]]", "[[mails]]\nsilent = true"))
    clock[0] += LOOK_EVERY_SECONDS
    assert len(book.present().all) == 2
    assert "mails.0.silent" in book.faults[0]
    path.write_text(FILE.replace('"aps"', '"planning"'))
    clock[0] += LOOK_EVERY_SECONDS
    assert book.present().named("planning") is not None
    assert book.faults == ()


def test_secrets_may_lie_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "aps.secrets").write_text(f"{SECRET}\nwhsec_{'b2xk' * 8}\n")
    path = tmp_path / "subscriptions.toml"
    path.write_text(FILE.replace(f'secrets = ["{SECRET}"]', 'secrets_file = "aps.secrets"'))
    assert len(SubscriptionBook(path).present().webhooks[0].secrets) == 2


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ('url = "http://aps.example.com/hooks"', "use https"),
        ('url = "https://169.254.169.254/latest"', "no address that a receiver can have"),
        ('url = "https://user:pw@aps.example.com/"', "url"),
    ],
)
def test_an_address_that_nobody_should_post_to_is_refused(tmp_path: Path, wrong: str, why: str) -> None:
    path = tmp_path / "subscriptions.toml"
    path.write_text(FILE.replace('url = "https://aps.example.com/hooks"', wrong))
    with pytest.raises(PolicyError, match=why):
        SubscriptionBook(path)


@pytest.mark.parametrize(
    "wrong",
    [
        'name = "buyers"\nx = 1',
        'secrets = ["whsec_c2hvcnQ="]',
        'to = ["a@example.com\\nBcc: b@example.com"]',
        "types = []",
    ],
)
def test_a_subscription_that_says_nothing_usable_is_refused(tmp_path: Path, wrong: str) -> None:
    path, key = tmp_path / "subscriptions.toml", wrong.split(" =")[0]
    lines = [line for line in FILE.splitlines() if not line.startswith(key) and "digest" not in line]
    place = len(lines) if key in ("to", "types") else 2
    path.write_text("\n".join([*lines[:place], wrong, *lines[place:]]))
    with pytest.raises(PolicyError) as refused:
        SubscriptionBook(path)
    assert SECRET not in str(refused.value)
