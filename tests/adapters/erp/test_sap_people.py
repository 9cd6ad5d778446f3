"""What people ordered in SAP on a day, for comparing: not what is ours, and not what they deleted."""

import datetime as dt

from adapters.erp.sap.client import SapErp
from adapters.erp.sap.people import SapPeople
from tests.adapters.erp.documents import document, policies
from tests.adapters.erp.sap import Sap

DAY = dt.date(2027, 1, 4)


async def test_only_orders_without_our_reference_are_peoples(sap: Sap, erp: SapErp) -> None:
    placed = await erp.place_order(document(), key="k", maybe_written=False)
    assert placed.result == "placed"
    assert await SapPeople(sap.http, policies()).created("1710", DAY) == []
    # Read by another field for our reference, it is like one that a person created.
    by_another = SapPeople(sap.http, policies(order_reference_field="CorrespncInternalReference"))
    [line] = await by_another.created("1710", DAY)
    ordered = document().lines[0]
    assert (line.order, line.line, line.item, line.supplier) == (placed.order_number, 10, ordered.item, "17300001")
    assert (line.quantity, line.unit, line.delivery_date) == (ordered.quantity, ordered.unit, ordered.delivery_date)
    assert await by_another.created("1710", DAY + dt.timedelta(days=1)) == []
    assert await by_another.created("1720", DAY) == []
