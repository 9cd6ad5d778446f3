"""The sources of an item that a plant's policy permits.

Decided here: which of master data's sources may be used (by the policy's routes and purchasing organization), in which
order, by whose calendar, which transfers are added, and how long a goods receipt takes where the item does not say. Not
here: which source a need is ordered from (decisions.sourcing).
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Protocol

from canonical.calendar import Calendar
from canonical.landscape import TwoErps
from canonical.policy import PlantPolicy, RouteKind, RouteRule
from canonical.sourcing import Assessment, ItemAtPlant, Source
from canonical.units import UNITS


class Effective(Protocol):
    """The policy for a plant, and for an item and supplier there; None: the plant has none."""

    def __call__(
        self, plant: str, *, item_class: str = "", item: str = "", supplier: str = ""
    ) -> PlantPolicy | None: ...


def supplying_plants(policy: PlantPolicy) -> tuple[str, ...]:
    """The plants that transfers may come from, the preferred first."""
    return tuple(route.supplying_plant for route in policy.routes if route.supplying_plant)


def assessment(
    item: ItemAtPlant,
    policy: PlantPolicy,
    effective: Effective,
    kept_at: Collection[str],
    allocated: Mapping[str, Decimal],
    apart: Mapping[str, TwoErps] | None = None,
) -> Assessment:
    """Everything that a requirement for the item decides by; `policy` is the result of `effective` without a supplier.

    `kept_at`: which of the supplying plants keep the item. `allocated`: by supplier, in base units (R14). `apart`:
    those of them whose orders are in another system.
    """
    by_supplier: dict[str, PlantPolicy] = {}

    def own_policy(source: Source) -> PlantPolicy:
        return effective(item.plant, item_class=item.item_class, item=item.item, supplier=source.supplier) or policy

    def buys(source: Source) -> bool:
        """Whether the plant's purchasing organization buys on these terms."""
        return source.purchasing_organization in ("", own_policy(source).purchasing_organization)

    routed = [
        (route, source) for route in policy.routes for source in _sources(item, route, policy, effective, kept_at)
    ]
    found = [(route, source) for route, source in routed if buys(source)]
    places = {route: place for place, route in enumerate(policy.routes)}
    taken = {RouteKind.TRANSFER, *(route.kind for route in policy.routes)}
    ranks = sorted({(places[route], source.preference) for route, source in found})
    calendars: dict[str, Calendar] = {}
    sources: list[Source] = []
    for route, source in sorted(found, key=lambda each: (places[each[0]], each[1].preference)):
        own = own_policy(source)
        if own.version != policy.version:
            by_supplier[source.supplier] = own
        # One number says both: the order of the routes first, the preference in master data within each.
        changes: dict[str, object] = {"preference": ranks.index((places[route], source.preference)) + 1}
        if own.supplier_calendar is not None and source.route is not RouteKind.TRANSFER:
            changes["calendar"] = own.supplier_calendar
            if source.lead_time_in == "working_days":
                calendars[source.supplier] = source.calendar
        sources.append(source.model_copy(update=changes))
    return Assessment(
        item=item.model_copy(
            update={
                "sources": tuple(sources),
                "goods_receipt_days": item.goods_receipt_days or policy.goods_receipt_days,
            }
        ),
        policy=policy,
        by_supplier=by_supplier,
        allocated=dict(allocated) if policy.quotas else {},
        left_out=tuple(source for source in item.sources if source.route not in taken or not buys(source)),
        kept_at={plant: plant in kept_at for plant in supplying_plants(policy)},
        apart=dict(apart or {}),
        calendars=calendars,
        receipt_days_of_policy=not item.goods_receipt_days,
    )


def as_kept(known: Assessment) -> ItemAtPlant:
    """The item as in master data: `assessment` returns the same again for it, and the right result under other
    policies.

    Preferences keep their new numbers, which have the same order. Transfers, which come from the policy, are removed.
    Raises ValueError where master data has no such item.
    """
    if known.item is None:
        raise ValueError("master data has no such item: there is nothing to go back to")
    bought = (source for source in known.item.sources if source.route is not RouteKind.TRANSFER)
    sources = [
        source.model_copy(update={"calendar": known.calendars.get(source.supplier, source.calendar)})
        for source in (*bought, *known.left_out)
    ]
    changes: dict[str, object] = {"sources": tuple(sources)}
    if known.receipt_days_of_policy:
        changes["goods_receipt_days"] = 0
    return known.item.model_copy(update=changes)


def _sources(
    item: ItemAtPlant, route: RouteRule, policy: PlantPolicy, effective: Effective, kept_at: Collection[str]
) -> tuple[Source, ...]:
    if route.kind is not RouteKind.TRANSFER:
        return tuple(source for source in item.sources if source.route is route.kind)
    plant = route.supplying_plant
    supplying = effective(plant, item_class=item.item_class, item=item.item) if plant in kept_at and plant else None
    if plant is None or supplying is None:
        return ()
    return (
        Source(
            supplier=plant,
            supplier_name=f"Plant {plant}",
            route=RouteKind.TRANSFER,
            unit=item.base_unit,
            lead_time_days=route.transit_days,
            lead_time_in="working_days",
            minimum_quantity=Decimal(0),
            multiple=Decimal(1).scaleb(-UNITS[item.base_unit].decimals),
            price=Decimal(0),
            currency=policy.approval.currency,
            calendar=supplying.calendar,
        ),
    )
