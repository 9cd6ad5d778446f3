"""What people ordered in SAP and Oracle on a day, for comparing: not what is ours, and not what they deleted."""

import datetime as dt
from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.dialects import Connection
from adapters.erp.oracle.people import FusionPeople
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.people import SapPeople
from adapters.erp.sap_v4.dialect import DIALECT
from adapters.http import make_client
from adapters.ports import PeopleOrdersPort
from simulators.oracle.app import create
from tests.adapters.erp.documents import document, policies
from tests.adapters.erp.oracle import MASTER_DATA, MountedOracle, Oracle, place
from tests.adapters.erp.oracle import document as oracle_document
from tests.adapters.erp.sap import Sap

DAY = dt.date(2027, 1, 4)
NOW = dt.datetime(2027, 1, 4, 18, tzinfo=dt.UTC)


def by_v4(sap: Sap, **rules: str) -> PeopleOrdersPort:
    connection = Connection("sap-east", sap.http, {"client": "100"}, 1, 1, policies(**rules), lambda: NOW)
    people = DIALECT.connect(connection).people
    assert people is not None
    return people


def by_v2(sap: Sap, **rules: str) -> PeopleOrdersPort:
    return SapPeople(sap.http, policies(**rules))


@pytest.mark.parametrize("people", [by_v2, by_v4])
async def test_only_sap_orders_without_our_reference_are_peoples(sap: Sap, erp: SapErp, people: type) -> None:
    placed = await erp.place_order(document(), key="k", maybe_written=False)
    assert placed.result == "placed"
    assert await people(sap).created("1710", DAY) == []
    # Read by another field for our reference, it is like one that a person created.
    by_another = people(sap, order_reference_field="CorrespncInternalReference")
    [line] = await by_another.created("1710", DAY)
    ordered = document().lines[0]
    assert (line.order, line.line, line.item, line.supplier) == (placed.order_number, 10, ordered.item, "17300001")
    assert (line.quantity, line.unit, line.delivery_date) == (ordered.quantity, ordered.unit, ordered.delivery_date)
    assert line.by
    assert await by_another.created("1710", DAY + dt.timedelta(days=1)) == []
    assert await by_another.created("1720", DAY) == []


@pytest.fixture
async def oracle() -> AsyncIterator[Oracle]:
    simulator = create()
    control = httpx.AsyncClient(base_url="http://oracle", transport=httpx.ASGITransport(simulator))
    async with control, make_client("http://oracle/oracle", "PEGLINE", "pegline", 5, MountedOracle(simulator)) as http:
        found = Oracle(simulator, control, http)
        await found.post("/control/master-data", MASTER_DATA)
        await control.put("/control/clock", json={"now": NOW.isoformat()})
        yield found


async def test_only_oracle_orders_without_our_reference_are_peoples(oracle: Oracle) -> None:
    people = FusionPeople(oracle.http, "fusion", policies("M1"))
    ours = oracle_document()
    lines = tuple(one.model_copy(update={"info_record": "MAIN"}) for one in ours.lines)
    theirs = ours.model_copy(update={"reference": "by hand", "supplier": "4713", "lines": lines})
    for each in (ours, theirs):
        assert (await place(oracle.erp(), each)).result == "placed"
    [line] = await people.created("M1", DAY)
    asked = ours.lines[0]
    assert (line.line, line.item, line.supplier) == (10, asked.item, "4713")
    assert (line.quantity, line.unit, line.delivery_date) == (asked.quantity, asked.unit, asked.delivery_date)
    assert await people.created("M1", DAY + dt.timedelta(days=1)) == []
    assert await people.created("M2", DAY) == []
