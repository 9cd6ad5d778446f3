"""Stock in SAP: what is unrestricted and nobody's in particular, summed; nothing where it isn't asked for."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from adapters.checking import fields_of, missing
from adapters.dialects import Connection, ErpDialect, OptionError
from adapters.erp.sap.dialect import DIALECT as V2
from adapters.erp.sap.stock import SERVICE, USED
from adapters.erp.sap_v4.dialect import DIALECT as V4
from adapters.ports import AvailableStock
from tests.adapters.erp.cap import edmx_directory
from tests.adapters.erp.documents import policies
from tests.adapters.erp.sap import Sap

NOW = dt.datetime(2027, 1, 4, 9, tzinfo=dt.UTC)
BOTH = pytest.mark.parametrize("dialect", [V2, V4])


def connection(sap: Sap, **options: str) -> Connection:
    return Connection("sap-east", sap.http, options, 1, 1, policies(), lambda: NOW)


def kept(quantity: str, location: str = "171A", item: str = "MZ-STEEL", **more: Any) -> dict[str, Any]:
    row = {"Material": item, "Plant": "1710", "MatlWrhsStkQtyInMatlBaseUnit": quantity, "StorageLocation": location}
    return row | more


@BOTH
async def test_unrestricted_stock_counts_over_locations_and_batches_and_no_other(sap: Sap, dialect: ErpDialect) -> None:
    stocks = [
        kept("100.123"),
        kept("50.000", "171B"),
        kept("7.000", "171B", Batch="B2"),
        kept("1000", InventoryStockType="02"),
        kept("2000", InventoryStockType="07"),
        kept("4000", InventorySpecialStockType="K", Supplier="17300001"),
        kept("8000", Plant="1720"),
        kept("16000", item="MZ-TUBE", InventorySpecialStockType="E", SDDocument="4711", SDDocumentItem="10"),
    ]
    products = [{"Product": each, "BaseUnit": "PC"} for each in ("MZ-TUBE", "MZ-NONE")]
    await sap.post("/control/master-data", {"products": products, "stocks": stocks})
    stock = dialect.connect(connection(sap, stock="unrestricted")).stock
    assert stock is not None
    assert await stock.available("1710", ["MZ-STEEL", "MZ-TUBE", "MZ-NONE", "O'NEIL"]) == [
        AvailableStock("MZ-STEEL", Decimal("157.123"), "KGM", NOW),
        AvailableStock("MZ-TUBE", Decimal(0), "H87", NOW),
    ], "a material of which no stock was ever posted is left out"


@BOTH
async def test_it_is_read_and_checked_only_where_the_option_says_so(sap: Sap, dialect: ErpDialect) -> None:
    assert dialect.connect(connection(sap)).stock is None
    with pytest.raises(OptionError, match="unrestricted-use stock is read"):
        dialect.connect(connection(sap, stock="all"))
    checked = [each.what async for each in dialect.connect(connection(sap, stock="unrestricted")).check.check()]
    unchecked = [each.what async for each in dialect.connect(connection(sap)).check.check()]
    assert set(checked) - set(unchecked) == {f"{SERVICE}: fields", f"{SERVICE}: read"}


def test_the_fields_are_those_that_sap_publishes() -> None:
    edmx = (edmx_directory() / f"{SERVICE}.edmx").read_bytes()
    assert missing(fields_of(edmx), USED) == []
