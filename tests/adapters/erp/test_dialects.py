"""Dialects are found by name: ours by a table, others by entry points; what can't be used says what there is."""

import datetime as dt
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import httpx
import pytest

from adapters.checking import clock, fields_of, missing
from adapters.dialects import Connection, DialectError, Dialects, OptionError
from adapters.erp.sap.check import USED
from canonical.landscape import SystemKind
from policies.book import FixedPolicies
from tests.adapters.erp.sap import Sap

FIND: dict[SystemKind, Callable[[Dialects, str], Any]] = {
    SystemKind.ERP: Dialects.erp,
    SystemKind.SUPPLIER: Dialects.channel,
    SystemKind.PLANNING: Dialects.planning,
    SystemKind.PROCUREMENT: Dialects.procurement,
}
NOW = dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC)


def connection(http: httpx.AsyncClient, **options: str) -> Connection:
    return Connection("SAP North", http, options, 1.0, 1.0, FixedPolicies({}), lambda: NOW)


def installed(value: str) -> Dialects:
    return Dialects(lambda group: [EntryPoint("theirs", value, group)] if group == "pegline.dialects.erp" else [])


def test_a_customers_dialect_is_found_beside_ours() -> None:
    dialects = installed("adapters.erp.sap.dialect:DIALECT")
    assert dialects.names(SystemKind.ERP) == sorted({*Dialects().names(SystemKind.ERP), "theirs"})
    assert dialects.erp("theirs") is dialects.erp("sap-v2")


@pytest.mark.parametrize(
    ("value", "name", "why"),
    [
        ("adapters.erp.sap.dialect:DIALECT", "sapp", "'sapp' is no erp dialect; there are: "),
        ("no_such_package:DIALECT", "theirs", r"'theirs' \(no_such_package:DIALECT\) can't be loaded: ModuleNotFound"),
        ("adapters.erp.sap.dialect:OPTIONS", "theirs", "is no ErpDialect"),
        ("adapters.erp.sap.dialect:SapV2", "theirs", "is no ErpDialect"),
    ],
)
def test_a_dialect_that_cannot_be_used_says_why(value: str, name: str, why: str) -> None:
    with pytest.raises(DialectError, match=why):
        installed(value).erp(name)


@pytest.mark.parametrize("kind", FIND)
async def test_each_of_ours_connects_and_refuses_an_option_that_it_does_not_know(kind: SystemKind) -> None:
    dialects = Dialects(lambda group: [])
    async with httpx.AsyncClient(base_url="http://there") as http:
        for name in dialects.names(kind):
            with pytest.raises(OptionError, match=r"options.colour = 'red': the dialect has no"):
                FIND[kind](dialects, name).connect(connection(http, colour="red"))


async def test_a_check_of_sap_tries_every_service(sap: Sap) -> None:
    checked = Dialects().erp("sap-v2").connect(connection(sap.http)).check
    results = {each.what: each for each in [each async for each in checked.check()]}
    assert len(results) == 1 + 2 * len(USED)
    wrong = {name: each.detail for name, each in results.items() if each.outcome == "fault"}
    # The simulator has no material documents of its own service; everything else is there.
    assert set(wrong) <= {"API_MATERIAL_DOCUMENT_SRV: fields", "API_MATERIAL_DOCUMENT_SRV: read"}, wrong


async def test_a_step_that_fails_is_a_result(sap: Sap) -> None:
    sap.http.auth = httpx.BasicAuth("PEGLINE", "wrong")
    checked = Dialects().erp("sap-v2").connect(connection(sap.http)).check
    first = await anext(checked.check())
    assert first.outcome == "fault"
    assert "401" in first.detail


def test_the_clock_is_compared_by_the_date_of_an_answer() -> None:
    late = httpx.Response(200, headers={"date": "Mon, 04 Jan 2027 07:58:00 GMT"})
    assert clock(late, NOW).outcome == "warning"
    assert "-120 s from ours" in clock(late, NOW).detail
    assert clock(httpx.Response(200, headers={"date": "Mon, 04 Jan 2027 08:00:01 GMT"}), NOW).outcome == "ok"
    assert clock(httpx.Response(200), NOW).outcome == "warning"


def test_fields_are_read_from_an_edmx_with_those_of_base_types() -> None:
    edmx = b"""<edmx:Edmx xmlns:edmx="e"><Schema Namespace="N" Alias="S">
      <EntityType Name="Base"><Property Name="Id"/></EntityType>
      <EntityType Name="Order" BaseType="S.Base"><Property Name="Date"/><NavigationProperty Name="_Item"/></EntityType>
      <EntityContainer><EntitySet Name="Orders" EntityType="N.Order"/></EntityContainer></Schema></edmx:Edmx>"""
    found = fields_of(edmx)
    assert found == {"Orders": {"Id", "Date", "_Item"}}
    assert missing(found, {"Orders": ["Id", "Price"], "Receipts": ["Id"]}) == ["Receipts", "Orders.Price"]
    with pytest.raises(ValueError, match="no XML"):
        fields_of(b"<html>")
