"""A substitute item in use: how much of which item takes the place of a quantity of a need."""

import datetime as dt

from canonical.base import Code, Model, PositiveQuantity, UnitCode


class Substitution(Model):
    """Another item for a part of a need, as it is proposed and approved; the bill of material stays the plan's."""

    item: Code
    quantity: PositiveQuantity
    """In `unit`, rounded up to what the unit is traded in."""
    unit: UnitCode
    replaces: PositiveQuantity
    """How much of the need it takes the place of, in the need's unit."""
    use_on: dt.date
    """The first day on which it is used: the pegged day that falls short."""
