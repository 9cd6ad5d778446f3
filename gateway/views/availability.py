"""The availability check for a planning system about to release a revision: what is in stock, what is coming, and when.

Answered from the ledger alone. Decided here: how the ledger's quantities are converted to the unit of the question. Not
here: the order in which supply is used and its dates (decisions.availability).
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from canonical.base import Code, Day, Instant, SentQuantity, UnitCode
from canonical.policy import PlantPolicy
from canonical.sourcing import ItemAtPlant
from canonical.units import NEED_DECIMALS, fraction_of_a_count, is_whole, rescale
from decisions.availability import Origin, fastest_order, find_availability, spare_of
from decisions.units import per_unit
from gateway.access.principal import PrincipalPart, Right, needs
from gateway.parts import PartsPart
from gateway.problems import Refusal, problem_responses
from gateway.requests import PlainRoute
from ledger.stock.availability import ItemSupply, SurplusSupply

_EXAMPLE: dict[str, Any] = {
    "plant": "1710",
    "item": "CH-0234",
    "known": True,
    "unit": "EA",
    "stock": {
        "available_to_promise": "120",
        "promised": "80",
        "available": "40",
        "reported_at": "2026-06-01T08:00:00-07:00",
        "as_of": "2026-06-01T09:12:00-07:00",
        "reason": "scrap",
    },
    "needs": {
        "open": 12,
        "quantity": "1400",
        "from_stock": "80",
        "received": "200",
        "confirmed": "900",
        "open_to_confirm": "220",
    },
    "surplus": [{"quantity": "15", "available_on": "2026-06-11", "reference": "4500000017"}],
    "request": {"quantity": "60", "date": "2026-06-15"},
    "feasible": False,
    "earliest_date": "2026-06-29",
    "portions": [
        {"origin": "stock", "quantity": "40", "available_on": "2026-06-01", "reference": ""},
        {"origin": "confirmed_surplus", "quantity": "15", "available_on": "2026-06-11", "reference": "4500000017"},
        {"origin": "new_order", "quantity": "5", "available_on": "2026-06-29", "reference": "LITWAR0001"},
    ],
    "why": "40 from available stock on 2026-06-01; 15 from confirmed supply that no need claims (4500000017) on "
    "2026-06-11; 5 from a new order (LITWAR0001) on 2026-06-29",
    "uncounted": [],
    "answered_at": "2026-06-01T16:30:00Z",
    "master_data_since": "2026-05-30T06:00:00Z",
}


class AvailableToPromise(BaseModel):
    """The item's stock available to promise."""

    available_to_promise: Decimal = Field(description="As reported, less consumption since; below zero: overcommitted")
    promised: Decimal = Field(description="The quantity of it that open needs rely on")
    available: Decimal = Field(description="The quantity left to promise")
    reported_at: Instant
    as_of: Instant = Field(description="When the newest report behind it took effect")
    reason: str


class NeedsOpen(BaseModel):
    """The totals of the item's open needs."""

    open: int
    quantity: Decimal
    from_stock: Decimal
    received: Decimal
    confirmed: Decimal = Field(description="Confirmed by suppliers or on the way, and not received yet")
    open_to_confirm: Decimal = Field(description="The quantity of the needs that nobody has confirmed")


class Surplus(BaseModel):
    """Confirmed supply not allocated to any need: the surplus of a lot, or a released allocation."""

    quantity: Decimal
    available_on: dt.date = Field(description="On stock: after the plant's goods receipt days")
    reference: str


class PortionView(BaseModel):
    """A part of the quantity asked for."""

    origin: Origin
    quantity: Decimal
    available_on: dt.date
    reference: str = Field(description="The order of a surplus, the supplier of a new order")


class AvailabilityQuestion(BaseModel):
    """The question."""

    quantity: Decimal
    date: dt.date | None


class AvailabilityView(BaseModel):
    """The answer; quantities in `unit`."""

    model_config = {"json_schema_extra": {"examples": [_EXAMPLE]}}

    plant: str
    item: str
    known: bool = Field(description="False: no stock, need or order of the item at the plant was ever recorded")
    unit: str
    stock: AvailableToPromise | None = Field(description="None: no system has reported the available stock")
    needs: NeedsOpen
    surplus: list[Surplus]
    request: AvailabilityQuestion
    feasible: bool | None = Field(
        description="Whether all of it is available by the date; None where the question had no date"
    )
    earliest_date: dt.date | None = Field(description="None: no known supply would bring the whole quantity")
    portions: list[PortionView]
    why: str
    uncounted: list[str] = Field(description="Quantities in a unit that can't be converted to the question's, in words")
    answered_at: Instant
    master_data_since: Instant | None = Field(
        description="When the lead times and sources used here were recorded; None: no need was decided yet"
    )


routes = APIRouter(prefix="/v1", tags=["Availability"], route_class=PlainRoute, dependencies=[needs(Right.READ)])


@routes.get(
    "/availability",
    response_model=AvailabilityView,
    summary="Available stock, coming supply, and the date by which a quantity can be available",
    responses=problem_responses(404, 422),
)
async def read_availability(
    parts: PartsPart,
    principal: PrincipalPart,
    plant: Annotated[Code, Query(examples=["1710"])],
    item: Annotated[Code, Query(examples=["CH-0234"])],
    quantity: Annotated[SentQuantity, Query(examples=["60"])],
    unit: Annotated[
        UnitCode | None, Query(description="UN/ECE Rec 20; without it the item's base unit, or that of its stock")
    ] = None,
    date: Annotated[Day | None, Query(description="The date by which it is needed on stock")] = None,
) -> Response:
    """Answered from the ledger alone, as entities last recorded it: available stock first, then confirmed supply not
    allocated to any need, then a new order placed today at the normal lead time of the fastest valid source.
    """
    policy = parts.policies.effective(plant) if principal.sees(plant) else None
    if policy is None:
        raise _unknown_plant(plant, principal.only(sorted(parts.policies.plants)))
    supply = await parts.ledger.availability.supply_of(plant, item)
    counting = _Counting(supply, unit, plant, item)
    counting.require_whole(quantity)
    answer = counting.answer(policy, quantity, date, parts.today(plant), parts.now())
    # Serialized directly: a planning system asks for thousands of items in a row.
    return Response(answer.model_dump_json(), media_type="application/json")


class _Counting:
    """The ledger's quantities, in the question's unit."""

    def __init__(self, supply: ItemSupply, unit: str | None, plant: str, item: str) -> None:
        self._supply, self._plant, self._item = supply, plant, item
        self._master: ItemAtPlant | None = supply.assessment.item if supply.assessment else None
        spoken = [self._master.base_unit] if self._master else []
        spoken += [supply.stock.unit] if supply.stock else []
        spoken += [each.unit for each in supply.needs]
        self._unit = unit or (spoken[0] if spoken else "EA")
        if spoken and per_unit(self._unit, spoken[0], self._master) is None:
            raise Refusal(
                422,
                "unit_mismatch",
                f"{item} is counted in {spoken[0]} at {plant}; nothing converts {self._unit} to it",
                f"ask in {spoken[0]}, or have master data say how many {spoken[0]} are one {self._unit}",
                field="unit",
                value=self._unit,
            )
        self._uncounted: list[str] = []

    def require_whole(self, quantity: Decimal) -> None:
        """Raise Refusal where the quantity is a fraction of something that is counted."""
        if not is_whole(quantity, self._unit):
            raise Refusal(
                422,
                "fraction_of_a_count",
                f"quantity: {fraction_of_a_count(quantity, self._unit)}",
                "ask for a whole number, or in the unit that was meant",
                field="quantity",
                value=f"{quantity:f}",
            )

    def answer(
        self, policy: PlantPolicy, quantity: Decimal, date: dt.date | None, today: dt.date, now: dt.datetime
    ) -> AvailabilityView:
        supply = self._supply
        receipt_days = self._master.goods_receipt_days if self._master else policy.goods_receipt_days
        needs, stock = self._needs(), None
        if supply.stock is not None:
            free = self._count(supply.stock.available_to_promise, supply.stock.unit, "of available stock")
            stock = AvailableToPromise(
                available_to_promise=free,
                promised=needs.from_stock,
                available=max(Decimal(0), free - needs.from_stock),
                reported_at=supply.stock.reported_at,
                as_of=supply.stock.as_of,
                reason=supply.stock.reason,
            )
        spare = [
            spare_of(counted, piece.date, _reference(piece), receipt_days, policy.calendar, today)
            for piece in supply.surplus
            if (counted := self._count(piece.quantity, piece.unit, "of confirmed surplus")) > 0
        ]
        new_order = fastest_order(supply.assessment, self._unit, today) if supply.assessment else None
        on_stock = stock.available if stock else Decimal(0)
        found = find_availability(quantity, on_stock, spare, new_order, today)
        return AvailabilityView(
            plant=self._plant,
            item=self._item,
            known=supply.known,
            unit=self._unit,
            stock=stock,
            needs=needs,
            surplus=[Surplus.model_validate(piece._asdict()) for piece in spare],
            request=AvailabilityQuestion(quantity=quantity, date=date),
            feasible=None if date is None else found.earliest is not None and found.earliest <= date,
            earliest_date=found.earliest,
            portions=[PortionView.model_validate(part._asdict()) for part in found.portions],
            why=self._why(found.why),
            uncounted=self._uncounted,
            answered_at=now,
            master_data_since=supply.assessed_at,
        )

    def _needs(self) -> NeedsOpen:
        supply = self._supply
        words = "of open needs"
        quantity = sum((self._count(each.quantity, each.unit, words) for each in supply.needs), Decimal(0))
        from_stock = sum((self._count(each.from_stock, each.unit) for each in supply.needs), Decimal(0))
        received = sum((self._count(each.received, each.unit) for each in supply.needs), Decimal(0))
        confirmed = sum((self._count(each.quantity, each.unit, "confirmed") for each in supply.confirmed), Decimal(0))
        return NeedsOpen(
            open=sum(each.count for each in supply.needs),
            quantity=quantity,
            from_stock=from_stock,
            received=received,
            confirmed=confirmed,
            open_to_confirm=max(Decimal(0), quantity - from_stock - received - confirmed),
        )

    def _count(self, quantity: Decimal, unit: str, words: str = "") -> Decimal:
        """Convert to the question's unit, rounded down; zero where no conversion exists, which `words` reports."""
        factor = per_unit(self._unit, unit, self._master)
        if factor is None:
            if words and quantity:
                self._uncounted.append(f"{quantity.normalize():f} {unit} {words}")
            return Decimal(0)
        return rescale(quantity, factor, NEED_DECIMALS, "down")

    def _why(self, found: str) -> str:
        if not self._supply.known:
            return f"nothing was ever stated, needed or ordered of {self._item} at {self._plant}; check the item"
        if self._supply.assessment is None:
            return f"{found}; no need of the item has been decided yet, so that lead times are not known"
        return found


def _reference(piece: SurplusSupply) -> str:
    return piece.order if piece.lines == 1 else f"{piece.order} and {piece.lines - 1} more"


def _unknown_plant(plant: str, plants: Sequence[str]) -> Refusal:
    known = ", ".join(plants) or "none"
    return Refusal(
        404,
        "unknown_plant",
        f"plant {plant!r} is not one of Pegline's plants: {known}",
        f"ask for one of {known}, or have the plant's policy added",
        field="plant",
        value=plant,
    )


__all__ = ["AvailabilityView", "routes"]
