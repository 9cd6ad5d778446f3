"""The supply request that a requirement sends to an order, built from the outcomes of the rules.

Decided here: the requested date where the need's own has passed, the components provided to a subcontractor, and by
when. Not here: source, dates and lots (sourcing, R5, R6).
"""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

from canonical.event_data import OUR_SOURCE
from canonical.identity import RequirementId
from canonical.need import Need
from canonical.policy import PlantPolicy, RouteKind
from canonical.records import OrderTerms
from canonical.sourcing import ItemAtPlant
from canonical.supply import LotTerms, RequestedComponent, SupplyRequest
from canonical.units import NEED_DECIMALS, SAME, exactly, rescale
from decisions.calendars import next_working_day
from decisions.effectivity import components_on, issue_date
from decisions.sourcing import SourceChoice
from decisions.units import other_units, pegs_in_order_unit, source_conversion


def request_for(
    need: Need,
    item: ItemAtPlant,
    choice: SourceChoice,
    policy: PlantPolicy,
    *,
    requirement_id: RequirementId,
    request_revision: int,
    today: dt.date,
    correlation_id: str = "",
    expedite: bool | None = None,
    approved_by: str | None = None,
    reason: str = "",
) -> SupplyRequest:
    """The whole request: the choice's lots at the choice's date, with the need's pegs.

    A quantity that differs from the need's is in the choice (`choose(quantity=…)`). Lots, `needed` and pegs are in the
    order unit. No date in the past is requested: a dock date that has passed becomes the next working day; `send_by`
    stays what it should have been, for the KPIs. `policy` is the one for the choice's supplier. `expedite` None: as the
    schedule says.
    """
    source, schedule = choice.source, choice.schedule
    pegs = need.pegs
    same = choice.per_order_unit == SAME
    earliest = next_working_day(policy.calendar, today)
    return SupplyRequest(
        requirement_id=requirement_id,
        request_revision=request_revision,
        plant=need.plant,
        item=need.item,
        description=item.description,
        material_group=item.material_group,
        unit=source.unit,
        lots=choice.lots.lots,
        needed=choice.needed,
        need_quantity=None if same else choice.quantity,
        lot_terms=LotTerms(minimum=choice.lots.minimum, multiple=choice.lots.multiple, maximum=choice.lots.maximum),
        required_date=need.required_date,
        dock_date=max(schedule.dock_date, earliest),
        send_by=schedule.send_by,
        pegs=pegs if same else pegs_in_order_unit(pegs, choice.per_order_unit),
        goods_receipt_days=item.goods_receipt_days,
        criticality=min(peg.criticality for peg in pegs),
        price=source.price,
        currency=source.currency,
        price_unit=source.price_unit,
        price_breaks=source.price_breaks,
        agreement=source.agreement.reference if source.agreement is not None else None,
        info_record=source.info_record,
        need_unit=need.unit,
        per_order_unit=choice.per_order_unit,
        other_units=other_units(source, item),
        route=source.route,
        components=_components(choice, policy, earliest) if source.route is RouteKind.SUBCONTRACT else (),
        policy=policy.for_line(),
        internal=need.source == OUR_SOURCE,
        expedite=schedule.expedite if expedite is None else expedite,
        approved_by=approved_by,
        reason=reason or choice.why,
        correlation_id=correlation_id,
    )


def _components(choice: SourceChoice, policy: PlantPolicy, earliest: dt.date) -> tuple[RequestedComponent, ...]:
    """The components given to the subcontractor, some plant working days before the order is sent: those of the bill of
    material that are in force on that day.

    For one order unit, or fixed for the line; rounded up to six decimals. Raises ValueError where the order unit does
    not convert to the base unit, in which components are kept; the master-data check detects that earlier.
    """
    item, source = choice.item, choice.source
    base_per_order_unit = source_conversion(item.base_unit, source, item)
    if base_per_order_unit is None:
        raise ValueError(f"{source.supplier} makes {item.item} in {source.unit}, its base unit is {item.base_unit}")
    day = max(issue_date(policy, choice.schedule.send_by), earliest)
    base_units = Fraction(base_per_order_unit[0]) / Fraction(base_per_order_unit[1])
    return tuple(
        RequestedComponent(
            item=component.item,
            unit=component.unit,
            per_unit=component.quantity
            if component.fixed
            else rescale(component.quantity, exactly(base_units / Fraction(component.per)), NEED_DECIMALS, "up"),
            fixed=component.fixed,
            date=day,
        )
        for component in components_on(item, day)
    )


def terms_for(request: SupplyRequest, choice: SourceChoice) -> OrderTerms:
    """The terms that other lines must share with the supply request to be on its order."""
    source = choice.source
    return OrderTerms(
        plant=request.plant, supplier=source.supplier, currency=source.currency, terms=source.terms, route=source.route
    )


def on_agreed_terms(request: SupplyRequest, agreed: SupplyRequest) -> SupplyRequest:
    """A changed request to an order that exists: price and agreement are those of the order's own date, and what was
    promised from stock stays promised.
    """
    if (request.unit, request.currency) != (agreed.unit, agreed.currency):
        return request
    kept = ("price", "price_unit", "price_breaks", "info_record", "agreement", "from_stock")
    return request.model_copy(update={name: getattr(agreed, name) for name in kept})


def release(request: SupplyRequest, *, request_revision: int, reason: str, correlation_id: str = "") -> SupplyRequest:
    """The same request for nothing: the order may reduce or cancel its allocation."""
    nothing = {"lots": (), "needed": Decimal(0), "request_revision": request_revision, "reason": reason}
    nothing |= {"need_quantity": None}
    return request.model_copy(
        update=nothing
        | {"correlation_id": correlation_id or request.correlation_id, "approved_by": None, "expedite": False}
    )
