"""The order lines that people created in Oracle on a day: those of approved orders without a reference of ours."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import httpx

from adapters.erp.oracle.rest import Fusion, Row, RowLink
from adapters.erp.oracle.units import OracleUnits
from adapters.erp.oracle.values import day as read_day
from adapters.erp.oracle.values import number
from adapters.ports import PolicyPort
from canonical.observing import LineCompared
from canonical.policy import ErpDocuments

_REFERENCE = "PL"
"""How each of our references begins."""
_CANCELED = "CANCELED"


class FusionPeople:
    """Implements adapters.ports.PeopleOrdersPort."""

    def __init__(self, http: httpx.AsyncClient, system: str, policies: PolicyPort) -> None:
        self._fusion, self._policies = Fusion(http, system), policies

    async def created(self, plant: str, day: dt.date) -> Sequence[LineCompared]:
        """As the port has it; the day is that of the plant's calendar."""
        policy = self._policies.effective(plant)
        units = OracleUnits().with_codes((policy.erp if policy else ErpDocuments()).units)
        begins = dt.datetime.combine(day, dt.time(), policy.calendar.tzinfo if policy else dt.UTC).astimezone(dt.UTC)
        ends = begins + dt.timedelta(days=1)
        where = f"CreationDate>='{begins.isoformat()}' and CreationDate<'{ends.isoformat()}'"
        rows = await self._fusion.read("purchaseOrders", where=where, expand="lines,lines.schedules", links=True)
        theirs = [
            row
            for row in rows
            if not str(row.get("Description") or "").startswith(_REFERENCE) and row.get("StatusCode") != _CANCELED
        ]
        suppliers = await self._numbers(theirs)
        return [line for row in theirs for line in await self._lines(row, plant, units, suppliers)]

    async def _lines(
        self, row: Row, plant: str, units: OracleUnits, suppliers: Mapping[int, str]
    ) -> list[LineCompared]:
        link, found = self._fusion.link(row), []
        for line in await self._fusion.children(link, row, "lines", expand="schedules"):
            at = RowLink(f"{link.path}/child/lines/{line.get('POLineId')}", "")
            schedules = await self._fusion.children(at, line, "schedules")
            own = [
                one
                for one in schedules
                if one.get("ShipToOrganizationCode") == plant and one.get("StatusCode") != _CANCELED
            ]
            found += self._fusion.shaped(
                lambda rows, line=line: [_compared(row, line, rows, units, suppliers)] if rows else [],  # type: ignore[misc]
                own if line.get("Item") else [],
                "purchaseOrders",
            )
        return found

    async def _numbers(self, orders: Sequence[Row]) -> dict[int, str]:
        """The suppliers' numbers by Oracle's ids."""
        found = {}
        for identity in sorted({int(number(row["SupplierId"])) for row in orders if row.get("SupplierId")}):
            rows = await self._fusion.read("suppliers", where=f"SupplierId={identity}")
            if rows:
                found[identity] = str(rows[0]["SupplierNumber"])
        return found


def _compared(
    order: Row, line: Row, schedules: Sequence[Row], units: OracleUnits, suppliers: Mapping[int, str]
) -> LineCompared:
    days = [found for one in schedules if (found := read_day(one.get("RequestedDeliveryDate"))) is not None]
    return LineCompared(
        order=str(order["OrderNumber"]),
        line=int(number(line["LineNumber"])),
        item=str(line["Item"]),
        supplier=suppliers.get(int(number(order["SupplierId"])), str(order["SupplierId"])),
        quantity=sum((number(one["Quantity"]) for one in schedules), Decimal(0)),
        unit=units.from_oracle(str(line["UOMCode"])),
        delivery_date=min(days),
        by=str(order.get("BuyerEmail") or ""),
    )


__all__ = ["FusionPeople"]
