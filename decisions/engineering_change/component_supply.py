"""R13: the supply of an outgoing component, and the options for each quantity of it with their cost.

Decided here: which requirement a quantity belongs to, when it is on stock, until when it can be cancelled, its value
and its candidates. Not here: what is used and what is not (engineering_change).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from canonical.bom import BomLine, BomRevised, ChangeDisposition, ComponentUse, SuppliedBy
from canonical.identity import RequirementId
from canonical.sourcing import Assessment, ItemAtPlant, Source
from decisions.approval import value_in_company_currency
from decisions.effectivity import terms_in_force
from decisions.engineering_change.cancelled_lots import LineLots
from decisions.engineering_change.disposal import Circumstances, candidates_of, proposed_of
from decisions.engineering_change.engineering_change import Disposition, Fate, OutgoingSupply, cancellation_cut_off
from decisions.engineering_change.remaining_demand import RemainingDemand, rescaled
from decisions.feasibility import available_on
from decisions.units import per_supplied_unit, per_unit, share_of_order_unit

_NOTHING = Decimal(0)
WITHOUT_USE = (Fate.EXCESS, Fate.CANCELLED, Fate.EXCEPTION)
IN_LOT = "in_lot"
"""Between two steps of a plan: the supplier's lot keeps it on its line."""


class CountedSupply(NamedTuple):
    """The supply that converts to the line's unit, by a key for each piece, and the supply that does not."""

    pieces: dict[str, SuppliedBy]
    supply: list[OutgoingSupply]
    received: list[ChangeDisposition]
    """The received quantities that requirements keep."""
    uncounted: list[ChangeDisposition]
    lots: dict[str, LineLots]

    def name(self, key: str) -> str:
        """How a person names the order line; empty: the stock."""
        return self.pieces[key].reference if key else ""

    def merged(self, dispositions: Iterable[Disposition]) -> tuple[Disposition, ...]:
        """By piece: the quantities of its own and of other requirements are one disposition where they share a fate."""
        found: dict[tuple[str, Fate], Disposition] = {}
        for one in dispositions:
            key = one.reference[1:]
            known = found.get((key, one.fate))
            quantity = one.quantity + (known.quantity if known is not None else _NOTHING)
            found[key, one.fate] = one._replace(reference=key, quantity=quantity)
        return tuple(found.values())


def count_supply(
    line: BomLine,
    use: ComponentUse,
    remaining_demands: Iterable[RemainingDemand],
    assessment: Assessment,
    today: dt.date,
) -> CountedSupply:
    """A receipt is counted as far as its requirement no longer needs it; the rest is recorded as received.

    What is still to come is at the dock today at the earliest (R7).
    """
    item, policy = assessment.item, assessment.policy
    own = {remaining.user.requirement_id: _still_open(remaining, line, item) for remaining in remaining_demands}
    goods_receipt_days = item.goods_receipt_days if item is not None else policy.goods_receipt_days
    kept = {
        remaining.user.requirement_id: (remaining.received - remaining.idle, remaining.user.unit)
        for remaining in remaining_demands
    }
    counted = CountedSupply({}, [], [], [], {})
    for number, piece in enumerate(use.supply):
        factor = per_supplied_unit(line.unit, piece.supplier, piece.unit, item)
        if factor is None:
            if piece.quantity:
                fate = Fate.RECEIVED if piece.received else Fate.EXCEPTION
                counted.uncounted.append(_disposition(line, piece, piece.quantity, piece.unit, fate))
            continue
        quantity = rescaled(piece.quantity, factor)
        # Several pieces of one line are distinguished by a number, in the order of the line.
        key = f"{piece.reference}#{number:06}"
        on_stock = cut_off = dt.date.min
        if piece.received:
            quantity -= _still_kept(line, piece, quantity, kept, item, counted)
        else:
            on_stock = dt.date.max
            if piece.date is not None:
                on_stock = available_on(max(piece.date, today), goods_receipt_days, policy.calendar)
            cut_off = _cut_off(piece, assessment)
        if quantity > 0:
            counted.pieces[key] = piece
            # Of what comes on one day, each requirement's own serves it first, and nobody's surplus serves last: a need
            # that keeps the component is not to lose its own to one that loses it.
            served = min(quantity, own.get(piece.requirement_id, _NOTHING)) if piece.requirement_id else _NOTHING
            if piece.requirement_id in own:
                own[piece.requirement_id] -= served
            rest = quantity - served
            for rank, part in (("0", served), ("1" if piece.requirement_id else "2", rest)):
                if part:
                    counted.supply.append(OutgoingSupply(rank + key, part, on_stock, cut_off))
            if (lots := _lots(line, piece, assessment)) is not None:
                counted.lots[piece.reference] = lots
    return counted


def _still_open(remaining: RemainingDemand, line: BomLine, item: ItemAtPlant | None) -> Decimal:
    """The quantity that the requirement still waits for and keeps, in the line's unit."""
    factor = per_unit(line.unit, remaining.user.unit, item)
    kept = sum((peg.quantity for peg in remaining.kept), _NOTHING)
    waits = max(_NOTHING, kept - remaining.received)
    return _NOTHING if factor is None else rescaled(waits, factor)


def _still_kept(
    line: BomLine,
    piece: SuppliedBy,
    quantity: Decimal,
    kept: dict[RequirementId, tuple[Decimal, str]],
    item: ItemAtPlant | None,
    counted: CountedSupply,
) -> Decimal:
    """The quantity of a receipt that its requirement keeps, in the line's unit; it is recorded as received."""
    assert piece.requirement_id is not None
    left, unit = kept[piece.requirement_id]
    to_user, to_line = per_unit(unit, line.unit, item), per_unit(line.unit, unit, item)
    stays = quantity
    if to_user is not None and to_line is not None:
        stays = min(quantity, rescaled(left, to_line))
        kept[piece.requirement_id] = (max(_NOTHING, left - rescaled(stays, to_user)), unit)
    if stays:
        counted.received.append(_disposition(line, piece, stays, line.unit, Fate.RECEIVED))
    return stays


def _lots(line: BomLine, piece: SuppliedBy, assessment: Assessment) -> LineLots | None:
    sources = assessment.item.sources if assessment.item is not None else ()
    source = next((one for one in sources if one.supplier == piece.supplier and one.unit == piece.unit), None)
    factor = per_supplied_unit(line.unit, piece.supplier, piece.unit, assessment.item)
    if source is None or factor is None:
        return None
    return LineLots(source.minimum_quantity, source.multiple, (factor[1], factor[0]))


class Weighing(NamedTuple):
    """Determines the candidates for each quantity of a component, and their cost."""

    revised: BomRevised
    line: BomLine
    use: ComponentUse
    assessment: Assessment
    on: dt.date
    """The day of the evaluation."""
    counted: CountedSupply

    def bare(self, one: Disposition) -> ChangeDisposition:
        """Still under the key of its piece, without price and candidates."""
        piece = self.counted.pieces.get(one.reference)
        fate = one.fate
        if piece is not None and fate is Fate.CANCELLED and not self._owned(piece):
            fate = Fate.EXCEPTION
        disposition = _disposition(self.line, piece, one.quantity, self.line.unit, fate)
        return disposition.model_copy(update={"reference": one.reference})

    def name_of(self, one: ChangeDisposition) -> str:
        """The name of its order line."""
        return self.counted.name(one.reference)

    def can_be_cut(self, one: ChangeDisposition) -> bool:
        """Whether its requirement can cancel it from its order, if a person decides so."""
        piece = self.counted.pieces.get(one.reference)
        if piece is None or piece.received or piece.shipped or not self._owned(piece):
            return False
        return one.fate in WITHOUT_USE

    def weighed(self, one: ChangeDisposition) -> tuple[ChangeDisposition, bool]:
        """The disposition with value, candidates and proposal; and whether it has a price, where it needs one."""
        piece = self.counted.pieces.get(one.reference)
        named = one.model_copy(update={"reference": self.name_of(one), "proposed": ""})
        if one.fate not in WITHOUT_USE:
            return named, True
        value = _value(one.quantity, self.line, piece, self.assessment, self.revised.effective_from)
        named = named.model_copy(update={"value": value or _NOTHING})
        if one.fate == Fate.CANCELLED:
            return named, value is not None
        circumstances = Circumstances(
            piece=piece,
            value=value,
            in_lot=one.proposed == IN_LOT,
            before_cut_off=piece is not None and self.on < _cut_off(piece, self.assessment),
            owned=piece is not None and self._owned(piece),
            used_by=self.use.other_assemblies,
            effective_from=self.revised.effective_from,
            on=self.on,
        )
        policy = self.assessment.policy if piece is None else self.assessment.policy_for(piece.supplier)
        options = candidates_of(circumstances, policy.disposal)
        best = proposed_of(options)
        more = {
            "candidates": tuple(option.choice for option in options),
            "options": options,
            "proposed": best.choice,
            "cost": best.cost or _NOTHING,
        }
        return named.model_copy(update=more), value is not None

    def _owned(self, piece: SuppliedBy) -> bool:
        """Whether an open requirement can cancel it; for the surplus of a lot, the requirements that share the line."""
        users = {user.requirement_id for user in self.use.requirements}
        if piece.requirement_id is not None:
            return piece.requirement_id in users
        return any(other.requirement_id in users for other in self.use.supply if other.reference == piece.reference)


def _cut_off(piece: SuppliedBy, assessment: Assessment) -> dt.date:
    """Shipped goods are past the cut-off; supply that was not sent to the supplier yet, or has no date, never is."""
    if piece.shipped or piece.received:
        return dt.date.min
    if piece.unsent or piece.date is None:
        return dt.date.max
    policy = assessment.policy_for(piece.supplier)
    return cancellation_cut_off(piece.date, policy.frozen_zone_days, policy.calendar)


def _disposition(
    line: BomLine, piece: SuppliedBy | None, quantity: Decimal, unit: str, fate: Fate
) -> ChangeDisposition:
    return ChangeDisposition(
        component=line.component,
        reference=piece.reference if piece else "",
        order_id=piece.order_id if piece else None,
        line=piece.line if piece else None,
        requirement_id=piece.requirement_id if piece else None,
        on_stock=piece is None or piece.received,
        quantity=quantity,
        unit=unit,
        fate=fate.value,
    )


def _value(
    quantity: Decimal, line: BomLine, piece: SuppliedBy | None, assessment: Assessment, on: dt.date
) -> Decimal | None:
    """In the company's currency, at the supplier's price (stock at the first supplier's); None: unknown."""
    source = _source(piece, assessment, on)
    factor = per_supplied_unit(line.unit, source.supplier, source.unit, assessment.item) if source is not None else None
    if source is None or factor is None:
        return None
    ordered = share_of_order_unit(quantity, factor)
    price, approval = source.price_of(ordered), assessment.policy.approval
    try:
        return value_in_company_currency(ordered, price, source.price_unit, source.currency, approval, on)
    except ValueError:
        return None


def _source(piece: SuppliedBy | None, assessment: Assessment, on: dt.date) -> Source | None:
    sources = assessment.item.sources if assessment.item is not None else ()
    own = [source for source in sources if piece is not None and source.supplier == piece.supplier]
    return terms_in_force(own or sources, on)
