"""The bench of SAP's OData V4 services: the simulator in the same process, and its books."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import httpx

from adapters.dialects import Connection
from adapters.erp.sap_v4.dialect import DIALECT
from adapters.http import make_client
from conformance.erp.bench import ConnectedErp, SeenLine, SeenOrder
from tests.adapters.erp.documents import policies
from tests.adapters.erp.sap_bench import PASSWORD, USER, SapBench

Confirmed = dict[tuple[str, int], list[tuple[dt.date, Decimal]]]


class SapV4Bench(SapBench):
    """As V2's, whose services read the same books; what was confirmed stands beside the order."""

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client("http://sap/erp", USER, PASSWORD, transport=transport)

    def connect(
        self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float
    ) -> ConnectedErp:
        return DIALECT.connect(
            Connection(
                system="sap-east",
                client=client,
                options={"client": "100"},
                settle_seconds=settle_seconds,
                second_create_seconds=second_create_seconds,
                policies=policies(transfers=True),
                now=lambda: dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC),
            )
        )

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        confirmed = self._confirmed()
        return [
            order._replace(lines=tuple(_to_come(order, line, confirmed) for line in order.lines))
            for order in await super().orders(reference)
        ]

    def _confirmed(self) -> Confirmed:
        found: Confirmed = defaultdict(list)
        for head in self.simulator.books()["confirmations"]:
            for item in head["_SupplierConfirmationItemTP"]:
                place = head["SuplrConfRefPurchaseOrder"], int(item["SuplrConfRefPurchaseOrderItem"])
                found[place] += [
                    (dt.date.fromisoformat(line["DeliveryDate"]), Decimal(line["ConfirmedQuantity"]))
                    for line in item["_SupplierConfirmationLineTP"]
                ]
        return found


def _to_come(order: SeenOrder, line: SeenLine, confirmed: Confirmed) -> SeenLine:
    parts = confirmed.get((order.number, line.line))
    if not parts:
        return line
    return line._replace(deliveries=tuple(sorted(parts)), quantity=sum((part for _, part in parts), Decimal(0)))
