"""Signed webhooks: who may send events and documents in whose name, and when a signature holds."""

import base64
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from gateway.access.access import Access
from gateway.access.senders import Sender, Senders, SendersError
from ledger.ledger import Ledger
from tests.gateway.access import RULES, Guarded, IssuerInProcess
from tests.gateway.conftest import Gateway, serving
from tests.gateway.fakes import event, planned, problem

OLD, NEW, EDI = (f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2, 3))
SENDERS = Senders(
    [
        Sender.model_validate({"name": "warehouse", "secrets": [OLD, NEW], "sources": ["wms-*"], "plants": ["P1"]}),
        Sender.model_validate({"name": "edi", "secrets": [EDI], "channels": ["plain"]}),
        Sender.model_validate({"name": "planning", "clients": ["aps"], "sources": ["aps"]}),
    ]
)
CLOUDEVENT = "application/cloudevents+json"


def signed(body: bytes, secret: str, *, at: dt.datetime | None = None, identity: str = "msg_1") -> dict[str, str]:
    """The headers as the standard's own library makes them."""
    moment = at or dt.datetime.now(dt.UTC)
    signature = Webhook(secret).sign(identity, moment, body.decode())
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": f"v1a,{'x' * 20} {signature}",
    }


@pytest.fixture
async def guarded(ledger: Ledger, issuer: IssuerInProcess) -> AsyncIterator[Guarded]:
    async with (
        issuer.http() as http,
        serving(ledger, access := Access(RULES, http, ledger), SENDERS) as made,
        Guarded(made, access, issuer) as found,
    ):
        yield found


@pytest.fixture
async def unasked(ledger: Ledger) -> AsyncIterator[Gateway]:
    """A gateway that asks nobody, but has senders."""
    async with serving(ledger, senders=SENDERS) as made:
        yield made


def stock(source: str = "wms-main", plant: str = "P1", id: str = "s-1") -> bytes:
    data = {"plant": plant, "item": "FR-R92B-58", "quantity": "5", "unit": "EA", "reason": "scrap"}
    return json.dumps(event(id, "pegline.stock.changed.v1", data, source=source)).encode()


async def post(client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/v1/events", content=body, headers={"content-type": CLOUDEVENT, **headers})


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_a_signed_event_needs_no_token_and_either_secret_signs(guarded: Guarded, secret: str) -> None:
    answer = await post(guarded.nobody(), stock(), signed(stock(), secret))
    assert answer.status_code == 202, answer.text


def _wrong() -> dict[str, dict[str, str]]:
    right, moment = signed(stock(), OLD), dt.datetime.now(dt.UTC)
    return {
        "another secret": signed(stock(), f"whsec_{base64.b64encode(b'9' * 32).decode()}"),
        "another body": signed(stock(id="s-2"), OLD),
        "another id": right | {"webhook-id": "msg_2"},
        "too old": signed(stock(), OLD, at=moment - dt.timedelta(minutes=6)),
        "from the future": signed(stock(), OLD, at=moment + dt.timedelta(minutes=6)),
        "no time": {**right, "webhook-timestamp": ""},
        "no number": {**right, "webhook-timestamp": "noon"},
        "no id": {**right, "webhook-id": ""},
        "no base64": {**right, "webhook-signature": "v1,***"},
        "another version": {**right, "webhook-signature": right["webhook-signature"].replace("v1,", "v2,")},
        "empty": {**right, "webhook-signature": "v1,"},
    }


async def test_a_signature_that_does_not_hold_is_refused_and_nothing_is_kept(guarded: Guarded) -> None:
    for what, headers in _wrong().items():
        answer = await post(guarded.nobody(), stock(), headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed"), what
    assert await guarded.gateway.letters() == ()


async def test_a_sender_speaks_for_its_own_sources_and_plants_alone(guarded: Guarded) -> None:
    nobody = guarded.nobody()
    for body in (stock(source="aps"), stock(source="erp"), json.dumps(planned()).encode()):
        problem(await post(nobody, body, signed(body, OLD)), 403, "not_sender")
    foreign = stock(plant="P2")
    problem(await post(nobody, foreign, signed(foreign, OLD)), 403, "foreign_plant")
    assert await guarded.gateway.letters() == ()


async def test_a_source_that_is_somebodys_is_refused_from_others(guarded: Guarded) -> None:
    machine = guarded.program("system", client="some-other")
    problem(await post(machine, stock(), {}), 403, "not_sender")
    batch = json.dumps([json.loads(stock()), json.loads(stock("free-source", id="s-3"))]).encode()
    answer = await machine.post(
        "/v1/events", content=batch, headers={"content-type": "application/cloudevents-batch+json"}
    )
    assert (answer.json()["stored"], answer.json()["refused"]) == (1, 1)
    planning = guarded.program("system", client="aps")
    assert (await post(planning, json.dumps(planned()).encode(), {})).status_code == 202
    problem(await post(planning, stock("free-source", id="s-4"), {}), 403, "not_sender")


async def test_documents_of_a_channel_come_signed_whatever_their_bytes(guarded: Guarded) -> None:
    import hashlib
    import hmac

    body, at = b"despatch;4500000001;M\xfcller", str(int(dt.datetime.now(dt.UTC).timestamp()))
    digest = hmac.new(bytes([3]) * 32, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    path = "/v1/suppliers/plain/messages"
    assert (await guarded.nobody().post(path, content=body, headers=headers)).status_code == 202
    problem(await guarded.program("system").post(path, content=body), 403, "not_sender")
    problem(await guarded.nobody().post(path, content=body), 401, "not_logged_in")


async def test_where_nobody_is_asked_a_configured_sender_still_signs(unasked: Gateway) -> None:
    problem(await post(unasked.client, stock(), {}), 401, "not_signed")
    assert (await post(unasked.client, stock(), signed(stock(), OLD))).status_code == 202
    assert (await post(unasked.client, stock("free-source", id="s-2"), {})).status_code == 202


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[sender]]\nname = 'a b'", "name"),
        ("[[sender]]\nname = 'a'\nsecrets = ['whsec_c2hvcnQ=']", "at least 24 bytes"),
        ("[[sender]]\nname = 'a'\n[[sender]]\nname = 'a'", "two senders have one name"),
        ("[[sender]]\nname = 'a'\nsource = ['x']", "source"),
        ("[senders]\n", "there is no 'senders'"),
        ("[[sender]", "can't be read"),
    ],
)
def test_a_faulty_file_of_senders_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "senders.toml"
    file.write_text(text)
    with pytest.raises(SendersError) as refused:
        Senders.read(file)
    assert said in str(refused.value)
    assert "c2hvcnQ" not in str(refused.value)


def test_a_file_of_senders_is_read(tmp_path: Path) -> None:
    file = tmp_path / "senders.toml"
    file.write_text(f"[[sender]]\nname = 'warehouse'\nsecrets = ['{OLD}']\nsources = ['wms-*']\n")
    [sender] = Senders.read(file).each
    assert sender.speaks_for("wms-main")
    assert not sender.speaks_for("erp")
    assert OLD not in repr(sender)
