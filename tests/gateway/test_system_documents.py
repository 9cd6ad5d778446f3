"""An MES posts its own documents: they become its events, once, and what can't be read is kept with where and why."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from adapters.dialects import Connection
from adapters.documents.b2mml import DIALECT
from adapters.errors import PermanentError
from canonical.event_data import CONSUMPTION_REPORTED
from canonical.identity import stock_id
from gateway.intake.intake import SystemReader
from ledger.ledger import Ledger
from simulators.mes.app import create as create_mes
from tests.gateway.conftest import Gateway, serving
from tests.gateway.fakes import POLICIES, problem

DOCUMENT = """<ProcessProductionPerformance>
  <ApplicationArea><BODID>B-{number}</BODID><CreationDateTime>2026-05-31T07:00:00</CreationDateTime></ApplicationArea>
  <DataArea><ProductionPerformance><ProductionResponse><ID>8</ID><SegmentResponse><ID>Saw</ID>
    <MaterialActual><MaterialDefinitionID>CH-0234</MaterialDefinitionID><MaterialUse>Consumed</MaterialUse>
      <Quantity><QuantityString>{quantity}</QuantityString><UnitOfMeasure>pcs</UnitOfMeasure></Quantity></MaterialActual>
    <MaterialActual><MaterialDefinitionID>CH-0234</MaterialDefinitionID><MaterialUse>{use}</MaterialUse>
      <Quantity><QuantityString>4</QuantityString><UnitOfMeasure>pcs</UnitOfMeasure></Quantity></MaterialActual>
  </SegmentResponse></ProductionResponse></ProductionPerformance></DataArea>
</ProcessProductionPerformance>"""
PATH = "/v1/systems/mes-saw/documents"


@pytest.fixture
def mapping() -> dict[str, dict[str, str]]:
    return {"units": {"pcs": "EA"}, "uses": {"Consumed": "unplanned", "Produced": "none"}}


@pytest.fixture
async def shop(ledger: Ledger, mapping: Mapping[str, Mapping[str, str]]) -> AsyncIterator[Gateway]:
    """A gateway that reads the documents of mes-saw."""

    def reader(name: str) -> SystemReader | None:
        if name == "mes-faulty":
            raise PermanentError(name, "can't be connected: mapping.units.KG = 'KILO'")
        nobody = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(500)))
        now = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
        connection = Connection(name, nobody, {"plant": "P1"}, 0, 0, POLICIES, lambda: now, mapping)
        return SystemReader("mes-saw", DIALECT.connect(connection).reader) if name == "mes-saw" else None

    async with serving(ledger, systems=reader) as made:
        made.own(stock=("mes-saw", "wms"))
        yield made


def document(number: int = 1, quantity: str = "3", use: str = "Produced") -> str:
    return DOCUMENT.format(number=number, quantity=quantity, use=use)


async def post(shop: Gateway, text: str) -> httpx.Response:
    return await shop.client.post(PATH, content=text, headers={"content-type": "application/xml"})


async def test_a_document_is_its_events_however_often_it_comes(shop: Gateway) -> None:
    for _ in range(2):
        answer = await post(shop, document())
        assert answer.status_code == 202
        taken = answer.json()
        assert (taken["stored"], [each["id"] for each in taken["events"]]) == (1, ["B-1/1"])
        assert taken["left_out"] == ["ProductionResponse 8 / SegmentResponse Saw / MaterialActual 2: nothing was used"]
    [message] = await shop.inbox_of(stock_id("P1", "CH-0234"))
    assert (message.source, message.type) == ("mes-saw", "pegline.consumption.reported.v1")


async def test_another_document_of_the_same_id_is_refused(shop: Gateway) -> None:
    await post(shop, document())
    refused = problem(await post(shop, document(quantity="5")), 422, "no_event_stored")
    assert refused["events"][0]["problem"]["code"] == "same_id_other_body"


async def test_what_can_not_be_read_is_kept_and_taken_in_once_the_mapping_is_mended(
    shop: Gateway, mapping: dict[str, dict[str, str]]
) -> None:
    refused = problem(await post(shop, document(use="Scrap")), 422, "unreadable_document")
    assert "SegmentResponse Saw / MaterialActual 2, MaterialUse: 'Scrap'" in refused["detail"]
    [letter] = await shop.letters()
    assert (letter.letter.channel, letter.letter.body) == ("system/mes-saw", document(use="Scrap").encode())
    mapping["uses"]["Scrap"] = "unplanned"
    replayed = await shop.client.post(f"{refused['dead_letter']}/replay")
    assert (replayed.status_code, replayed.json()["outcome"]) == (200, "2 stored, 0 refused")


async def test_a_system_that_owns_neither_consumption_nor_stock_is_refused_and_kept(shop: Gateway) -> None:
    shop.own(stock=("wms",))
    refused = problem(await post(shop, document()), 422, "no_event_stored")
    assert "mes-saw does not own consumption at plant P1; wms does" in str(refused["events"][0]["problem"])
    assert len(await shop.letters()) == 1


async def test_consumption_may_have_another_owner_than_the_stock(shop: Gateway) -> None:
    shop.own(stock=("wms",), consumption=("mes-*",))
    assert (await post(shop, document())).status_code == 202
    used = {"plant": "P1", "item": "CH-0234", "quantity": "1", "unit": "EA"}
    event = {"specversion": "1.0", "id": "w-1", "source": "wms", "time": "2026-06-01T06:00:00Z", "data": used}
    refused = await shop.send({**event, "type": CONSUMPTION_REPORTED})
    assert "wms does not own consumption" in problem(refused, 403, "not_owner")["detail"]


async def test_a_fraction_of_a_piece_is_refused(shop: Gateway) -> None:
    refused = problem(await post(shop, document(quantity="0.5")), 422, "no_event_stored")
    assert refused["events"][0]["problem"]["code"] == "fraction_of_a_count"


async def test_a_system_that_has_no_dialect_is_told_where_to_send(shop: Gateway) -> None:
    answer = await shop.client.post("/v1/systems/other/documents", content=b"<a/>")
    assert "/v1/events" in problem(answer, 404, "unknown_system")["next_step"]
    answer = await shop.client.post("/v1/systems/mes-faulty/documents", content=b"<a/>")
    assert "mapping.units.KG" in problem(answer, 503, "system_faulty")["detail"]
    assert answer.headers["retry-after"] == "60", "nothing is kept: the sender has it"


async def test_a_plants_own_documents_are_read_and_a_repeated_one_once(shop: Gateway) -> None:
    """As the simulated system writes them, by what others publish."""
    simulator = create_mes("http://gateway", name="mes-saw", transport=httpx.ASGITransport(shop.app))
    used = {"material": "CH-0234", "quantity": "7", "unit": "pcs"}
    body = {
        "response": "53",
        "used": [used, {**used, "use": "Produced"}],
        "at": "2026-05-30T11:58:25+02:00",
        "repeat": True,
    }
    async with httpx.AsyncClient(base_url="http://mes", transport=httpx.ASGITransport(simulator)) as control:
        sent = (await control.post("/control/use", json=body)).json()
        assert (sent["state"], sent["status"]) == ("delivered", 202), sent
        unknown = {**body, "used": [{**used, "use": "Swept up"}]}
        refused = (await control.post("/control/use", json=unknown)).json()
        assert (refused["state"], refused["status"]) == ("refused", 422)
    [message] = await shop.inbox_of(stock_id("P1", "CH-0234"))
    assert message.event_id == "MES-SAW-000001/1"
