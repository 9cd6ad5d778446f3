"""Business Central's posted receipts, as goods receipts of our lines.

Decided here: a receipt names its order, and its lines item, unit and quantity, but no order line. Description 2 is
carried over from the order's line and names the order, not the line. So a receipt's line belongs to the one line of
ours with its item and unit; where several have them, to the one of which exactly as much was received in all; else to
none, and a person has to say. Receipts are posted whole: what was taken back is no receipt here. Not decided here: when
this is asked, and who is asked about what is left.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import httpx

from adapters.erp.business_central.api import CompanyApi, Row, literal
from adapters.erp.business_central.documents import CentralOrderBook
from adapters.erp.business_central.remote import read_day
from adapters.erp.business_central.settings import CentralSettings
from adapters.erp.business_central.units import CentralUnits, CentralUnitTable
from adapters.erp.parts import LinePart, Parts, received_of
from adapters.exact_json import number
from canonical.order import GoodsReceipt


class ReceivedGoods(NamedTuple):
    """A line of a posted receipt; `unit` is Business Central's code."""

    receipt: str
    sequence: int
    item: str
    unit: str
    quantity: Decimal
    date: dt.date


class UnmatchedGoods(NamedTuple):
    """Goods that came for an order, and of which it can't be said for which of these lines."""

    goods: ReceivedGoods
    lines: tuple[int, ...]
    """Empty: the order has no line of the item."""


@dataclass(frozen=True)
class BusinessCentralReceipts:
    """Reads what was received for an order."""

    book: CentralOrderBook
    units: CentralUnits

    @classmethod
    def of(
        cls, http: httpx.AsyncClient, settings: CentralSettings, *, system: str = "erp"
    ) -> "BusinessCentralReceipts":
        """By this client."""
        api = CompanyApi(http, system, settings.company, at_once=settings.at_once)
        return cls(CentralOrderBook(api, settings), CentralUnits(api, settings.units))

    async def received(self, order: str) -> tuple[list[GoodsReceipt], list[UnmatchedGoods]]:
        """The receipts of an order's lines, and what belongs to no single one of them."""
        api = self.book.api
        goods = await api.read_as(
            _goods,
            api.path("purchaseReceipts"),
            filter=f"orderNumber eq {literal(order)}",
            expand="purchaseReceiptLines",
        )
        orders = await self.book.numbered(order)
        matched, left = match_goods(goods, orders[0].parts if orders else {})
        table = await self.units.table()
        return [_receipt(order, line, one, table) for line, one in matched], left


def match_goods(
    goods: Sequence[ReceivedGoods], parts: Parts
) -> tuple[list[tuple[int, ReceivedGoods]], list[UnmatchedGoods]]:
    """The line of each receipt's line, where there is only one that it can be for."""
    candidates: Mapping[ReceivedGoods, tuple[int, ...]] = {
        one: tuple(sorted(line for line, own in parts.items() if _is_of(own, one))) for one in goods
    }
    matched: list[tuple[int, ReceivedGoods]] = []
    left: list[UnmatchedGoods] = []
    for one in goods:
        lines = candidates[one]
        if len(lines) > 1:
            whole = tuple(line for line in lines if received_of(parts[line]) == one.quantity)
            others = [each for each in goods if each != one and (each.item, each.unit) == (one.item, one.unit)]
            # Two lines of one quantity, or two receipts of it, tell nothing.
            if len(whole) == 1 and all(each.quantity != one.quantity for each in others):
                rest = sum((received_of(parts[line]) for line in lines if line not in whole), Decimal(0))
                lines = whole if rest == sum((each.quantity for each in others), Decimal(0)) else lines
        if len(lines) == 1:
            matched.append((lines[0], one))
        else:
            left.append(UnmatchedGoods(one, lines))
    return matched, left


def _is_of(parts: Sequence[LinePart], goods: ReceivedGoods) -> bool:
    return any(part.material == goods.item and part.unit == goods.unit and part.received for part in parts)


def _goods(receipts: list[Row]) -> list[ReceivedGoods]:
    found = []
    for receipt in receipts:
        day = read_day(receipt.get("postingDate"))
        for line in receipt["purchaseReceiptLines"]:
            if line.get("lineType") != "Item" or not number(line["quantity"]) or day is None:
                continue
            found.append(
                ReceivedGoods(
                    receipt=str(receipt["number"]),
                    sequence=int(line["sequence"]),
                    item=str(line["lineObjectNumber"]),
                    unit=str(line.get("unitOfMeasureCode") or ""),
                    quantity=number(line["quantity"]),
                    date=day,
                )
            )
    return found


def _receipt(order: str, line: int, goods: ReceivedGoods, units: CentralUnitTable) -> GoodsReceipt:
    return GoodsReceipt(
        order_number=order,
        line=line,
        quantity=goods.quantity,
        unit=units.to_ours(goods.unit),
        date=goods.date,
        receipt_number=f"{goods.receipt}/{goods.sequence}",
        effective_at=dt.datetime.combine(goods.date, dt.time(12), dt.UTC),
    )


__all__ = ["BusinessCentralReceipts", "ReceivedGoods", "UnmatchedGoods", "match_goods"]
