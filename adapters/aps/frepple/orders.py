"""frePPLe's purchase orders: its REST resource /api/input/purchaseorder/, as its documentation describes it.

Decided here: how a purchase order is read and written, that a filter which frePPLe does not know or ignores does no
harm, and what its answers mean: 400 is a refusal with frePPLe's reason. Nothing is paged there, no version or ETag
guards a write, and a list is not said to be written whole or not at all: each call states what is to be, so that it can
be made again. Not decided here: what is written, and what of it is a need.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from adapters import exact_json
from adapters.errors import PermanentError
from adapters.http import excerpt, exchange
from canonical.order import Refused

ORDERS = "api/input/purchaseorder/"
ITEMS = "api/input/item/"
STATUSES = ("proposed", "approved", "confirmed", "completed", "closed")
DECIMALS = 8
"""Of a quantity."""
_DIGITS_MAX = 20
_FIELDS = ("item", "location", "supplier", "quantity", "enddate", "status", "source")

DayOf = Callable[[datetime], date]


@dataclass(frozen=True)
class PlanningOrder:
    """One of frePPLe's purchase orders."""

    reference: str
    item: str
    location: str
    supplier: str
    quantity: Decimal
    received_on: date | None
    """The receipt date, a day at the plant; None: it has none."""
    status: str
    source: str
    """Where it comes from; empty: made in frePPLe."""

    @property
    def body(self) -> dict[str, str]:
        """As frePPLe takes it; the receipt date is the beginning of its day there, and left as it is where unknown."""
        dated = {"enddate": f"{self.received_on.isoformat()}T00:00:00"} if self.received_on else {}
        return {
            "reference": self.reference,
            "item": self.item,
            "location": self.location,
            "supplier": self.supplier,
            "quantity": f"{self.quantity:f}",
            "status": self.status,
            "source": self.source,
            **dated,
        }


class FreppleOrders:
    """Reads and writes purchase orders. The client's base URL is that of the web server, or of a scenario on it."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self._http, self.system = http, system

    async def find(self, day_of: DayOf, **filters: str) -> list[PlanningOrder]:
        """The orders by these filters, which are frePPLe's (`location`, `status__in`, `enddate__gte`, …).

        `day_of`: the day at the plant of a moment with an offset. Raises PermanentError for what can't be read.
        """
        rows = await self.rows(ORDERS, filters)
        found = [self._order(row, day_of) for row in rows]
        return [each for each in found if _is_meant(each, filters)]

    async def rows(self, path: str, filters: Mapping[str, str] = {}) -> list[dict[str, Any]]:
        """The rows of a resource. Raises PermanentError where the answer is no list of them."""
        query = urlencode({"format": "json", **filters}, quote_via=quote)
        response = await exchange(self._http, self.system, "GET", f"{path}?{query}", writes=False)
        rows = self._json(response)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._unreadable(path, f"no list of rows: {excerpt(response)}")
        return rows

    async def create(self, orders: Sequence[PlanningOrder], key: str) -> Refused | None:
        """Make these orders, in one call."""
        return await self._write("POST", ORDERS, [each.body for each in orders], key)

    async def change(self, orders: Sequence[PlanningOrder], key: str) -> Refused | None:
        """Bring these orders to this state, in one call."""
        return await self._write("PATCH", ORDERS, [each.body for each in orders], key)

    async def remove(self, reference: str, key: str) -> Refused | None:
        """Delete an order; harmless where it is gone."""
        return await self._write("DELETE", f"{ORDERS}{quote(reference, safe='')}/", None, key)

    async def _write(self, method: str, path: str, body: Any, key: str) -> Refused | None:
        content = json.dumps(body).encode() if body is not None else None
        headers = {"Idempotency-Key": key, **({"Content-Type": "application/json"} if content else {})}
        reads = {400, 404} if method == "DELETE" else {400}
        response = await exchange(
            self._http, self.system, method, path, writes=True, headers=headers, content=content, reads=reads
        )
        if response.status_code != 400:
            return None
        return Refused(system=self.system, code="400", reason=_reason(response))

    def _order(self, row: Mapping[str, Any], day_of: DayOf) -> PlanningOrder:
        name = str(row.get("reference") or "")
        try:
            if not name or not isinstance(row.get("item"), str) or not isinstance(row.get("location"), str):
                raise ValueError("reference, item or location is missing")
            status = row.get("status")
            if status not in STATUSES:
                raise ValueError(f"status {str(status)[:40]!r} is none of {', '.join(STATUSES)}")
            return PlanningOrder(
                reference=name,
                item=row["item"],
                location=row["location"],
                supplier=str(row.get("supplier") or ""),
                quantity=_quantity(row.get("quantity")),
                received_on=_day(row.get("enddate"), day_of),
                status=status,
                source=str(row.get("source") or ""),
            )
        except ValueError as error:
            raise self._unreadable(f"purchase order {name or '?'}", str(error)) from error

    def _json(self, response: httpx.Response) -> Any:
        try:
            return exact_json.loads(response.content)
        except ValueError as error:
            raise self._unreadable(str(response.request.url.path), f"no JSON: {excerpt(response)}") from error

    def _unreadable(self, what: str, why: str) -> PermanentError:
        return PermanentError(self.system, f"{what}: {why}; is the address frePPLe's web server?")


def _is_meant(order: PlanningOrder, filters: Mapping[str, str]) -> bool:
    """django-filter passes over filters that it does not know, so that they are looked at here as well."""
    if (statuses := filters.get("status__in")) is not None and order.status not in statuses.split(","):
        return False
    if filters.get("reference__contains", "") not in order.reference:
        return False
    exact = {"item": order.item, "location": order.location, "status": order.status}
    return all(filters.get(name, value) == value for name, value in exact.items())


def _quantity(value: Any) -> Decimal:
    """A decimal, written as text or as a number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"quantity {str(value)[:40]!r} is no number")
    try:
        read = Decimal(value)
    except ArithmeticError:
        raise ValueError(f"quantity {str(value)[:40]!r} is no number") from None
    if not read.is_finite() or read < 0 or read.adjusted() >= _DIGITS_MAX - DECIMALS:
        raise ValueError(f"quantity {str(value)[:40]} is beyond what an order can have")
    return read.normalize() + 0


def _day(value: Any, day_of: DayOf) -> date | None:
    """frePPLe writes moments of its own local time without an offset; one with an offset is a day at the plant."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"enddate {str(value)[:40]!r} is no date with a time") from None
    return day_of(moment) if moment.tzinfo else moment.date()


def _reason(response: httpx.Response) -> str:
    """Of a list, the first row that has an error, by its fields."""
    try:
        body = response.json()
    except ValueError:
        return excerpt(response)
    first = next((each for each in body if each), body) if isinstance(body, list) else body
    if isinstance(first, dict):
        words = (f"{name}: {' '.join(map(str, said))}" for name, said in first.items() if isinstance(said, list))
        return "; ".join(words)[:300] or excerpt(response)
    return excerpt(response)


def is_changed(held: PlanningOrder, wanted: PlanningOrder) -> bool:
    """Whether the order there has to be written to be as it is wanted; a day that is not known is left as it is."""
    one, other = held.body, wanted.body
    return any(one.get(name) != other[name] for name in _FIELDS if name in other)


def total(orders: Iterable[PlanningOrder]) -> Decimal:
    """The quantity of all of them."""
    return sum((each.quantity for each in orders), Decimal(0))


__all__ = ["DECIMALS", "ITEMS", "ORDERS", "FreppleOrders", "PlanningOrder", "is_changed", "total"]
