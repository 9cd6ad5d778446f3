"""What Pegline would have ordered where it only observes, and what people ordered there."""

import datetime as dt

from canonical.base import Code, Model, Quantity


class LineCompared(Model):
    """A line of an order, as far as it is compared."""

    order: str
    """Its number in the ERP; of one that is only observed, Pegline's id of it."""
    line: int
    item: Code
    supplier: Code
    quantity: Quantity
    unit: str
    delivery_date: dt.date
    by: str = ""
    """Who created it; empty: Pegline would have, or the ERP does not say."""


__all__ = ["LineCompared"]
